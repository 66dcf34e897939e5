//! From a bundle whose weights alone are int8 to one whose convolutions are computed in int8, in the order of the work:
//! [`graph`] (read, weights in float) → [`layers`] (what will be bytes) → [`calibrate`] (what the tensors hold on real
//! [`faces`]) → [`equalize`] (channels before an instance norm brought to one range) → [`range`](mod@range) (scales and zero points) →
//! [`write`](mod@write) (standard ONNX: QuantizeLinear and DequantizeLinear around each layer).

pub mod calibrate;
pub mod command;
pub mod equalize;
pub mod faces;
pub mod graph;
pub mod layers;
pub mod range;
pub mod write;

use calibrate::{Sample, Survey};
use graph::FloatGraph;
use layers::Plan;

/// Faces that a generator is calibrated on unless told otherwise; with many more, outliers widen the ranges.
pub const CALIBRATION_FACES: usize = 128;

/// Why a generator is not quantized.
#[derive(Debug, thiserror::Error)]
pub enum QuantizeError {
    #[error("the generator is not an ONNX graph ({0}); export the bundle again")]
    Onnx(String),
    #[error("the generator holds `{node}`, so it is quantized already; give the bundle with weight-only int8")]
    Already { node: String },
    #[error("weight `{name}` cannot be read: {reason}; export the bundle again")]
    Weight { name: String, reason: String },
    #[error(
        "no layer of the generator can be quantized: it has no convolution with a batch of 1, one group and {} channels",
        layers::LEAST_CHANNELS
    )]
    Nothing,
    #[error("the float generator does not run ({0}); export the bundle again")]
    Run(String),
    #[error("`{0}` holds a value that is not finite on a calibration face; train or export it again")]
    NotFinite(String),
    #[error("no face to calibrate on; give a dataset with a train part, or a cache made of one")]
    NoFaces,
    #[error(transparent)]
    Graph(#[from] crate::export::onnx::GraphError),
}

/// The bytes of a generator with weights in int8 or float → the bytes of the same generator, statically quantized. Two passes over
/// all `samples`; the same samples give the same bytes.
pub fn quantize(onnx: &[u8], samples: &[Sample]) -> Result<Vec<u8>, QuantizeError> {
    if samples.is_empty() {
        return Err(QuantizeError::NoFaces);
    }
    let mut graph = FloatGraph::read(onnx)?;
    let plan = Plan::new(&graph)?;
    let mut survey = Survey::new(&graph, &plan, samples)?;
    equalize::equalize(&mut graph, &plan, &mut survey);
    let scales = survey.scales(&graph, &plan, samples)?;
    write::write(&graph, &plan, &scales)
}

#[cfg(test)]
mod tests {
    use super::calibrate::samples;
    use super::*;
    use crate::export::agreement::{Contestant, compare};
    use crate::export::bundle::{Origin, manifest};
    use crate::export::engine::MirrorEngine;
    use crate::export::faces::synthetic;
    use crate::export::generator::{default_features, graph};
    use crate::export::onnx::{Attribute, GraphBuilder};
    use crate::export::testing::{generator, shaped, shapes};
    use crate::nets::{ConditionMode, Generator, Head};
    use prost::Message;
    use shared::manifest::Quantization;
    use std::collections::HashMap;
    use tract_onnx::pb::{ModelProto, NodeProto};

    fn faces(generator: &Generator, seeds: std::ops::Range<u64>) -> Vec<Vec<f32>> {
        seeds.map(|seed| synthetic(generator.config.size as usize, seed)).collect()
    }

    fn weights_only(generator: &Generator) -> Vec<u8> {
        graph(generator, Quantization::Int8Weights, &default_features(generator)).unwrap()
    }

    fn each(test: impl Fn(&Generator, &str)) {
        shapes().into_iter().for_each(|config| test(&shaped(config), &format!("{config:?}")));
    }

    #[test]
    fn the_quantized_net_does_what_the_float_one_does() {
        each(|generator, what| {
            let features = default_features(generator);
            let old = weights_only(generator);
            let new = quantize(&old, &samples(faces(generator, 0..12))).unwrap();
            let contestant = |onnx: &[u8], quantization| {
                let manifest =
                    manifest(&Origin::untrained(), &generator.config, quantization, &features, onnx).unwrap();
                let engine = Box::new(MirrorEngine::new(&manifest, onnx).unwrap());
                Contestant { name: format!("{quantization:?}"), engine, quantization }
            };
            let mut both = [contestant(&old, Quantization::Int8Weights), contestant(&new, Quantization::Int8)];
            let row = compare(&faces(generator, 20..32), &mut both, &[(0, 1)]).unwrap().remove(0);
            assert_eq!(row.flaw(), None, "{what}");
            assert!(row.features.cosine() > 0.98 && row.picture.largest() > 0.0, "{what}");
        });
    }

