//! The kiosk: frames, presses and the clock come in; the visit decides, the face is aged and composed, and a canvas is drawn
//! and shown. One turn of the loop is one picture on the screen.

mod eyes;
mod framing;
mod portraits;
mod slot;
mod threads;
mod together;

pub use eyes::{DemoFace, Eyes, EyesError, Look, Moment, Wish, Worker};
pub use framing::Cut;
pub use threads::{Make, Threads};
pub use together::Together;

use crate::ager::Edit;
use crate::canvas::Canvas;
use crate::clock::Clock;
use crate::compose::Composer;
use crate::input::{Button, Input, Press};
use crate::scene::Scene;
use crate::screen::{Screen, ScreenError};
use crate::service::{Health, Part, Stage as Step};
use crate::takehome::{self, PrintFolder};
use crate::texts::Language;
use crate::view::{Code, Inside, Notice, Page, Picture, View};
use crate::visit::{Limit, Phase, Rules, Stage, Told, Visit};
use crate::visitor::Seen;
use embedded_graphics::prelude::OriginDimensions;
use framing::Framing;
use image::RgbImage;
use portraits::Portraits;
use shared::Alignment;
use std::f32::consts::PI;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Each demo face rises and falls once in so long, then the next one comes.
const DEMO: Duration = Duration::from_secs(16);
/// A strip is made of a face that looks at the mirror at least so much.
const FRONTAL: f32 = 0.9;
/// A screen that is gone is tried again after so long.
const SCREEN_PAUSE: Duration = Duration::from_millis(300);

