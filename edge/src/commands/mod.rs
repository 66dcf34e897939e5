//! One file a command: its arguments, what it does, and the errors it can end with.

pub mod age;
mod assemble;
pub mod bench;
pub mod doctor;
pub mod run;

use crate::ager::{Ager, AgerError};
use crate::bundle::{Bundle, BundleError};
use std::path::{Path, PathBuf};

/// Why a bundle is not used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error(transparent)]
    Bundle(#[from] BundleError),
    #[error(transparent)]
    Ager(#[from] AgerError),
    #[error("{}: {source}", folder.display())]
    Given { folder: PathBuf, source: AgerError },
}

/// The bundle in `folder`, or the one inside this program, ready to run.
fn load(folder: Option<&Path>) -> Result<(Bundle, Ager), ModelError> {
    let bundle = folder.map_or_else(Bundle::embedded, Bundle::read)?;
    let ager = Ager::new(&bundle).map_err(|source| match folder {
        Some(folder) => ModelError::Given { folder: folder.to_owned(), source },
        None => ModelError::Ager(source),
    })?;
    Ok((bundle, ager))
}
