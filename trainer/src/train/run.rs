//! `trainer train`: a recipe and a cache → a run's folder with checkpoints, losses, previews and a report.

use super::batches::{BatchError, Batches};
use super::calibrate::{self, Calibrator};
use super::checkpoint::{self, Checkpoint, CheckpointError, Data, State};
use super::device::Compute;
use super::log::LossLog;
use super::losses::StepLosses;
use super::model::Model;
use super::preview::Preview;
use super::report::{self, ReportError};
use super::step::{Pools, Setting, step};
use super::stop::Stop;
use super::visitor::{self, Readings, VisitorError};
use crate::data::cache::{Cache, CacheError};
use crate::nets::EditHead;
use crate::prior::{Bank, PriorError, Teacher};
use crate::recipe::{Recipe, RecipeError};
use indicatif::{ProgressBar, ProgressStyle};
use std::fs;
use std::io::{self, Cursor};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// What `trainer train` takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// paper, kiosk, smoke, or the path of a TOML file
    #[arg(long, default_value = "kiosk")]
    pub recipe: String,
    /// The cache of faces that `trainer prepare` wrote
    #[arg(long)]
    pub cache: PathBuf,
    /// The run's folder
    #[arg(long)]
    pub out: PathBuf,
    /// Stops after so many steps of the recipe, counted from its beginning
    #[arg(long)]
    pub steps: Option<u64>,
    /// Goes on from the run's last checkpoint
    #[arg(long)]
    pub resume: bool,
    /// CPU cores to use; all unless given
    #[arg(long)]
    pub threads: Option<usize>,
}

/// Why training did not start or stopped.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error(transparent)]
    Batch(#[from] BatchError),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    Prior(#[from] PriorError),
    #[error(transparent)]
    Visitor(#[from] VisitorError),
    #[error("`{0}` holds a run already; --resume goes on with it, another --out starts a new one")]
    Occupied(PathBuf),
    #[error(
        "the run in `{run}` was started with another {what}; resume with the same, or start a new run in another --out"
    )]
    Other { run: PathBuf, what: &'static str },
    #[error(
        "loss {loss} is not a finite number at step {step}; the last checkpoint in `{run}` is kept. Try a lower training.learning_rate or loss weight, or precision f32, and resume"
    )]
    NonFinite { loss: &'static str, step: u64, run: PathBuf },
    #[error("stopped at step {step} and saved; go on with the same command and --resume")]
    Interrupted { step: u64 },
    #[error("cannot write `{path}`: {source}")]
    Write { path: PathBuf, source: io::Error },
}

/// Trains until the recipe's (or the command line's) last step.
pub fn run(args: &Args) -> Result<(), TrainError> {
    let recipe = Recipe::find(&args.recipe)?;
    let cache = Cache::open(&args.cache)?;
    let compute = Compute::pick(args.threads);
    let batches = Batches::new(&cache, &recipe, compute.device)?;
    let total = recipe.steps(batches.source_faces());
    let end = args.steps.map_or(total, |steps| steps.min(total));
    let (model, pools) = (Model::new(&recipe, compute.device), Pools::new(recipe.training.pool));
    let data =
        Data { datasets: cache.summary().datasets.clone(), pictures: cache.summary().train.map(|count| count as u32) };
    let mut run =
        Run { dir: &args.out, recipe: &recipe, state: State::new(&recipe, data, 0, 0.0), total, model, pools };
    run.enter(args.resume)?;
    run.train(batches, &cache, compute, end)
}

/// A run under way.
struct Run<'a> {
    dir: &'a Path,
    recipe: &'a Recipe,
    state: State,
    total: u64,
    model: Model,
    pools: Pools,
}

