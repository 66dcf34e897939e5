//! `edge bench`: milliseconds a stage, frames a second and memory of the whole path, on a picture of 1280×720 with a demo
//! visitor in it. With `--live` the whole mirror is measured ([`live`]), with `--peers` the generator's net alone beside
//! other engines ([`peers`]).

mod live;
mod peers;

use super::{ModelError, load};
use crate::ager::Ager;
use crate::canvas::Canvas;
use crate::demo;
use crate::engine::Isa;
use crate::face::{Face, FaceError, FaceFinder};
use crate::kiosk::{EyesError, KioskError};
use crate::mirror::{Mirror, MirrorError};
use crate::photo::{self, PhotoError};
use crate::scene::Scene;
use crate::texts::{self, TextsError};
use crate::timing::{Spread, peak_memory, timed};
use crate::view::{Inside, Page, Picture, View};
use embedded_graphics::prelude::OriginDimensions;
use image::RgbImage;
use image::imageops::{self, FilterType};
use serde::Serialize;
use shared::{Condition, Decade};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many mirrors run side by side, each on its own thread; with --live, how many threads age; with --peers, a count of
    /// threads beyond one and two
    #[arg(long, default_value = "1", value_name = "N")]
    threads: NonZeroUsize,
    /// Rounds a thread
    #[arg(long, default_value = "30", value_name = "N")]
    rounds: NonZeroUsize,
    /// Run the whole mirror for so many seconds instead: a camera of 640×480, a screen of 1920×1080, each thread at its pace
    #[arg(long, value_name = "SECONDS")]
    live: Option<NonZeroU32>,
    /// Compare engines on the generator's net alone instead: ours, tract, onnxruntime, OpenVINO, ncnn; or on every bundle and
    /// .onnx file of a folder. The peers come from PyPI into an environment of their own in the user's cache folder
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, conflicts_with_all = ["live", "model", "photo"])]
    peers: Option<Option<PathBuf>>,
    /// With --peers: a Python that has the peers already
    #[arg(long, value_name = "PYTHON", requires = "peers")]
    python: Option<PathBuf>,
    /// With --peers: our engine with other instructions than the processor's best, such as avx2 or avx-vnni
    #[arg(long, value_name = "NAME", requires = "peers", value_parser = instructions)]
    instructions: Option<Isa>,
    /// With --peers: keep the nets as the engines get them in a folder, for `boards count`
    #[arg(long, value_name = "DIR", requires = "peers")]
    keep: Option<PathBuf>,
    /// With --peers: LiteRT too, whose converter needs TensorFlow (2 GB on disk)
    #[arg(long, requires = "peers")]
    litert: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Folder of a generator bundle, in place of the one inside this program
    #[arg(long, value_name = "BUNDLE")]
    model: Option<PathBuf>,
    /// A photograph with a face, in place of a demo visitor
    #[arg(long, value_name = "PHOTO")]
    photo: Option<PathBuf>,
}

