//! The strip: the photograph's portrait and its six decades side by side, each with its decade under it in large type.

use crate::canvas::Canvas;
use crate::lettering::{Align, Block, Fit, LINE, Typesetter};
use crate::synthetic;
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use image::RgbImage;
use image::imageops::{self, FilterType};
use shared::Decade;

/// Portraits stand in the strip at most this high, in pixels.
const MAX_HEIGHT: u32 = 512;
const GAP: u32 = 8;
const LABEL: u32 = 64;
const SMALL: u32 = 24;
const GROUND: Rgb888 = Rgb888::new(16, 16, 18);
const INK: Rgb888 = Rgb888::new(245, 245, 240);
const FAINT: Rgb888 = Rgb888::new(170, 170, 165);

/// Draws the strip. `aged` holds the six decades' portraits, youngest first, framed like `source`.
pub fn draw(source: &RgbImage, aged: &[RgbImage; Decade::ALL.len()]) -> RgbImage {
    let decades = Decade::ALL.map(Decade::name).into_iter().zip(aged);
    labelled(&std::iter::once(("now", source)).chain(decades).collect::<Vec<_>>())
}

/// The strip of a visit: the decades that there are.
pub fn of_decades(portraits: &[Option<RgbImage>; Decade::ALL.len()]) -> RgbImage {
    let decades = Decade::ALL.into_iter().zip(portraits);
    labelled(&decades.filter_map(|(decade, portrait)| Some((decade.name(), portrait.as_ref()?))).collect::<Vec<_>>())
}

/// Pictures of one size side by side, with their labels.
fn labelled(pictures: &[(&str, &RgbImage)]) -> RgbImage {
    let (across, down) = pictures.first().map_or((1, 1), |(_, first)| first.dimensions());
    let height = down.min(MAX_HEIGHT);
    let width = (across * height / down.max(1)).max(1);
    let columns = pictures.len() as u32;
    let mut strip = Canvas::new(Size::new(columns * (width + GAP) + GAP, height + 3 * GAP + LABEL + SMALL));
    let Ok(()) = strip.clear(GROUND);
    let mut typesetter = Typesetter::new();
    for (i, (label, picture)) in pictures.iter().enumerate() {
        let left = GAP + i as u32 * (width + GAP);
        let small;
        let shown = if picture.dimensions() == (width, height) {
            *picture
        } else {
            small = imageops::resize(*picture, width, height, FilterType::Triangle);
            &small
        };
        for (y, row) in shown.chunks_exact(3 * width as usize).enumerate() {
            strip.put_row(left, GAP + y as u32, row);
        }
        let label = typesetter.set(label, line(width, LABEL));
        centred(&mut strip, label, left + width / 2, GAP + height + GAP / 2, INK);
    }
    let middle = strip.size().width / 2;
    let note = typesetter.set(synthetic::NOTE, line(strip.size().width, SMALL));
    centred(&mut strip, note, middle, GAP + height + GAP / 2 + LABEL, FAINT);
    strip.into_picture()
}

fn centred(strip: &mut Canvas, text: &Block, middle: u32, top: u32, ink: Rgb888) {
    text.draw(strip, Point::new(middle as i32 - text.size.width as i32 / 2, top as i32), ink);
}

/// One line of `height` pixels, not wider than `width`.
fn line(width: u32, height: u32) -> Fit {
    Fit { size: (height as f32 / LINE) as u32, width, height, lines: 1, align: Align::Centre }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decades_stand_side_by_side_in_order() {
        let tile = |level: u8| RgbImage::from_pixel(310, 384, image::Rgb([level, 0, 0]));
        let strip = draw(&tile(10), &std::array::from_fn(|i| tile(20 + i as u8)));
        assert_eq!(strip.dimensions(), (7 * 318 + 8, 384 + 24 + 64 + 24));
        let levels: Vec<u8> = (0..7).map(|i| strip.get_pixel(8 + 318 * i + 155, 200).0[0]).collect();
        assert_eq!(levels, [10, 20, 21, 22, 23, 24, 25]);
        for i in 0..7 {
            let label = imageops::crop_imm(&strip, 8 + 318 * i, 396, 310, 64);
            assert!(label.to_image().pixels().any(|pixel| pixel.0[0] > 230), "label {i}");
        }
    }

    #[test]
    fn the_strip_of_a_visit_shows_the_decades_that_there_are() {
        let portraits = std::array::from_fn(|i| (i < 3).then(|| RgbImage::from_pixel(310, 384, image::Rgb([9; 3]))));
        assert_eq!(of_decades(&portraits).dimensions(), (3 * 318 + 8, 384 + 24 + 64 + 24));
        assert!(of_decades(&Default::default()).width() > 0);
    }

    #[test]
    fn large_portraits_are_made_smaller_and_narrow_ones_keep_a_width() {
        let strip =
            |width, height| draw(&RgbImage::new(width, height), &std::array::from_fn(|_| RgbImage::new(width, height)));
        assert_eq!(strip(1216, 1520).height(), 512 + 24 + 64 + 24);
        assert!(strip(1, 3000).width() > 7);
    }
}
