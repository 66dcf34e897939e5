//! The demo visitors go in; photographs with a face in them, and without, come out.

use image::{DynamicImage, ExtendedColorType, ImageEncoder, Rgb, RgbImage, imageops};
use std::path::{Path, PathBuf};

/// Where the demo visitors lie.
pub fn demo_folder() -> PathBuf {
    crate::root().join("edge/demo")
}

/// The demo visitors' files, sorted by name; at least one, or the test fails.
pub fn visitors() -> Vec<PathBuf> {
    let folder = demo_folder();
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let is_picture = |path: &PathBuf| path.extension().is_some_and(|end| end == "jpg" || end == "png" || end == "webp");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).filter(is_picture).collect();
    files.sort();
    assert!(!files.is_empty(), "{} holds no picture", folder.display());
    files
}

/// The nth demo visitor (they begin again after the last).
pub fn visitor(index: usize) -> RgbImage {
    let files = visitors();
    let path = &files[index % files.len()];
    image::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).to_rgb8()
}

/// A grey wall with a faint gradient: nobody is in it.
pub fn wall(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([120 + (x * 30 / width) as u8, 118, 110 + (y * 30 / height) as u8]))
}

/// A wall on which pictures hang, each at its left upper corner and scaled to its height in pixels.
pub fn gallery(width: u32, height: u32, hung: &[(&RgbImage, i64, i64, u32)]) -> RgbImage {
    let mut wall = wall(width, height);
    for &(picture, x, y, tall) in hung {
        let wide = picture.width() * tall / picture.height();
        let scaled = imageops::resize(picture, wide, tall, imageops::FilterType::CatmullRom);
        imageops::overlay(&mut wall, &scaled, x, y);
    }
    wall
}

/// A repeatable source of numbers in 0..1 (xorshift64*).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn roll(&mut self) -> f32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 40) as f32 / (1u32 << 24) as f32
    }

    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.roll()
    }
}

/// Noise in every pixel.
pub fn noise(width: u32, height: u32, seed: u64) -> RgbImage {
    let mut dice = Dice::new(seed);
    RgbImage::from_fn(width, height, |_, _| Rgb([0; 3].map(|_: u8| (dice.roll() * 255.0) as u8)))
}

/// Saves in the format that the name's end says.
pub fn save(picture: &RgbImage, path: &Path) {
    picture.save(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// A JPEG whose EXIF orientation is 6: a camera that was held upright stores the picture turned by a quarter to the
/// left, and a reader has to turn it back to the right.
pub fn save_sideways(upright: &RgbImage, path: &Path) {
    let stored = imageops::rotate270(upright);
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 95);
    // TIFF, little-endian, one directory at 8 with one entry: tag 0x0112 (orientation), one SHORT, 6.
    let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    encoder.set_exif_metadata(exif.to_vec()).expect("JPEG holds EXIF");
    encoder.write_image(&stored, stored.width(), stored.height(), ExtendedColorType::Rgb8).expect("a JPEG");
    std::fs::write(path, bytes).expect("a temporary file");
}

/// Mean absolute difference of two pictures of one size, in steps of 0..=255.
pub fn difference(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let sum: u64 = a.iter().zip(b.iter()).map(|(&a, &b)| u64::from(a.abs_diff(b))).sum();
    sum as f64 / a.len() as f64
}

/// Opens a picture that a binary wrote.
#[track_caller]
pub fn open(path: &Path) -> RgbImage {
    match image::open(path).map(DynamicImage::into_rgb8) {
        Ok(picture) => picture,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}
