//! No change sharper or deeper than the picture that it is drawn on. The crop comes in: how much fine detail its face has tells
//! how much of an edit's own fine detail goes out, and how deep its shade is how much of the whole. In haze, motion blur or a
//! soft lens, wrinkles of full strength look drawn on; in mist or too much light, shade of full strength looks like dirt. Where skin
//! is nearly white, it does in any picture.

use crate::ager::Edit;

/// Detail of a face over its brightness, as a share: from here on faces carry whole wrinkles. One in ten of FairFace's
/// pictures has less (median 0.066, 10 % below 0.042).
const CLEAR: f32 = 0.042;
/// Even the haziest picture gets this share.
const LEAST: f32 = 0.25;
/// Spread of a face's brightness over its mean: from here on faces carry the whole change. One in five of FairFace's pictures
/// has less (median 0.34, 5 % below 0.19).
const DEEP: f32 = 0.26;
/// Even the shallowest picture gets this share.
const LEAST_DEPTH: f32 = 0.5;
/// Brightness, 0..1, from which on a camera's curve flattens: the same wrinkle makes less of a difference in what it draws.
const BRIGHT: f32 = 0.7;
/// White carries this share of the change.
const LEAST_BRIGHT: f32 = 0.4;
/// Fine is what a mean over so many pixels to each side takes away.
const REACH: usize = 2;
/// The part of the crop that is surely face, in its sides: left, right, top, bottom.
pub const FACE: [f32; 4] = [0.16, 0.84, 0.19, 0.91];
/// ITU-R BT.601.
pub const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// What a picture is worth. Keeps its buffers from frame to frame.
#[derive(Clone, Debug)]
pub struct Clarity {
    /// Share of an edit's fine detail that the face carries.
    share: f32,
    /// Share of an edit's whole change that the face carries.
    depth: f32,
    /// Share of an edit's change that each place carries for its brightness.
    carries: Vec<f32>,
    plane: Vec<f32>,
    rows: Vec<f32>,
    smooth: Vec<f32>,
}

impl Default for Clarity {
    fn default() -> Self {
        Self { share: 1.0, depth: 1.0, carries: Vec::new(), plane: Vec::new(), rows: Vec::new(), smooth: Vec::new() }
    }
}

impl Clarity {
    /// Looks at a crop, `[3, S, S]` planar in −1..1.
    pub fn look(&mut self, crop: &[f32], side: usize) {
        let (red, rest) = crop.split_at(side * side);
        let (green, blue) = rest.split_at(side * side);
        let luma = |((red, green), blue): ((&f32, &f32), &f32)| 1.0 + LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue;
        let mut plane = std::mem::take(&mut self.plane);
        plane.clear();
        plane.extend(red.iter().zip(green).zip(blue).map(luma));
        self.blur(&plane, side);
        let [left, right, top, bottom] = FACE.map(|share| (share * side as f32) as usize);
        let (mut detail, mut power, mut brightness, mut count) = (0.0, 0.0, 0.0, 0.0);
        for i in (top..bottom).flat_map(|y| (left..right).map(move |x| y * side + x)) {
            detail += (plane[i] - self.smooth[i]).powi(2);
            power += plane[i].powi(2);
            brightness += plane[i];
            count += 1.0;
        }
        self.plane = plane;
        self.carries.clear();
        self.carries.extend(self.smooth.iter().map(|&light| shoulder(0.5 * light)));
        let mean: f32 = brightness / count;
        let spread = (power / count - mean.powi(2)).max(0.0).sqrt();
        let light = mean.max(0.02);
        self.share = ((detail / count).sqrt() / light / CLEAR).clamp(LEAST, 1.0);
        self.depth = (spread / light / DEEP).clamp(LEAST_DEPTH, 1.0);
    }

    /// Leaves as much of the edit's change, and of its fine detail, as suits the picture that was looked at.
    pub fn suit(&mut self, edit: &mut Edit, side: usize) {
        if self.share < 1.0 {
            for plane in edit.change.chunks_exact_mut(side * side) {
                self.blur(plane, side);
                for (value, smooth) in plane.iter_mut().zip(&self.smooth) {
                    *value = smooth + (*value - smooth) * self.share;
                }
            }
        }
        for plane in edit.change.chunks_exact_mut(side * side) {
            plane.iter_mut().zip(&self.carries).for_each(|(value, share)| *value *= share * self.depth);
        }
    }

    /// Fills `smooth` with means of squares of pixels, at borders of what there is.
    fn blur(&mut self, plane: &[f32], side: usize) {
        self.rows.resize(plane.len(), 0.0);
        self.smooth.resize(plane.len(), 0.0);
        let around = |n: usize| n.saturating_sub(REACH)..(n + REACH + 1).min(side);
        for (row, blurred) in plane.chunks_exact(side).zip(self.rows.chunks_exact_mut(side)) {
            for (x, value) in blurred.iter_mut().enumerate() {
                let near = &row[around(x)];
                *value = near.iter().sum::<f32>() / near.len() as f32;
            }
        }
        for (y, blurred) in self.smooth.chunks_exact_mut(side).enumerate() {
            let near = around(y);
            let share = 1.0 / near.len() as f32;
            blurred.fill(0.0);
            for row in near.map(|y| &self.rows[y * side..][..side]) {
                blurred.iter_mut().zip(row).for_each(|(sum, value)| *sum += value * share);
            }
        }
    }
}

