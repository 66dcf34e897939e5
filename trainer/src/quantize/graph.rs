//! A generator's graph as it is worked on: all weights in float, whatever they are stored in, and who gives and takes each value.

use super::QuantizeError;
use crate::export::int8::channels;
use prost::Message;
use std::collections::{HashMap, HashSet};
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto};

/// A float weight, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Weight {
    pub dims: Vec<i64>,
    pub values: Vec<f32>,
}

/// A weight that is stored in int8: its `DequantizeLinear`, which is not among the nodes of a [`FloatGraph`].
#[derive(Clone, Debug)]
pub struct Stored {
    pub node: NodeProto,
    pub tensors: Vec<TensorProto>,
}

/// Nodes in the order of the walk, each after those that it reads.
#[derive(Clone, Debug)]
pub struct FloatGraph {
    pub name: String,
    pub nodes: Vec<NodeProto>,
    pub inputs: Vec<ValueInfoProto>,
    pub outputs: Vec<ValueInfoProto>,
    /// All float constants by name, with those stored in int8.
    pub weights: HashMap<String, Weight>,
    /// How the weights in int8 are stored.
    pub stored: HashMap<String, Stored>,
    /// Constants that are no weights, such as shapes.
    pub others: HashMap<String, TensorProto>,
    opsets: Vec<OperatorSetIdProto>,
    version: i64,
    givers: HashMap<String, usize>,
    takers: HashMap<String, Vec<usize>>,
}

impl FloatGraph {
    /// Reads the bytes of an `.onnx` file.
    pub fn read(onnx: &[u8]) -> Result<Self, QuantizeError> {
        let model = ModelProto::decode(onnx).map_err(|error| QuantizeError::Onnx(error.to_string()))?;
        let graph = model.graph.ok_or_else(|| QuantizeError::Onnx("it holds no graph".into()))?;
        let tensors: HashMap<&str, &TensorProto> = graph.initializer.iter().map(|t| (t.name.as_str(), t)).collect();
        let (mut weights, mut others) = (HashMap::new(), HashMap::new());
        for (&name, &tensor) in &tensors {
            if tensor.data_type == DataType::Float as i32 {
                weights.insert(name.to_owned(), float(tensor)?);
            } else {
                others.insert(name.to_owned(), tensor.clone());
            }
        }
        let (mut nodes, mut stored) = (Vec::new(), HashMap::new());
        for node in graph.node {
            let constants: Option<Vec<&TensorProto>> =
                node.input.iter().map(|input| tensors.get(input.as_str()).copied()).collect();
            match (node.op_type.as_str(), constants) {
                ("DequantizeLinear", Some(tensors)) => {
                    let [output] = &node.output[..] else { return Err(already(&node)) };
                    weights.insert(output.clone(), dequantized(&node, &tensors)?);
                    let tensors = tensors.into_iter().cloned().collect();
                    stored.insert(output.clone(), Stored { node, tensors });
                }
                ("QuantizeLinear" | "DequantizeLinear", _) => return Err(already(&node)),
                _ => nodes.push(node),
            }
        }
        let mut takers: HashMap<String, Vec<usize>> = HashMap::new();
        for (i, node) in nodes.iter().enumerate() {
            for input in &node.input {
                takers.entry(input.clone()).or_default().push(i);
            }
        }
        let givers = nodes.iter().enumerate().flat_map(|(i, n)| n.output.iter().map(move |o| (o.clone(), i))).collect();
        let (opsets, version) = (model.opset_import, model.ir_version);
        let (name, inputs, outputs) = (graph.name, graph.input, graph.output);
        Ok(Self { name, nodes, inputs, outputs, weights, stored, others, opsets, version, givers, takers })
    }

    /// The node that gives `value`, if a node does.
    pub fn giver(&self, value: &str) -> Option<usize> {
        self.givers.get(value).copied()
    }

    /// The nodes that read `value`.
    pub fn takers(&self, value: &str) -> &[usize] {
        self.takers.get(value).map_or(&[], Vec::as_slice)
    }

    /// The single output of a node.
    pub fn output_of(&self, node: usize) -> &str {
        self.nodes[node].output.first().map_or("", String::as_str)
    }

    pub fn is_input(&self, value: &str) -> bool {
        self.inputs.iter().any(|input| input.name == value)
    }

    pub fn is_output(&self, value: &str) -> bool {
        self.outputs.iter().any(|output| output.name == value)
    }

