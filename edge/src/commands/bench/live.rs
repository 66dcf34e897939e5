//! The mirror as it runs in a museum, measured: a camera of 640×480 before which somebody moves, a full-HD screen in memory,
//! every thread at its own pace. Frames a second, latencies, processor and memory come out.

use super::BenchError;
use crate::bundle::Bundle;
use crate::clock::{Clock, Monotonic};
use crate::demo;
use crate::frames::{Frame, FrameError, FrameSource, Paced};
use crate::kiosk::{Cut, Kiosk, Make, Options, TakeHome, Threads, Worker};
use crate::screen::Memory;
use crate::service::{Health, Stage};
use crate::texts;
use crate::timing::{peak_memory, processor_seconds};
use crate::visit::Rules;
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the camera gives, and how often.
const CAMERA: (u32, u32) = (640, 480);
const FRAME: Duration = Duration::from_micros(33_333);
const SCREEN: (u32, u32) = (1920, 1080);
/// Until everything is loaded and the first visitor was greeted, nothing is measured.
const WARM: Duration = Duration::from_secs(3);
/// Places that the face goes through, a few pixels apart.
const PLACES: usize = 24;

/// What came of it.
#[derive(Debug, Serialize)]
pub struct Live {
    camera: (u32, u32),
    screen: (u32, u32),
    seconds: f64,
    pub frames_per_second: f64,
    /// Edits that the generator drew a second.
    aged_per_second: f64,
    /// Milliseconds that 50, 95 and 99 % did not exceed.
    milliseconds: Vec<(&'static str, [f64; 3])>,
    /// Cores that were busy.
    processor: Option<f64>,
    peak_memory_mib: Option<f64>,
}

/// Somebody who moves in a circle.
struct Visitor {
    pictures: Vec<Arc<RgbImage>>,
    number: u64,
}

impl Visitor {
    fn new() -> Result<Self, BenchError> {
        let face = demo::VISITORS.first().ok_or(BenchError::NoVisitor)?.read()?;
        let face = imageops::resize(&face, 320, 320, FilterType::CatmullRom);
        let picture = |place: usize| {
            let angle = place as f32 / PLACES as f32 * std::f32::consts::TAU;
            let mut picture = RgbImage::from_pixel(CAMERA.0, CAMERA.1, Rgb([96, 100, 104]));
            imageops::replace(&mut picture, &face, 160 + (14.0 * angle.cos()) as i64, 80 + (9.0 * angle.sin()) as i64);
            Arc::new(picture)
        };
        Ok(Self { pictures: (0..PLACES).map(picture).collect(), number: 0 })
    }
}

impl FrameSource for Visitor {
    fn next(&mut self, now: Duration) -> Result<Option<Frame>, FrameError> {
        self.number += 1;
        let picture = self.pictures[self.number as usize % PLACES].clone();
        Ok(Some(Frame { picture, scene: 0, number: self.number, at: now }))
    }
}

/// Runs the mirror for so long, ageing on `threads` threads.
pub fn measure(bundle: Bundle, threads: usize, length: Duration) -> Result<Live, BenchError> {
    let start = Instant::now();
    let health = Arc::new(Health::default());
    let mut visitor = Some(Visitor::new()?);
    let source: Make<Box<dyn FrameSource>> = Box::new(move || {
        let visitor = visitor.take().ok_or(FrameError::NoVisitors)?;
        Ok(Box::new(Paced::new(visitor, FRAME)))
    });
    let worker: Make<Worker> = Box::new(move || Worker::of(&bundle, threads));
    let eyes = Threads::start(start, source, Some(worker), health.clone())?;
    let languages = texts::embedded()?;
    let options = Options {
        cut: Cut::Mirror,
        width_mm: None,
        buttons: true,
        open: Box::new(|| true),
        languages,
        take_home: TakeHome::Off,
    };
    // One long visit, that does nothing but age.
    let rules = Rules { longest: length * 10 + WARM * 10, strip: false, ..Rules::default() };
    let mut screen = Memory::new(SCREEN.0, SCREEN.1);
    let mut kiosk = Kiosk::new(eyes, Vec::new(), rules, options, &screen, health.clone());
    let mut clock = Monotonic::since(start);
    while clock.now() < WARM {
        kiosk.turn(&mut screen, &mut clock)?;
    }
    health.begin_anew();
    let (begin, busy) = (clock.now(), processor_seconds());
    while clock.now() < begin + length {
        kiosk.turn(&mut screen, &mut clock)?;
    }
    let seconds = (clock.now() - begin).as_secs_f64();
    let percentiles = |stage: Stage| {
        let of = |share| Some(health.percentile(stage, share)?.as_secs_f64() * 1000.0);
        Some((stage.name(), [of(0.5)?, of(0.95)?, of(0.99)?]))
    };
    Ok(Live {
        camera: CAMERA,
        screen: SCREEN,
        seconds,
        frames_per_second: health.frames_shown.get() as f64 / seconds,
        aged_per_second: health.frames_aged.get() as f64 / seconds,
        milliseconds: Stage::ALL.into_iter().filter_map(percentiles).collect(),
        processor: busy.zip(processor_seconds()).map(|(before, after)| (after - before) / seconds),
        peak_memory_mib: peak_memory(),
    })
}

impl Live {
    pub fn print(&self) {
        let ((width, height), (across, down)) = (self.camera, self.screen);
        println!("Camera {width}×{height} at 30 frames/s, screen {across}×{down}, {:.0} s", self.seconds);
        println!("{:<10} {:>9} {:>9} {:>9}", "ms", "50 %", "95 %", "99 %");
        for (stage, [half, most, nearly_all]) in &self.milliseconds {
            println!("{stage:<10} {half:>9.2} {most:>9.2} {nearly_all:>9.2}");
        }
        println!("{:.1} frames/s shown, {:.1} edits/s drawn", self.frames_per_second, self.aged_per_second);
        if let Some(cores) = self.processor {
            println!("{cores:.2} cores busy");
        }
        if let Some(memory) = self.peak_memory_mib {
            println!("{memory:.0} MiB at most");
        }
    }
}
