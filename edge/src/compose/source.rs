//! The picture as it was before the edit, to take colours from that move. Bicubic (Catmull-Rom) between its pixels.

use image::RgbImage;

/// Pixels about the rectangle, copies of its border.
const PAD: usize = 2;
/// Places between two pixels that have weights.
const PHASES: usize = 256;

/// A rectangle of a picture. Keeps its buffer from frame to frame.
#[derive(Debug)]
pub struct Source {
    /// Red, green, blue and one unused lane: four lanes are one vector register.
    pixels: Vec<[f32; 4]>,
    left: usize,
    top: usize,
    width: usize,
    height: usize,
    weights: Box<[[f32; 4]; PHASES]>,
}

impl Default for Source {
    fn default() -> Self {
        let weights = Box::new(std::array::from_fn(|i| catmull_rom(i as f32 / PHASES as f32)));
        Self { pixels: Vec::new(), left: 0, top: 0, width: 0, height: 0, weights }
    }
}

impl Source {
    /// Copies `width`×`height` pixels from `left`, `top`, and `reach` more on each side where the picture has them.
    pub fn copy(
        &mut self,
        picture: &RgbImage,
        (left, width): (usize, usize),
        (top, height): (usize, usize),
        reach: usize,
    ) {
        let span = |start: usize, length: usize, limit: usize| {
            let end = (start + length + reach).min(limit);
            let start = start.saturating_sub(reach).min(end);
            (start, end - start)
        };
        let (across, down) = (picture.width() as usize, picture.height() as usize);
        (self.left, self.width) = span(left, width, across);
        (self.top, self.height) = span(top, height, down);
        self.pixels.clear();
        if self.width == 0 || self.height == 0 {
            return;
        }
        for y in 0..self.height + 2 * PAD {
            let y = self.top + y.saturating_sub(PAD).min(self.height - 1);
            let row = &picture.as_raw()[3 * (y * across + self.left)..][..3 * self.width];
            let (first, last) = (pixel(&row[..3]), pixel(&row[row.len() - 3..]));
            self.pixels.extend([first; PAD]);
            self.pixels.extend(row.chunks_exact(3).map(pixel));
            self.pixels.extend([last; PAD]);
        }
    }

    /// Where a pixel of the picture lies in the copy, in whole numbers of 1/65536 (0 is the first pixel's centre).
    pub fn place(&self, x: usize, y: usize) -> (i32, i32) {
        ((x as i32 - self.left as i32) << 16, (y as i32 - self.top as i32) << 16)
    }

    /// The colour at a place as [`Self::place`] gives them, in 0..255 and a little beyond; the fourth lane is unused.
    /// Outside of the copy the border reaches on.
    #[inline]
    pub fn at(&self, x: i32, y: i32) -> [f32; 4] {
        // To the nearest of the phases.
        let round = 1 << 7;
        let x = x.saturating_add(round).clamp(0, (self.width as i32 - 1) << 16);
        let y = y.saturating_add(round).clamp(0, (self.height as i32 - 1) << 16);
        let across = &self.weights[(x >> 8) as usize % PHASES];
        let down = &self.weights[(y >> 8) as usize % PHASES];
        let stride = self.width + 2 * PAD;
        // The first of the four columns and rows lies one before the place.
        let first = ((y >> 16) as usize + PAD - 1) * stride + (x >> 16) as usize + PAD - 1;
        let mut sum = [0.0; 4];
        for (row, weight) in down.iter().enumerate() {
            let taps = &self.pixels[first + row * stride..][..4];
            for k in 0..4 {
                let line =
                    across[0] * taps[0][k] + across[1] * taps[1][k] + across[2] * taps[2][k] + across[3] * taps[3][k];
                sum[k] += weight * line;
            }
        }
        sum
    }
}

fn pixel(rgb: &[u8]) -> [f32; 4] {
    [f32::from(rgb[0]), f32::from(rgb[1]), f32::from(rgb[2]), 0.0]
}

/// Weights of the four samples about a place `t` of the way from the second to the third.
fn catmull_rom(t: f32) -> [f32; 4] {
    let (t2, t3) = (t * t, t * t * t);
    [-0.5 * t3 + t2 - 0.5 * t, 1.5 * t3 - 2.5 * t2 + 1.0, -1.5 * t3 + 2.0 * t2 + 0.5 * t, 0.5 * t3 - 0.5 * t2]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp() -> RgbImage {
        RgbImage::from_fn(40, 30, |x, y| image::Rgb([5 * x as u8, 7 * y as u8, (x * y % 251) as u8]))
    }

    fn copied(reach: usize) -> Source {
        let mut source = Source::default();
        source.copy(&ramp(), (10, 8), (12, 6), reach);
        source
    }

    #[test]
    fn whole_places_are_the_pictures_own_pixels_up_to_its_border() {
        let picture = ramp();
        for (reach, xs, ys) in [(0, 10..18, 12..18), (3, 7..21, 9..21), (99, 0..40, 0..30)] {
            let source = copied(reach);
            for (x, y) in ys.flat_map(|y| xs.clone().map(move |x| (x, y))) {
                let (u, v) = source.place(x, y);
                let expected = picture.get_pixel(x as u32, y as u32).0;
                for (found, expected) in source.at(u, v).into_iter().zip(expected) {
                    assert!((found - f32::from(expected)).abs() < 1e-4, "{x} {y}");
                }
            }
        }
    }

    #[test]
    fn a_ramp_stays_a_ramp_between_pixels() {
        let source = copied(4);
        for i in 0..64 {
            let (u, v) = source.place(11, 13);
            let colour = source.at(u + i * 4096, v + i * 2048);
            assert!((colour[0] - 5.0 * (11.0 + i as f32 / 16.0)).abs() < 0.02, "{i} {colour:?}");
            assert!((colour[1] - 7.0 * (13.0 + i as f32 / 32.0)).abs() < 0.02, "{i} {colour:?}");
        }
    }

    #[test]
    fn beyond_the_picture_its_border_reaches_on() {
        let source = copied(99);
        let corner = source.at(i32::MIN, i32::MIN);
        assert_eq!(corner[..3], source.at(0, 0)[..3]);
        let (u, v) = source.place(39, 29);
        assert_eq!(source.at(i32::MAX, i32::MAX)[..3], source.at(u, v)[..3]);
    }
}
