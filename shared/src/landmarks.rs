//! The 68 usual landmarks of a face (the iBUG 300-W mark-up): jaw 0–16, brows 17–26, nose 27–35, eyes 36–47,
//! mouth 48–67. Left and right are the picture's.

use crate::geometry::{Point, Similarity};

pub const COUNT: usize = 68;

/// For each landmark, the one that takes its place in a mirrored picture.
#[rustfmt::skip]
pub const MIRRORED: [usize; COUNT] = [
    16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0,
    26, 25, 24, 23, 22, 21, 20, 19, 18, 17,
    27, 28, 29, 30, 35, 34, 33, 32, 31,
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
];

/// The 68 points of one face, in pixels of the picture they were found in unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Landmarks(pub [Point; COUNT]);

/// Centres of the eyes, tip of the nose, corners of the mouth: what the alignment stands on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FivePoints {
    pub left_eye: Point,
    pub right_eye: Point,
    pub nose: Point,
    pub mouth_left: Point,
    pub mouth_right: Point,
}

impl Landmarks {
    /// The five points; an eye's centre is the mean of its six landmarks.
    pub fn five(&self) -> FivePoints {
        let p = &self.0;
        FivePoints {
            left_eye: Point::mean(&p[36..42]),
            right_eye: Point::mean(&p[42..48]),
            nose: p[30],
            mouth_left: p[48],
            mouth_right: p[54],
        }
    }

    /// Every point moved by `transform`.
    pub fn map(&self, transform: &Similarity) -> Self {
        Self(self.0.map(|p| transform.apply(p)))
    }

    /// As seen in a mirror: `x → width − x`, and each side's points trade names.
    pub fn mirrored(&self, width: f32) -> Self {
        Self(MIRRORED.map(|i| Point::new(width - self.0[i].x, self.0[i].y)))
    }

    /// Distance between the eyes' centres: the unit that point errors are given in.
    pub fn eye_distance(&self) -> f32 {
        let five = self.five();
        five.left_eye.distance(five.right_eye)
    }

    /// Mean distance to `truth`'s points over `truth`'s eye distance (0.04 is 4 %).
    pub fn error(&self, truth: &Self) -> f32 {
        let sum: f32 = self.0.iter().zip(&truth.0).map(|(p, q)| p.distance(*q)).sum();
        sum / COUNT as f32 / truth.eye_distance()
    }

    pub fn is_finite(&self) -> bool {
        self.0.iter().all(|p| p.is_finite())
    }
}

impl FivePoints {
    /// Left eye, right eye, nose, left and right corner of the mouth.
    pub const fn to_array(&self) -> [Point; 5] {
        [self.left_eye, self.right_eye, self.nose, self.mouth_left, self.mouth_right]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn mirroring_pairs_up() {
        for (i, &j) in MIRRORED.iter().enumerate() {
            assert_eq!(MIRRORED[j], i);
        }
    }

    proptest! {
        #[test]
        fn two_mirrors_change_nothing(points in proptest::collection::vec((0.0f32..224.0, 0.0f32..224.0), COUNT)) {
            let landmarks = Landmarks(core::array::from_fn(|i| Point::new(points[i].0, points[i].1)));
            let twice = landmarks.mirrored(224.0).mirrored(224.0);
            for (p, q) in twice.0.iter().zip(&landmarks.0) {
                prop_assert!(p.distance(*q) < 1e-3);
            }
        }
    }
}
