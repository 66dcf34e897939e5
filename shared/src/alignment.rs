//! Where a face belongs in the crop: one similarity from five points to the template.
//!
//! The template keeps what FairFace's pictures hold: 0.86 eye distances above the eyes, 2.8 across and 1.9 below, from
//! the hair line to under the chin. Its proportions are the medians of `points68.csv` (17,296 faces).

use crate::geometry::{FitError, Point, Similarity};
use crate::landmarks::FivePoints;

/// Names this template in manifests; another template needs another name.
pub const TEMPLATE_NAME: &str = "fairface-5pt-1";

/// The template in units of the crop's side (0..1).
pub const TEMPLATE: FivePoints = FivePoints {
    left_eye: Point::new(0.32, 0.31),
    right_eye: Point::new(0.68, 0.31),
    nose: Point::new(0.5, 0.525),
    mouth_left: Point::new(0.342, 0.692),
    mouth_right: Point::new(0.658, 0.692),
};

/// The similarity from picture pixels to crop units (0..1 across the crop), whatever the crop's resolution.
pub fn align(points: &FivePoints) -> Result<Similarity, FitError> {
    Similarity::fit(&points.to_array(), &TEMPLATE.to_array())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
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
