//! The first stage of a run with head `edit`: the net that reads a face's apparent decade and code ([`crate::nets::Visitor`])
//! learns from the cache's labels, against small perturbations made to mislead it (Madry et al. 2018), so that its
//! gradients point at what people see too. Its weights go into the run's folder and from there into the generator.

use super::batches::{self, BatchError, Draw};
use super::device::Compute;
use super::losses::cross_entropy;
use super::optimizer::{Method, Optimizer};
use super::random::{Purpose, stream};
use crate::data::cache::{Cache, Gender, Split};
use crate::nets::{Impression, Visitor, halved};
use crate::recipe::VisitorRecipe;
use indicatif::{ProgressBar, ProgressStyle};
use rand::Rng;
use shared::{Decade, decade};
use std::io;
use std::path::{Path, PathBuf};
use tch::nn::VarStore;
use tch::{Device, Kind, TchError, Tensor, no_grad};

/// The weights' file in a run's folder.
pub const FILE_NAME: &str = "visitor.safetensors";
const LEARNING_RATE: f64 = 0.002;
const SMOOTHING: f64 = 0.1;
const AVERAGE: f64 = 0.995;
const CODE_WEIGHT: f64 = 0.3;

/// Why there is no visitor net.
#[derive(Debug, thiserror::Error)]
pub enum VisitorError {
    #[error(transparent)]
    Batch(#[from] BatchError),
    #[error("cannot read the visitor net `{path}` ({source}); remove it to train it again")]
    Read { path: PathBuf, source: TchError },
    #[error("cannot write `{path}`: {source}")]
    Write { path: PathBuf, source: io::Error },
}

/// Fills `visitor` from a run's folder.
pub fn load(run: &Path, visitor: &Visitor) -> Result<(), VisitorError> {
    let path = run.join(FILE_NAME);
    let mut store = VarStore::new(Device::Cpu);
    let stored = Visitor::new(&store.root());
    store.load(&path).map_err(|source| VisitorError::Read { path, source })?;
    visitor.copy(&stored);
    Ok(())
}

/// Fills `visitor` from the run's folder, where it lies from an earlier start, or trains it and leaves it there.
pub fn ensure(
    run: &Path,
    cache: &Cache,
    recipe: VisitorRecipe,
    seed: u64,
    compute: Compute,
    visitor: &Visitor,
) -> Result<(), VisitorError> {
    let path = run.join(FILE_NAME);
    if !path.exists() {
        // This stage has one direction: all cores for it.
        let threads = tch::get_num_threads();
        tch::set_num_threads(if compute.parallel { 2 * threads } else { threads });
        let store = train(cache, recipe, seed, compute.device)?;
        tch::set_num_threads(threads);
        let failed = |source| VisitorError::Write { path: path.clone(), source };
        let temporary = tempfile::Builder::new().suffix(".safetensors").tempfile_in(run).map_err(failed)?;
        store.save(temporary.path()).map_err(|error| failed(io::Error::other(error)))?;
        temporary.as_file().sync_all().map_err(failed)?;
        temporary.persist(&path).map_err(|error| failed(error.error))?;
    }
    load(run, visitor)
}

/// The averaged weights after all steps.
fn train(cache: &Cache, recipe: VisitorRecipe, seed: u64, device: Device) -> Result<VarStore, VisitorError> {
    tch::manual_seed(seed as i64);
    let (store, average) = (VarStore::new(device), VarStore::new(device));
    let (net, mean) = (Visitor::new(&store.root()), Visitor::new(&average.root()));
    mean.copy(&net);
    let mut optimizer = Optimizer::new(&store, Method::Adam { beta1: 0.9, beta2: 0.999 });
    let shelves = Decade::ALL.map(|decade| cache.indices(Split::Train, decade));
    let present: Vec<_> = shelves.iter().filter(|shelf| !shelf.is_empty()).collect();
    let progress = progress(recipe.steps);
    let (mut right, mut seen) = (0.0, 0.0);
    for step in 0..recipe.steps {
        let mut rng = stream(seed, Purpose::Visitor, step);
        let draws: Vec<Draw> = (0..recipe.batch)
            .map(|_| {
                let shelf = present[rng.random_range(0..present.len())];
                Draw { index: shelf[rng.random_range(0..shelf.len())], mirrored: rng.random() }
            })
            .collect();
        let faces = batches::load(cache, &draws, device)?;
        let labels = Labels::of(&faces);
        let small = no_grad(|| noisy(&varied(&faces.pictures, &mut rng)));
        let ramp = (step as f64 / (0.3 * recipe.steps as f64)).min(1.0);
        let small = misled(&net, &small, &labels, recipe.perturbation * ramp);
        let read = net.read(&small, true);
        optimizer.zero_grad();
        labels.loss(&read).backward();
        optimizer.step(rate(step, recipe.steps));
        mean.follow(&net, AVERAGE.min((1.0 + step as f64) / (10.0 + step as f64)));
        let hits = read.decade.argmax(1, false).eq_tensor(&labels.decade.argmax(1, false)).to_kind(Kind::Float);
        (right, seen) = (0.99 * right + hits.mean(Kind::Float).double_value(&[]), 0.99 * seen + 1.0);
        progress.set_position(step + 1);
        progress
            .set_message(format!("{:.0} % of decades right (misled, of the last 100 batches)", 100.0 * right / seen));
        if progress.is_hidden() && (step + 1).is_multiple_of(250) {
            println!("visitor net, step {} of {}: {:.0} % right", step + 1, recipe.steps, 100.0 * right / seen);
        }
    }
    progress.finish_and_clear();
    println!("visitor net: {}", Quality::on_val(cache, &mean, device)?);
    Ok(average)
}

fn rate(step: u64, steps: u64) -> f64 {
    let done = step as f64 / steps as f64;
    let warm = ((step + 1) as f64 / 100.0).min(1.0);
    LEARNING_RATE * warm * (0.5 + 0.5 * (std::f64::consts::PI * done).cos()) + 1e-6
}

/// What faces should be read as.
struct Labels {
    /// `[N, 6]`, smoothed.
    decade: Tensor,
    /// `[N, 2]`; equal shares where the gender is not known.
    code: Tensor,
}

impl Labels {
    fn of(faces: &batches::Faces) -> Self {
        let code = faces.genders.iter().flat_map(|gender| match gender {
            Some(Gender::Male) => [1.0f32, 0.0],
            Some(Gender::Female) => [0.0, 1.0],
            None => [0.5, 0.5],
        });
        let code = Tensor::from_slice(&code.collect::<Vec<_>>()).view([-1, 2]).to_device(faces.ages.device());
        Self { decade: &faces.ages * (1.0 - SMOOTHING) + SMOOTHING / decade::COUNT as f64, code }
    }

