//! The contact sheet of a cache: a row a decade, from the 10s at the top to the 60s, with faces drawn at random. It is for the eyes
//! of whoever prepares the data: are they upright, in the right row, of all kinds?

use image::imageops::{self, FilterType};
use image::{ImageError, ImageFormat, Rgb, RgbImage};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use shared::{Decade, decade};
use std::io::Cursor;

/// Faces a decade.
const COLUMNS: usize = 12;
/// Pixels a face.
const CELL: u32 = 96;
const GAP: u32 = 4;

/// A sheet that takes a fair sample of the faces that come by.
#[derive(Debug)]
pub struct Sheet {
    rows: [Vec<RgbImage>; decade::COUNT],
    seen: [usize; decade::COUNT],
    random: ChaCha8Rng,
}

impl Default for Sheet {
    fn default() -> Self {
        Self { rows: Default::default(), seen: [0; decade::COUNT], random: ChaCha8Rng::seed_from_u64(0) }
    }
}

impl Sheet {
    /// Shows a face to the sheet; each that was shown has the same chance to stay on it (reservoir sampling).
    pub fn show(&mut self, decade: Decade, crop: &[u8], side: usize) {
        let d = decade.index();
        self.seen[d] += 1;
        let row = &mut self.rows[d];
        let place = if row.len() < COLUMNS { row.len() } else { self.random.random_range(0..self.seen[d]) };
        let Some(face) = RgbImage::from_raw(side as u32, side as u32, crop.to_vec()) else { return };
        let face = || imageops::resize(&face, CELL, CELL, FilterType::Triangle);
        match row.get_mut(place) {
            Some(old) => *old = face(),
            None if place < COLUMNS => row.push(face()),
            None => {}
        }
    }

    /// The sheet as a PNG file.
    pub fn to_png(&self) -> Result<Vec<u8>, ImageError> {
        let length = |cells: usize| GAP + cells as u32 * (CELL + GAP);
        let mut sheet = RgbImage::from_pixel(length(COLUMNS), length(decade::COUNT), Rgb([32; 3]));
        for (row, faces) in self.rows.iter().enumerate() {
            for (column, face) in faces.iter().enumerate() {
                imageops::replace(&mut sheet, face, length(column).into(), length(row).into());
            }
        }
        let mut png = Cursor::new(Vec::new());
        sheet.write_to(&mut png, ImageFormat::Png)?;
        Ok(png.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_decade_has_its_row_and_late_faces_have_a_chance() {
        let mut sheet = Sheet::default();
        for i in 0..200u8 {
            sheet.show(Decade::Thirties, &[i; 32 * 32 * 3], 32);
        }
        sheet.show(Decade::Tens, &[255; 32 * 32 * 3], 32);
        let png = image::load_from_memory(&sheet.to_png().unwrap()).unwrap().to_rgb8();
        assert_eq!(png.dimensions(), (GAP + 12 * (CELL + GAP), GAP + 6 * (CELL + GAP)));
        let at =
            |column: u32, row: u32| png.get_pixel(GAP + column * (CELL + GAP) + 9, GAP + row * (CELL + GAP) + 9).0[0];
        assert_eq!((at(0, 0), at(1, 0), at(0, 5)), (255, 32, 32));
        assert!((0..12).any(|column| at(column, 2) > 100), "only the first faces are on the sheet");
    }
}
