//! Writing ONNX: names, dimensions and weights come in, the bytes of a standard `.onnx` file go out. The protobuf types are
//! tract's own, so that the writer and the device's reader share one schema.
//!
//! A graph is built in the order of its data's walk. Values are known by their names; each call that adds something
//! returns the name to be used by the next. [`super::operators`] adds whole layers.

use super::int8::Int8Weights;
use prost::Message;
use shared::manifest::Quantization;
use std::collections::HashSet;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, tensor_shape_proto, type_proto,
};

/// `DequantizeLinear` has an axis since 13; tract and onnxruntime know all that is used here.
const OPSET: i64 = 13;
/// The file format that belongs to opset 13.
const IR_VERSION: i64 = 7;
/// Weights with fewer elements stay float: they would save nothing.
pub const MIN_QUANTIZED: usize = 1024;

/// Why a graph cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    #[error("weight `{name}` holds a value that is not finite; export an earlier checkpoint")]
    NotFinite { name: String },
    #[error("weight `{name}` has {values} values, but its dimensions {dims:?} want another number")]
    Dimensions { name: String, dims: Vec<i64>, values: usize },
    #[error("the name `{name}` is given twice in the graph")]
    Twice { name: String },
    #[error("node `{node}` reads `{input}`, which nothing before it gives")]
    Unknown { node: String, input: String },
}

/// An attribute of a node.
#[derive(Clone, Debug)]
pub enum Attribute {
    Int(i64),
    Ints(Vec<i64>),
    Float(f32),
    Text(&'static str),
}

/// A graph under construction. Flaws are remembered and told by [`Self::finish`], so that layers can be added in a row.
#[derive(Debug)]
pub struct GraphBuilder {
    graph: GraphProto,
    quantization: Quantization,
    known: HashSet<String>,
    flaw: Option<GraphError>,
}

impl GraphBuilder {
    pub fn new(name: &str, quantization: Quantization) -> Self {
        let graph = GraphProto { name: name.to_owned(), ..Default::default() };
        Self { graph, quantization, known: HashSet::new(), flaw: None }
    }

    /// An input of the graph, f32.
    pub fn input(&mut self, name: &str, dims: &[i64]) -> String {
        self.graph.input.push(value_info(name, dims));
        self.define(name)
    }

    /// Makes the value `name`, which some node gives, an output of the graph, f32.
    pub fn output(&mut self, name: &str, dims: &[i64]) {
        self.require("output", name);
        self.graph.output.push(value_info(name, dims));
    }

    /// A constant, f32, row-major.
    pub fn floats(&mut self, name: &str, dims: &[i64], data: &[f32]) -> String {
        if data.iter().any(|v| !v.is_finite()) {
            self.fail(GraphError::NotFinite { name: name.to_owned() });
        }
        self.initializer(name, dims, DataType::Float, data.iter().flat_map(|v| v.to_le_bytes()).collect(), data.len())
    }

    /// A one-dimensional constant, i64: shapes, pads, axes.
    pub fn ints(&mut self, name: &str, data: &[i64]) -> String {
        let bytes = data.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.initializer(name, &[data.len() as i64], DataType::Int64, bytes, data.len())
    }

    /// A weight, row-major, in int8 with one scale per index of `axis` (its output channels) where the graph is quantized
    /// and the weight is large enough, else in f32. Returns the name of the float value either way.
    pub fn weight(&mut self, name: &str, dims: &[i64], data: &[f32], axis: usize) -> String {
        let whole = product(dims) == data.len() && axis < dims.len();
        if self.quantization == Quantization::None || data.len() < MIN_QUANTIZED || !whole {
            return self.floats(name, dims, data);
        }
        if data.iter().any(|v| !v.is_finite()) {
            self.fail(GraphError::NotFinite { name: name.to_owned() });
        }
        self.int8(name, dims, &Int8Weights::quantize(dims, data, axis), axis)
    }

    /// A weight in int8 with one scale per index of `axis`. Returns the name of the float value.
    pub fn int8(&mut self, name: &str, dims: &[i64], weights: &Int8Weights, axis: usize) -> String {
        let channels = [weights.scales.len() as i64];
        let bytes = weights.values.iter().map(|&v| v as u8).collect();
        let values = self.initializer(&format!("{name}.int8"), dims, DataType::Int8, bytes, weights.values.len());
        let scales = self.floats(&format!("{name}.scale"), &channels, &weights.scales);
        let zeros = vec![0; weights.scales.len()];
        let zero = self.initializer(&format!("{name}.zero"), &channels, DataType::Int8, zeros, weights.scales.len());
        let attributes = [("axis", Attribute::Int(axis as i64))];
        self.node("DequantizeLinear", &[&values, &scales, &zero], name, &attributes)
    }

