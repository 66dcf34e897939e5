//! Boxes and looks together: a picture comes in, faces with their landmarks go out, to be aligned and aged.

use image::RgbImage;
use shared::{Landmarks, Point, Similarity};

use super::crop::{SIDE, cut_grey, luma, net_alignment};
use super::detector::{BoxDetector, FaceBox, Search};
use super::net::{EMBEDDED, Look, Net, NetError};

/// A face with its landmarks.
#[derive(Clone, Debug, PartialEq)]
pub struct Face {
    /// In pixels of the picture.
    pub landmarks: Landmarks,
    /// How sure the net is that this is a face, 0..1.
    pub score: f32,
}

/// What keeps faces from being looked for.
#[derive(Debug, thiserror::Error)]
pub enum FaceError {
    #[error("the face detector's own model cannot be read: {0}; this build is broken")]
    Detector(std::io::Error),
    #[error(transparent)]
    Net(#[from] NetError),
}

/// First faces that take at least a third of the picture's height, also those that fill the frame, at little cost; where
/// there are none, faces down to a tenth of the height.
const SEARCHES: [Search; 2] = [
    Search { height: 140, enlarge: true, border: 0.3, threshold: UNSURE },
    Search { height: 560, enlarge: false, border: 0.05, threshold: UNSURE },
];

/// The cascade's score from which it is seldom wrong, and the least at which a box is looked at.
const SURE: f64 = 4.0;
const UNSURE: f64 = 0.1;
/// Looks at a box: the first finds the face roughly, the later ones see it upright and in its place.
const LOOKS: usize = 3;
const LOOKS_TO_FOLLOW: usize = 2;
/// The net's score of a face where the detector was sure, and of one that is followed.
const SCORE: f32 = 0.5;
/// The net's score of a face where the detector was not sure.
const STRICT_SCORE: f32 = 0.9;
/// Boxes looked at in one picture, best first.
const MAX_BOXES: usize = 24;
/// Faces whose middles are closer than this many eye distances are one face.
const SAME_FACE: f32 = 0.8;
/// Eye distance below which points mean nothing, in pixels.
const MIN_EYE_DISTANCE: f32 = 4.0;

/// Finds faces and follows them. Not `Send`, as the detector is not: build it in the thread that uses it.
pub struct FaceFinder {
    detector: BoxDetector,
    net: Net,
    square: Vec<f32>,
}

impl FaceFinder {
    /// The detector and the net that ship.
    pub fn embedded() -> Result<Self, FaceError> {
        Self::with_net(EMBEDDED)
    }

    /// With another landmark net: an ONNX file as `trainer landmarks` writes it.
    pub fn with_net(onnx: &[u8]) -> Result<Self, FaceError> {
        let detector = BoxDetector::embedded().map_err(FaceError::Detector)?;
        Ok(Self { detector, net: Net::new(onnx)?, square: vec![0.0; SIDE * SIDE] })
    }

    /// The faces of `picture`, largest first; none in a picture without faces, however small or empty. Where a face takes a
    /// third of the height or more, much smaller ones are not searched for.
    pub fn find(&mut self, picture: &RgbImage) -> Result<Vec<Face>, FaceError> {
        if picture.width() == 0 || picture.height() == 0 {
            return Ok(Vec::new());
        }
        let mut faces = Vec::new();
        for search in &SEARCHES {
            faces = self.search(picture, search)?;
            if !faces.is_empty() {
                break;
            }
        }
        if faces.is_empty() {
            let guess = FaceBox::filling(picture).guess();
            faces.extend(self.look_closely(picture, guess, LOOKS, STRICT_SCORE)?);
        }
        faces.sort_by(|a, b| b.landmarks.eye_distance().total_cmp(&a.landmarks.eye_distance()));
        Ok(faces)
    }

    /// Where the face of an earlier, similar picture is now; `None` when it is not seen there any more.
    pub fn follow(&mut self, picture: &RgbImage, last: &Face) -> Result<Option<Face>, FaceError> {
        if picture.width() == 0 || picture.height() == 0 {
            return Ok(None);
        }
        match net_alignment(&last.landmarks.five()) {
            Ok(guess) => self.look_closely(picture, guess, LOOKS_TO_FOLLOW, SCORE),
            Err(_) => Ok(None),
        }
    }

    fn search(&mut self, picture: &RgbImage, search: &Search) -> Result<Vec<Face>, FaceError> {
        let mut faces = Vec::new();
        for found in self.detector.find(picture, search).iter().take(MAX_BOXES) {
            let score = if found.score >= SURE { SCORE } else { STRICT_SCORE };
            if let Some(face) = self.look_closely(picture, found.guess(), LOOKS, score)? {
                keep(&mut faces, face);
            }
        }
        Ok(faces)
    }

    /// Looks again and again, each time from where the points were; a face if the last look says so.
    fn look_closely(
        &mut self,
        picture: &RgbImage,
        guess: Similarity,
        looks: usize,
        score: f32,
    ) -> Result<Option<Face>, FaceError> {
        let mut to_square = guess;
        let mut face = None;
        for _ in 0..looks {
            let Some(found) = self.look(picture, &to_square)? else { return Ok(None) };
            let Ok(next) = net_alignment(&found.landmarks.five()) else { return Ok(None) };
            to_square = next;
            face = Some(found);
        }
        Ok(face.filter(|face| face.score >= score && plausible(picture, &face.landmarks)))
    }

    fn look(&mut self, picture: &RgbImage, to_square: &Similarity) -> Result<Option<Face>, FaceError> {
        let Some(to_picture) = to_square.inverse() else { return Ok(None) };
        let (right, bottom) = (picture.width() as i32 - 1, picture.height() as i32 - 1);
        let grey_at = |x: i32, y: i32| luma(picture.get_pixel(x.clamp(0, right) as u32, y.clamp(0, bottom) as u32).0);
        cut_grey(grey_at, &to_picture, &mut self.square);
        let Look { points, score } = self.net.look(&self.square)?;
        Ok(Some(Face { landmarks: points.map(&to_picture), score }))
    }
}

/// Finite, not a spot, and with its middle inside the picture.
fn plausible(picture: &RgbImage, landmarks: &Landmarks) -> bool {
    let middle = middle(landmarks);
    let inside = (0.0..picture.width() as f32).contains(&middle.x) && (0.0..picture.height() as f32).contains(&middle.y);
    landmarks.is_finite() && inside && landmarks.eye_distance() >= MIN_EYE_DISTANCE
}

/// Of two looks at one face the surer one stays.
fn keep(faces: &mut Vec<Face>, face: Face) {
    let same = |other: &Face| {
        let reach = SAME_FACE * other.landmarks.eye_distance().max(face.landmarks.eye_distance());
        middle(&other.landmarks).distance(middle(&face.landmarks)) < reach
    };
    match faces.iter_mut().find(|other| same(other)) {
        Some(other) if other.score < face.score => *other = face,
        Some(_) => {}
        None => faces.push(face),
    }
}

fn middle(landmarks: &Landmarks) -> Point {
    Point::mean(&landmarks.five().to_array())
}
