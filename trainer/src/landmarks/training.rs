//! The training loop: labelled faces come in, a trained net and its checkpoints go out.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use edge::face::crop::{SIDE, net_alignment};
use edge::files::write_atomic;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use shared::alignment::TEMPLATE;
use shared::geometry::FitError;
use shared::landmarks::COUNT;
use shared::{Landmarks, Point};
use tch::nn::VarStore;
use tch::{Device, Kind, TchError, Tensor};

use super::dataset::LabelledFace;
use super::net::LandmarkNet;
use super::sample::{self, Jitter, Outside, Sample};
use crate::train::optimizer::{Method, Optimizer};

const BATCH: usize = 32;
const LEARNING_RATE: f64 = 1.5e-3;
const ADAM: Method = Method::Adam { beta1: 0.9, beta2: 0.99 };
/// Steps over which the learning rate rises from nothing.
const WARM_UP: f64 = 100.0;
/// Errors below this share of the template's eye distance count squared, larger ones linearly.
const SMALL_ERROR: f64 = 0.02;
const SCORE_WEIGHT: f64 = 0.05;
const STEPS_A_REPORT: u64 = 200;
const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);

/// How long, from what and where to.
#[derive(Clone, Debug)]
pub struct Plan {
    pub steps: u64,
    /// Ends earlier if it takes longer; what is learnt then depends on the machine's speed.
    pub time: Option<Duration>,
    /// Convolutions in bf16, faster on CPUs that know it.
    pub bf16: bool,
    pub seed: u64,
    /// Where the run is kept; a run found there goes on.
    pub checkpoint: PathBuf,
}

impl Plan {
    /// Share of the run that is done, 0..1: by steps or by time, whichever ends first.
    fn progress(&self, step: u64, spent: Duration) -> f64 {
        let by_time = self.time.map_or(0.0, |time| spent.as_secs_f64() / time.as_secs_f64().max(1e-9));
        (step as f64 / self.steps.max(1) as f64).max(by_time).min(1.0)
    }

    fn minutes_left(&self, step: u64, spent: Duration) -> f64 {
        spent.as_secs_f64() / 60.0 * (1.0 / self.progress(step, spent).max(1e-9) - 1.0)
    }
}

/// What stops a training.
#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    #[error("step {step}: the loss is {loss}; start again with a lower learning rate")]
    NotFinite { step: u64, loss: f64 },
    #[error("a face's points lie on one spot: {0}")]
    Sample(#[from] FitError),
    #[error("{path} cannot be read as a checkpoint of this net: {error}; remove it to start from the beginning")]
    Resume { path: PathBuf, error: TchError },
    #[error("{path} cannot be written: {error}")]
    Checkpoint { path: PathBuf, error: io::Error },
    #[error("the checkpoint's tensors cannot be packed: {0}")]
    Pack(TchError),
    #[error("{path} was trained with seed {found}, not {asked}; name another checkpoint or remove it")]
    Seed { path: PathBuf, found: i64, asked: u64 },
    #[error("the samples' thread ended early")]
    Samples,
}

/// A net between its first step and its last.
pub struct Run {
    store: VarStore,
    pub net: LandmarkNet,
    optimizer: Optimizer,
    step: u64,
    /// Time spent in earlier parts of the run.
    spent: Duration,
}

impl Run {
    /// A net that says the mean face for every picture.
    pub fn new(seed: u64, mean: &[f32]) -> Self {
        tch::manual_seed(seed as i64);
        let store = VarStore::new(Device::Cpu);
        let mut net = LandmarkNet::new(&store.root());
        net.start_from(&Tensor::from_slice(mean));
        let optimizer = Optimizer::new(&store, ADAM);
        Self { store, net, optimizer, step: 0, spent: Duration::ZERO }
    }

    /// Samples seen so far.
    pub fn samples(&self) -> u64 {
        self.step * BATCH as u64
    }

