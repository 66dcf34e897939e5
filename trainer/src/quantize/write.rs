//! Layers, byte maps and their scales → standard ONNX. Each byte map is written once, by a QuantizeLinear, and read through a
//! DequantizeLinear; engines that know the pattern compute in int8 between the two, all others in float.
//!
//! - The values that a layer reads: `x → QuantizeLinear → (Pad) → DequantizeLinear → Conv`.
//! - What it gives: `Conv → QuantizeLinear → DequantizeLinear`, which bears the old name, so that all that follows reads bytes.
//! - Weights: int8, a scale for each output channel. Biases: int32, with the scale of the products.

use super::QuantizeError;
use super::graph::FloatGraph;
use super::layers::{Layer, Plan};
use super::range::Scale;
use crate::export::int8::Int8Weights;
use crate::export::onnx::{Attribute, GraphBuilder};
use shared::manifest::Quantization;
use std::collections::{HashMap, HashSet};
use tract_onnx::pb::NodeProto;

/// Larger biases would leave too little of an int32 for the products.
const BIAS_MAX: f64 = (1i64 << 30) as f64;

/// The bytes of the quantized graph. `scales` holds one for every byte map.
pub fn write(graph: &FloatGraph, plan: &Plan, scales: &HashMap<String, Scale>) -> Result<Vec<u8>, QuantizeError> {
    let builder = GraphBuilder::new(&graph.name, Quantization::Int8);
    let mut writer = Writer { graph, plan, scales, builder, written: HashSet::new() };
    for input in &graph.inputs {
        writer.builder.copy_input(input);
        writer.map(&input.name, &input.name);
    }
    for (index, node) in graph.nodes.iter().enumerate() {
        let pads = plan.layers.iter().any(|layer| layer.pad == Some(index));
        match plan.layer(index) {
            Some(layer) => writer.layer(node, layer),
            None if pads => writer.pad(node),
            None => writer.other(node),
        }
    }
    for output in &graph.outputs {
        writer.builder.copy_output(output);
    }
    Ok(writer.builder.finish()?)
}

struct Writer<'a> {
    graph: &'a FloatGraph,
    plan: &'a Plan,
    scales: &'a HashMap<String, Scale>,
    builder: GraphBuilder,
    /// Constants that are in the file.
    written: HashSet<String>,
}

