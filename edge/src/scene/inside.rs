//! The educator's view: what the net's middle layers see in this face, and how strongly each place of it is changed. Features
//! and the edit come in; tiles, a map of heat and small arrows go out.

use super::brush::{Brush, Type};
use super::layout::{Layout, area, cut_start, cut_top};
use super::pages;
use super::palette::{INK, heat};
use crate::ager::{Edit, Feature};
use crate::lettering::Align;
use crate::mask::Mask;
use crate::texts::{LAYERS, Language};
use crate::view::{Inside, Picture};
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{Line, PrimitiveStyle, Rectangle};
use image::RgbImage;
use shared::Point as Spot;
use std::time::Duration;

/// Turns what the net computes into pictures, and keeps the buffers from frame to frame.
#[derive(Debug, Default)]
pub struct Lens {
    /// Each layer's channels, strongest first; they keep their places for a while, so that tiles do not jump.
    ranks: Vec<Vec<usize>>,
    strengths: Vec<f32>,
    ranked: Option<Duration>,
    pixels: Vec<u8>,
    mask: Mask,
}

/// How long channels keep their places.
const RANKED_FOR: Duration = Duration::from_secs(4);
/// A layer is shown where it has this height, in ems.
const ROW: u32 = 4;
/// What is drawn as full heat, in levels of 255 that a place changes by.
const FULL_HEAT: f32 = 40.0;
/// How much the finest detail and a move weigh against a change of colour: levels for one unit of detail, and for one pixel.
const DETAIL_LEVELS: f32 = 8.0;
const MOVE_LEVELS: f32 = 8.0;
/// Arrows are this much longer than the move that they show, and stand so many cells apart.
const ARROW_GAIN: f32 = 12.0;
const ARROW_STEP: usize = 2;
/// Arrows are so long, in sides of the crop: shorter ones are left out, longer ones cut.
const SHORTEST: f32 = 0.012;
const LONGEST: f32 = 0.1;

impl Lens {
    /// Ranks the channels anew when it is time, or when there are others.
    pub fn look(&mut self, inside: &Inside, now: Duration) {
        let same = self.ranks.len() == inside.features.len()
            && self.ranks.iter().zip(&inside.features).all(|(ranks, feature)| ranks.len() == feature.shape[0]);
        if same && self.ranked.is_some_and(|then| now.saturating_sub(then) < RANKED_FOR && now >= then) {
            return;
        }
        self.ranked = Some(now);
        self.ranks.resize_with(inside.features.len(), Vec::new);
        for (ranks, feature) in self.ranks.iter_mut().zip(&inside.features) {
            self.strengths.clear();
            self.strengths.extend((0..feature.shape[0]).map(|channel| spread(map(feature, channel), feature.shape)));
            ranks.clear();
            ranks.extend(0..feature.shape[0]);
            let strength = |channel: usize| self.strengths[channel];
            ranks.sort_unstable_by(|&a, &b| strength(b).total_cmp(&strength(a)).then(a.cmp(&b)));
        }
    }

    /// A channel as a picture, from its lowest value to its highest.
    fn tile(&mut self, feature: &Feature, channel: usize) -> Option<RgbImage> {
        let values = map(feature, channel);
        let (low, high) = values.iter().fold((f32::MAX, f32::MIN), |(low, high), &v| (low.min(v), high.max(v)));
        let scale = 255.0 / (high - low).max(1e-6);
        let colours = values.iter().map(|value| heat(((value - low) * scale) as u8));
        paint(&mut self.pixels, feature.shape[2], feature.shape[1], colours)
    }

    /// The crop in grey under the strength of the edit.
    fn strength(&mut self, inside: &Inside) -> Option<RgbImage> {
        let Inside { crop, edit, .. } = inside;
        let plane = edit.detail.len();
        let side = plane.isqrt();
        if side * side != plane || crop.len() != 3 * plane || edit.change.len() != 3 * plane {
            return None;
        }
        let colours = (0..plane).map(|i| {
            let grey = 127.5 * (1.0 + 0.299 * crop[i] + 0.587 * crop[plane + i] + 0.114 * crop[2 * plane + i]);
            let place = Spot::new((i % side) as f32 + 0.5, (i / side) as f32 + 0.5) * (1.0 / side as f32);
            let share = (levels(edit, i, side) * self.mask.at(place, 0.0) / FULL_HEAT).clamp(0.0, 1.0);
            let hot = heat((share.sqrt() * 255.0) as u8);
            let cover = share.sqrt() * 0.85;
            hot.map(|hot| (grey * 0.6 * (1.0 - cover) + f32::from(hot) * cover) as u8)
        });
        paint(&mut self.pixels, side, side, colours)
    }

