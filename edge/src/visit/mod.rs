//! The visit, as a machine of states without pictures, hardware or clock: what is seen and pressed comes in, the stage of the
//! visit goes out. Next: the [scene](crate::scene) draws it.
//!
//! ```text
//! attract → found → ageing (by itself, or by buttons) → strip → farewell → rest → attract
//!                     ↕ turned away, look inside
//! ```
//!
//! Somebody who leaves ends the visit from anywhere; so does its longest time.

mod ages;
#[cfg(test)]
mod laws;

pub use ages::Limit;

use crate::input::Button;
use ages::Ages;
use shared::Decade;
use std::time::Duration;

/// What the museum decides.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// From the youngest to the oldest decade.
    pub sweep: Duration,
    /// The next visitor is greeted after so long at the latest.
    pub longest: Duration,
    /// Who presses nothing for so long goes on to the strip; a strip and a turned head are waited for as long.
    pub patience: Duration,
    /// The oldest decade that who looks like a child is shown; `None`: all of them.
    pub children: Option<Decade>,
    pub strip: bool,
    pub inside: bool,
    pub take_home: bool,
    /// How many languages there are to choose from.
    pub languages: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            sweep: Duration::from_secs(11),
            longest: Duration::from_secs(90),
            patience: Duration::from_secs(30),
            children: Some(Decade::Thirties),
            strip: true,
            inside: true,
            take_home: false,
            languages: 1,
        }
    }
}

/// What the visit is told.
#[derive(Clone, Debug)]
pub struct Told<'a> {
    pub now: Duration,
    /// The visitor's number and how much of the edit their pose carries (0..1); `None` while no face is seen.
    pub visitor: Option<(u64, f32)>,
    /// Whether that visitor's face can be shown at the age that was asked for last.
    pub aged: bool,
    /// About what they look like, once known.
    pub nearest: Option<Decade>,
    pub presses: &'a [Button],
    pub open: bool,
    pub camera: bool,
    pub generator: bool,
}

/// Where the visit stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    pub phase: Phase,
    /// Whose visit it is.
    pub visitor: Option<u64>,
    /// The age to show, in years; what the generator should work at.
    pub age: f32,
    /// How much of the edit to show: rises when a face comes, falls when it turns away or is lost.
    pub strength: f32,
    /// Seconds until the visit goes on by itself, in the last ten of them.
    pub countdown: Option<u32>,
    pub language: usize,
    /// The turn has just ended: somebody else may be next.
    pub over: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Phase {
    Attract,
    /// `waiting`: for longer than visitors wait without a sign.
    Found {
        waiting: bool,
    },
    Ageing {
        held: bool,
        limit: Limit,
    },
    Inside,
    Turned,
    Strip {
        code: bool,
    },
    Farewell,
    OptedOut,
    Plain,
    NoCamera,
    Rest,
    Closed,
}

impl Phase {
    /// Whether the visitor's own picture is on the page.
    pub const fn shows_visitor(self) -> bool {
        use Phase::{Ageing, Found, Inside, OptedOut, Plain, Turned};
        matches!(self, Found { .. } | Ageing { .. } | Inside | Turned | OptedOut | Plain)
    }

    /// In a word, for the people who look after the mirror.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Attract => "waiting for visitors",
            Self::Found { .. } => "greeting",
            Self::Ageing { .. } => "ageing",
            Self::Inside => "looking inside",
            Self::Turned => "waiting for a face",
            Self::Strip { .. } => "showing the strip",
            Self::Farewell => "farewell",
            Self::OptedOut => "a plain mirror, as asked",
            Self::Plain => "a plain mirror: no generator",
            Self::NoCamera => "no camera",
            Self::Rest => "resting",
            Self::Closed => "closed",
        }
    }
}