    /// Trains to the plan's last step, from the checkpoint where there is one.
    pub fn train(&mut self, train: &[LabelledFace], val: &[LabelledFace], plan: &Plan) -> Result<(), TrainingError> {
        if plan.checkpoint.exists() {
            self.resume(plan)?;
            println!("goes on from step {} of {}", self.step, plan.checkpoint.display());
        }
        let first = self.step;
        std::thread::scope(|scope| {
            let (sender, batches) = mpsc::sync_channel(3);
            scope.spawn(move || {
                for step in first..plan.steps {
                    if sender.send(draw_batch(train, plan.seed, step)).is_err() {
                        return;
                    }
                }
            });
            self.train_on(batches, val, plan)
        })
    }

    fn train_on(
        &mut self,
        batches: mpsc::Receiver<Result<Vec<Sample>, FitError>>,
        val: &[LabelledFace],
        plan: &Plan,
    ) -> Result<(), TrainingError> {
        let (first, start) = (self.step, Instant::now());
        let (mut saved, mut mean_loss, spent) = (start, 0.0, self.spent);
        while plan.progress(self.step, self.spent) < 1.0 {
            let batch = batches.recv().map_err(|_| TrainingError::Samples)??;
            let loss = self.learn(&batch, plan);
            self.spent = spent + start.elapsed();
            if !loss.is_finite() {
                return Err(TrainingError::NotFinite { step: self.step, loss });
            }
            mean_loss += loss / STEPS_A_REPORT as f64;
            if self.step.is_multiple_of(STEPS_A_REPORT) {
                let rate = BATCH as f64 * (self.step - first) as f64 / start.elapsed().as_secs_f64();
                let left = plan.minutes_left(self.step, self.spent);
                let error = self.error(val, val.len().min(256))?;
                println!(
                    "step {:6}/{}  loss {mean_loss:.5}  error on val {:.2} %  {rate:.0} samples/s, {left:.1} minutes left",
                    self.step,
                    plan.steps,
                    100.0 * error
                );
                mean_loss = 0.0;
            }
            if saved.elapsed() > CHECKPOINT_EVERY || plan.progress(self.step, self.spent) >= 1.0 {
                self.save(plan)?;
                saved = Instant::now();
            }
        }
        Ok(())
    }

    /// One step; the loss before it.
    fn learn(&mut self, batch: &[Sample], plan: &Plan) -> f64 {
        let (squares, points, is_face) = tensors(batch);
        self.optimizer.zero_grad();
        let (found, logits) = self.net.forward(&squares, true, if plan.bf16 { Kind::BFloat16 } else { Kind::Float });
        let eye_distance = f64::from(TEMPLATE.left_eye.distance(TEMPLATE.right_eye));
        let misses = found.smooth_l1_loss(&points, tch::Reduction::None, SMALL_ERROR * eye_distance) / eye_distance;
        let misses = (misses.mean_dim(1, true, Kind::Float) * &is_face).sum(Kind::Float)
            / is_face.sum(Kind::Float).clamp_min(1.0);
        let doubts =
            logits.binary_cross_entropy_with_logits(&is_face, None::<&Tensor>, None::<&Tensor>, tch::Reduction::Mean);
        let loss = misses + doubts * SCORE_WEIGHT;
        loss.backward();
        self.optimizer.step(learning_rate(self.step, plan.progress(self.step, self.spent)));
        self.step += 1;
        loss.double_value(&[])
    }

    /// Mean point error over the eye distance for a first look that is off by [`Jitter::WIDE`], on the first `count` faces.
    pub fn error(&self, faces: &[LabelledFace], count: usize) -> Result<f64, FitError> {
        let mut sum = 0.0;
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        for chunk in faces[..count].chunks(64) {
            let jitters: Vec<_> = chunk.iter().map(|_| Jitter::WIDE.draw(&mut rng)).collect();
            let batch = (chunk.iter().zip(&jitters))
                .map(|(face, jitter)| {
                    let (square, points) = sample::cut(face, false, jitter, &Outside::Border)?;
                    Ok(Sample { square, points: Some(points) })
                })
                .collect::<Result<Vec<_>, FitError>>()?;
            let (squares, _, _) = tensors(&batch);
            let found = tch::no_grad(|| self.net.forward(&squares, false, Kind::Float).0);
            for (i, sample) in batch.iter().enumerate() {
                let values = Vec::<f32>::try_from(found.get(i as i64)).unwrap_or_default();
                let found = Landmarks(std::array::from_fn(|k| Point::new(values[2 * k], values[2 * k + 1])));
                sum += sample.points.map_or(0.0, |truth| f64::from(found.error(&truth)));
            }
        }
        Ok(sum / count.max(1) as f64)
    }

