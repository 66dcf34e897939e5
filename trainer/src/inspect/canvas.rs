//! Tensors → labelled pictures: tiles, maps in colour, text, PNG and GIF files. Drawn the same way for all of [`super`].

use super::InspectError;
use edge::files::write_atomic;
use embedded_graphics::Drawable;
use embedded_graphics::Pixel;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::mono_font::{MonoTextStyle, ascii::FONT_7X13};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::text::{Baseline, Text};
use image::codecs::gif::{GifEncoder, Repeat};
use image::imageops::{FilterType, resize};
use image::{Delay, DynamicImage, Frame, ImageFormat, Rgb, RgbImage};
use shared::pixel;
use std::convert::Infallible;
use std::io::Cursor;
use std::path::Path;
use tch::Tensor;

/// Height of a line of text in pixels.
pub const LINE: u32 = 15;
const PAPER: Rgb<u8> = Rgb([250, 250, 248]);
const INK: Rgb888 = Rgb888::new(40, 40, 40);

/// A sheet of paper to draw on.
#[derive(Debug)]
pub struct Canvas {
    pub picture: RgbImage,
}

impl Canvas {
    pub fn new(width: u32, height: u32) -> Self {
        Self { picture: RgbImage::from_pixel(width, height, PAPER) }
    }

    /// Puts a picture with its upper left corner at (x, y).
    pub fn put(&mut self, tile: &RgbImage, x: u32, y: u32) {
        image::imageops::replace(&mut self.picture, tile, i64::from(x), i64::from(y));
    }

    /// A line of text with its upper left corner at (x, y).
    pub fn text(&mut self, text: &str, x: u32, y: u32) {
        let style = MonoTextStyle::new(&FONT_7X13, INK);
        let Ok(_) = Text::with_baseline(text, Point::new(x as i32, y as i32), style, Baseline::Top).draw(self);
    }

    /// A filled box.
    pub fn fill(&mut self, x: u32, y: u32, width: u32, height: u32, colour: [u8; 3]) {
        for (x, y) in (y..y + height).flat_map(|y| (x..x + width).map(move |x| (x, y))) {
            if let Some(pixel) = self.picture.get_pixel_mut_checked(x, y) {
                *pixel = Rgb(colour);
            }
        }
    }
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(self.picture.width(), self.picture.height())
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(point, colour) in pixels {
            let (Ok(x), Ok(y)) = (u32::try_from(point.x), u32::try_from(point.y)) else { continue };
            if let Some(pixel) = self.picture.get_pixel_mut_checked(x, y) {
                *pixel = Rgb([colour.r(), colour.g(), colour.b()]);
            }
        }
        Ok(())
    }
}

/// A face `[3, H, W]` or `[1, 3, H, W]` in −1..1 as a picture.
pub fn face(tensor: &Tensor) -> RgbImage {
    let size = tensor.size();
    let (height, width) = (size[size.len() - 2] as u32, size[size.len() - 1] as u32);
    let values = crate::export::operators::values(tensor);
    let plane = (width * height) as usize;
    let channel = |x: u32, y: u32, c: usize| {
        pixel::to_byte(values.get(c * plane + (y * width + x) as usize).copied().unwrap_or_default())
    };
    RgbImage::from_fn(width, height, |x, y| Rgb([channel(x, y, 0), channel(x, y, 1), channel(x, y, 2)]))
}

/// How a map's values become colours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shades {
    /// From the map's least value (dark) to its largest (bright).
    Own,
    /// Zero is white, this much above is red, below is blue.
    Signed(f32),
}

/// A map `[H, W]` as a picture.
pub fn map(tensor: &Tensor, shades: Shades) -> RgbImage {
    let size = tensor.size();
    let (height, width) = (size[0] as u32, size[1] as u32);
    let values = crate::export::operators::values(tensor);
    let (least, largest) = values.iter().fold((f32::MAX, f32::MIN), |(a, b), &v| (a.min(v), b.max(v)));
    let spread = (largest - least).max(f32::MIN_POSITIVE);
    let colour = |value: f32| match shades {
        Shades::Own => ember((value - least) / spread),
        Shades::Signed(full) => signed(value / full.max(f32::MIN_POSITIVE)),
    };
    RgbImage::from_fn(width, height, |x, y| {
        Rgb(colour(values.get((y * width + x) as usize).copied().unwrap_or_default()))
    })
}

