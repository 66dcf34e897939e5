//! The whole path with one recipe: prepare → train → export → verify. A stage whose result is there and whole is left out,
//! so the same command goes on after an interruption.

use crate::data::cache::{Cache, CacheError};
use crate::recipe::{Recipe, RecipeError};
use crate::train::{self, TrainError};
use std::path::PathBuf;

/// What `trainer` without a subcommand takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folders of faces to prepare; FairFace in its default place unless given
    #[arg(long)]
    pub data: Vec<PathBuf>,
    /// paper, kiosk, smoke, or the path of a TOML file
    #[arg(long, default_value = "kiosk")]
    pub recipe: String,
    /// Where runs, their caches and their bundles go
    #[arg(long, default_value = "runs")]
    pub runs: PathBuf,
}

/// Why the path ended early.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error(transparent)]
    Train(#[from] TrainError),
}

/// Runs what is still to be done.
pub fn run(args: &Args) -> Result<(), PipelineError> {
    let recipe = Recipe::find(&args.recipe)?;
    let run = args.runs.join(&recipe.name);
    let cache = args.runs.join(format!("faces-{}", recipe.data.side));
    Cache::open(&cache)?;
    println!("2. train: {}", run.display());
    let training =
        train::Args { recipe: args.recipe.clone(), cache, out: run, steps: None, resume: true, threads: None };
    Ok(train::run(&training)?)
}