    #[test]
    fn every_layer_reads_and_gives_bytes() {
        each(|generator, what| {
            let model =
                ModelProto::decode(&quantize(&weights_only(generator), &samples(faces(generator, 0..2))).unwrap()[..])
                    .unwrap();
            let graph = model.graph.unwrap();
            let givers: HashMap<&str, &NodeProto> = graph
                .node
                .iter()
                .flat_map(|node| node.output.iter().map(move |output| (output.as_str(), node)))
                .collect();
            let dims: HashMap<&str, &[i64]> =
                graph.initializer.iter().map(|t| (t.name.as_str(), &t.dims[..])).collect();
            let mut layers = 0;
            for conv in graph.node.iter().filter(|node| node.op_type.starts_with("Conv")) {
                let [x, weight, bias] = &conv.input[..] else { continue };
                // Each channel by itself stays float.
                if graph::int(conv, "group").unwrap_or(1) != 1 {
                    continue;
                }
                let Some(weight) = givers.get(weight.as_str()) else { continue };
                let axis = usize::from(conv.op_type == "ConvTranspose");
                if dims[weight.input[0].as_str()][axis] < layers::LEAST_CHANNELS || !weight.input[0].ends_with("int8") {
                    continue;
                }
                layers += 1;
                let (x, bias) = (givers[x.as_str()], givers[bias.as_str()]);
                for node in [x, bias] {
                    assert_eq!(node.op_type, "DequantizeLinear", "{what} {}", conv.name);
                }
                let bytes = givers[x.input[0].as_str()];
                let quantized = if bytes.op_type == "Pad" { givers[bytes.input[0].as_str()] } else { bytes };
                assert_eq!(quantized.op_type, "QuantizeLinear", "{what} {}", conv.name);
                let takers: Vec<_> = graph.node.iter().filter(|node| node.input.contains(&conv.output[0])).collect();
                let leaves = ["head", "own.flow.logits"].contains(&conv.name.as_str());
                assert_eq!(
                    takers.iter().any(|taker| taker.op_type == "QuantizeLinear"),
                    !leaves,
                    "{what} {}",
                    conv.name
                );
                assert!(leaves || takers.len() == 1, "{what} {}", conv.name);
            }
            assert!(layers >= 9, "{what}: {layers} layers");
        });
    }

    #[test]
    fn equalizing_changes_nothing_but_the_ranges() {
        each(|generator, what| {
            let samples = samples(faces(generator, 0..4));
            let float = FloatGraph::read(&weights_only(generator)).unwrap();
            let plan = Plan::new(&float).unwrap();
            let mut survey = Survey::new(&float, &plan, &samples).unwrap();
            let mut equal = float.clone();
            equalize::equalize(&mut equal, &plan, &mut survey);
            let names: Vec<&str> = float.outputs.iter().map(|output| output.name.as_str()).collect();
            let run = |graph: &FloatGraph| {
                let mut values = Vec::new();
                let mut runner = calibrate::Runner::new(graph, &names).unwrap();
                runner.run(&samples[1], |_, _, output| values.extend_from_slice(output)).unwrap();
                values
            };
            let (before, after) = (run(&float), run(&equal));
            let apart = before.iter().zip(&after).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            let largest = before.iter().map(|value| value.abs()).fold(0.0, f32::max);
            // Where a variance comes near its norm's epsilon, up to half a percent of it is lost in each norm.
            assert!(apart < 0.05 * largest, "{what}: {apart} of {largest}");
            // What the survey says after is what the changed graph gives.
            let fresh = Survey::new(&equal, &plan, &samples).unwrap();
            for layer in plan.layers.iter().filter(|layer| layer.normed) {
                let output = float.output_of(layer.node);
                let (said, found) = (&survey.0[output], &fresh.0[output]);
                for (said, found) in [(&said.low, &found.low), (&said.high, &found.high)] {
                    let apart = said.iter().zip(found).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                    assert!(apart < 0.1, "{what} {output}: {apart}");
                }
            }
        });
    }

    #[test]
    fn the_same_samples_give_the_same_bytes_and_no_net_is_quantized_twice() {
        let generator = generator(Head::Edit, ConditionMode::Film);
        let old = weights_only(&generator);
        let samples = samples(faces(&generator, 0..2));
        let new = quantize(&old, &samples).unwrap();
        assert_eq!(new, quantize(&old, &samples).unwrap());
        assert!(matches!(quantize(&new, &samples), Err(QuantizeError::Already { .. })));
        assert!(matches!(quantize(&old, &[]), Err(QuantizeError::NoFaces)));
        assert!(matches!(quantize(&old[..old.len() / 2], &samples), Err(QuantizeError::Onnx(_))));
    }

    /// One convolution, all of whose weights are `weight`, then a Relu.
    fn single(weight: f32, bias: f32, channels: i64) -> Vec<u8> {
        let mut graph = GraphBuilder::new("single", Quantization::None);
        let face = graph.input("face", &[1, 3, 32, 32]);
        graph.input("age", &[1, 6]);
        let weight = graph.floats("w", &[channels, 3, 1, 1], &vec![weight; 3 * channels as usize]);
        let bias = graph.floats("b", &[channels], &vec![bias; channels as usize]);
        graph.node("Conv", &[&face, &weight, &bias], "y", &[("kernel_shape", Attribute::Ints(vec![1, 1]))]);
        graph.node("Relu", &["y"], "aged", &[]);
        graph.output("aged", &[1, channels, 32, 32]);
        graph.finish().unwrap()
    }

    #[test]
    fn a_bias_far_above_its_weights_is_kept() {
        let onnx = quantize(&single(1e-12, 3.0, 8), &samples(vec![synthetic(32, 0), synthetic(32, 1)])).unwrap();
        let model = ModelProto::decode(&onnx[..]).unwrap().graph.unwrap();
        let tensor = |name: &str| model.initializer.iter().find(|tensor| tensor.name == name).unwrap().raw_data.clone();
        let (bias, scale) = (tensor("y.bias.int32"), tensor("y.bias.scale"));
        let value = f64::from(i32::from_le_bytes(bias[..4].try_into().unwrap()))
            * f64::from(f32::from_le_bytes(scale[..4].try_into().unwrap()));
        assert!((value - 3.0).abs() < 1e-4, "{value}");
    }

    #[test]
    fn a_net_without_a_layer_to_quantize_is_refused() {
        let refused = quantize(&single(0.5, 0.0, 4), &samples(vec![synthetic(32, 0)]));
        assert!(matches!(refused, Err(QuantizeError::Nothing)), "{refused:?}");
    }
}
