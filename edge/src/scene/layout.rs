//! Where things stand on one size of screen, as they would where reading runs from left to right. A size in pixels and, if it
//! is known, in millimetres comes in; rectangles go out. Next: the brush, which mirrors them where reading runs the other way.

use crate::input::Button;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;

/// The measures of one screen, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layout {
    pub size: Size,
    /// Higher than wide: words and buttons stand below the picture, else beside it.
    pub upright: bool,
    /// Type that is read at two metres: capitals of 7 mm, or more.
    pub em: u32,
    /// Smallest width and height of a button: 15 mm, as the Natural History Museum's guidelines ask.
    pub touch: u32,
    /// Smallest module of a code that a telephone tells apart: 0.8 mm.
    pub module: u32,
    pub gap: u32,
    pub margin: u32,
}

/// A desktop monitor's, for screens that do not say how large they are.
const PIXELS_A_MM: f32 = 96.0 / 25.4;
/// Millimetres of a button, of an em, and of a code's module.
const TOUCH_MM: f32 = 15.0;
const EM_MM: f32 = 10.0;
const MODULE_MM: f32 = 0.8;
/// Smaller type is no longer clear, in pixels.
const SMALLEST_EM: u32 = 13;
/// The share of a screen that words and buttons have, below and beside the picture.
const BELOW: f32 = 0.39;
const BESIDE: f32 = 0.36;
/// Words keep this height above the buttons, in ems.
const WORDS: f32 = 5.5;

impl Layout {
    /// `width_mm` is what the display says of itself; what cannot be true is not believed.
    pub fn new(size: Size, width_mm: Option<u32>) -> Self {
        let told = width_mm.filter(|&mm| mm > 0).map(|mm| size.width as f32 / mm as f32);
        let pixels_a_mm = told.filter(|pixels| (0.5..=25.0).contains(pixels)).unwrap_or(PIXELS_A_MM);
        let (area, shorter) = (size.width as f32 * size.height as f32, size.width.min(size.height));
        let usual = (area.sqrt() / 34.0).min(shorter as f32 / 18.0);
        let em = ((EM_MM * pixels_a_mm).clamp(usual, usual * 1.3) as u32).max(SMALLEST_EM);
        let most = (shorter * 2 / 5).max(1);
        let touch = ((TOUCH_MM * pixels_a_mm).ceil() as u32).max(em * 12 / 5).min(most);
        let module = ((MODULE_MM * pixels_a_mm).ceil() as u32).max(2);
        let (gap, margin) = (em * 2 / 5, em * 3 / 4);
        Self { size, upright: size.height >= size.width, em, touch, module, gap, margin }
    }

    /// Whether words have to be short of room.
    pub fn is_small(&self) -> bool {
        self.em == SMALLEST_EM
    }

    /// All of the screen.
    pub fn whole(&self) -> Rectangle {
        Rectangle::new(Point::zero(), self.size)
    }

    /// The part of the picture and the part of the panel with words and buttons. A page of many words has half of a small
    /// screen for them.
    pub fn split(&self, wordy: bool) -> (Rectangle, Rectangle) {
        let Size { width, height } = self.size;
        let least = if self.upright { self.touch + 8 * self.em } else { 2 * self.touch + self.gap + 2 * self.margin };
        let length = if self.upright { height } else { width };
        let usual = if self.upright { BELOW } else { BESIDE };
        let share = if self.is_small() && wordy { length / 2 } else { (length as f32 * usual) as u32 };
        let panel = share.max(least).min(length * 2 / 3);
        if self.upright {
            let above = height - panel;
            (area(0, 0, width, above), area(0, above as i32, width, panel))
        } else {
            let beside = width - panel;
            (area(0, 0, beside, height), area(beside as i32, 0, panel, height))
        }
    }

    /// The inside of a panel.
    pub fn inner(&self, panel: Rectangle) -> Rectangle {
        inset(panel, self.margin)
    }

