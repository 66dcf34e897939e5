//! An ONNX graph made ready for every engine alike: without outputs that nobody asks for, and the float net that a quantized
//! file was made of, so that an engine's floats and its bytes start from the same weights.

use super::PeersError;
use std::collections::{HashMap, HashSet};
use tract_onnx::data_resolver::MmapDataResolver;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, tensor_shape_proto, type_proto};
use tract_onnx::prelude::Tensor;
use tract_onnx::tensor::load_tensor;

/// What the mirror takes from a generator; any further outputs are middle layers to be shown.
const ASKED: [&str; 5] = ["aged", "change", "detail", "smooth", "flow"];
/// Operators whose weights an engine may compute with as bytes.
const QUANTIZED: [&str; 2] = ["Conv", "ConvTranspose"];

/// Drops the outputs that the mirror does not take, where there are some that it takes, and what only those needed.
pub fn keep_asked_outputs(graph: &mut GraphProto) {
    if graph.output.iter().any(|output| ASKED.contains(&output.name.as_str())) {
        graph.output.retain(|output| ASKED.contains(&output.name.as_str()));
    }
    drop_unused(graph);
}

/// Whether any of its layers compute on bytes.
pub fn is_quantized(graph: &GraphProto) -> bool {
    graph.node.iter().any(|node| node.op_type == "QuantizeLinear")
}

/// The same net in floats only: weights at the values that their bytes mean, and no rounding between the layers.
pub fn floats(model: &ModelProto) -> Result<ModelProto, PeersError> {
    let mut model = model.clone();
    let graph = model.graph.as_mut().ok_or(PeersError::NoGraph)?;
    fold(graph, |_| true)?;
    let outputs: HashSet<String> = graph.output.iter().map(|output| output.name.clone()).collect();
    // What each dropped name stands for.
    let mut names: HashMap<String, String> = HashMap::new();
    let mut nodes = Vec::new();
    for mut node in std::mem::take(&mut graph.node) {
        for input in &mut node.input {
            if let Some(name) = names.get(input) {
                input.clone_from(name);
            }
        }
        let rounding = matches!(node.op_type.as_str(), "QuantizeLinear" | "DequantizeLinear");
        match (rounding, node.output.first(), node.input.first()) {
            (true, Some(output), Some(input)) if outputs.contains(output) => {
                let (input, output) = (vec![input.clone()], vec![output.clone()]);
                nodes.push(NodeProto {
                    op_type: "Identity".into(),
                    name: node.name,
                    input,
                    output,
                    ..Default::default()
                });
            }
            (true, Some(output), Some(input)) => {
                names.insert(output.clone(), input.clone());
            }
            _ => nodes.push(node),
        }
    }
    graph.node = nodes;
    // Types of values between the layers are bytes no more.
    graph.value_info.clear();
    drop_unused(graph);
    Ok(model)
}

/// The same quantized net, but byte weights of layers that compute in floats as floats: OpenVINO rounds what such layers
/// read, unasked, and its results are then wrong.
pub fn bytes_for_convolutions_only(model: &ModelProto) -> Result<ModelProto, PeersError> {
    let mut model = model.clone();
    let graph = model.graph.as_mut().ok_or(PeersError::NoGraph)?;
    let of_convolutions = graph.node.iter().filter(|node| QUANTIZED.contains(&node.op_type.as_str()));
    let kept: HashSet<String> = of_convolutions.flat_map(|node| node.input.iter().cloned()).collect();
    fold(graph, |output| !kept.contains(output))?;
    drop_unused(graph);
    Ok(model)
}

/// Shapes of the graph's own inputs, without its constants.
pub fn inputs(graph: &GraphProto) -> Result<Vec<(String, Vec<usize>)>, PeersError> {
    let constant = |name: &str| graph.initializer.iter().any(|constant| constant.name == name);
    let inputs = graph.input.iter().filter(|input| !constant(&input.name));
    inputs.map(|input| Ok((input.name.clone(), shape(input)?))).collect()
}

fn shape(value: &ValueInfoProto) -> Result<Vec<usize>, PeersError> {
    let unknown = || PeersError::Shape { name: value.name.clone() };
    let Some(type_proto::Value::TensorType(tensor)) = value.r#type.as_ref().and_then(|kind| kind.value.as_ref()) else {
        return Err(unknown());
    };
    let dimensions = tensor.shape.as_ref().ok_or_else(unknown)?.dim.iter();
    let known = dimensions.map(|dimension| match dimension.value {
        Some(tensor_shape_proto::dimension::Value::DimValue(side)) => usize::try_from(side).map_err(|_| unknown()),
        _ => Err(unknown()),
    });
    known.collect()
}

