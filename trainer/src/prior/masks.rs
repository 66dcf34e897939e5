//! Soft masks in the frame of the mean shape: where ageing may paint, and where wrinkles may lie.

use super::filters::blur;
use shared::{Landmarks, Point};
use tch::{Kind, Tensor};

/// The face from jaw to hair line `[1, 1, S, S]` in 0..1, with three quarters of the mouth spared: whose lips move, keeps
/// them.
pub fn face(mean: &Landmarks, side: i64) -> Tensor {
    let unit = side as f64 / 128.0;
    let outline = outline(mean, 0.93, 0.97);
    let inside = soften(&erode(&polygon(&outline, side), scaled(5, unit)), 3.5 * unit);
    let mouth = soften(&dilate(&polygon(&mean.0[48..60], side), scaled(3, unit)), 2.0 * unit);
    inside * (1.0 - mouth * 0.75)
}

/// The skin that wrinkles `[1, 1, S, S]` in 0..1: the face without eyes, brows, nostrils and mouth.
pub fn skin(mean: &Landmarks, side: i64) -> Tensor {
    let unit = side as f64 / 128.0;
    let outline = outline(mean, 0.86, 0.93);
    let inside = soften(&erode(&polygon(&outline, side), scaled(7, unit)), 3.0 * unit);
    let p = &mean.0;
    let parts = [&p[36..42], &p[42..48], &p[48..60]].map(|part| dilate(&polygon(part, side), scaled(5, unit)));
    let lines = [&p[17..22], &p[22..27], &p[31..36]].map(|part| dilate(&polygon(&band(part), side), scaled(5, unit)));
    let spared = parts.into_iter().chain(lines).reduce(|a, b| a.maximum(&b)).map(|m| soften(&m, 1.5 * unit));
    spared.map_or_else(|| inside.shallow_clone(), |spared| &inside * (1.0 - spared))
}

/// Where glasses lie `[1, 1, S, S]` in 0..1: from under the brows to under the eyes, temple to temple.
pub fn glasses(mean: &Landmarks, side: i64) -> Tensor {
    let p = &mean.0;
    let (top, bottom) = (p[37].y - 0.03, p[41].y + 0.1);
    let zone =
        [Point::new(p[0].x, top), Point::new(p[16].x, top), Point::new(p[16].x, bottom), Point::new(p[0].x, bottom)];
    soften(&polygon(&zone, side), side as f64 / 64.0)
}

/// Where beards grow `[1, 1, S, S]` in 0..1: below the nose.
pub fn beard(mean: &Landmarks, side: i64) -> Tensor {
    let (p, nose) = (&mean.0, mean.0[33].y + 0.02);
    let zone = [Point::new(p[2].x, nose), Point::new(p[14].x, nose), Point::new(p[14].x, 1.0), Point::new(p[2].x, 1.0)];
    soften(&polygon(&zone, side), side as f64 / 64.0)
}

/// The middle of the forehead `[1, 1, S, S]` in 0..1, where a mark may be worn that nobody else should get.
pub fn mark(mean: &Landmarks, side: i64) -> Tensor {
    let bottom = mean.0[27].y - 0.015;
    let zone = [(0.45, 0.04), (0.55, 0.04), (0.55, bottom), (0.45, bottom)].map(|(x, y)| Point::new(x, y));
    soften(&polygon(&zone, side), side as f64 / 64.0)
}

/// Cheeks and nose `[1, 1, S, S]` in 0..1: skin in nearly every picture.
pub fn cheeks(mean: &Landmarks, side: i64) -> Tensor {
    let p = &mean.0;
    let zone = [2, 41, 27, 46, 14, 54, 48].map(|i: usize| match i {
        // Off the outline and the eyes, towards the middle of the face.
        2 | 14 => Point::new(0.5 + (p[i].x - 0.5) * 0.7, p[i].y),
        41 | 46 => Point::new(p[i].x, p[i].y + 0.06),
        _ => p[i],
    });
    soften(&polygon(&zone, side), side as f64 / 64.0)
}

/// The brows `[1, 1, S, S]` in 0..1, with a margin.
pub fn brows(mean: &Landmarks, side: i64) -> Tensor {
    pair([&mean.0[17..22], &mean.0[22..27]].map(band), 3, side)
}