    /// A bias in int32 with a scale for each channel. Returns the name of the float value.
    pub fn int32(&mut self, name: &str, data: &[i32], scales: &[f32]) -> String {
        let channels = [data.len() as i64];
        let bytes = data.iter().flat_map(|v| v.to_le_bytes()).collect();
        let values = self.initializer(&format!("{name}.int32"), &channels, DataType::Int32, bytes, data.len());
        let scales = self.floats(&format!("{name}.scale"), &channels, scales);
        self.node("DequantizeLinear", &[&values, &scales], name, &[("axis", Attribute::Int(0))])
    }

    /// A constant, u8: zero points.
    pub fn bytes(&mut self, name: &str, dims: &[i64], data: &[u8]) -> String {
        self.initializer(name, dims, DataType::Uint8, data.to_vec(), data.len())
    }

    /// A node with one output, named like it. Inputs must be known already.
    pub fn node(&mut self, op: &str, inputs: &[&str], output: &str, attributes: &[(&str, Attribute)]) -> String {
        for input in inputs {
            self.require(output, input);
        }
        self.graph.node.push(NodeProto {
            name: output.to_owned(),
            op_type: op.to_owned(),
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![output.to_owned()],
            attribute: attributes.iter().map(|(name, value)| value.to_proto(name)).collect(),
            ..Default::default()
        });
        self.define(output)
    }

    /// An input of another graph.
    pub fn copy_input(&mut self, input: &ValueInfoProto) {
        self.define(&input.name);
        self.graph.input.push(input.clone());
    }

    /// An output of another graph.
    pub fn copy_output(&mut self, output: &ValueInfoProto) {
        self.require("output", &output.name);
        self.graph.output.push(output.clone());
    }

    /// A node of another graph, with any number of outputs.
    pub fn copy(&mut self, node: NodeProto) {
        for input in node.input.iter().filter(|input| !input.is_empty()) {
            self.require(&node.name, input);
        }
        for output in &node.output {
            self.define(output);
        }
        self.graph.node.push(node);
    }

    /// A constant of another graph.
    pub fn copy_tensor(&mut self, tensor: &TensorProto) {
        self.define(&tensor.name);
        self.graph.initializer.push(tensor.clone());
    }

    /// The file. The same calls give the same bytes.
    pub fn finish(self) -> Result<Vec<u8>, GraphError> {
        if let Some(flaw) = self.flaw {
            return Err(flaw);
        }
        let model = ModelProto {
            ir_version: IR_VERSION,
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
            producer_name: env!("CARGO_PKG_NAME").to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            graph: Some(self.graph),
            ..Default::default()
        };
        Ok(model.encode_to_vec())
    }

    fn initializer(&mut self, name: &str, dims: &[i64], kind: DataType, bytes: Vec<u8>, values: usize) -> String {
        if product(dims) != values {
            self.fail(GraphError::Dimensions { name: name.to_owned(), dims: dims.to_vec(), values });
        }
        self.graph.initializer.push(TensorProto {
            name: name.to_owned(),
            dims: dims.to_vec(),
            data_type: kind as i32,
            raw_data: bytes,
            ..Default::default()
        });
        self.define(name)
    }

    fn define(&mut self, name: &str) -> String {
        if !self.known.insert(name.to_owned()) {
            self.fail(GraphError::Twice { name: name.to_owned() });
        }
        name.to_owned()
    }

    fn require(&mut self, node: &str, input: &str) {
        if !self.known.contains(input) {
            self.fail(GraphError::Unknown { node: node.to_owned(), input: input.to_owned() });
        }
    }