/// What ends the kiosk.
#[derive(Debug, thiserror::Error)]
pub enum KioskError {
    #[error(transparent)]
    Eyes(#[from] EyesError),
    #[error(transparent)]
    Screen(#[from] ScreenError),
}

/// What the museum decides about the kiosk beside the [`Rules`] of the visit.
pub struct Options {
    pub cut: Cut,
    /// How wide the screen is for the viewer, where it does not say so itself, or wrongly.
    pub width_mm: Option<u32>,
    /// Whether buttons are drawn on a screen that can be touched.
    pub buttons: bool,
    /// Whether it is open at this moment, by the wall's clock.
    pub open: Box<dyn FnMut() -> bool>,
    /// What it speaks; the visit begins with the first.
    pub languages: Vec<Language>,
    pub take_home: TakeHome,
}

/// How a visitor keeps the strip.
#[derive(Debug, Default)]
pub enum TakeHome {
    #[default]
    Off,
    Code,
    File(PrintFolder),
}

/// Everything of one mirror.
pub struct Kiosk<E> {
    eyes: E,
    inputs: Vec<Box<dyn Input>>,
    visit: Visit,
    options: Options,
    scene: Scene,
    canvas: Canvas,
    composer: Composer,
    framing: Framing,
    health: Arc<Health>,
    picture: RgbImage,
    edit: Edit,
    inside: Inside,
    moment: Option<Moment>,
    /// The visitor where they were seen last; for the strip, where they faced the mirror.
    seen: Option<Seen>,
    frontal: Option<Moment>,
    strip: Option<Strip>,
    /// Somebody's visit is on, or has left something to be erased.
    visited: bool,
    presses: Vec<Press>,
    buttons: Vec<Button>,
    /// Buttons on the screen.
    shown: Vec<Button>,
    notice: Option<Notice>,
    camera: bool,
    lit: bool,
    /// The screen showed the last picture.
    shows: bool,
}

/// What a visit leaves until it is over.
struct Strip {
    visitor: u64,
    portraits: Portraits,
    /// Whether it was made into something to take home, or failed to be.
    taken: bool,
    code: Option<Code>,
}

impl Strip {
    /// Makes what the visitor keeps; `room` is the shorter side of the screen, in pixels.
    fn take_home(&mut self, way: &mut TakeHome, room: u32) -> Result<(), TakeHomeError> {
        match way {
            TakeHome::Off => {}
            TakeHome::Code => self.code = Some(takehome::encode(&self.portraits, room)?),
            TakeHome::File(folder) => {
                folder.put(&crate::strip::of_decades(&self.portraits))?;
            }
        }
        Ok(())
    }
}

/// Why a visitor goes home without their strip.
#[derive(Debug, thiserror::Error)]
enum TakeHomeError {
    #[error(transparent)]
    Code(#[from] takehome::CodeError),
    #[error(transparent)]
    Print(#[from] takehome::PrintError),
}

impl<E: Eyes> Kiosk<E> {
    pub fn new(
        eyes: E,
        inputs: Vec<Box<dyn Input>>,
        rules: Rules,
        options: Options,
        screen: &dyn Screen,
        health: Arc<Health>,
    ) -> Self {
        let scene = Scene::new(screen.size(), options.width_mm.or(screen.width_mm()));
        let canvas = Canvas::new(screen.size());
        let framing = Framing::new(options.cut);
        Self {
            eyes,
            inputs,
            visit: Visit::new(rules),
            options,
            scene,
            canvas,
            composer: Composer::default(),
            framing,
            health,
            picture: RgbImage::new(1, 1),
            edit: Edit::default(),
            inside: Inside::default(),
            moment: None,
            seen: None,
            frontal: None,
            strip: None,
            visited: false,
            presses: Vec::with_capacity(16),
            buttons: Vec::with_capacity(16),
            shown: Vec::with_capacity(16),
            notice: None,
            camera: true,
            lit: true,
            shows: true,
        }
    }

    /// What staff should know from now on.
    pub const fn tell(&mut self, notice: Option<Notice>) {
        self.notice = notice;
    }

    /// Where the visit stands.
    pub const fn phase(&self) -> Phase {
        self.visit.phase()
    }

    /// One picture on the screen; `false` when the camera has no more.
    pub fn turn(&mut self, screen: &mut dyn Screen, clock: &mut dyn Clock) -> Result<bool, KioskError> {
        let now = clock.now();
        let mut fresh = false;
        match self.eyes.look(now)? {
            Look::End => return Ok(false),
            Look::Nothing { camera } => self.camera = camera,
            Look::Moment(moment) => {
                self.camera = true;
                fresh = true;
                if let Some(seen) = &moment.seen {
                    self.seen = Some(seen.clone());
                }
                self.moment = Some(moment);
            }
        }
        self.press(now);
        let stage = self.step(now);
        if screen.size() != self.canvas.size() {
            self.scene = Scene::new(screen.size(), self.options.width_mm.or(screen.width_mm()));
            self.canvas = Canvas::new(screen.size());
        }
        let begin = Instant::now();
        self.draw(&stage, now);
        self.health.took(Step::Draw, begin.elapsed());
        self.show(&stage, screen, clock)?;
        if let Some(moment) = self.moment.as_ref().filter(|_| fresh) {
            self.health.took(Step::Whole, self.eyes.age_of(&moment.frame, clock.now()));
        }
        Ok(true)
    }

    fn press(&mut self, now: Duration) {
        self.presses.clear();
        self.buttons.clear();
        for input in &mut self.inputs {
            input.poll(now, &mut self.presses);
        }
        let size = self.canvas.picture().dimensions();
        for press in &self.presses {
            let button = match (press, press.point(size.0, size.1)) {
                (Press::Key(button), _) => Some(*button),
                (_, Some(point)) => self.scene.button_at(point),
                (_, None) => None,
            };
            self.buttons.extend(button);
        }
    }

    /// Asks the visit where it stands, and the generator for what that needs.
    fn step(&mut self, now: Duration) -> Stage {
        let seen = self.moment.as_ref().and_then(|moment| moment.seen.as_ref());
        let visitor = seen.filter(|_| self.camera).map(|seen| (seen.visitor, seen.facing));
        let whose = visitor.map(|(visitor, _)| visitor).unwrap_or_default();
        let age = self.visit.age();
        let (aged, nearest) =
            self.eyes.with_years(whose, |years| (years.can_show(age), years.nearest())).unwrap_or_default();
        let stage = self.visit.step(&Told {
            now,
            visitor,
            aged,
            nearest,
            presses: &self.buttons,
            open: (self.options.open)(),
            camera: self.camera,
            generator: self.eyes.has_generator(),
        });
        if stage.over {
            self.eyes.next_please();
        }
        self.eyes.want(Wish { age: stage.age, inside: stage.phase == Phase::Inside });
        self.forget(&stage);
        stage
    }

    /// Nothing of a visitor is kept beyond their visit.
    fn forget(&mut self, stage: &Stage) {
        if !matches!(stage.phase, Phase::Strip { .. } | Phase::Farewell) && self.strip.take().is_some() {
            self.erase_print();
        }
        if self.seen.as_ref().is_some_and(|seen| stage.visitor != Some(seen.visitor)) {
            self.seen = None;
        }
        let gone = |moment: &Moment| moment.seen.as_ref().map(|seen| seen.visitor) != stage.visitor;
        if stage.visitor.is_none() || self.frontal.as_ref().is_some_and(gone) {
            self.frontal = None;
        }
        if stage.visitor.is_none() && std::mem::take(&mut self.visited) {
            self.eyes.forget();
            self.inside = Inside::default();
            self.framing.reset();
        }
        self.visited |= stage.visitor.is_some();
        let frontal = |seen: &&Seen| Some(seen.visitor) == stage.visitor && seen.facing >= FRONTAL;
        if let Some(moment) = self.moment.as_ref().filter(|moment| moment.seen.as_ref().filter(frontal).is_some()) {
            self.frontal = Some(moment.clone());
        }
    }

    fn erase_print(&mut self) {
        if let TakeHome::File(folder) = &mut self.options.take_home
            && let Err(error) = folder.erase()
        {
            tracing::warn!("{error}");
        }
    }

    fn draw(&mut self, stage: &Stage, now: Duration) {
        if let Phase::Strip { code } = stage.phase {
            self.make_strip(stage, code);
        }
        let demo_age = if stage.phase == Phase::Attract { self.draw_demo(now) } else { None };
        let alignment = self.draw_face(stage);
        if stage.phase == Phase::Inside {
            self.eyes.inside(stage.visitor.unwrap_or_default(), &mut self.inside);
        }
        let picture = if stage.phase == Phase::Attract {
            Picture::whole(&self.picture)
        } else {
            let (centre, height) = self.framing.follow(&self.picture, alignment.as_ref(), now);
            Picture { pixels: &self.picture, centre, height }
        };
        let Stage { age, countdown, .. } = *stage;
        let nothing = Portraits::default();
        let page = match stage.phase {
            Phase::Attract => Page::Attract { picture, age: demo_age },
            Phase::Found { waiting } => Page::Found { picture, waiting },
            Phase::Ageing { held, limit: Limit { youngest, oldest } } => {
                Page::Ageing { picture, age, held, limit: (youngest, oldest), countdown }
            }
            Phase::Inside => Page::Inside { picture, age, inside: &self.inside },
            Phase::Turned => Page::Turned { picture, countdown },
            Phase::Strip { .. } => {
                let (portraits, code) =
                    self.strip.as_ref().map_or((&nothing, None), |strip| (&strip.portraits, strip.code.as_ref()));
                Page::Strip { portraits, code, countdown }
            }
            Phase::Farewell => Page::Farewell { countdown },
            Phase::OptedOut => Page::OptedOut { picture },
            Phase::Plain => Page::Plain { picture },
            Phase::NoCamera => Page::NoCamera,
            Phase::Rest => Page::Rest,
            Phase::Closed => Page::Closed,
        };
        let touched = self.options.buttons && self.inputs.iter().any(|input| input.is_touched());
        self.shown.clear();
        self.shown.extend(self.visit.buttons(stage.phase).filter(|_| touched));
        let view = View { now, page, language: stage.language, buttons: &self.shown, notice: self.notice };
        self.scene.draw(&mut self.canvas, &view, &self.options.languages);
    }

    /// The demo face of the moment, at the age of the moment.
    fn draw_demo(&mut self, now: Duration) -> Option<f32> {
        let number = (now.as_millis() / DEMO.as_millis()) as usize;
        let Some(face) = self.eyes.demo(number) else {
            self.picture.clone_from(self.moment.as_ref().map_or(&RgbImage::new(1, 1), |moment| &moment.frame.picture));
            return None;
        };
        let phase = (now.as_secs_f32() / DEMO.as_secs_f32()).fract() * 2.0 * PI;
        let Limit { youngest, oldest } = Limit::ALL;
        let age = (youngest + oldest) / 2.0 - (oldest - youngest) / 2.0 * phase.cos();
        face.draw(age, &mut self.composer, &mut self.edit, &mut self.picture);
        Some(age)
    }

    /// The visitor's picture, aged as far as the stage shows it. Gives the face's alignment where there is one.
    fn draw_face(&mut self, stage: &Stage) -> Option<Alignment> {
        let moment = self.moment.as_ref().filter(|_| stage.phase.shows_visitor())?;
        self.picture.clone_from(&moment.frame.picture);
        let whose = |seen: &&Seen| Some(seen.visitor) == stage.visitor;
        // A face that is lost for a moment is shown where it was, while its edit fades.
        let seen = moment.seen.as_ref().or(self.seen.as_ref()).filter(whose)?;
        let alignment = Alignment::of(&seen.landmarks).ok()?;
        let (edit, strength) = (&mut self.edit, stage.strength * seen.facing);
        let ready = self.eyes.with_years(seen.visitor, |years| strength > 0.0 && years.at(stage.age, strength, edit));
        if ready == Some(true) {
            let begin = Instant::now();
            if let Err(error) = self.composer.apply(&mut self.picture, &alignment, &self.edit) {
                tracing::warn!("This frame is shown as it is: {error}");
            }
            self.health.took(Step::Compose, begin.elapsed());
        }
        Some(alignment)
    }

    /// The strip of the visitor, once a visit; its code when it is asked for.
    fn make_strip(&mut self, stage: &Stage, code: bool) {
        let Some(visitor) = stage.visitor else { return };
        if self.strip.as_ref().is_none_or(|strip| strip.visitor != visitor) {
            let frontal = self.frontal.as_ref().or(self.moment.as_ref());
            let Some((moment, seen)) = frontal.and_then(|moment| moment.seen.as_ref().map(|seen| (moment, seen)))
            else {
                return;
            };
            let (limit, composer) = (self.visit.limit(), &mut self.composer);
            let draw = |years: &crate::visitor::Years| portraits::draw(moment, seen, years, limit, composer);
            let portraits = self.eyes.with_years(visitor, draw).unwrap_or_default();
            self.strip = Some(Strip { visitor, portraits, taken: false, code: None });
        }
        if let Some(strip) = self.strip.as_mut().filter(|strip| code && !strip.taken) {
            strip.taken = true;
            let size = self.canvas.size();
            if let Err(error) = strip.take_home(&mut self.options.take_home, size.width.min(size.height)) {
                tracing::warn!("Nothing to take home: {error}");
            }
        }
    }

    fn show(&mut self, stage: &Stage, screen: &mut dyn Screen, clock: &mut dyn Clock) -> Result<(), KioskError> {
        let lit = stage.phase != Phase::Closed;
        if lit != self.lit {
            self.lit = lit;
            if let Err(error) = screen.light(lit) {
                tracing::warn!("{error}");
            }
        }
        let begin = Instant::now();
        match screen.present(&self.canvas) {
            Err(error) if error.is_passing() => {
                self.shows = false;
                tracing::warn!("{error}");
                clock.wait_until(clock.now() + SCREEN_PAUSE);
            }
            other => {
                other?;
                self.health.frames_shown.bump();
                if !std::mem::replace(&mut self.shows, true) {
                    self.health.recovered(Part::Screen);
                    tracing::info!("The screen is back");
                }
            }
        }
        self.health.took(Step::Present, begin.elapsed());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