/// What keeps the path from being measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Face(#[from] FaceError),
    #[error(transparent)]
    Photo(#[from] PhotoError),
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    #[error("this program was built without demo visitors; name a picture with --photo")]
    NoVisitor,
    #[error("no face found in the picture; name another one with --photo")]
    NoFace,
    #[error("the picture cannot be encoded ({0})")]
    Encode(#[from] image::ImageError),
    #[error(transparent)]
    Eyes(#[from] EyesError),
    #[error(transparent)]
    Kiosk(#[from] KioskError),
    #[error(transparent)]
    Texts(#[from] TextsError),
    #[error(transparent)]
    Peers(#[from] peers::PeersError),
    #[error("a measuring thread broke off")]
    Thread,
    #[error("the result cannot be printed ({0})")]
    Json(#[from] serde_json::Error),
}

/// Size of the picture that is measured on: a usual camera's.
const SIZE: (u32, u32) = (1280, 720);

/// Size of the screen that is drawn for.
const SCREEN: (u32, u32) = (1280, 800);

/// Names of the stages, in order. `inside` is a picture of the educator's view: the net with its layers' outputs, and the page.
/// `path` is what a frame of a followed face costs: all but find and inside.
const STAGES: [&str; 9] = ["decode", "find", "follow", "crop", "age", "compose", "draw", "inside", "path"];

#[derive(Debug, Serialize)]
struct Report<'a> {
    bundle: &'a str,
    picture: [u32; 2],
    screen: [u32; 2],
    threads: usize,
    rounds: usize,
    milliseconds: Vec<Stage>,
    frames_per_second: f64,
    peak_memory_mib: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Stage {
    stage: &'static str,
    #[serde(flatten)]
    spread: Spread,
}

pub fn run(args: &Args) -> Result<(), BenchError> {
    if let Some(folder) = &args.peers {
        return peers::run(&peers::Setting {
            folder: folder.as_deref(),
            python: args.python.as_deref(),
            isa: args.instructions,
            keep: args.keep.as_deref(),
            litert: args.litert,
            rounds: args.rounds.get(),
            threads: args.threads.get(),
            json: args.json,
        });
    }
    let (bundle, _) = load(args.model.as_deref())?;
    if let Some(seconds) = args.live {
        let length = Duration::from_secs(seconds.get().into());
        let live = live::measure(bundle, args.threads.get(), length)?;
        if args.json {
            println!("{}", serde_json::to_string_pretty(&live)?);
        } else {
            live.print();
        }
        return Ok(());
    }
    let jpeg = frame(args.photo.as_deref())?;
    let (threads, rounds) = (args.threads.get(), args.rounds.get());
    let measured = thread::scope(|scope| {
        let worker = || {
            let ager = Ager::new(&bundle).map_err(ModelError::from)?;
            let inside = Mirror::new(Ager::with_features(&bundle).map_err(ModelError::from)?);
            measure(Mirror::new(ager), inside, &jpeg, rounds)
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|worker| worker.join().map_err(|_| BenchError::Thread)?).collect::<Result<Vec<_>, _>>()
    })?;
    let stage = |(i, stage): (usize, &'static str)| {
        let all: Vec<f64> = measured.iter().flat_map(|rounds| rounds.iter().map(move |round| round[i])).collect();
        Spread::of(&all).map(|spread| Stage { stage, spread })
    };
    let path = |rounds: &Vec<[f64; STAGES.len()]>| rounds.iter().map(|round| round[STAGES.len() - 1]).sum::<f64>();
    let result = Report {
        bundle: &bundle.manifest.name,
        picture: SIZE.into(),
        screen: SCREEN.into(),
        threads,
        rounds,
        milliseconds: STAGES.into_iter().enumerate().filter_map(stage).collect(),
        frames_per_second: measured.iter().map(|all| 1000.0 * rounds as f64 / path(all)).sum(),
        peak_memory_mib: peak_memory(),
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&result)?);
    } else {
        print(&result);
    }
    Ok(())
}

fn print(result: &Report) {
    let ([width, height], [across, down]) = (result.picture, result.screen);
    let Report { bundle, threads, .. } = result;
    println!("Bundle `{bundle}`, picture {width}×{height}, screen {across}×{down}, threads {threads}");
    println!("{:<10} {:>9} {:>9} {:>9}", "stage", "median ms", "fastest", "slowest");
    for Stage { stage, spread } in &result.milliseconds {
        println!("{stage:<10} {:>9.2} {:>9.2} {:>9.2}", spread.median, spread.min, spread.max);
    }
    println!("{:.1} frames/s while a face is followed", result.frames_per_second);
    if let Some(memory) = result.peak_memory_mib {
        println!("{memory:.0} MiB at most");
    }
}

/// An instruction set of this processor by its name.
fn instructions(name: &str) -> Result<Isa, String> {
    let here = Isa::available();
    let names: Vec<_> = here.iter().map(|isa| isa.name()).collect();
    here.iter().find(|isa| isa.name() == name).copied().ok_or(format!("this processor has {}", names.join(", ")))
}

/// The picture as a camera would send it: a JPEG with the visitor as high as the frame.
fn frame(photo: Option<&std::path::Path>) -> Result<Vec<u8>, BenchError> {
    let visitor = match photo {
        Some(path) => photo::read(path)?,
        None => demo::VISITORS.first().ok_or(BenchError::NoVisitor)?.read()?,
    };
    let (width, height) = SIZE;
    let scale = f64::from(height) / f64::from(visitor.height());
    let visitor_width = ((f64::from(visitor.width()) * scale) as u32).clamp(1, width);
    let visitor = imageops::resize(&visitor, visitor_width, height, FilterType::Triangle);
    let mut frame = RgbImage::from_pixel(width, height, image::Rgb([96, 96, 96]));
    imageops::replace(&mut frame, &visitor, i64::from((width - visitor_width) / 2), 0);
    let mut jpeg = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 90).encode_image(&frame)?;
    Ok(jpeg)
}

fn measure(
    mut mirror: Mirror,
    mut layers: Mirror,
    jpeg: &[u8],
    rounds: usize,
) -> Result<Vec<[f64; STAGES.len()]>, BenchError> {
    let mut finder = FaceFinder::embedded()?;
    let mut screen = Canvas::new(embedded_graphics::prelude::Size::new(SCREEN.0, SCREEN.1));
    let mut scene = Scene::new(screen.size(), None);
    let languages = texts::embedded()?;
    let mut round = |i: usize| -> Result<[f64; STAGES.len()], BenchError> {
        let (picture, decode) = timed(|| photo::read_bytes(jpeg, "frame"));
        let mut picture = picture?;
        let (faces, find) = timed(|| finder.find(&picture));
        let face = faces?.into_iter().next().ok_or(BenchError::NoFace)?;
        let (followed, follow) = timed(|| finder.follow(&picture, &face));
        let Face { landmarks, .. } = followed?.ok_or(BenchError::NoFace)?;
        let (alignment, crop) = timed(|| mirror.look(&picture, &landmarks));
        let decade = Decade::ALL[i % Decade::ALL.len()];
        let condition = Condition::one_hot(decade);
        let (edit, age) = timed(|| mirror.age(&condition));
        let (alignment, edit) = (alignment?, edit?);
        let (composed, compose) = timed(|| mirror.compose(&mut picture, &alignment, &edit));
        composed?;
        let (picture, years) = (Picture::whole(&picture), decade.middle());
        let page = Page::Ageing { picture, age: years, held: false, limit: (15.0, 65.0), countdown: None };
        let view = View { now: Duration::ZERO, page, language: 0, buttons: &[], notice: None };
        let ((), draw) = timed(|| scene.draw(&mut screen, &view, &languages));
        layers.look(&photo::read_bytes(jpeg, "frame")?, &landmarks)?;
        let (inside, look) = timed(|| layers.look_inside(&condition));
        let (edit, features) = inside?;
        let inside = Inside { crop: layers.crop().to_vec(), edit, features };
        let page = Page::Inside { picture, age: years, inside: &inside };
        let view = View { now: Duration::ZERO, page, language: 0, buttons: &[], notice: None };
        let ((), show) = timed(|| scene.draw(&mut screen, &view, &languages));
        let path = decode + follow + crop + age + compose + draw;
        Ok([decode, find, follow, crop, age, compose, draw, look + show, path])
    };
    // The first round fills caches and buffers.
    round(0)?;
    (0..rounds).map(round).collect()
}