/// 0 black, over violet and orange, to 1 pale yellow; brighter is always more.
fn ember(share: f32) -> [u8; 3] {
    const STOPS: [[f32; 3]; 5] =
        [[4.0, 3.0, 12.0], [84.0, 22.0, 110.0], [190.0, 55.0, 84.0], [249.0, 142.0, 20.0], [252.0, 250.0, 180.0]];
    let place = share.clamp(0.0, 1.0) * (STOPS.len() - 1) as f32;
    let lower = (place as usize).min(STOPS.len() - 2);
    let part = place - lower as f32;
    std::array::from_fn(|c| (STOPS[lower][c] * (1.0 - part) + STOPS[lower + 1][c] * part) as u8)
}

/// −1 blue, 0 white, 1 red.
fn signed(share: f32) -> [u8; 3] {
    let share = share.clamp(-1.0, 1.0);
    let pale = ((1.0 - share.abs()) * 245.0) as u8;
    if share >= 0.0 { [245, pale, pale] } else { [pale, pale, 245] }
}

/// A picture at another size: smooth when it shrinks, whole pixels when it grows.
pub fn sized(picture: &RgbImage, side: u32) -> RgbImage {
    let filter = if picture.width() > side { FilterType::Triangle } else { FilterType::Nearest };
    resize(picture, side, side, filter)
}

/// Writes a PNG file.
pub fn save(path: &Path, picture: &RgbImage) -> Result<(), InspectError> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).map_err(|error| failed(path, &error))?;
    write_atomic(path, bytes.get_ref()).map_err(|error| failed(path, &error))
}

/// Writes an animated GIF file that repeats for ever.
pub fn save_animation(path: &Path, frames: &[RgbImage], milliseconds: u32) -> Result<(), InspectError> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, 10);
    encoder.set_repeat(Repeat::Infinite).map_err(|error| failed(path, &error))?;
    for frame in frames {
        let delay = Delay::from_numer_denom_ms(milliseconds, 1);
        let picture = DynamicImage::ImageRgb8(frame.clone()).into_rgba8();
        encoder.encode_frame(Frame::from_parts(picture, 0, 0, delay)).map_err(|error| failed(path, &error))?;
    }
    drop(encoder);
    write_atomic(path, &bytes).map_err(|error| failed(path, &error))
}

/// Makes a folder for pictures.
pub fn folder(path: &Path) -> Result<(), InspectError> {
    std::fs::create_dir_all(path).map_err(|error| failed(path, &error))
}

/// Something that could not be written.
pub fn failed(path: &Path, reason: &impl ToString) -> InspectError {
    InspectError::Write { path: path.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brighter_is_more() {
        let light = |c: [u8; 3]| c.iter().map(|&v| u32::from(v)).sum::<u32>();
        let lights: Vec<u32> = (0..=20).map(|i| light(ember(i as f32 / 20.0))).collect();
        assert!(lights.windows(2).all(|pair| pair[0] < pair[1]), "{lights:?}");
        assert_eq!((signed(1.0), signed(-1.0)), ([245, 0, 0], [0, 0, 245]));
    }

    #[test]
    fn text_and_tiles_beyond_the_edge_are_cut() {
        let mut canvas = Canvas::new(20, 10);
        let blank = canvas.picture.clone();
        canvas.text("age 34", 15, 5);
        canvas.put(&RgbImage::new(9, 9), 18, 8);
        canvas.fill(19, 0, 5, 1, [1, 2, 3]);
        assert_ne!(canvas.picture, blank);
        assert_eq!(canvas.picture.dimensions(), (20, 10));
        assert_eq!(canvas.picture.get_pixel(19, 0), &Rgb([1, 2, 3]));
    }

    #[test]
    fn a_face_survives_the_way_to_a_picture() {
        let values: Vec<f32> = (0..3 * 4 * 4).map(|v| pixel::to_value(v as u8 * 5)).collect();
        let picture = face(&Tensor::from_slice(&values).view([1, 3, 4, 4]));
        assert_eq!(crate::export::faces::planar(picture.as_raw()), values);
    }
}
