//! Face recognition (dlib's net, from `@vladmandic/face-api`): an aligned chip of 150 pixels → 128 numbers. Two pictures of one
//! person are closer than [`SAME_PERSON`].

use super::chip::{ChipError, chip_alignment, planar, square};
use super::net::{JudgeError, Net};
use image::RgbImage;
use shared::Landmarks;
use std::path::Path;

pub const FILE: &str = "faceapi_recognition.onnx";
const SIDE: usize = 150;
const VALUES: usize = 128;
const PADDING: f32 = 0.25;
/// Euclidean distance below which the net's authors call two faces one person.
pub const SAME_PERSON: f64 = 0.6;
/// Distance below which 0.1 % of different people of FairFace are.
pub const SAME_PERSON_STRICT: f64 = 0.47;

#[derive(Debug)]
pub struct Recognition(Net);

impl Recognition {
    pub fn load(folder: &Path) -> Result<Self, JudgeError> {
        Ok(Self(Net::load(&folder.join(FILE), SIDE, &[VALUES])?))
    }

    /// 128 numbers, of the face with `landmarks` in `picture`'s pixels.
    pub fn embedding(&self, picture: &RgbImage, landmarks: &Landmarks) -> Result<Vec<f32>, JudgeError> {
        let alignment = chip_alignment(landmarks, PADDING).map_err(ChipError::from)?;
        let chip = planar(&square(picture, &alignment, SIDE)?, [0.0; 3], [1.0; 3]);
        Ok(self.0.run(&chip)?.into_iter().next().unwrap_or_default())
    }
}
