//! The page of the visit's strip: the decades' portraits in a grid, and the code by which they are taken home.

use super::brush::{Brush, Stack, Type};
use super::layout::{Layout, area, cut_start, cut_top, inset};
use super::palette::GROUND;
use crate::lettering::Align;
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
    let there =
        Decade::ALL.into_iter().zip(portraits).filter_map(|(decade, portrait)| Some((decade, portrait.as_ref()?)));
    let count = there.clone().count() as u32;
    let Some((_, first)) = there.clone().next() else { return };
    let ratio = first.width() as f32 / first.height().max(1) as f32;
    let label = em * 3 / 2;
    let cells = |columns: u32| room.size.component_div(Size::new(columns, count.div_ceil(columns)));
    let tile = |columns: u32| {
        let cell = cells(columns).saturating_sub(Size::new(gap, gap + label));
        let width = (cell.width as f32).min(cell.height as f32 * ratio);
        Size::new(width as u32, (width / ratio) as u32)
    };
    let columns = (1..=count).max_by_key(|&columns| tile(columns).width).unwrap_or(1);
    let (cell, tile) = (cells(columns), tile(columns));
    let below = inset(area(0, 0, cell.width, label), em / 8);
    let sizes = language.decades.iter().map(|decade| brush.type_size(decade, below, Type::new(em, 1)));
    let size = sizes.min().unwrap_or(em);
    let high = tile.height + label + gap;
    let top = room.top_left.y + (room.size.height.saturating_sub(count.div_ceil(columns) * high - gap) / 2) as i32;
    for (i, (decade, portrait)) in there.enumerate() {
        let (column, row) = (i as u32 % columns, i as u32 / columns);
        let middle = room.top_left.x + (column * cell.width + cell.width / 2) as i32;
        let place = area(middle - tile.width as i32 / 2, top + (row * high) as i32, tile.width, tile.height);
        brush.picture(&Picture::whole(portrait), place);
        let below = area(middle - cell.width as i32 / 2, place.top_left.y + tile.height as i32, cell.width, label);
        brush.label(&language.decades[decade.index()], inset(below, em / 8), Type::new(size, 1));
    }
}

/// Draws the code where it is largest, with whole pixels a module: in the panel, of which `words` is left then; or, where the
/// panel is too small for a camera to tell modules apart, in the place of the pictures. Tells whether that is taken.
pub fn code_beside(
    brush: &mut Brush,
    layout: &Layout,
    words: &mut Stack,
    pictures: Rectangle,
    code: Option<&Code>,
) -> bool {
    let Some(code) = code.filter(|code| code.side > 0 && code.dark.len() == code.side * code.side) else {
        return false;
    };
    let Layout { em, gap, upright, .. } = *layout;
    let modules = (code.side + 2 * QUIET) as u32;
    let room = words.room;
    let (width, height) = if upright {
        (room.size.width.saturating_sub(8 * em), room.size.height)
    } else {
        (room.size.width.saturating_sub(em), room.size.height.saturating_sub(12 * em))
    };
    let module = width.min(height) / modules;
    if module < layout.module || layout.is_small() {
        let side = pictures.size.width.min(pictures.size.height);
        brush.fill(pictures, GROUND);
        draw_code(brush, middle(pictures, side / modules * modules), side / modules, code);
        return true;
    }
    let side = module * modules;
    if upright {
        let (rest, place) = cut_start(room, room.size.width - side);
        draw_code(brush, Rectangle::new(place.top_left, Size::new(side, side)), module, code);
        *words = Stack { room: cut_start(rest, rest.size.width - 2 * gap).0, align: Align::Start, gap: words.gap };
    } else {
        let (rest, place) = cut_top(room, room.size.height - side - em / 2);
        draw_code(brush, middle(cut_top(place, side).0, side), module, code);
        words.room = cut_top(rest, rest.size.height.saturating_sub(gap)).0;
    }
    false
}

/// The code itself is never mirrored.
fn draw_code(brush: &mut Brush, place: Rectangle, module: u32, code: &Code) {
    brush.fill(place, LIGHT);
    let corner = brush.place(place).top_left + Size::new(module, module) * QUIET as u32;
    for (i, _) in code.dark.iter().enumerate().filter(|(_, dark)| **dark) {
        let at = Size::new((i % code.side) as u32, (i / code.side) as u32) * module;
        let Ok(()) = brush.canvas.fill_solid(&Rectangle::new(corner + at, Size::new(module, module)), DARK);
    }
}

/// A square of a side in the middle of a room.
fn middle(room: Rectangle, side: u32) -> Rectangle {
    let spare = room.size.saturating_sub(Size::new(side, side)) / 2;
    Rectangle::new(room.top_left + spare, Size::new(side, side))
}
