//! One face and one condition through each engine that may run a generator: the net itself in tch, the graph in the
//! mirror's own ager (tract), the graph in onnxruntime ([`super::onnxruntime`]). All give the aged face and the middle layers.

use crate::nets::{Generator, Stage};
use edge::ager::{Ager, AgerError};
use edge::bundle::Bundle;
use shared::{Condition, Manifest};
use std::borrow::Cow;
use tch::Tensor;

/// What an engine gives for one face.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// `[3, S, S]` in −1..1.
    pub aged: Vec<f32>,
    /// By name, `[C, H, W]`.
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
    fn run(&mut self, face: &[f32], age: &Condition) -> Result<Seen, EngineError> {
        let size = self.generator.config.size;
        let expected = (3 * size * size) as usize;
        if face.len() != expected {
            return Err(EngineError::Face { expected, found: face.len() });
        }
        let device = self.generator.stem.weight.device();
        let face = Tensor::from_slice(face).view([1, 3, size, size]).to_device(device);
        let age = Tensor::from_slice(age.weights()).unsqueeze(0).to_device(device);
        let (walked, output) = tch::no_grad(|| self.generator.walk(&face, &age));
        let asked = walked.iter().filter(|(stage, _)| self.features.contains(stage));
        let features = asked.map(|(stage, features)| (stage.name(), super::operators::values(features)));
        Ok(Seen { aged: super::operators::values(&output.aged), features: features.collect() })
    }
}

/// A graph in tract, loaded and run by the mirror's own code.
pub struct MirrorEngine(Ager);

impl MirrorEngine {
    /// `manifest` tells kind, size and features of the graph.
    pub fn new(manifest: &Manifest, onnx: &[u8]) -> Result<Self, EngineError> {
        let bundle = Bundle { manifest: manifest.clone(), generator: Cow::Owned(onnx.to_vec()) };
        Ok(Self(Ager::with_features(&bundle)?))
    }
}

impl Engine for MirrorEngine {
    fn run(&mut self, face: &[f32], age: &Condition) -> Result<Seen, EngineError> {
        let (edit, features) = self.0.look_inside(face, age)?;
        let aged = face.iter().zip(&edit.change).map(|(face, delta)| (face + delta).clamp(-1.0, 1.0)).collect();
        Ok(Seen { aged, features: features.into_iter().map(|feature| (feature.name, feature.values)).collect() })
    }
}
