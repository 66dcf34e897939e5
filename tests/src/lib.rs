//! What the end-to-end tests share: the real binaries, pictures of visitors, data sets, and the list of bad inputs.
//!
//! The tests lie in `tests/tests`, one file a command. What needs a picture of a face uses the demo visitors of
//! `edge/demo`; what needs a data set uses a part of FairFace where it lies at `../shared/data/fairface`, else one that is
//! made from the demo visitors, and says so.

pub mod bad;
pub mod binaries;
pub mod dataset;
pub mod pictures;
pub mod soak;
pub mod watch;

use std::path::Path;

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the repository")
}

/// An empty folder that vanishes with the value.
pub fn folder() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("as-time-goes-by-").tempdir().expect("a temporary folder")
}
