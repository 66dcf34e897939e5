//! Where pictures of visitors come from. A moment comes in; the newest picture of that moment goes out. Next: the face in it.
//!
//! [`Stills`] is the demo loop and the photographs of a folder; a camera takes its place where there is one.

mod paced;
mod stills;

pub use paced::Paced;
pub use stills::Stills;

use crate::photo::PhotoError;
use image::RgbImage;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// One picture, already turned and mirrored as the settings ask.
#[derive(Clone, Debug)]
pub struct Frame {
    pub picture: Arc<RgbImage>,
    /// Counts the scenes: as long as it stays, the picture shows the same place as the one before, so that a face can be
    /// followed; when it changes, the face must be found anew.
    pub scene: u64,
    /// Counts the pictures of a source.
    pub number: u64,
    /// When it was taken, or when it came.
    pub at: Duration,
}

/// A camera, or what stands in for it. It works in the thread that captures.
pub trait FrameSource {
    /// The newest picture; waits for one that has not been given yet, for a second at most. `None` when there will be no
    /// more. After an error that [`FrameError::is_passing`] the next call tries anew: the camera may be back.
    fn next(&mut self, now: Duration) -> Result<Option<Frame>, FrameError>;
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    #[error("{}: cannot be read ({source}); give a folder of pictures with --camera stills:DIR", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("{}: no picture in it; give a folder of JPEG, PNG, WebP or BMP files", .0.display())]
    Empty(PathBuf),
    #[error("this program was built without demo visitors; give a folder of pictures with --camera stills:DIR")]
    NoVisitors,
    /// The camera is unplugged, silent or busy.
    #[error("no picture from the camera ({0}); it is looked for again")]
    Gone(String),
    #[error(transparent)]
    Photo(#[from] PhotoError),
}

impl FrameError {
    /// Whether there may be pictures later, without anybody doing anything.
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Gone(_))
    }
}