    /// Places buttons in rows at the bottom of `room`, and gives what is left above them. Younger and older share a high row,
    /// and `wide` has one of its own with a height. Buttons for which there is no room are left out, the last ones first.
    pub fn controls(
        &self,
        room: Rectangle,
        buttons: &[Button],
        wide: Option<(Button, u32)>,
        placed: &mut Vec<(Rectangle, Button)>,
    ) -> Rectangle {
        let words = (WORDS * self.em as f32) as u32;
        for count in (1..=buttons.len()).rev() {
            placed.clear();
            let buttons = &buttons[..count];
            let rest = self.rows(room, buttons, wide, placed);
            if placed.len() == count && (rest.size.height >= words || count == 1) {
                return rest;
            }
        }
        placed.clear();
        room
    }

    /// Places buttons side by side at the bottom of `room` if they have room enough, else in rows.
    pub fn bar(&self, room: Rectangle, buttons: &[Button], placed: &mut Vec<(Rectangle, Button)>) -> Rectangle {
        if fitting(room.size.width, self.touch.max(6 * self.em), self.gap) < buttons.len() {
            return self.controls(room, buttons, None, placed);
        }
        placed.clear();
        self.row(room, buttons.iter(), self.touch, placed)
    }

    fn rows(
        &self,
        room: Rectangle,
        buttons: &[Button],
        wide: Option<(Button, u32)>,
        placed: &mut Vec<(Rectangle, Button)>,
    ) -> Rectangle {
        let pace = |button: &Button| matches!(button, Button::Younger | Button::Older);
        let alone = |button: &Button| wide.is_some_and(|(wide, _)| wide == *button);
        let others = buttons.iter().filter(|button| !pace(button) && !alone(button));
        let count = others.clone().count();
        let columns = fitting(room.size.width, self.touch.max(5 * self.em), self.gap);
        let columns = columns.max(fitting(room.size.width, self.touch, self.gap).min(2)).max(1);
        let rows = count.div_ceil(columns);
        let columns = count.div_ceil(rows.max(1));
        let mut room = room;
        for row in (0..rows).rev() {
            room = self.row(room, others.clone().skip(row * columns).take(columns), self.touch, placed);
        }
        let high = if self.is_small() { self.touch } else { self.touch * 5 / 4 };
        room = self.row(room, buttons.iter().filter(|button| pace(button)), high, placed);
        let height = wide.map_or(0, |(_, height)| height.max(self.touch));
        self.row(room, buttons.iter().filter(|button| alone(button)), height, placed)
    }

    /// Places one row at the bottom of `room`, if there is room for it; gives what is left.
    fn row<'a>(
        &self,
        room: Rectangle,
        buttons: impl Iterator<Item = &'a Button> + Clone,
        height: u32,
        placed: &mut Vec<(Rectangle, Button)>,
    ) -> Rectangle {
        let count = buttons.clone().count() as u32;
        let width = ((room.size.width + self.gap) / count.max(1)).saturating_sub(self.gap);
        if count == 0 || room.size.height < height || width < self.touch {
            return room;
        }
        let above = room.size.height - height;
        for (i, &button) in buttons.enumerate() {
            let x = room.top_left.x + i as i32 * (width + self.gap) as i32;
            placed.push((area(x, room.top_left.y + above as i32, width, height), button));
        }
        area(room.top_left.x, room.top_left.y, room.size.width, above.saturating_sub(self.gap))
    }
}

/// How many things of a width stand side by side.
fn fitting(room: u32, width: u32, gap: u32) -> usize {
    ((room + gap) / (width + gap)) as usize
}

pub fn area(x: i32, y: i32, width: u32, height: u32) -> Rectangle {
    Rectangle::new(Point::new(x, y), Size::new(width, height))
}

/// A smaller rectangle inside, so far from every side.
pub fn inset(outer: Rectangle, by: u32) -> Rectangle {
    let by_x = by.min(outer.size.width / 2);
    let by_y = by.min(outer.size.height / 2);
    let size = outer.size - Size::new(2 * by_x, 2 * by_y);
    Rectangle::new(outer.top_left + Size::new(by_x, by_y), size)
}

