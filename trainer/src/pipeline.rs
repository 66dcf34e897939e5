//! The whole path with one recipe: prepare → train → export → verify → evaluate. A stage whose result is there and whole is left out,
//! so the same command goes on after an interruption.

use crate::data::cache::{Cache, CacheError};
use crate::data::prepare;
use crate::evaluate;
use crate::export::{command as export, verify};
use crate::recipe::{Recipe, RecipeError};
use crate::train::checkpoint::{Checkpoint, CheckpointError};
use crate::train::{self, TrainError};
use edge::bundle::Bundle;
use shared::manifest;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What `trainer` without a subcommand takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Folders of faces to prepare; FairFace in its default place unless given
    #[arg(long)]
    pub data: Vec<PathBuf>,
    /// paper, kiosk, smoke, or the path of a TOML file
    #[arg(long, default_value = "kiosk")]
    pub recipe: String,
    /// Where caches, runs and their bundles go
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
    Prepare(#[from] prepare::PrepareError),
    #[error(transparent)]
    Train(#[from] TrainError),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(transparent)]
    Export(#[from] export::ExportError),
    #[error(transparent)]
    Verify(#[from] verify::VerifyError),
    #[error(transparent)]
    Evaluate(#[from] evaluate::EvaluateError),
    #[error("a stage does not take its arguments: {0}")]
    Arguments(#[from] clap::Error),
}

/// Runs what is still to be done.
pub fn run(args: &Args) -> Result<(), PipelineError> {
    let recipe = Recipe::find(&args.recipe)?;
    let run = args.runs.join(&recipe.name);
    let (cache, bundle) = (args.runs.join(format!("faces-{}", recipe.data.side)), run.join("bundle"));

    println!("1. prepare: {}", cache.display());
    prepared(&cache, recipe.data.side, &args.data)?;

    println!("2. train: {}", run.display());
    let cache = cache.as_os_str();
    let words = ["--recipe", &args.recipe, "--resume"].map(OsStr::new);
    train::run(&stage(words.into_iter().chain([OsStr::new("--cache"), cache, OsStr::new("--out"), run.as_os_str()]))?)?;

    if newer(&bundle, &Checkpoint::find(&run)?.path) {
        println!("3. export: {} is there already", bundle.display());
    } else {
        println!("3. export: {}", bundle.display());
        let words = [run.as_os_str(), OsStr::new("--out"), bundle.as_os_str(), OsStr::new("--cache"), cache];
        export::run(&stage(words)?)?;
    }

    println!("4. verify: {}", bundle.display());
    let words = [bundle.as_os_str(), OsStr::new("--run"), run.as_os_str(), OsStr::new("--cache"), cache];
    verify::run(&stage(words)?)?;
    let out = run.join("evaluation");
    let words = [bundle.as_os_str(), OsStr::new("--out"), out.as_os_str()];
    let evaluation: evaluate::Args = stage(words)?;
    if evaluation.judges.is_dir() && evaluation.data.is_dir() {
        println!("5. evaluate: {}", out.display());
        evaluate::run(&evaluation)?;
    } else {
        println!(
            "5. evaluate: left out; `trainer evaluate {} --judges DIR --data DIR` says what it needs",
            bundle.display()
        );
    }
    println!("try it: cargo run --release -- age PHOTO --out portraits --model {}", bundle.display());
    Ok(())
}

/// Fills a cache with faces of `side` pixels, unless there are some already.
pub fn prepared(cache: &Path, side: u32, data: &[PathBuf]) -> Result<(), PipelineError> {
    match Cache::open(cache) {
        Ok(found) => println!("{} holds {} faces already", cache.display(), found.records().len()),
        Err(error) => {
            if !matches!(error, CacheError::Missing(_)) {
                println!("{error}");
            }
            let side = side.to_string();
            let mut words = vec![OsStr::new("--out"), cache.as_os_str(), OsStr::new("--side"), OsStr::new(&side)];
            words.extend(data.iter().map(|folder| folder.as_os_str()));
            prepare::run(&stage(words)?)?;
        }
    }
    Ok(())
}

/// A stage's arguments, read as from the command line, so that its defaults are the same.
pub fn stage<'a, A: clap::Args>(words: impl IntoIterator<Item = &'a OsStr>) -> Result<A, clap::Error> {
    let command = A::augment_args(clap::Command::new("stage").no_binary_name(true));
    A::from_arg_matches(&command.try_get_matches_from(words.into_iter().map(OsString::from))?)
}

/// Whether a whole bundle was written after the checkpoint.
fn newer(bundle: &Path, checkpoint: &Path) -> bool {
    let written = |path: &Path| path.metadata().and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    Bundle::read(bundle).is_ok() && written(&bundle.join(manifest::FILE_NAME)) >= written(checkpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_take_their_own_defaults_and_what_they_are_given() {
        let words = ["--out", "here", "--side", "64", "faces one", "two"].map(OsStr::new);
        let args: prepare::Args = stage(words).unwrap();
        assert_eq!((args.side, args.datasets.len()), (64, 2));
        assert_eq!(args.datasets[0], Path::new("faces one"));
        assert!(args.min_sharpness > 0.0);
        assert!(stage::<prepare::Args>(["--nonsense"].map(OsStr::new)).is_err());
    }

    #[test]
    fn a_missing_bundle_is_older_than_any_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoint = folder.path().join("c");
        std::fs::write(&checkpoint, b"").unwrap();
        assert!(!newer(&folder.path().join("bundle"), &checkpoint));
    }
}
