//! The paper's limits: is the face as sharp as it was, and the background as it was? A source and one of its decades come in.

use super::{Decades, each, mean};
use crate::data::quality::grey;
use crate::evaluate::judges::mobilenet::SIDE;
use crate::evaluate::subject::Subject;
use edge::mask::Mask;
use image::RgbImage;
use serde::Serialize;
use shared::geometry::FitError;
use shared::{Alignment, Landmarks, Point};

/// What of a source a decade kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kept {
    /// Energy (mean square) of the Laplacian inside the face over the source's.
    pub energy: f64,
    /// The same of the Laplacian's mean magnitude, in which single strong edges weigh less.
    pub detail: f64,
    /// Mean absolute change outside the face, of 255.
    pub outside: f64,
}

/// Means over people.
#[derive(Clone, Debug, Serialize)]
pub struct Limits {
    pub energy: Decades,
    pub detail: Decades,
    pub outside: Decades,
}

/// Measures the decades of one source.
pub struct Ruler<'a> {
    source: &'a RgbImage,
    /// 1 inside the face, over the aligned crop of `SIDE`².
    mask: Vec<f32>,
    /// Pixels of the portrait that lie outside the face.
    outside: Vec<bool>,
    laplacian: (f64, f64),
}

impl<'a> Ruler<'a> {
    /// `landmarks` are in the portrait's pixels, `crop` is the upright crop of `SIDE`².
    pub fn new(source: &'a RgbImage, landmarks: &Landmarks, crop: Vec<u8>) -> Result<Self, FitError> {
        let alignment = Alignment::of(landmarks)?;
        let face = Mask::new();
        let at = |p: Point| face.at(alignment.to_crop(p), 0.0);
        let pixels = source.enumerate_pixels();
        let outside = pixels.map(|(x, y, _)| at(Point::new(x as f32 + 0.5, y as f32 + 0.5)) == 0.0).collect();
        let mask = upright_mask(landmarks)?;
        let laplacian = laplacian(&crop, &mask);
        Ok(Self { source, mask, outside, laplacian })
    }

    /// `crop` is the aligned crop of `portrait`.
    pub fn measure(&self, portrait: &RgbImage, crop: &[u8]) -> Kept {
        let (energy, detail) = laplacian(crop, &self.mask);
        let changed = self.source.pixels().zip(portrait.pixels()).zip(&self.outside).filter(|(_, outside)| **outside);
        let changes = changed.flat_map(|((a, b), _)| a.0.into_iter().zip(b.0).map(|(a, b)| f64::from(a.abs_diff(b))));
        let (sum, count) = changes.fold((0.0, 0.0), |(sum, count), change| (sum + change, count + 1.0));
        Kept {
            energy: energy / self.laplacian.0,
            detail: detail / self.laplacian.1,
            outside: sum / f64::max(count, 1.0),
        }
    }
}

/// The face's soft mask `[SIDE, SIDE]` over its upright crop.
pub fn upright_mask(landmarks: &Landmarks) -> Result<Vec<f32>, FitError> {
    let alignment = Alignment::of(landmarks)?;
    let face = Mask::new();
    let centre = |n: usize| (n as f32 + 0.5) / SIDE as f32;
    let place = |i: usize| alignment.to_upright_picture().apply(Point::new(centre(i % SIDE), centre(i / SIDE)));
    Ok((0..SIDE * SIDE).map(|i| face.at(alignment.to_crop(place(i)), 0.0)).collect())
}

/// Mean square and mean magnitude of the Laplacian of a crop's grey levels, weighed by the mask.
fn laplacian(crop: &[u8], mask: &[f32]) -> (f64, f64) {
    let grey = grey(crop);
    let at = |x: usize, y: usize| grey.get(y * SIDE + x).copied().unwrap_or_default();
    let (mut squares, mut magnitudes, mut weights) = (0.0, 0.0, 0.0);
    for y in 1..SIDE - 1 {
        for x in 1..SIDE - 1 {
            let value = f64::from(at(x - 1, y) + at(x + 1, y) + at(x, y - 1) + at(x, y + 1) - 4.0 * at(x, y));
            let weight = f64::from(mask[y * SIDE + x]);
            squares += weight * value * value;
            magnitudes += weight * value.abs();
            weights += weight;
        }
    }
    (squares / weights, magnitudes / weights)
}

pub fn measure(subjects: &[&Subject]) -> Limits {
    let over = |of: fn(&Kept) -> f64| {
        each(|decade| {
            let values = subjects.iter().map(|subject| of(&subject.kept[decade]));
            mean(&values.filter(|value| value.is_finite()).collect::<Vec<_>>())
        })
    };
    Limits { energy: over(|kept| kept.energy), detail: over(|kept| kept.detail), outside: over(|kept| kept.outside) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    static ALL: [f32; SIDE * SIDE] = [1.0; SIDE * SIDE];

    fn stripes(height: u8) -> Vec<u8> {
        (0..SIDE * SIDE).flat_map(|i| [if i % 2 == 0 { 100 } else { 100 + height }; 3]).collect()
    }

    #[test]
    fn twice_the_contrast_is_four_times_the_energy_and_twice_the_detail() {
        let (plain, strong) = (laplacian(&stripes(20), &ALL), laplacian(&stripes(40), &ALL));
        assert!((strong.0 / plain.0 - 4.0).abs() < 1e-3 && (strong.1 / plain.1 - 2.0).abs() < 1e-3);
        assert_eq!(laplacian(&stripes(0), &ALL), (0.0, 0.0));
    }

    #[test]
    fn changes_outside_the_face_are_told_from_those_inside() {
        let landmarks = crate::evaluate::judges::chip::tests::face();
        let alignment = shared::align(&landmarks.five()).unwrap();
        let source = RgbImage::from_fn(240, 240, |x, y| Rgb([(x * 7 % 50) as u8 + 90, (y * 5 % 60) as u8 + 80, 90]));
        let crop = |picture: &RgbImage| crate::evaluate::judges::chip::square(picture, &alignment, SIDE).unwrap();
        // The outline: a jaw around the eyes and the mouth, brows above the eyes.
        let mut points = landmarks.0;
        for (i, point) in points.iter_mut().enumerate().take(27) {
            let angle = i as f32 / 16.0 * std::f32::consts::PI;
            *point = match i {
                0..17 => Point::new(120.0 - 48.0 * angle.cos(), 100.0 + 64.0 * angle.sin()),
                _ => Point::new(60.0 + 3.0 * i as f32, 88.0),
            };
        }
        let ruler = Ruler::new(&source, &Landmarks(points), crop(&source)).unwrap();
        let same = ruler.measure(&source, &crop(&source));
        assert_eq!(same, Kept { energy: 1.0, detail: 1.0, outside: 0.0 });
        let mut inside = source.clone();
        inside.put_pixel(120, 120, Rgb([255; 3]));
        let inside = ruler.measure(&inside, &crop(&inside));
        assert!(inside.energy > 1.0 && inside.outside == 0.0, "{inside:?}");
        let mut outside = source.clone();
        outside.rows_mut().take(20).flatten().for_each(|pixel| pixel.0 = pixel.0.map(|value| value + 10));
        let outside = ruler.measure(&outside, &crop(&outside));
        assert!(outside.outside > 0.5 && outside.outside < 10.0 && outside.energy == 1.0, "{outside:?}");
    }
}