    fn save(&self, plan: &Plan) -> Result<(), TrainingError> {
        let mut named: Vec<_> =
            self.store.variables().into_iter().map(|(name, t)| (format!("net.{name}"), t)).collect();
        named.extend(self.optimizer.state().into_iter().map(|(name, t)| (format!("optimizer.{name}"), t)));
        named.push(("step".into(), Tensor::from(self.step as i64)));
        named.push(("milliseconds".into(), Tensor::from(self.spent.as_millis() as i64)));
        named.push(("seed".into(), Tensor::from(plan.seed as i64)));
        let mut bytes = Vec::new();
        Tensor::save_multi_to_stream(&named, &mut bytes).map_err(TrainingError::Pack)?;
        write_atomic(&plan.checkpoint, &bytes)
            .map_err(|error| TrainingError::Checkpoint { path: plan.checkpoint.clone(), error })
    }

    fn resume(&mut self, plan: &Plan) -> Result<(), TrainingError> {
        let seed = self
            .load(&plan.checkpoint)
            .map_err(|error| TrainingError::Resume { path: plan.checkpoint.clone(), error })?;
        if seed != plan.seed as i64 {
            return Err(TrainingError::Seed { path: plan.checkpoint.clone(), found: seed, asked: plan.seed });
        }
        Ok(())
    }

    /// Takes over a checkpoint; its seed.
    fn load(&mut self, path: &Path) -> Result<i64, TchError> {
        // libtorch's archive has `|` where names have dots.
        let named: Vec<_> =
            Tensor::load_multi(path)?.into_iter().map(|(name, t)| (name.replace('|', "."), t)).collect();
        let find = |name: &str| {
            let found = named.iter().find(|(other, _)| other == name).map(|(_, tensor)| tensor);
            found.ok_or_else(|| TchError::FileFormat(format!("it holds no `{name}`")))
        };
        for (name, mut variable) in self.store.variables() {
            tch::no_grad(|| variable.f_copy_(find(&format!("net.{name}"))?).map(|_| ()))?;
        }
        let of_optimizer =
            |(name, t): &(String, Tensor)| Some((name.strip_prefix("optimizer.")?.to_owned(), t.shallow_clone()));
        self.optimizer.load_state(&named.iter().filter_map(of_optimizer).collect::<Vec<_>>())?;
        self.step = i64::try_from(find("step")?)? as u64;
        self.spent = Duration::from_millis(i64::try_from(find("milliseconds")?)? as u64);
        i64::try_from(find("seed")?)
    }
}

/// Rises over the first steps, then falls along half a cosine.
fn learning_rate(step: u64, progress: f64) -> f64 {
    let rise = ((step + 1) as f64 / WARM_UP).min(1.0);
    LEARNING_RATE * rise * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
}

fn draw_batch(faces: &[LabelledFace], seed: u64, step: u64) -> Result<Vec<Sample>, FitError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ step);
    let seeds: Vec<u64> = (0..BATCH).map(|_| rng.random()).collect();
    seeds.into_par_iter().map(|seed| sample::draw(faces, seed)).collect()
}

/// Squares `[N, 1, SIDE, SIDE]`, points `[N, 136]` (zeros for no face) and "is a face" `[N, 1]`.
fn tensors(batch: &[Sample]) -> (Tensor, Tensor, Tensor) {
    let (n, side) = (batch.len() as i64, SIDE as i64);
    let squares: Vec<f32> = batch.iter().flat_map(|sample| sample.square.iter().copied()).collect();
    let points: Vec<f32> =
        batch.iter().flat_map(|s| s.points.as_ref().map_or([0.0; 2 * COUNT], sample::flat)).collect();
    let is_face: Vec<f32> = batch.iter().map(|sample| f32::from(u8::from(sample.points.is_some()))).collect();
    (
        Tensor::from_slice(&squares).view([n, 1, side, side]),
        Tensor::from_slice(&points).view([n, -1]),
        Tensor::from_slice(&is_face).view([n, 1]),
    )
}