/// Replaces constants that are dequantized at each run by what comes out, where `chosen` says so for the output's name.
fn fold(graph: &mut GraphProto, chosen: impl Fn(&str) -> bool) -> Result<(), PeersError> {
    let constants: HashMap<&str, &TensorProto> =
        graph.initializer.iter().map(|constant| (constant.name.as_str(), constant)).collect();
    let mut folded = Vec::new();
    let mut kept = Vec::new();
    for node in &graph.node {
        let values = node.input.first().and_then(|name| constants.get(name.as_str()));
        match (node.op_type.as_str(), values, node.output.first()) {
            ("DequantizeLinear", Some(values), Some(output)) if chosen(output) => {
                let constant = |i: usize| node.input.get(i).and_then(|name| constants.get(name.as_str())).copied();
                folded.push(dequantized(node, output, values, constant(1), constant(2))?);
            }
            _ => kept.push(node.clone()),
        }
    }
    graph.node = kept;
    graph.initializer.extend(folded);
    Ok(())
}

/// `(values − zero point) · scale`, with one scale or one for each index of the node's axis.
fn dequantized(
    node: &NodeProto,
    output: &str,
    values: &TensorProto,
    scale: Option<&TensorProto>,
    zero: Option<&TensorProto>,
) -> Result<TensorProto, PeersError> {
    let refused = || PeersError::Constant { name: values.name.clone() };
    let floats = |constant: &TensorProto| -> Result<Vec<f32>, PeersError> {
        let tensor = load_tensor(&MmapDataResolver, constant, None).map_err(|_| refused())?;
        let tensor: Tensor = tensor.cast_to::<f32>().map_err(|_| refused())?.into_owned();
        let plain = tensor.try_as_plain_ram().map_err(|_| refused())?;
        Ok(plain.as_slice::<f32>().map_err(|_| refused())?.to_vec())
    };
    let (mut data, scales) = (floats(values)?, floats(scale.ok_or_else(refused)?)?);
    let zeros = zero.map(floats).transpose()?.unwrap_or_else(|| vec![0.0]);
    let axis = node.attribute.iter().find(|attribute| attribute.name == "axis").map_or(1, |attribute| attribute.i);
    let rank = values.dims.len() as i64;
    let axis = usize::try_from(if axis < 0 { axis + rank } else { axis }).map_err(|_| refused())?;
    let inner = values.dims.iter().skip(axis + 1).product::<i64>().max(1) as usize;
    let at = |list: &[f32], i: usize| {
        if list.len() == 1 { list[0] } else { list.get(i / inner % list.len()).copied().unwrap_or(0.0) }
    };
    if scales.is_empty() || zeros.is_empty() {
        return Err(refused());
    }
    for (i, value) in data.iter_mut().enumerate() {
        *value = (*value - at(&zeros, i)) * at(&scales, i);
    }
    Ok(TensorProto {
        name: output.to_owned(),
        dims: values.dims.clone(),
        data_type: DataType::Float as i32,
        raw_data: data.iter().flat_map(|value| value.to_le_bytes()).collect(),
        ..Default::default()
    })
}

/// Drops nodes and constants that no output needs.
fn drop_unused(graph: &mut GraphProto) {
    let mut needed: HashSet<String> = graph.output.iter().map(|output| output.name.clone()).collect();
    let mut kept = Vec::new();
    // Nodes stand in the order in which they are computed.
    for node in std::mem::take(&mut graph.node).into_iter().rev() {
        if node.output.iter().any(|output| needed.contains(output)) {
            needed.extend(node.input.iter().cloned());
            kept.push(node);
        }
    }
    kept.reverse();
    graph.node = kept;
    graph.initializer.retain(|constant| needed.contains(&constant.name));
}

#[cfg(test)]
mod tests {
    use super::super::inside::{Inside, Net};
    use super::*;
    use crate::testing;
    use shared::manifest::Kind;
    use tract_onnx::pb::AttributeProto;
    use tract_onnx::pb::attribute_proto::AttributeType;

    fn constant(name: &str, dims: &[i64], kind: DataType, bytes: &[u8]) -> TensorProto {
        let (name, dims, raw_data) = (name.into(), dims.to_vec(), bytes.to_vec());
        TensorProto { name, dims, data_type: kind as i32, raw_data, ..Default::default() }
    }

    fn node(op: &str, inputs: &[&str], output: &str) -> NodeProto {
        let input = inputs.iter().map(|&name| name.to_owned()).collect();
        NodeProto { op_type: op.into(), name: output.into(), input, output: vec![output.into()], ..Default::default() }
    }

