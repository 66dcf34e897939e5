//! Where each place of the mean shape lies in one face: a smoothed thin-plate spline (Bookstein 1989) through the 68
//! landmarks, which for a fixed mean shape and smoothing is one constant matrix.

use crate::geometry::Point;
use crate::landmarks::{COUNT, Landmarks};

/// Nodes of the displacement field a side, from border to border of the crop; fields are smooth and need no more.
pub const NODES: usize = 17;

/// The mean shape in crop units: medians of FairFace's training faces by gender and decade, alike on both sides.
#[rustfmt::skip]
pub const MEAN: Landmarks = Landmarks([
    Point::new(0.0858, 0.3287), Point::new(0.0935, 0.4376), Point::new(0.1101, 0.5383), Point::new(0.1287, 0.6310),
    Point::new(0.1642, 0.7318), Point::new(0.2206, 0.8132), Point::new(0.2864, 0.8681), Point::new(0.3716, 0.9246),
    Point::new(0.5000, 0.9590), Point::new(0.6284, 0.9246), Point::new(0.7136, 0.8681), Point::new(0.7794, 0.8132),
    Point::new(0.8358, 0.7318), Point::new(0.8713, 0.6310), Point::new(0.8899, 0.5383), Point::new(0.9065, 0.4376),
    Point::new(0.9142, 0.3287), Point::new(0.1737, 0.2240), Point::new(0.2245, 0.1870), Point::new(0.2883, 0.1753),
    Point::new(0.3442, 0.1812), Point::new(0.3962, 0.1997), Point::new(0.6038, 0.1997), Point::new(0.6558, 0.1812),
    Point::new(0.7117, 0.1753), Point::new(0.7755, 0.1870), Point::new(0.8263, 0.2240), Point::new(0.5000, 0.3191),
    Point::new(0.5000, 0.3932), Point::new(0.5000, 0.4608), Point::new(0.5000, 0.5228), Point::new(0.4298, 0.5631),
    Point::new(0.4605, 0.5718), Point::new(0.5000, 0.5807), Point::new(0.5395, 0.5718), Point::new(0.5702, 0.5631),
    Point::new(0.2556, 0.3107), Point::new(0.2935, 0.2924), Point::new(0.3458, 0.2917), Point::new(0.3912, 0.3177),
    Point::new(0.3503, 0.3321), Point::new(0.2955, 0.3312), Point::new(0.6088, 0.3177), Point::new(0.6542, 0.2917),
    Point::new(0.7065, 0.2924), Point::new(0.7444, 0.3107), Point::new(0.7045, 0.3312), Point::new(0.6497, 0.3321),
    Point::new(0.3445, 0.6920), Point::new(0.3985, 0.6650), Point::new(0.4650, 0.6461), Point::new(0.5000, 0.6536),
    Point::new(0.5350, 0.6461), Point::new(0.6015, 0.6650), Point::new(0.6555, 0.6920), Point::new(0.5988, 0.7427),
    Point::new(0.5508, 0.7673), Point::new(0.5000, 0.7743), Point::new(0.4492, 0.7673), Point::new(0.4012, 0.7427),
    Point::new(0.3561, 0.6926), Point::new(0.4513, 0.6821), Point::new(0.5000, 0.6820), Point::new(0.5487, 0.6821),
    Point::new(0.6439, 0.6926), Point::new(0.5470, 0.7202), Point::new(0.5000, 0.7244), Point::new(0.4530, 0.7202),
]);

/// `[NODES², 68]`, little-endian f32: displacements of the landmarks → displacements of the field's nodes. The trainer
/// solves the spline's equations, and a test of its own holds this file to them.
pub const SPLINE: &[u8; NODES * NODES * COUNT * 4] = include_bytes!("registration.bin");

/// No face is moved further than this, in crop sides: landmarks that ask for more have gone astray.
const FURTHEST: f32 = 0.25;

/// How far from each place of the mean shape the same place of a face lies, in crop units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Field([Point; NODES * NODES]);

impl Field {
    /// A face that has the mean shape already.
    pub const FLAT: Self = Self([Point::new(0.0, 0.0); NODES * NODES]);

    /// The field of a face with `landmarks` in crop units.
    pub fn of(landmarks: &Landmarks) -> Self {
        let rows = SPLINE.chunks_exact(COUNT * 4);
        let mut field = Self::FLAT;
        for (node, row) in field.0.iter_mut().zip(rows) {
            let mut sum = Point::default();
            for ((bytes, p), q) in row.chunks_exact(4).zip(&landmarks.0).zip(&MEAN.0) {
                sum = sum + (*p - *q) * f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            }
            *node = Point::new(sum.x.clamp(-FURTHEST, FURTHEST), sum.y.clamp(-FURTHEST, FURTHEST));
        }
        field
    }

    /// The nodes' displacements, row by row.
    pub const fn nodes(&self) -> &[Point; NODES * NODES] {
        &self.0
    }

    /// Displacement at a place of the mean shape, in crop units.
    pub fn at(&self, p: Point) -> Point {
        let last = (NODES - 1) as f32;
        let (x, y) = ((p.x * last).clamp(0.0, last), (p.y * last).clamp(0.0, last));
        // By way of u32: the cast from float straight to usize is several times slower on x86-64.
        let (left, top) = ((x as u32 as usize).min(NODES - 2), (y as u32 as usize).min(NODES - 2));
        let (fx, fy) = (x - left as u32 as f32, y - top as u32 as f32);
        let node = |x: usize, y: usize| self.0[y * NODES + x];
        let upper = node(left, top) * (1.0 - fx) + node(left + 1, top) * fx;
        let lower = node(left, top + 1) * (1.0 - fx) + node(left + 1, top + 1) * fx;
        upper * (1.0 - fy) + lower * fy
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_mean_shape_is_alike_on_both_sides_and_has_a_flat_field() {
        assert!(MEAN.error(&MEAN.mirrored(1.0)) < 1e-3);
        assert!(Field::of(&MEAN).0.iter().all(|p| p.distance(Point::default()) < 1e-5));
    }

    #[test]
    fn a_moved_face_is_followed_inside_and_the_border_stays() {
        let moved = Landmarks(MEAN.0.map(|p| Point::new(p.x + 0.04, p.y)));
        let field = Field::of(&moved);
        let centre = field.at(Point::new(0.5, 0.55));
        assert!((centre.x - 0.04).abs() < 0.01 && centre.y.abs() < 0.01, "{centre:?}");
        assert!(field.at(Point::new(0.0, 0.0)).distance(Point::default()) < 0.01);
    }

    proptest! {
        #[test]
        fn any_landmarks_give_a_bounded_field(
            wobble in proptest::collection::vec((-9.0f32..9.0, -9.0f32..9.0), COUNT), x in -2.0f32..3.0, y in -2.0f32..3.0,
        ) {
            let face = Landmarks(core::array::from_fn(|i| MEAN.0[i] + Point::new(wobble[i].0, wobble[i].1)));
            let there = Field::of(&face).at(Point::new(x, y));
            prop_assert!(there.x.abs() <= FURTHEST + 1e-5 && there.y.abs() <= FURTHEST + 1e-5);
        }
    }
}
