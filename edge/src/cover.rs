//! A camera picture, or a part of it, made as large as the screen wants it. The part may move by fractions of a pixel from
//! frame to frame: places are worked out anew each time, and a pixel costs whole numbers only. Enlarging is bilinear; where
//! the picture shrinks, as many pixels are averaged as come to lie on one. Next: the canvas.

use crate::canvas::Canvas;
use crate::view::Picture;
use embedded_graphics::primitives::Rectangle;

/// Weights are whole numbers of 1/256, stretched levels of 1/128.
const ONE: u32 = 256;
const LEVEL: i16 = 128;

/// Draws pictures into areas, and keeps its buffers from frame to frame.
#[derive(Clone, Debug, Default)]
pub struct Cover {
    columns: Vec<Place>,
    /// A row of the picture, its last pixel repeated.
    line: Vec<u8>,
    /// Two rows of the picture, made as wide as the area, in 1/128 of a level. An even row is in the first, an odd one in the
    /// second, so that a row that two rows of the area share is stretched once.
    stretched: [Vec<i16>; 2],
    held: [Option<usize>; 2],
    /// The sum of rows where the picture shrinks.
    sum: Vec<u32>,
}

/// Where a window over neighbouring pixels begins. With `w` its weight in 1/256, the first pixel counts `1 − w`, the one after
/// the last `w`, and those between them 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    first: usize,
    weight: u32,
}

/// The part of a picture that covers an area.
#[derive(Clone, Copy, Debug)]
struct Region {
    left: f64,
    top: f64,
    /// Pixels of the picture for one of the area.
    step: f64,
}

impl Region {
    /// What of `picture` an area of `to` pixels shows: as much of it as was asked for, moved and shrunk to lie inside.
    fn of(picture: &Picture, to: (u32, u32)) -> Self {
        let (width, height) = (f64::from(picture.pixels.width()), f64::from(picture.pixels.height()));
        let (across, down) = (f64::from(to.0), f64::from(to.1));
        let finite = |value: f32, otherwise: f64| if value.is_finite() { f64::from(value) } else { otherwise };
        let asked = finite(picture.height, height).max(1.0) / down;
        let step = asked.min(width / across).min(height / down);
        let start =
            |centre: f64, length: f64, limit: f64| (centre - length / 2.0).clamp(0.0, (limit - length).max(0.0));
        Self {
            left: start(finite(picture.centre.x, width / 2.0), step * across, width),
            top: start(finite(picture.centre.y, height / 2.0), step * down, height),
            step,
        }
    }

    /// How many pixels come to lie on one, and the weight of their sum.
    fn window(&self) -> usize {
        (self.step as usize).max(1)
    }
}

impl Cover {
    /// Covers `area` of the canvas with the picture.
    pub fn draw(&mut self, picture: &Picture, canvas: &mut Canvas, area: Rectangle) {
        let (from, to) = (picture.pixels.dimensions(), (area.size.width, area.size.height));
        let (Ok(x), Ok(y)) = (u32::try_from(area.top_left.x), u32::try_from(area.top_left.y)) else { return };
        if from.0 == 0 || from.1 == 0 || to.0 == 0 || to.1 == 0 {
            return;
        }
        let region = Region::of(picture, to);
        let window = region.window();
        self.columns.clear();
        self.columns.extend((0..to.0).map(|n| place(n, region.left, region.step, window)));
        self.held = [None; 2];
        self.stretched.iter_mut().for_each(|row| row.resize(3 * to.0 as usize, 0));
        for n in 0..to.1 {
            let Some(row) = canvas.row_mut(x, y + n, to.0) else { return };
            let place = place(n, region.top, region.step, window);
            if window == 1 { self.blend(picture, place, row) } else { self.average(picture, place, window, row) }
        }
    }