/// Who is not seen for so long has left.
pub const LEFT: Duration = Duration::from_millis(2500);
/// A face that is lost or turned away for so long is waited for.
const AWAY: Duration = Duration::from_millis(800);
/// Below this the pose carries nothing worth showing.
const TURNED: f32 = 0.1;
/// A sign of patience comes after so long.
const WAITING: Duration = Duration::from_secs(3);
const FAREWELL: Duration = Duration::from_secs(8);
const REST: Duration = Duration::from_millis(1200);
/// A visit that runs by itself shows all ages so many times, up and down.
const ROUNDS: f32 = 2.0;
/// Countdowns are shown for their last seconds.
const COUNTED: Duration = Duration::from_secs(10);
/// Without a camera picture for so long, the mirror says so.
const NO_CAMERA: Duration = Duration::from_secs(2);
/// The edit comes and goes in so many seconds.
const FADE: f32 = 0.35;
/// The range is decided within so long of the first aged face.
const DECIDED: Duration = Duration::from_secs(2);

/// The machine.
#[derive(Clone, Debug)]
pub struct Visit {
    rules: Rules,
    state: State,
    ages: Ages,
    language: usize,
    strength: f32,
    last: Option<Duration>,
    seen_at: Duration,
    camera_at: Duration,
    inside: bool,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Idle,
    Found { visitor: u64, since: Duration },
    Ageing { visitor: u64, since: Duration, shown: Duration, touched: Option<Duration>, away: Option<Duration> },
    Strip { visitor: u64, since: Duration, code: bool, until: Duration },
    Farewell { visitor: u64, since: Duration },
    OptedOut { visitor: u64 },
    Resting { since: Duration },
}

impl State {
    const fn visitor(&self) -> Option<u64> {
        match *self {
            Self::Found { visitor, .. }
            | Self::Ageing { visitor, .. }
            | Self::Strip { visitor, .. }
            | Self::Farewell { visitor, .. }
            | Self::OptedOut { visitor } => Some(visitor),
            Self::Idle | Self::Resting { .. } => None,
        }
    }
}

impl Visit {
    pub fn new(rules: Rules) -> Self {
        let ages = Ages::new(rules.sweep);
        Self {
            rules,
            state: State::Idle,
            ages,
            language: 0,
            strength: 0.0,
            last: None,
            seen_at: Duration::ZERO,
            camera_at: Duration::ZERO,
            inside: false,
            phase: Phase::Attract,
        }
    }

    /// What [`Self::step`] gave last.
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// One frame further. A clock that jumps ends what has lasted too long, and breaks nothing.
    pub fn step(&mut self, told: &Told) -> Stage {
        let now = told.now;
        let passed = now.saturating_sub(self.last.replace(now).unwrap_or(now));
        // Who was seen "later" than now was seen before the clock went back.
        self.seen_at = self.seen_at.min(now);
        self.camera_at = if told.camera { now } else { self.camera_at.min(now) };
        let before = self.state;
        self.presence(told);
        self.press(told);
        self.go_on(told);
        let facing = told
            .visitor
            .filter(|(visitor, _)| self.state.visitor() == Some(*visitor))
            .map_or(0.0, |(_, facing)| facing);
        let moving = matches!(self.state, State::Ageing { away: None, .. });
        if moving {
            self.ages.go_on(passed);
        }
        let goal = if told.aged && matches!(self.state, State::Ageing { .. }) { facing } else { 0.0 };
        let step = passed.as_secs_f32().min(0.25) / FADE;
        self.strength += (goal - self.strength).clamp(-step, step);
        if self.state.visitor() != before.visitor() {
            self.strength = 0.0;
        }
        let over = matches!(self.state, State::Farewell { .. }) && !matches!(before, State::Farewell { .. });
        self.phase = self.phase_of(told);
        Stage {
            phase: self.phase,
            visitor: self.state.visitor(),
            age: self.ages.shown(),
            strength: self.strength,
            countdown: self.countdown(now),
            language: self.language,
            over,
        }
    }

