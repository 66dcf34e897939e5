//! What the net computes, as pictures: a channel of a layer as a tile, and how strongly each place of the face is changed as
//! heat over the crop. Next: the educator's view lays them out.

use super::palette::heat;
use crate::ager::{Edit, Feature};
use crate::mask::Mask;
use crate::view::Inside;
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
/// What is drawn as full heat, in levels of 255 that a place changes by.
const FULL_HEAT: f32 = 40.0;
/// How much the finest detail and a move weigh against a change of colour: levels for one unit of detail, and for one pixel.
const DETAIL_LEVELS: f32 = 8.0;
const MOVE_LEVELS: f32 = 8.0;
/// How much of the grey face the hottest heat covers, and how bright that face is.
const COVER: f32 = 0.85;
const FACE: f32 = 0.6;

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

    /// The channel of a layer that has a rank, 0 for the strongest.
    pub fn channel(&self, layer: usize, rank: usize) -> Option<usize> {
        self.ranks.get(layer)?.get(rank).copied()
    }

    /// A channel as a picture, from its lowest value to its highest.
    pub fn tile(&mut self, feature: &Feature, channel: usize) -> Option<RgbImage> {
        let values = map(feature, channel);
        let (low, high) = values.iter().fold((f32::MAX, f32::MIN), |(low, high), &v| (low.min(v), high.max(v)));
        let scale = 255.0 / (high - low).max(1e-6);
        let colours = values.iter().map(|value| heat(((value - low) * scale) as u8));
        paint(&mut self.pixels, feature.shape[2], feature.shape[1], colours)
    }

    /// The crop in grey under the strength of the edit.
    pub fn strength(&mut self, inside: &Inside) -> Option<RgbImage> {
        let Inside { crop, edit, .. } = inside;
        let plane = edit.detail.len();
        let side = plane.isqrt();
        if side * side != plane || crop.len() != 3 * plane || edit.change.len() != 3 * plane {
            return None;
        }
        let colours = (0..plane).map(|i| {
            let grey = 127.5 * (1.0 + 0.299 * crop[i] + 0.587 * crop[plane + i] + 0.114 * crop[2 * plane + i]);
            let place = Spot::new((i % side) as f32 + 0.5, (i / side) as f32 + 0.5) * (1.0 / side as f32);
            let levels =
                painted(edit, i, side) * self.mask.at(place, 0.0) + moved(edit, i, side) * self.mask.moving(place, 0.0);
            let share = (levels / FULL_HEAT).clamp(0.0, 1.0);
            // Small changes are felt more than they are large.
            let felt = share.sqrt();
            let (hot, cover) = (heat((felt * 255.0) as u8), felt * COVER);
            hot.map(|hot| (grey * FACE * (1.0 - cover) + f32::from(hot) * cover) as u8)
        });
        paint(&mut self.pixels, side, side, colours)
    }

    /// Takes the memory of a picture back for the next one.
    pub fn recycle(&mut self, picture: RgbImage) {
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

/// By how many levels of 255 the edit changes pixel `i` of a crop of a side: its colour and its detail.
fn painted(edit: &Edit, i: usize, side: usize) -> f32 {
    let plane = side * side;
    let colour = (0..3).map(|channel| edit.change[channel * plane + i].abs()).sum::<f32>() / 3.0 * 127.5;
    colour + edit.detail[i].abs() * DETAIL_LEVELS
}

/// As [`painted`], its place.
fn moved(edit: &Edit, i: usize, side: usize) -> f32 {
    let cells = (edit.flow.len() / 2).isqrt();
    let cell = (i / side * cells / side) * cells + i % side * cells / side;
    let step = |n: usize| edit.flow.get(n).copied().unwrap_or(0.0) * side as f32;
    step(cell).hypot(step(cells * cells + cell)) * MOVE_LEVELS
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

#[cfg(test)]
mod tests {
    use super::*;

    /// One layer of four channels that wave so strongly.
    fn layer(strengths: [f32; 4]) -> Inside {
        let values = strengths.into_iter().flat_map(|strength| (0..256).map(move |i| strength * (i as f32).sin()));
        let feature = Feature { name: "layer".into(), shape: [4, 16, 16], values: values.collect() };
        Inside { features: vec![feature], ..Inside::default() }
    }

    #[test]
    fn the_strongest_channels_come_first_and_keep_their_places_for_a_while() {
        let mut lens = Lens::default();
        let order = |lens: &Lens| [0, 1, 2, 3].map(|rank| lens.channel(0, rank).unwrap());
        lens.look(&layer([1.0, 4.0, 2.0, 3.0]), Duration::ZERO);
        assert_eq!(order(&lens), [1, 3, 2, 0]);
        lens.look(&layer([9.0, 4.0, 2.0, 3.0]), Duration::from_secs(1));
        assert_eq!(order(&lens), [1, 3, 2, 0]);
        lens.look(&layer([9.0, 4.0, 2.0, 3.0]), Duration::from_secs(5));
        assert_eq!(order(&lens), [0, 1, 3, 2]);
        assert_eq!((lens.channel(0, 4), lens.channel(1, 0)), (None, None));
    }

    #[test]
    fn a_tile_reaches_from_dark_to_bright() {
        let inside = layer([0.001, 5.0, 0.0, 1.0]);
        let mut lens = Lens::default();
        for channel in [0, 1, 3] {
            let tile = lens.tile(&inside.features[0], channel).unwrap();
            let found = |level| tile.pixels().any(|pixel| pixel.0 == heat(level));
            assert!(tile.dimensions() == (16, 16) && found(0) && found(255));
            lens.recycle(tile);
        }
        assert!(lens.tile(&inside.features[0], 4).is_none());
    }

    #[test]
    fn heat_lies_where_the_face_is_changed() {
        let side = 32;
        let mut edit = Edit::none(side);
        edit.change[side * 16 + 16] = 0.3;
        edit.change[0] = 0.3;
        let inside = Inside { crop: vec![0.0; 3 * side * side], edit, features: Vec::new() };
        let picture = Lens::default().strength(&inside).unwrap();
        let grey = picture.get_pixel(20, 16).0;
        assert!(grey[0] == grey[1] && grey[1] == grey[2]);
        let changed: Vec<_> = picture.enumerate_pixels().filter(|(.., pixel)| pixel.0 != grey).collect();
        assert!(matches!(changed[..], [(16, 16, _)]), "the border is outside of the face");
        let broken = Inside { crop: vec![0.0; 7], ..inside };
        assert!(Lens::default().strength(&broken).is_none());
    }
}
