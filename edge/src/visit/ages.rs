//! The age that is shown, as it moves: up and down by itself, or to where a visitor wants it. Time and presses come in, years
//! go out, without a jump.

use shared::Decade;
use std::f32::consts::PI;
use std::time::Duration;

/// The youngest and the oldest age that a visitor is shown, in years.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    pub youngest: f32,
    pub oldest: f32,
}

impl Limit {
    pub const ALL: Self = Self::up_to(Decade::Sixties);

    pub const fn up_to(oldest: Decade) -> Self {
        Self { youngest: Decade::Tens.middle(), oldest: oldest.middle() }
    }
}

/// Chosen ages are approached with this time constant in seconds, and at this many years a second at most.
const EASE: f32 = 0.22;
const FASTEST: f32 = 30.0;
/// A frame that took longer counts as this long, in seconds.
const LONGEST_STEP: f32 = 1.0;

/// Ages over time.
#[derive(Clone, Debug)]
pub struct Ages {
    sweep: f32,
    limit: Limit,
    /// How far the sweep has come: 1 at the oldest age, 2 back at the youngest, and so on.
    phase: f32,
    held: Option<f32>,
    shown: f32,
}

impl Ages {
    pub fn new(sweep: Duration) -> Self {
        let limit = Limit::ALL;
        Self { sweep: sweep.as_secs_f32().max(0.1), limit, phase: 0.0, held: None, shown: limit.youngest }
    }

    /// In years.
    pub const fn shown(&self) -> f32 {
        self.shown
    }

    pub const fn limit(&self) -> Limit {
        self.limit
    }

    pub const fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// How many times all ages were shown, up and down.
    pub fn rounds(&self) -> f32 {
        self.phase / 2.0
    }

    pub fn allow(&mut self, limit: Limit) {
        self.limit = limit;
        self.held = self.held.map(|age| age.clamp(limit.youngest, limit.oldest));
    }

    /// To the next decade in a direction, and stay there.
    pub fn step(&mut self, direction: i32) {
        let from = self.held.unwrap_or(self.shown);
        // Half a year off is there already.
        let nudge = 0.5 * direction as f32;
        let decade = ((from + nudge - Decade::Tens.middle()) / 10.0).clamp(-1.0, 6.0);
        let next = if direction < 0 { decade.ceil() - 1.0 } else { decade.floor() + 1.0 };
        let age = Decade::Tens.middle() + 10.0 * next;
        self.held = Some(age.clamp(self.limit.youngest, self.limit.oldest));
    }

    /// Stops where it is, or goes on from there.
    pub fn hold(&mut self) {
        self.held = match self.held {
            None => Some(self.shown),
            Some(_) => {
                let Limit { youngest, oldest } = self.limit;
                let share = ((self.shown - youngest) / (oldest - youngest).max(1.0)).clamp(0.0, 1.0);
                // Upwards from here, in the round that it is in.
                self.phase = (self.phase / 2.0).floor() * 2.0 + (1.0 - 2.0 * share).acos() / PI;
                None
            }
        };
    }

    /// Moves on by the time that has passed.
    pub fn go_on(&mut self, passed: Duration) {
        let seconds = passed.as_secs_f32().min(LONGEST_STEP);
        let goal = self.held.unwrap_or_else(|| {
            self.phase += seconds / self.sweep;
            let Limit { youngest, oldest } = self.limit;
            (youngest + oldest) / 2.0 - (oldest - youngest) / 2.0 * (PI * self.phase).cos()
        });
        let way = (goal - self.shown) * (1.0 - (-seconds / EASE).exp());
        let most = FASTEST * seconds;
        self.shown += way.clamp(-most, most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FRAME: Duration = Duration::from_millis(33);

    fn after(ages: &mut Ages, seconds: f32) -> f32 {
        for _ in 0..(seconds / 0.033) as usize {
            ages.go_on(FRAME);
        }
        ages.shown()
    }

    #[test]
    fn by_itself_it_rises_to_the_oldest_age_and_comes_back() {
        let mut ages = Ages::new(Duration::from_secs(11));
        assert!(after(&mut ages, 11.2) > 64.0);
        assert!(after(&mut ages, 11.0) < 16.0);
        assert!((0.95..1.1).contains(&ages.rounds()));
    }

    #[test]
    fn buttons_go_from_decade_to_decade_and_stay_within_the_limit() {
        let mut ages = Ages::new(Duration::from_secs(11));
        after(&mut ages, 4.0);
        ages.step(1);
        let first = after(&mut ages, 3.0);
        assert!((first / 10.0 - 0.5).fract() < 0.01 || (first / 10.0 - 0.5).fract() > 0.99, "{first}");
        ages.step(1);
        assert!((after(&mut ages, 3.0) - first - 10.0).abs() < 0.1);
        ages.step(-1);
        assert!((after(&mut ages, 3.0) - first).abs() < 0.1);
        ages.allow(Limit::up_to(Decade::Thirties));
        for _ in 0..9 {
            ages.step(1);
        }
        assert!((after(&mut ages, 3.0) - 35.0).abs() < 0.1);
        for _ in 0..9 {
            ages.step(-1);
        }
        assert!((after(&mut ages, 3.0) - 15.0).abs() < 0.1);
    }

    #[test]
    fn holding_stops_and_letting_go_goes_on_from_there() {
        let mut ages = Ages::new(Duration::from_secs(11));
        let here = after(&mut ages, 5.0);
        ages.hold();
        assert!((after(&mut ages, 3.0) - here).abs() < 0.1);
        ages.hold();
        assert!((after(&mut ages, 0.1) - here).abs() < 2.0);
        assert!(after(&mut ages, 1.0) > here + 2.0);
    }

    proptest! {
        #[test]
        fn whatever_is_pressed_ages_stay_in_range_and_never_jump(presses in proptest::collection::vec((0u8..8, 1u64..400), 1..80)) {
            let mut ages = Ages::new(Duration::from_secs(11));
            for (press, milliseconds) in presses {
                match press {
                    0 => ages.step(1),
                    1 => ages.step(-1),
                    2 => ages.hold(),
                    3 => ages.allow(Limit::up_to(Decade::Thirties)),
                    4 => ages.allow(Limit::ALL),
                    _ => {}
                }
                let before = ages.shown();
                ages.go_on(Duration::from_millis(milliseconds));
                prop_assert!((ages.shown() - before).abs() <= FASTEST * 0.4 + 1e-3);
                prop_assert!((14.9..=65.1).contains(&ages.shown()), "{}", ages.shown());
            }
        }
    }
}
