//! Finds layers in a graph that was quantized as onnxruntime wants it: a convolution between a `DequantizeLinear` and a
//! `QuantizeLinear`, then norm, condition, sum and activation down to the next `QuantizeLinear`. Whatever looks otherwise is
//! left alone, and tract computes it. Next: [`super::region`].

use super::graph::{Graph, attribute, input, sizes};
use super::layer::{
    Activation, Border, Convolution, End, Filter, Finish, Geometry, Kind, Layer, Map, Norm, Operand, Scale, Step,
};
use std::collections::{HashMap, HashSet};

/// Weights of one output channel whose sum of products stays below 5·10⁸, so that it, what the zero point takes away and the
/// bias fit 32 bits together.
const MOST_WEIGHTS: usize = 15_000;

/// All layers of a graph, in an order in which they can be computed.
pub fn layers(graph: &Graph<'_>) -> Vec<Layer> {
    let mut finder = Finder { graph, taken: HashSet::new(), layers: Vec::new() };
    for node in 0..graph.nodes.len() {
        if ["Conv", "ConvTranspose"].contains(&graph.nodes[node].op_type.as_str())
            && let Some(layer) = finder.convolution(node)
        {
            finder.take(layer);
        }
    }
    finder.make_missing_maps();
    finder.leave();
    finder.in_order()
}

struct Finder<'a> {
    graph: &'a Graph<'a>,
    /// Nodes that belong to a layer.
    taken: HashSet<usize>,
    layers: Vec<Layer>,
}

