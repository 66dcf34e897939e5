//! Framing a portrait. A face in a photograph comes in; an upright picture of it with its surroundings goes out, and the
//! transform from the photograph to it, so that every decade of one photograph has the same framing.

use image::RgbImage;
use image::imageops::{self, FilterType};
use shared::{Point, Similarity};

/// Portraits are at least this high, in pixels.
pub const MIN_HEIGHT: u32 = 384;
/// Height and width of a portrait in crop sides, where the photograph reaches that far.
const HEIGHT: f32 = 1.9;
const WIDTH: f32 = 1.52;
/// The face stands a little above the middle: this far, in crop sides.
const LIFT: f32 = 0.06;

/// A rectangle of the photograph, and how much it is enlarged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Framing {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
    scale: f32,
}

impl Framing {
    /// Frames the face whose crop `to_photo` (crop units → the photograph's pixels) describes, within a photograph of
    /// `width`×`height`.
    pub fn around(to_photo: &Similarity, width: u32, height: u32) -> Self {
        let side = to_photo.scale();
        let centre = to_photo.apply(Point::new(0.5, 0.5));
        let (left, width) = span(centre.x, WIDTH * side, width);
        let (top, height) = span(centre.y + LIFT * side, HEIGHT * side, height);
        Self { left, top, width, height, scale: (MIN_HEIGHT as f32 / height as f32).max(1.0) }
    }

    /// From the photograph's pixels to the portrait's.
    pub fn to_portrait(&self) -> Similarity {
        let shift = Point::new(self.left as f32, self.top as f32) * -self.scale;
        Similarity { shift, ..Similarity::scaling(self.scale) }
    }

    /// Width and height of the portrait in pixels.
    pub fn size(&self) -> (u32, u32) {
        let scaled = |length: u32| (length as f32 * self.scale).round() as u32;
        (scaled(self.width), scaled(self.height))
    }

    /// The portrait: the photograph's own pixels, or more of them between where it is too small.
    pub fn cut(&self, photo: &RgbImage) -> RgbImage {
        let view = imageops::crop_imm(photo, self.left, self.top, self.width, self.height);
        let (width, height) = self.size();
        if self.scale == 1.0 {
            view.to_image()
        } else {
            imageops::resize(&*view, width, height, FilterType::CatmullRom)
        }
    }
}

/// `length` pixels about `centre` as a whole start and length, moved and, if need be, shortened to lie within `0..limit`.
fn span(centre: f32, length: f32, limit: u32) -> (u32, u32) {
    let length = (length.round() as u32).clamp(1, limit);
    let start = (centre - length as f32 / 2.0).round().max(0.0) as u32;
    (start.min(limit - length), length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn photo(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| image::Rgb([(x % 256) as u8, (y % 256) as u8, 0]))
    }

    fn face(side: f32, x: f32, y: f32) -> Similarity {
        Similarity { shift: Point::new(x, y), ..Similarity::scaling(side) }
    }

    #[test]
    fn a_large_face_keeps_its_own_pixels() {
        let framing = Framing::around(&face(400.0, 300.0, 500.0), 1200, 1600);
        let portrait = framing.cut(&photo(1200, 1600));
        assert_eq!(portrait.dimensions(), (608, 760));
        let at = framing.to_portrait().inverse().unwrap().apply(Point::new(10.5, 20.5));
        assert_eq!(portrait.get_pixel(10, 20).0, [(at.x as u32 % 256) as u8, (at.y as u32 % 256) as u8, 0]);
    }

    #[test]
    fn a_small_face_is_enlarged() {
        let framing = Framing::around(&face(60.0, 80.0, 40.0), 200, 200);
        assert_eq!(framing.cut(&photo(200, 200)).height(), MIN_HEIGHT);
    }

    proptest! {
        #[test]
        fn every_face_gets_a_portrait_that_its_transform_describes(
            side in 1.0f32..3000.0, x in -500.0f32..900.0, y in -500.0f32..900.0, width in 16u32..500, height in 16u32..500,
        ) {
            let framing = Framing::around(&face(side, x, y), width, height);
            let (w, h) = framing.size();
            prop_assert!(h >= MIN_HEIGHT && w > 0);
            prop_assert!(framing.left + framing.width <= width && framing.top + framing.height <= height);
            let corner = framing.to_portrait().apply(Point::new((framing.left + framing.width) as f32, (framing.top + framing.height) as f32));
            prop_assert!((corner.x - w as f32).abs() <= 0.51 && (corner.y - h as f32).abs() <= 0.51);
        }
    }
}