    /// Takes the memory of a picture back for the next one.
    fn recycle(&mut self, picture: RgbImage) {
        self.pixels = picture.into_raw();
    }
}

/// A picture in the lens's memory, to be given back with [`Lens::recycle`].
fn paint(
    pixels: &mut Vec<u8>,
    width: usize,
    height: usize,
    colours: impl Iterator<Item = [u8; 3]>,
) -> Option<RgbImage> {
    let mut pixels = std::mem::take(pixels);
    pixels.clear();
    colours.take(width * height).for_each(|colour| pixels.extend(colour));
    RgbImage::from_raw(width as u32, height as u32, pixels)
}

/// By how many levels of 255 the edit changes pixel `i` of a crop of a side: its colour, its detail, and its place.
fn levels(edit: &Edit, i: usize, side: usize) -> f32 {
    let plane = side * side;
    let colour = (0..3).map(|channel| edit.change[channel * plane + i].abs()).sum::<f32>() / 3.0 * 127.5;
    let cells = (edit.flow.len() / 2).isqrt();
    let cell = (i / side * cells / side) * cells + i % side * cells / side;
    let step = |n: usize| edit.flow.get(n).copied().unwrap_or(0.0) * side as f32;
    let moved = step(cell).hypot(step(cells * cells + cell));
    colour + edit.detail[i].abs() * DETAIL_LEVELS + moved * MOVE_LEVELS
}

/// One channel's values; empty where the shape does not tell the truth.
fn map(feature: &Feature, channel: usize) -> &[f32] {
    let plane = feature.shape[1] * feature.shape[2];
    feature.values.get(channel * plane..(channel + 1) * plane).unwrap_or(&[])
}

/// Standard deviation over the middle of a channel: what the face does, rather than the border.
fn spread(values: &[f32], [_, height, width]: [usize; 3]) -> f32 {
    let rows = values.chunks_exact(width.max(1)).skip(height / 8).take(height - 2 * (height / 8));
    let middle = rows.flat_map(|row| &row[width / 8..width - width / 8]);
    let count = middle.clone().count().max(1) as f32;
    let mean = middle.clone().sum::<f32>() / count;
    (middle.map(|value| (value - mean).powi(2)).sum::<f32>() / count).sqrt()
}

/// Draws the whole view into `room`.
#[expect(clippy::too_many_arguments, reason = "what the page shows")]
pub fn draw(
    brush: &mut Brush,
    layout: &Layout,
    lens: &mut Lens,
    room: Rectangle,
    picture: &Picture,
    age: f32,
    inside: &Inside,
    language: &Language,
) {
    let Layout { em, gap, upright, .. } = *layout;
    let words = &language.inside;
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
    let start = if upright { room.top_left.x + (width - 2 * side - gap) as i32 / 2 } else { room.top_left.x };
    let square = |column: u32| {
        let (x, y) = (start + (column * (side + gap)) as i32, room.top_left.y);
        (area(x, y, side, side), area(x, y + side as i32, side, caption))
    };
    let (place, below) = square(0);
    brush.picture(picture, place);
    brush.label(pages::decade(language, age), below, Type::new(em * 4 / 5, 1));
    let mark = Type::new((em / 2).max(11), 1);
    let corner = place.top_left + Point::new(gap as i32 / 2, place.size.height as i32 - gap as i32 / 2);
    brush.tag(&language.synthetic, corner, true, place.size.width.saturating_sub(gap), mark);
    let (place, below) = square(1);
    if let Some(picture) = lens.strength(inside) {
        brush.picture(&Picture::whole(&picture), place);
        lens.recycle(picture);
        arrows(brush, &inside.edit, place, em);
    }
    brush.label(&words.strength, below, Type::new(em * 4 / 5, 2));
    let count = inside.features.len().min(LAYERS);
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
        tiles(brush, lens, place, &inside.features[layer], layer, em);
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
        let Some(&channel) = lens.ranks.get(layer).and_then(|ranks| ranks.get(n as usize)) else { return };
        let Some(picture) = lens.tile(feature, channel) else { return };
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