impl Finder<'_> {
    fn take(&mut self, layer: Layer) {
        self.taken.extend(&layer.nodes);
        self.layers.push(layer);
    }

    fn convolution(&self, at: usize) -> Option<Layer> {
        let node = &self.graph.nodes[at];
        let mut nodes = vec![at];
        let (source, pads) = self.source(input(node, 0)?, &mut nodes)?;
        let filter = self.filter(at, source.scale, &mut nodes)?;
        let geometry = geometry(node, &filter, pads)?;
        let end = self.end(&node.output[0], &filter, &mut nodes);
        Some(Layer { nodes, kind: Kind::Convolve(Box::new(Convolution { source, filter, geometry, end })) })
    }

    /// The bytes behind a convolution's input, and the reflected border `[top, left, bottom, right]` that is put around them.
    fn source(&self, tensor: &str, nodes: &mut Vec<usize>) -> Option<(Map, Option<[usize; 4]>)> {
        let (at, map) = self.dequantized(tensor)?;
        if self.is_only_for(tensor, nodes[0]) {
            nodes.push(at);
        }
        let Some(pad) = self.graph.made_by(&map.name, "Pad") else { return Some((map, None)) };
        let node = &self.graph.nodes[pad];
        if attribute(node, "mode")?.s != b"reflect" {
            return None;
        }
        let (_, pads) = self.graph.constant::<i64>(input(node, 1)?)?;
        let &[0, 0, top, left, 0, 0, bottom, right] = pads.as_slice() else { return None };
        let pads: Vec<usize> =
            [top, left, bottom, right].into_iter().map(usize::try_from).collect::<Result<_, _>>().ok()?;
        if self.graph.consumers(&map.name) == [at] && nodes.contains(&at) {
            nodes.push(pad);
        }
        Some((Map { name: input(node, 0)?.into(), ..map }, pads.try_into().ok()))
    }

    /// The node `DequantizeLinear` that makes a tensor, and its bytes.
    fn dequantized(&self, tensor: &str) -> Option<(usize, Map)> {
        let at = self.graph.made_by(tensor, "DequantizeLinear")?;
        let node = &self.graph.nodes[at];
        let name = input(node, 0)?;
        if self.graph.is_constant(name) {
            return None;
        }
        Some((at, Map { name: name.into(), scale: self.scale(at)? }))
    }

    /// The one scale of a (de)quantizing node over unsigned bytes.
    fn scale(&self, at: usize) -> Option<Scale> {
        let node = &self.graph.nodes[at];
        let (_, scale) = self.graph.constant::<f32>(input(node, 1)?)?;
        let (_, zero) = self.graph.constant::<u8>(input(node, 2)?)?;
        let (&[scale], &[zero]) = (scale.as_slice(), zero.as_slice()) else { return None };
        (scale.is_finite() && scale > 0.0).then_some(Scale { scale, zero })
    }

    fn filter(&self, at: usize, source: Scale, nodes: &mut Vec<usize>) -> Option<Filter> {
        let node = &self.graph.nodes[at];
        let transposed = node.op_type == "ConvTranspose";
        let dequantizer = self.graph.made_by(input(node, 1)?, "DequantizeLinear")?;
        let (shape, weights) = self.graph.constant::<i8>(input(&self.graph.nodes[dequantizer], 0)?)?;
        let &[first, second, rows, columns] = shape.as_slice() else { return None };
        let (channels, depth) = if transposed { (second, first) } else { (first, second) };
        let scales = self.channel_scales(dequantizer, channels, transposed)?;
        let mut ordered = Vec::with_capacity(weights.len());
        for channel in 0..channels {
            for place in 0..rows * columns {
                for source in 0..depth {
                    let (i, j) = if transposed { (source, channel) } else { (channel, source) };
                    ordered.push(weights[(i * second + j) * rows * columns + place]);
                }
            }
        }
        if weights.is_empty() || weights.contains(&i8::MIN) || depth * rows * columns > MOST_WEIGHTS {
            return None;
        }
        if self.is_only_for(input(node, 1)?, at) {
            nodes.push(dequantizer);
        }
        let steps: Vec<f32> = scales.iter().map(|scale| scale * source.scale).collect();
        let bias = match input(node, 2) {
            None => vec![0; channels],
            Some(tensor) => self.bias(tensor, at, &steps, nodes)?,
        };
        Some(Filter { channels, depth, kernel: [rows, columns], weights: ordered, scales, bias })
    }

    fn channel_scales(&self, dequantizer: usize, channels: usize, transposed: bool) -> Option<Vec<f32>> {
        let node = &self.graph.nodes[dequantizer];
        let (_, mut scales) = self.graph.constant::<f32>(input(node, 1)?)?;
        if scales.len() == 1 {
            scales = vec![scales[0]; channels];
        } else if attribute(node, "axis").map_or(1, |axis| axis.i) != i64::from(transposed) {
            return None;
        }
        if let Some(zero) = input(node, 2) {
            let (_, zeros) = self.graph.constant::<i8>(zero)?;
            if zeros.iter().any(|&zero| zero != 0) {
                return None;
            }
        }
        let sound = scales.len() == channels && scales.iter().all(|scale| scale.is_finite() && *scale > 0.0);
        sound.then_some(scales)
    }

    fn bias(&self, tensor: &str, at: usize, steps: &[f32], nodes: &mut Vec<usize>) -> Option<Vec<i32>> {
        let numbers = match self.graph.made_by(tensor, "DequantizeLinear") {
            None => self.graph.constant::<f32>(tensor)?.1,
            Some(dequantizer) => {
                let node = &self.graph.nodes[dequantizer];
                let (_, values) = self.graph.constant::<i32>(input(node, 0)?)?;
                let (_, scales) = self.graph.constant::<f32>(input(node, 1)?)?;
                if self.is_only_for(tensor, at) {
                    nodes.push(dequantizer);
                }
                let scale = |i: usize| scales[if scales.len() == 1 { 0 } else { i }];
                if values.len() != steps.len() || ![1, values.len()].contains(&scales.len()) {
                    return None;
                }
                values.iter().enumerate().map(|(i, &value)| value as f32 * scale(i)).collect()
            }
        };
        let fits = numbers.len() == steps.len() && numbers.iter().all(|number| number.is_finite());
        // `as` keeps what is too large at the largest.
        let bias = |(number, step): (&f32, &f32)| (number / step).round_ties_even().clamp(-5e8, 5e8) as i32;
        fits.then(|| numbers.iter().zip(steps).map(bias).collect())
    }

    fn is_only_for(&self, tensor: &str, node: usize) -> bool {
        self.graph.consumers(tensor) == [node] && !self.graph.is_output(tensor)
    }

    /// Follows a convolution's result as far as the patterns go.
    fn end(&self, result: &str, filter: &Filter, nodes: &mut Vec<usize>) -> End {
        let numbers = End::Numbers { to: result.into() };
        let Some((quantizer, middle)) = self.quantized(result) else { return numbers };
        nodes.push(quantizer);
        let rounded = &self.graph.nodes[quantizer].output[0];
        let short = End::Bytes { middle, finish: Finish::default(), to: Map { name: rounded.clone(), scale: middle } };
        let &[dequantizer] = self.graph.consumers(rounded) else { return short };
        let node = &self.graph.nodes[dequantizer];
        if node.op_type != "DequantizeLinear" || self.scale(dequantizer) != Some(middle) {
            return short;
        }
        let mut more = vec![dequantizer];
        match self.finish(&node.output[0], filter, &mut more) {
            Some((finish, to)) => {
                nodes.extend(more);
                End::Bytes { middle, finish, to }
            }
            None => short,
        }
    }

    /// The one `QuantizeLinear` that a tensor goes to, and nowhere else.
    fn quantized(&self, tensor: &str) -> Option<(usize, Scale)> {
        let &[at] = self.graph.consumers(tensor) else { return None };
        let free = self.graph.nodes[at].op_type == "QuantizeLinear" && !self.graph.is_output(tensor);
        Some((at, self.scale(at).filter(|_| free && !self.taken.contains(&at))?))
    }

    fn finish(&self, from: &str, filter: &Filter, nodes: &mut Vec<usize>) -> Option<(Finish, Map)> {
        let mut finish = Finish::default();
        let mut tensor = from;
        loop {
            if self.graph.is_output(tensor) {
                return None;
            }
            if let Some((quantizer, scale)) = self.quantized(tensor) {
                // Bytes that only change their scale are left to two layers.
                if tensor == from {
                    return None;
                }
                nodes.push(quantizer);
                let name = self.graph.nodes[quantizer].output[0].clone();
                return Some((finish, Map { name, scale }));
            }
            let (node, next) = self.step(tensor, filter, &mut finish)?;
            if node.iter().any(|node| self.taken.contains(node)) {
                return None;
            }
            nodes.extend(node);
            tensor = next;
        }
    }

    /// Takes the next node into a finish; the nodes taken and the tensor behind them.
    fn step(&self, tensor: &str, filter: &Filter, finish: &mut Finish) -> Option<(Vec<usize>, &str)> {
        let consumers = self.graph.consumers(tensor);
        if let &[a, b] = consumers {
            // x · sigmoid(x)
            let (a, b) = if self.graph.nodes[a].op_type == "Sigmoid" { (a, b) } else { (b, a) };
            let (gate, product) = (&self.graph.nodes[a], &self.graph.nodes[b]);
            let is_silu = gate.op_type == "Sigmoid" && product.op_type == "Mul" && self.is_only_for(&gate.output[0], b);
            let open = finish.activation == Activation::None;
            return (is_silu && open).then(|| {
                finish.activation = Activation::Silu;
                (vec![a, b], product.output[0].as_str())
            });
        }
        let &[at] = consumers else { return None };
        let node = &self.graph.nodes[at];
        let other = || {
            let (a, b) = (input(node, 0)?, input(node, 1)?);
            Some(if a == tensor { b } else { a })
        };
        if finish.activation != Activation::None {
            return None;
        }
        let joined = finish.steps.iter().any(|step| matches!(step, Step::Join(_)));
        match node.op_type.as_str() {
            "InstanceNormalization" if finish.norm.is_none() && finish.steps.is_empty() => {
                let (_, scale) = self.graph.constant::<f32>(input(node, 1)?)?;
                let (_, shift) = self.graph.constant::<f32>(input(node, 2)?)?;
                if scale.len() != filter.channels || shift.len() != filter.channels {
                    return None;
                }
                let epsilon = attribute(node, "epsilon").map_or(1e-5, |epsilon| epsilon.f);
                finish.norm = Some(Norm { scale, shift, epsilon });
            }
            "Relu" => finish.activation = Activation::Relu,
            "Mul" if !joined => finish.steps.push(Step::Scale(self.operand(other()?)?)),
            "Add" if !joined => match self.dequantized(other()?) {
                Some((_, map)) => finish.steps.push(Step::Join(map)),
                None => finish.steps.push(Step::Shift(self.operand(other()?)?)),
            },
            _ => return None,
        }
        Some((vec![at], &node.output[0]))
    }

    fn operand(&self, tensor: &str) -> Option<Operand> {
        if !self.graph.is_constant(tensor) {
            return Some(Operand::Tensor(tensor.into()));
        }
        let (shape, values) = self.graph.constant::<f32>(tensor)?;
        Some(Operand::Constant { shape, values })
    }

    /// Layers for the maps that the convolutions read and that none of them makes.
    fn make_missing_maps(&mut self) {
        let mut made: HashSet<String> = self.layers.iter().filter_map(|l| Some(l.target()?.name.clone())).collect();
        let mut wanted: Vec<Map> = self.layers.iter().flat_map(|layer| layer.sources().into_iter().cloned()).collect();
        while let Some(map) = wanted.pop() {
            if !made.insert(map.name.clone()) {
                continue;
            }
            let Some(layer) = self.missing(map) else { continue };
            wanted.extend(layer.sources().into_iter().cloned());
            self.take(layer);
        }
    }

    fn missing(&self, to: Map) -> Option<Layer> {
        let at = self.graph.made_by(&to.name, "QuantizeLinear")?;
        let from = input(&self.graph.nodes[at], 0)?;
        if let Some(pool) = self.graph.made_by(from, "AveragePool")
            && let Some((_, source)) = self.dequantized(input(&self.graph.nodes[pool], 0)?)
            && halves(&self.graph.nodes[pool])
            && self.is_only_for(from, at)
        {
            return Some(Layer { nodes: vec![at, pool], kind: Kind::Halve { source, to } });
        }
        Some(Layer { nodes: vec![at], kind: Kind::Enter { from: from.into(), to } })
    }

    /// Layers for the maps that somebody else reads, as numbers.
    fn leave(&mut self) {
        let maps: Vec<Map> = self.layers.iter().filter_map(|layer| layer.target().cloned()).collect();
        for map in maps {
            for &at in self.graph.consumers(&map.name) {
                let node = &self.graph.nodes[at];
                if node.op_type != "DequantizeLinear" || self.taken.contains(&at) {
                    continue;
                }
                let to = node.output[0].clone();
                let stranger = |node: &usize| !self.taken.contains(node);
                if self.graph.is_output(&to) || self.graph.consumers(&to).iter().any(stranger) {
                    self.take(Layer { nodes: vec![at], kind: Kind::Leave { map: map.clone(), to } });
                } else {
                    // Read by layers only.
                    self.taken.insert(at);
                    let layer = self.layers.iter_mut().find(|layer| layer.target() == Some(&map));
                    layer.expect("the map has a layer").nodes.push(at);
                }
            }
        }
    }

    /// A layer behind those that make its maps.
    fn in_order(self) -> Vec<Layer> {
        let names = |layer: &Layer| layer.sources().into_iter().map(|map| map.name.clone()).collect::<Vec<_>>();
        let mut waiting: Vec<_> = self.layers.into_iter().map(|layer| (names(&layer), layer)).collect();
        let mut made = HashMap::new();
        let mut ordered = Vec::with_capacity(waiting.len());
        loop {
            let (ready, later): (Vec<_>, Vec<_>) =
                waiting.into_iter().partition(|(sources, _)| sources.iter().all(|source| made.contains_key(source)));
            if ready.is_empty() {
                // What is left would wait for itself or for a map that no layer makes: tract computes it.
                return ordered;
            }
            for (_, layer) in ready {
                if let Some(map) = layer.target() {
                    made.insert(map.name.clone(), ());
                }
                ordered.push(layer);
            }
            waiting = later;
        }
    }
}

