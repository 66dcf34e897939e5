//! Quantized ONNX graphs, node by node.

use crate::testing::{node, tensor, value};
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto};

#[derive(Default)]
pub(super) struct Graph {
    pub(super) node: Vec<NodeProto>,
    pub(super) initializer: Vec<TensorProto>,
}

impl Graph {
    pub(super) fn scale(&mut self, of: &str, step: f32, zero: u8) -> [String; 2] {
        let names = [format!("{of}.step"), format!("{of}.zero")];
        self.initializer.push(tensor(&names[0], &[], vec![step]));
        self.initializer.push(TensorProto { dims: vec![], ..whole(&names[1], DataType::Uint8, vec![i64::from(zero)]) });
        names
    }

    /// One more node behind a tensor; what it makes.
    pub(super) fn then(&mut self, tensor: &str, operator: &str, more: &[&str]) -> String {
        let name = format!("{tensor}.{}", operator.to_lowercase());
        let inputs: Vec<&str> = std::iter::once(tensor).chain(more.iter().copied()).collect();
        self.node.push(node(operator, &inputs, &name));
        name
    }

    pub(super) fn quantize(&mut self, from: &str, to: &str, step: f32, zero: u8) {
        let [step, zero] = self.scale(to, step, zero);
        self.node.push(node("QuantizeLinear", &[from, &step, &zero], to));
    }

    pub(super) fn dequantize(&mut self, from: &str, to: &str, step: f32, zero: u8) {
        let [step, zero] = self.scale(to, step, zero);
        self.node.push(node("DequantizeLinear", &[from, &step, &zero], to));
    }

    /// Whole numbers and the node that makes them what they stand for.
    pub(super) fn constants(
        &mut self,
        name: &str,
        of: DataType,
        shape: &[usize],
        values: Vec<i64>,
        scales: Vec<f32>,
        axis: i64,
    ) {
        let (raw, step) = (format!("{name}.q"), format!("{name}.step"));
        let dims = shape.iter().map(|&side| side as i64).collect();
        self.initializer.push(TensorProto { dims, ..whole(&raw, of, values) });
        self.initializer.push(tensor(&step, &[scales.len()], scales));
        let axis =
            AttributeProto { name: "axis".into(), r#type: AttributeType::Int as i32, i: axis, ..Default::default() };
        self.node.push(with(node("DequantizeLinear", &[&raw, &step], name), axis));
    }

    pub(super) fn model(self, inputs: &[(&str, Vec<usize>)]) -> ModelProto {
        let output = tract_onnx::pb::ValueInfoProto { name: "end".into(), ..Default::default() };
        let graph = GraphProto {
            name: "case".into(),
            node: self.node,
            initializer: self.initializer,
            input: inputs.iter().map(|(name, shape)| value(name, shape)).collect(),
            output: vec![output],
            ..Default::default()
        };
        let opset = OperatorSetIdProto { version: 13, ..Default::default() };
        ModelProto { ir_version: 8, opset_import: vec![opset], graph: Some(graph), ..Default::default() }
    }
}

pub(super) fn with(mut node: NodeProto, attribute: AttributeProto) -> NodeProto {
    node.attribute.push(attribute);
    node
}

pub(super) fn text(name: &str, value: &str) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: AttributeType::String as i32, s: value.into(), ..Default::default() }
}

pub(super) fn list(name: &str, values: &[usize]) -> AttributeProto {
    let ints = values.iter().map(|&value| value as i64).collect();
    AttributeProto { name: name.into(), r#type: AttributeType::Ints as i32, ints, ..Default::default() }
}

pub(super) fn whole(name: &str, of: DataType, values: Vec<i64>) -> TensorProto {
    let mut tensor =
        TensorProto { name: name.into(), dims: vec![values.len() as i64], data_type: of as i32, ..Default::default() };
    match of {
        DataType::Int64 => tensor.int64_data = values,
        _ => tensor.int32_data = values.into_iter().map(|value| value as i32).collect(),
    }
    tensor
}