/// The upper lip `[1, 1, S, S]` in 0..1, from the nose to the middle of the mouth and a little beyond its corners.
pub fn upper_lip(mean: &Landmarks, side: i64) -> Tensor {
    let p = &mean.0;
    let (left, right) = (p[48].x - 0.04, p[54].x + 0.04);
    let (top, bottom) = (p[33].y + 0.01, p[62].y + 0.01);
    let zone = [(left, top), (right, top), (right, bottom), (left, bottom)].map(|(x, y)| Point::new(x, y));
    soften(&polygon(&zone, side), side as f64 / 64.0)
}

/// The eyes `[1, 1, S, S]` in 0..1, lids and all.
pub fn eyes(mean: &Landmarks, side: i64) -> Tensor {
    pair([&mean.0[36..42], &mean.0[42..48]].map(<[Point]>::to_vec), 7, side)
}

/// Where beards grow `[1, 1, S, S]` in 0..1, without the mouth and within the face.
pub fn beard_skin(mean: &Landmarks, side: i64) -> Tensor {
    let unit = side as f64 / 128.0;
    let mouth = soften(&dilate(&polygon(&mean.0[48..60], side), scaled(11, unit)), 2.0 * unit);
    let inside = soften(&erode(&polygon(&outline(mean, 0.93, 0.97), side), scaled(3, unit)), 2.0 * unit);
    beard(mean, side) * inside * (1.0 - mouth)
}

/// The jaw drawn a little narrower, closed by an arch under the hair line.
fn outline(mean: &Landmarks, width: f32, height: f32) -> Vec<Point> {
    let jaw = mean.0[..17].iter().map(|p| Point::new(0.5 + (p.x - 0.5) * width, 0.5 + (p.y - 0.5) * height));
    let arch = [0.84, 0.75, 0.625, 0.5, 0.375, 0.25, 0.16].map(|x: f32| Point::new(x, 0.06 + (x - 0.5).powi(2) * 1.0));
    jaw.chain(arch).collect()
}

/// Two parts of the face, with a margin of about half as many pixels, of 128, as `wide`.
fn pair(parts: [Vec<Point>; 2], wide: i64, side: i64) -> Tensor {
    let unit = side as f64 / 128.0;
    let drawn = parts.map(|part| dilate(&polygon(&part, side), scaled(wide, unit)));
    soften(&drawn[0].maximum(&drawn[1]), 1.5 * unit)
}

/// A line of landmarks as a thin closed band.
fn band(line: &[Point]) -> Vec<Point> {
    let lower = line.iter().rev().map(|p| Point::new(p.x, p.y + 0.016));
    line.iter().map(|p| Point::new(p.x, p.y - 0.016)).chain(lower).collect()
}

fn scaled(pixels: i64, unit: f64) -> i64 {
    ((pixels as f64 * unit / 2.0).round() as i64) * 2 + 1
}

fn dilate(mask: &Tensor, kernel: i64) -> Tensor {
    mask.max_pool2d([kernel, kernel], [1, 1], [kernel / 2, kernel / 2], [1, 1], false)
}

fn erode(mask: &Tensor, kernel: i64) -> Tensor {
    1.0 - dilate(&(1.0 - mask), kernel)
}

/// Blurred, and alike on both sides.
fn soften(mask: &Tensor, sigma: f64) -> Tensor {
    let soft = blur(mask, sigma);
    soft.maximum(&soft.flip([3]))
}

/// 1 inside a closed polygon in crop units, 0 outside (even-odd rule at pixel centres): `[1, 1, S, S]`.
fn polygon(corners: &[Point], side: i64) -> Tensor {
    let inside = |x: f32, y: f32| {
        let edges = corners.iter().zip(corners.iter().cycle().skip(1));
        let crossings =
            edges.filter(|(p, q)| (p.y > y) != (q.y > y) && x < p.x + (y - p.y) / (q.y - p.y) * (q.x - p.x));
        crossings.count() % 2 == 1
    };
    let centre = |i: i64| (i as f32 + 0.5) / side as f32;
    let values: Vec<f32> =
        (0..side * side).map(|i| f32::from(u8::from(inside(centre(i % side), centre(i / side))))).collect();
    Tensor::from_slice(&values).view([1, 1, side, side]).to_kind(Kind::Float)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_is_filled_and_nothing_else() {
        let square = [(0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)].map(|(x, y)| Point::new(x, y));
        let mask = polygon(&square, 8);
        assert_eq!(mask.sum(Kind::Float).double_value(&[]), 16.0);
        assert_eq!(mask.double_value(&[0, 0, 3, 3]), 1.0);
        assert_eq!(mask.double_value(&[0, 0, 1, 3]), 0.0);
    }
}
