//! Where scenes are drawn. Text and shapes come in through embedded-graphics' `DrawTarget`, pictures row by row beside it,
//! since a pixel at a time is too slow for a camera picture. [`Memory`] keeps the picture, [`PngFolder`] writes each one.

use crate::files::write_atomic;
use crate::synthetic;
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;
use image::RgbImage;
use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};

/// A surface to draw on, and the moment at which all of it is shown at once.
pub trait Screen: DrawTarget<Color = Rgb888, Error = Infallible> + OriginDimensions {
    /// Copies a row of RGB bytes to `(x, y)` and to the right of it; what does not fit is cut off.
    fn put_row(&mut self, x: u32, y: u32, rgb: &[u8]);

    /// Shows what was drawn.
    fn present(&mut self) -> Result<(), ScreenError>;
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
}

/// A screen that exists in memory only.
#[derive(Clone, Debug)]
pub struct Memory {
    picture: RgbImage,
}

impl Memory {
    pub fn new(width: u32, height: u32) -> Self {
        Self { picture: RgbImage::new(width, height) }
    }

    pub const fn picture(&self) -> &RgbImage {
        &self.picture
    }

    pub fn into_picture(self) -> RgbImage {
        self.picture
    }
}

impl OriginDimensions for Memory {
    fn size(&self) -> Size {
        Size::new(self.picture.width(), self.picture.height())
    }
}

impl DrawTarget for Memory {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(at, colour) in pixels {
            let place = u32::try_from(at.x).ok().zip(u32::try_from(at.y).ok());
            if let Some(pixel) = place.and_then(|(x, y)| self.picture.get_pixel_mut_checked(x, y)) {
                pixel.0 = [colour.r(), colour.g(), colour.b()];
            }
        }
        Ok(())
    }

    fn fill_solid(&mut self, area: &Rectangle, colour: Rgb888) -> Result<(), Infallible> {
        let area = area.intersection(&self.bounding_box());
        let row: Vec<u8> = [colour.r(), colour.g(), colour.b()].repeat(area.size.width as usize);
        for y in area.rows() {
            self.put_row(area.top_left.x as u32, y as u32, &row);
        }
        Ok(())
    }
}

impl Screen for Memory {
    fn put_row(&mut self, x: u32, y: u32, rgb: &[u8]) {
        let (width, height) = self.picture.dimensions();
        if x >= width || y >= height {
            return;
        }
        let length = rgb.len().min((width - x) as usize * 3);
        let start = (y as usize * width as usize + x as usize) * 3;
        self.picture.as_flat_samples_mut().samples[start..start + length].copy_from_slice(&rgb[..length]);
    }

    fn present(&mut self) -> Result<(), ScreenError> {
        Ok(())
    }
}

/// A screen whose pictures become PNG files, and an overview of them.
#[derive(Debug)]
pub struct PngFolder {
    memory: Memory,
    folder: PathBuf,
    shown: usize,
    thumbnails: Vec<RgbImage>,
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
        let memory = Memory::new(width, height);
        Ok(Self { memory, folder: folder.to_owned(), shown: 0, thumbnails: Vec::new() })
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

impl OriginDimensions for PngFolder {
    fn size(&self) -> Size {
        self.memory.size()
    }
}

impl DrawTarget for PngFolder {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        self.memory.draw_iter(pixels)
    }

    fn fill_solid(&mut self, area: &Rectangle, colour: Rgb888) -> Result<(), Infallible> {
        self.memory.fill_solid(area, colour)
    }
}

impl Screen for PngFolder {
    fn put_row(&mut self, x: u32, y: u32, rgb: &[u8]) {
        self.memory.put_row(x, y, rgb);
    }

    fn present(&mut self) -> Result<(), ScreenError> {
        let picture = self.memory.picture();
        self.write(&self.folder.join(format!("frame-{:04}.png", self.shown)), picture)?;
        if self.thumbnails.len() < MAX_THUMBNAILS {
            let height = (picture.height() * THUMBNAIL / picture.width()).max(1);
            self.thumbnails.push(image::imageops::thumbnail(picture, THUMBNAIL, height));
        }
        self.shown += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use embedded_graphics::primitives::PrimitiveStyle;

    #[test]
    fn what_lies_outside_is_cut_off() {
        let mut screen = Memory::new(8, 6);
        screen.put_row(6, 2, &[9; 30]);
        screen.put_row(8, 2, &[9; 3]);
        screen.put_row(0, 6, &[9; 3]);
        let red = PrimitiveStyle::with_fill(Rgb888::RED);
        Rectangle::new(Point::new(-3, 4), Size::new(5, 9)).into_styled(red).draw(&mut screen).unwrap();
        Pixel(Point::new(-1, 99), Rgb888::RED).draw(&mut screen).unwrap();
        let lit = screen.picture().enumerate_pixels().filter(|(.., pixel)| pixel.0 != [0; 3]);
        let lit: Vec<_> = lit.map(|(x, y, _)| (x, y)).collect();
        assert_eq!(lit, [(6, 2), (7, 2), (0, 4), (1, 4), (0, 5), (1, 5)]);
    }

    #[test]
    fn each_picture_becomes_a_file_and_nothing_is_overwritten() {
        let parent = tempfile::tempdir().unwrap();
        let name = parent.path().join("frames");
        let mut screen = PngFolder::fresh(&name, 20, 10).unwrap();
        screen.present().unwrap();
        screen.clear(Rgb888::BLUE).unwrap();
        screen.present().unwrap();
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
