//! The visitor net learns from the cache's labels, against small perturbations made to mislead it (Madry et al. 2018), so that
//! its gradients point at what people see too. Can be stopped and gone on with: what a step draws depends on the seed and the
//! step alone, and everything else is in [`PART`].

use super::readings::Quality;
use super::vary::{misled, noisy, varied};
use super::{VisitorError, write_whole};
use crate::data::cache::{Cache, Gender, Split};
use crate::nets::{Impression, Visitor};
use crate::recipe::VisitorRecipe;
use crate::train::batches::{self, Draw};
use crate::train::losses::cross_entropy;
use crate::train::optimizer::{Method, Optimizer};
use crate::train::random::{Purpose, stream};
use indicatif::{ProgressBar, ProgressStyle};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use shared::{Decade, decade};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use tch::nn::VarStore;
use tch::{Device, Kind, TchError, Tensor, no_grad};

/// What an unfinished training leaves in the run's folder.
pub const PART: &str = "visitor-part.safetensors";
/// Steps after which it is written anew.
const SAVE_EVERY: u64 = 500;
const LEARNING_RATE: f64 = 0.002;
const SMOOTHING: f64 = 0.1;
const AVERAGE: f64 = 0.995;
const CODE_WEIGHT: f64 = 0.3;

/// A visitor net in the making.
pub struct Training<'a> {
    cache: &'a Cache,
    recipe: VisitorRecipe,
    seed: u64,
    device: Device,
    /// Training faces of each decade that has any.
    shelves: Vec<Vec<usize>>,
    store: VarStore,
    net: Visitor,
    average: VarStore,
    mean: Visitor,
    optimizer: Optimizer,
    /// Steps done.
    step: u64,
    /// Share of decades read right, averaged over about the last hundred batches, and its weight.
    right: (f64, f64),
}

impl<'a> Training<'a> {
    pub fn new(cache: &'a Cache, recipe: VisitorRecipe, seed: u64, device: Device) -> Self {
        tch::manual_seed(seed as i64);
        let (store, average) = (VarStore::new(device), VarStore::new(device));
        let (net, mean) = (Visitor::new(&store.root()), Visitor::new(&average.root()));
        mean.copy(&net);
        let optimizer = Optimizer::new(&store, Method::Adam { beta1: 0.9, beta2: 0.999 });
        let shelves = Decade::ALL.map(|decade| cache.indices(Split::Train, decade));
        let shelves = shelves.into_iter().filter(|shelf| !shelf.is_empty()).collect();
        Self { cache, recipe, seed, device, shelves, store, net, average, mean, optimizer, step: 0, right: (0.0, 0.0) }
    }

    /// All steps that are left; the averaged weights come out. When `stop` is set, what is done is saved and left.
    pub fn run(mut self, run: &Path, stop: &AtomicBool) -> Result<VarStore, VisitorError> {
        self.resume(run)?;
        let steps = self.recipe.steps;
        let progress = progress(self.step, steps);
        while self.step < steps {
            self.learn()?;
            let right = 100.0 * self.right.0 / self.right.1;
            progress.set_position(self.step);
            progress.set_message(format!("{right:.0} % of decades right (misled, of the last 100 batches)"));
            if progress.is_hidden() && self.step.is_multiple_of(250) {
                println!("visitor net, step {} of {steps}: {right:.0} % right", self.step);
            }
            let stopped = stop.load(Ordering::Relaxed);
            if stopped || self.step.is_multiple_of(SAVE_EVERY) {
                self.save(run)?;
            }
            if stopped {
                return Err(VisitorError::Interrupted { step: self.step });
            }
        }
        progress.finish_and_clear();
        println!("visitor net: {}", Quality::on_val(self.cache, &self.mean, self.device)?);
        Ok(self.average)
    }

