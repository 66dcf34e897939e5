//! How good a landmark net is: the exported file and the pictures never trained on come in, numbers go out, all measured
//! through the device's own code.

use std::path::Path;

use edge::face::crop::net_alignment;
use edge::face::net::{Net, NetError};
use edge::face::{Face, FaceError, FaceFinder};
use image::RgbImage;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;
use shared::crop::CropError;
use shared::geometry::FitError;
use shared::{Landmarks, Point, Similarity};

use super::dataset::LabelledFace;
use super::sample::{self, Jitter, Outside};
use super::scene::{background, place, placement};

/// A face is usable if its five points are off by at most this share of the eye distance, in the mean.
const USABLE: f32 = 0.1;
/// Frames of a followed visit.
const FRAMES: usize = 30;
/// One visit for so many val faces.
const FACES_A_VISIT: usize = 20;
/// Faces that one worker measures before it is built anew.
const FACES_A_WORKER: usize = 128;
/// How far a leaning head leans: 25°.
const LEAN: f32 = 0.436;
/// Pictures without a face.
const EMPTY_SCENES: u64 = 200;

/// What stops a measurement.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    #[error(transparent)]
    Face(#[from] FaceError),
    #[error(transparent)]
    Net(#[from] NetError),
    #[error("{file} cannot be read: {error}")]
    Picture { file: String, error: image::ImageError },
    #[error("a face cannot be placed in a scene: {0}")]
    Scene(#[from] CropError),
    #[error("a face's points lie on one spot: {0}")]
    Points(#[from] FitError),
}

/// Everything measured. Errors are mean point distances over the eye distance (0.04 is 4 %).
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    pub pictures: usize,
    /// One look at a guess that is off as a detector's box is.
    pub first_look_error: f64,
    /// The picture as it is.
    pub found: Found,
    /// The face a tenth as high as the picture.
    pub small: Found,
    /// The head leaning by 25°.
    pub leaning: Found,
    pub followed: Followed,
    /// Faces found in pictures without a face, a picture.
    pub false_faces: f64,
}

/// Faces found by [`FaceFinder::find`].
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Found {
    /// Share of the pictures in which a face was found where it is.
    pub found: f64,
    /// Share of the pictures with a usable face: its five points off by at most a tenth of the eye distance in the mean.
    pub usable: f64,
    /// Mean error of the faces found.
    pub error: f64,
    /// Nine of ten faces found are better than this.
    pub error_of_nine_tenths: f64,
}

/// Faces followed over frames without the detector.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Followed {
    /// Share of the frames in which the face was still followed.
    pub kept: f64,
    pub error: f64,
    /// How much a point wavers about its own mean error from frame to frame: standard deviation over the eye distance.
    pub wavering: f64,
}

/// Measures `onnx` on `val`, whose pictures lie in `folder`.
pub fn measure(onnx: &[u8], folder: &Path, val: &[LabelledFace]) -> Result<Measured, EvaluateError> {
    let with_picture = |face: &LabelledFace| -> Result<(RgbImage, Landmarks), EvaluateError> {
        let picture = image::open(folder.join(&face.file))
            .map_err(|error| EvaluateError::Picture { file: face.file.clone(), error })?
            .to_rgb8();
        let scale = picture.width() as f32 / face.width as f32;
        Ok((picture, face.landmarks.map(&Similarity::scaling(scale))))
    };
    let side = |picture: &RgbImage| picture.height() as f32;
    let in_scene = |face: &LabelledFace, size: (u32, u32), height: f32, radians: f32| {
        let (picture, truth) = with_picture(face)?;
        let seed = seed_of(face);
        let mut scene = background(size.0, size.1, seed);
        let at = |length: u32, share: u64| length as f32 * (0.3 + 0.4 * share as f32 / 16.0);
        let at = Point::new(at(size.0, seed % 17), at(size.1, seed / 17 % 17));
        let truth = place(&mut scene, &picture, &truth, &placement(side(&picture), at, height, radians))?;
        Ok((scene, truth))
    };
    let lean = |face: &LabelledFace| if seed_of(face).is_multiple_of(2) { LEAN } else { -LEAN };
    Ok(Measured {
        pictures: val.len(),
        first_look_error: first_look_error(onnx, val)?,
        found: found(onnx, val, with_picture)?,
        small: found(onnx, val, |face| in_scene(face, (1280, 720), 72.0, 0.0))?,
        leaning: found(onnx, val, |face| in_scene(face, (640, 480), 240.0, lean(face)))?,
        followed: followed(onnx, val, with_picture)?,
        false_faces: false_faces(onnx)?,
    })
}

fn seed_of(face: &LabelledFace) -> u64 {
    face.file.bytes().fold(17, |seed, byte| seed * 31 % 1_000_003 + u64::from(byte))
}

/// What `measure` says of each face, in their order, on all cores; each core has a worker of its own.
fn each<Worker, T, E>(
    val: &[LabelledFace],
    worker: impl Fn() -> Result<Worker, E> + Sync,
    measure: impl Fn(&mut Worker, &LabelledFace) -> Result<T, EvaluateError> + Sync,
) -> Result<Vec<T>, EvaluateError>
where
    T: Send,
    EvaluateError: From<E>,
{
    let measured = val.par_chunks(FACES_A_WORKER).map(|chunk| {
        let mut worker = worker()?;
        chunk.iter().map(|face| measure(&mut worker, face)).collect::<Result<Vec<T>, _>>()
    });
    Ok(measured.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

fn first_look_error(onnx: &[u8], val: &[LabelledFace]) -> Result<f64, EvaluateError> {
    let errors = each(
        val,
        || Net::new(onnx),
        |net, face| {
            let jitter = Jitter::WIDE.draw(&mut ChaCha8Rng::seed_from_u64(seed_of(face)));
            let (square, truth) = sample::cut(face, false, &jitter, &Outside::Border)?;
            Ok(f64::from(net.look(&square)?.points.error(&truth)))
        },
    )?;
    Ok(mean(&errors))
}

fn found(
    onnx: &[u8],
    val: &[LabelledFace],
    scene: impl Fn(&LabelledFace) -> Result<(RgbImage, Landmarks), EvaluateError> + Sync,
) -> Result<Found, EvaluateError> {
    let faces = each(
        val,
        || FaceFinder::with_net(onnx),
        |finder, face| {
            let (picture, truth) = scene(face)?;
            Ok(finder.find(&picture)?.iter().find(|found| is_at(found, &truth)).map(|found| Miss::of(found, &truth)))
        },
    )?;
    let mut misses: Vec<Miss> = faces.iter().flatten().copied().collect();
    misses.sort_by(|a, b| a.all.total_cmp(&b.all));
    let share = |count: usize| count as f64 / faces.len().max(1) as f64;
    let errors: Vec<f64> = misses.iter().map(|miss| f64::from(miss.all)).collect();
    Ok(Found {
        found: share(misses.len()),
        usable: share(misses.iter().filter(|miss| miss.five <= USABLE).count()),
        error: mean(&errors),
        error_of_nine_tenths: errors.get(errors.len() * 9 / 10).copied().unwrap_or_default(),
    })
}

/// How far a found face is off, over the eye distance.
#[derive(Clone, Copy, Debug)]
struct Miss {
    all: f32,
    five: f32,
}

impl Miss {
    fn of(found: &Face, truth: &Landmarks) -> Self {
        let pairs = found.landmarks.five().to_array().into_iter().zip(truth.five().to_array());
        let five = pairs.map(|(p, q)| p.distance(q)).sum::<f32>() / 5.0 / truth.eye_distance();
        Self { all: found.landmarks.error(truth), five }
    }
}

/// Whether this is the face that was placed, and not another one in the background.
fn is_at(found: &Face, truth: &Landmarks) -> bool {
    let middle = |landmarks: &Landmarks| Point::mean(&landmarks.five().to_array());
    middle(&found.landmarks).distance(middle(truth)) < truth.eye_distance()
}

/// A visitor who sways, leans and comes nearer, found once and then followed.
fn followed(
    onnx: &[u8],
    val: &[LabelledFace],
    with_picture: impl Fn(&LabelledFace) -> Result<(RgbImage, Landmarks), EvaluateError> + Sync,
) -> Result<Followed, EvaluateError> {
    let visitors: Vec<LabelledFace> = val.iter().step_by(FACES_A_VISIT).cloned().collect();
    let visits = each(
        &visitors,
        || FaceFinder::with_net(onnx),
        |finder, face| {
            let (picture, truth) = with_picture(face)?;
            let (mut last, mut offsets) = (None, Vec::new());
            for frame in 0..FRAMES {
                let phase = frame as f32 / FRAMES as f32 * std::f32::consts::TAU;
                let at = Point::new(240.0 + 60.0 * phase.sin(), 180.0 + 20.0 * (2.0 * phase).sin());
                let height = 200.0 + 40.0 * (phase + 1.0).sin();
                let turned = placement(picture.height() as f32, at, height, 0.25 * phase.sin());
                let mut scene = background(480, 360, seed_of(face));
                let truth = place(&mut scene, &picture, &truth, &turned)?;
                let found = match &last {
                    None if frame == 0 => finder.find(&scene)?.into_iter().next(),
                    None => None,
                    Some(last) => finder.follow(&scene, last)?,
                };
                last = found.filter(|found| is_at(found, &truth));
                if let (Some(found), Some(back)) = (&last, net_alignment(&truth.five())?.inverse()) {
                    offsets.push(Offsets::of(&found.landmarks, &truth, &back));
                }
            }
            Ok(offsets)
        },
    )?;
    let kept = visits.iter().map(Vec::len).sum::<usize>() as f64 / (FRAMES * visits.len().max(1)) as f64;
    let errors: Vec<f64> = visits.iter().flatten().map(Offsets::length).collect();
    let wavering: Vec<f64> = visits.iter().filter(|visit| visit.len() > 1).map(|visit| wavering(visit)).collect();
    Ok(Followed { kept, error: mean(&errors), wavering: mean(&wavering) })
}

/// Where the points are beside the truth, turned upright, over the eye distance.
struct Offsets(Vec<Point>);

impl Offsets {
    fn of(found: &Landmarks, truth: &Landmarks, to_picture: &Similarity) -> Self {
        let upright = Similarity::about(Point::default(), -to_picture.angle(), 1.0 / truth.eye_distance());
        Self(found.0.iter().zip(&truth.0).map(|(&p, &q)| upright.apply(p - q)).collect())
    }

    fn length(&self) -> f64 {
        self.0.iter().map(|p| f64::from(p.distance(Point::default()))).sum::<f64>() / self.0.len().max(1) as f64
    }
}

/// Root mean square distance of each point from its own mean over the frames, in the mean over the points.
fn wavering(visit: &[Offsets]) -> f64 {
    let points = visit.first().map_or(0, |first| first.0.len());
    let of_point = |i: usize| {
        let track: Vec<Point> = visit.iter().map(|offsets| offsets.0[i]).collect();
        let middle = Point::mean(&track);
        mean(&track.iter().map(|p| f64::from(p.distance(middle)).powi(2)).collect::<Vec<_>>()).sqrt()
    };
    mean(&(0..points).map(of_point).collect::<Vec<_>>())
}

fn false_faces(onnx: &[u8]) -> Result<f64, EvaluateError> {
    let mut finder = FaceFinder::with_net(onnx)?;
    let counts = (0..EMPTY_SCENES).map(|seed| Ok(finder.find(&background(640, 480, seed))?.len() as f64));
    Ok(mean(&counts.collect::<Result<Vec<_>, FaceError>>()?))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}
