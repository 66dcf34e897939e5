//! Where a face may be changed: 1 on the face, 0 on background, clothes and ears, 0 at the crop's border, soft between.
//! In the registered crop every face has the outline of the mean shape, so that one picture of it, drawn once, serves all.
//!
//! What moves reaches a little further than what is painted: a jaw line cannot sink where it is held.

use shared::registration::MEAN;
use shared::{Landmarks, Point};

/// The outline is soft, so that a coarse picture of it is enough.
const SIDE: usize = 64;
/// Width of the soft edge inside the jaw line, in eye distances.
const FEATHER: f32 = 0.22;
/// Width of the soft edge outside the jaw line of what moves, in eye distances.
const FALL: f32 = 0.18;
/// Width of the soft edge along the crop's border, in crop sides.
const BORDER: f32 = 0.08;
/// How far the arch over the forehead rises above the brows, in eye distances.
const FOREHEAD: f32 = 0.85;
/// Corners of the arch over the forehead.
const ARCH: usize = 11;
const JAW: usize = 17;
/// The outline: the jaw line and the arch from its right end to its left one.
const OUTLINE: usize = JAW + ARCH;

/// The soft mask of the mean shape.
#[derive(Clone, Debug)]
pub struct Mask {
    /// `[SIDE, SIDE]`, row by row: the face within its outline, without the soft edge along the crop's border.
    face: Vec<f32>,
    /// As `face`, of what moves.
    moving: Vec<f32>,
}

impl Mask {
    pub fn new() -> Self {
        let eyes = MEAN.eye_distance();
        let outline = outline(&MEAN);
        let centre = |n: usize| (n as f32 + 0.5) / SIDE as f32;
        let depths = (0..SIDE * SIDE).map(|i| depth(&outline, Point::new(centre(i % SIDE), centre(i / SIDE))));
        let depths: Vec<f32> = depths.collect();
        let soft = |of: &dyn Fn(f32) -> f32| depths.iter().map(|&depth| smooth(of(depth))).collect();
        Self { face: soft(&|depth| depth / (FEATHER * eyes)), moving: soft(&|depth| 1.0 + depth / (FALL * eyes)) }
    }

    /// How much may be painted (0..1) at a place of the crop, in crop units. All is 0 that lies within `margin` of the crop's border.
    pub fn at(&self, p: Point, margin: f32) -> f32 {
        within(p, margin, &self.face)
    }

    /// How much may be moved (0..1), as [`Self::at`]: all of the face up to its outline, and its surroundings the less, the further.
    pub fn moving(&self, p: Point, margin: f32) -> f32 {
        within(p, margin, &self.moving)
    }
}

/// A picture of the mask at a place, away from the crop's border.
fn within(p: Point, margin: f32, picture: &[f32]) -> f32 {
    let to_border = p.x.min(1.0 - p.x).min(p.y).min(1.0 - p.y);
    let border = smooth((to_border - margin) / BORDER);
    if border > 0.0 { border * bilinear(p, picture) } else { 0.0 }
}

/// Bilinear between the centres of the picture's pixels.
fn bilinear(p: Point, picture: &[f32]) -> f32 {
    let last = (SIDE - 1) as f32;
    let place = |x: f32| (x * SIDE as f32 - 0.5).clamp(0.0, last);
    let (x, y) = (place(p.x), place(p.y));
    let (left, top) = ((x as usize).min(SIDE - 2), (y as usize).min(SIDE - 2));
    let (fx, fy) = (x - left as f32, y - top as f32);
    let at = |x: usize, y: usize| picture[y * SIDE + x];
    let upper = at(left, top) * (1.0 - fx) + at(left + 1, top) * fx;
    let lower = at(left, top + 1) * (1.0 - fx) + at(left + 1, top + 1) * fx;
    upper * (1.0 - fy) + lower * fy
}

impl Default for Mask {
    fn default() -> Self {
        Self::new()
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

/// Distance from `p` to the outline; below 0 outside (by the even-odd rule).
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
    if inside { nearest.sqrt() } else { -nearest.sqrt() }
}

/// 0 up to 0, 1 from 1 on, without a kink between.
fn smooth(x: f32) -> f32 {
    let x = x.clamp(0.0, 1.0);
    x * x * (3.0 - 2.0 * x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_face_is_inside_and_the_background_outside() {
        let mask = Mask::new();
        let five = MEAN.five();
        for p in [five.left_eye, five.right_eye, five.nose, Point::mean(&[five.mouth_left, five.mouth_right])] {
            assert!(mask.at(p, 0.0) > 0.99, "{p:?}");
        }
        for p in [Point::new(0.02, 0.5), Point::new(0.98, 0.95), Point::new(0.1, 0.9), Point::new(0.5, 0.005)] {
            assert!(mask.at(p, 0.0) < 0.05, "{p:?}");
        }
        assert!(mask.at(Point::new(0.5, 0.12), 0.0) > 0.9, "the forehead belongs to the face");
    }

    #[test]
    fn the_jaw_line_moves_and_what_is_far_from_it_does_not() {
        let mask = Mask::new();
        for jaw in &MEAN.0[2..15] {
            assert!(mask.at(*jaw, 0.0) < 0.1 && mask.moving(*jaw, 0.0) > 0.4, "{jaw:?}");
        }
        for p in [Point::new(0.1, 0.9), Point::new(0.95, 0.95), Point::new(0.5, 0.995)] {
            assert!(mask.moving(p, 0.0) < 0.02, "{p:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_painted_may_move(x in 0.0f32..1.0, y in 0.0f32..1.0) {
            let (mask, p) = (Mask::new(), Point::new(x, y));
            prop_assert!(mask.moving(p, 0.0) >= mask.at(p, 0.0) - 1e-6);
        }

        #[test]
        fn nothing_of_the_border_is_changed(along in 0.0f32..=1.0, out in 0.0f32..3.0, margin in 0.0f32..0.1) {
            let mask = Mask::new();
            let out = margin - out;
            for p in [Point::new(along, out), Point::new(out, along), Point::new(along, 1.0 - out), Point::new(1.0 - out, along)] {
                prop_assert!(mask.at(p, margin) < 1e-6 && mask.moving(p, margin) < 1e-6, "{p:?}");
            }
        }

        #[test]
        fn values_run_from_zero_to_one_without_jumps(x in 0.0f32..1.0, y in 0.0f32..1.0) {
            let (mask, step) = (Mask::new(), 1e-3);
            let value = mask.at(Point::new(x, y), 0.0);
            prop_assert!((0.0..=1.0).contains(&value));
            // The steepest slope of `smooth` is 1.5 over the feather, and the border's adds to it.
            let steepest = 1.5 / (FEATHER * MEAN.eye_distance()) + 1.5 / BORDER;
            for p in [Point::new(x + step, y), Point::new(x, y + step)] {
                prop_assert!((mask.at(p, 0.0) - value).abs() <= steepest * step + 1e-4);
            }
        }
    }
}