/// Cuts `height` off the top: what is cut off, and the rest.
pub fn cut_top(from: Rectangle, height: u32) -> (Rectangle, Rectangle) {
    let height = height.min(from.size.height);
    let Rectangle { top_left: Point { x, y }, size } = from;
    (area(x, y, size.width, height), area(x, y + height as i32, size.width, size.height - height))
}

/// Cuts `width` off the start: what is cut off, and the rest.
pub fn cut_start(from: Rectangle, width: u32) -> (Rectangle, Rectangle) {
    let width = width.min(from.size.width);
    let Rectangle { top_left: Point { x, y }, size } = from;
    (area(x, y, width, size.height), area(x + width as i32, y, size.width - width, size.height))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BUTTONS: [Button; 8] = [
        Button::Younger,
        Button::Older,
        Button::Hold,
        Button::Language,
        Button::OptOut,
        Button::Inside,
        Button::TakeHome,
        Button::Done,
    ];

    fn placed(size: Size, width_mm: Option<u32>, count: usize) -> (Layout, Vec<(Rectangle, Button)>) {
        let layout = Layout::new(size, width_mm);
        let mut placed = Vec::new();
        layout.controls(layout.inner(layout.split(false).1), &BUTTONS[..count], None, &mut placed);
        (layout, placed)
    }

    #[test]
    fn buttons_are_at_least_15_mm_wide_and_high_and_low_on_upright_screens() {
        let screens = [
            (Size::new(320, 240), 57),
            (Size::new(800, 480), 155),
            (Size::new(1080, 1920), 337),
            (Size::new(1920, 1080), 527),
            (Size::new(3840, 2160), 708),
            (Size::new(2160, 3840), 530),
        ];
        for (size, mm) in screens {
            for count in 1..=BUTTONS.len() {
                let (layout, placed) = placed(size, Some(mm), count);
                assert!(placed.len() >= count.min(2), "{size} {count}");
                let pixels_a_mm = size.width as f32 / mm as f32;
                for (area, button) in placed {
                    let (width, height) = (area.size.width as f32 / pixels_a_mm, area.size.height as f32 / pixels_a_mm);
                    assert!(width >= 15.0 && height >= 15.0, "{button:?} of {width}×{height} mm on {size}");
                    assert!(!layout.upright || area.top_left.y > size.height as i32 / 2);
                }
            }
        }
    }

    #[test]
    fn large_screens_have_room_for_every_button() {
        for (size, mm) in [(Size::new(1080, 1920), 337), (Size::new(1920, 1080), 527), (Size::new(3840, 2160), 708)] {
            assert_eq!(placed(size, Some(mm), BUTTONS.len()).1.len(), BUTTONS.len(), "{size}");
        }
    }

    #[test]
    fn a_size_that_cannot_be_true_is_not_believed() {
        let size = Size::new(1920, 1080);
        let usual = Layout::new(size, None);
        assert_eq!(Layout::new(size, Some(0)), usual);
        assert_eq!(Layout::new(size, Some(16)), usual);
        assert!(Layout::new(size, Some(300)).touch > usual.touch);
    }

    proptest! {
        #[test]
        fn nothing_overlaps_or_leaves_the_screen(
            width in 320u32..4000, height in 240u32..4000, mm in proptest::option::of(0u32..3000), count in 0usize..=8, wordy: bool,
        ) {
            let size = Size::new(width, height);
            let layout = Layout::new(size, mm);
            let (picture, panel) = layout.split(wordy);
            prop_assert!(picture.intersection(&panel).is_zero_sized());
            prop_assert_eq!(picture.size.width * picture.size.height + panel.size.width * panel.size.height, width * height);
            let mut placed = Vec::new();
            let words = layout.controls(layout.inner(panel), &BUTTONS[..count], Some((Button::Language, 90)), &mut placed);
            for (i, (area, _)) in placed.iter().enumerate() {
                prop_assert_eq!(panel.intersection(area), *area);
                prop_assert!(words.intersection(area).is_zero_sized());
                prop_assert!(placed[..i].iter().all(|(other, _)| other.intersection(area).is_zero_sized()));
            }
        }
    }
}
