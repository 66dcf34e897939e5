//! A screen whose pictures become PNG files, and an overview of them.

use super::{Rotation, Screen, ScreenError};
use crate::canvas::Canvas;
use crate::files::write_atomic;
use crate::synthetic;
use crate::turning::turn;
use embedded_graphics::prelude::Size;
use image::RgbImage;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A screen whose pictures become PNG files, and an overview of them.
#[derive(Debug)]
pub struct PngFolder {
    size: Size,
    rotation: Rotation,
    turned: RgbImage,
    folder: PathBuf,
    shown: usize,
    thumbnails: Vec<RgbImage>,
    period: Duration,
    next: Option<Instant>,
}

/// Name of the overview.
pub const SHEET: &str = "sheet.png";
/// Width of one picture in the overview, and how many stand in a row.
const THUMBNAIL: u32 = 160;
const COLUMNS: usize = 12;
/// Later pictures are left out of the overview.
const MAX_THUMBNAILS: usize = 240;

impl PngFolder {
    /// Makes the folder; one that holds something already is refused, so that nothing is overwritten.
    pub fn new(folder: &Path, width: u32, height: u32) -> Result<Self, ScreenError> {
        let failed = |source| ScreenError::Write { path: folder.to_owned(), source };
        std::fs::create_dir_all(folder).map_err(failed)?;
        if std::fs::read_dir(folder).map_err(failed)?.next().is_some() {
            return Err(ScreenError::NotEmpty(folder.to_owned()));
        }
        let size = Size::new(width, height);
        Ok(Self {
            size,
            rotation: Rotation::None,
            turned: RgbImage::new(width, height),
            folder: folder.to_owned(),
            shown: 0,
            thumbnails: Vec::new(),
            period: Duration::ZERO,
            next: None,
        })
    }

    /// A new folder `name`, or `name-2`, `name-3`, … beside what is there already.
    pub fn fresh(name: &Path, width: u32, height: u32) -> Result<Self, ScreenError> {
        let mut folder = name.to_owned();
        for number in 2.. {
            match Self::new(&folder, width, height) {
                Err(ScreenError::NotEmpty(_)) => folder = PathBuf::from(format!("{}-{number}", name.display())),
                other => return other,
            }
        }
        Err(ScreenError::NotEmpty(folder))
    }

    /// Writes pictures as a screen that hangs like this would get them.
    pub fn hang(&mut self, rotation: Rotation) {
        self.rotation = rotation;
        let (width, height) = rotation.turned((self.size.width, self.size.height));
        self.turned = RgbImage::new(width, height);
    }

    /// Writes one picture every `period`, of however many are presented.
    pub const fn every(&mut self, period: Duration) {
        self.period = period;
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Pictures written so far.
    pub const fn shown(&self) -> usize {
        self.shown
    }

    /// Writes the overview of all pictures so far; `None` if there are none.
    pub fn write_sheet(&self) -> Result<Option<PathBuf>, ScreenError> {
        let Some(height) = self.thumbnails.iter().map(RgbImage::height).max() else { return Ok(None) };
        let rows = self.thumbnails.len().div_ceil(COLUMNS) as u32;
        let columns = self.thumbnails.len().min(COLUMNS) as u32;
        let mut sheet = RgbImage::new(columns * THUMBNAIL, rows * height);
        for (i, picture) in self.thumbnails.iter().enumerate() {
            let (column, row) = ((i % COLUMNS) as i64, (i / COLUMNS) as i64);
            image::imageops::replace(&mut sheet, picture, column * i64::from(THUMBNAIL), row * i64::from(height));
        }
        let path = self.folder.join(SHEET);
        self.write(&path, &sheet)?;
        Ok(Some(path))
    }

    fn write(&self, path: &Path, picture: &RgbImage) -> Result<(), ScreenError> {
        write_atomic(path, &synthetic::png(picture)?)
            .map_err(|source| ScreenError::Write { path: path.to_owned(), source })
    }
}

impl Screen for PngFolder {
    fn size(&self) -> Size {
        self.size
    }

    fn present(&mut self, canvas: &Canvas) -> Result<(), ScreenError> {
        let now = Instant::now();
        if self.next.is_some_and(|next| now < next) {
            return Ok(());
        }
        self.next = Some(now + self.period);
        let picture = if self.rotation == Rotation::None {
            canvas.picture()
        } else {
            let pitch = 3 * self.turned.width() as usize;
            turn(canvas.picture(), false, self.rotation, &mut self.turned, pitch, |pixel| pixel);
            &self.turned
        };
        self.write(&self.folder.join(format!("frame-{:04}.png", self.shown)), picture)?;
        if self.thumbnails.len() < MAX_THUMBNAILS {
            let height = (picture.height() * THUMBNAIL / picture.width().max(1)).max(1);
            self.thumbnails.push(image::imageops::thumbnail(picture, THUMBNAIL, height));
        }
        self.shown += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_picture_becomes_a_file_and_nothing_is_overwritten() {
        let parent = tempfile::tempdir().unwrap();
        let name = parent.path().join("frames");
        let mut screen = PngFolder::fresh(&name, 20, 10).unwrap();
        let canvas = Canvas::new(screen.size());
        screen.present(&canvas).unwrap();
        screen.present(&canvas).unwrap();
        assert_eq!(screen.write_sheet().unwrap(), Some(name.join(SHEET)));
        assert_eq!(std::fs::read_dir(&name).unwrap().count(), 3);
        let second = crate::photo::read(&name.join("frame-0001.png"));
        assert!(matches!(second, Err(crate::photo::PhotoError::Size { width: 20, height: 10, .. })));
        assert!(matches!(PngFolder::new(&name, 20, 10), Err(ScreenError::NotEmpty(_))));
        assert_eq!(PngFolder::fresh(&name, 20, 10).unwrap().folder(), parent.path().join("frames-2"));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(matches!(PngFolder::fresh(&file.path().join("x"), 20, 10), Err(ScreenError::Write { .. })));
    }
}
