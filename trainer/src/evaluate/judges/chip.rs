//! Faces as the judges want them: a picture and the face's landmarks in it come in, a square of pixels goes out.

use image::RgbImage;
use shared::crop::{CropError, Picture, cut};
use shared::geometry::FitError;
use shared::{Alignment, Landmarks, Point, Similarity};

/// Where dlib's mean face has its eyes, before padding (README of the judges).
const LEFT_EYE: Point = Point::new(0.2273, 0.2214);
const RIGHT_EYE: Point = Point::new(0.7528, 0.2212);
/// The judges' reference was made with a detector's eye points: these lie further apart than the means of six landmarks, by this
/// factor, and higher by this much of the eye distance. Fitted on the reference.
const EYES_APART: f32 = 1.04;
const EYES_HIGHER: f32 = 0.02;
/// Side of the square around a detector's face box, and how far its middle is below the eyes, in eye distances. Fitted so that
/// `faceapi` says of the reference's pictures what the reference says.
const BOX_SIDE: f32 = 3.05;
const BOX_BELOW_EYES: f32 = 0.35;

/// Why there is no chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChipError {
    #[error(transparent)]
    Points(#[from] FitError),
    #[error(transparent)]
    Cut(#[from] CropError),
}

/// The similarity from the picture's pixels to dlib's aligned chip (0..1 across), with `padding` around the face.
pub fn chip_alignment(landmarks: &Landmarks, padding: f32) -> Result<Similarity, FitError> {
    let [left, right] = eyes(landmarks);
    let place = |p: Point| (p + Point::new(padding, padding)) * (1.0 / (2.0 * padding + 1.0));
    Similarity::fit(&[left, right], &[place(LEFT_EYE), place(RIGHT_EYE)])
}

/// The eyes as a detector would give them.
fn eyes(landmarks: &Landmarks) -> [Point; 2] {
    let five = landmarks.five();
    let across = five.right_eye - five.left_eye;
    let middle = (five.left_eye + five.right_eye) * 0.5 + Point::new(across.y, -across.x) * EYES_HIGHER;
    [middle - across * (0.5 * EYES_APART), middle + across * (0.5 * EYES_APART)]
}

/// The similarity from the picture's pixels to the upright square around the face's box (0..1 across), wider by `margin` of the
/// box on each side.
pub fn box_alignment(landmarks: &Landmarks, margin: f32) -> Result<Similarity, FitError> {
    let five = landmarks.five();
    let eyes = (five.left_eye + five.right_eye) * 0.5;
    let unit = landmarks.eye_distance();
    let middle = eyes + Point::new(0.0, BOX_BELOW_EYES * unit);
    let half = BOX_SIDE * unit * (0.5 + margin);
    let corners = [middle - Point::new(half, half), middle + Point::new(half, half)];
    Similarity::fit(&corners, &[Point::new(0.0, 0.0), Point::new(1.0, 1.0)])
}

/// Cuts `side`×`side` pixels of interleaved RGB; shrinking averages.
pub fn square(picture: &RgbImage, alignment: &Similarity, side: usize) -> Result<Vec<u8>, ChipError> {
    let picture = Picture::new(picture, picture.width() as usize, picture.height() as usize)?;
    let mut square = vec![0; side * side * 3];
    let upright = Alignment::upright(*alignment).map_err(|_| CropError::Alignment)?;
    cut(&picture, &upright, side, &mut square)?;
    Ok(square)
}

/// Interleaved bytes as `[3, side, side]`, each channel as `(v − mean) / scale`.
pub fn planar(square: &[u8], mean: [f32; 3], scale: [f32; 3]) -> Vec<f32> {
    let channel = |c: usize| square.iter().skip(c).step_by(3).map(move |&v| (f32::from(v) - mean[c]) / scale[c]);
    (0..3).flat_map(channel).collect()
}

/// `[3, side, side]` as in a mirror.
pub fn mirrored(planar: &[f32], side: usize) -> Vec<f32> {
    planar.chunks(side.max(1)).flat_map(|row| row.iter().rev().copied()).collect()
}

#[cfg(test)]
pub(in crate::evaluate) mod tests {
    use super::*;

    /// A face whose eyes are 40 pixels apart and whose other points do not matter here.
    pub fn face() -> Landmarks {
        let mut points = [Point::new(120.0, 150.0); 68];
        points[36..42].fill(Point::new(100.0, 100.0));
        points[42..48].fill(Point::new(140.0, 100.0));
        points[30] = Point::new(120.0, 124.0);
        points[48] = Point::new(104.0, 142.0);
        points[54] = Point::new(136.0, 142.0);
        Landmarks(points)
    }

    #[test]
    fn the_chip_has_the_eyes_where_the_readme_says() {
        for padding in [0.0, 0.2, 0.25] {
            let alignment = chip_alignment(&face(), padding).unwrap();
            let [left, right] = eyes(&face()).map(|eye| alignment.apply(eye));
            let wanted = |x: f32, y: f32| {
                Point::new((padding + x) / (2.0 * padding + 1.0), (padding + y) / (2.0 * padding + 1.0))
            };
            assert!(left.distance(wanted(0.2273, 0.2214)) < 1e-5, "{left:?}");
            assert!(right.distance(wanted(0.7528, 0.2212)) < 1e-5, "{right:?}");
        }
    }

    #[test]
    fn a_detectors_eyes_are_higher_and_further_apart_however_the_face_leans() {
        let [left, right] = eyes(&face());
        assert!(left.distance(Point::new(99.2, 99.2)) < 1e-4 && right.distance(Point::new(140.8, 99.2)) < 1e-4);
        let lean = Similarity::about(Point::new(7.0, 9.0), 1.1, 2.0);
        assert!(eyes(&face().map(&lean))[1].distance(lean.apply(right)) < 1e-3);
    }

    #[test]
    fn the_box_is_upright_and_grows_with_the_margin() {
        let (tight, wide) = (box_alignment(&face(), 0.0).unwrap(), box_alignment(&face(), 0.1).unwrap());
        assert!(tight.b.abs() < 1e-6 && (wide.scale() * 1.2 / tight.scale() - 1.0).abs() < 1e-5);
        let middle = Point::new(120.0, 100.0 + BOX_BELOW_EYES * 40.0);
        assert!(tight.apply(middle).distance(Point::new(0.5, 0.5)) < 1e-5);
    }

    #[test]
    fn planes_and_mirrors() {
        let square: Vec<u8> = (0..12).collect();
        let planar = planar(&square, [0.0, 1.0, 2.0], [1.0, 1.0, 3.0]);
        assert_eq!(planar, [0.0, 3.0, 6.0, 9.0, 0.0, 3.0, 6.0, 9.0, 0.0, 1.0, 2.0, 3.0]);
        assert_eq!(mirrored(&planar, 2)[..4], [3.0, 0.0, 9.0, 6.0]);
    }

    #[test]
    fn points_on_one_spot_give_no_chip() {
        let spot = Landmarks([Point::new(5.0, 5.0); 68]);
        assert!(chip_alignment(&spot, 0.2).is_err() && box_alignment(&spot, 0.0).is_err());
    }
}