fn halves(pool: &tract_onnx::pb::NodeProto) -> bool {
    let is = |name: &str, expected: &[usize]| sizes(pool, name).is_some_and(|sizes| sizes == expected);
    let unpadded = sizes(pool, "pads").is_none_or(|pads| pads.iter().all(|&pad| pad == 0));
    let rounds_down = attribute(pool, "ceil_mode").is_none_or(|mode| mode.i == 0);
    is("kernel_shape", &[2, 2]) && is("strides", &[2, 2]) && unpadded && rounds_down && automatic(pool).is_none()
}

fn automatic(node: &tract_onnx::pb::NodeProto) -> Option<()> {
    attribute(node, "auto_pad").filter(|pad| pad.s != b"NOTSET").map(|_| ())
}

fn geometry(node: &tract_onnx::pb::NodeProto, filter: &Filter, reflected: Option<[usize; 4]>) -> Option<Geometry> {
    let is_transposed = node.op_type == "ConvTranspose";
    let plain = attribute(node, "group").is_none_or(|group| group.i == 1)
        && sizes(node, "dilations").is_none_or(|dilations| dilations.iter().all(|&dilation| dilation == 1))
        && automatic(node).is_none()
        && attribute(node, "output_shape").is_none();
    let strides = sizes(node, "strides").unwrap_or(vec![1, 1]);
    let own: [usize; 4] = sizes(node, "pads").unwrap_or(vec![0; 4]).try_into().ok()?;
    let &[stride, same] = strides.as_slice() else { return None };
    let fits = plain && stride == same && stride > 0 && (reflected.is_none() || own == [0; 4]);
    // Far larger ones are no layer that anybody trains.
    let pads_fit = own.iter().chain(reflected.iter().flatten()).all(|&pad| pad <= 64);
    let kernel_fits = pads_fit && stride <= 64 && filter.kernel.iter().all(|&side| side > 0 && side <= 15);
    let ([top, left, bottom, right], border) = match reflected {
        Some(pads) => (pads, Border::Reflect),
        None => (own, Border::Zero),
    };
    let transposed = if is_transposed {
        let more: [usize; 2] = sizes(node, "output_padding").unwrap_or(vec![0; 2]).try_into().ok()?;
        Some(more).filter(|_| border == Border::Zero)
    } else {
        None
    };
    let known = fits && kernel_fits && is_transposed == transposed.is_some();
    known.then_some(Geometry { stride, before: [top, left], after: [bottom, right], border, transposed })
}
