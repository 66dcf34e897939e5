//! Opening hours. A local time comes in; whether the mirror is open, and when that changes next, go out. Nothing is
//! remembered, so that a clock that jumps does no harm: the next question is answered by the new time.

use jiff::civil::{DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde::Deserialize;

/// When a museum is open.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hours {
    /// `None`: the system's.
    pub zone: Option<TimeZone>,
    /// Empty: always open.
    pub open: Vec<Opening>,
}

/// From one time to another on some days of the week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    pub days: Vec<Day>,
    /// Minutes since the day's beginning, below [`Self::DAY`].
    pub from: u32,
    /// Minutes since the day's beginning, more than `from` and at most a day later: it may pass midnight.
    pub to: u32,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// Whether it is open, and until when that stays so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub open: bool,
    /// `None`: it stays so.
    pub changes: Option<DateTime>,
}

const WEEK: u32 = 7 * Opening::DAY;
/// A clock that shows an earlier year was never set: small boards without a battery begin in 1970 or in the year of their
/// system's image.
const FIRST_YEAR: i16 = 2026;

impl Opening {
    /// Minutes of a day.
    pub const DAY: u32 = 24 * 60;

    /// Begin and end on the circle of the week's minutes, once a day on which it opens.
    fn spans(&self) -> impl Iterator<Item = (u32, u32)> {
        self.days.iter().map(|&day| {
            let midnight = day as u32 * Self::DAY;
            (midnight + self.from, (midnight + self.to) % WEEK)
        })
    }
}

impl Hours {
    /// What holds now.
    pub fn now(&self) -> Standing {
        self.at(self.local_time())
    }

    /// What the clock on the museum's wall shows.
    pub fn local_time(&self) -> DateTime {
        self.zone.clone().unwrap_or_else(TimeZone::system).to_datetime(Timestamp::now())
    }

    /// Whether somebody, or the network, has ever set the clock that shows this time.
    pub fn is_set(now: DateTime) -> bool {
        now.year() >= FIRST_YEAR
    }

    /// What holds at a local time. A clock that was never set must not keep a museum dark: by such a time it is open.
    pub fn at(&self, now: DateTime) -> Standing {
        if self.open.is_empty() || !Self::is_set(now) {
            return Standing { open: true, changes: None };
        }
        let minute = minute_of_week(now);
        let open = self.is_open_in(minute);
        let edges = self.open.iter().flat_map(Opening::spans).flat_map(|(from, to)| [from, to]);
        let changing = edges.filter(|&edge| self.is_open_in(edge) != open);
        let wait = changing.map(|edge| (WEEK + edge - minute) % WEEK).min();
        let begun = now.date().at(now.hour(), now.minute(), 0, 0);
        let changes = wait.and_then(|minutes| begun.checked_add(Span::new().minutes(minutes)).ok());
        Standing { open, changes }
    }

    fn is_open_in(&self, minute: u32) -> bool {
        let within = |(from, to)| match from < to {
            true => (from..to).contains(&minute),
            false => minute >= from || minute < to,
        };
        self.open.iter().flat_map(Opening::spans).any(within)
    }
}

/// Minutes since Monday began.
fn minute_of_week(time: DateTime) -> u32 {
    let day = time.weekday().since(Weekday::Monday) as u32;
    day * Opening::DAY + time.hour() as u32 * 60 + time.minute() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    const WEEKEND: [Day; 2] = [Day::Sat, Day::Sun];

    fn museum() -> Hours {
        let weekdays = vec![Day::Tue, Day::Wed, Day::Thu, Day::Fri];
        let late = Opening { days: vec![Day::Sat, Day::Sun], from: 18 * 60, to: 26 * 60 };
        Hours { zone: None, open: vec![Opening { days: weekdays, from: 9 * 60 + 30, to: 17 * 60 }, late] }
    }

    /// 2026-11-23 is a Monday.
    fn at(day: i8, hour: i8, minute: i8) -> DateTime {
        date(2026, 11, day).at(hour, minute, 0, 0)
    }

    #[test]
    fn it_opens_and_closes_to_the_minute_and_says_when_next() {
        let standing = |now| museum().at(now);
        let closed_until = |time| Standing { open: false, changes: Some(time) };
        let open_until = |time| Standing { open: true, changes: Some(time) };
        assert_eq!(standing(at(23, 12, 0)), closed_until(at(24, 9, 30)));
        assert_eq!(standing(date(2026, 11, 24).at(9, 29, 59, 0)), closed_until(at(24, 9, 30)));
        assert_eq!(standing(at(24, 9, 30)), open_until(at(24, 17, 0)));
        assert_eq!(standing(at(24, 17, 0)), closed_until(at(25, 9, 30)));
        assert_eq!(standing(at(27, 17, 0)), closed_until(at(28, 18, 0)));
    }

    #[test]
    fn an_evening_may_pass_midnight_and_the_end_of_the_week() {
        assert_eq!(museum().at(at(29, 1, 59)), Standing { open: true, changes: Some(at(29, 2, 0)) });
        assert_eq!(museum().at(at(29, 23, 0)), Standing { open: true, changes: Some(at(30, 2, 0)) });
        assert_eq!(museum().at(at(30, 2, 0)).changes, Some(date(2026, 12, 1).at(9, 30, 0, 0)));
    }

    #[test]
    fn whole_days_join_and_a_whole_week_never_ends() {
        let day =
            |days: &[Day]| Hours { zone: None, open: vec![Opening { days: days.to_vec(), from: 0, to: 24 * 60 }] };
        assert_eq!(day(&WEEKEND).at(at(28, 12, 0)), Standing { open: true, changes: Some(at(30, 0, 0)) });
        let all = [Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri, Day::Sat, Day::Sun];
        assert_eq!(day(&all).at(at(28, 12, 0)), Standing { open: true, changes: None });
    }

    #[test]
    fn without_hours_or_with_a_clock_that_was_never_set_it_is_open() {
        assert!(Hours::default().now().open);
        assert_eq!(museum().at(date(1970, 1, 1).at(3, 0, 0, 0)), Standing { open: true, changes: None });
    }

    proptest! {
        #[test]
        fn nothing_changes_before_the_change(
            openings in proptest::collection::vec((0usize..7, 0u32..1440, 1u32..=1440), 1..5),
            minute in 0i64..10_080,
            share in 0.0f64..1.0,
        ) {
            let days = [Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri, Day::Sat, Day::Sun];
            let opening = |(day, from, length): (usize, u32, u32)| Opening { days: vec![days[day]], from, to: from + length };
            let hours = Hours { zone: None, open: openings.into_iter().map(opening).collect() };
            let now = at(23, 0, 0) + Span::new().minutes(minute);
            let standing = hours.at(now);
            let Some(changes) = standing.changes else { return Ok(()) };
            prop_assert_eq!(hours.at(changes).open, !standing.open);
            let minutes = changes.duration_since(now).as_secs() as f64 / 60.0;
            prop_assert!(minutes > 0.0 && minutes <= 10_080.0);
            let between = now + Span::new().minutes((minutes * share) as i64);
            prop_assert_eq!(hours.at(between), standing);
        }
    }
}