    /// Who is there, and who has left.
    fn presence(&mut self, told: &Told) {
        let now = told.now;
        if !told.open {
            self.state = State::Idle;
            return;
        }
        let here = self.state.visitor();
        match (told.visitor, here) {
            (Some((seen, _)), Some(visitor)) if seen == visitor => self.seen_at = now,
            // Somebody else stands there: they are greeted at once.
            (Some((seen, _)), Some(_)) => self.greet(seen, now),
            (Some((seen, _)), None) => {
                let resting = matches!(self.state, State::Resting { since } if (now.saturating_sub(since)) < REST);
                if !resting {
                    self.greet(seen, now);
                }
            }
            (None, Some(_)) if now.saturating_sub(self.seen_at) >= LEFT => self.state = State::Resting { since: now },
            (None, _) => {}
        }
        if matches!(self.state, State::Resting { since } if now.saturating_sub(since) >= REST) {
            self.state = State::Idle;
        }
    }

    fn greet(&mut self, visitor: u64, now: Duration) {
        self.state = State::Found { visitor, since: now };
        self.ages = Ages::new(self.rules.sweep);
        self.seen_at = now;
        self.inside = false;
    }

    fn press(&mut self, told: &Told) {
        let now = told.now;
        for button in told.presses {
            if *button == Button::Language {
                self.language = (self.language + 1) % self.rules.languages.max(1);
            }
            match (&mut self.state, button) {
                (State::Ageing { touched, .. }, Button::Younger | Button::Older | Button::Hold) => {
                    *touched = Some(now);
                    match button {
                        Button::Younger => self.ages.step(-1),
                        Button::Older => self.ages.step(1),
                        _ => self.ages.hold(),
                    }
                }
                (State::Ageing { touched, .. }, Button::Inside) if self.rules.inside => {
                    *touched = Some(now);
                    self.inside = !self.inside;
                }
                (State::Ageing { visitor, since, .. }, Button::Done) => {
                    let (visitor, since) = (*visitor, *since);
                    self.after_ageing(visitor, since, now);
                }
                (State::Strip { visitor, .. }, Button::Done) => {
                    self.state = State::Farewell { visitor: *visitor, since: now };
                }
                (State::Strip { code, .. }, Button::TakeHome) if self.rules.take_home => *code = true,
                (
                    State::Found { visitor, .. } | State::Ageing { visitor, .. } | State::Strip { visitor, .. },
                    Button::OptOut,
                ) => {
                    self.state = State::OptedOut { visitor: *visitor };
                }
                _ => {}
            }
        }
    }

    /// What happens by itself.
    fn go_on(&mut self, told: &Told) {
        let now = told.now;
        match self.state {
            State::Found { visitor, since } if told.aged && told.generator => {
                self.state = State::Ageing { visitor, since, shown: now, touched: None, away: None };
            }
            State::Ageing { visitor, since, shown, touched, away } => {
                if let (Some(nearest), true) = (told.nearest, now.saturating_sub(shown) <= DECIDED) {
                    let oldest = self.rules.children.filter(|_| nearest == Decade::Tens);
                    self.ages.allow(oldest.map_or(Limit::ALL, Limit::up_to));
                }
                let turned = told.visitor.is_none_or(|(_, facing)| facing < TURNED);
                let away = turned.then(|| away.unwrap_or(now).min(now));
                let patient = |since: Duration| now.saturating_sub(since) < self.rules.patience;
                self.state = State::Ageing { visitor, since, shown, touched, away };
                let tired = touched.is_some_and(|touched| !patient(touched)) || away.is_some_and(|away| !patient(away));
                let done = touched.is_none() && self.ages.rounds() >= ROUNDS;
                if tired || done || now.saturating_sub(since) >= self.ageing_time() {
                    self.after_ageing(visitor, since, now);
                }
            }
            State::Strip { visitor, until, .. } if now >= until => {
                self.state = State::Farewell { visitor, since: now };
            }
            State::Farewell { since, .. } if now.saturating_sub(since) >= FAREWELL => {
                self.state = State::Resting { since: now };
            }
            _ => {}
        }
    }

