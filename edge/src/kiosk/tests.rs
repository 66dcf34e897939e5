use super::*;
use crate::clock::{ByHand, Monotonic};
use crate::demo::VISITORS;
use crate::face::FaceFinder;
use crate::frames::{Frame, FrameError, FrameSource};
use crate::screen::Memory;
use embedded_graphics::prelude::{OriginDimensions, Size};
use image::imageops::{self, FilterType};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

const FRAME: Duration = Duration::from_millis(40);

/// A demo visitor before a wall, or nobody.
fn wall(visitor: Option<usize>) -> Arc<RgbImage> {
    let mut wall = RgbImage::from_pixel(640, 480, image::Rgb([96, 100, 104]));
    if let Some(number) = visitor {
        let face = imageops::resize(&VISITORS[number].read().unwrap(), 300, 300, FilterType::Triangle);
        imageops::replace(&mut wall, &face, 170, 90);
    }
    Arc::new(wall)
}

/// A camera before which somebody stands from one moment to another, frame after frame.
struct Scripted {
    visitors: Vec<(Option<usize>, f32)>,
    pictures: Vec<Arc<RgbImage>>,
    number: u64,
    given: Arc<AtomicU64>,
}

impl Scripted {
    fn new(visitors: &[(Option<usize>, f32)]) -> Self {
        let pictures = visitors.iter().map(|(visitor, _)| wall(*visitor)).collect();
        Self { visitors: visitors.to_vec(), pictures, number: 0, given: Arc::default() }
    }
}

impl FrameSource for Scripted {
    fn next(&mut self, now: Duration) -> Result<Option<Frame>, FrameError> {
        let mut left = now.as_secs_f32();
        let index = self.visitors.iter().position(|(_, seconds)| {
            left -= seconds;
            left < 0.0
        });
        self.number += 1;
        self.given.fetch_add(1, Ordering::Relaxed);
        let frame =
            |index: usize| Frame { picture: self.pictures[index].clone(), scene: 0, number: self.number, at: now };
        Ok(index.map(frame))
    }
}

/// Presses at their moments.
struct Presses(Vec<(u64, Press)>, Arc<Mutex<u64>>);

impl Input for Presses {
    fn is_touched(&self) -> bool {
        true
    }

    fn poll(&mut self, _: Duration, presses: &mut Vec<Press>) {
        let mut turn = self.1.lock().unwrap();
        *turn += 1;
        presses.extend(self.0.iter().filter(|(at, _)| at == &*turn).map(|(_, press)| *press));
    }
}

fn worker() -> Worker {
    Worker::of(&crate::bundle::Bundle::embedded().unwrap(), 1).unwrap()
}

fn together(visitors: &[(Option<usize>, f32)], worker: Option<Worker>) -> Together {
    Together::new(Box::new(Scripted::new(visitors)), FaceFinder::embedded().unwrap(), worker)
}

fn kiosk<E: Eyes>(eyes: E, presses: Vec<(u64, Press)>, rules: Rules) -> Kiosk<E> {
    let inputs: Vec<Box<dyn Input>> = vec![Box::new(Presses(presses, Arc::default()))];
    let languages = crate::texts::embedded().unwrap();
    let open = Box::new(|| true);
    let options =
        Options { cut: Cut::Portrait, width_mm: None, buttons: true, open, languages, take_home: TakeHome::Off };
    Kiosk::new(eyes, inputs, rules, options, &Memory::new(320, 240), Arc::default())
}

/// The phases of all turns, and the canvases.
fn play<E: Eyes>(kiosk: &mut Kiosk<E>) -> Vec<(Phase, RgbImage)> {
    let (mut screen, mut clock, mut turns) = (Memory::new(320, 240), ByHand::default(), Vec::new());
    while kiosk.turn(&mut screen, &mut clock).unwrap() {
        turns.push((kiosk.visit.phase(), screen.shown().clone()));
        clock.wait_until(clock.now() + FRAME);
    }
    turns
}

fn index(turns: &[(Phase, RgbImage)], wanted: impl Fn(&Phase) -> bool) -> usize {
    turns.iter().position(|(phase, _)| wanted(phase)).unwrap()
}

#[test]
fn a_visitor_is_aged_shown_their_strip_and_forgotten() {
    let rules = Rules { sweep: Duration::from_secs(1), patience: Duration::from_secs(2), ..Rules::default() };
    let mut kiosk = kiosk(together(&[(None, 0.5), (Some(0), 9.0), (None, 5.0)], Some(worker())), Vec::new(), rules);
    let turns = play(&mut kiosk);
    let found = index(&turns, |phase| matches!(phase, Phase::Ageing { .. }));
    assert!(found as u128 * 40 <= 500 + 650, "an aged face comes within 650 ms: turn {found}");
    let strip = index(&turns, |phase| matches!(phase, Phase::Strip { .. }));
    let farewell = index(&turns, |phase| *phase == Phase::Farewell);
    assert!(found < strip && strip < farewell);
    assert!(turns[found + 10].1 != turns[found + 20].1, "the face ages");
    let rest = index(&turns, |phase| *phase == Phase::Rest);
    assert!(rest > farewell);
    assert!(kiosk.strip.is_none() && kiosk.seen.is_none() && kiosk.frontal.is_none(), "nothing of the visitor stays");
    assert_eq!(kiosk.eyes.with_years(1, |_| ()), None, "nor of what the years do to them");
    assert_eq!(turns.last().unwrap().0, Phase::Attract);
}

