//! Looking into a trained generator, the paper's own contribution: the middle layers and what drives their ageing
//! ([`layers`]), the continuous sequence from 10 to 69 ([`dynamic`]), and the paper's figures ([`figures`]).
//!
//! A run and a face ([`subject`]) come in; pictures ([`canvas`]) go out.

pub mod canvas;
pub mod dynamic;
pub mod figures;
pub mod layers;
pub mod subject;
#[cfg(test)]
mod testing;

use crate::export::source::SourceError;
use shared::decade::UnknownDecade;
use std::path::PathBuf;

/// Why nothing can be shown.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Subject(#[from] subject::SubjectError),
    #[error("no layer `{found}` in this generator; it has {known}")]
    Layer { found: String, known: String },
    #[error(transparent)]
    Decade(#[from] UnknownDecade),
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
    #[error("cannot write {}: {reason}", .path.display())]
    Write { path: PathBuf, reason: String },
}