    /// One step.
    fn learn(&mut self) -> Result<(), VisitorError> {
        let (step, steps) = (self.step, self.recipe.steps);
        let mut rng = stream(self.seed, Purpose::Visitor, step);
        let draws = self.draw(&mut rng);
        // Grain, perturbations and dropout draw from libtorch's own generator.
        tch::manual_seed(rng.random::<u32>().into());
        let faces = batches::load(self.cache, &draws, self.device)?;
        let labels = Labels::of(&faces);
        let small = no_grad(|| noisy(&varied(&faces.pictures, &mut rng)));
        let ramp = (step as f64 / (0.3 * steps as f64)).min(1.0);
        let small = misled(&self.net, &small, &labels, self.recipe.perturbation * ramp);
        let read = self.net.read(&small, true);
        self.optimizer.zero_grad();
        labels.loss(&read).backward();
        self.optimizer.step(rate(step, steps));
        self.mean.follow(&self.net, AVERAGE.min((1.0 + step as f64) / (10.0 + step as f64)));
        let hits = read.decade.argmax(1, false).eq_tensor(&labels.decade.argmax(1, false)).to_kind(Kind::Float);
        let (right, seen) = self.right;
        self.right = (0.99 * right + hits.mean(Kind::Float).double_value(&[]), 0.99 * seen + 1.0);
        self.step += 1;
        Ok(())
    }

    /// Every decade equally often.
    fn draw(&self, rng: &mut ChaCha8Rng) -> Vec<Draw> {
        let mut one = || {
            let shelf = &self.shelves[rng.random_range(0..self.shelves.len())];
            Draw { index: shelf[rng.random_range(0..shelf.len())], mirrored: rng.random() }
        };
        (0..self.recipe.batch).map(|_| one()).collect()
    }

    fn save(&self, run: &Path) -> Result<(), VisitorError> {
        let path = run.join(PART);
        let mut all = vec![
            ("recipe".to_owned(), Tensor::from_slice(self.told().as_bytes())),
            ("step".to_owned(), Tensor::from(self.step as i64)),
            ("right".to_owned(), Tensor::from_slice(&[self.right.0, self.right.1])),
        ];
        for (prefix, tensors) in self.parts() {
            all.extend(tensors.into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)));
        }
        write_whole(&path, &all).map_err(|source| VisitorError::Write { path, source })
    }

    /// Takes up what an earlier start left, if it did.
    fn resume(&mut self, run: &Path) -> Result<(), VisitorError> {
        let path = run.join(PART);
        if !path.exists() {
            return Ok(());
        }
        let read = |source| VisitorError::Read { path: path.clone(), source };
        let saved = Tensor::read_safetensors(&path).map_err(read)?;
        let find = |name: &str| {
            let found = saved.iter().find(|(other, _)| other == name).map(|(_, tensor)| tensor);
            found.ok_or_else(|| read(TchError::FileFormat(format!("it holds no `{name}`"))))
        };
        if Vec::<u8>::try_from(find("recipe")?).map_err(read)? != self.told().into_bytes() {
            return Err(VisitorError::Other { path });
        }
        for (prefix, tensors) in self.parts().into_iter().take(2) {
            for (name, mut tensor) in tensors {
                no_grad(|| tensor.f_copy_(find(&format!("{prefix}{name}"))?).map_err(read))?;
            }
        }
        let under = |(name, tensor): &(String, Tensor)| {
            Some((name.strip_prefix(OPTIMIZER)?.to_owned(), tensor.shallow_clone()))
        };
        self.optimizer.load_state(&saved.iter().filter_map(under).collect::<Vec<_>>()).map_err(read)?;
        self.step = i64::try_from(find("step")?).map_err(read)? as u64;
        let right = find("right")?;
        self.right = (right.double_value(&[0]), right.double_value(&[1]));
        println!("visitor net: going on after step {}", self.step);
        Ok(())
    }

    /// What has to be the same for the rest of the steps to fit.
    fn told(&self) -> String {
        format!("{:?}, seed {}", self.recipe, self.seed)
    }

    /// All that is learned: two nets and what the optimizer remembers.
    fn parts(&self) -> [(&'static str, Vec<(String, Tensor)>); 3] {
        let variables = |store: &VarStore| store.variables().into_iter().collect();
        [("net.", variables(&self.store)), ("mean.", variables(&self.average)), (OPTIMIZER, self.optimizer.state())]
    }
}

