//! What the landmark net sees: a picture and a guess of where the face is come in, a small upright grey square goes out.
//!
//! The square is the alignment's crop seen from a little farther away, so that the whole jaw stays inside when the
//! guess is off. Trainer and device cut it with the same code.

use shared::geometry::FitError;
use shared::{FivePoints, Point, Similarity, align};

/// Pixels across the square.
pub const SIDE: usize = 80;

/// How much smaller the face is than in the alignment's crop.
const SHRINK: f32 = 0.85;

/// More samples a pixel cost more than they show.
const MAX_GRID: usize = 4;

/// The similarity from picture pixels to units of the net's square (0..1 across).
pub fn net_alignment(points: &FivePoints) -> Result<Similarity, FitError> {
    Ok(align(points)?.then(&Similarity::about(Point::new(0.5, 0.5), 0.0, SHRINK)))
}

/// Grey value of an RGB pixel, 0..255 (the weights of ITU-R BT.601).
pub fn luma(rgb: [u8; 3]) -> f32 {
    0.299 * f32::from(rgb[0]) + 0.587 * f32::from(rgb[1]) + 0.114 * f32::from(rgb[2])
}

/// Cuts the square: `[SIDE, SIDE]` in −1..1. `to_picture` leads from units of the square to picture pixels; `grey_at`
/// gives the grey value (0..255) of a pixel by column and row and is asked for pixels outside of the picture too.
///
/// Where the square is coarser than the picture, each of its pixels is the mean of up to 4×4 bilinear samples.
pub fn cut_grey(grey_at: impl Fn(i32, i32) -> f32, to_picture: &Similarity, square: &mut [f32]) {
    let step = 1.0 / SIDE as f32;
    // Samples up to one and a half pixels apart still meet every pixel: bilinear weights reach that far.
    let grid = ((to_picture.scale() * step / 1.5).ceil() as usize).clamp(1, MAX_GRID);
    let share = 1.0 / (grid * grid) as f32;
    let offset = |n: usize| (n as f32 + 0.5) / grid as f32;
    for (i, value) in square.iter_mut().take(SIDE * SIDE).enumerate() {
        let (column, row) = ((i % SIDE) as f32, (i / SIDE) as f32);
        let mut sum = 0.0;
        for k in 0..grid * grid {
            let at = Point::new((column + offset(k % grid)) * step, (row + offset(k / grid)) * step);
            sum += bilinear(&grey_at, to_picture.apply(at));
        }
        *value = sum * share / 127.5 - 1.0;
    }
}

/// Between the four pixels around `p` (pixel centres at half-integers).
pub(super) fn bilinear(grey_at: &impl Fn(i32, i32) -> f32, p: Point) -> f32 {
    let (x, y) = (p.x - 0.5, p.y - 0.5);
    let (left, top) = (x.floor(), y.floor());
    let (fx, fy) = (x - left, y - top);
    let (left, top) = (left as i32, top as i32);
    let (right, bottom) = (left.saturating_add(1), top.saturating_add(1));
    let upper = grey_at(left, top) * (1.0 - fx) + grey_at(right, top) * fx;
    let lower = grey_at(left, bottom) * (1.0 - fx) + grey_at(right, bottom) * fx;
    upper * (1.0 - fy) + lower * fy
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::alignment::TEMPLATE;

    #[test]
    fn a_ramp_stays_a_ramp_at_every_scale() {
        for scale in [20.0, 80.0, 333.0] {
            let mut square = vec![0.0; SIDE * SIDE];
            cut_grey(|x, _| (x as f32 + 0.5) / scale * 255.0, &Similarity::scaling(scale), &mut square);
            for (i, &value) in square.iter().enumerate() {
                let expected = ((i % SIDE) as f32 + 0.5) / SIDE as f32 * 2.0 - 1.0;
                assert!((value - expected).abs() < 1e-3, "scale {scale}: {value} is not {expected}");
            }
        }
    }

    #[test]
    fn the_template_sits_in_the_middle_with_room_around_it() {
        let alignment = net_alignment(&TEMPLATE).unwrap();
        let centre = alignment.apply(Point::new(0.5, 0.5));
        assert!(centre.distance(Point::new(0.5, 0.5)) < 1e-5);
        assert!((alignment.scale() - SHRINK).abs() < 1e-5);
    }
}