    /// A row between two rows of the picture.
    fn blend(&mut self, picture: &Picture, place: Place, row: &mut [u8]) {
        let (above, below) = (self.stretch(picture, place.first, 1), self.stretch(picture, place.first + 1, 1));
        let lines = self.stretched[above].iter().zip(&self.stretched[below]);
        // In 16 bits, so that a vector unit does eight at once: half of the weight fits, and is doubled afterwards.
        let half = (place.weight * 128) as i16;
        for (byte, (&above, &below)) in row.iter_mut().zip(lines) {
            let way = ((i32::from(below - above) * i32::from(half)) >> 16) as i16;
            *byte = ((above + 2 * way + LEVEL / 2) / LEVEL) as u8;
        }
    }

    /// The average of `window` rows.
    fn average(&mut self, picture: &Picture, place: Place, window: usize, row: &mut [u8]) {
        self.sum.clear();
        self.sum.resize(row.len(), 0);
        for n in 0..=window {
            let line = self.stretch(picture, place.first + n, window);
            let weight = place.weigh(n, window);
            self.sum.iter_mut().zip(&self.stretched[line]).for_each(|(sum, &level)| *sum += level as u32 * weight);
        }
        let whole = window as u32 * ONE * LEVEL as u32;
        row.iter_mut().zip(&self.sum).for_each(|(byte, sum)| *byte = ((sum + whole / 2) / whole).min(255) as u8);
    }

    /// Makes row `n` of the picture as wide as the area, if it is not there yet; tells which buffer holds it.
    fn stretch(&mut self, picture: &Picture, n: usize, window: usize) -> usize {
        let n = n.min(picture.pixels.height() as usize - 1);
        let slot = n % 2;
        if self.held[slot].replace(n) == Some(n) {
            return slot;
        }
        let length = 3 * picture.pixels.width() as usize;
        self.line.clear();
        self.line.extend_from_slice(&picture.pixels.as_raw()[n * length..][..length]);
        for _ in 0..2 {
            self.line.extend_from_within(length - 3..length);
        }
        let row = self.stretched[slot].chunks_exact_mut(3).zip(&self.columns);
        for (level, place) in row {
            let Some(pixels) = self.line.get(3 * place.first..3 * (place.first + window + 1)) else { continue };
            if window == 1 {
                for channel in 0..3 {
                    let (left, right) = (i32::from(pixels[channel]), i32::from(pixels[3 + channel]));
                    level[channel] = ((left * 256 + (right - left) * place.weight as i32) / 2) as i16;
                }
            } else {
                let mut sum = [0; 3];
                for (n, pixel) in pixels.chunks_exact(3).enumerate() {
                    let weight = place.weigh(n, window);
                    sum.iter_mut().zip(pixel).for_each(|(sum, &byte)| *sum += u32::from(byte) * weight);
                }
                level.iter_mut().zip(sum).for_each(|(level, sum)| *level = (sum / (2 * window as u32)) as i16);
            }
        }
        slot
    }
}

impl Place {
    /// The weight of the window's pixel `n`, which is at most `window`, in 1/256.
    fn weigh(self, n: usize, window: usize) -> u32 {
        match n {
            0 => ONE - self.weight,
            n if n == window => self.weight,
            _ => ONE,
        }
    }
}

