//! A black-and-white picture stays one. The crop comes in: if brightness alone tells the colours of its face, as in a photograph
//! without colours or with one tint, what an edit paints gets the same tint. Skin in colour has spots that are redder than others.

use crate::ager::Edit;
use crate::clarity::{FACE, LUMA};

/// What brightness does not tell of a face's colours, as a share of its brightness: up to here there is no colour, and from here on
/// there is. FairFace's black-and-white pictures have 0.009 to 0.020 (JPEG's rounding, and tints that differ in light and shade),
/// its other ones 0.021 and more (median 0.062; 700 pictures measured, those with least colour looked at).
const COLOURED: (f32, f32) = (0.012, 0.022);

/// The colours of a picture.
#[derive(Clone, Debug)]
pub struct Tint {
    /// Share of an edit's own colours that the face carries.
    share: f32,
    /// How red, green and blue change with brightness; 1 in greys.
    slopes: [f32; 3],
}

impl Default for Tint {
    fn default() -> Self {
        Self { share: 1.0, slopes: [1.0; 3] }
    }
}

impl Tint {
    /// Looks at a crop, `[3, S, S]` planar in −1..1.
    pub fn look(&mut self, crop: &[f32], side: usize) {
        let plane = side * side;
        let [left, right, top, bottom] = FACE.map(|share| (share * side as f32) as usize);
        let (mut count, mut sum, mut power) = (0.0, 0.0, 0.0);
        let (mut sums, mut products, mut powers) = ([0.0f32; 3], [0.0f32; 3], [0.0f32; 3]);
        for i in (top..bottom).flat_map(|y| (left..right).map(move |x| y * side + x)) {
            let colour = [crop[i], crop[plane + i], crop[2 * plane + i]].map(|value| value + 1.0);
            let luma = luma(colour);
            count += 1.0;
            sum += luma;
            power += luma * luma;
            for k in 0..3 {
                sums[k] += colour[k];
                products[k] += colour[k] * luma;
                powers[k] += colour[k] * colour[k];
            }
        }
        let mean = sum / count;
        let variance = (power / count - mean * mean).max(1e-6);
        // The straight line through each channel over brightness, by least squares, and what it leaves.
        let covariance = |k: usize| products[k] / count - sums[k] / count * mean;
        self.slopes = std::array::from_fn(|k| covariance(k) / variance);
        let left = |k: usize| powers[k] / count - (sums[k] / count).powi(2) - covariance(k).powi(2) / variance;
        let rest = ((left(0) + left(1) + left(2)).max(0.0) / 3.0).sqrt() / mean.max(0.02);
        self.share = ((rest - COLOURED.0) / (COLOURED.1 - COLOURED.0)).clamp(0.0, 1.0);
    }

    /// Leaves as much of the edit's colours as suits the picture that was looked at; how bright it paints stays.
    pub fn suit(&self, edit: &mut Edit, side: usize) {
        if self.share == 1.0 {
            return;
        }
        let (red, rest) = edit.change.split_at_mut(side * side);
        let (green, blue) = rest.split_at_mut(side * side);
        for ((red, green), blue) in red.iter_mut().zip(green).zip(blue) {
            let brighter = luma([*red, *green, *blue]);
            for (value, slope) in [red, green, blue].into_iter().zip(self.slopes) {
                let tinted = brighter * slope;
                *value = tinted + (*value - tinted) * self.share;
            }
        }
    }
}

fn luma(colour: [f32; 3]) -> f32 {
    LUMA[0] * colour[0] + LUMA[1] * colour[1] + LUMA[2] * colour[2]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 32;

    /// A picture whose channels follow from brightness, which waves, and a spot that is redder by `spot`.
    fn crop(channels: [fn(f32) -> f32; 3], spot: f32) -> Vec<f32> {
        let luma = |i: usize| 0.9 + 0.5 * (i as f32 * 0.37).sin();
        let red = |channel: usize, i: usize| if channel == 0 && i % SIDE > SIDE / 2 { spot } else { 0.0 };
        let planes = channels.iter().enumerate();
        planes.flat_map(|(c, of)| (0..SIDE * SIDE).map(move |i| of(luma(i)) + red(c, i) - 1.0)).collect()
    }

    /// What is left of paint that reddens.
    fn painted(crop: &[f32]) -> [f32; 3] {
        let mut tint = Tint::default();
        tint.look(crop, SIDE);
        let mut edit = Edit::none(SIDE);
        edit.change[..SIDE * SIDE].fill(0.2);
        edit.change[SIDE * SIDE..].fill(-0.05);
        tint.suit(&mut edit, SIDE);
        [0, 1, 2].map(|channel| edit.change[channel * SIDE * SIDE])
    }

    #[test]
    fn greys_are_painted_grey() {
        let [red, green, blue] = painted(&crop([|l| l; 3], 0.0));
        let brighter = luma([0.2, -0.05, -0.05]);
        for value in [red, green, blue] {
            assert!((value - brighter).abs() < 1e-3, "{red} {green} {blue}");
        }
    }

    #[test]
    fn one_tint_is_painted_in_that_tint() {
        // Sepia: the lighter, the more red and the less blue than green.
        let [red, green, blue] = painted(&crop([|l| 1.1 * l + 0.05, |l| l, |l| 0.7 * l], 0.0));
        assert!((red / green - 1.1).abs() < 0.01 && (blue / green - 0.7).abs() < 0.01, "{red} {green} {blue}");
    }

    #[test]
    fn a_face_with_red_spots_carries_all_colours() {
        assert_eq!(painted(&crop([|l| 1.2 * l, |l| l, |l| 0.8 * l], 0.1)), [0.2, -0.05, -0.05]);
    }

    #[test]
    fn all_black_and_all_white_are_no_trouble() {
        for values in [vec![-1.0; 3 * SIDE * SIDE], vec![1.0; 3 * SIDE * SIDE]] {
            assert!(painted(&values).iter().all(|value| value.is_finite()));
        }
    }

    #[test]
    fn the_demo_visitors_are_in_colour() {
        let mut finder = crate::face::FaceFinder::embedded().unwrap();
        let ager = crate::ager::Ager::new(&crate::bundle::Bundle::embedded().unwrap()).unwrap();
        let side = ager.size();
        let mut mirror = crate::mirror::Mirror::new(ager);
        for visitor in crate::demo::VISITORS {
            let picture = visitor.read().unwrap();
            let face = finder.find(&picture).unwrap().remove(0);
            mirror.look(&picture, &face.landmarks).unwrap();
            let mut tint = Tint::default();
            tint.look(mirror.crop(), side);
            assert_eq!(tint.share, 1.0, "{}", visitor.name);
        }
    }
}
