//! The educator's view: the visitor, how strongly each place of the face is changed and where it moves, and what the middle
//! layers see. It lays out what the [`Lens`] makes of it.

use super::brush::{Brush, Type};
use super::layout::{Layout, area, cut_start, cut_top};
use super::lens::Lens;
use super::pages;
use super::palette::INK;
use crate::ager::{Edit, Feature};
use crate::lettering::Align;
use crate::texts::{LAYERS, Language};
use crate::view::{Inside, Picture};
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{Line, PrimitiveStyle, Rectangle};
use shared::Point as Spot;

/// What there is to see.
pub struct Exhibit<'a> {
    pub layout: &'a Layout,
    pub picture: Picture<'a>,
    /// In years.
    pub age: f32,
    pub inside: &'a Inside,
    pub language: &'a Language,
}

/// A layer is shown where it has this height, in ems.
const ROW: u32 = 4;
/// Arrows are this much longer than the move that they show, and stand so many cells apart.
const ARROW_GAIN: f32 = 12.0;
const ARROW_STEP: usize = 2;
/// Arrows are so long, in sides of the crop: shorter ones are left out, longer ones cut.
const SHORTEST: f32 = 0.012;
const LONGEST: f32 = 0.1;

impl Exhibit<'_> {
    /// Draws all of it into `room`.
    pub fn draw(&self, brush: &mut Brush, lens: &mut Lens, room: Rectangle) {
        let Layout { em, gap, upright, .. } = *self.layout;
        let words = &self.language.inside;
        let align = if upright { Align::Centre } else { Align::Start };
        let title = brush.text(&words.title, cut_top(room, em * 2).0, Type::new(em * 6 / 5, 1), align);
        let room = cut_top(room, title + gap).1;
        let caption = em * 3 / 2;
        let Size { width, height } = room.size;
        let (side, layers) = if upright {
            let side = (width.saturating_sub(gap) / 2).min(height * 2 / 5);
            (side, cut_top(room, side + caption + gap).1)
        } else {
            let side = height.saturating_sub(caption).min(width * 8 / 25);
            (side, cut_start(room, 2 * (side + gap)).1)
        };
        let start =
            if upright { room.top_left.x + width.saturating_sub(2 * side + gap) as i32 / 2 } else { room.top_left.x };
        let square = |column: u32| {
            let (x, y) = (start + (column * (side + gap)) as i32, room.top_left.y);
            (area(x, y, side, side), area(x, y + side as i32, side, caption))
        };
        let (place, below) = square(0);
        brush.picture(&self.picture, place);
        brush.label(pages::decade(self.language, self.age), below, Type::new(em * 4 / 5, 1));
        let mark = Type::new((em / 2).max(11), 1);
        let corner = place.top_left + Point::new(gap as i32 / 2, place.size.height as i32 - gap as i32 / 2);
        brush.tag(&self.language.synthetic, corner, true, place.size.width.saturating_sub(gap), mark);
        let (place, below) = square(1);
        if let Some(picture) = lens.strength(self.inside) {
            brush.picture(&Picture::whole(&picture), place);
            lens.recycle(picture);
            arrows(brush, &self.inside.edit, place, em);
        }
        brush.label(&words.strength, below, Type::new(em * 4 / 5, 2));
        let count = self.inside.features.len().min(LAYERS);
        let rows = count.min((layers.size.height / (ROW * em)) as usize).max(1);
        let height = layers.size.height / rows as u32;
        for row in 0..rows.min(count) {
            // Where there is no room for all layers, the last one and those evenly before it are shown.
            let layer = (row + 1) * count / rows - 1;
            let place =
                area(layers.top_left.x, layers.top_left.y + (row as u32 * height) as i32, layers.size.width, height);
            let kind = Type::faint(em * 4 / 5, 1);
            let used = brush.text(&words.layers[layer], cut_top(place, caption).0, kind, Align::Start);
            let (_, place) = cut_top(place, used + gap / 2);
            let place = cut_top(place, place.size.height.saturating_sub(gap)).0;
            tiles(brush, lens, place, &self.inside.features[layer], layer, em);
        }
    }
}

/// The strongest channels side by side, as many as there is room for.
fn tiles(brush: &mut Brush, lens: &mut Lens, room: Rectangle, feature: &Feature, layer: usize, em: u32) {
    let gap = (em / 6).max(2);
    let Size { width, height } = room.size;
    if width <= gap || height <= gap {
        return;
    }
    let count = (width + gap).div_ceil(height + gap).max(3);
    let side = ((width + gap) / count).saturating_sub(gap).min(height);
    let count = count.min(feature.shape[0] as u32);
    for n in 0..count {
        let channel = lens.channel(layer, n as usize);
        let Some(picture) = channel.and_then(|channel| lens.tile(feature, channel)) else { return };
        let at = area(room.top_left.x + (n * (side + gap)) as i32, room.top_left.y, side, side);
        brush.picture(&Picture::whole(&picture), at);
        lens.recycle(picture);
    }
}

/// Where the edit takes what it shows: from each place to the place that it comes from, reversed.
fn arrows(brush: &mut Brush, edit: &Edit, place: Rectangle, em: u32) {
    let cells = (edit.flow.len() / 2).isqrt();
    if cells == 0 || edit.flow.len() != 2 * cells * cells {
        return;
    }
    let place = brush.place(place);
    let side = place.size.width as f32;
    let mut target = brush.canvas.clipped(&place);
    let style = PrimitiveStyle::with_stroke(INK, (em / 14).max(1));
    for row in (ARROW_STEP / 2..cells).step_by(ARROW_STEP) {
        for column in (ARROW_STEP / 2..cells).step_by(ARROW_STEP) {
            let cell = row * cells + column;
            let way = Spot::new(-edit.flow[cell], -edit.flow[cells * cells + cell]) * (side * ARROW_GAIN);
            let length = way.x.hypot(way.y);
            if length < SHORTEST * side || !length.is_finite() {
                continue;
            }
            let way = way * (LONGEST * side / length).min(1.0);
            let tail = Spot::new(column as f32 + 0.5, row as f32 + 0.5) * (side / cells as f32);
            let head = tail + way;
            let point = |spot: Spot| place.top_left + Point::new(spot.x.round() as i32, spot.y.round() as i32);
            let back = way * -0.35;
            let barbs = [
                Spot::new(back.x - back.y * 0.6, back.y + back.x * 0.6),
                Spot::new(back.x + back.y * 0.6, back.y - back.x * 0.6),
            ];
            let Ok(()) = Line::new(point(tail), point(head)).into_styled(style).draw(&mut target);
            for barb in barbs {
                let Ok(()) = Line::new(point(head), point(head + barb)).into_styled(style).draw(&mut target);
            }
        }
    }
}
