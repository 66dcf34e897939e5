//! Boxes around faces: a picture comes in, guesses of where faces are go out, for the landmark net to confirm.
//!
//! The detector is SeetaFace's funnel-structured cascade (Wu, Kan, He, Shan, Chen 2016) in the rustface crate; code and
//! model are under the BSD 2-Clause licence, see models/seeta_fd_frontal_v1.0.LICENSE.

use std::io;

use image::{GrayImage, Luma, RgbImage, imageops};
use rustface::{FaceInfo, ImageData};
use shared::{Point, Similarity};

use super::crop::bilinear;

const MODEL: &[u8] = include_bytes!("../../models/seeta_fd_frontal_v1.0.bin");

/// The detector's window is this many pixels across: smaller faces are not found.
const WINDOW: u32 = 40;

/// What stands around the picture.
const GREY: u8 = 128;

/// Side of the net's square, and how far its middle lies below the box's, in sides of the box: medians over FairFace.
const SQUARE_OVER_BOX: f32 = 1.33;
const MIDDLE_BELOW_BOX: f32 = 0.05;

/// Side of the box over the picture's shorter side in FairFace's pictures, the median.
const FILLING_SHARE: f32 = 0.88;

/// A box around a face, in pixels of the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FaceBox {
    pub centre: Point,
    pub side: f32,
    /// How far the head leans, in radians clockwise: as far as the picture was turned for the search.
    pub turn: f32,
    /// The cascade's sum, 1 to 60 or so.
    pub score: f64,
}

/// How a picture is searched.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// Height that the picture is brought to, in pixels; its width is bounded to twice that.
    pub height: u32,
    /// Whether a lower picture is enlarged to that height.
    pub enlarge: bool,
    /// Grey border around the picture, as a share of its longer side, so that faces that fill the frame fit a window.
    pub border: f32,
    /// Heads that lean by about this are searched for, in radians clockwise: the cascade wants them upright.
    pub turn: f32,
    /// Boxes of a lower score are dropped.
    pub threshold: f64,
}

/// The cascade with its buffers.
pub struct BoxDetector {
    cascade: Box<dyn rustface::Detector>,
}

impl BoxDetector {
    /// The detector with the model that ships.
    pub fn embedded() -> io::Result<Self> {
        let mut cascade = rustface::create_detector_with_model(rustface::read_model(MODEL)?);
        cascade.set_min_face_size(WINDOW);
        cascade.set_slide_window_step(4, 4);
        cascade.set_pyramid_scale_factor(0.8);
        Ok(Self { cascade })
    }

    /// Boxes of `picture`, best first.
    pub fn find(&mut self, picture: &RgbImage, search: &Search) -> Vec<FaceBox> {
        let (prepared, to_picture) = prepare(picture, search);
        self.cascade.set_score_thresh(search.threshold);
        let data = ImageData::new(prepared.as_raw(), prepared.width(), prepared.height());
        let mut boxes: Vec<_> = self.cascade.detect(&data).iter().map(|found| face_box(found, &to_picture)).collect();
        boxes.sort_by(|a, b| b.score.total_cmp(&a.score));
        boxes
    }
}

fn face_box(found: &FaceInfo, to_picture: &Similarity) -> FaceBox {
    let found_box = found.bbox();
    let (width, height) = (found_box.width() as f32, found_box.height() as f32);
    let centre = Point::new(found_box.x() as f32 + width / 2.0, found_box.y() as f32 + height / 2.0);
    FaceBox {
        centre: to_picture.apply(centre),
        side: width.max(height) * to_picture.scale(),
        turn: to_picture.angle(),
        score: found.score(),
    }
}

/// The picture as the cascade wants it, grey and of bounded size, and the way back to the picture's pixels.
fn prepare(picture: &RgbImage, search: &Search) -> (GrayImage, Similarity) {
    let (width, height) = (picture.width().max(1) as f32, picture.height().max(1) as f32);
    let factor = (search.height as f32 / height).min(2.0 * search.height as f32 / width);
    let factor = if search.enlarge { factor } else { factor.min(1.0) };
    let scaled = |length: f32| (length * factor).round().max(1.0) as u32;
    let (small_width, small_height) = (scaled(width), scaled(height));
    let small = if factor < 1.0 {
        imageops::grayscale(&imageops::thumbnail(picture, small_width, small_height))
    } else {
        imageops::resize(&imageops::grayscale(picture), small_width, small_height, imageops::FilterType::Triangle)
    };
    let border = (search.border * small_width.max(small_height) as f32).round() as u32;
    // A picture must hold a window, whatever its shape.
    let size = |length: u32| length + 2 * border.max((2 * WINDOW).saturating_sub(length).div_ceil(2));
    let mut framed = GrayImage::from_pixel(size(small_width), size(small_height), Luma([GREY]));
    let to_small = about_middles(&framed, &small, search.turn);
    if search.turn == 0.0 {
        let corner = ((framed.width() - small_width) / 2, (framed.height() - small_height) / 2);
        imageops::replace(&mut framed, &small, corner.0.into(), corner.1.into());
    } else {
        let grey_at = |x: i32, y: i32| {
            let inside = x >= 0 && y >= 0 && x < small_width as i32 && y < small_height as i32;
            f32::from(if inside { small.get_pixel(x as u32, y as u32).0[0] } else { GREY })
        };
        for (x, y, pixel) in framed.enumerate_pixels_mut() {
            let at = to_small.apply(Point::new(x as f32 + 0.5, y as f32 + 0.5));
            *pixel = Luma([bilinear(&grey_at, at) as u8]);
        }
    }
    (framed, to_small.then(&Similarity::scaling(1.0 / factor)))
}

