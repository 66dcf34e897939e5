//! The engine against tract on the same quantized graphs, over shapes, strides, borders and scales of all kinds; and that
//! whatever it does not know is left as it is.

mod case;
mod graph;

use super::{Isa, Options, model};
use crate::testing::{node, tensor};
use case::{Case, cases, small};
use graph::{Graph, list, with};
use proptest::prelude::*;
use std::collections::HashSet;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, ModelProto};
use tract_onnx::prelude::*;

fn regions(model: &InferenceModel) -> usize {
    model.nodes().iter().filter(|node| node.op.name() == "QuantizedRegion").count()
}

fn run(model: InferenceModel, inputs: &TVec<TValue>) -> Result<Vec<f32>, String> {
    let plan = model.into_optimized().and_then(TypedModel::into_runnable).map_err(|error| format!("{error:#}"))?;
    let outputs = plan.run(inputs.clone()).map_err(|error| format!("{error:#}"))?;
    Ok(outputs[0].try_as_plain_ram().unwrap().as_slice::<f32>().unwrap().to_vec())
}

/// By tract alone; an error where the case makes no sense.
fn plain(proto: &ModelProto, inputs: &TVec<TValue>) -> Result<Vec<f32>, String> {
    run(tract_onnx::onnx().model_for_proto_model(proto).map_err(|error| format!("{error:#}"))?, inputs)
}

proptest! {
    // Fewer where a processor is likely to be an emulated one.
    #![proptest_config(ProptestConfig::with_cases(if cfg!(target_arch = "aarch64") { 30 } else { 300 }))]

    #[test]
    fn a_layer_is_what_tract_makes_of_it(case in cases()) {
        agrees(&case)?;
    }

    #[test]
    fn wide_layers_on_whole_tiles_too(case in cases()) {
        let sides = case.sides.map(|side| 4 * (side / 5 + 1));
        let (depth, channels) = (case.depth.max(16), case.channels.max(16));
        agrees(&Case { depth, channels, sides, kernel: [3, 3], stride: 1, pads: [1; 4], transposed: false, ..case })?;
    }

    #[test]
    fn sums_that_leave_as_numbers_are_what_tract_makes_of_them(case in cases(), few in 1usize..9) {
        // Few channels, of which several pixels are computed together.
        let case = Case { channels: few, ..case };
        let (mut proto, inputs) = (case.model(), case.inputs());
        proto.graph.as_mut().unwrap().output[0].name = "sum".into();
        let Ok(expected) = plain(&proto, &inputs) else { return Err(TestCaseError::reject("no such convolution")) };
        let largest = expected.iter().fold(0.0f32, |largest, number| largest.max(number.abs()));
        let mut first: Option<Vec<f32>> = None;
        for isa in Isa::available() {
            for threads in [1, 2] {
                let fused = model(proto.clone(), &["sum"], Options { threads, isa: Some(isa) }).unwrap();
                prop_assert_eq!(regions(&fused), 1);
                let found = run(fused, &inputs).map_err(TestCaseError::fail)?;
                let furthest = expected.iter().zip(&found).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                // A byte that tract rounds the other way at the entrance is seen by all pixels around it.
                let byte = case.steps[0] * case.steps[1] * 2.5 * 127.0;
                let exact = largest * 1e-5;
                prop_assert!(furthest <= 2.0 * byte + exact, "{} off by {} of {}", isa.name(), furthest, largest);
                let wrong = expected.iter().zip(&found).filter(|(a, b)| (*a - *b).abs() > exact).count();
                prop_assert!(wrong <= 50 * few, "{} of {} differ", wrong, found.len());
                prop_assert_eq!(first.get_or_insert_with(|| found.clone()), &found, "{} x{}", isa.name(), threads);
            }
        }
    }

    #[test]
    fn a_few_planes_of_each_are_what_tract_makes_of_them(
        planes in 1usize..5, filters in 2usize..9, taps in [1usize..4, 2usize..5], more in [0usize..9, 0usize..70], biased: bool,
    ) {
        let sides = [taps[0] + more[0], taps[1] + more[1]];
        let wave = |count: usize, by: f32| (0..count).map(|i| (i as f32 * by).sin()).collect::<Vec<_>>();
        let mut graph = Graph::default();
        graph.initializer.push(tensor("weights", &[filters, 1, taps[0], taps[1]], wave(filters * taps[0] * taps[1], 1.3)));
        graph.initializer.push(tensor("bias", &[filters], wave(filters, 0.9)));
        let inputs: &[&str] = if biased { &["face", "weights", "bias"] } else { &["face", "weights"] };
        graph.node.push(with(node("Conv", inputs, "end"), list("kernel_shape", &taps)));
        let shape = [planes, 1, sides[0], sides[1]];
        let proto = graph.model(&[("face", shape.to_vec())]);
        let inputs = tvec![Tensor::from_shape(&shape, &wave(shape.iter().product(), 0.7)).unwrap().into_tvalue()];
        let fused = model(proto.clone(), &["end"], Options::default()).unwrap();
        prop_assert!(fused.nodes().iter().any(|node| node.op.name() == "Planes"));
        let (found, expected) = (run(fused, &inputs).unwrap(), plain(&proto, &inputs).unwrap());
        prop_assert_eq!(found.len(), expected.len());
        prop_assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5));
    }
}

