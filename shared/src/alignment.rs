//! Where a face belongs in the crop: a similarity takes its five points to the template, and a smooth field takes its 68
//! landmarks to the mean shape, so that each place of the crop is the same place of every face.
//!
//! The template keeps what FairFace's pictures hold: 0.86 eye distances above the eyes, 2.8 across and 1.9 below, from
//! the hair line to under the chin. Its proportions are the medians of `points68.csv` (17,296 faces).

use crate::geometry::{FitError, Point, Similarity};
use crate::landmarks::{FivePoints, Landmarks};
use crate::registration::Field;

/// Names this template in manifests; another template needs another name.
pub const TEMPLATE_NAME: &str = "fairface-68pt-1";

/// The template in units of the crop's side (0..1).
pub const TEMPLATE: FivePoints = FivePoints {
    left_eye: Point::new(0.32, 0.31),
    right_eye: Point::new(0.68, 0.31),
    nose: Point::new(0.5, 0.525),
    mouth_left: Point::new(0.342, 0.692),
    mouth_right: Point::new(0.658, 0.692),
};

/// Where the way back into the crop is near enough, in crop units: an eightieth of a pixel of 128.
const NEAR: f32 = 1e-4;
/// Most steps of the way back: nine of ten places of found faces need two to six.
const STEPS: usize = 8;

/// How a face of a picture is laid into the crop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alignment {
    /// Picture pixels → the upright crop, in crop units (0..1 across the crop).
    similarity: Similarity,
    to_picture: Similarity,
    /// The mean shape → the upright crop.
    field: Field,
}

impl Alignment {
    /// The alignment of a face with `landmarks` in picture pixels.
    pub fn of(landmarks: &Landmarks) -> Result<Self, FitError> {
        let upright = Self::upright(align(&landmarks.five())?)?;
        let crop = landmarks.map(&upright.similarity);
        if !crop.is_finite() {
            return Err(FitError::Degenerate);
        }
        Ok(Self { field: Field::of(&crop), ..upright })
    }

    /// A similarity alone, from picture pixels to crop units: the face keeps its own shape.
    pub fn upright(similarity: Similarity) -> Result<Self, FitError> {
        let to_picture = similarity.inverse().ok_or(FitError::Degenerate)?;
        Ok(Self { similarity, to_picture, field: Field::FLAT })
    }

    /// Picture pixels → crop units, without the field.
    pub const fn similarity(&self) -> &Similarity {
        &self.similarity
    }

    /// Crop units → picture pixels, without the field.
    pub const fn to_upright_picture(&self) -> &Similarity {
        &self.to_picture
    }

    /// The place in the picture that a place of the crop (in crop units) shows.
    pub fn to_picture(&self, p: Point) -> Point {
        self.to_picture.apply(p + self.field.at(p))
    }

    /// The way back, in steps that each come closer, since fields are smooth and short: until one is no longer than
    /// [`NEAR`], or after [`STEPS`] of them.
    pub fn to_crop(&self, p: Point) -> Point {
        let upright = self.similarity.apply(p);
        let mut found = upright;
        for _ in 0..STEPS {
            let before = found;
            found = upright - self.field.at(before);
            if (found.x - before.x).abs().max((found.y - before.y).abs()) <= NEAR {
                break;
            }
        }
        found
    }
}

/// The similarity from picture pixels to crop units (0..1 across the crop), whatever the crop's resolution.
pub fn align(points: &FivePoints) -> Result<Similarity, FitError> {
    Similarity::fit(&points.to_array(), &TEMPLATE.to_array())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registration::MEAN;
    use proptest::prelude::*;

    #[test]
    fn the_same_place_of_two_faces_is_the_same_place_of_the_crop() {
        let face = |stretch: f32| {
            let shape = MEAN.0.map(|p| Point::new(0.5 + (p.x - 0.5) * stretch, p.y));
            Landmarks(shape)
                .map(&Similarity { shift: Point::new(80.0, 50.0), ..Similarity::about(Point::default(), 0.2, 150.0) })
        };
        for stretch in [0.94, 1.0, 1.06] {
            let landmarks = face(stretch);
            let alignment = Alignment::of(&landmarks).unwrap();
            for i in [8, 27, 36, 45, 54] {
                assert!(alignment.to_crop(landmarks.0[i]).distance(MEAN.0[i]) < 0.02, "{stretch} {i}");
            }
        }
    }

    proptest! {
        #[test]
        fn there_and_back_is_the_start(
            wobble in proptest::collection::vec((-0.03f32..0.03, -0.03f32..0.03), 68), x in 0.1f32..0.9, y in 0.1f32..0.9,
        ) {
            let pose = Similarity { shift: Point::new(33.0, -20.0), ..Similarity::about(Point::default(), 0.4, 200.0) };
            let face = Landmarks(core::array::from_fn(|i| MEAN.0[i] + Point::new(wobble[i].0, wobble[i].1)));
            let alignment = Alignment::of(&face.map(&pose)).unwrap();
            let p = Point::new(x, y);
            let back = alignment.to_crop(alignment.to_picture(p));
            prop_assert!(back.distance(p) < 2e-3, "{back:?} {p:?}");
        }

        /// Rotation, scale and position of a head in the frame must not change where its points land.
        #[test]
        fn the_pose_in_the_frame_does_not_matter(
            radians in -3.1f32..3.1, scale in 10.0f32..900.0, x in -300.0f32..2000.0, y in -300.0f32..2000.0,
            wobble in proptest::collection::vec(-0.03f32..0.03, 10),
        ) {
            let pose = Similarity { shift: Point::new(x, y), ..Similarity::about(Point::default(), radians, scale) };
            let mut face = TEMPLATE.to_array();
            for (p, d) in face.iter_mut().zip(wobble.chunks(2)) {
                *p = *p + Point::new(d[0], d[1]);
            }
            let five = |p: [Point; 5]| FivePoints { left_eye: p[0], right_eye: p[1], nose: p[2], mouth_left: p[3], mouth_right: p[4] };
            let upright = align(&five(face)).unwrap();
            let posed = face.map(|p| pose.apply(p));
            let aligned = align(&five(posed)).unwrap();
            for (p, q) in face.iter().zip(posed) {
                prop_assert!(upright.apply(*p).distance(aligned.apply(q)) < 2e-3);
            }
        }
    }
}
