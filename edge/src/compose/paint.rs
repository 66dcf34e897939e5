//! What an edit paints, as texels to sample between. A generator's change and detail come in; what to add to each pixel
//! goes out, enlarged where the face is larger in the picture than in the generator.
//!
//! `m · 127.5 · (change + detail · (luma / 127.5 − 1 − smooth))` is a sum that does not depend on the pixel, and a factor
//! for its luma: four numbers a texel, one vector register.

use crate::ager::Edit;
use crate::mask::Mask;
use shared::Point;

/// Faces that are this much larger in the picture than in the generator get twice as many texels a side. Once is enough:
/// between the texels of a refined square, straight lines are as good as curves.
const REFINE_FROM: f32 = 1.5;
/// Catmull-Rom weights for a point a quarter to the right of a sample; mirrored for a quarter to the left.
const QUARTER: [f32; 4] = [-9.0 / 128.0, 111.0 / 128.0, 29.0 / 128.0, -3.0 / 128.0];

/// What to add to red, green and blue (0..255), and how many times the pixel's luma to add to each.
pub type Texel = [f32; 4];

/// A square of texels. Keeps its buffers from frame to frame.
#[derive(Debug, Default)]
pub struct Paint {
    mask: Mask,
    /// The mask at the centres of the generator's pixels.
    weights: Vec<f32>,
    texels: Vec<Texel>,
    half: Vec<Texel>,
    finer: Vec<Texel>,
    side: usize,
}

impl Paint {
    /// Takes an edit of `side` pixels a side for a crop that is `size` pixels wide in the picture.
    pub fn mix(&mut self, edit: &Edit, side: usize, size: f32) {
        self.weigh(side);
        let (red, rest) = edit.change.split_at(side * side);
        let (green, blue) = rest.split_at(side * side);
        let texel = |(i, weight): (usize, &f32)| {
            let detail = edit.detail[i] * weight;
            let rest = -127.5 * detail * (1.0 + edit.smooth[i]);
            let weight = 127.5 * weight;
            [red[i] * weight + rest, green[i] * weight + rest, blue[i] * weight + rest, detail]
        };
        self.texels.clear();
        self.texels.extend(self.weights.iter().enumerate().map(texel));
        self.side = side;
        if size > REFINE_FROM * side as f32 {
            self.refine();
        }
    }

    pub const fn mask(&self) -> &Mask {
        &self.mask
    }

    /// Texels a side.
    pub const fn side(&self) -> usize {
        self.side
    }

    /// Bilinear at a place in texels, in whole numbers of 1/65536 (0 is the first texel's centre). Float to integer and
    /// back for every pixel would cost more than all the rest.
    #[inline]
    pub fn at(&self, x: i32, y: i32) -> Texel {
        // The last texel is as good as reached 1/65536 before it.
        let last = ((self.side as i32 - 1) << 16) - 1;
        let split = |place: i32| {
            let place = place.clamp(0, last);
            ((place >> 16) as usize, (place & 0xffff) as f32 / 65536.0)
        };
        let ((x, fx), (y, fy)) = (split(x), split(y));
        let first = y * self.side + x;
        let (upper, lower) = (&self.texels[first..first + 2], &self.texels[first + self.side..first + self.side + 2]);
        lerp(&lerp(&upper[0], &upper[1], fx), &lerp(&lower[0], &lower[1], fx), fy)
    }

    /// The border's texels are 0, and so is the border of a refined square: what lies outside is never changed.
    fn weigh(&mut self, side: usize) {
        if self.weights.len() == side * side {
            return;
        }
        let step = 1.0 / side as f32;
        let centre = |n: usize| (n as f32 + 0.5) * step;
        self.weights.clear();
        let places = (0..side * side).map(|i| Point::new(centre(i % side), centre(i / side)));
        self.weights.extend(places.map(|p| self.mask.at(p, 1.5 * step)));
    }

    /// Twice as many texels a side, by cubic convolution first along the rows, then along the columns.
    fn refine(&mut self) {
        let side = self.side;
        self.half.resize(2 * side * side, [0.0; 4]);
        self.finer.resize(4 * side * side, [0.0; 4]);
        for (row, fine) in self.texels.chunks_exact(side).zip(self.half.chunks_exact_mut(2 * side)) {
            for (i, texel) in fine.iter_mut().enumerate() {
                *texel = cubic(neighbours(i, side).map(|n| &row[n]));
            }
        }
        for (i, fine) in self.finer.chunks_exact_mut(2 * side).enumerate() {
            let rows = neighbours(i, side).map(|n| &self.half[n * 2 * side..][..2 * side]);
            for (x, texel) in fine.iter_mut().enumerate() {
                *texel = cubic(rows.map(|row| &row[x]));
            }
        }
        std::mem::swap(&mut self.texels, &mut self.finer);
        self.side = 2 * side;
    }
}

/// The four of `count` samples about place `i` of a line that is twice as fine, in the order of [`QUARTER`].
fn neighbours(i: usize, count: usize) -> [usize; 4] {
    let (centre, last) = (i / 2, count - 1);
    let before = |n: usize| centre.saturating_sub(n);
    let after = |n: usize| (centre + n).min(last);
    if i % 2 == 1 { [before(1), centre, after(1), after(2)] } else { [after(1), centre, before(1), before(2)] }
}

fn cubic(texels: [&Texel; 4]) -> Texel {
    let [a, b, c, d] = texels;
    std::array::from_fn(|i| QUARTER[0] * a[i] + QUARTER[1] * b[i] + QUARTER[2] * c[i] + QUARTER[3] * d[i])
}

fn lerp(a: &Texel, b: &Texel, share: f32) -> Texel {
    std::array::from_fn(|i| a[i] + (b[i] - a[i]) * share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::edit;

    #[test]
    fn refining_keeps_a_flat_square_flat_and_a_ramp_straight() {
        let texels = (0..64).map(|i| [(i % 8) as f32, 5.0, (i / 8) as f32, 0.0]).collect();
        let mut paint = Paint { texels, side: 8, ..Paint::default() };
        paint.refine();
        assert_eq!(paint.side(), 16);
        for (i, texel) in paint.texels.iter().enumerate() {
            let (x, y) = (i % 16, i / 16);
            assert!((texel[1] - 5.0).abs() < 1e-5);
            if (4..12).contains(&x) && (4..12).contains(&y) {
                assert!((texel[0] - (x as f32 / 2.0 - 0.25)).abs() < 1e-4);
                assert!((texel[2] - (y as f32 / 2.0 - 0.25)).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn the_border_is_zero_at_any_size() {
        for size in [8.0, 100.0] {
            let mut paint = Paint::default();
            paint.mix(&edit(32, 0.8, 0.5), 32, size);
            let side = paint.side();
            for i in 0..side {
                for (x, y) in [(i, 0), (0, i), (i, side - 1), (side - 1, i)] {
                    assert_eq!(paint.texels[y * side + x], [0.0; 4], "{x} {y}");
                }
            }
            assert!(paint.at((side as i32) << 15, (side as i32) << 15)[0] > 1.0);
        }
    }

    #[test]
    fn another_generator_size_gets_its_own_mask() {
        let mut paint = Paint::default();
        for side in [16, 64, 32] {
            paint.mix(&edit(side, 0.4, 0.0), side, 10.0);
            let middle = paint.texels[side / 2 * side + side / 2];
            assert!((middle[0] - 51.0).abs() < 1e-3, "{side} {middle:?}");
        }
    }
}