impl Run<'_> {
    /// Makes the folder, or takes up what is there.
    fn enter(&mut self, resume: bool) -> Result<(), TrainError> {
        let there = self.dir.join(super::log::FILE_NAME).exists() || Checkpoint::exists(self.dir);
        if there && !resume {
            return Err(TrainError::Occupied(self.dir.to_owned()));
        }
        if Checkpoint::exists(self.dir) {
            let checkpoint = Checkpoint::find(self.dir)?;
            self.check(&checkpoint)?;
            checkpoint.restore(&mut self.model, &mut self.pools)?;
            (self.state.step, self.state.seconds) = (checkpoint.state.step, checkpoint.state.seconds);
            println!("going on after step {}", self.state.step);
        } else if resume {
            println!("no checkpoint yet in `{}`: starting at the beginning", self.dir.display());
        }
        let write = |path: PathBuf| move |source| TrainError::Write { path, source };
        let previews = self.dir.join(report::PREVIEWS);
        fs::create_dir_all(&previews).map_err(write(previews))?;
        checkpoint::sweep(self.dir);
        let path = self.dir.join("recipe.toml");
        edge::files::write_atomic(&path, self.recipe.text.as_bytes()).map_err(write(path))
    }

    /// Resuming means the same data and the same nets; other numbers of the recipe may change on the way.
    fn check(&self, checkpoint: &Checkpoint) -> Result<(), TrainError> {
        let other = |what| Err(TrainError::Other { run: self.dir.to_owned(), what });
        let (old, new) = (checkpoint.recipe()?, self.recipe);
        if checkpoint.state.data != self.state.data {
            return other("cache");
        }
        let nets = |recipe: &Recipe| {
            let training = recipe.training;
            let heads = (recipe.visitor, recipe.prototypes);
            (recipe.generator, recipe.discriminator, heads, training.topology, training.seed, training.average > 0.0)
        };
        if old.name != new.name || old.data != new.data || nets(&old) != nets(new) {
            return other("recipe");
        }
        if old.training != new.training || old.losses != new.losses || old.calibration != new.calibration {
            println!("note: the recipe's numbers have changed since the run was started");
        }
        Ok(())
    }

    fn train(mut self, mut batches: Batches, cache: &Cache, compute: Compute, end: u64) -> Result<(), TrainError> {
        let write = |path: PathBuf| move |source| TrainError::Write { path, source };
        if self.state.step >= end {
            println!("{} steps done already: {}", self.state.step, self.dir.join(report::FILE_NAME).display());
            return Ok(());
        }
        let log_path = self.dir.join(super::log::FILE_NAME);
        let mut log = LossLog::open(self.dir, self.state.step).map_err(write(log_path.clone()))?;
        let preview = Preview::choose(cache, compute.device)?;
        let stop = Stop::listen();
        if self.state.step == 0 {
            self.prepare(cache, compute, stop.flag())?;
        }
        let teacher = (self.recipe.losses.prior > 0.0).then(|| Teacher::new(cache.side() as i64));
        let readings = self.readings(cache, compute)?;
        let training = self.recipe.training;
        let progress = progress(self.state.step, end);
        while self.state.step < end {
            let started = Instant::now();
            let n = self.state.step;
            let mut batch = batches.get(n)?;
            if let (Some(teacher), Some(head)) = (&teacher, &self.model.g().edit) {
                batch.teach(teacher, head);
            }
            let rates = self.recipe.rates(n, self.total);
            let weights = self.recipe.losses;
            let weights = if n < training.warm_up { weights.of_warm_up() } else { weights };
            let setting = Setting { weights, seed: training.seed, parallel: compute.parallel, readings };
            let losses = step(&mut self.model, &mut self.pools, &batch, &setting, n, rates);
            if let Some(loss) = losses.non_finite() {
                return Err(TrainError::NonFinite { loss, step: n + 1, run: self.dir.to_owned() });
            }
            let seconds = started.elapsed().as_secs_f64();
            self.state.step += 1;
            self.state.seconds += seconds;
            log.push(self.state.step, rates.generators, seconds, &losses).map_err(write(log_path.clone()))?;
            progress.set_position(self.state.step);
            progress.set_message(told(&losses));

            let stopped = stop.asked();
            let last = stopped || self.state.step == end;
            if !stopped && self.state.step == self.total {
                self.calibrate(cache, compute, readings)?;
            }
            if last || self.state.step.is_multiple_of(training.checkpoint_every) {
                log.sync().map_err(write(log_path.clone()))?;
                checkpoint::write(self.dir, &self.model, &self.pools, &self.state)?;
            }
            if last || self.state.step.is_multiple_of(training.preview_every) {
                self.show(&preview)?;
                if progress.is_hidden() {
                    println!("step {} of {end}: {}", self.state.step, told(&losses));
                }
            }
            if stopped {
                return Err(TrainError::Interrupted { step: self.state.step });
            }
        }
        progress.finish();
        println!("{} steps done: {}", self.state.step, self.dir.join(report::FILE_NAME).display());
        Ok(())
    }

    /// What the head `edit` starts with: a trained visitor net and the decades' prototypes.
    fn prepare(&self, cache: &Cache, compute: Compute, stop: &AtomicBool) -> Result<(), TrainError> {
        let average = self.model.average.as_ref().map(|average| &average.net);
        let generators = [Some(self.model.g()), average];
        let mut heads = generators.into_iter().flatten().filter_map(|generator| generator.edit.as_ref());
        let (Some(head), Some(recipe)) = (heads.next(), self.recipe.visitor) else { return Ok(()) };
        let seed = self.recipe.training.seed;
        visitor::ensure(self.dir, cache, recipe, seed, compute, &head.visitor, stop)?;
        if let Some(strengths) = self.recipe.prototypes {
            println!("prototypes of the decades");
            Bank::build(cache)?.fill(head, strengths);
        }
        for other in heads {
            other.copy(head);
        }
        Ok(())
    }

    /// What the frozen visitor net reads in real faces, where the recipe holds aged faces against it, in training or after it.
    fn readings(&self, cache: &Cache, compute: Compute) -> Result<Option<Readings>, TrainError> {
        let asked = self.recipe.losses.judge > 0.0 || self.recipe.calibration.is_some();
        let head = self.model.g().edit.as_ref().filter(|_| asked);
        let read = |head: &EditHead| Readings::of(cache, &head.visitor, self.recipe.training.seed, compute.device);
        Ok(head.map(read).transpose()?)
    }

    /// The last thing to be done: moves the lifts of the generator that is shown, where the recipe says so.
    fn calibrate(&self, cache: &Cache, compute: Compute, readings: Option<Readings>) -> Result<(), TrainError> {
        let shown = self.model.shown();
        let (Some(recipe), Some(head), Some(readings)) = (self.recipe.calibration, &shown.edit, readings) else {
            return Ok(());
        };
        println!("calibration: what the visitor net reads in aged faces, 10s to 60s (0 to 5)");
        let seed = self.recipe.training.seed;
        let calibrated = Calibrator::new(cache, shown, head, seed, compute.device)?.run(readings, recipe.off);
        println!("{calibrated}");
        let path = self.dir.join(calibrate::FILE_NAME);
        let json = serde_json::to_vec_pretty(&calibrated).map_err(io::Error::other);
        let written = json.and_then(|json| edge::files::write_atomic(&path, &json));
        written.map_err(|source| TrainError::Write { path, source })
    }

    /// Writes a preview and the report.
    fn show(&self, preview: &Preview) -> Result<(), TrainError> {
        let mut png = Cursor::new(Vec::new());
        let path = self.dir.join(report::PREVIEWS).join(format!("step-{:08}.png", self.state.step));
        let write = |source| TrainError::Write { path: path.clone(), source };
        let encoded = preview.draw(self.model.shown())?.write_to(&mut png, image::ImageFormat::Png);
        encoded.map_err(io::Error::other).map_err(write)?;
        edge::files::write_atomic(&path, png.get_ref()).map_err(write)?;
        Ok(report::write(self.dir, self.recipe, &self.state, self.total)?)
    }
}

/// The losses that a person watches.
fn told(losses: &StepLosses) -> String {
    let StepLosses { g, f, d_y, d_x } = losses;
    let mut text = format!(
        "G {:.3} F {:.3} D_Y {d_y:.3} D_X {d_x:.3} cycle {:.3} {:.3}",
        g.adversarial, f.adversarial, g.cycle, f.cycle
    );
    if g.prior > 0.0 {
        text += &format!(" prior {:.3} {:.3}", g.prior, f.prior);
    }
    text
}

fn progress(done: u64, end: u64) -> ProgressBar {
    let bar = ProgressBar::new(end).with_position(done);
    let style = ProgressStyle::with_template("{pos}/{len} [{elapsed}, {eta} left] {wide_msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.reset_eta();
    bar
}
