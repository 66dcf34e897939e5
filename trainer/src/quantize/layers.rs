//! What will be computed in int8, and which values are therefore bytes.
//!
//! A convolution is quantized where it has a batch of 1, one group and enough channels to be worth it. Its input is a byte
//! map, and so is its output, unless that leaves the net: there its precision is needed. All other values stay float.

use super::QuantizeError;
use super::calibrate::Runner;
use super::graph::{FloatGraph, int};
use std::collections::{BTreeSet, HashSet};
use tract_onnx::pb::NodeProto;

/// Convolutions with fewer channels on both sides stay float.
pub const LEAST_CHANNELS: i64 = 8;
/// What may follow a convolution inside the net.
const INSIDE: [&str; 6] = ["InstanceNormalization", "Relu", "Sigmoid", "Mul", "Add", "AveragePool"];

/// A convolution that will be quantized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Index of its node.
    pub node: usize,
    /// Output channels of its weight: 0 for Conv, 1 for ConvTranspose.
    pub axis: usize,
    /// The value that it reads as bytes, before a mirroring Pad.
    pub source: String,
    /// The mirroring Pad between, as the index of its node.
    pub pad: Option<usize>,
    /// Nothing but an instance norm reads its output, so that neither a channel's mean nor its range matters; and its weights are
    /// its own.
    pub normed: bool,
}

/// Layers and byte maps, each in the order of the walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub layers: Vec<Layer>,
    pub maps: Vec<String>,
}

impl Plan {
    pub fn new(graph: &FloatGraph) -> Result<Self, QuantizeError> {
        let mut layers: Vec<Layer> = (0..graph.nodes.len()).filter_map(|node| layer(graph, node)).collect();
        let sources: BTreeSet<String> = layers.iter().map(|layer| layer.source.clone()).collect();
        let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
        let shapes = Runner::new(graph, &sources)?.shapes()?;
        let batches = sources.iter().zip(&shapes).filter(|(_, shape)| shape.len() != 4 || shape[0] != 1);
        let batches: BTreeSet<&str> = batches.map(|(source, _)| *source).collect();
        layers.retain(|layer| !batches.contains(layer.source.as_str()));
        if layers.is_empty() {
            return Err(QuantizeError::Nothing);
        }
        // A Pad moves onto the bytes only if nothing reads it in float.
        let quantized: HashSet<usize> = layers.iter().map(|layer| layer.node).collect();
        for layer in &mut layers {
            let padded = layer.pad.map(|pad| graph.output_of(pad));
            let alone = |padded: &str| {
                !graph.is_output(padded) && graph.takers(padded).iter().all(|taker| quantized.contains(taker))
            };
            if let Some(padded) = padded.filter(|padded| !alone(padded)) {
                (layer.source, layer.pad) = (padded.to_owned(), None);
            }
        }
        let mut maps = Vec::new();
        for layer in &layers {
            let output = graph.output_of(layer.node);
            let inside =
                graph.takers(output).iter().all(|&taker| INSIDE.contains(&graph.nodes[taker].op_type.as_str()));
            let output = (inside && !graph.takers(output).is_empty()).then_some(output);
            for map in [Some(layer.source.as_str()), output].into_iter().flatten() {
                if !maps.iter().any(|known| known == map) {
                    maps.push(map.to_owned());
                }
            }
        }
        Ok(Self { layers, maps })
    }

    /// The layer of a node, if it will be quantized.
    pub fn layer(&self, node: usize) -> Option<&Layer> {
        self.layers.iter().find(|layer| layer.node == node)
    }

    pub fn is_map(&self, value: &str) -> bool {
        self.maps.iter().any(|map| map == value)
    }
}

fn layer(graph: &FloatGraph, node: usize) -> Option<Layer> {
    let conv = &graph.nodes[node];
    let axis = match conv.op_type.as_str() {
        "Conv" => 0,
        "ConvTranspose" => 1,
        _ => return None,
    };
    let weight = graph.weights.get(conv.input.get(1)?)?;
    let bias = conv.input.get(2).is_none_or(|bias| graph.weights.contains_key(bias));
    let large = weight.dims.len() == 4 && weight.dims[0].max(weight.dims[1]) >= LEAST_CHANNELS;
    if !large || !bias || int(conv, "group").unwrap_or(1) != 1 {
        return None;
    }
    let input = conv.input.first()?;
    let pad = graph.giver(input).filter(|&giver| is_mirror(&graph.nodes[giver]));
    let source = pad.and_then(|pad| graph.nodes[pad].input.first()).unwrap_or(input).clone();
    let output = graph.output_of(node);
    let norm = |taker: &usize| graph.nodes[*taker].op_type == "InstanceNormalization";
    let own = conv.input[1..].iter().all(|constant| graph.takers(constant).len() == 1);
    let only = !graph.is_output(output) && !graph.takers(output).is_empty();
    let normed = own && only && graph.takers(output).iter().all(norm);
    Some(Layer { node, axis, source, pad, normed })
}

fn is_mirror(node: &NodeProto) -> bool {
    let mode = node.attribute.iter().find(|attribute| attribute.name == "mode");
    node.op_type == "Pad" && node.input.len() == 2 && mode.is_some_and(|mode| mode.s == b"reflect")
}
