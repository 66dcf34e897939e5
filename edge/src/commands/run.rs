//! `edge run`: the mirror itself. Frames come from a camera or stills, the face in them is followed, aged and composed, and
//! scenes go to a screen, until the source ends or the time is up.

use super::{ModelError, load};
use crate::clock::{ByHand, Clock};
use crate::face::{Face, FaceError, FaceFinder};
use crate::frames::{Frame, FrameError, FrameSource, Stills};
use crate::mirror::{Mirror, MirrorError};
use crate::scene::Scene;
use crate::screen::{PngFolder, Screen, ScreenError};
use image::RgbImage;
use shared::{Condition, Decade};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

#[derive(Debug, Default, clap::Args)]
pub struct Args {
    /// Where pictures come from: `auto` (the demo visitors, until cameras are supported) or `stills:DIR`
    #[arg(long, default_value = "auto", value_name = "auto|stills:DIR")]
    camera: CameraChoice,
    /// Where pictures go: `auto` (a new folder, until displays are supported) or `png:DIR`
    #[arg(long, default_value = "auto", value_name = "auto|png:DIR")]
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
            (_, Some(folder)) if !folder.is_empty() => Ok(Self::Png(folder.into())),
            _ => Err("use `auto` or `png:DIR`".into()),
        }
    }
}

/// What ends the mirror.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Face(#[from] FaceError),
    #[error(transparent)]
    Screen(#[from] ScreenError),
}

/// From the youngest to the oldest decade, and as long back again.
const RISE: Duration = Duration::from_secs(11);
/// Each still is shown from the first picture of a rise to its last.
const DWELL: Duration = Duration::from_secs(12);
/// A picture a second is written where no display is: twelve a visitor.
const PNG_PERIOD: Duration = Duration::from_secs(1);
/// Folder and size of what is written where no display is.
const PNG_FOLDER: &str = "as-time-goes-by";
const PNG_SIZE: (u32, u32) = (720, 960);

pub fn run(args: &Args) -> Result<(), RunError> {
    let mirror = match load(args.model.as_deref()) {
        Ok((_, ager)) => Some(Mirror::new(ager)),
        Err(error) => {
            eprintln!("{}", without_ageing(&error));
            None
        }
    };
    let (width, height) = PNG_SIZE;
    let again = args.seconds.is_some();
    let mut source = match &args.camera {
        CameraChoice::Auto => Stills::visitors(DWELL, again)?,
        CameraChoice::Stills(folder) => Stills::folder(folder, DWELL, again)?,
    };
    let mut screen = match &args.screen {
        ScreenChoice::Auto => PngFolder::fresh(PNG_FOLDER.as_ref(), width, height)?,
        ScreenChoice::Png(folder) => PngFolder::new(folder, width, height)?,
    };
    let mut visit = Visit::new(FaceFinder::embedded()?, mirror);
    let until = args.seconds.map(|seconds| Duration::from_secs(seconds.into()));
    show(&mut source, &mut visit, &mut screen, &mut ByHand::default(), PNG_PERIOD, until)?;
    if let Some(sheet) = screen.write_sheet()? {
        println!("{} pictures in {}; all at a glance in {}", screen.shown(), screen.folder().display(), sheet.display());
    }
    Ok(())
}

fn without_ageing(error: &ModelError) -> String {
    format!("The generator is refused, and the mirror goes on without ageing: {error}")
}

/// The loop: one frame, one scene, every `period`, until the source ends or `until` has come.
pub fn show<S: Screen>(
    source: &mut dyn FrameSource, visit: &mut Visit, screen: &mut S, clock: &mut dyn Clock, period: Duration,
    until: Option<Duration>,
) -> Result<(), RunError> {
    let mut scene = Scene::new(screen.size());
    loop {
        let now = clock.now();
        if until.is_some_and(|until| now >= until) {
            return Ok(());
        }
        let Some(frame) = source.next(now)? else { return Ok(()) };
        let (picture, age) = visit.see(&frame, now)?;
        scene.draw(screen, picture, age);
        screen.present()?;
        clock.wait_until(now + period);
    }
}

/// One visitor after another: whom the mirror sees, since when, and how old it shows them.
pub struct Visit {
    finder: FaceFinder,
    /// `None` passes pictures through unaged.
    mirror: Option<Mirror>,
    /// The face of the last frame, and when it was first seen.
    seen: Option<(Face, Duration)>,
    scene: Option<u64>,
    picture: RgbImage,
}

impl Visit {
    pub fn new(finder: FaceFinder, mirror: Option<Mirror>) -> Self {
        Self { finder, mirror, seen: None, scene: None, picture: RgbImage::new(1, 1) }
    }