#[test]
fn keys_choose_an_age_and_look_inside() {
    let keys =
        [(25, Button::Older), (30, Button::Older), (60, Button::Inside)].map(|(turn, key)| (turn, Press::Key(key)));
    let mut kiosk = kiosk(together(&[(Some(1), 4.0)], Some(worker())), keys.to_vec(), Rules::default());
    let turns = play(&mut kiosk);
    assert!(matches!(turns[50].0, Phase::Ageing { held: true, .. }));
    assert_eq!(turns[70].0, Phase::Inside);
    assert!(!kiosk.inside.features.is_empty() && kiosk.inside.crop.len() == kiosk.inside.edit.change.len());
}

#[test]
fn without_a_generator_it_is_a_plain_mirror() {
    let mut kiosk = kiosk(together(&[(None, 0.3), (Some(2), 1.0)], None), Vec::new(), Rules::default());
    let turns = play(&mut kiosk);
    assert_eq!((turns[2].0, turns.last().unwrap().0), (Phase::Attract, Phase::Plain));
}

#[test]
fn at_its_own_pace_each_thread_does_the_same_and_all_of_them_end() {
    let start = Instant::now();
    // Long enough for a processor that is emulated; others are done within a second.
    let scripted = Scripted::new(&[(None, 0.5), (Some(3), 120.0)]);
    let given = scripted.given.clone();
    let mut scripted = Some(crate::frames::Paced::new(scripted, FRAME));
    let source: Make<Box<dyn FrameSource>> = Box::new(move || Ok(Box::new(scripted.take().expect("made once"))));
    let eyes = Threads::start(start, source, Some(Box::new(|| Ok(worker()))), Arc::default()).unwrap();
    let mut kiosk = kiosk(eyes, Vec::new(), Rules::default());
    let (mut screen, mut clock) = (Memory::new(320, 240), Monotonic::since(start));
    let mut phases = Vec::new();
    let is_ageing = |phase: &Phase| matches!(phase, Phase::Ageing { .. });
    while kiosk.turn(&mut screen, &mut clock).unwrap() && !phases.last().is_some_and(is_ageing) {
        phases.push(kiosk.visit.phase());
    }
    assert!(phases.last().is_some_and(is_ageing), "{phases:?}");
    drop(kiosk);
    let taken = given.load(Ordering::Relaxed);
    std::thread::sleep(3 * FRAME);
    assert_eq!(given.load(Ordering::Relaxed), taken, "no thread is left");
}

/// A camera that is gone for a while, and breaks off once.
struct Moody(Scripted, u64);

impl FrameSource for Moody {
    fn next(&mut self, now: Duration) -> Result<Option<Frame>, FrameError> {
        self.1 += 1;
        match self.1 {
            20..60 => {
                std::thread::sleep(FRAME);
                Err(FrameError::Silent("/dev/video0".into()))
            }
            70 => panic!("this camera breaks off, on purpose"),
            _ => {
                std::thread::sleep(FRAME / 2);
                self.0.next(now)
            }
        }
    }
}

#[test]
fn a_camera_that_goes_is_missed_and_comes_back_even_if_its_thread_breaks_off() {
    let start = Instant::now();
    let source: Make<Box<dyn FrameSource>> = {
        let mut from = 0;
        Box::new(move || {
            from += 1;
            let skipped = if from == 1 { 0 } else { 100 };
            Ok(Box::new(Moody(Scripted::new(&[(None, 12.0)]), skipped)))
        })
    };
    let eyes = Threads::start(start, source, None, Arc::default()).unwrap();
    let mut kiosk = kiosk(eyes, Vec::new(), Rules::default());
    let (mut screen, mut clock) = (Memory::new(320, 240), Monotonic::since(start));
    let mut phases = Vec::new();
    while kiosk.turn(&mut screen, &mut clock).unwrap() && clock.now() < Duration::from_secs(11) {
        phases.push(kiosk.visit.phase());
    }
    let gone = phases.iter().position(|phase| *phase == Phase::NoCamera).expect("missed");
    assert!(phases[gone..].contains(&Phase::Attract), "and back");
    assert_eq!(phases.last(), Some(&Phase::Attract), "also after its thread broke off");
    assert_eq!(kiosk.canvas.size(), Size::new(320, 240));
}
