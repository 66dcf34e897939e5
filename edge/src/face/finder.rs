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

/// Faces that take at least a third of the picture's height, also those that fill the frame, at little cost.
const NEAR: Search = Search { height: 140, enlarge: true, border: 0.3, turn: 0.0, threshold: UNSURE };
/// Faces down to a tenth of the height.
const FAR: Search = Search { height: 600, enlarge: false, border: 0.05, turn: 0.0, threshold: UNSURE };
/// How far a head may lean that the upright searches miss: 22°.
const LEAN: f32 = 0.38;

const UPRIGHT: [Search; 2] = [NEAR, FAR];
const LEANING: [Search; 4] = [
    Search { turn: LEAN, ..NEAR },
    Search { turn: -LEAN, ..NEAR },
    Search { turn: LEAN, ..FAR },
    Search { turn: -LEAN, ..FAR },
];

/// The cascade's score from which it is seldom wrong, and the least at which a box is looked at.
const SURE: f64 = 4.0;
const UNSURE: f64 = 0.1;
/// How often the net looks at one place.
struct Looking {
    /// Looks that only lead to the next one: the first finds the face roughly, the next sees it upright and in its place.
    rough: usize,
    /// Last looks, of which the mean counts: how large each shows the face beside what the net expects.
    last: &'static [f32],
}

const AT_A_BOX: Looking = Looking { rough: 2, last: &[1.0, 1.08] };
const TO_FOLLOW: Looking = Looking { rough: 1, last: &[1.0] };

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
    /// third of the height or more, much smaller ones are not searched for; leaning heads only where there is no upright one.
    pub fn find(&mut self, picture: &RgbImage) -> Result<Vec<Face>, FaceError> {
        let mut faces = self.glance(picture)?;
        for search in &LEANING {
            if !faces.is_empty() {
                return Ok(faces);
            }
            faces = self.search(picture, search)?;
        }
        if faces.is_empty() && !is_empty(picture) {
            let guess = FaceBox::filling(picture).guess();
            faces.extend(self.look_closely(picture, guess, &AT_A_BOX, STRICT_SCORE)?);
        }
        Ok(faces)
    }

    /// As [`Self::find`] at about a third of the cost in pictures without a face, as a head that leans much is overlooked: for a
    /// camera, whose next picture is another chance.
    pub fn glance(&mut self, picture: &RgbImage) -> Result<Vec<Face>, FaceError> {
        for search in &UPRIGHT {
            let faces = self.search(picture, search)?;
            if !faces.is_empty() {
                return Ok(faces);
            }
        }
        Ok(Vec::new())
    }

    /// Where the face of an earlier, similar picture is now; `None` when it is not seen there any more.
    pub fn follow(&mut self, picture: &RgbImage, last: &Face) -> Result<Option<Face>, FaceError> {
        if is_empty(picture) {
            return Ok(None);
        }
        match net_alignment(&last.landmarks.five()) {
            Ok(guess) => self.look_closely(picture, guess, &TO_FOLLOW, SCORE),
            Err(_) => Ok(None),
        }
    }

    /// The faces that one search and the net agree on, largest first.
    fn search(&mut self, picture: &RgbImage, search: &Search) -> Result<Vec<Face>, FaceError> {
        let mut faces = Vec::new();
        if is_empty(picture) {
            return Ok(faces);
        }
        for found in self.detector.find(picture, search).iter().take(MAX_BOXES) {
            let score = if found.score >= SURE { SCORE } else { STRICT_SCORE };
            if let Some(face) = self.look_closely(picture, found.guess(), &AT_A_BOX, score)? {
                keep(&mut faces, face);
            }
        }
        faces.sort_by(|a, b| b.landmarks.eye_distance().total_cmp(&a.landmarks.eye_distance()));
        Ok(faces)
    }

    /// Looks again and again, each time from where the points were, at last in a mirror too; a face if the last looks say so.
    fn look_closely(
        &mut self,
        picture: &RgbImage,
        guess: Similarity,
        looking: &Looking,
        score: f32,
    ) -> Result<Option<Face>, FaceError> {
        let mut to_square = guess;
        for _ in 0..looking.rough {
            let Some(found) = self.look(picture, &to_square, Eyes::Straight)? else { return Ok(None) };
            let Ok(next) = net_alignment(&found.landmarks.five()) else { return Ok(None) };
            to_square = next;
        }
        let mut faces = Vec::with_capacity(looking.last.len());
        for &size in looking.last {
            let sized = to_square.then(&Similarity::about(Point::new(0.5, 0.5), 0.0, size));
            let Some(found) = self.look(picture, &sized, Eyes::AlsoMirrored)? else { return Ok(None) };
            faces.push(found);
        }
        let face = mean(&faces);
        Ok(Some(face).filter(|face| face.score >= score && plausible(picture, &face.landmarks)))
    }

    /// One look where `to_square` puts the picture; `None` if it leads nowhere.
    fn look(&mut self, picture: &RgbImage, to_square: &Similarity, eyes: Eyes) -> Result<Option<Face>, FaceError> {
        let Some(to_picture) = to_square.inverse() else { return Ok(None) };
        let (right, bottom) = (picture.width() as i32 - 1, picture.height() as i32 - 1);
        let grey_at = |x: i32, y: i32| luma(picture.get_pixel(x.clamp(0, right) as u32, y.clamp(0, bottom) as u32).0);
        cut_grey(grey_at, &to_picture, &mut self.square);
        let mut look = self.net.look(&self.square)?;
        if eyes == Eyes::AlsoMirrored {
            self.square.chunks_exact_mut(SIDE).for_each(<[f32]>::reverse);
            let mirrored = self.net.look(&self.square)?;
            look = look.mean(&Look { points: mirrored.points.mirrored(1.0), ..mirrored });
        }
        Ok(Some(Face { landmarks: look.points.map(&to_picture), score: look.score }))
    }
}