    /// The picture to show for a frame, and the age in years that it shows; `None` while nobody is aged.
    pub fn see(&mut self, frame: &Frame, now: Duration) -> Result<(&RgbImage, Option<f32>), RunError> {
        if self.scene.replace(frame.scene) != Some(frame.scene) {
            self.seen = None;
        }
        let followed = match &self.seen {
            Some((face, since)) => self.finder.follow(&frame.picture, face)?.map(|face| (face, *since)),
            None => None,
        };
        self.seen = match followed {
            Some(followed) => Some(followed),
            None => self.finder.find(&frame.picture)?.into_iter().next().map(|face| (face, now)),
        };
        self.picture.clone_from(&frame.picture);
        let Some(((face, since), mirror)) = self.seen.as_ref().zip(self.mirror.as_mut()) else {
            return Ok((&self.picture, None));
        };
        let age = age_after(now.saturating_sub(*since));
        // A frame that cannot be aged is shown as it is, and the next one is tried anew.
        match compose(mirror, &mut self.picture, face, age) {
            Ok(()) => Ok((&self.picture, Some(age))),
            Err(error) => {
                eprintln!("This frame is shown as it is: {error}");
                self.picture.clone_from(&frame.picture);
                Ok((&self.picture, None))
            }
        }
    }
}

fn compose(mirror: &mut Mirror, picture: &mut RgbImage, face: &Face, age: f32) -> Result<(), MirrorError> {
    let condition = Condition::at_age(age).unwrap_or(Condition::one_hot(Decade::Tens));
    let alignment = mirror.look(picture, &face.landmarks)?;
    let edit = mirror.age(&condition)?;
    mirror.compose(picture, &alignment, &face.landmarks, &edit)
}

/// The age in years that a face is shown at: from the youngest decade to the oldest and back, resting at both.
fn age_after(time: Duration) -> f32 {
    let (youngest, oldest) = (Decade::Tens.middle(), Decade::Sixties.middle());
    let phase = time.as_secs_f32() / RISE.as_secs_f32() * std::f32::consts::PI;
    (youngest + oldest) / 2.0 - (oldest - youngest) / 2.0 * phase.cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::Memory;
    use embedded_graphics::prelude::OriginDimensions;
    use std::sync::Arc;

    #[test]
    fn ages_rise_to_the_oldest_decade_and_come_back() {
        let ages: Vec<f32> = (0..=22).map(|second| age_after(Duration::from_secs(second))).collect();
        assert!((ages[0] - 15.0).abs() < 1e-3 && (ages[11] - 65.0).abs() < 1e-3 && (ages[22] - 15.0).abs() < 1e-3);
        assert!(ages[..12].windows(2).all(|pair| pair[0] < pair[1]));
        assert!(ages[11..].windows(2).all(|pair| pair[0] > pair[1]));
        assert!(ages.iter().all(|&age| Condition::at_age(age).is_ok()));
    }

    #[test]
    fn choices_are_parsed_strictly() {
        assert!(matches!("stills:a/b".parse(), Ok(CameraChoice::Stills(folder)) if folder == PathBuf::from("a/b")));
        assert!(matches!("png:x".parse(), Ok(ScreenChoice::Png(_))));
        for text in ["", "stills:", "Auto", "png", "/dev/video0"] {
            assert!(text.parse::<CameraChoice>().is_err() && text.parse::<ScreenChoice>().is_err(), "{text}");
        }
    }

    /// Counts frames of one grey picture without a face.
    struct Nobody(Arc<RgbImage>, u32);

    impl FrameSource for Nobody {
        fn next(&mut self, _: Duration) -> Result<Option<Frame>, FrameError> {
            self.1 += 1;
            Ok((self.1 <= 9).then(|| Frame { picture: self.0.clone(), scene: 0 }))
        }
    }

    #[test]
    fn the_loop_ends_with_its_time_or_its_source_and_shows_who_is_not_aged() {
        let shown = |until| {
            let mut nobody = Nobody(Arc::new(RgbImage::from_pixel(64, 64, image::Rgb([77; 3]))), 0);
            let mut screen = Memory::new(90, 120);
            let mut visit = Visit::new(FaceFinder::embedded().unwrap(), None);
            let mut clock = ByHand::default();
            show(&mut nobody, &mut visit, &mut screen, &mut clock, PNG_PERIOD, until).unwrap();
            assert_eq!(screen.picture().get_pixel(45, 20).0, [77; 3]);
            assert_eq!(screen.size().width, 90);
            (nobody.1, clock.now())
        };
        assert_eq!(shown(Some(Duration::from_secs(4))), (4, Duration::from_secs(4)));
        assert_eq!(shown(None), (10, Duration::from_secs(9)));
    }
}