/// The mean of the aligned faces' points in units of the square, `x0, y0, x1, …`.
pub fn mean_points(faces: &[LabelledFace]) -> Result<Vec<f32>, FitError> {
    let mut mean = vec![0.0; 2 * COUNT];
    for face in faces {
        let aligned = face.landmarks.map(&net_alignment(&face.landmarks.five())?);
        for (sum, value) in mean.iter_mut().zip(sample::flat(&aligned)) {
            *sum += value / faces.len() as f32;
        }
    }
    Ok(mean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::landmarks::dataset::tests::synthetic_face;

    fn plan(folder: &Path, steps: u64) -> Plan {
        Plan { steps, time: None, bf16: false, seed: 4, checkpoint: folder.join("run.checkpoint") }
    }

    fn weights(run: &Run) -> Vec<(String, Tensor)> {
        let mut named: Vec<_> = run.store.variables().into_iter().collect();
        named.sort_by(|a, b| a.0.cmp(&b.0));
        named
    }

    #[test]
    fn a_resumed_run_reaches_the_weights_of_an_unbroken_one() {
        let faces: Vec<_> = (0..6).map(synthetic_face).collect();
        let mean = mean_points(&faces).unwrap();
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [whole, broken] = folders.each_ref().map(|folder| plan(folder.path(), 4));
        // Other tests draw from libtorch's generator too, so both start from one file.
        let mut first = Run::new(4, &mean);
        first.save(&whole).unwrap();
        let mut unbroken = Run::new(4, &mean);
        unbroken.train(&faces, &faces, &whole).unwrap();

        for step in 0..2 {
            first.learn(&draw_batch(&faces, broken.seed, step).unwrap(), &broken);
        }
        first.save(&broken).unwrap();
        let mut second = Run::new(99, &mean);
        second.train(&faces, &faces, &broken).unwrap();
        for ((name, a), (_, b)) in weights(&unbroken).iter().zip(weights(&second)) {
            assert_eq!(a, &b, "{name}");
        }
    }

    #[test]
    fn learning_brings_the_points_closer() {
        let faces: Vec<_> = (0..4).map(synthetic_face).collect();
        let mut run = Run::new(1, &[0.5; 2 * COUNT]);
        let folder = tempfile::tempdir().unwrap();
        let batch = draw_batch(&faces, 1, 0).unwrap();
        let plan = plan(folder.path(), 1000);
        let losses: Vec<f64> = (0..30).map(|_| run.learn(&batch, &plan)).collect();
        assert!(losses[29] < 0.7 * losses[0], "{losses:?}");
    }

    #[test]
    fn foreign_checkpoints_are_refused() {
        let faces = vec![synthetic_face(0)];
        let folder = tempfile::tempdir().unwrap();
        let plan = plan(folder.path(), 1);
        std::fs::write(&plan.checkpoint, b"no checkpoint").unwrap();
        let mean = mean_points(&faces).unwrap();
        let refused = Run::new(4, &mean).train(&faces, &faces, &plan);
        assert!(matches!(refused, Err(TrainingError::Resume { .. })));
        Run::new(4, &mean).save(&plan).unwrap();
        let refused = Run::new(5, &mean).train(&faces, &faces, &Plan { seed: 5, ..plan });
        assert!(matches!(refused, Err(TrainingError::Seed { found: 4, asked: 5, .. })));
    }

    #[test]
    fn the_learning_rate_rises_then_falls_to_nothing() {
        let rates: Vec<f64> = (0..=1000).map(|step| learning_rate(step, step as f64 / 1000.0)).collect();
        assert!(rates[0] < rates[50] && rates[50] < rates[99]);
        assert!(rates[100..].windows(2).all(|pair| pair[1] <= pair[0]));
        assert!(rates[1000].abs() < 1e-12);
    }
}
