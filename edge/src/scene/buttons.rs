//! How a button looks: an outlined plate with its word.

use super::brush::{Brush, Type};
use super::layout::{Layout, area, inset};
use super::palette::{FAINT, INK, LINE, LIT, PLATE};
use crate::input::Button;
use crate::texts::Language;
use embedded_graphics::primitives::Rectangle;

/// Room for the name of a language, in ems.
const NAME: u32 = 4;

/// What the words on buttons depend on.
pub struct State<'a> {
    pub held: bool,
    pub inside: bool,
    /// Which of the languages is spoken.
    pub language: usize,
    pub languages: &'a [Language],
}

/// Draws one button. A button for languages that is wide enough names them all, in their own words.
pub fn draw(brush: &mut Brush, layout: &Layout, place: Rectangle, button: Button, language: &Language, state: &State) {
    let Layout { em, gap, .. } = *layout;
    let line = (em / 16).max(1);
    brush.rounded(place, em / 2, LINE);
    brush.rounded(inset(place, line), (em / 2).saturating_sub(line), PLATE);
    let room = inset(place, gap / 2);
    if button == Button::Language && place.size.width > 12 * em {
        return names(brush, room, across(state.languages.len(), place.size.width, em), em, state);
    }
    let size = if matches!(button, Button::Younger | Button::Older) { em * 6 / 5 } else { em };
    let room =
        area(room.top_left.x + gap as i32 / 2, room.top_left.y, room.size.width.saturating_sub(gap), room.size.height);
    brush.label(word(button, language, state), room, Type::new(size, 2));
}

fn word<'a>(button: Button, language: &'a Language, state: &State<'a>) -> &'a str {
    let words = &language.buttons;
    match button {
        Button::Younger => &words.younger,
        Button::Older => &words.older,
        Button::Hold if state.held => &words.go_on,
        Button::Hold => &words.hold,
        Button::Language => next(state).map_or(&words.language, |next| &next.name),
        Button::OptOut => &words.opt_out,
        Button::Inside if state.inside => &words.look_back,
        Button::Inside => &words.look_inside,
        Button::TakeHome => &words.take_home,
        Button::Done => &words.done,
    }
}

/// The language that comes next.
fn next<'a>(state: &State<'a>) -> Option<&'a Language> {
    state.languages.get((state.language + 1) % state.languages.len().max(1))
}

/// How many names of languages stand side by side in a room of a width.
fn across(count: usize, width: u32, em: u32) -> u32 {
    let count = count.max(1) as u32;
    let most = (width / (NAME * em)).clamp(1, count);
    count.div_ceil(count.div_ceil(most))
}

/// The height of the button that names so many languages.
pub fn names_height(count: usize, width: u32, em: u32) -> u32 {
    (count.max(1) as u32).div_ceil(across(count, width, em)) * em * 2
}

/// All languages, so many side by side; the one that is spoken is underlined.
fn names(brush: &mut Brush, room: Rectangle, across: u32, em: u32, state: &State) {
    let count = state.languages.len().max(1) as u32;
    let (width, height) = (room.size.width / across, room.size.height / count.div_ceil(across));
    for (i, language) in state.languages.iter().enumerate() {
        let (column, row) = (i as u32 % across, i as u32 / across);
        let (x, y) = (room.top_left.x + (column * width) as i32, room.top_left.y + (row * height) as i32);
        let spoken = i == state.language;
        let kind = Type { size: em * 9 / 10, lines: 1, ink: if spoken { INK } else { FAINT } };
        let text = brush.label(&language.name, area(x, y, width - em / 4, height), kind);
        if spoken {
            let below =
                area(text.top_left.x, text.top_left.y + text.size.height as i32, text.size.width, (em / 12).max(2));
            let below = brush.place(below);
            brush.fill(below, LIT);
        }
    }
}
