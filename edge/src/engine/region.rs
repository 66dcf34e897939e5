//! Replaces the layers that [`super::pattern`] found by one node a connected group. Such a node carries its part of the
//! graph as an attribute, so that [`super::operator`] can look at it as tract reads the graph, or give it back to tract.

use super::graph::Graph;
use super::layer::Layer;
use super::pattern;
use std::collections::{HashMap, HashSet};
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, ValueInfoProto};

/// The operator of such a node.
pub const OPERATOR: &str = "QuantizedRegion";
/// The attribute with its part of the graph.
pub const BODY: &str = "body";

/// Keeps the named outputs and what they need, and makes nodes of all regions.
pub fn fuse(mut graph: GraphProto, outputs: &[&str]) -> GraphProto {
    graph.output.retain(|value| outputs.contains(&value.name.as_str()));
    let index = Graph::new(&graph);
    let live = Walk::new(&index, &[]).live;
    graph.node = keep(std::mem::take(&mut graph.node), |i| live.contains(&i));

    let index = Graph::new(&graph);
    let mut regions = regions(&index);
    // A region that cannot be cut out whole stays as it is; without it the others may have to stay too.
    let walk = loop {
        let walk = Walk::new(&index, &regions);
        match walk.torn {
            Some(region) => drop(regions.remove(region)),
            None => break walk,
        }
    };
    let mut nodes: Vec<NodeProto> = Vec::new();
    for (i, region) in regions.iter().enumerate() {
        nodes.push(region.node(&graph, format!("region.{i}")));
    }
    let live = walk.live;
    let rest = keep(std::mem::take(&mut graph.node), |i| live.contains(&i));
    graph.node = nodes.into_iter().chain(rest).collect();
    let used: HashSet<String> = graph.node.iter().flat_map(|node| node.input.iter().cloned()).collect();
    let outputs: HashSet<String> = graph.output.iter().map(|value| value.name.clone()).collect();
    graph.initializer.retain(|tensor| used.contains(&tensor.name) || outputs.contains(&tensor.name));
    graph
}

fn keep(nodes: Vec<NodeProto>, kept: impl Fn(usize) -> bool) -> Vec<NodeProto> {
    nodes.into_iter().enumerate().filter(|(i, _)| kept(*i)).map(|(_, node)| node).collect()
}

/// Layers that hang together by maps.
struct Region {
    nodes: HashSet<usize>,
    /// Tensors of numbers.
    inputs: Vec<String>,
    outputs: Vec<String>,
}

fn regions(graph: &Graph<'_>) -> Vec<Region> {
    let layers = pattern::layers(graph);
    let mut group: Vec<usize> = (0..layers.len()).collect();
    let mut of_map: HashMap<&str, usize> = HashMap::new();
    for (i, layer) in layers.iter().enumerate() {
        for map in layer.sources().into_iter().chain(layer.target()) {
            let other = *of_map.entry(map.name.as_str()).or_insert(i);
            let (from, to) = (group[i], group[other]);
            for group in &mut group {
                if *group == from {
                    *group = to;
                }
            }
        }
    }
    let mut names: Vec<usize> = group.clone();
    names.sort_unstable();
    names.dedup();
    let members = |name: usize| layers.iter().zip(&group).filter(move |(_, group)| **group == name).map(|(l, _)| l);
    names.into_iter().map(|name| Region::of(members(name))).collect()
}

impl Region {
    fn of<'a>(layers: impl Iterator<Item = &'a Layer>) -> Self {
        let mut region = Self { nodes: HashSet::new(), inputs: Vec::new(), outputs: Vec::new() };
        for layer in layers {
            region.nodes.extend(&layer.nodes);
            for input in layer.inputs() {
                if !region.inputs.iter().any(|known| known == input) {
                    region.inputs.push(input.into());
                }
            }
            region.outputs.extend(layer.output().map(String::from));
        }
        region
    }

    fn node(&self, graph: &GraphProto, name: String) -> NodeProto {
        let node: Vec<NodeProto> = graph
            .node
            .iter()
            .enumerate()
            .filter(|(i, _)| self.nodes.contains(i))
            .map(|(_, node)| node.clone())
            .collect();
        let used: HashSet<&str> = node.iter().flat_map(|node| node.input.iter().map(String::as_str)).collect();
        let constants = graph.initializer.iter().filter(|tensor| used.contains(tensor.name.as_str()));
        let values = |names: &[String]| {
            names.iter().map(|name| ValueInfoProto { name: name.clone(), ..Default::default() }).collect()
        };
        let body = GraphProto {
            name: name.clone(),
            initializer: constants.cloned().collect(),
            input: values(&self.inputs),
            output: values(&self.outputs),
            node,
            ..Default::default()
        };
        let body = AttributeProto {
            name: BODY.into(),
            r#type: AttributeType::Graph as i32,
            g: Some(body),
            ..Default::default()
        };
        NodeProto {
            name,
            op_type: OPERATOR.into(),
            input: self.inputs.clone(),
            output: self.outputs.clone(),
            attribute: vec![body],
            ..Default::default()
        }
    }
}

/// A walk from a graph's outputs to what they need, through regions as if they were nodes.
struct Walk<'a> {
    graph: &'a Graph<'a>,
    regions: &'a [Region],
    /// Nodes outside of regions that are needed.
    live: HashSet<usize>,
    /// A region that is needed by itself, or of which an inner tensor is needed.
    torn: Option<usize>,
    states: HashMap<Place, State>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    Node(usize),
    Region(usize),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Done,
}

impl<'a> Walk<'a> {
    fn new(graph: &'a Graph<'a>, regions: &'a [Region]) -> Self {
        let mut walk = Self { graph, regions, live: HashSet::new(), torn: None, states: HashMap::new() };
        let mut outputs: Vec<&str> = graph.outputs().collect();
        outputs.sort_unstable();
        // A path of places that are open, each with the tensors that it still has to look at.
        let mut path: Vec<(Option<Place>, Vec<&str>)> = vec![(None, outputs)];
        while let Some((place, waiting)) = path.last_mut() {
            let Some(tensor) = waiting.pop() else {
                if let Some(place) = *place {
                    walk.states.insert(place, State::Done);
                }
                path.pop();
                continue;
            };
            let Some(next) = walk.maker(tensor) else { continue };
            if let Place::Region(region) = next
                && !regions[region].outputs.iter().any(|output| output == tensor)
            {
                walk.torn = Some(region);
                return walk;
            }
            match walk.states.get(&next) {
                Some(State::Done) => continue,
                Some(State::Open) => {
                    // The graph itself has no circles: a region is on this one.
                    let on_path = path.iter().rev().filter_map(|(place, _)| *place);
                    walk.torn = on_path.into_iter().find_map(|place| match place {
                        Place::Region(region) => Some(region),
                        Place::Node(_) => None,
                    });
                    return walk;
                }
                None => {}
            }
            walk.states.insert(next, State::Open);
            let needs: Vec<&str> = match next {
                Place::Node(node) => {
                    walk.live.insert(node);
                    graph.nodes[node].input.iter().map(String::as_str).collect()
                }
                Place::Region(region) => regions[region].inputs.iter().map(String::as_str).collect(),
            };
            path.push((Some(next), needs));
        }
        walk
    }

    fn maker(&self, tensor: &str) -> Option<Place> {
        let node = self.graph.producer(tensor)?;
        let region = self.regions.iter().position(|region| region.nodes.contains(&node));
        Some(region.map_or(Place::Node(node), Place::Region))
    }
}
