//! `edge run`: the mirror itself. Frames come from a camera or stills, the face in them is followed, aged and composed, and
//! scenes go to a screen, until the source ends or the time is up.

use super::{ModelError, load};
use crate::bundle::Bundle;
use crate::clock::{ByHand, Clock, Monotonic};
use crate::face::FaceFinder;
use crate::frames::{FrameSource, Paced, Stills};
use crate::health::Health;
use crate::kiosk::{EyesError, Kiosk, KioskError, Make, Options, Threads, Together, Worker};
use crate::scene::Scene;
use crate::screen::{Memory, PngFolder, Screen};
use crate::visit::Rules;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Default, clap::Args)]
pub struct Args {
    /// Where pictures come from: `auto` (the demo visitors, until cameras are supported) or `stills:DIR`
    #[arg(long, default_value = "auto", value_name = "auto|stills:DIR")]
    camera: CameraChoice,
    /// Where pictures go: `auto` (a new folder, until displays are supported) or `png:DIR`
    #[arg(long, default_value = "auto", value_name = "auto|none|png:DIR")]
    screen: ScreenChoice,
    /// Folder of a generator bundle, in place of the one inside this program
    #[arg(long, value_name = "BUNDLE")]
    model: Option<PathBuf>,
    /// Stop after this many seconds of the mirror's time; without it, each still is shown once
    #[arg(long = "for", value_name = "SECONDS")]
    seconds: Option<u32>,
}

#[derive(Clone, Debug, Default)]
enum CameraChoice {
    #[default]
    Auto,
    Stills(PathBuf),
}

#[derive(Clone, Debug, Default)]
enum ScreenChoice {
    #[default]
    Auto,
    None,
    Png(PathBuf),
}

impl FromStr for CameraChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("stills:")) {
            ("auto", _) => Ok(Self::Auto),
            (_, Some(folder)) if !folder.is_empty() => Ok(Self::Stills(folder.into())),
            _ => Err("use `auto` or `stills:DIR`".into()),
        }
    }
}

impl FromStr for ScreenChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("png:")) {
            ("auto", _) => Ok(Self::Auto),
            ("none", _) => Ok(Self::None),
            (_, Some(folder)) if !folder.is_empty() => Ok(Self::Png(folder.into())),
            _ => Err("use `auto`, `none` or `png:DIR`".into()),
        }
    }
}

/// A picture a second is written where no display is.
const PNG_PERIOD: Duration = Duration::from_secs(1);
/// Each still is shown from the first picture of a rise to its last: twelve pictures.
const DWELL: Duration = Duration::from_secs(12);
/// Stills come as fast as from a camera.
const FRAME: Duration = Duration::from_millis(33);
/// Folder and size of what is written where no display is.
const PNG_FOLDER: &str = "as-time-goes-by";
const PNG_SIZE: (u32, u32) = (720, 960);
const UNSEEN_SIZE: (u32, u32) = (1280, 720);

pub fn run(args: &Args) -> Result<(), KioskError> {
    let bundle = match load(args.model.as_deref()) {
        Ok((bundle, _)) => Some(Arc::new(bundle)),
        Err(error) => {
            eprintln!("{}", without_ageing(&error));
            None
        }
    };
    let until = args.seconds.map(|seconds| Duration::from_secs(seconds.into()));
    let (width, height) = PNG_SIZE;
    let mut screen = match &args.screen {
        ScreenChoice::None => return live(args, bundle, &mut Memory::new(UNSEEN_SIZE.0, UNSEEN_SIZE.1), until),
        ScreenChoice::Auto => PngFolder::fresh(PNG_FOLDER.as_ref(), width, height)?,
        ScreenChoice::Png(folder) => PngFolder::new(folder, width, height)?,
    };
    let source = stills(&args.camera, until.is_some())?;
    let finder = FaceFinder::embedded().map_err(EyesError::from)?;
    let eyes = Together::new(Box::new(source), finder, bundle.map(|bundle| Worker::of(&bundle)).transpose()?);
    let mut kiosk = kiosk(eyes, &screen, Arc::default());
    show(&mut kiosk, &mut screen, &mut ByHand::default(), PNG_PERIOD, until)?;
    if let Some(sheet) = screen.write_sheet()? {
        println!(
            "{} pictures in {}; all at a glance in {}",
            screen.shown(),
            screen.folder().display(),
            sheet.display()
        );
    }
    Ok(())
}

/// The mirror in real time.
fn live(
    args: &Args,
    bundle: Option<Arc<Bundle>>,
    screen: &mut dyn Screen,
    until: Option<Duration>,
) -> Result<(), KioskError> {
    let start = std::time::Instant::now();
    let camera = args.camera.clone();
    let again = until.is_some();
    let source: Make<Box<dyn FrameSource>> = Box::new(move || Ok(Box::new(Paced::new(stills(&camera, again)?, FRAME))));
    let worker = bundle.map(|bundle| -> Make<Worker> { Box::new(move || Worker::of(&bundle)) });
    let health: Arc<Health> = Arc::default();
    let eyes = Threads::start(start, source, worker, health.clone())?;
    let mut kiosk = kiosk(eyes, screen, health);
    show(&mut kiosk, screen, &mut Monotonic::since(start), Duration::ZERO, until)
}

fn stills(camera: &CameraChoice, again: bool) -> Result<Stills, EyesError> {
    Ok(match camera {
        CameraChoice::Auto => Stills::visitors(DWELL, again)?,
        CameraChoice::Stills(folder) => Stills::folder(folder, DWELL, again)?,
    })
}

fn kiosk<E: crate::kiosk::Eyes>(eyes: E, screen: &dyn Screen, health: Arc<Health>) -> Kiosk<E> {
    Kiosk::new(eyes, Vec::new(), Rules::default(), Options::default(), Scene::new(screen.size()), health)
}

fn without_ageing(error: &ModelError) -> String {
    format!("The generator is refused, and the mirror goes on without ageing: {error}")
}

/// The loop: one picture every `period`, until the source ends or `until` has come.
fn show<E: crate::kiosk::Eyes>(
    kiosk: &mut Kiosk<E>,
    screen: &mut dyn Screen,
    clock: &mut dyn Clock,
    period: Duration,
    until: Option<Duration>,
) -> Result<(), KioskError> {
    loop {
        let now = clock.now();
        if until.is_some_and(|until| now >= until) || !kiosk.turn(screen, clock)? {
            return Ok(());
        }
        clock.wait_until(now + period);
    }
}
