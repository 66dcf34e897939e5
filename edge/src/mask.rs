//! Where a face may be changed. Landmarks come in; a soft mask over the crop goes out: 1 on the face, 0 on background,
//! clothes and ears, 0 at the crop's border.

use shared::{Landmarks, Point};

/// Width of the soft edge inside the jaw line, in eye distances.
const FEATHER: f32 = 0.22;
/// Width of the soft edge along the crop's border, in crop sides.
const BORDER: f32 = 0.08;
/// How far the arch over the forehead rises above the brows, in eye distances.
const FOREHEAD: f32 = 0.85;
/// Corners of the arch over the forehead.
const ARCH: usize = 11;
const JAW: usize = 17;
/// The outline: the jaw line and the arch from its right end to its left one.
const OUTLINE: usize = JAW + ARCH;

/// Fills `mask` (`[side, side]`, row by row) with values in 0..1. `landmarks` are in crop units (0..1 across the crop).
/// Landmarks that are not finite, or a mask that is not square, leave no face: all 0.
pub fn draw(landmarks: &Landmarks, side: usize, mask: &mut [f32]) {
    mask.fill(0.0);
    let feather = FEATHER * landmarks.eye_distance();
    if !landmarks.is_finite() || mask.len() != side * side || feather < f32::MIN_POSITIVE {
        return;
    }
    let outline = outline(landmarks);
    let step = 1.0 / side as f32;
    for (i, value) in mask.iter_mut().enumerate() {
        let p = Point::new((i % side) as f32 + 0.5, (i / side) as f32 + 0.5) * step;
        let to_border = p.x.min(1.0 - p.x).min(p.y).min(1.0 - p.y);
        *value = smooth(depth(&outline, p) / feather) * smooth(to_border / BORDER);
    }
}

fn outline(landmarks: &Landmarks) -> [Point; OUTLINE] {
    let p = &landmarks.0;
    let (left, right) = (p[0], p[JAW - 1]);
    let centre = (left + right) * 0.5;
    let half = (right - left) * 0.5;
    let brows = Point::mean(&p[17..27]);
    // The crop is upright, so that up is −y.
    let rise = (centre.y - brows.y).max(0.0) + FOREHEAD * landmarks.eye_distance();
    core::array::from_fn(|i| match i.checked_sub(JAW) {
        None => p[i],
        Some(k) => {
            let angle = (k + 1) as f32 / (ARCH + 1) as f32 * core::f32::consts::PI;
            centre + half * angle.cos() - Point::new(0.0, rise * angle.sin())
        }
    })
}

/// Distance from `p` to the outline; 0 outside (by the even-odd rule).
fn depth(outline: &[Point; OUTLINE], p: Point) -> f32 {
    let mut inside = false;
    let mut nearest = f32::INFINITY;
    let mut a = outline[OUTLINE - 1];
    for &b in outline {
        if (a.y > p.y) != (b.y > p.y) && p.x < a.x + (p.y - a.y) / (b.y - a.y) * (b.x - a.x) {
            inside = !inside;
        }
        let (ab, ap) = (b - a, p - a);
        let length = (ab.x * ab.x + ab.y * ab.y).max(f32::MIN_POSITIVE);
        let along = ((ap.x * ab.x + ap.y * ab.y) / length).clamp(0.0, 1.0);
        let gap = ap - ab * along;
        nearest = nearest.min(gap.x * gap.x + gap.y * gap.y);
        a = b;
    }
    if inside { nearest.sqrt() } else { 0.0 }
}

/// 0 up to 0, 1 from 1 on, without a kink between.
fn smooth(x: f32) -> f32 {
    let x = x.clamp(0.0, 1.0);
    x * x * (3.0 - 2.0 * x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use proptest::prelude::*;

    const SIDE: usize = 64;

    fn drawn(landmarks: &Landmarks) -> Vec<f32> {
        let mut mask = vec![9.0; SIDE * SIDE];
        draw(landmarks, SIDE, &mut mask);
        mask
    }

    fn at(mask: &[f32], p: Point) -> f32 {
        mask[(p.y * SIDE as f32) as usize * SIDE + (p.x * SIDE as f32) as usize]
    }

    #[test]
    fn the_face_is_inside_and_the_background_outside() {
        let face = testing::landmarks();
        let mask = drawn(&face);
        let five = face.five();
        for p in [five.left_eye, five.right_eye, five.nose, Point::mean(&[five.mouth_left, five.mouth_right])] {
            assert!(at(&mask, p) > 0.99, "{p:?}");
        }
        for p in [Point::new(0.02, 0.5), Point::new(0.98, 0.95), Point::new(0.1, 0.9), Point::new(0.5, 0.005)] {
            assert!(at(&mask, p) < 0.05, "{p:?}");
        }
    }

    #[test]
    fn what_is_no_face_has_no_mask() {
        let mut broken = testing::landmarks();
        broken.0[3].x = f32::NAN;
        assert!(drawn(&broken).iter().all(|&v| v == 0.0));
        assert!(drawn(&Landmarks([Point::new(0.5, 0.5); 68])).iter().all(|&v| v == 0.0));
    }

    proptest! {
        #[test]
        fn any_points_give_values_from_zero_to_one_without_jumps(
            wobble in proptest::collection::vec((-0.3f32..0.3, -0.3f32..0.3), 68),
        ) {
            let mut face = testing::landmarks();
            for (p, (x, y)) in face.0.iter_mut().zip(wobble) {
                *p = *p + Point::new(x, y);
            }
            let mask = drawn(&face);
            prop_assert!(mask.iter().all(|v| (0.0..=1.0).contains(v)));
            // The steepest slope of `smooth` is 1.5 over the feather, and the border's adds to it.
            let steepest = (1.5 / (FEATHER * face.eye_distance()) + 1.5 / BORDER) / SIDE as f32;
            for row in mask.chunks(SIDE) {
                prop_assert!(row.windows(2).all(|pair| (pair[0] - pair[1]).abs() <= steepest + 1e-4));
            }
        }
    }
}
