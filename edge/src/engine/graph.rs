//! An ONNX graph with its edges both ways, as [`super::pattern`] walks it.

use std::collections::{HashMap, HashSet};
use tract_onnx::data_resolver::MmapDataResolver;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, TensorProto};
use tract_onnx::prelude::*;
use tract_onnx::tensor::load_tensor;

/// A graph's nodes by the tensors that they make and use.
pub struct Graph<'a> {
    pub nodes: &'a [NodeProto],
    producers: HashMap<&'a str, usize>,
    consumers: HashMap<&'a str, Vec<usize>>,
    constants: HashMap<&'a str, &'a TensorProto>,
    outputs: HashSet<&'a str>,
}

impl<'a> Graph<'a> {
    pub fn new(proto: &'a GraphProto) -> Self {
        let mut producers = HashMap::new();
        let mut consumers: HashMap<_, Vec<_>> = HashMap::new();
        for (i, node) in proto.node.iter().enumerate() {
            producers.extend(node.output.iter().map(|tensor| (tensor.as_str(), i)));
            for tensor in &node.input {
                consumers.entry(tensor.as_str()).or_default().push(i);
            }
        }
        Self {
            nodes: &proto.node,
            producers,
            consumers,
            constants: proto.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect(),
            outputs: proto.output.iter().map(|value| value.name.as_str()).collect(),
        }
    }

    /// The node that makes a tensor; none for an input or a constant.
    pub fn producer(&self, tensor: &str) -> Option<usize> {
        self.producers.get(tensor).copied()
    }

    /// The node that makes a tensor, if it is of this operator.
    pub fn made_by(&self, tensor: &str, operator: &str) -> Option<usize> {
        self.producer(tensor).filter(|&node| self.nodes[node].op_type == operator)
    }

    /// The nodes that use a tensor, once for each use.
    pub fn consumers(&self, tensor: &str) -> &[usize] {
        self.consumers.get(tensor).map_or(&[], Vec::as_slice)
    }

    pub fn is_output(&self, tensor: &str) -> bool {
        self.outputs.contains(tensor)
    }

    pub fn outputs(&self) -> impl Iterator<Item = &'a str> + use<'_, 'a> {
        self.outputs.iter().copied()
    }

    pub fn is_constant(&self, tensor: &str) -> bool {
        self.constants.contains_key(tensor)
    }

    /// A constant's shape and values, if it holds exactly this type.
    pub fn constant<T: Datum + Copy>(&self, tensor: &str) -> Option<(Vec<usize>, Vec<T>)> {
        let tensor = load_tensor(&MmapDataResolver, self.constants.get(tensor)?, None).ok()?;
        let values = tensor.try_as_plain_ram().ok()?.as_slice::<T>().ok()?.to_vec();
        Some((tensor.shape().to_vec(), values))
    }
}

/// The `i`th input's name; none where it is left out.
pub fn input(node: &NodeProto, i: usize) -> Option<&str> {
    node.input.get(i).map(String::as_str).filter(|name| !name.is_empty())
}

pub fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

/// An attribute that lists numbers which cannot be negative, such as `strides`.
pub fn sizes(node: &NodeProto, name: &str) -> Option<Vec<usize>> {
    attribute(node, name)?.ints.iter().map(|&number| number.try_into().ok()).collect()
}
