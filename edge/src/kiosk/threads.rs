//! Each at its own pace: one thread takes frames, one finds and follows the visitor, one ages. The main loop takes the newest
//! of each and never waits for the generator.
//!
//! ```text
//! capture → frames → face → moments → main
//!                             ↓        ↑
//!                           ageing → years
//! ```
//!
//! A frame is shown with its own landmarks where the finder keeps up with the camera, else with the last ones moved on.

use super::eyes::{Aged, DemoFace, Eyes, EyesError, Look, Moment, Wish, Worker};
use super::slot::{Slot, locked};
use crate::demo;
use crate::face::FaceFinder;
use crate::frames::{Frame, FrameError, FrameSource};
use crate::service::{Health, Part, Stage};
use crate::view::Inside;
use crate::visitor::{Tracker, Years};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The main loop waits for so long for a frame with its own landmarks, then goes on without: a frame of most cameras.
const PATIENCE: Duration = Duration::from_millis(34);
/// While nobody is there, faces are looked for so often.
const SEARCH: Duration = Duration::from_millis(120);
/// A thread looks up from its waiting so often, to see whether to stop.
const NAP: Duration = Duration::from_millis(100);
/// However hot it is, the ageing goes on after so long.
const LONGEST_REST: Duration = Duration::from_secs(2);
/// After a part broke off it starts anew after so long.
const PAUSE: Duration = Duration::from_millis(500);

/// What the threads share.
struct Shared {
    start: Instant,
    stop: AtomicBool,
    frames: Slot<Frame>,
    moments: Slot<Moment>,
    wish: Mutex<Wish>,
    aged: Mutex<Aged>,
    inside: Mutex<Option<(u64, Inside)>>,
    demo: Mutex<Vec<Option<Arc<DemoFace>>>>,
    next: AtomicBool,
    camera: AtomicBool,
    ended: AtomicBool,
    generator: AtomicBool,
    /// What no restart heals.
    failure: Mutex<Option<EyesError>>,
    health: Arc<Health>,
}

/// Camera, finder and generator in threads of their own, which end with it.
pub struct Threads {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// Counts of what was shown last.
    moment: u64,
    frame: u64,
    last: Option<Moment>,
}

/// Makes a part in the thread that uses it, again after it broke off.
pub type Make<T> = Box<dyn FnMut() -> Result<T, EyesError> + Send>;

impl Threads {
    /// Starts all threads. `start` is when the main loop's clock began.
    pub fn start(
        start: Instant,
        mut source: Make<Box<dyn FrameSource>>,
        worker: Option<Make<Worker>>,
        health: Arc<Health>,
    ) -> Result<Self, EyesError> {
        let shared = Arc::new(Shared {
            start,
            stop: AtomicBool::new(false),
            frames: Slot::default(),
            moments: Slot::default(),
            wish: Mutex::new(Wish { age: shared::Decade::Tens.middle(), inside: false }),
            aged: Mutex::default(),
            inside: Mutex::default(),
            demo: Mutex::default(),
            next: AtomicBool::new(false),
            camera: AtomicBool::new(true),
            ended: AtomicBool::new(false),
            generator: AtomicBool::new(worker.is_some()),
            failure: Mutex::new(None),
            health,
        });
        let mut threads = Self { shared, threads: Vec::new(), moment: 0, frame: 0, last: None };
        threads.spawn("capture", Part::Camera, move |shared| capture(shared, &mut source))?;
        threads.spawn("face", Part::Ageing, face)?;
        if let Some(mut worker) = worker {
            threads.spawn("ageing", Part::Ageing, move |shared| ageing(shared, &mut worker))?;
        }
        Ok(threads)
    }

