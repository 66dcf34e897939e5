//! The page of the visit's strip: the decades' portraits in a grid, and the code by which they are taken home.

use super::brush::{Brush, Stack, Type};
use super::layout::{Layout, area, cut_start, inset};
use super::palette::GROUND;
use crate::texts::Language;
use crate::view::{Code, Picture};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;
use image::RgbImage;
use shared::Decade;

/// Light modules around a code, as ISO/IEC 18004 asks.
const QUIET: usize = 4;
/// Light and dark are printed as they are scanned best.
const LIGHT: Rgb888 = Rgb888::WHITE;
const DARK: Rgb888 = Rgb888::BLACK;

/// Draws the portraits that are there as large as `room` allows, youngest first, each with its decade under it.
pub fn draw(
    brush: &mut Brush,
    layout: &Layout,
    room: Rectangle,
    portraits: &[Option<RgbImage>; Decade::ALL.len()],
    language: &Language,
) {
    brush.fill(room, GROUND);
    let Layout { em, gap, .. } = *layout;
    let room = inset(room, gap);
    let there = Decade::ALL.into_iter().zip(portraits).filter_map(|(decade, portrait)| Some((decade, portrait.as_ref()?)));
    let count = there.clone().count() as u32;
    let Some((_, first)) = there.clone().next() else { return };
    let ratio = first.width() as f32 / first.height().max(1) as f32;
    let label = em * 3 / 2;
    let cells = |columns: u32| (room.size / 1).component_div(Size::new(columns, count.div_ceil(columns)));
    let tile = |columns: u32| {
        let cell = cells(columns).saturating_sub(Size::new(gap, gap + label));
        let width = (cell.width as f32).min(cell.height as f32 * ratio);
        Size::new(width as u32, (width / ratio) as u32)
    };
    let columns = (1..=count).max_by_key(|&columns| tile(columns).width).unwrap_or(1);
    let (cell, tile) = (cells(columns), tile(columns));
    for (i, (decade, portrait)) in there.enumerate() {
        let (column, row) = (i as u32 % columns, i as u32 / columns);
        let middle = room.top_left.x + (column * cell.width + cell.width / 2) as i32;
        let above = (cell.height.saturating_sub(tile.height + label) / 2 + row * cell.height) as i32;
        let place = area(middle - tile.width as i32 / 2, room.top_left.y + above, tile.width, tile.height);
        brush.picture(&Picture::whole(portrait), place);
        let below = area(middle - cell.width as i32 / 2, place.top_left.y + tile.height as i32, cell.width, label);
        brush.label(&language.decades[decade.index()], inset(below, em / 8), Type::new(em, 1));
    }
}

/// Draws the code as large as the room allows, with whole pixels a module, and the hint what it is for.
pub fn code(brush: &mut Brush, layout: &Layout, words: &mut Stack, code: &Code, hint: &str) {
    let Layout { em, gap, .. } = *layout;
    let room = words.room;
    let modules = (code.side + 2 * QUIET) as u32;
    let module = (room.size.height.saturating_sub(2 * em)).min(room.size.width) / modules;
    if module == 0 || code.dark.len() != code.side * code.side {
        return;
    }
    let side = module * modules;
    let beside = room.size.width - side > 6 * em;
    let place = area(room.top_left.x, room.top_left.y, side, side);
    brush.fill(place, LIGHT);
    // The code itself is never mirrored.
    let corner = brush.place(place).top_left + Size::new(module, module) * QUIET as u32;
    for (i, _) in code.dark.iter().enumerate().filter(|(_, dark)| **dark) {
        let at = Size::new((i % code.side) as u32, (i / code.side) as u32) * module;
        let Ok(()) = brush.canvas.fill_solid(&Rectangle::new(corner + at, Size::new(module, module)), DARK);
    }
    let kind = Type::faint(em * 4 / 5, 4);
    if beside {
        let (_, rest) = cut_start(area(room.top_left.x, room.top_left.y, room.size.width, side), side + gap);
        brush.text(hint, rest, kind, crate::lettering::Align::Start);
        words.skip(side + gap);
    } else {
        words.skip(side + gap);
        words.text(brush, hint, kind, 0.7);
    }
}
