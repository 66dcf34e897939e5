//! Presses that were written down: for demonstrations, screenshots and tests. A text such as `3:older,4.5:hold,6:0.5@0.9`
//! comes in; each press goes out at its moment.

use super::{Button, Input, Press};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as WordError, StrDeserializer};
use std::str::FromStr;
use std::time::Duration;

/// Presses and their moments, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    presses: Vec<(Duration, Press)>,
    done: usize,
}

/// A script that cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no press; write SECONDS:BUTTON (younger, older, hold, language, opt-out, inside, take-home, done), or \
     SECONDS:X@Y for a touch, in shares of width and height from 0 to 1"
)]
pub struct BadPress(pub String);

impl FromStr for Script {
    type Err = BadPress;

    fn from_str(text: &str) -> Result<Self, BadPress> {
        let press = |part: &str| {
            let (seconds, what) = part.trim().split_once(':')?;
            let at = Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?;
            let button =
                Button::deserialize(IntoDeserializer::<WordError>::into_deserializer(what) as StrDeserializer<_>);
            Some((at, button.ok().map(Press::Key).or_else(|| touch(what))?))
        };
        let presses = text.split(',').map(|part| press(part).ok_or_else(|| BadPress(part.into())));
        let mut presses = presses.collect::<Result<Vec<_>, _>>()?;
        presses.sort_by_key(|(at, _)| *at);
        Ok(Self { presses, done: 0 })
    }
}

fn touch(text: &str) -> Option<Press> {
    let (x, y) = text.split_once('@')?;
    let share = |text: &str| {
        let share: f64 = text.parse().ok()?;
        (0.0..=1.0).contains(&share).then(|| ((share * 65536.0) as u32).min(65535))
    };
    Some(Press::Touch { x: share(x)?, y: share(y)? })
}

impl Input for Script {
    fn poll(&mut self, now: Duration, presses: &mut Vec<Press>) {
        let due = self.presses[self.done..].iter().take_while(|(at, _)| *at <= now);
        presses.extend(due.map(|(_, press)| *press));
        self.done += self.presses[self.done..].iter().take_while(|(at, _)| *at <= now).count();
    }

    fn is_touched(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_press_comes_once_at_its_moment() {
        let mut script: Script = "6:0.5@1, 3:older,3.5:opt-out".parse().unwrap();
        let mut pressed = |seconds| {
            let mut presses = Vec::new();
            script.poll(Duration::from_secs(seconds), &mut presses);
            presses
        };
        assert_eq!(pressed(2), []);
        assert_eq!(pressed(4), [Press::Key(Button::Older), Press::Key(Button::OptOut)]);
        assert_eq!(pressed(5), []);
        assert_eq!(pressed(7), [Press::Touch { x: 32768, y: 65535 }]);
        assert_eq!(pressed(9), []);
    }

    #[test]
    fn what_is_no_press_is_named() {
        for text in ["", "older", "x:older", "-1:older", "3:oldest", "3:2@0.5", "3:0.5@", "3:older,,"] {
            assert!(text.parse::<Script>().is_err(), "{text}");
        }
        assert_eq!("3:teapot".parse::<Script>(), Err(BadPress("3:teapot".into())));
    }
}
