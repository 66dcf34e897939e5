//! The years of the six decades as a line with a tick where each begins, and where the face stands on it: a round mark, which needs no colour to be seen.

use super::brush::{Brush, Stack, Type};
use super::layout::area;
use super::palette::{GROUND, INK, LINE, LIT};
use shared::Decade;

/// The year of the first tick, and how many decades follow.
const FIRST: f32 = 10.0;
const DECADES: u32 = Decade::ALL.len() as u32;

/// Draws the scale across the room of `words`, if there is room for it. `limit`: the ages that this visitor is shown; the
/// line is thick there. `spare` pixels are left for what follows.
pub fn draw(brush: &mut Brush, words: &mut Stack, em: u32, age: f32, limit: (f32, f32), spare: u32) {
    let mark = em * 9 / 10;
    let numbers = (em * 3 / 4).max(11);
    let height = mark + em / 4 + numbers * 3 / 2;
    if words.room.size.height < height + em / 2 + spare || words.room.size.width < 8 * em {
        return;
    }
    words.skip(em / 2);
    let room = words.room;
    let cell = room.size.width / (DECADES + 1);
    let start = room.top_left.x + cell as i32 / 2;
    let length = (cell * DECADES) as f32;
    let at = |age: f32| start + (length * ((age - FIRST) / (10 * DECADES) as f32).clamp(0.0, 1.0)) as i32;
    let middle = room.top_left.y + mark as i32 / 2;
    let mut bar = |from: i32, to: i32, thickness: u32| {
        brush.fill(area(from, middle - thickness as i32 / 2, (to - from).max(1) as u32, thickness), LINE);
    };
    bar(start, start + length as i32, (em / 16).max(1));
    bar(at(limit.0), at(limit.1), (em / 6).max(3));
    for (i, number) in ["10", "20", "30", "40", "50", "60", "70"].into_iter().enumerate() {
        let (x, tall, thick) = (start + (i as u32 * cell) as i32, mark * 2 / 3, (em / 16).max(1));
        brush.fill(area(x - thick as i32 / 2, middle - tall as i32 / 2, thick, tall), LINE);
        let below = area(x - cell as i32 / 2, room.top_left.y + (mark + em / 4) as i32, cell, numbers * 3 / 2);
        brush.label(number, below, Type::faint(numbers, 1));
    }
    let mut disc = |side: u32, colour| {
        let corner = side as i32 / 2;
        brush.rounded(area(at(age) - corner, middle - corner, side, side), side / 2, colour);
    };
    disc(mark, INK);
    disc(mark * 4 / 5, GROUND);
    disc(mark * 3 / 5, LIT);
    words.skip(height + words.gap);
}