    /// y = quantized(x) · w, w in bytes with a scale a column; `spare` serves nobody.
    fn quantized() -> ModelProto {
        let bundle = testing::bundle(Kind::Rgb);
        let mut model: ModelProto = prost::Message::decode(bundle.generator.as_ref()).unwrap();
        let mut face = model.graph.take().unwrap().input.into_iter().find(|input| input.name == "face").unwrap();
        let mut side = |name: &str| {
            face.name = name.into();
            let kind = face.r#type.as_mut().unwrap().value.as_mut().unwrap();
            let type_proto::Value::TensorType(tensor) = kind;
            let dims = &mut tensor.shape.as_mut().unwrap().dim;
            dims.truncate(2);
            for (dim, size) in dims.iter_mut().zip([1, 2]) {
                dim.value = Some(tensor_shape_proto::dimension::Value::DimValue(size));
            }
            face.clone()
        };
        let (x, y) = (side("x"), side("aged"));
        let floats = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>();
        let mut weights = node("DequantizeLinear", &["w.bytes", "w.scale", "w.zero"], "w");
        weights.attribute.push(AttributeProto {
            name: "axis".into(),
            r#type: AttributeType::Int as i32,
            i: 1,
            ..Default::default()
        });
        model.graph = Some(GraphProto {
            input: vec![x],
            output: vec![y.clone(), ValueInfoProto { name: "spare".into(), ..y }],
            initializer: vec![
                constant("w.bytes", &[2, 2], DataType::Int8, &[1, 2, 3, 252]),
                constant("w.scale", &[2], DataType::Float, &floats(&[0.5, 0.25])),
                constant("w.zero", &[2], DataType::Int8, &[0, 0]),
                constant("step", &[], DataType::Float, &floats(&[0.125])),
                constant("middle", &[], DataType::Uint8, &[128]),
            ],
            node: vec![
                weights,
                node("QuantizeLinear", &["x", "step", "middle"], "x.bytes"),
                node("DequantizeLinear", &["x.bytes", "step", "middle"], "x.back"),
                node("MatMul", &["x.back", "w"], "aged"),
                node("Relu", &["aged"], "spare"),
            ],
            ..Default::default()
        });
        model
    }

    fn output(model: ModelProto) -> Vec<f32> {
        let net = Net { inputs: vec![("x".into(), vec![1, 2], vec![1.03, -0.5])], outputs: vec!["aged".into()] };
        Inside::tract(model, &net).unwrap().outputs().unwrap()
    }

    #[test]
    fn the_float_net_computes_what_the_bytes_mean_without_rounding() {
        let mut model = quantized();
        keep_asked_outputs(model.graph.as_mut().unwrap());
        let graph = model.graph.as_ref().unwrap();
        assert_eq!((graph.node.len(), graph.output.len(), is_quantized(graph)), (4, 1, true));
        assert_eq!(inputs(graph).unwrap(), [("x".to_owned(), vec![1, 2])]);
        let float = floats(&model).unwrap();
        let graph = float.graph.as_ref().unwrap();
        assert_eq!((graph.node.len(), graph.initializer.len(), is_quantized(graph)), (1, 1, false));
        let close = |a: &[f32], b: [f32; 2]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
        // Rounded to eighths, 1.03 is 1.
        assert!(close(&output(float), [1.03 * 0.5 - 0.5 * 1.5, 1.03 * 0.5 + 0.5]));
        assert!(close(&output(model.clone()), [0.5 - 0.75, 0.5 + 0.5]));
        let folded = bytes_for_convolutions_only(&model).unwrap();
        assert_eq!(folded.graph.as_ref().unwrap().node.len(), 3);
        assert_eq!(output(folded), output(model));
    }

    #[test]
    fn a_rounded_output_keeps_its_name() {
        let mut model = quantized();
        let graph = model.graph.as_mut().unwrap();
        graph.node[3] = node("MatMul", &["x.back", "w"], "exact");
        graph.node.insert(4, node("QuantizeLinear", &["exact", "step", "middle"], "aged.bytes"));
        graph.node.insert(5, node("DequantizeLinear", &["aged.bytes", "step", "middle"], "aged"));
        keep_asked_outputs(graph);
        let float = floats(&model).unwrap();
        assert_eq!(float.graph.as_ref().unwrap().node.last().unwrap().op_type, "Identity");
        assert!((output(float)[1] - (1.03 * 0.5 + 0.5)).abs() < 1e-6);
    }
}
