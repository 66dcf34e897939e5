//! Looking at one picture: read, find the face, judge it, cut it. The face is found, aligned and cut by the same code as on the
//! device.

use super::duplicates::{FileHash, Print, file_hash};
use super::quality::{Limits, SHARPNESS_SIDE, sharpness};
use super::skip::Skip;
use edge::face::{Face, FaceError};
use edge::photo;
use image::RgbImage;
use shared::crop::{Picture, cut};
use shared::{Alignment, Landmarks, Point};
use std::path::Path;

/// A face that is good enough.
#[derive(Clone, Debug)]
pub struct Looked {
    /// `side · side · 3` bytes, interleaved RGB.
    pub crop: Vec<u8>,
    /// In units of the upright crop, which the alignment's field has not been at.
    pub landmarks: Landmarks,
    pub sharpness: f32,
    pub hash: FileHash,
    pub print: Print,
}

/// Why there is no face: the picture's fault or the finder's.
#[derive(Debug)]
pub enum NotTaken {
    Skip(Skip),
    Finder(FaceError),
}

impl From<Skip> for NotTaken {
    fn from(reason: Skip) -> Self {
        Self::Skip(reason)
    }
}

/// What finds the faces of a picture, largest first.
pub trait Find: FnMut(&RgbImage) -> Result<Vec<Face>, FaceError> {}
impl<F: FnMut(&RgbImage) -> Result<Vec<Face>, FaceError>> Find for F {}

/// The face of the picture at `path` as a crop of `side` pixels.
pub fn look(path: &Path, side: usize, limits: &Limits, find: &mut impl Find) -> Result<Looked, NotTaken> {
    let bytes = std::fs::read(path).map_err(|_| Skip::Unreadable)?;
    let picture = photo::read_bytes(&bytes, &path.to_string_lossy()).map_err(|_| Skip::Unreadable)?;
    let face = only_face(find(&picture).map_err(NotTaken::Finder)?)?;
    limits.place(&face.landmarks, picture.width(), picture.height())?;
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let pixels = Picture::new(picture.as_raw(), width, height).map_err(|_| Skip::Unreadable)?;
    let alignment = Alignment::of(&face.landmarks).map_err(|_| Skip::Turned)?;
    let crop_of = |side: usize| {
        let mut crop = vec![0; side * side * 3];
        cut(&pixels, &alignment, side, &mut crop).map(|()| crop).map_err(|_| Skip::Tiny)
    };
    let judged = crop_of(SHARPNESS_SIDE)?;
    let sharpness = sharpness(&judged);
    if sharpness < limits.sharpness {
        return Err(Skip::Blurred.into());
    }
    let print = Print::of(&judged, SHARPNESS_SIDE);
    let crop = if side == SHARPNESS_SIDE { judged } else { crop_of(side)? };
    Ok(Looked {
        crop,
        landmarks: face.landmarks.map(alignment.similarity()),
        sharpness,
        hash: file_hash(&bytes),
        print,
    })
}

/// A second face is in the way when it is larger than this share of the first.
const RIVAL: f32 = 0.8;

/// The largest face, unless another is about as large: then nobody knows whose age the label tells.
fn only_face(faces: Vec<Face>) -> Result<Face, Skip> {
    let centre = |face: &Face| Point::mean(&face.landmarks.five().to_array());
    let mut faces = faces.into_iter();
    let first = faces.next().ok_or(Skip::NoFace)?;
    let size = first.landmarks.eye_distance();
    let rival = |face: Face| {
        let elsewhere = centre(&face).distance(centre(&first)) > 0.5 * size;
        elsewhere && face.landmarks.eye_distance() > RIVAL * size
    };
    if faces.any(rival) { Err(Skip::Ambiguous) } else { Ok(first) }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::data::quality::tests::frontal;
    use shared::Similarity;

    pub fn limits() -> Limits {
        Limits { eye_distance: 30.0, yaw: 30.0, pitch: 25.0, sharpness: 20.0 }
    }

    /// A picture of 200 × 200 with a pattern that differs by `seed`; finer is sharper.
    pub fn pattern(seed: f32, fineness: f32) -> RgbImage {
        RgbImage::from_fn(200, 200, |x, y| {
            let (x, y) = (x as f32 * fineness, y as f32 * fineness);
            let value = 128.0 + 60.0 * (x * (0.3 + 0.1 * seed) + seed).sin() + 60.0 * (y * 0.4 + x * 0.02 * seed).cos();
            image::Rgb([value as u8, value as u8, 128])
        })
    }

    pub fn face(distance: f32) -> Face {
        Face { landmarks: frontal(distance), score: 1.0 }
    }

    fn looked(picture: &RgbImage, faces: Vec<Face>) -> Result<Looked, NotTaken> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        picture.save(&path).unwrap();
        look(&path, 64, &limits(), &mut |_: &RgbImage| Ok(faces.clone()))
    }

    fn reason(picture: &RgbImage, faces: Vec<Face>) -> Skip {
        match looked(picture, faces) {
            Err(NotTaken::Skip(reason)) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_good_face_is_cut_with_its_landmarks_in_crop_units() {
        let looked = looked(&pattern(1.0, 1.0), vec![face(50.0), face(20.0)]).unwrap();
        assert_eq!(looked.crop.len(), 64 * 64 * 3);
        let five = looked.landmarks.five();
        for (found, wanted) in five.to_array().iter().zip(shared::alignment::TEMPLATE.to_array()) {
            assert!(found.distance(wanted) < 0.05, "{found:?} {wanted:?}");
        }
        assert!(looked.sharpness > 20.0);
    }

    #[test]
    fn each_flaw_of_a_picture_has_its_reason() {
        let sharp = pattern(1.0, 1.0);
        assert_eq!(reason(&sharp, vec![]), Skip::NoFace);
        assert_eq!(reason(&sharp, vec![face(20.0)]), Skip::Tiny);
        assert_eq!(reason(&pattern(1.0, 0.1), vec![face(50.0)]), Skip::Blurred);
        let mut aside = face(45.0);
        aside.landmarks = aside.landmarks.map(&Similarity { shift: Point::new(60.0, 0.0), ..Similarity::IDENTITY });
        assert_eq!(reason(&sharp, vec![face(50.0), aside.clone()]), Skip::Ambiguous);
        assert_eq!(reason(&sharp, vec![aside]), Skip::CutOff);
        assert!(looked(&sharp, vec![face(50.0), face(49.0)]).is_ok(), "the same face found twice");
    }

    #[test]
    fn what_is_not_a_picture_is_unreadable() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jpg");
        let look_at = |path: &Path| look(path, 64, &limits(), &mut |_: &RgbImage| Ok(vec![face(50.0)])).unwrap_err();
        for bytes in [&b""[..], b"not a picture", b"\xff\xd8\xff\xe0 cut short"] {
            std::fs::write(&path, bytes).unwrap();
            assert!(matches!(look_at(&path), NotTaken::Skip(Skip::Unreadable)));
        }
        assert!(matches!(look_at(&folder.path().join("none.jpg")), NotTaken::Skip(Skip::Unreadable)));
    }
}
