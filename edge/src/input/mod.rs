//! What visitors and staff press. Devices come in; [`Press`]es go out. Next: the scene says which button lies under a touch,
//! and the visit what it does.

mod devices;
mod gpio;
mod keys;
mod touch;

pub use devices::Devices;
pub use gpio::{Gpio, GpioSettings};
pub use keys::{Keys, UnknownKey};
pub use touch::Touch;

use embedded_graphics::prelude::Point;

/// Something that was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Press {
    /// A finger (or the mouse) came down here, as shares of the upright canvas in 1/65536 (0 left and top): independent of
    /// how the screen hangs and how large it is.
    Touch {
        x: u32,
        y: u32,
    },
    Key(Button),
}

/// What can be asked of the mirror, by a button on the screen, a key, a button box or a GPIO line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Button {
    Younger,
    Older,
    /// Stops at the age that is shown, or goes on.
    Hold,
    /// The next language.
    Language,
    /// No ageing, please: the mirror waits until this visitor has left.
    OptOut,
    /// Shows, or no longer shows, what the layers see.
    Inside,
    /// Take the strip home; only where the museum allows it.
    TakeHome,
    /// The visit is over: next, please.
    Done,
}

/// Something that can be pressed.
pub trait Input {
    /// Appends what was pressed since the last call; never waits. A device that is gone gives nothing, and is looked for
    /// again.
    fn poll(&mut self, presses: &mut Vec<Press>);
}

impl Press {
    /// A touch at a point of a canvas of `width`×`height` pixels.
    pub fn at(point: Point, width: u32, height: u32) -> Self {
        let share = |at: i32, length: u32| {
            ((i64::from(at.max(0)) * 65536 + 32768) / i64::from(length.max(1))).clamp(0, 65535) as u32
        };
        Self::Touch { x: share(point.x, width), y: share(point.y, height) }
    }

    /// Where a touch lies on a canvas of `width`×`height` pixels; `None` for keys.
    pub fn point(self, width: u32, height: u32) -> Option<Point> {
        let Self::Touch { x, y } = self else { return None };
        let place = |share: u32, length: u32| ((u64::from(share) * u64::from(length)) >> 16) as i32;
        Some(Point::new(place(x, width), place(y, height)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_touch_lies_where_it_was_made(width in 1u32..4000, height in 1u32..4000, x in 0i32..4000, y in 0i32..4000) {
            let point = Point::new(x.min(width as i32 - 1), y.min(height as i32 - 1));
            prop_assert_eq!(Press::at(point, width, height).point(width, height), Some(point));
        }
    }
}
