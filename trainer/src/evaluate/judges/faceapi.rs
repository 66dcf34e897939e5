//! The age judge of `@vladmandic/face-api`: squares around the face's box, 112 pixels → years.

use super::chip::{ChipError, box_alignment, mirrored, planar, square};
use super::net::{JudgeError, Net};
use image::RgbImage;
use shared::Landmarks;
use std::path::Path;

pub const FILE: &str = "faceapi_age_gender.onnx";
const SIDE: usize = 112;
/// The judged age is the mean over boxes with these margins, each also mirrored.
const MARGINS: [f32; 2] = [0.0, 0.1];

#[derive(Debug)]
pub struct FaceApi(Net);

impl FaceApi {
    pub fn load(folder: &Path) -> Result<Self, JudgeError> {
        Ok(Self(Net::load(&folder.join(FILE), SIDE, &[1])?))
    }

    /// Years, of the face with `landmarks` in `picture`'s pixels.
    pub fn age(&self, picture: &RgbImage, landmarks: &Landmarks) -> Result<f64, JudgeError> {
        let mut sum = 0.0;
        for margin in MARGINS {
            let alignment = box_alignment(landmarks, margin).map_err(ChipError::from)?;
            let face = planar(&square(picture, &alignment, SIDE)?, [0.0; 3], [1.0; 3]);
            for face in [mirrored(&face, SIDE), face] {
                let outputs = self.0.run(&face)?;
                sum += outputs.first().and_then(|age| age.first()).map_or(0.0, |&age| f64::from(age));
            }
        }
        Ok(sum / (2 * MARGINS.len()) as f64)
    }
}
