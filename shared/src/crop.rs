//! Cutting an aligned square out of a picture, the same way in the trainer and on the device.

use crate::alignment::Alignment;
use crate::geometry::Point;

/// An RGB picture: interleaved bytes, `width · height · 3` of them.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    rgb: &'a [u8],
    width: usize,
    height: usize,
}

/// What keeps a square from being cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CropError {
    #[error("{bytes} bytes are not an RGB picture of {width}×{height}")]
    Picture { bytes: usize, width: usize, height: usize },
    #[error("{bytes} bytes do not hold a square of side {side} in RGB")]
    Square { bytes: usize, side: usize },
    #[error("the alignment shrinks the face to a spot")]
    Alignment,
}

impl<'a> Picture<'a> {
    pub fn new(rgb: &'a [u8], width: usize, height: usize) -> Result<Self, CropError> {
        let fits = width > 0 && height > 0 && rgb.len() == width * height * 3;
        if fits { Ok(Self { rgb, width, height }) } else { Err(CropError::Picture { bytes: rgb.len(), width, height }) }
    }

    pub const fn width(&self) -> usize {
        self.width
    }

    pub const fn height(&self) -> usize {
        self.height
    }

    /// Bilinear sample at `p` (pixel centres at half-integers), channels in 0..255; the border reaches outwards for ever.
    pub fn sample(&self, p: Point) -> [f32; 3] {
        let x = (p.x - 0.5).clamp(0.0, (self.width - 1) as f32);
        let y = (p.y - 0.5).clamp(0.0, (self.height - 1) as f32);
        // By way of u32: the cast from float straight to usize is several times slower on x86-64.
        let (left, top) = (x as u32 as usize, y as u32 as usize);
        let (right, bottom) = ((left + 1).min(self.width - 1), (top + 1).min(self.height - 1));
        let (fx, fy) = (x - left as u32 as f32, y - top as u32 as f32);
        let (a, b) = (self.pixel(left, top), self.pixel(right, top));
        let (c, d) = (self.pixel(left, bottom), self.pixel(right, bottom));
        core::array::from_fn(|channel| {
            let upper = f32::from(a[channel]) * (1.0 - fx) + f32::from(b[channel]) * fx;
            let lower = f32::from(c[channel]) * (1.0 - fx) + f32::from(d[channel]) * fx;
            upper * (1.0 - fy) + lower * fy
        })
    }

    fn pixel(&self, x: usize, y: usize) -> [u8; 3] {
        let start = (y * self.width + x) * 3;
        let bytes = &self.rgb[start..start + 3];
        [bytes[0], bytes[1], bytes[2]]
    }
}

/// Fills `square` (`side · side · 3` bytes) with the part of `picture` that `alignment` puts into the unit square. Where the
/// square is coarser than the picture, each of its pixels is the mean of a grid of samples about one picture pixel apart.
pub fn cut(picture: &Picture, alignment: &Alignment, side: usize, square: &mut [u8]) -> Result<(), CropError> {
    if side == 0 || square.len() != side * side * 3 {
        return Err(CropError::Square { bytes: square.len(), side });
    }
    let step = 1.0 / side as f32;
    let upright = alignment.to_upright_picture();
    let grid = (libm::ceilf(upright.scale() * step - 0.01) as usize).clamp(1, MAX_GRID);
    let share = 1.0 / (grid * grid) as f32;
    // Steps from a pixel's centre to its samples, in picture pixels: within one pixel the field is flat.
    let across = Point::new(upright.a, upright.b) * (step / grid as f32);
    let down = Point::new(-upright.b, upright.a) * (step / grid as f32);
    let offset = |n: usize| n as f32 - (grid - 1) as f32 * 0.5;
    for (i, pixel) in square.chunks_exact_mut(3).enumerate() {
        let centre = Point::new((i % side) as f32 + 0.5, (i / side) as f32 + 0.5) * step;
        let centre = alignment.to_picture(centre);
        let mut sum = [0.0; 3];
        for row in 0..grid {
            let start = centre + down * offset(row);
            for column in 0..grid {
                let colour = picture.sample(start + across * offset(column));
                for (sum, value) in sum.iter_mut().zip(colour) {
                    *sum += value;
                }
            }
        }
        for (byte, sum) in pixel.iter_mut().zip(sum) {
            *byte = libm::roundf(sum * share) as u8;
        }
    }
    Ok(())
}

/// Finer grids than this cost more than they show.
const MAX_GRID: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Similarity;

    fn scaled(side: f32) -> Alignment {
        Alignment::upright(Similarity::scaling(1.0 / side)).unwrap()
    }

    fn ramp(width: usize, height: usize) -> Vec<u8> {
        (0..width * height).flat_map(|i| [(i % width) as u8, (i / width) as u8, 7]).collect()
    }

    #[test]
    fn a_crop_at_the_pictures_own_scale_is_the_picture() {
        let rgb = ramp(32, 32);
        let picture = Picture::new(&rgb, 32, 32).unwrap();
        let mut square = vec![0; rgb.len()];
        cut(&picture, &scaled(32.0), 32, &mut square).unwrap();
        assert_eq!(square, rgb);
    }

    #[test]
    fn shrinking_averages() {
        let rgb: Vec<u8> = (0..64).flat_map(|i| if (i % 8 + i / 8) % 2 == 0 { [0; 3] } else { [200; 3] }).collect();
        let picture = Picture::new(&rgb, 8, 8).unwrap();
        let mut square = vec![0; 4 * 4 * 3];
        cut(&picture, &scaled(8.0), 4, &mut square).unwrap();
        assert!(square.iter().all(|&v| v == 100), "{square:?}");
    }

    #[test]
    fn impossible_sizes_are_refused() {
        assert!(Picture::new(&[0; 5], 1, 2).is_err());
        assert!(Picture::new(&[], 0, 0).is_err());
        let picture = Picture::new(&[0; 3], 1, 1).unwrap();
        assert!(cut(&picture, &scaled(1.0), 2, &mut [0; 3]).is_err());
    }
}