/// How many values differ by half a step or more. Where all sums of a channel fall to the same middle byte, the channel is one
/// number, and when that lies between two bytes of the end, all its pixels are one byte off together: that counts once.
fn differences(expected: &[f32], found: &[f32], pixels: usize, step: f32) -> usize {
    let (mut many, mut once) = (0, HashSet::new());
    for (place, (a, b)) in expected.iter().zip(found).enumerate() {
        match (a - b).abs() / step {
            0.0..=0.5 => {}
            0.5..1.01 => drop(once.insert((place / pixels, a.to_bits(), b.to_bits()))),
            _ => many += 1,
        }
    }
    many + once.len()
}

/// A layer on each instruction set and several counts of threads: alike among themselves, and close to tract's.
fn agrees(case: &Case) -> Result<(), TestCaseError> {
    let (proto, inputs) = (case.model(), case.inputs());
    let Ok(expected) = plain(&proto, &inputs) else { return Err(TestCaseError::reject("no such convolution")) };
    let mut first: Option<Vec<f32>> = None;
    for isa in Isa::available() {
        for threads in [1, 2, 3] {
            let fused = model(proto.clone(), &["end"], Options { threads, isa: Some(isa) }).unwrap();
            prop_assert_eq!(regions(&fused), 1);
            let found = run(fused, &inputs).map_err(TestCaseError::fail)?;
            // Sums are exact here and rounded there: a middle byte may be one off, and what it becomes.
            let step = case.steps[3];
            let gain = if case.norm { 30.0 } else { case.steps[2] / step };
            let furthest = expected.iter().zip(&found).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            prop_assert!(
                furthest <= step * (gain.ceil() + 1.0) * 1.001,
                "{} off by {} steps",
                isa.name(),
                furthest / step
            );
            let wrong = differences(&expected, &found, found.len() / case.channels, step);
            prop_assert!(wrong * 50 <= found.len() + 150, "{} of {} differ", wrong, found.len());
            // Among themselves all are the same, bit for bit.
            prop_assert_eq!(first.get_or_insert_with(|| found.clone()), &found, "{} x{}", isa.name(), threads);
        }
    }
    Ok(())
}

#[test]
fn a_channel_that_is_one_number_between_two_bytes_is_one_difference() {
    // Found by `a_layer_is_what_tract_makes_of_it`: one of 21 channels, all 25 pixels of it.
    let case = Case {
        depth: 1,
        channels: 21,
        sides: [5, 5],
        kernel: [1, 1],
        pads: [0; 4],
        reflects: false,
        joined: true,
        activation: "",
        steps: [0.001, 0.0005, 0.434_364_8, 0.020_088_32],
        zeros: [0, 82, 0],
        seed: 3_358_258_960,
        ..small()
    };
    let expected = plain(&case.model(), &case.inputs()).unwrap();
    for channel in expected.chunks(25) {
        assert!(channel.iter().all(|value| *value == channel[0]));
    }
    agrees(&case).unwrap();
}

#[test]
fn a_region_of_which_an_inner_tensor_is_needed_stays_with_tract() {
    let mut proto = small().model();
    let graph = proto.graph.as_mut().unwrap();
    // The bytes behind the convolution, read by somebody who is no layer.
    graph.node.push(node("Cast", &["sum.q"], "cast"));
    graph.node.last_mut().unwrap().attribute.push(AttributeProto {
        name: "to".into(),
        r#type: AttributeType::Int as i32,
        i: DataType::Float as i64,
        ..Default::default()
    });
    graph.node.push(node("Add", &["cast", "end"], "both"));
    graph.output[0].name = "both".into();
    let fused = model(proto.clone(), &["both"], Options::default()).unwrap();
    assert_eq!(regions(&fused), 0);
    assert_eq!(run(fused, &small().inputs()), plain(&proto, &small().inputs()));
}

#[test]
fn a_graph_without_bytes_stays_as_it_is() {
    let bundle = crate::testing::bundle(shared::manifest::Kind::Edit);
    let proto = tract_onnx::onnx().proto_model_for_read(&mut &bundle.generator[..]).unwrap();
    assert_eq!(regions(&model(proto, &["change"], Options::default()).unwrap()), 0);
}

#[test]
fn an_absurd_layer_stays_with_tract() {
    for case in [Case { pads: [100; 4], reflects: false, ..small() }, Case { stride: 65, ..small() }] {
        let fused = model(case.model(), &["end"], Options::default()).unwrap();
        assert_eq!(regions(&fused), 0);
        assert_eq!(run(fused, &case.inputs()), plain(&case.model(), &case.inputs()));
    }
}

#[test]
fn a_border_wider_than_the_map_is_refused_with_its_numbers() {
    let case = Case { pads: [8; 4], kernel: [5, 5], ..small() };
    let fused = model(case.model(), &["end"], Options::default()).unwrap();
    let error = run(fused, &case.inputs()).unwrap_err();
    assert!(error.contains("reflects a map of [8, 8]"), "{error}");
}