/// From pixels of one picture to those of another, middle to middle, turned.
fn about_middles(from: &GrayImage, to: &GrayImage, radians: f32) -> Similarity {
    let middle = |picture: &GrayImage| Point::new(picture.width() as f32 / 2.0, picture.height() as f32 / 2.0);
    let turned = Similarity::about(Point::default(), radians, 1.0);
    Similarity { shift: middle(to) - turned.apply(middle(from)), ..turned }
}

impl FaceBox {
    /// Picture pixels → the net's square, for a face placed as the cascade's boxes have it.
    pub fn guess(&self) -> Similarity {
        let scale = 1.0 / (SQUARE_OVER_BOX * self.side);
        let upright = Similarity::about(Point::default(), -self.turn, scale);
        let middle = upright.apply(self.centre) + Point::new(0.0, MIDDLE_BELOW_BOX / SQUARE_OVER_BOX);
        Similarity { shift: Point::new(0.5, 0.5) - middle, ..upright }
    }

    /// A guess without the cascade: the face fills the picture.
    pub fn filling(picture: &RgbImage) -> Self {
        let (width, height) = (picture.width() as f32, picture.height() as f32);
        let centre = Point::new(width / 2.0, height / 2.0);
        Self { centre, side: FILLING_SHARE * width.min(height), turn: 0.0, score: 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEARCH: Search = Search { height: 200, enlarge: true, border: 0.25, turn: 0.0, threshold: 1.0 };

    #[test]
    fn the_way_back_leads_to_the_pictures_pixels() {
        for (width, height) in [(400, 400), (60, 80), (1000, 333), (1500, 200)] {
            for turn in [0.0, 0.4, -0.4] {
                let mut picture = RgbImage::new(width, height);
                let size = width.min(height) / 5;
                let square = RgbImage::from_pixel(size, size, image::Rgb([255; 3]));
                imageops::replace(&mut picture, &square, i64::from(width / 3), i64::from(height / 2));
                let (prepared, back) = prepare(&picture, &Search { turn, ..SEARCH });
                let bright = prepared.enumerate_pixels().filter(|(_, _, p)| p.0[0] > 200);
                let bright: Vec<_> = bright.map(|(x, y, _)| Point::new(x as f32 + 0.5, y as f32 + 0.5)).collect();
                let half = size as f32 / 2.0;
                let truth = Point::new((width / 3) as f32 + half, (height / 2) as f32 + half);
                let off = back.apply(Point::mean(&bright)).distance(truth);
                assert!(off < 1.0 + 0.6 * back.scale(), "{width}×{height} turned by {turn}: off by {off}");
            }
        }
    }

    #[test]
    fn what_the_cascade_searches_is_bounded_and_holds_a_window() {
        for (width, height) in [(1, 1), (1, 5000), (5000, 1), (6000, 4000), (100, 100)] {
            for enlarge in [true, false] {
                let (prepared, _) = prepare(&RgbImage::new(width, height), &Search { enlarge, ..SEARCH });
                assert!(prepared.width() >= WINDOW && prepared.height() >= WINDOW, "{width}×{height}");
                assert!(
                    prepared.width() <= 600 && prepared.height() <= 600,
                    "{width}×{height} → {:?}",
                    prepared.dimensions()
                );
            }
        }
    }

    #[test]
    fn a_box_is_guessed_around_its_middle_and_as_turned_as_it_was_found() {
        for turn in [0.0, 0.4, -0.4] {
            let found = FaceBox { centre: Point::new(300.0, 200.0), side: 100.0, turn, score: 9.0 };
            let guess = found.guess();
            assert!((guess.angle() + turn).abs() < 1e-6);
            assert!(guess.apply(found.centre).distance(Point::new(0.5, 0.5)) < 0.1);
            let chin = found.centre + Point::new(-turn.sin(), turn.cos()) * 50.0;
            assert!(guess.apply(chin).distance(Point::new(0.5, 0.84)) < 0.02, "{:?}", guess.apply(chin));
        }
    }
}
