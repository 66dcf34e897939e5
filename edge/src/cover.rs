//! A camera picture made as large as the screen wants it, row by row. Places are worked out once a size; a frame costs whole
//! numbers only. Next: the screen's rows.

use image::RgbImage;

/// Weights are whole numbers of 1/256.
const ONE: u32 = 256;

/// The middle of pictures of one size, scaled to cover an area of another.
#[derive(Clone, Debug)]
pub struct Cover {
    from: (u32, u32),
    to: (u32, u32),
    columns: Vec<Place>,
    rows: Vec<Place>,
    /// Two rows of the picture, blended.
    blend: Vec<u16>,
}

/// Between two neighbouring pixels: the first, and the weight of the second.
#[derive(Clone, Copy, Debug)]
struct Place {
    first: usize,
    second: usize,
    weight: u32,
}

impl Cover {
    /// For pictures of `from` pixels and an area of `to` pixels; what is too much is cut off evenly on both sides.
    pub fn new(from: (u32, u32), to: (u32, u32)) -> Self {
        let share = |from: u32, to: u32| f64::from(from) / f64::from(to.max(1));
        let step = share(from.0, to.0).min(share(from.1, to.1));
        let columns = places(from.0, to.0, step);
        let rows = places(from.1, to.1, step);
        Self { from, to, columns, rows, blend: vec![0; from.0 as usize * 3] }
    }

    /// Whether this is for such pictures and such an area.
    pub fn fits(&self, from: (u32, u32), to: (u32, u32)) -> bool {
        self.from == from && self.to == to
    }

    /// Fills `row` with row `y` of the area; other lengths, rows or pictures leave it as it is.
    pub fn row(&mut self, picture: &RgbImage, y: u32, row: &mut [u8]) {
        let Some(place) = self.rows.get(y as usize) else { return };
        if picture.dimensions() != self.from || row.len() != 3 * self.columns.len() {
            return;
        }
        let width = self.blend.len();
        let line = |n: usize| &picture.as_raw()[n * width..][..width];
        for ((blend, &above), &below) in self.blend.iter_mut().zip(line(place.first)).zip(line(place.second)) {
            *blend = (u32::from(above) * (ONE - place.weight) + u32::from(below) * place.weight) as u16;
        }
        for (pixel, place) in row.chunks_exact_mut(3).zip(&self.columns) {
            let left = &self.blend[3 * place.first..3 * place.first + 3];
            let right = &self.blend[3 * place.second..3 * place.second + 3];
            for (channel, byte) in pixel.iter_mut().enumerate() {
                let sum = u32::from(left[channel]) * (ONE - place.weight) + u32::from(right[channel]) * place.weight;
                *byte = ((sum + ONE * ONE / 2) / (ONE * ONE)) as u8;
            }
        }
    }
}

/// Where the middles of `to` pixels lie among `from` pixels, `step` apart and centred.
fn places(from: u32, to: u32, step: f64) -> Vec<Place> {
    let last = from.saturating_sub(1);
    let margin = (f64::from(from) - f64::from(to) * step) / 2.0;
    let place = |n: u32| {
        let at = (margin + (f64::from(n) + 0.5) * step - 0.5).clamp(0.0, f64::from(last));
        let first = at as u32;
        let weight = ((at - f64::from(first)) * f64::from(ONE)).round() as u32;
        Place { first: first as usize, second: (first + 1).min(last) as usize, weight }
    };
    (0..to).map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn drawn(picture: &RgbImage, width: u32, height: u32) -> RgbImage {
        let mut cover = Cover::new(picture.dimensions(), (width, height));
        let mut area = RgbImage::new(width, height);
        for (y, row) in area.chunks_exact_mut(3 * width as usize).enumerate() {
            cover.row(picture, y as u32, row);
        }
        area
    }

    #[test]
    fn the_same_size_is_the_same_picture() {
        let picture = RgbImage::from_fn(31, 17, |x, y| image::Rgb([(x * 8) as u8, (y * 15) as u8, 255]));
        assert_eq!(drawn(&picture, 31, 17), picture);
    }

    #[test]
    fn what_is_too_much_is_cut_off_evenly() {
        let wide = RgbImage::from_fn(40, 10, |x, _| image::Rgb([x as u8, 0, 0]));
        let middle = drawn(&wide, 10, 10);
        assert_eq!((middle.get_pixel(0, 0)[0], middle.get_pixel(9, 9)[0]), (15, 24));
    }

    proptest! {
        #[test]
        fn any_sizes_stay_within_the_pictures_colours(
            width in 1u32..40, height in 1u32..40, to_width in 1u32..60, to_height in 1u32..60, seed in any::<u8>(),
        ) {
            let level = |x: u32, y: u32| 40 + (x * 7 + y * 13 + u32::from(seed)) as u8 % 100;
            let picture = RgbImage::from_fn(width, height, |x, y| image::Rgb([level(x, y), 200, 0]));
            let area = drawn(&picture, to_width, to_height);
            prop_assert!(area.pixels().all(|pixel| (40..140).contains(&pixel[0]) && pixel[1] == 200 && pixel[2] == 0));
        }
    }
}