    fn loss(&self, read: &Impression) -> Tensor {
        let [decade, code] = [(&read.decade, &self.decade), (&read.code, &self.code)]
            .map(|(logits, shares)| cross_entropy(logits, shares).mean(Kind::Float));
        decade + code * CODE_WEIGHT
    }
}

/// Small pictures `[N, 3, S/2, S/2]` a step of at most `reach` (L2 norm a picture, at 64 pixels) along the loss's gradient.
fn misled(net: &Visitor, small: &Tensor, labels: &Labels, reach: f64) -> Tensor {
    let [n, _, side, _] = small.size()[..] else { unreachable!("pictures are [N, 3, H, W]") };
    let reach = reach * side as f64 / 64.0;
    if reach == 0.0 {
        return small.shallow_clone();
    }
    let scaled = |x: &Tensor, length: &Tensor| x / (x.flatten(1, 3).norm_dim(n).view([n, 1, 1, 1]) + 1e-9) * length;
    let lengths = Tensor::rand([n, 1, 1, 1], (Kind::Float, small.device())) * reach;
    let start = scaled(&small.randn_like(), &(&lengths * 0.5)).set_requires_grad(true);
    let loss = labels.loss(&net.read(&(small + &start), true));
    let gradient = Tensor::run_backward(&[loss], &[&start], false, false).remove(0);
    no_grad(|| small + scaled(&(start + scaled(&gradient, &(&lengths * 0.8))), &lengths))
}

trait RowNorm {
    fn norm_dim(&self, rows: i64) -> Tensor;
}

impl RowNorm for Tensor {
    /// L2 norm of each row of `[N, D]`.
    fn norm_dim(&self, rows: i64) -> Tensor {
        self.square().sum_dim_intlist([1i64].as_slice(), false, Kind::Float).sqrt().view([rows])
    }
}

/// Grain as of a dark room, differently strong a picture.
fn noisy(x: &Tensor) -> Tensor {
    let strength = Tensor::rand([x.size()[0], 1, 1, 1], (Kind::Float, x.device())) * 0.08;
    x + x.randn_like() * strength
}

/// Faces `[N, 3, S, S]` moved a little, in other light and colours, at half their size.
pub fn varied(faces: &Tensor, rng: &mut impl Rng) -> Tensor {
    let [n, _, side, _] = faces.size()[..] else { unreachable!("faces are [N, 3, S, S]") };
    let device = faces.device();
    let matrices: Vec<f32> = (0..n)
        .flat_map(|_| {
            let (turn, scale) = (rng.random_range(-0.08..0.08f32), 1.0 + rng.random_range(-0.07..0.07f32));
            let (x, y) = (rng.random_range(-0.07..0.07f32), rng.random_range(-0.07..0.07f32));
            [scale * turn.cos(), -scale * turn.sin(), x, scale * turn.sin(), scale * turn.cos(), y]
        })
        .collect();
    let matrices = Tensor::from_slice(&matrices).view([n, 2, 3]).to_device(device);
    let grid = Tensor::affine_grid_generator(&matrices, [n, 3, side, side], false);
    let mut draw = |low: f32, high: f32| {
        let values: Vec<f32> = (0..n).map(|_| rng.random_range(low..high)).collect();
        Tensor::from_slice(&values).view([n, 1, 1, 1]).to_device(device)
    };
    let x = halved(&faces.grid_sampler(&grid, 0, 1, false));
    let grey = crate::prior::filters::luma(&x);
    let x = &grey + (&x - &grey) * draw(0.6, 1.3);
    x * draw(0.75, 1.25) + draw(-0.15, 0.15)
}

/// How well a trained net reads faces it has not seen.
struct Quality {
    right: f64,
    near: f64,
    means: [f64; decade::COUNT],
}

impl Quality {
    fn on_val(cache: &Cache, net: &Visitor, device: Device) -> Result<Self, VisitorError> {
        let (mut right, mut near, mut total) = (0usize, 0usize, 0usize);
        let mut means = [0.0; decade::COUNT];
        for decade in Decade::ALL {
            let indices = cache.indices(Split::Val, decade);
            let draws: Vec<_> = indices.iter().take(200).map(|&index| Draw { index, mirrored: false }).collect();
            let mut sum = 0.0;
            for part in draws.chunks(50) {
                let faces = batches::load(cache, part, device)?;
                let shares = Vec::<f32>::try_from(net.of(&faces.pictures).0.to_device(Device::Cpu).view([-1]));
                for row in shares.map_err(BatchError::from)?.chunks_exact(decade::COUNT) {
                    let best = (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap_or(0);
                    right += usize::from(best == decade.index());
                    near += usize::from(best.abs_diff(decade.index()) <= 1);
                    sum += row.iter().enumerate().map(|(i, p)| f64::from(*p) * (15.0 + 10.0 * i as f64)).sum::<f64>();
                }
            }
            total += draws.len();
            means[decade.index()] = sum / draws.len().max(1) as f64;
        }
        let share = |count: usize| count as f64 / total.max(1) as f64;
        Ok(Self { right: share(right), near: share(near), means })
    }
}

impl std::fmt::Display for Quality {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let means: Vec<_> = self.means.iter().map(|mean| format!("{mean:.0}")).collect();
        write!(
            f,
            "of faces it has not seen, {:.0} % in the right decade, {:.0} % at most one off; mean age read a decade {}",
            100.0 * self.right,
            100.0 * self.near,
            means.join(" / ")
        )
    }
}

fn progress(steps: u64) -> ProgressBar {
    let bar = ProgressBar::new(steps);
    let style = ProgressStyle::with_template("visitor net {pos}/{len} [{elapsed}, {eta} left] {wide_msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
