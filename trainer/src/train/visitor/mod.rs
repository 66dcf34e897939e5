//! The first stage of a run with head `edit`: the net that reads a face's apparent decade and code ([`crate::nets::Visitor`]).
//! Labels come in ([`training`]); weights go into the run's folder and from there, frozen, into the generator, which asks it
//! what a face looks like, and into the loss that asks it what an aged face looks like ([`readings`]).

mod readings;
mod training;
mod vary;

pub use readings::Readings;
pub use vary::varied;

use super::batches::BatchError;
use super::checkpoint::write_whole;
use super::device::Compute;
use crate::data::cache::Cache;
use crate::nets::Visitor;
use crate::recipe::VisitorRecipe;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use tch::nn::VarStore;
use tch::{Device, TchError};
use training::Training;

/// The weights' file in a run's folder.
pub const FILE_NAME: &str = "visitor.safetensors";

/// Why there is no visitor net.
#[derive(Debug, thiserror::Error)]
pub enum VisitorError {
    #[error(transparent)]
    Batch(#[from] BatchError),
    #[error("cannot read the visitor net `{path}` ({source}); remove it to train it again")]
    Read { path: PathBuf, source: TchError },
    #[error("cannot write `{path}`: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error(
        "`{path}` was begun with other numbers of the recipe's [visitor] or another seed; take those, or remove it"
    )]
    Other { path: PathBuf },
    #[error("stopped at step {step} of the visitor net and saved; go on with the same command and --resume")]
    Interrupted { step: u64 },
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
    stop: &AtomicBool,
) -> Result<(), VisitorError> {
    let path = run.join(FILE_NAME);
    if !path.exists() {
        // This stage has one direction: all cores for it.
        let threads = tch::get_num_threads();
        tch::set_num_threads(if compute.parallel { 2 * threads } else { threads });
        let trained = Training::new(cache, recipe, seed, compute.device).run(run, stop);
        tch::set_num_threads(threads);
        let weights: Vec<_> = trained?.variables().into_iter().collect();
        write_whole(&path, &weights).map_err(|source| VisitorError::Write { path: path.clone(), source })?;
        // Not needed any more; where it cannot be removed it does no harm.
        let _ = std::fs::remove_file(run.join(training::PART));
    }
    load(run, visitor)
}
