//! Where pictures of visitors come from. A moment comes in; the newest picture of that moment goes out. Next: the face in it.
//!
//! [`Camera`] is a V4L2 camera; [`Stills`] is the demo loop and the photographs of a folder.

pub mod camera;
mod paced;
mod stills;

pub use camera::{Camera, CameraSettings};
pub use paced::Paced;
pub use stills::Stills;

use crate::photo::PhotoError;
use camera::ConvertError;
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
    #[error(transparent)]
    Photo(#[from] PhotoError),
    #[error("no camera that gives pictures ({}); plug in a USB camera", if .0.is_empty() { "there is no video device" } else { .0 })]
    NoCamera(String),
    #[error("{}: cannot be used ({source}); plug it in again, or give another one with --camera", path.display())]
    Camera { path: PathBuf, source: io::Error },
    #[error("{}: is used by another program; end that one", .0.display())]
    CameraBusy(PathBuf),
    #[error("{}: is no camera", .0.display())]
    NotACamera(PathBuf),
    #[error("{}: offers {offered}, which the settings do not allow; change size or format", path.display())]
    Unsuited { path: PathBuf, offered: String },
    #[error("{}: gives no pictures; if it stays so, plug it in again", .0.display())]
    Silent(PathBuf),
    #[error("{}: gives broken pictures ({source}); if it stays so, try a shorter cable or a smaller size", path.display())]
    Torn { path: PathBuf, source: ConvertError },
}

impl FrameError {
    /// Whether there may be pictures later, without anybody doing anything.
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Folder { .. } | Self::Empty(_) | Self::NoVisitors | Self::Photo(_) => false,
            Self::NoCamera(_)
            | Self::Camera { .. }
            | Self::CameraBusy(_)
            | Self::NotACamera(_)
            | Self::Unsuited { .. }
            | Self::Silent(_)
            | Self::Torn { .. } => true,
        }
    }
}