impl Writer<'_> {
    /// `float` becomes the byte map `name`, if that is one, and is given back under this name to those who read it in float.
    fn map(&mut self, name: &str, float: &str) {
        let Some(Scale { scale, zero }) = self.scales.get(name).copied() else { return };
        let scale = self.builder.floats(&format!("{name}.quant.scale"), &[], &[scale]);
        let zero = self.builder.bytes(&format!("{name}.quant.zero"), &[], &[zero]);
        self.builder.node("QuantizeLinear", &[float, &scale, &zero], &quant(name), &[]);
        let takers = self.graph.takers(name).iter();
        let unpadded = takers.clone().any(|&taker| self.plan.layer(taker).is_some());
        let others = takers.clone().any(|&taker| !self.plan.layers.iter().any(|layer| layer.pad == Some(taker)));
        // An input is there in float; only layers read it as bytes.
        let input = self.graph.is_input(name);
        if (input && unpadded) || (!input && (others || self.graph.is_output(name))) {
            self.dequantize(name, &quant(name), &self.dequantized(name));
        }
    }

    /// The name under which layers read a byte map that is not padded.
    fn dequantized(&self, map: &str) -> String {
        if self.graph.is_input(map) { format!("{map}.dequant") } else { map.to_owned() }
    }

    fn dequantize(&mut self, map: &str, bytes: &str, name: &str) {
        let (scale, zero) = (format!("{map}.quant.scale"), format!("{map}.quant.zero"));
        self.builder.node("DequantizeLinear", &[bytes, &scale, &zero], name, &[]);
    }

    /// A mirroring Pad between a byte map and a layer.
    fn pad(&mut self, node: &NodeProto) {
        let ([source, pads], [padded]) = (&node.input[..], &node.output[..]) else { return };
        self.constant(pads);
        let attributes = [("mode", Attribute::Text("reflect"))];
        let bytes = self.builder.node("Pad", &[&quant(source), pads], &quant(padded), &attributes);
        self.dequantize(source, &bytes, padded);
    }

    fn layer(&mut self, node: &NodeProto, layer: &Layer) {
        let (Some(weight), Some(source)) = (self.graph.weights.get(&node.input[1]), self.scales.get(&layer.source))
        else {
            return;
        };
        let (name, channels) = (&node.output[0], weight.dims[layer.axis] as usize);
        let zeros = vec![0.0; channels];
        let bias = node.input.get(2).and_then(|bias| self.graph.weights.get(bias)).map_or(&zeros, |bias| &bias.values);
        let mut int8 = Int8Weights::quantize(&weight.dims, &weight.values, layer.axis);
        let products = |scale: f32| f64::from(source.scale) * f64::from(scale);
        let fits = |scale: f32, bias: f32| products(scale) * BIAS_MAX >= f64::from(bias.abs());
        if !int8.scales.iter().zip(bias).all(|(&scale, &bias)| fits(scale, bias)) {
            // A channel of tiny weights beside a large bias: coarser weights, so that the bias fits.
            let least = |bias: f32| (f64::from(bias.abs()) / f64::from(source.scale) / BIAS_MAX) as f32 * 1.000_001;
            let scales = int8.scales.iter().zip(bias).map(|(&scale, &bias)| scale.max(least(bias))).collect();
            int8 = Int8Weights::with_scales(&weight.dims, &weight.values, layer.axis, scales);
        }
        let scales: Vec<f32> = int8.scales.iter().map(|&scale| source.scale * scale).collect();
        let rounded = |(bias, scale): (&f32, &f32)| {
            (f64::from(*bias) / f64::from(*scale)).round().clamp(-BIAS_MAX, BIAS_MAX) as i32
        };
        let bias: Vec<i32> = bias.iter().zip(&scales).map(rounded).collect();
        let weight = self.builder.int8(&format!("{name}.weight"), &weight.dims, &int8, layer.axis);
        let bias = self.builder.int32(&format!("{name}.bias"), &bias, &scales);

        let input = if layer.pad.is_some() { node.input[0].clone() } else { self.dequantized(&layer.source) };
        let input = vec![input, weight, bias];
        let map = self.plan.is_map(name);
        let given = if map { format!("{name}.float") } else { name.clone() };
        let node = NodeProto { name: given.clone(), input, output: vec![given.clone()], ..node.clone() };
        self.builder.copy(node);
        if map {
            self.map(name, &given);
        }
    }

    /// A node that stays float.
    fn other(&mut self, node: &NodeProto) {
        for input in &node.input {
            self.constant(input);
        }
        let [name] = &node.output[..] else { return self.builder.copy(node.clone()) };
        if !self.plan.is_map(name) {
            return self.builder.copy(node.clone());
        }
        let given = format!("{name}.float");
        self.builder.copy(NodeProto { name: given.clone(), output: vec![given.clone()], ..node.clone() });
        self.map(name, &given);
    }

    /// A constant as it was, written when first read.
    fn constant(&mut self, name: &str) {
        if let Some(stored) = self.graph.stored.get(name) {
            if self.written.insert(name.to_owned()) {
                stored.tensors.iter().for_each(|tensor| self.builder.copy_tensor(tensor));
                self.builder.copy(stored.node.clone());
            }
        } else if let Some(weight) = self.graph.weights.get(name) {
            if self.written.insert(name.to_owned()) {
                self.builder.floats(name, &weight.dims, &weight.values);
            }
        } else if let Some(tensor) = self.graph.others.get(name)
            && self.written.insert(name.to_owned())
        {
            self.builder.copy_tensor(tensor);
        }
    }
}

/// Name of a byte map's bytes.
fn quant(name: &str) -> String {
    format!("{name}.quant")
}
