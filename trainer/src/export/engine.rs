//! One face and one condition through each engine that may run a generator: the net itself in tch, the graph in tract, as on
//! the device (onnxruntime: see [`super::onnxruntime`]). All give the same named outputs in the same order, which [`aged`]
//! makes the aged face of.

use super::generator::kind;
use crate::nets::{Generator, Stage};
use shared::Condition;
use shared::manifest::Kind;
use std::sync::Arc;
use tch::Tensor;
use tract_onnx::prelude::{Framework, InferenceModelExt, IntoRunnable, TValue, TypedRunnableModel, tvec};
use tract_onnx::tract_hir::internal::{InferenceModel, TractResult};

/// Named outputs in the graph's order, row-major.
pub type Outputs = Vec<(String, Vec<f32>)>;

/// Why an engine gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("tract: {0}")]
    Tract(String),
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
    fn run(&mut self, face: &[f32], age: &Condition) -> Result<Outputs, EngineError>;
}

/// The aged face `[3, S, S]` in −1..1 out of a generator's outputs.
pub fn aged(kind: Kind, face: &[f32], outputs: &Outputs) -> Result<Vec<f32>, EngineError> {
    let find = |name: &'static str, values: usize| {
        let found = outputs.iter().find(|(other, data)| other == name && data.len() == values);
        found.map(|(_, data)| data).ok_or(EngineError::Output(name))
    };
    match kind {
        Kind::Rgb => find("aged", face.len()).cloned(),
        Kind::Edit => {
            let (delta, mask) = (find("delta", face.len())?, find("mask", face.len() / 3)?);
            let edited = |((face, delta), mask): ((&f32, &f32), &f32)| (face + delta * mask).clamp(-1.0, 1.0);
            Ok(face.iter().zip(delta).zip(mask.iter().cycle()).map(edited).collect())
        }
    }
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
    fn run(&mut self, face: &[f32], age: &Condition) -> Result<Outputs, EngineError> {
        let config = self.generator.config;
        let expected = (3 * config.size * config.size) as usize;
        if face.len() != expected {
            return Err(EngineError::Face { expected, found: face.len() });
        }
        let device = self.generator.stem.weight.device();
        let face = Tensor::from_slice(face).view([1, 3, config.size, config.size]).to_device(device);
        let age = Tensor::from_slice(age.weights()).unsqueeze(0).to_device(device);
        tch::no_grad(|| {
            let (walked, output) = self.generator.walk(&face, &age);
            let mut tensors = match (kind(config.head), output.edit) {
                (Kind::Edit, Some((delta, mask))) => vec![("delta".to_owned(), delta), ("mask".to_owned(), mask)],
                _ => vec![("aged".to_owned(), output.aged)],
            };
            for &asked in &self.features {
                let found = walked.iter().find(|(stage, _)| *stage == asked);
                tensors.extend(found.map(|(stage, features)| (stage.name(), features.shallow_clone())));
            }
            Ok(tensors.into_iter().map(|(name, tensor)| (name, super::operators::values(&tensor))).collect())
        })
    }
}

/// A graph in tract, loaded and optimised as the device does it.
pub struct TractEngine {
    plan: Arc<TypedRunnableModel>,
    size: usize,
    names: Vec<String>,
}

impl TractEngine {
    pub fn new(onnx: &[u8]) -> Result<Self, EngineError> {
        Self::load(onnx).map_err(|error| EngineError::Tract(format!("{error:#}")))
    }

    fn load(onnx: &[u8]) -> TractResult<Self> {
        let model: InferenceModel = tract_onnx::onnx().model_for_read(&mut &onnx[..])?;
        let outlets = model.output_outlets()?.iter();
        let name = |outlet: &tract_onnx::prelude::OutletId| {
            model.outlet_label(*outlet).unwrap_or(&model.node(outlet.node).name).to_owned()
        };
        let names = outlets.map(name).collect();
        let model = model.into_optimized()?;
        let size = model.input_fact(0)?.shape.as_concrete().and_then(|dims| dims.get(2).copied()).unwrap_or_default();
        Ok(Self { plan: model.into_runnable()?, size, names })
    }

    fn infer(&self, face: &[f32], age: &Condition) -> TractResult<Outputs> {
        use tract_onnx::prelude::Tensor;
        let face = Tensor::from_shape(&[1, 3, self.size, self.size], face)?;
        let age = Tensor::from_shape(&[1, age.weights().len()], age.weights())?;
        let outputs = self.plan.run(tvec!(face.into(), age.into()))?;
        let values = |(name, value): (&String, &TValue)| {
            Ok((name.clone(), value.to_plain_array_view::<f32>()?.iter().copied().collect()))
        };
        self.names.iter().zip(&outputs).map(values).collect()
    }
}

impl Engine for TractEngine {
    fn run(&mut self, face: &[f32], age: &Condition) -> Result<Outputs, EngineError> {
        let expected = 3 * self.size * self.size;
        if face.len() != expected {
            return Err(EngineError::Face { expected, found: face.len() });
        }
        self.infer(face, age).map_err(|error| EngineError::Tract(format!("{error:#}")))
    }
}