    fn fail(&mut self, flaw: GraphError) {
        self.flaw.get_or_insert(flaw);
    }
}

impl Attribute {
    fn to_proto(&self, name: &str) -> AttributeProto {
        let mut proto = AttributeProto { name: name.to_owned(), ..Default::default() };
        let kind = match self {
            Self::Int(value) => {
                proto.i = *value;
                AttributeType::Int
            }
            Self::Ints(values) => {
                proto.ints.clone_from(values);
                AttributeType::Ints
            }
            Self::Float(value) => {
                proto.f = *value;
                AttributeType::Float
            }
            Self::Text(text) => {
                proto.s = text.as_bytes().to_vec();
                AttributeType::String
            }
        };
        proto.r#type = kind as i32;
        proto
    }
}

fn product(dims: &[i64]) -> usize {
    dims.iter().map(|&d| d as usize).product()
}

fn value_info(name: &str, dims: &[i64]) -> ValueInfoProto {
    let dimension = |&d: &i64| tensor_shape_proto::Dimension {
        value: Some(tensor_shape_proto::dimension::Value::DimValue(d)),
        ..Default::default()
    };
    let tensor = type_proto::Tensor {
        elem_type: DataType::Float as i32,
        shape: Some(TensorShapeProto { dim: dims.iter().map(dimension).collect() }),
    };
    let kind = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..Default::default() };
    ValueInfoProto { name: name.to_owned(), r#type: Some(kind), ..Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::prelude::*;

    fn linear(quantization: Quantization, data: &[f32]) -> Result<Vec<u8>, GraphError> {
        let mut graph = GraphBuilder::new("linear", quantization);
        let x = graph.input("x", &[1, 32]);
        let w = graph.weight("w", &[32, 40], data, 1);
        let y = graph.node("MatMul", &[&x, &w], "y", &[]);
        graph.output(&y, &[1, 40]);
        graph.finish()
    }

    fn run(bytes: &[u8], x: &[f32]) -> Vec<f32> {
        let model = tract_onnx::onnx().model_for_read(&mut &bytes[..]).unwrap();
        let model = model.into_optimized().unwrap().into_runnable().unwrap();
        let x = Tensor::from_shape(&[1, x.len()], x).unwrap();
        let y = model.run(tvec!(x.into())).unwrap();
        y[0].to_plain_array_view::<f32>().unwrap().iter().copied().collect()
    }

    fn data() -> Vec<f32> {
        (0..32 * 40)
            .map(|i| if i % 40 == 7 { 0.0 } else { ((i * 37 % 101) as f32 - 50.0) / (1 + i % 40) as f32 })
            .collect()
    }

    #[test]
    fn float_and_int8_graphs_run_in_tract() {
        let x: Vec<f32> = (0..32).map(|i| (i as f32).sin()).collect();
        let expected: Vec<f32> = (0..40).map(|c| (0..32).map(|r| x[r] * data()[r * 40 + c]).sum()).collect();
        for (quantization, tolerance) in [(Quantization::None, 1e-4), (Quantization::Int8Weights, 3.0)] {
            let bytes = linear(quantization, &data()).unwrap();
            for (a, b) in run(&bytes, &x).iter().zip(&expected) {
                assert!((a - b).abs() < tolerance, "{quantization:?}: {a} {b}");
            }
        }
    }

    #[test]
    fn int8_makes_the_file_about_four_times_smaller() {
        let float = linear(Quantization::None, &data()).unwrap().len();
        let int8 = linear(Quantization::Int8Weights, &data()).unwrap().len();
        assert!(int8 * 5 < float * 2, "{int8} {float}");
    }

    #[test]
    fn the_same_calls_give_the_same_bytes() {
        assert_eq!(linear(Quantization::Int8Weights, &data()), linear(Quantization::Int8Weights, &data()));
    }

    #[test]
    fn each_flaw_is_named() {
        let mut broken = data();
        broken[9] = f32::NAN;
        for quantization in [Quantization::None, Quantization::Int8Weights] {
            assert_eq!(linear(quantization, &broken), Err(GraphError::NotFinite { name: "w".into() }));
            assert!(matches!(linear(quantization, &broken[1..]), Err(GraphError::NotFinite { .. })));
            assert!(matches!(linear(quantization, &data()[1..]), Err(GraphError::Dimensions { .. })));
        }
        let mut graph = GraphBuilder::new("g", Quantization::None);
        graph.node("Relu", &["nothing"], "y", &[]);
        assert_eq!(graph.finish(), Err(GraphError::Unknown { node: "y".into(), input: "nothing".into() }));
        let mut graph = GraphBuilder::new("g", Quantization::None);
        graph.input("x", &[1]);
        graph.input("x", &[1]);
        assert_eq!(graph.finish(), Err(GraphError::Twice { name: "x".into() }));
    }
}
