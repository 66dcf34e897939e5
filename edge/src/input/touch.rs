//! Touch screens. The kernel's events come in one by one; a press goes out when a finger has come down.

use super::Press;
use crate::screen::Rotation;
use evdev::{AbsoluteAxisCode, EventSummary, KeyCode, SynchronizationCode};

/// Fingers that are told apart.
const FINGERS: usize = 16;
/// Units of a [`Press`].
const WHOLE: u32 = 65536;

/// What one touch screen has said so far.
#[derive(Clone, Debug)]
pub struct Touch {
    ranges: [Range; 2],
    rotation: Rotation,
    /// It tells fingers apart (multi-touch protocol B of the kernel).
    many: bool,
    fingers: [Finger; FINGERS],
    slot: usize,
}

/// Smallest and largest value of an axis.
pub type Range = (i32, i32);

#[derive(Clone, Copy, Debug, Default)]
struct Finger {
    at: [i32; 2],
    /// Came down since the last report.
    new: bool,
}

impl Touch {
    /// `ranges` of x and y, along the panel as it was made; `rotation` as the screen's. `many`: it has slots.
    pub fn new(ranges: [Range; 2], rotation: Rotation, many: bool) -> Self {
        Self { ranges, rotation, many, fingers: [Finger::default(); FINGERS], slot: 0 }
    }

    /// Takes one event, and appends what was pressed once a report is complete.
    pub fn take(&mut self, event: EventSummary, presses: &mut Vec<Press>) {
        let slot = self.slot;
        let finger = self.fingers.get_mut(slot);
        match event {
            EventSummary::AbsoluteAxis(_, AbsoluteAxisCode::ABS_MT_SLOT, value) if self.many => {
                self.slot = usize::try_from(value).unwrap_or(FINGERS);
            }
            EventSummary::AbsoluteAxis(_, code, value) => {
                let Some(finger) = finger else { return };
                match (code, self.many) {
                    (AbsoluteAxisCode::ABS_MT_TRACKING_ID, true) => finger.new = value >= 0,
                    (AbsoluteAxisCode::ABS_MT_POSITION_X, true) | (AbsoluteAxisCode::ABS_X, false) => {
                        finger.at[0] = value
                    }
                    (AbsoluteAxisCode::ABS_MT_POSITION_Y, true) | (AbsoluteAxisCode::ABS_Y, false) => {
                        finger.at[1] = value
                    }
                    _ => {}
                }
            }
            EventSummary::Key(_, KeyCode::BTN_TOUCH, value) if !self.many => {
                if let Some(finger) = finger {
                    finger.new = value == 1;
                }
            }
            EventSummary::Synchronization(_, SynchronizationCode::SYN_REPORT, _) => {
                let (ranges, rotation) = (self.ranges, self.rotation);
                let new =
                    self.fingers.iter_mut().filter_map(|finger| std::mem::take(&mut finger.new).then_some(finger.at));
                presses.extend(new.map(|at| upright(at, ranges, rotation)));
            }
            _ => {}
        }
    }
}

/// Where the viewer sees a point of the panel.
fn upright(at: [i32; 2], ranges: [Range; 2], rotation: Rotation) -> Press {
    let share = |value: i32, (low, high): Range| {
        let length = (i64::from(high) - i64::from(low) + 1).max(1);
        let steps = i64::from(value) - i64::from(low);
        ((2 * steps + 1) * i64::from(WHOLE) / (2 * length)).clamp(0, i64::from(WHOLE) - 1) as u32
    };
    let panel = (share(at[0], ranges[0]), share(at[1], ranges[1]));
    let (x, y) = rotation.inverse().place(panel, (WHOLE, WHOLE));
    Press::Touch { x, y }
}

#[cfg(test)]
mod tests {
    use super::*;
    use embedded_graphics::prelude::Point;
    use evdev::{EventType, InputEvent};

