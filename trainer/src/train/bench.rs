//! `trainer bench`: how near the whole training step comes to the nets alone.
//!
//! The same forward and backward passes that a step makes are timed on random tensors, without data, losses, pools,
//! optimizers and averages; then the step itself.

use super::batches::{Batch, Batches, Faces};
use super::device::{Compute, peak_memory};
use super::model::Model;
use super::run::TrainError;
use super::step::{Pools, Setting, step};
use super::threads::{Shared, both};
use super::visitor::Readings;
use crate::data::cache::{Cache, CacheWriter, FaceRecord, Split};
use crate::nets::{Discriminator, Generator};
use crate::recipe::Recipe;
use shared::{Decade, Landmarks, Point};
use std::path::{Path, PathBuf};
use std::time::Instant;
use tch::{Kind, Tensor};

/// What `trainer bench` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// paper, kiosk, smoke, or the path of a TOML file
    #[arg(long, default_value = "paper")]
    pub recipe: String,
    /// A cache of faces; random pictures unless given
    #[arg(long)]
    pub cache: Option<PathBuf>,
    /// Rounds, each of one step and one pass of the nets alone
    #[arg(long, default_value_t = 10)]
    pub rounds: usize,
    /// CPU cores to use; all unless given
    #[arg(long)]
    pub threads: Option<usize>,
}

/// Times and prints. Step and nets alone take turns, so that a busy machine slows both alike.
pub fn run(args: &Args) -> Result<(), TrainError> {
    let recipe = Recipe::find(&args.recipe)?;
    let folder = tempfile::tempdir().map_err(|source| TrainError::Write { path: std::env::temp_dir(), source })?;
    let path = match &args.cache {
        Some(path) => path.clone(),
        None => noise(&folder.path().join("cache"), recipe.data.side as usize)?,
    };
    let cache = Cache::open(&path)?;
    let compute = Compute::pick(args.threads);
    let mut batches = Batches::new(&cache, &recipe, compute.device)?;
    let (mut model, mut pools) = (Model::new(&recipe, compute.device), Pools::new(recipe.training.pool));
    let readings = Some(Readings::IDEAL);
    let setting = Setting { weights: recipe.losses, seed: recipe.training.seed, parallel: compute.parallel, readings };

    let (mut steps, mut alone) = (vec![], vec![]);
    for n in 0..=args.rounds as u64 {
        let started = Instant::now();
        let batch = batches.get(n)?;
        step(&mut model, &mut pools, &batch, &setting, n, recipe.rates(0, 1));
        let step = started.elapsed().as_secs_f64();
        let started = Instant::now();
        nets_alone(&mut model, &batch, &setting);
        // The first round warms up.
        if n > 0 {
            steps.push(step);
            alone.push(started.elapsed().as_secs_f64());
        }
    }
    let (step, alone) = (median(steps), median(alone));
    let pairs = recipe.training.batch as f64;
    println!("recipe {} on {:?}, {} rounds, median:", recipe.name, compute.device, args.rounds);
    println!("  whole step   {step:8.3} s   {:8.2} pairs/s", pairs / step);
    println!("  nets alone   {alone:8.3} s   {:8.2} pairs/s", pairs / alone);
    println!("  the step runs at {:.1} % of the nets' rate", 100.0 * alone / step);
    if let Some(memory) = peak_memory() {
        println!("  peak memory  {memory:8} MiB");
    }
    Ok(())
}

/// The forward and backward passes of one step and nothing else.
fn nets_alone(model: &mut Model, batch: &Batch, setting: &Setting) {
    let weights = setting.weights;
    let sum = |tensor: Tensor| tensor.sum(Kind::Float);
    let pass = |there: &Generator, back: &Generator, judge: &Discriminator, x: &Faces, y: &Faces| {
        let fake = there.forward(&x.pictures, &y.ages).aged;
        let mut end = sum(judge.forward(&fake, &y.ages)) + sum(back.forward(&fake, &x.ages).aged);
        if weights.identity > 0.0 {
            end += sum(back.forward(&x.pictures, &x.ages).aged);
        }
        end.backward();
    };
    model.discriminators.store.freeze();
    let (g, f, d_y, d_x) = (Shared(model.g()), Shared(model.f()), Shared(model.d_y()), Shared(model.d_x()));
    let (x, y) = (Shared(&batch.x), Shared(&batch.y));
    both(
        setting.parallel,
        || pass(g.get(), f.get(), d_y.get(), x.get(), y.get()),
        || pass(f.get(), g.get(), d_x.get(), y.get(), x.get()),
    );
    model.discriminators.store.unfreeze();
    let judge = |d: &Discriminator, x: &Faces, y: &Faces| {
        let strangers = usize::from(weights.mismatch > 0.0 && d.config.conditioned);
        let scores = (0..2 + strangers).map(|_| sum(d.forward(&x.pictures, &y.ages)));
        scores.reduce(|a, b| a + b).into_iter().for_each(|end| end.backward());
    };
    let (d_y, d_x) = (Shared(model.d_y()), Shared(model.d_x()));
    both(setting.parallel, || judge(d_y.get(), x.get(), y.get()), || judge(d_x.get(), y.get(), x.get()));
    model.generators.optimizer.zero_grad();
    model.discriminators.optimizer.zero_grad();
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A cache of random pictures, a few of each decade.
fn noise(dir: &Path, side: usize) -> Result<PathBuf, TrainError> {
    let mut writer = CacheWriter::create(dir, side)?;
    for (number, decade) in (0..24).zip(Decade::ALL.into_iter().cycle()) {
        let random = super::random::stream(number, super::random::Purpose::Order, 0);
        let mut rgb = vec![0; side * side * 3];
        rand::RngCore::fill_bytes(&mut { random }, &mut rgb);
        let record = FaceRecord {
            file: format!("{number}"),
            decade,
            age: None,
            split: Split::Train,
            gender: None,
            group: None,
            sharpness: 0.0,
            landmarks: Landmarks([Point::new(0.5, 0.5); 68]),
        };
        writer.push(&record, &rgb)?;
    }
    writer.finish()?;
    Ok(dir.to_owned())
}
