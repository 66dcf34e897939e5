//! Boxes around faces: a picture comes in, guesses of where faces are go out, for the landmark net to confirm.
//!
//! The detector is SeetaFace's funnel-structured cascade (Wu, Kan, He, Shan, Chen 2016) in the rustface crate; code and
//! model are under the BSD 2-Clause licence, see models/seeta_fd_frontal_v1.0.LICENSE.

use std::io;

use image::{GrayImage, Luma, RgbImage, imageops};
use rustface::{FaceInfo, ImageData};
use shared::{Point, Similarity};

const MODEL: &[u8] = include_bytes!("../../models/seeta_fd_frontal_v1.0.bin");

/// The detector's window is this many pixels across: smaller faces are not found.
const WINDOW: u32 = 40;

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
    FaceBox { centre: to_picture.apply(centre), side: width.max(height) * to_picture.scale(), score: found.score() }
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
    let size = |length: u32| (length + 2 * border).max(2 * WINDOW);
    let mut framed = GrayImage::from_pixel(size(small_width), size(small_height), Luma([128]));
    imageops::replace(&mut framed, &small, border.into(), border.into());
    let corner = Point::new(border as f32, border as f32);
    (framed, Similarity { shift: corner * (-1.0 / factor), ..Similarity::scaling(1.0 / factor) })
}

impl FaceBox {
    /// Picture pixels → the net's square, for a face as upright and central as the cascade's boxes have it.
    pub fn guess(&self) -> Similarity {
        let to_square = 1.0 / (SQUARE_OVER_BOX * self.side);
        let middle = self.centre + Point::new(0.0, MIDDLE_BELOW_BOX * self.side);
        Similarity { shift: Point::new(0.5, 0.5) - middle * to_square, ..Similarity::scaling(to_square) }
    }

    /// A guess without the cascade: the face fills the picture.
    pub fn filling(picture: &RgbImage) -> Self {
        let (width, height) = (picture.width() as f32, picture.height() as f32);
        let centre = Point::new(width / 2.0, height / 2.0);
        Self { centre, side: FILLING_SHARE * width.min(height), score: 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEARCH: Search = Search { height: 200, enlarge: true, border: 0.25, threshold: 1.0 };

    #[test]
    fn the_way_back_leads_to_the_pictures_pixels() {
        for (width, height) in [(400, 400), (50, 80), (1000, 333), (3000, 100)] {
            let (prepared, back) = prepare(&RgbImage::new(width, height), &SEARCH);
            let (middle_x, middle_y) = (prepared.width() as f32 / 2.0, prepared.height() as f32 / 2.0);
            let middle = back.apply(Point::new(middle_x, middle_y));
            let off = middle.distance(Point::new(width as f32 / 2.0, height as f32 / 2.0));
            let padded = prepared.height() == 2 * WINDOW;
            assert!(padded || off < 1.5 * back.scale(), "{width}×{height}: {middle:?}");
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
    fn a_box_is_guessed_upright_around_its_middle() {
        let found = FaceBox { centre: Point::new(300.0, 200.0), side: 100.0, score: 9.0 };
        let guess = found.guess();
        assert_eq!(guess.b, 0.0);
        assert!(guess.apply(found.centre).distance(Point::new(0.5, 0.5)) < 0.1);
    }
}
