//! One face and one condition through each engine that may run a generator: the net itself in tch, the graph in the
//! mirror's own ager (tract), the graph in onnxruntime ([`super::onnxruntime`]). All give the aged face and the middle layers.

use super::operators::values;
use crate::nets::{Generator, Stage};
use crate::prior::filters::LUMA;
use edge::ager::{Ager, AgerError};
use edge::bundle::Bundle;
use shared::manifest::Kind;
use shared::{Condition, Manifest};
use std::borrow::Cow;
use tch::Tensor;

/// What an engine gives for one face.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// `[3, S, S]` in −1..1; of kind `edit` the painted face, not yet reshaped.
    pub aged: Vec<f32>,
    /// By name, `[C, H, W]`; of kind `edit` with the `flow`.
    pub features: Vec<(String, Vec<f32>)>,
}

/// Why an engine gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Ager(#[from] AgerError),
    #[error("onnxruntime: {0}")]
    OnnxRuntime(String),
    #[error("the generator wants a face of {expected} values, not {found}")]
    Face { expected: usize, found: usize },
    #[error("the generator gives no output `{0}` of the size that its kind asks for")]
    Output(&'static str),
}

/// Runs a generator.
pub trait Engine {
    /// `face` is `[3, S, S]` in −1..1.
    fn run(&mut self, face: &[f32], age: &Condition) -> Result<Seen, EngineError>;
}

/// The net with float weights, in libtorch.
pub struct TchEngine<'a> {
    generator: &'a Generator,
    features: Vec<Stage>,
}

impl<'a> TchEngine<'a> {
    pub fn new(generator: &'a Generator, features: &[Stage]) -> Self {
        Self { generator, features: features.to_vec() }
    }
}

impl Engine for TchEngine<'_> {
    fn run(&mut self, pixels: &[f32], age: &Condition) -> Result<Seen, EngineError> {
        let size = self.generator.config.size;
        let expected = (3 * size * size) as usize;
        if pixels.len() != expected {
            return Err(EngineError::Face { expected, found: pixels.len() });
        }
        let device = self.generator.stem.weight.device();
        let face = Tensor::from_slice(pixels).view([1, 3, size, size]).to_device(device);
        let age = Tensor::from_slice(age.weights()).unsqueeze(0).to_device(device);
        let (walked, output) = tch::no_grad(|| self.generator.walk(&face, &age));
        let asked = walked.iter().filter(|(stage, _)| self.features.contains(stage));
        let mut features: Vec<_> = asked.map(|(stage, features)| (stage.name(), values(features))).collect();
        let Some(edit) = &output.edit else { return Ok(Seen { aged: values(&output.aged), features }) };
        features.push((FLOW.into(), values(&edit.flow)));
        let [change, detail, smooth] = [&edit.change, &edit.detail, &edit.smooth].map(values);
        Ok(Seen { aged: painted(pixels, &change, &detail, &smooth), features })
    }
}

/// A graph in tract, loaded and run by the mirror's own code.
pub struct MirrorEngine(Ager, Kind);

impl MirrorEngine {
    /// `manifest` tells kind, size and features of the graph.
    pub fn new(manifest: &Manifest, onnx: &[u8]) -> Result<Self, EngineError> {
        let bundle = Bundle { manifest: manifest.clone(), generator: Cow::Owned(onnx.to_vec()) };
        Ok(Self(Ager::with_features(&bundle)?, manifest.kind))
    }
}

impl Engine for MirrorEngine {
    fn run(&mut self, face: &[f32], age: &Condition) -> Result<Seen, EngineError> {
        let (edit, features) = self.0.look_inside(face, age)?;
        let mut features: Vec<_> = features.into_iter().map(|feature| (feature.name, feature.values)).collect();
        if self.1 == Kind::Edit {
            features.push((FLOW.into(), edit.flow));
        }
        Ok(Seen { aged: painted(face, &edit.change, &edit.detail, &edit.smooth), features })
    }
}

/// Name of the displacement field among the features.
const FLOW: &str = "flow";

/// `face + change + detail · (luma(face) − smooth)`, clamped to −1..1.
pub(super) fn painted(face: &[f32], change: &[f32], detail: &[f32], smooth: &[f32]) -> Vec<f32> {
    let plane = detail.len();
    let luma = |i: usize| (0..3).map(|channel| LUMA[channel] * face[channel * plane + i]).sum::<f32>();
    let finest: Vec<f32> = (0..plane).map(|i| detail[i] * (luma(i) - smooth[i])).collect();
    let values = face.iter().zip(change).zip(finest.iter().cycle());
    values.map(|((face, change), finest)| (face + change + finest).clamp(-1.0, 1.0)).collect()
}
