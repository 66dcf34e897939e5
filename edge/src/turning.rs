//! Pictures turned and mirrored while their pixels change format: cameras hang and screens stand as the wall allows. An
//! RGB picture comes in; rows of any pixel format go out, at most two passes over memory that the cache can hold.

use crate::screen::Rotation;
use image::RgbImage;

/// Side of the squares in which a quarter turn walks, so that both pictures' rows stay in the cache.
const TILE: usize = 32;

/// How to get from a pixel of the turned picture to its source: `start + x · across + y · down`, in pixels.
#[derive(Clone, Copy, Debug)]
struct Walk {
    start: isize,
    across: isize,
    down: isize,
}

impl Walk {
    fn new((width, height): (u32, u32), mirror: bool, rotation: Rotation) -> Self {
        let (width, height) = (width as isize, height as isize);
        let last = width * height - 1;
        let (start, across, down) = match rotation {
            Rotation::None => (0, 1, width),
            Rotation::Quarter => (last + 1 - width, -width, 1),
            Rotation::Half => (last, -1, -width),
            Rotation::ThreeQuarters => (width - 1, width, -1),
        };
        if !mirror {
            return Self { start, across, down };
        }
        // Mirroring sends column x to width − 1 − x: steps along a row change their sign.
        let column = start.rem_euclid(width);
        let start = start - column + (width - 1 - column);
        match rotation {
            Rotation::None | Rotation::Half => Self { start, across: -across, down },
            Rotation::Quarter | Rotation::ThreeQuarters => Self { start, across, down: -down },
        }
    }

    const fn at(&self, x: usize, y: usize) -> usize {
        (self.start + x as isize * self.across + y as isize * self.down) as usize
    }
}

/// Mirrors `picture` (left becomes right), turns it clockwise by `rotation` and writes it as rows of `pitch` bytes with
/// `N` bytes a pixel. What does not fit into `target` is left out.
pub fn turn<const N: usize>(
    picture: &RgbImage,
    mirror: bool,
    rotation: Rotation,
    target: &mut [u8],
    pitch: usize,
    pixel: impl Fn([u8; 3]) -> [u8; N],
) {
    let (width, height) = rotation.turned(picture.dimensions());
    let (width, height) = (width as usize, height as usize);
    let source = picture.as_raw().as_chunks::<3>().0;
    if source.is_empty() || pitch < width * N {
        return;
    }
    let walk = Walk::new(picture.dimensions(), mirror, rotation);
    if matches!(rotation, Rotation::None | Rotation::Half) {
        for (y, row) in target.chunks_mut(pitch).take(height).enumerate() {
            let row = row.as_chunks_mut::<N>().0.iter_mut().take(width);
            let first = walk.at(0, y).min(walk.at(width - 1, y));
            let pixels = source[first..first + width].iter();
            match walk.across {
                1 => row.zip(pixels).for_each(|(to, from)| *to = pixel(*from)),
                _ => row.zip(pixels.rev()).for_each(|(to, from)| *to = pixel(*from)),
            }
        }
        return;
    }
    for (tile, rows) in target.chunks_mut(pitch * TILE).take(height.div_ceil(TILE)).enumerate() {
        for left in (0..width).step_by(TILE) {
            for (y, row) in (tile * TILE..height).zip(rows.chunks_mut(pitch)) {
                let row = row.as_chunks_mut::<N>().0.iter_mut().enumerate().take(width).skip(left).take(TILE);
                row.for_each(|(x, to)| *to = pixel(source[walk.at(x, y)]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::imageops;
    use proptest::prelude::*;

    fn expected(picture: &RgbImage, mirror: bool, rotation: Rotation) -> RgbImage {
        let picture = if mirror { imageops::flip_horizontal(picture) } else { picture.clone() };
        match rotation {
            Rotation::None => picture,
            Rotation::Quarter => imageops::rotate90(&picture),
            Rotation::Half => imageops::rotate180(&picture),
            Rotation::ThreeQuarters => imageops::rotate270(&picture),
        }
    }

    proptest! {
        #[test]
        fn pictures_are_mirrored_then_turned(width in 1u32..80, height in 1u32..80, mirror: bool, spare in 0usize..9) {
            let picture = RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, (x * y) as u8]));
            for rotation in Rotation::ALL {
                let expected = expected(&picture, mirror, rotation);
                let pitch = expected.width() as usize * 4 + spare;
                let mut rows = vec![7; pitch * expected.height() as usize];
                turn(&picture, mirror, rotation, &mut rows, pitch, |[r, g, b]| [b, g, r, 0]);
                for (row, pixels) in rows.chunks(pitch).zip(expected.rows()) {
                    let found = row.as_chunks::<4>().0.iter().take(pixels.len()).map(|&[b, g, r, _]| [r, g, b]);
                    prop_assert!(found.eq(pixels.map(|pixel| pixel.0)));
                    prop_assert!(row[expected.width() as usize * 4..].iter().all(|&byte| byte == 7));
                }
            }
        }
    }

    #[test]
    fn a_target_that_is_too_small_gets_what_fits() {
        let picture = RgbImage::from_pixel(40, 50, image::Rgb([1, 2, 3]));
        for rotation in Rotation::ALL {
            let mut rows = vec![0; 50 * 3 * 34 + 20];
            turn(&picture, false, rotation, &mut rows, 50 * 3, |rgb| rgb);
            assert!(rows[..40 * 3].iter().all(|&byte| byte != 0));
            turn(&picture, false, rotation, &mut rows, 30 * 3, |rgb| rgb);
        }
    }
}
