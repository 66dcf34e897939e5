//! Where canvases are shown. A canvas as the viewer sees it comes in; the screen turns it, changes its pixels' format and
//! shows it all at once. [`Kms`] is a display, [`PngFolder`] writes each picture, [`Memory`] keeps the last one. The features
//! `spi` and `window` add small panels and windows on a desktop.

pub mod kms;
mod png_folder;
mod rotation;
#[cfg(feature = "spi")]
pub mod spi;
#[cfg(feature = "window")]
mod window;
mod wiring;

pub use kms::{Kms, KmsSettings};
pub use png_folder::{PngFolder, SHEET};
pub use rotation::Rotation;
#[cfg(feature = "window")]
pub use window::{Window, WindowInput};
pub use wiring::{BadWiring, Controller, Wiring};

use crate::canvas::Canvas;
use embedded_graphics::prelude::Size;
use image::RgbImage;
use std::io;
use std::path::PathBuf;

/// Something that shows canvases.
pub trait Screen {
    /// Size of the canvas that it shows, in pixels: already turned. It may change when another display is plugged in.
    fn size(&self) -> Size;

    /// How wide that canvas is for the viewer, in millimetres; `None` where the display does not say.
    fn width_mm(&self) -> Option<u32> {
        None
    }

    /// Shows a canvas of [`Self::size`]. An error that [`ScreenError::is_passing`] is no reason to stop: the next call
    /// tries anew, with a display that was plugged in since, for instance.
    fn present(&mut self, canvas: &Canvas) -> Result<(), ScreenError>;

    /// Turns the display's light off (closing hours, nobody there) or on, where it can.
    fn light(&mut self, _on: bool) -> Result<(), ScreenError> {
        Ok(())
    }
}

/// Why a picture was not shown.
#[derive(Debug, thiserror::Error)]
pub enum ScreenError {
    #[error("{}: cannot be written ({source}); name another folder with --screen png:DIR, or free some space", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{}: is there already and not empty; name another folder with --screen png:DIR", .0.display())]
    NotEmpty(PathBuf),
    #[error("a picture cannot be encoded ({0})")]
    Encode(#[from] png::EncodingError),
    #[error("no display is plugged in, or it is switched off; plug one in")]
    NoDisplay,
    #[error("{}: belongs to another program or another user; end the desktop, or let this user into the group video", .0.display())]
    Taken(PathBuf),
    #[error("{}: the display cannot be used ({source}); it is tried again", path.display())]
    Display { path: PathBuf, source: io::Error },
    #[error("another display was plugged in; draw {width}×{height} pixels from now on")]
    Exchanged { width: u32, height: u32 },
    #[error(
        "{}: no panel can be reached there ({reason}); switch the board's SPI bus on, let this user into the groups spi and gpio, \
         or name the wiring with --screen spi:CONTROLLER:DEVICE:DC:RESET",
        device.display()
    )]
    NoPanel { device: PathBuf, reason: String },
    #[error("no window can be opened ({0}); start the mirror from a desktop, or show it elsewhere with --screen")]
    NoDesktop(String),
    #[error("the window cannot be drawn any more ({0}); start the mirror anew")]
    Window(String),
}

impl ScreenError {
    /// Whether the display may be back later, by itself.
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Write { .. } | Self::NotEmpty(_) | Self::Encode(_) => false,
            Self::NoPanel { .. } | Self::NoDesktop(_) | Self::Window(_) => false,
            Self::NoDisplay | Self::Taken(_) | Self::Display { .. } | Self::Exchanged { .. } => true,
        }
    }
}

/// A screen that exists in memory only.
#[derive(Clone, Debug)]
pub struct Memory {
    shown: RgbImage,
}

impl Memory {
    pub fn new(width: u32, height: u32) -> Self {
        Self { shown: RgbImage::new(width, height) }
    }

    /// The picture that was presented last.
    pub const fn shown(&self) -> &RgbImage {
        &self.shown
    }
}

impl Screen for Memory {
    fn size(&self) -> Size {
        Size::new(self.shown.width(), self.shown.height())
    }

    fn present(&mut self, canvas: &Canvas) -> Result<(), ScreenError> {
        self.shown.clone_from(canvas.picture());
        Ok(())
    }
}
