//! What the values inside the float generator are on real faces: the graph in tract, with the byte maps as its outputs, run over
//! all samples twice: first for the ends of each channel, then for how often each value comes between them.

use super::QuantizeError;
use super::graph::FloatGraph;
use super::layers::Plan;
use super::range::{Histogram, Scale};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use shared::condition::AGES;
use shared::{Condition, Decade};
use std::collections::HashMap;
use tract_onnx::prelude::*;

/// Seeds the ages between the decades' middles.
const SEED: u64 = 20261128;

/// A face with an age that it is aged to.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// `[3, S, S]` in −1..1.
    pub face: Vec<f32>,
    pub age: Condition,
}

/// Each face twice: at a decade, which come in turn, and at any age.
pub fn samples(faces: Vec<Vec<f32>>) -> Vec<Sample> {
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut samples = Vec::with_capacity(2 * faces.len());
    for (face, decade) in faces.into_iter().zip(Decade::ALL.into_iter().cycle()) {
        let decade = Condition::one_hot(decade);
        let any = Condition::at_age(random.random_range(AGES)).unwrap_or(decade);
        samples.push(Sample { face: face.clone(), age: decade });
        samples.push(Sample { face, age: any });
    }
    samples
}

/// The float graph, ready to give some of its values.
pub struct Runner {
    state: TypedSimpleState,
    names: Vec<String>,
}

impl Runner {
    /// Gives the values named `outputs`, in this order.
    pub fn new(graph: &FloatGraph, outputs: &[&str]) -> Result<Self, QuantizeError> {
        // Else an input that is asked for as an output loses its shape.
        let reader = tract_onnx::onnx().with_ignore_output_shapes(false);
        let model = reader.model_for_proto_model(&graph.model(outputs)).map_err(run_error)?;
        let plan = model.into_optimized().and_then(|model| model.into_runnable()).map_err(run_error)?;
        let names = outputs.iter().map(|&name| name.to_owned()).collect();
        Ok(Self { state: plan.spawn().map_err(run_error)?, names })
    }

    /// Shapes of the outputs.
    pub fn shapes(&self) -> Result<Vec<Vec<usize>>, QuantizeError> {
        let model = self.state.model();
        let shape = |i: usize| {
            let fact = model.output_fact(i).map_err(run_error)?;
            let shape = fact.shape.as_concrete().map(<[usize]>::to_vec);
            shape.ok_or_else(|| QuantizeError::Onnx(format!("`{}` has no fixed shape", self.names[i])))
        };
        (0..self.names.len()).map(shape).collect()
    }

    /// Runs one sample and shows the outputs: index, shape and values.
    pub fn run(&mut self, sample: &Sample, mut see: impl FnMut(usize, &[usize], &[f32])) -> Result<(), QuantizeError> {
        let side = (sample.face.len() as f64 / 3.0).sqrt() as usize;
        let face = Tensor::from_shape(&[1, 3, side, side], &sample.face).map_err(run_error)?;
        let age = Tensor::from_shape(&[1, sample.age.weights().len()], sample.age.weights()).map_err(run_error)?;
        let outputs = self.state.run(tvec!(face.into(), age.into())).map_err(run_error)?;
        for (i, output) in outputs.iter().enumerate() {
            let plain = output.try_as_plain_ram().map_err(run_error)?;
            let values = plain.as_slice::<f32>().map_err(run_error)?;
            if !values.iter().all(|value| value.is_finite()) {
                return Err(QuantizeError::NotFinite(self.names[i].clone()));
            }
            see(i, output.shape(), values);
        }
        Ok(())
    }
}

fn run_error(error: TractError) -> QuantizeError {
    QuantizeError::Run(format!("{error:#}"))
}

/// What the channels of a byte map were.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Channels {
    pub low: Vec<f32>,
    pub high: Vec<f32>,
    /// Mean over the pictures of the variance inside a picture.
    pub variance: Vec<f64>,
}

impl Channels {
    fn add(&mut self, shape: &[usize], values: &[f32], weight: f64) {
        let count = shape[1];
        self.low.resize(count, f32::INFINITY);
        self.high.resize(count, f32::NEG_INFINITY);
        self.variance.resize(count, 0.0);
        for (channel, plane) in values.chunks_exact(values.len() / count).enumerate() {
            let (mut low, mut high, mut sum, mut square) = (f32::INFINITY, f32::NEG_INFINITY, 0.0, 0.0);
            for &value in plane {
                (low, high) = (low.min(value), high.max(value));
                sum += f64::from(value);
                square += f64::from(value) * f64::from(value);
            }
            let mean = sum / plane.len() as f64;
            self.low[channel] = self.low[channel].min(low);
            self.high[channel] = self.high[channel].max(high);
            self.variance[channel] += weight * (square / plane.len() as f64 - mean * mean).max(0.0);
        }
    }

    /// Ends over all channels.
    fn ends(&self) -> (f32, f32) {
        let low = self.low.iter().copied().fold(f32::INFINITY, f32::min);
        (low, self.high.iter().copied().fold(f32::NEG_INFINITY, f32::max))
    }
}

/// The first pass: the channels of every byte map.
#[derive(Clone, Debug)]
pub struct Survey(pub HashMap<String, Channels>);

impl Survey {
    pub fn new(graph: &FloatGraph, plan: &Plan, samples: &[Sample]) -> Result<Self, QuantizeError> {
        let names: Vec<&str> = plan.maps.iter().map(String::as_str).collect();
        let mut runner = Runner::new(graph, &names)?;
        let mut channels = vec![Channels::default(); names.len()];
        let weight = 1.0 / samples.len() as f64;
        for sample in samples {
            runner.run(sample, |map, shape, values| channels[map].add(shape, values, weight))?;
        }
        Ok(Self(plan.maps.iter().cloned().zip(channels).collect()))
    }

    /// The second pass: a scale for every byte map. The survey's ends must be those of this graph.
    pub fn scales(
        &self,
        graph: &FloatGraph,
        plan: &Plan,
        samples: &[Sample],
    ) -> Result<HashMap<String, Scale>, QuantizeError> {
        let names: Vec<&str> = plan.maps.iter().map(String::as_str).collect();
        let mut runner = Runner::new(graph, &names)?;
        let ends = |map: &String| self.0.get(map).map_or((0.0, 0.0), Channels::ends);
        let mut histograms: Vec<Histogram> =
            plan.maps.iter().map(ends).map(|(low, high)| Histogram::new(low, high)).collect();
        for sample in samples {
            runner.run(sample, |map, _, values| histograms[map].add(values))?;
        }
        Ok(plan.maps.iter().cloned().zip(histograms.iter().map(Histogram::scale)).collect())
    }
}