    /// The graph with all weights in float and the values named `outputs` as its outputs, as far as these need it.
    pub fn model(&self, outputs: &[&str]) -> ModelProto {
        let mut wanted: HashSet<&str> = outputs.iter().copied().collect();
        for node in self.nodes.iter().rev() {
            if node.output.iter().any(|output| wanted.contains(output.as_str())) {
                wanted.extend(node.input.iter().map(String::as_str));
            }
        }
        let needed = |node: &&NodeProto| node.output.iter().any(|output| wanted.contains(output.as_str()));
        let floats = self.weights.iter().filter(|(name, _)| wanted.contains(name.as_str()));
        let mut initializer: Vec<_> = floats.map(|(name, weight)| weight.proto(name)).collect();
        initializer.extend(self.others.values().filter(|tensor| wanted.contains(tensor.name.as_str())).cloned());
        // An input that is shown as it is keeps its type, all others follow from the nodes.
        let input = |name: &str| self.inputs.iter().find(|input| input.name == name).cloned();
        let bare = |name: &str| ValueInfoProto { name: name.to_owned(), ..Default::default() };
        let output = outputs.iter().map(|&name| input(name).unwrap_or_else(|| bare(name)));
        let graph = GraphProto {
            name: self.name.clone(),
            node: self.nodes.iter().filter(needed).cloned().collect(),
            initializer,
            input: self.inputs.clone(),
            output: output.collect(),
            ..Default::default()
        };
        let (ir_version, opset_import) = (self.version, self.opsets.clone());
        ModelProto { ir_version, opset_import, graph: Some(graph), ..Default::default() }
    }
}

impl Weight {
    fn proto(&self, name: &str) -> TensorProto {
        TensorProto {
            name: name.to_owned(),
            dims: self.dims.clone(),
            data_type: DataType::Float as i32,
            raw_data: self.values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            ..Default::default()
        }
    }
}

/// An integer attribute of a node.
pub fn int(node: &NodeProto, name: &str) -> Option<i64> {
    node.attribute.iter().find(|attribute| attribute.name == name).map(|attribute| attribute.i)
}

fn already(node: &NodeProto) -> QuantizeError {
    QuantizeError::Already { node: node.name.clone() }
}

fn float(tensor: &TensorProto) -> Result<Weight, QuantizeError> {
    let values = match tensor.raw_data.is_empty() {
        true => tensor.float_data.clone(),
        false => tensor.raw_data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
    };
    whole(&tensor.name, Weight { dims: tensor.dims.clone(), values })
}

/// `(value − zero) · scale`, with a scale for all or for each index of the axis.
fn dequantized(node: &NodeProto, tensors: &[&TensorProto]) -> Result<Weight, QuantizeError> {
    let refuse = |name: &str, reason: &str| QuantizeError::Weight { name: name.to_owned(), reason: reason.to_owned() };
    let [values, scales, zeros @ ..] = tensors else { return Err(refuse(&node.name, "it has no scale")) };
    let axis = int(node, "axis").unwrap_or(1) as usize;
    let (numbers, scales) = (bytes(values)?, float(scales)?.values);
    let zeros = zeros.first().map(|zeros| bytes(zeros)).transpose()?.unwrap_or_default();
    let mut weight = whole(&values.name, Weight { dims: values.dims.clone(), values: numbers })?;
    let count = weight.dims.get(axis).map_or(1, |&count| count as usize);
    if weight.dims.is_empty() || (scales.len() != 1 && scales.len() != count) {
        return Err(refuse(&values.name, "its scales are not one for each channel"));
    }
    let each = scales.len() > 1;
    let at = |list: &[f32], channel: usize| *list.get(channel).or(list.first()).unwrap_or(&0.0);
    for (value, channel) in weight.values.iter_mut().zip(channels(&weight.dims, axis.min(weight.dims.len() - 1))) {
        let channel = if each { channel } else { 0 };
        *value = (*value - at(&zeros, channel)) * at(&scales, channel);
    }
    Ok(weight)
}

/// Integers of 8 bits as floats.
fn bytes(tensor: &TensorProto) -> Result<Vec<f32>, QuantizeError> {
    let raw = tensor.raw_data.iter();
    match tensor.data_type {
        kind if kind == DataType::Int8 as i32 => Ok(raw.map(|&byte| f32::from(byte as i8)).collect()),
        kind if kind == DataType::Uint8 as i32 => Ok(raw.map(|&byte| f32::from(byte)).collect()),
        kind => {
            let reason = format!("it is of type {kind}, expected 8 bits");
            Err(QuantizeError::Weight { name: tensor.name.clone(), reason })
        }
    }
}

fn whole(name: &str, weight: Weight) -> Result<Weight, QuantizeError> {
    let product: i64 = weight.dims.iter().product();
    let reason = match (product == weight.values.len() as i64, weight.values.iter().all(|value| value.is_finite())) {
        (true, true) => return Ok(weight),
        (false, _) => format!("{} values for dimensions {:?}", weight.values.len(), weight.dims),
        (true, false) => "it holds a value that is not finite".into(),
    };
    Err(QuantizeError::Weight { name: name.to_owned(), reason })
}