/// Where the window of pixel `n` of the area begins, when the area begins at `start` and a pixel of it is `step` wide.
fn place(n: u32, start: f64, step: f64, window: usize) -> Place {
    let at = (start + (f64::from(n) + 0.5) * step - window as f64 / 2.0).max(0.0);
    let places = (at * f64::from(ONE)).round() as u64;
    Place { first: (places / u64::from(ONE)) as usize, weight: (places % u64::from(ONE)) as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use embedded_graphics::prelude::{Point, Size};
    use image::RgbImage;
    use proptest::prelude::*;
    use shared::Point as Spot;

    fn drawn(picture: &Picture, width: u32, height: u32) -> RgbImage {
        let mut canvas = Canvas::new(Size::new(width, height));
        Cover::default().draw(picture, &mut canvas, Rectangle::new(Point::zero(), Size::new(width, height)));
        canvas.into_picture()
    }

    #[test]
    fn the_same_size_is_the_same_picture() {
        let picture = RgbImage::from_fn(31, 17, |x, y| image::Rgb([(x * 8) as u8, (y * 15) as u8, 255]));
        assert_eq!(drawn(&Picture::whole(&picture), 31, 17), picture);
    }

    #[test]
    fn what_is_too_much_is_cut_off_evenly() {
        let wide = RgbImage::from_fn(40, 10, |x, _| image::Rgb([x as u8, 0, 0]));
        let middle = drawn(&Picture::whole(&wide), 10, 10);
        assert_eq!((middle.get_pixel(0, 0)[0], middle.get_pixel(9, 9)[0]), (15, 24));
    }

    #[test]
    fn a_part_is_enlarged_about_its_centre_and_never_leaves_the_picture() {
        let picture = RgbImage::from_fn(60, 60, |x, y| image::Rgb([4 * x as u8, 4 * y as u8, 0]));
        let at = |x, y| Picture { pixels: &picture, centre: Spot::new(x, y), height: 20.0 };
        let middle = drawn(&at(30.0, 40.0), 40, 40);
        // Half of a pixel to the left of x = 30, which is the border between pixels 29 and 30.
        assert_eq!(middle.get_pixel(19, 20).0, [117, 159, 0]);
        let corner = drawn(&at(-500.0, 900.0), 20, 20);
        assert_eq!((corner.get_pixel(0, 19).0, corner.get_pixel(19, 0).0), ([0, 236, 0], [76, 160, 0]));
        let lost = Picture { pixels: &picture, centre: Spot::new(f32::NAN, 1.0), height: f32::INFINITY };
        assert_eq!(drawn(&lost, 60, 60), picture);
    }

    #[test]
    fn a_slow_move_changes_every_level_slowly() {
        let picture =
            RgbImage::from_fn(80, 80, |x, y| image::Rgb([if (x / 2 + y / 2) % 2 == 0 { 200 } else { 50 }; 3]));
        for (height, side) in [(30.0, 100), (70.0, 25)] {
            let shown = |x: f32| drawn(&Picture { pixels: &picture, centre: Spot::new(x, 40.0), height }, side, side);
            let pictures: Vec<RgbImage> = (0..20).map(|n| shown(40.0 + n as f32 / 20.0)).collect();
            for pair in pictures.windows(2) {
                let furthest = pair[0].iter().zip(pair[1].iter()).map(|(a, b)| a.abs_diff(*b)).max();
                assert!(furthest <= Some(9), "{furthest:?}");
            }
        }
    }

    #[test]
    fn fine_patterns_become_grey_when_shrunk() {
        let stripes = RgbImage::from_fn(300, 300, |x, y| image::Rgb([if (x + y) % 2 == 0 { 255 } else { 0 }; 3]));
        for side in [150, 100, 71, 60] {
            let shown = drawn(&Picture::whole(&stripes), side, side);
            assert!(shown.pixels().all(|pixel| (85..=170).contains(&pixel.0[0])), "{side}");
        }
    }

    proptest! {
        #[test]
        fn any_part_in_any_area_stays_within_the_pictures_colours(
            width in 1u32..40, height in 1u32..40, to_width in 1u32..60, to_height in 1u32..60, seed in any::<u8>(),
            x in -10f32..50.0, y in -10f32..50.0, part in 0f32..60.0,
        ) {
            let level = |x: u32, y: u32| 40 + (x * 7 + y * 13 + u32::from(seed)) as u8 % 100;
            let pixels = RgbImage::from_fn(width, height, |x, y| image::Rgb([level(x, y), 200, 0]));
            let picture = Picture { pixels: &pixels, centre: Spot::new(x, y), height: part };
            let area = drawn(&picture, to_width, to_height);
            prop_assert!(area.pixels().all(|pixel| (40..140).contains(&pixel[0]) && pixel[1].abs_diff(200) <= 1 && pixel[2] == 0));
        }
    }
}