    const X: u16 = AbsoluteAxisCode::ABS_X.0;
    const Y: u16 = AbsoluteAxisCode::ABS_Y.0;
    const SLOT: u16 = AbsoluteAxisCode::ABS_MT_SLOT.0;
    const ID: u16 = AbsoluteAxisCode::ABS_MT_TRACKING_ID.0;
    const MT_X: u16 = AbsoluteAxisCode::ABS_MT_POSITION_X.0;
    const MT_Y: u16 = AbsoluteAxisCode::ABS_MT_POSITION_Y.0;
    const RANGES: [Range; 2] = [(0, 799), (0, 479)];

    fn axis(code: u16, value: i32) -> InputEvent {
        InputEvent::new(EventType::ABSOLUTE.0, code, value)
    }

    fn finger(down: bool) -> InputEvent {
        InputEvent::new(EventType::KEY.0, KeyCode::BTN_TOUCH.code(), down.into())
    }

    fn report() -> InputEvent {
        InputEvent::new(EventType::SYNCHRONIZATION.0, SynchronizationCode::SYN_REPORT.0, 0)
    }

    fn presses(touch: &mut Touch, events: &[InputEvent]) -> Vec<(i32, i32)> {
        let mut presses = Vec::new();
        for event in events {
            touch.take(event.destructure(), &mut presses);
        }
        let points = presses.iter().map(|press| press.point(800, 480).unwrap());
        points.map(|Point { x, y }| (x, y)).collect()
    }

    #[test]
    fn one_finger_presses_once_where_it_came_down() {
        let mut touch = Touch::new(RANGES, Rotation::None, false);
        let tap = [finger(true), axis(X, 100), axis(Y, 50), report(), axis(X, 120), report(), finger(false), report()];
        assert_eq!(presses(&mut touch, &tap), [(100, 50)]);
        // The kernel leaves out what has not changed.
        assert_eq!(presses(&mut touch, &[finger(true), axis(Y, 470), report()]), [(120, 470)]);
    }

    #[test]
    fn each_of_several_fingers_presses_once() {
        let mut touch = Touch::new(RANGES, Rotation::None, true);
        let first = [axis(ID, 7), axis(MT_X, 10), axis(MT_Y, 20), finger(true), axis(X, 10), axis(Y, 20), report()];
        assert_eq!(presses(&mut touch, &first), [(10, 20)]);
        let second = [axis(MT_X, 12), axis(SLOT, 1), axis(ID, 8), axis(MT_X, 700), axis(MT_Y, 400), report()];
        assert_eq!(presses(&mut touch, &second), [(700, 400)]);
        let lifted = [axis(ID, -1), axis(SLOT, 0), axis(ID, -1), finger(false), report()];
        assert_eq!(presses(&mut touch, &lifted), []);
        let strange = [axis(SLOT, -5), axis(ID, 9), axis(SLOT, 99), axis(ID, 10), axis(MT_X, 3), report()];
        assert_eq!(presses(&mut touch, &strange), []);
    }

    #[test]
    fn touches_turn_with_the_screen() {
        for rotation in Rotation::ALL {
            let panel = (800, 480);
            let canvas = rotation.inverse().turned(panel);
            for seen in [(0, 0), (canvas.0 - 1, 0), (canvas.0 - 1, canvas.1 - 1), (33, 77)] {
                let (x, y) = rotation.place(seen, canvas);
                let press = upright([x as i32, y as i32], RANGES, rotation);
                let found = press.point(canvas.0, canvas.1).unwrap();
                assert_eq!((found.x, found.y), (seen.0 as i32, seen.1 as i32), "{rotation:?}");
            }
        }
    }

    #[test]
    fn a_panel_that_is_badly_described_presses_somewhere() {
        for range in [(0, 0), (5, -5), (i32::MIN, i32::MAX)] {
            let Press::Touch { x, y } = upright([i32::MAX, i32::MIN], [range; 2], Rotation::None) else { panic!() };
            assert!(x < WHOLE && y < WHOLE);
        }
    }
}