    fn after_ageing(&mut self, visitor: u64, since: Duration, now: Duration) {
        // Nobody's strip is made without their having been aged, and none beyond the longest visit.
        let last = since + self.rules.longest - FAREWELL.min(self.rules.longest);
        let until = (now + self.rules.patience).min(last.max(now));
        self.state = if self.rules.strip && until > now {
            State::Strip { visitor, since: now, code: false, until }
        } else {
            State::Farewell { visitor, since: now }
        };
    }

    /// What the ageing may take of the longest visit, with strip and farewell to come.
    fn ageing_time(&self) -> Duration {
        let strip = if self.rules.strip { self.rules.patience } else { Duration::ZERO };
        self.rules.longest.saturating_sub(strip + FAREWELL).max(self.rules.longest / 3)
    }

    fn phase_of(&self, told: &Told) -> Phase {
        if !told.open {
            return Phase::Closed;
        }
        if told.now.saturating_sub(self.camera_at) >= NO_CAMERA {
            return Phase::NoCamera;
        }
        match self.state {
            State::Idle => Phase::Attract,
            State::Found { .. } if !told.generator => Phase::Plain,
            State::Found { since, .. } => Phase::Found { waiting: told.now.saturating_sub(since) >= WAITING },
            State::Ageing { away: Some(away), .. } if told.now.saturating_sub(away) >= AWAY => Phase::Turned,
            State::Ageing { .. } if self.inside => Phase::Inside,
            State::Ageing { .. } => Phase::Ageing { held: self.ages.is_held(), limit: self.ages.limit() },
            State::Strip { code, .. } => Phase::Strip { code },
            State::Farewell { .. } => Phase::Farewell,
            State::OptedOut { .. } => Phase::OptedOut,
            State::Resting { .. } => Phase::Rest,
        }
    }

    fn countdown(&self, now: Duration) -> Option<u32> {
        let patience = self.rules.patience;
        let end = match self.state {
            State::Ageing { since, touched, away, .. } => {
                let waited = touched.into_iter().chain(away).map(|from| from + patience).min();
                waited.into_iter().chain([since + self.ageing_time()]).min()
            }
            State::Strip { until, .. } => Some(until),
            State::Farewell { since, .. } => Some(since + FAREWELL),
            _ => None,
        };
        let left = end?.saturating_sub(now);
        (left <= COUNTED).then(|| left.as_secs_f32().ceil() as u32)
    }

    /// The age that is shown, in years.
    pub const fn age(&self) -> f32 {
        self.ages.shown()
    }

    /// The ages that the visitor is shown.
    pub const fn limit(&self) -> Limit {
        self.ages.limit()
    }

    /// The buttons that can be pressed at a stage, in the order in which they stand; where room is short, the last are left
    /// out.
    pub fn buttons(&self, phase: Phase) -> impl Iterator<Item = Button> + '_ {
        use Button::{Done, Hold, Inside, Language, Older, OptOut, TakeHome, Younger};
        let all: &[Button] = match phase {
            Phase::Ageing { .. } => &[Younger, Older, OptOut, Hold, Inside, Language],
            Phase::Inside => &[Younger, Inside, Older],
            Phase::Found { .. } | Phase::Turned => &[OptOut, Language],
            Phase::Strip { code: false } => &[TakeHome, Done],
            Phase::Strip { code: true } => &[Done],
            Phase::Attract | Phase::Plain | Phase::OptedOut => &[Language],
            Phase::Farewell | Phase::NoCamera | Phase::Rest | Phase::Closed => &[],
        };
        all.iter().copied().filter(|button| match button {
            Inside => self.rules.inside,
            TakeHome => self.rules.take_home,
            Language => self.rules.languages > 1,
            _ => true,
        })
    }
}