/// Share of the change that a place of a brightness 0..1 carries.
fn shoulder(light: f32) -> f32 {
    1.0 - (1.0 - LEAST_BRIGHT) * ((light - BRIGHT) / (1.0 - BRIGHT)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SIDE: usize = 32;

    /// Grey with stripes of a strength.
    fn crop(stripes: f32) -> Vec<f32> {
        (0..3 * SIDE * SIDE).map(|i| if i % 2 == 0 { stripes } else { -stripes }).collect()
    }

    fn share(crop: &[f32]) -> f32 {
        let mut clarity = Clarity::default();
        clarity.look(crop, SIDE);
        clarity.share
    }

    #[test]
    fn a_clear_face_carries_all_and_a_hazy_one_little() {
        assert_eq!(share(&crop(0.06)), 1.0);
        assert!((0.3..0.8).contains(&share(&crop(0.025))));
        assert_eq!(share(&crop(0.0)), LEAST);
        let dark: Vec<f32> = crop(0.02).iter().map(|value| value - 0.75).collect();
        assert_eq!(share(&dark), 1.0, "in the dark, little detail is much");
    }

    #[test]
    fn a_shallow_face_carries_less_whatever_its_light() {
        let depth = |contrast: f32, light: f32| {
            let mut clarity = Clarity::default();
            let broad =
                |i: usize| if i % SIDE < SIDE / 2 { light * (1.0 + contrast) } else { light * (1.0 - contrast) };
            clarity.look(&(0..3 * SIDE * SIDE).map(|i| broad(i) - 1.0).collect::<Vec<f32>>(), SIDE);
            clarity.depth
        };
        for light in [0.3, 0.8, 1.4] {
            assert_eq!(depth(0.4, light), 1.0);
            assert!((0.6..0.9).contains(&depth(0.2, light)));
            assert_eq!(depth(0.02, light), LEAST_DEPTH);
        }
    }

    #[test]
    fn the_demo_visitors_are_hazy_as_means_of_many_are() {
        let mut finder = crate::face::FaceFinder::embedded().unwrap();
        for visitor in crate::demo::VISITORS {
            let picture = visitor.read().unwrap();
            let face = finder.find(&picture).unwrap().remove(0);
            let ager = crate::ager::Ager::new(&crate::bundle::Bundle::embedded().unwrap()).unwrap();
            let side = ager.size();
            let mut mirror = crate::mirror::Mirror::new(ager);
            mirror.look(&picture, &face.landmarks).unwrap();
            let share = share_of(mirror.crop(), side);
            assert!((LEAST..0.7).contains(&share), "{} {share}", visitor.name);
        }
    }

    fn share_of(crop: &[f32], side: usize) -> f32 {
        let mut clarity = Clarity::default();
        clarity.look(crop, side);
        clarity.share
    }

    #[test]
    fn skin_that_is_nearly_white_carries_less_and_no_more_the_brighter_it_is() {
        let carried = |light: f32| {
            let mut clarity = Clarity::default();
            // A bright and a dark half.
            let crop: Vec<f32> =
                (0..3 * SIDE * SIDE).map(|i| light * if i % SIDE < SIDE / 2 { 1.2 } else { 0.8 } - 1.0).collect();
            clarity.look(&crop, SIDE);
            let mut edit = Edit { change: vec![-0.2; 3 * SIDE * SIDE], ..Edit::none(SIDE) };
            clarity.depth = 1.0;
            clarity.suit(&mut edit, SIDE);
            edit.change[SIDE / 2 * SIDE + 4] / -0.2
        };
        assert!((carried(0.6) - 1.0).abs() < 1e-6 && (carried(1.1) - 1.0).abs() < 1e-6);
        assert!((0.5..0.9).contains(&carried(1.4)), "{}", carried(1.4));
        assert!((carried(1.7) - LEAST_BRIGHT).abs() < 0.01);
    }

    proptest! {
        #[test]
        fn broad_changes_stay_and_fine_ones_shrink(seed in any::<u32>(), slope in -0.5f32..0.5) {
            let mut clarity = Clarity { share: 0.5, carries: vec![1.0; SIDE * SIDE], ..Clarity::default() };
            let mut state = seed;
            let mut noise = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / 8_388_608.0 - 1.0
            };
            let ramp: Vec<f32> = (0..3 * SIDE * SIDE).map(|i| slope * (i % SIDE) as f32 / SIDE as f32).collect();
            let mut edit = Edit { change: ramp.iter().map(|value| value + 0.1 * noise()).collect(), ..Edit::none(SIDE) };
            let before = edit.change.clone();
            clarity.suit(&mut edit, SIDE);
            let sum = |values: &[f32]| values.iter().map(|&value| f64::from(value)).sum::<f64>();
            prop_assert!((sum(&before) - sum(&edit.change)).abs() < 2.0 + 0.02 * sum(&before).abs());
            let rough = |values: &[f32]| values.iter().zip(&ramp).map(|(value, ramp)| (value - ramp).abs()).sum::<f32>();
            prop_assert!(rough(&edit.change) < 0.8 * rough(&before));
            clarity.share = 1.0;
            let kept = edit.clone();
            clarity.suit(&mut edit, SIDE);
            prop_assert_eq!(&edit, &kept);
            clarity.depth = 0.75;
            clarity.suit(&mut edit, SIDE);
            let scaled = |(value, kept): (&f32, &f32)| *value == kept * 0.75;
            prop_assert!(edit.change.iter().zip(&kept.change).all(scaled));
            prop_assert_eq!((&edit.detail, &edit.flow), (&kept.detail, &kept.flow));
        }
    }
}
