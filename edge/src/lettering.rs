//! Type of any size: a large bitmap font is drawn once, and the bitmap is enlarged or shrunk with smooth outlines. A text and
//! a height come in; pixels between two known colours go out.
//!
//! The font is FreeUniversal Bold (Stephen Wilson, 2009, after Sil-Sophia by SIL International; SIL Open Font License 1.1).
//! It has the letters of Western Europe.

use embedded_graphics::pixelcolor::{BinaryColor, Rgb888};
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;
use std::convert::Infallible;
use u8g2_fonts::types::{FontColor, VerticalPosition};
use u8g2_fonts::{FontRenderer, fonts};

const FONT: FontRenderer = FontRenderer::new::<fonts::u8g2_font_fub42_tf>().with_ignore_unknown_chars(true);
/// Height of the bitmap with room for accents and descenders, and where its letters stand, in pixels.
const EM: u32 = 64;
const BASELINE: i32 = 50;

/// A text as a bitmap.
#[derive(Clone, Debug)]
pub struct Lettering {
    width: u32,
    /// `[EM, width]`, each pixel blurred with its neighbours, 0..1.
    ink: Vec<f32>,
}

impl Lettering {
    /// Letters that the font does not have are left out.
    pub fn new(text: &str) -> Self {
        let baseline = Point::new(0, BASELINE);
        let measured = FONT.get_rendered_dimensions(text, baseline, VerticalPosition::Baseline);
        let width = measured.map_or(0, |dimensions| u32::try_from(dimensions.advance.x).unwrap_or(0));
        let mut bitmap = Bitmap { width, dots: vec![0.0; (width * EM) as usize] };
        // Drawing fails only for letters that the font does not have, and those are left out.
        let on = FontColor::Transparent(BinaryColor::On);
        let _ = FONT.render(text, baseline, VerticalPosition::Baseline, on, &mut bitmap);
        Self { width, ink: bitmap.blurred() }
    }

    /// Width in pixels when set `height` pixels high.
    pub const fn width(&self, height: u32) -> u32 {
        self.width * height / EM
    }

    /// Draws the text `height` pixels high with its top left corner at `at`. The whole rectangle is painted.
    pub fn draw<T: DrawTarget<Color = Rgb888>>(
        &self,
        target: &mut T,
        at: Point,
        height: u32,
        ink: Rgb888,
        ground: Rgb888,
    ) -> Result<(), T::Error> {
        let (width, scale) = (self.width(height), height as f32 / EM as f32);
        let colours = (0..width * height).map(|i| {
            let place = |n: u32| (n as f32 + 0.5) / scale - 0.5;
            let ink_here = self.at(place(i % width), place(i / width));
            blend(ground, ink, ((ink_here - 0.5) * (2.0 * scale).max(1.2) + 0.5).clamp(0.0, 1.0))
        });
        target.fill_contiguous(&Rectangle::new(at, Size::new(width, height)), colours)
    }

    /// Bilinear value at a place in bitmap pixels.
    fn at(&self, x: f32, y: f32) -> f32 {
        let (left, top) = (x.floor(), y.floor());
        let (fx, fy) = (x - left, y - top);
        let dot = |dx: i32, dy: i32| {
            let (x, y) = (left as i32 + dx, top as i32 + dy);
            let inside = (0..self.width as i32).contains(&x) && (0..EM as i32).contains(&y);
            if inside { self.ink[(y * self.width as i32 + x) as usize] } else { 0.0 }
        };
        let upper = dot(0, 0) * (1.0 - fx) + dot(1, 0) * fx;
        let lower = dot(0, 1) * (1.0 - fx) + dot(1, 1) * fx;
        upper * (1.0 - fy) + lower * fy
    }
}

fn blend(ground: Rgb888, ink: Rgb888, share: f32) -> Rgb888 {
    let mix = |from: u8, to: u8| (f32::from(from) + (f32::from(to) - f32::from(from)) * share).round() as u8;
    Rgb888::new(mix(ground.r(), ink.r()), mix(ground.g(), ink.g()), mix(ground.b(), ink.b()))
}

struct Bitmap {
    width: u32,
    dots: Vec<f32>,
}

impl Bitmap {
    /// Each dot with its eight neighbours, weighted 1 2 1 both ways.
    fn blurred(&self) -> Vec<f32> {
        let dot = |x: i32, y: i32| {
            let inside = (0..self.width as i32).contains(&x) && (0..EM as i32).contains(&y);
            if inside { self.dots[(y * self.width as i32 + x) as usize] } else { 0.0 }
        };
        (0..self.dots.len() as i32)
            .map(|i| {
                let (x, y) = (i % self.width as i32, i / self.width as i32);
                let row = |y| dot(x - 1, y) + 2.0 * dot(x, y) + dot(x + 1, y);
                (row(y - 1) + 2.0 * row(y) + row(y + 1)) / 16.0
            })
            .collect()
    }
}

impl OriginDimensions for Bitmap {
    fn size(&self) -> Size {
        Size::new(self.width, EM)
    }
}

impl DrawTarget for Bitmap {
    type Color = BinaryColor;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<BinaryColor>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        let area = self.bounding_box();
        for Pixel(at, colour) in pixels.into_iter().filter(|pixel| area.contains(pixel.0)) {
            self.dots[(at.y * self.width as i32 + at.x) as usize] = f32::from(u8::from(colour.is_on()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::Canvas;

    fn set(text: &str, height: u32) -> Canvas {
        let lettering = Lettering::new(text);
        let mut screen = Canvas::new(Size::new(lettering.width(height), height));
        lettering.draw(&mut screen, Point::zero(), height, Rgb888::WHITE, Rgb888::BLACK).unwrap();
        screen
    }

    #[test]
    fn larger_type_has_the_same_shape() {
        let ink = |height| {
            let screen = set("40s", height);
            let lit: f32 = screen.picture().pixels().map(|pixel| f32::from(pixel.0[0]) / 255.0).sum();
            lit / (screen.picture().width() * height) as f32
        };
        let (small, large) = (ink(40), ink(320));
        assert!(small > 0.15 && (small / large - 1.0).abs() < 0.1, "{small} {large}");
    }

    #[test]
    fn every_letter_of_western_europe_leaves_ink() {
        for letter in "AzÄéñß¿Øç09".chars() {
            assert!(set(&letter.to_string(), 60).picture().pixels().any(|pixel| pixel.0[0] > 250), "{letter}");
        }
        assert_eq!(set("", 60).picture().width(), 0);
    }
}