/// Whether the net also looks at the square's mirror image: the mean of both is steadier and nearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Eyes {
    Straight,
    AlsoMirrored,
}

/// What several looks at one face say together.
fn mean(faces: &[Face]) -> Face {
    let point = |i: usize| faces.iter().fold(Point::default(), |sum, face| sum + face.landmarks.0[i]);
    let share = 1.0 / faces.len().max(1) as f32;
    let landmarks = Landmarks(std::array::from_fn(|i| point(i) * share));
    Face { landmarks, score: faces.iter().map(|face| face.score).sum::<f32>() * share }
}

fn is_empty(picture: &RgbImage) -> bool {
    picture.width() == 0 || picture.height() == 0
}

/// Finite, not a spot, and with its middle inside the picture.
fn plausible(picture: &RgbImage, landmarks: &Landmarks) -> bool {
    let middle = middle(landmarks);
    let inside =
        (0.0..picture.width() as f32).contains(&middle.x) && (0.0..picture.height() as f32).contains(&middle.y);
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

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, imageops};
    use shared::crop::Picture;

    fn visitor(number: u32) -> RgbImage {
        let path = format!("{}/demo/visitor{number}.png", env!("CARGO_MANIFEST_DIR"));
        image::open(path).unwrap().to_rgb8()
    }

    /// The visitor drawn where `placement` (picture pixels → canvas pixels) puts it.
    fn canvas(width: u32, height: u32, visitor: &RgbImage, placement: &Similarity) -> RgbImage {
        let mut canvas = RgbImage::from_fn(width, height, |x, y| Rgb([90 + (x / 16) as u8, 100, 80 + (y / 16) as u8]));
        draw(&mut canvas, visitor, placement);
        canvas
    }

    fn draw(canvas: &mut RgbImage, visitor: &RgbImage, placement: &Similarity) {
        let source = Picture::new(visitor.as_raw(), visitor.width() as usize, visitor.height() as usize).unwrap();
        let back = placement.inverse().unwrap();
        for (x, y, pixel) in canvas.enumerate_pixels_mut() {
            let at = back.apply(Point::new(x as f32 + 0.5, y as f32 + 0.5));
            if (0.0..224.0).contains(&at.x) && (0.0..224.0).contains(&at.y) {
                *pixel = Rgb(source.sample(at).map(|v| v as u8));
            }
        }
    }

    fn placed(x: f32, y: f32, scale: f32, radians: f32) -> Similarity {
        Similarity::about(Point::new(112.0, 112.0), radians, scale)
            .then(&Similarity { shift: Point::new(x - 112.0, y - 112.0), ..Similarity::IDENTITY })
    }

    #[test]
    fn every_demo_visitor_is_found_once_with_the_eyes_above_the_mouth() {
        let mut finder = FaceFinder::embedded().unwrap();
        for number in 1..=6 {
            let faces = finder.find(&visitor(number)).unwrap();
            assert_eq!(faces.len(), 1, "visitor {number}");
            let five = faces[0].landmarks.five();
            assert!(five.left_eye.x < five.nose.x && five.nose.x < five.right_eye.x);
            assert!(five.left_eye.y < five.nose.y && five.nose.y < five.mouth_left.y);
        }
    }

    #[test]
    fn where_the_head_is_in_the_frame_does_not_change_its_landmarks() {
        let mut finder = FaceFinder::embedded().unwrap();
        let picture = visitor(5);
        let reference = finder.find(&picture).unwrap().remove(0);
        for (x, y, scale, radians) in [
            (320.0, 240.0, 1.0, 0.0),
            (150.0, 130.0, 0.8, 0.0),
            (420.0, 300.0, 1.5, 0.1),
            (300.0, 200.0, 1.0, 0.35),
            (300.0, 250.0, 1.2, -0.35),
            (300.0, 250.0, 1.0, 0.52),
            (300.0, 250.0, 0.5, -0.52),
            (500.0, 100.0, 0.4, 0.0),
        ] {
            let placement = placed(x, y, scale, radians);
            let faces = finder.find(&canvas(640, 480, &picture, &placement)).unwrap();
            let face = faces.first().unwrap_or_else(|| panic!("no face at {x}, {y}, {scale}, {radians}"));
            let error = face.landmarks.error(&reference.landmarks.map(&placement));
            assert!(error < 0.06, "{error} at {x}, {y}, {scale}, {radians}");
        }
    }

    #[test]
    fn a_face_a_tenth_as_high_as_the_picture_is_found() {
        let picture = visitor(4);
        let placement = placed(900.0, 200.0, 72.0 / 224.0, 0.0);
        // Shrunk first, so that no detail is skipped.
        let small = imageops::resize(&picture, 72, 72, imageops::FilterType::Triangle);
        let mut scene = canvas(1280, 720, &picture, &placement);
        imageops::replace(&mut scene, &small, 900 - 36, 200 - 36);
        let faces = FaceFinder::embedded().unwrap().find(&scene).unwrap();
        assert_eq!(faces.len(), 1);
        assert!(
            middle(&faces[0].landmarks).distance(Point::new(900.0, 206.0)) < 10.0,
            "{:?}",
            faces[0].landmarks.five()
        );
    }

    #[test]
    fn of_two_visitors_the_nearer_one_comes_first() {
        let mut scene = canvas(800, 480, &visitor(1), &placed(180.0, 240.0, 1.0, 0.0));
        draw(&mut scene, &visitor(4), &placed(570.0, 240.0, 1.6, 0.0));
        let faces = FaceFinder::embedded().unwrap().find(&scene).unwrap();
        assert_eq!(faces.len(), 2);
        assert!(faces[0].landmarks.eye_distance() > faces[1].landmarks.eye_distance());
        assert!(middle(&faces[0].landmarks).x > 400.0);
    }

    #[test]
    fn a_moving_face_is_followed_and_a_leaving_one_is_let_go() {
        let mut finder = FaceFinder::embedded().unwrap();
        let picture = visitor(3);
        let at = |step: f32| placed(200.0 + 8.0 * step, 200.0 + 4.0 * step, 1.0 + 0.02 * step, 0.02 * step);
        let mut face = finder.find(&canvas(640, 480, &picture, &at(0.0))).unwrap().remove(0);
        let reference = finder.find(&picture).unwrap().remove(0);
        for step in 1..12 {
            let placement = at(step as f32);
            face = finder.follow(&canvas(640, 480, &picture, &placement), &face).unwrap().expect("still there");
            let error = face.landmarks.error(&reference.landmarks.map(&placement));
            assert!(error < 0.07, "{error} at step {step}");
        }
        let empty = RgbImage::from_pixel(640, 480, Rgb([90, 90, 90]));
        assert_eq!(finder.follow(&empty, &face).unwrap(), None);
    }

    #[test]
    fn pictures_without_a_face_have_none() {
        let mut finder = FaceFinder::embedded().unwrap();
        let mut state = 1u32;
        let noise = RgbImage::from_fn(320, 240, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Rgb(state.to_be_bytes()[..3].try_into().unwrap())
        });
        let slope = RgbImage::from_fn(320, 240, |x, y| Rgb([(x / 2) as u8, y as u8, 128]));
        for picture in [noise, slope, RgbImage::new(320, 240), RgbImage::from_pixel(320, 240, Rgb([255; 3]))] {
            assert_eq!(finder.find(&picture).unwrap(), []);
        }
    }

    #[test]
    fn pictures_of_any_size_are_searched_without_a_panic() {
        let mut finder = FaceFinder::embedded().unwrap();
        for (width, height) in [(0, 0), (1, 1), (1, 3000), (3000, 1), (2, 2), (39, 41), (7000, 5000)] {
            assert_eq!(finder.find(&RgbImage::new(width, height)).unwrap(), [], "{width}×{height}");
        }
        let face = finder.find(&visitor(1)).unwrap().remove(0);
        assert_eq!(finder.follow(&RgbImage::new(1, 1), &face).unwrap(), None);
        let spot = Face { landmarks: Landmarks([Point::new(5.0, 5.0); 68]), score: 1.0 };
        assert_eq!(finder.follow(&visitor(1), &spot).unwrap(), None);
        let far = Face { landmarks: face.landmarks.map(&placed(1e9, -1e9, 1.0, 0.0)), score: 1.0 };
        assert_eq!(finder.follow(&visitor(1), &far).unwrap(), None);
    }

    #[test]
    fn of_two_looks_at_one_face_the_surer_one_stays() {
        let face = FaceFinder::embedded().unwrap().find(&visitor(2)).unwrap().remove(0);
        let again =
            |x: f32, score: f32| Face { landmarks: face.landmarks.map(&placed(112.0 + x, 112.0, 1.0, 0.0)), score };
        let mut faces = vec![again(0.0, 0.6)];
        keep(&mut faces, again(3.0, 0.9));
        keep(&mut faces, again(-3.0, 0.7));
        keep(&mut faces, again(500.0, 0.7));
        assert_eq!(faces, [again(3.0, 0.9), again(500.0, 0.7)]);
    }
}