    /// Runs `work` in a thread, again and again until it says that it is done or all stop, also when it breaks off.
    fn spawn(
        &mut self,
        name: &'static str,
        part: Part,
        mut work: impl FnMut(&Shared) -> Result<(), EyesError> + Send + 'static,
    ) -> Result<(), EyesError> {
        let shared = self.shared.clone();
        let body = move || {
            while !shared.stops() {
                match catch_unwind(AssertUnwindSafe(|| work(&shared))) {
                    Ok(Ok(())) => return,
                    Ok(Err(error)) => {
                        *locked(&shared.failure) = Some(error);
                        return;
                    }
                    Err(_) => {
                        tracing::error!("The thread `{name}` broke off and starts anew");
                        shared.health.recovered(part);
                        thread::sleep(PAUSE);
                    }
                }
            }
        };
        self.threads.push(thread::Builder::new().name(name.into()).spawn(body)?);
        Ok(())
    }

    /// A frame newer than the last one shown, with the last landmarks moved on.
    fn ahead(&mut self) -> Option<Moment> {
        let (count, frame) = self.shared.frames.newer(self.frame, Duration::ZERO)?;
        let last = self.last.as_ref()?;
        let newer = frame.number > last.frame.number && frame.scene == last.frame.scene;
        let mut seen = last.seen.clone().filter(|_| newer)?;
        self.frame = count;
        seen.landmarks = seen.ahead(frame.at.saturating_sub(last.frame.at));
        Some(Moment { frame, seen: Some(seen) })
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // What broke off was said when it did.
            let _ = thread.join();
        }
    }
}

impl Eyes for Threads {
    fn look(&mut self, _: Duration) -> Result<Look, EyesError> {
        if let Some(error) = locked(&self.shared.failure).take() {
            return Err(error);
        }
        if let Some((count, moment)) = self.shared.moments.newer(self.moment, PATIENCE) {
            self.moment = count;
            self.last = Some(moment.clone());
            return Ok(Look::Moment(moment));
        }
        if let Some(moment) = self.ahead() {
            return Ok(Look::Moment(moment));
        }
        if self.shared.ended.load(Ordering::Relaxed) {
            return Ok(Look::End);
        }
        Ok(Look::Nothing { camera: self.shared.camera.load(Ordering::Relaxed) })
    }

    fn want(&mut self, wish: Wish) {
        *locked(&self.shared.wish) = wish;
    }

    fn with_years<T>(&mut self, visitor: u64, work: impl FnOnce(&Years) -> T) -> Option<T> {
        let aged = locked(&self.shared.aged);
        (aged.visitor == visitor).then(|| work(&aged.years))
    }

    fn inside(&mut self, visitor: u64, inside: &mut Inside) -> bool {
        match &*locked(&self.shared.inside) {
            Some((whose, seen)) if *whose == visitor => {
                inside.clone_from(seen);
                true
            }
            _ => false,
        }
    }

    fn demo(&mut self, number: usize) -> Option<Arc<DemoFace>> {
        let demo = locked(&self.shared.demo);
        demo.get(number.checked_rem(demo.len())?)?.clone()
    }

    fn age_of(&self, frame: &Frame, _: Duration) -> Duration {
        self.shared.now().saturating_sub(frame.at)
    }

    fn forget(&mut self) {
        *locked(&self.shared.aged) = Aged::default();
        locked(&self.shared.inside).take();
    }

    fn next_please(&mut self) {
        self.shared.next.store(true, Ordering::Relaxed);
    }

