//! A camera with visitors before it who come, move and go, and with every trouble that cameras have.

use edge::demo::VISITORS;
use edge::frames::{Frame, FrameError, FrameSource};
use edge::service::Health;
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Each call fails at once, as after unplugging.
    Gone,
    /// Nothing comes for a while.
    Silent,
    /// Pictures of noise.
    Corrupt,
    /// The thread that captures breaks off.
    BreaksOff,
    /// The display is unplugged.
    Screen,
    /// The display is exchanged for one of another size.
    OtherScreen,
    Forward,
    Back,
}

impl Trouble {
    pub const ALL: [Self; 8] = [
        Self::Gone,
        Self::Silent,
        Self::Corrupt,
        Self::BreaksOff,
        Self::Screen,
        Self::OtherScreen,
        Self::Forward,
        Self::Back,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Gone => "camera unplugged for 3 s",
            Self::Silent => "camera silent for 3 s",
            Self::Corrupt => "camera corrupt for 1 s",
            Self::BreaksOff => "capture thread broke off",
            Self::Screen => "screen unplugged for 2 s",
            Self::OtherScreen => "screen exchanged",
            Self::Forward => "clock 5 h forward",
            Self::Back => "clock 7 h back",
        }
    }

    const fn lasts(self) -> Duration {
        match self {
            Self::Gone | Self::Silent => Duration::from_secs(3),
            Self::Screen => Duration::from_secs(2),
            Self::Corrupt => Duration::from_secs(1),
            _ => Duration::ZERO,
        }
    }

    /// By how many hours the clock is wrong from then on.
    pub const fn jump(self) -> Option<i64> {
        match self {
            Self::Forward => Some(5),
            Self::Back => Some(-2),
            _ => None,
        }
    }
}

/// What is wrong now; shared by camera, screen and the loop that watches them.
#[derive(Default)]
pub struct Script {
    now: Mutex<Option<(Trouble, Instant, Arc<Health>)>>,
    captured_at_end: AtomicU64,
}

impl Script {
    pub fn begin(&self, trouble: Trouble, health: Arc<Health>) {
        self.captured_at_end.store(0, Ordering::Relaxed);
        *self.lock() = Some((trouble, Instant::now(), health));
    }

    /// Whether this is wrong now.
    pub fn is(&self, trouble: Trouble) -> bool {
        self.lock().as_ref().is_some_and(|(now, since, _)| *now == trouble && since.elapsed() < trouble.lasts())
    }

    /// Whether this has to happen once, now.
    pub fn armed(&self, trouble: Trouble) -> bool {
        let mut now = self.lock();
        match now.as_mut().filter(|(wrong, ..)| *wrong == trouble && trouble.lasts().is_zero()) {
            Some((wrong, since, _)) if *since <= Instant::now() => {
                // Happens once: from now on it is over.
                *wrong = Trouble::Forward;
                *since = Instant::now();
                true
            }
            _ => false,
        }
    }

    /// Since when it could work again; `None` while it cannot.
    pub fn over(&self) -> Option<Instant> {
        let now = self.lock();
        let (trouble, since, health) = now.as_ref()?;
        let end = *since + trouble.lasts();
        if Instant::now() < end {
            return None;
        }
        let captured = health.frames_captured.get();
        let _ = self.captured_at_end.compare_exchange(0, captured.max(1), Ordering::Relaxed, Ordering::Relaxed);
        Some(end)
    }

    /// Frames that had come when it was over.
    pub fn captured_at_end(&self) -> u64 {
        self.captured_at_end.load(Ordering::Relaxed)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(Trouble, Instant, Arc<Health>)>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Pictures of visitors who come, move a little, and go.
#[derive(Clone)]
pub struct Cast(Arc<Vec<Arc<RgbImage>>>);

/// Frames that a visitor stays, and that nobody is there: as in a museum, mostly nobody is.
const STAY: u64 = 1500;
const AWAY: u64 = 3000;
const MOVES: usize = 12;

/// 640×480 pictures: an empty wall, then each visitor at a circle of places.
pub fn cast() -> Cast {
    let wall = RgbImage::from_fn(640, 480, |x, y| Rgb([96 + (x / 16) as u8, 100, 104 + (y / 16) as u8]));
    let mut pictures = vec![Arc::new(wall.clone())];
    for visitor in VISITORS {
        let Ok(face) = visitor.read() else { continue };
        let face = imageops::resize(&face, 300, 300, FilterType::CatmullRom);
        for step in 0..MOVES {
            let angle = step as f32 / MOVES as f32 * std::f32::consts::TAU;
            let mut picture = wall.clone();
            imageops::replace(&mut picture, &face, 170 + (18.0 * angle.cos()) as i64, 90 + (12.0 * angle.sin()) as i64);
            pictures.push(Arc::new(picture));
        }
    }
    Cast(Arc::new(pictures))
}

/// As fast as it is asked.
pub struct Camera {
    cast: Cast,
    noise: Vec<Arc<RgbImage>>,
    script: Arc<Script>,
    number: u64,
    stays: bool,
}

impl Camera {
    /// The first visitor stays for ever.
    pub fn held(self) -> Self {
        Self { stays: true, ..self }
    }

    pub fn new(cast: Cast, script: Arc<Script>) -> Self {
        let mut state = 1u32;
        let mut byte = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let noise =
            (0..2).map(|_| Arc::new(RgbImage::from_fn(640, 480, |_, _| Rgb([byte(), byte(), byte()])))).collect();
        Self { cast, noise, script, number: 0, stays: false }
    }
}

impl FrameSource for Camera {
    fn next(&mut self, now: Duration) -> Result<Option<Frame>, FrameError> {
        // A millisecond a picture: as fast as any camera, and the processor is left to the mirror.
        std::thread::sleep(Duration::from_millis(1));
        self.number += 1;
        if self.script.is(Trouble::Gone) {
            return Err(FrameError::Silent("unplugged".into()));
        }
        if self.script.is(Trouble::Silent) {
            std::thread::sleep(Duration::from_millis(900));
            return Err(FrameError::Silent("silent".into()));
        }
        assert!(!self.script.armed(Trouble::BreaksOff), "this camera breaks off, on purpose");
        let pictures = &self.cast.0;
        let picture = if self.script.is(Trouble::Corrupt) {
            &self.noise[self.number as usize % self.noise.len()]
        } else {
            let (visit, frame) = (self.number / (STAY + AWAY), self.number % (STAY + AWAY));
            let (visit, frame) = if self.stays { (0, AWAY + self.number) } else { (visit, frame) };
            let visitors = ((pictures.len() - 1) / MOVES).max(1);
            match frame {
                0..AWAY => &pictures[0],
                _ => {
                    &pictures
                        [(1 + visit as usize % visitors * MOVES + (frame / 4) as usize % MOVES).min(pictures.len() - 1)]
                }
            }
        };
        Ok(Some(Frame { picture: picture.clone(), scene: 0, number: self.number, at: now }))
    }
}
