//! The mirror over a long time, with everything going wrong that goes wrong in a museum. Frames and faults come in; what the
//! mirror showed, how long each recovery took and what it cost go out. `cargo run -p tests --bin soak` runs it.

pub mod camera;
pub mod screen;
pub mod usage;

use camera::{Camera, Script};
use edge::bundle::Bundle;
use edge::clock::Clock;
use edge::frames::FrameSource;
use edge::input::{Button, Input, Press};
use edge::kiosk::{Cut, Kiosk, KioskError, Make, Options, TakeHome, Threads, Worker};
use edge::service::{Health, Part, Stage};
use edge::texts;
use edge::visit::{Phase, Rules};
use screen::Moody;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use usage::Usage;

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Pictures to show.
    pub frames: u64,
    /// Pictures between two faults; 0: none.
    pub between: u64,
    /// Width and height of the screen.
    pub screen: (u32, u32),
}

/// What came of it.
#[derive(Debug, Serialize)]
pub struct Report {
    pub shown: u64,
    pub captured: u64,
    pub aged: u64,
    pub seconds: f64,
    /// Milliseconds that 50, 95 and 99 % of a stage's times did not exceed.
    pub stages: Vec<(&'static str, [f64; 3])>,
    pub usage: Vec<Usage>,
    pub faults: Vec<Fault>,
    /// Pictures shown on each page.
    pub pages: Vec<(String, u64)>,
}

/// Something that went wrong on purpose.
#[derive(Clone, Debug, Serialize)]
pub struct Fault {
    pub what: &'static str,
    pub at_frame: u64,
    /// From the moment from which it could work again to the first picture that shows that it does.
    pub recovered_ms: Option<f64>,
}

/// Presses something now and then.
struct Hands {
    turns: u64,
}

impl Input for Hands {
    fn is_touched(&self) -> bool {
        true
    }

    fn poll(&mut self, _: Duration, presses: &mut Vec<Press>) {
        use Button::{Done, Hold, Inside, Language, Older, OptOut, Younger};
        const ALL: [Button; 8] = [Older, Younger, Older, Hold, Language, Inside, Done, OptOut];
        self.turns += 1;
        if self.turns.is_multiple_of(997) {
            presses.push(Press::Key(ALL[(self.turns / 997) as usize % ALL.len()]));
        }
    }
}

/// The machine's clock, put forward and back by hours.
struct Jumping {
    start: Instant,
    /// Hours by which it is put forward; it begins at a hundred, so that it can be put back.
    offset: Arc<AtomicU64>,
}

impl Clock for Jumping {
    fn now(&self) -> Duration {
        self.start.elapsed() + Duration::from_secs(3600 * self.offset.load(Ordering::Relaxed))
    }

    fn wait_until(&mut self, moment: Duration) {
        std::thread::sleep(moment.saturating_sub(self.now()).min(Duration::from_secs(1)));
    }
}

/// Runs the plan; `progress` is told the pictures shown so far.
pub fn run(plan: Plan, mut progress: impl FnMut(u64, &Usage)) -> Result<Report, KioskError> {
    let start = Instant::now();
    let health = Arc::new(Health::default());
    let script = Arc::new(Script::default());
    let cast = camera::cast();
    let source: Make<Box<dyn FrameSource>> = {
        let script = script.clone();
        Box::new(move || Ok(Box::new(Camera::new(cast.clone(), script.clone()))))
    };
    let bundle = Arc::new(
        Bundle::embedded()
            .map_err(|error| std::io::Error::other(error.to_string()))
            .map_err(edge::kiosk::EyesError::from)?,
    );
    let worker: Make<Worker> = Box::new(move || Worker::of(&bundle, 1));
    let eyes = Threads::start(start, source, Some(worker), health.clone())?;
    let mut screen = Moody::new(plan.screen, script.clone());
    let languages = texts::embedded()
        .map_err(|error| std::io::Error::other(error.to_string()))
        .map_err(edge::kiosk::EyesError::from)?;
    let rules = Rules { languages: languages.len(), ..Rules::default() };
    let options = Options {
        cut: Cut::Portrait,
        width_mm: None,
        buttons: true,
        open: Box::new(|| true),
        languages,
        take_home: TakeHome::Off,
    };
    let mut kiosk = Kiosk::new(eyes, vec![Box::new(Hands { turns: 0 })], rules, options, &screen, health.clone());
    let offset = Arc::new(AtomicU64::new(100));
    let mut clock = Jumping { start, offset: offset.clone() };

    let (mut faults, mut usage, mut pages) = (Vec::<Fault>::new(), Vec::new(), std::collections::BTreeMap::new());
    let mut pending: Option<(usize, u64)> = None;
    let sample = (plan.frames / 40).max(1);
    let mut sampled = 0;
    let mut next = plan.between;
    loop {
        let shown = health.frames_shown.get();
        if shown >= plan.frames || !kiosk.turn(&mut screen, &mut clock)? {
            break;
        }
        *pages.entry(kiosk.phase().name().to_owned()).or_insert(0u64) += 1;
        if let Some((index, captured)) = pending {
            // Over, and a picture taken after that is on the screen.
            if let Some(over) = script.over()
                && health.frames_captured.get() > captured.max(script.captured_at_end())
                && kiosk.phase() != Phase::NoCamera
                && screen.shows()
            {
                faults[index].recovered_ms = Some(over.elapsed().as_secs_f64() * 1000.0);
                pending = None;
            }
        }
        if plan.between > 0 && pending.is_none() && shown >= next {
            next = shown + plan.between;
            let what = camera::Trouble::ALL[faults.len() % camera::Trouble::ALL.len()];
            if let Some(hours) = what.jump() {
                offset.store(100u64.saturating_add_signed(hours), Ordering::Relaxed);
            }
            script.begin(what, health.clone());
            faults.push(Fault { what: what.name(), at_frame: shown, recovered_ms: None });
            pending = Some((faults.len() - 1, health.frames_captured.get()));
        }
        if shown / sample > sampled {
            sampled = shown / sample;
            let now = Usage::now(shown);
            progress(shown, &now);
            usage.push(now);
        }
    }
    let percentiles = |stage: Stage| {
        let of = |share| Some(health.percentile(stage, share)?.as_secs_f64() * 1000.0);
        Some((stage.name(), [of(0.5)?, of(0.95)?, of(0.99)?]))
    };
    let report = Report {
        shown: health.frames_shown.get(),
        captured: health.frames_captured.get(),
        aged: health.frames_aged.get(),
        seconds: start.elapsed().as_secs_f64(),
        stages: Stage::ALL.into_iter().filter_map(percentiles).collect(),
        usage,
        faults,
        pages: pages.into_iter().collect(),
    };
    debug_assert!(plan.between > 0 || health.recoveries(Part::Camera) == 0);
    Ok(report)
}