    fn has_generator(&self) -> bool {
        self.shared.generator.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn stops(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }
}

/// Takes frames and keeps the newest.
fn capture(shared: &Shared, make: &mut Make<Box<dyn FrameSource>>) -> Result<(), EyesError> {
    let mut source = make()?;
    let mut missed = false;
    while !shared.stops() {
        match source.next(shared.now()) {
            Ok(Some(frame)) => {
                if std::mem::take(&mut missed) {
                    shared.health.recovered(Part::Camera);
                    tracing::info!("The camera is back");
                }
                shared.camera.store(true, Ordering::Relaxed);
                shared.health.frames_captured.bump();
                shared.frames.put(frame);
            }
            Ok(None) => {
                shared.ended.store(true, Ordering::Relaxed);
                return Ok(());
            }
            Err(error) if error.is_passing() => {
                if !std::mem::replace(&mut missed, true) {
                    tracing::warn!("{error}");
                }
                shared.camera.store(false, Ordering::Relaxed);
                thread::sleep(NAP);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Finds and follows the visitor.
fn face(shared: &Shared) -> Result<(), EyesError> {
    let mut tracker = Tracker::new(FaceFinder::embedded()?);
    let (mut count, mut alone, mut searched) = (0, false, Instant::now());
    while !shared.stops() {
        let Some((newest, frame)) = shared.frames.newer(count, NAP) else { continue };
        count = newest;
        // Nobody is there: the search may rest, and the frames go by.
        if alone && searched.elapsed() < SEARCH {
            shared.moments.put(Moment { frame, seen: None });
            continue;
        }
        if shared.next.swap(false, Ordering::Relaxed) {
            tracker.next_please();
        }
        searched = Instant::now();
        let seen = tracker.see(&frame)?;
        shared.health.took(Stage::Find, searched.elapsed());
        alone = seen.is_none();
        if !alone {
            shared.health.frames_with_face.bump();
        }
        shared.moments.put(Moment { frame, seen });
    }
    Ok(())
}

/// Ages the visitor again and again, one decade at a time.
fn ageing(shared: &Shared, make: &mut Make<Worker>) -> Result<(), EyesError> {
    let mut worker = make()?;
    let mut finder = FaceFinder::embedded()?;
    let mut count = 0;
    while !shared.stops() {
        let patience = if demo_is_ready(shared) { NAP } else { Duration::ZERO };
        let Some((newest, moment)) = shared.moments.newer(count, patience) else {
            prepare_demo(shared, &mut worker, &mut finder);
            continue;
        };
        count = newest;
        let Some(seen) = moment.seen.as_ref().filter(|seen| seen.facing > 0.0) else {
            prepare_demo(shared, &mut worker, &mut finder);
            continue;
        };
        let begin = Instant::now();
        if let Err(error) = age(shared, &mut worker, &moment, seen) {
            tracing::warn!("This frame is not aged: {error}");
        }
        let spent = begin.elapsed();
        shared.health.took(Stage::Age, spent);
        shared.health.frames_aged.bump();
        // Where it is hot, as many pauses as the pace asks for.
        thread::sleep(shared.health.pace().rest(spent).min(LONGEST_REST));
    }
    Ok(())
}

fn age(
    shared: &Shared,
    worker: &mut Worker,
    moment: &Moment,
    seen: &crate::visitor::Seen,
) -> Result<(), crate::mirror::MirrorError> {
    let wish = *locked(&shared.wish);
    let decade = locked(&shared.aged).of(seen.visitor).claim(wish.age);
    let edit = worker.age(moment, seen, decade);
    // Another visitor may have come in the meantime; nothing of the last one is kept.
    let mut aged = locked(&shared.aged);
    if aged.visitor == seen.visitor {
        match &edit {
            Ok(edit) => aged.years.take(decade, edit),
            Err(_) => aged.years.release(decade),
        }
    }
    drop(aged);
    edit?;
    if wish.inside {
        let inside = worker.look_inside(moment, seen, wish.age)?;
        *locked(&shared.inside) = inside.map(|inside| (seen.visitor, inside));
    } else {
        locked(&shared.inside).take();
    }
    Ok(())
}

fn demo_is_ready(shared: &Shared) -> bool {
    locked(&shared.demo).len() >= demo::VISITORS.len()
}

/// One more demo face, while nobody waits.
fn prepare_demo(shared: &Shared, worker: &mut Worker, finder: &mut FaceFinder) {
    let number = locked(&shared.demo).len();
    let Some(visitor) = demo::VISITORS.get(number) else { return };
    let face = visitor.read().map_err(FrameError::from).map(|picture| worker.demo(picture, finder));
    let face = match face {
        Ok(Ok(face)) => face.map(Arc::new),
        Ok(Err(error)) => {
            tracing::warn!("The demo visitor `{}` is not aged: {error}", visitor.name);
            None
        }
        Err(error) => {
            tracing::warn!("{error}");
            None
        }
    };
    let mut demo = locked(&shared.demo);
    // Another worker may have been faster.
    if demo.len() == number {
        demo.push(face);
    }
}
