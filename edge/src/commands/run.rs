//! `edge run`: the mirror itself. Frames come from a camera or stills, the face in them is followed, aged and composed, and
//! scenes go to a screen, until the source ends or the time is up.

use super::{ModelError, load};
use crate::canvas::Canvas;
use crate::clock::{ByHand, Clock};
use crate::face::{FaceError, FaceFinder};
use crate::frames::{FrameError, FrameSource, Stills};
use crate::mirror::Mirror;
use crate::scene::Scene;
use crate::screen::{PngFolder, Screen, ScreenError};
use crate::texts::{self, TextsError};
use crate::view::{Page, Picture, View};
use crate::visit::{RISE, Visit};
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
    #[error(transparent)]
    Texts(#[from] TextsError),
}

/// A picture a second is written where no display is.
const PNG_PERIOD: Duration = Duration::from_secs(1);
/// Each still is shown from the first picture of a rise to its last: twelve pictures.
const DWELL: Duration = RISE.saturating_add(PNG_PERIOD);
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
        println!(
            "{} pictures in {}; all at a glance in {}",
            screen.shown(),
            screen.folder().display(),
            sheet.display()
        );
    }
    Ok(())
}

fn without_ageing(error: &ModelError) -> String {
    format!("The generator is refused, and the mirror goes on without ageing: {error}")
}

/// The loop: one frame, one scene, every `period`, until the source ends or `until` has come.
pub fn show<S: Screen>(
    source: &mut dyn FrameSource,
    visit: &mut Visit,
    screen: &mut S,
    clock: &mut dyn Clock,
    period: Duration,
    until: Option<Duration>,
) -> Result<(), RunError> {
    let languages = texts::embedded()?;
    let mut scene = Scene::new(screen.size(), screen.width_mm());
    let mut canvas = Canvas::new(screen.size());
    loop {
        let now = clock.now();
        if until.is_some_and(|until| now >= until) {
            return Ok(());
        }
        let Some(frame) = source.next(now)? else { return Ok(()) };
        let (picture, age) = visit.see(&frame, now)?;
        let picture = Picture::whole(picture);
        let page = match age {
            Some(age) => Page::Ageing { picture, age, held: false, limit: (15.0, 65.0), countdown: None },
            None => Page::Plain { picture },
        };
        scene.draw(&mut canvas, &View { now, page, language: 0, buttons: &[], notice: None }, &languages);
        screen.present(&canvas)?;
        clock.wait_until(now + period);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::Frame;
    use crate::screen::Memory;
    use image::RgbImage;
    use std::sync::Arc;

    #[test]
    fn choices_are_parsed_strictly() {
        assert!(matches!("stills:a/b".parse(), Ok(CameraChoice::Stills(folder)) if folder == *"a/b"));
        assert!(matches!("png:x".parse(), Ok(ScreenChoice::Png(_))));
        for text in ["", "stills:", "Auto", "png", "/dev/video0"] {
            assert!(text.parse::<CameraChoice>().is_err() && text.parse::<ScreenChoice>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_visitor_is_aged_and_a_refused_bundle_leaves_a_plain_mirror() {
        let folder = tempfile::tempdir().unwrap();
        let stills = folder.path().join("stills");
        std::fs::create_dir(&stills).unwrap();
        std::fs::write(stills.join("visitor.png"), crate::demo::VISITORS[0].bytes).unwrap();
        let pictures = |name: &str, model| {
            let screen = folder.path().join(name);
            let args = Args {
                camera: CameraChoice::Stills(stills.clone()),
                screen: ScreenChoice::Png(screen.clone()),
                model,
                seconds: Some(2),
            };
            run(&args).unwrap();
            assert!(screen.join("sheet.png").is_file() && !screen.join("frame-0002.png").exists());
            ["frame-0000.png", "frame-0001.png"].map(|name| crate::photo::read(&screen.join(name)).unwrap())
        };
        let plain = pictures("plain", Some(folder.path().join("no-such-bundle")));
        assert_eq!(plain[0], plain[1]);
        let aged = pictures("aged", None);
        assert_ne!(aged[0], aged[1]);
        assert_ne!(aged[0], plain[0]);
    }

    /// Counts frames of one grey picture without a face.
    struct Nobody(Arc<RgbImage>, u32);

    impl FrameSource for Nobody {
        fn next(&mut self, _: Duration) -> Result<Option<Frame>, FrameError> {
            self.1 += 1;
            Ok((self.1 <= 9).then(|| Frame { picture: self.0.clone(), scene: 0, number: 0, at: Duration::ZERO }))
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
            assert_eq!(screen.shown().get_pixel(45, 20).0, [77; 3]);
            assert_eq!(screen.size().width, 90);
            (nobody.1, clock.now())
        };
        assert_eq!(shown(Some(Duration::from_secs(4))), (4, Duration::from_secs(4)));
        assert_eq!(shown(None), (10, Duration::from_secs(9)));
    }
}