const OPTIMIZER: &str = "optimizer.";

fn rate(step: u64, steps: u64) -> f64 {
    let done = step as f64 / steps as f64;
    let warm = ((step + 1) as f64 / 100.0).min(1.0);
    LEARNING_RATE * warm * (0.5 + 0.5 * (std::f64::consts::PI * done).cos()) + 1e-6
}

/// What faces should be read as.
pub struct Labels {
    /// `[N, 6]`, smoothed.
    decade: Tensor,
    /// `[N, 2]`; equal shares where the gender is not known.
    code: Tensor,
}

impl Labels {
    pub fn of(faces: &batches::Faces) -> Self {
        let code = faces.genders.iter().flat_map(|gender| match gender {
            Some(Gender::Male) => [1.0f32, 0.0],
            Some(Gender::Female) => [0.0, 1.0],
            None => [0.5, 0.5],
        });
        let code = Tensor::from_slice(&code.collect::<Vec<_>>()).view([-1, 2]).to_device(faces.ages.device());
        Self { decade: &faces.ages * (1.0 - SMOOTHING) + SMOOTHING / decade::COUNT as f64, code }
    }

    pub fn loss(&self, read: &Impression) -> Tensor {
        let [decade, code] = [(&read.decade, &self.decade), (&read.code, &self.code)]
            .map(|(logits, shares)| cross_entropy(logits, shares).mean(Kind::Float));
        decade + code * CODE_WEIGHT
    }
}

fn progress(done: u64, steps: u64) -> ProgressBar {
    let bar = ProgressBar::new(steps).with_position(done);
    let style = ProgressStyle::with_template("visitor net {pos}/{len} [{elapsed}, {eta} left] {wide_msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.reset_eta();
    bar
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::batches::tests::cache;

    const RECIPE: VisitorRecipe = VisitorRecipe { steps: 6, batch: 4, perturbation: 0.5 };

    /// The weights after all steps, stopped after the steps in `stops`.
    fn trained(run: &Path, cache: &Cache, stops: &[u64]) -> Vec<(String, Tensor)> {
        for &stop in stops {
            let mut training = Training::new(cache, RECIPE, 3, Device::Cpu);
            training.resume(run).unwrap();
            while training.step < stop {
                training.learn().unwrap();
            }
            training.save(run).unwrap();
        }
        let store = Training::new(cache, RECIPE, 3, Device::Cpu).run(run, &AtomicBool::new(false)).unwrap();
        let mut all: Vec<_> = store.variables().into_iter().collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    #[test]
    fn a_stopped_training_reaches_the_same_weights_bit_for_bit() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let cache = cache(&folders[2].path().join("cache"), 32, 54);
        let straight = trained(folders[0].path(), &cache, &[]);
        let broken = trained(folders[1].path(), &cache, &[2, 5]);
        for ((name, a), (_, b)) in straight.iter().zip(&broken) {
            assert_eq!(a, b, "{name}");
        }
    }

    #[test]
    fn a_wish_to_stop_saves_and_leaves_and_another_recipe_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(&folder.path().join("cache"), 32, 54);
        let stopped = Training::new(&cache, RECIPE, 3, Device::Cpu).run(folder.path(), &AtomicBool::new(true));
        assert!(matches!(stopped, Err(VisitorError::Interrupted { step: 1 })));
        let longer = VisitorRecipe { steps: 9, ..RECIPE };
        let other = Training::new(&cache, longer, 3, Device::Cpu).run(folder.path(), &AtomicBool::new(false));
        assert!(matches!(other, Err(VisitorError::Other { .. })));
        std::fs::write(folder.path().join(PART), b"nonsense").unwrap();
        let broken = Training::new(&cache, RECIPE, 3, Device::Cpu).run(folder.path(), &AtomicBool::new(false));
        assert!(matches!(broken, Err(VisitorError::Read { .. })));
    }
}
