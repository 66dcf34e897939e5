//! How a map lies in memory: rows of pixels, the channels of a pixel side by side, and around it a border as wide as the
//! convolutions that read it look beyond its edge.

use crate::engine::kernels::{Aligned, SLACK};
use crate::engine::layer::{Border, Scale};

#[derive(Clone, Debug)]
pub struct Layout {
    pub rows: usize,
    pub columns: usize,
    pub channels: usize,
    /// Bytes a pixel: the channels, and zeros up to a multiple of four.
    pub pixel: usize,
    /// Pixels above, to the left, below and to the right.
    pub margin: [usize; 4],
    pub border: Border,
    pub scale: Scale,
}

impl Layout {
    pub fn new(rows: usize, columns: usize, channels: usize, scale: Scale) -> Self {
        let pixel = channels.next_multiple_of(4);
        Self { rows, columns, channels, pixel, margin: [0; 4], border: Border::Zero, scale }
    }

    /// Bytes from a pixel to the one below.
    pub fn row(&self) -> usize {
        (self.margin[1] + self.columns + self.margin[3]) * self.pixel
    }

    /// The first byte of a pixel; negative coordinates are in the border.
    pub fn at(&self, row: isize, column: isize) -> usize {
        let (row, column) = (row + self.margin[0] as isize, column + self.margin[1] as isize);
        row as usize * self.row() + column as usize * self.pixel
    }

    pub fn bytes(&self) -> usize {
        (self.margin[0] + self.rows + self.margin[2]) * self.row() + SLACK
    }

    /// A buffer with its border of zeros, as this processor's kernels store them.
    pub fn buffer(&self, flip: u8) -> Aligned<u8> {
        let mut bytes = Aligned::zeros(self.bytes());
        bytes.fill(self.scale.zero ^ flip);
        bytes
    }

    /// Fills a border that reflects, after the pixels were written. The row and column at the edge are not repeated.
    pub fn reflect(&self, bytes: &mut [u8]) {
        if self.border != Border::Reflect || self.margin == [0; 4] {
            return;
        }
        let (pixel, row) = (self.pixel, self.row());
        let [top, left, bottom, right] = self.margin;
        for y in top..top + self.rows {
            let line = &mut bytes[y * row..(y + 1) * row];
            for x in 0..left {
                line.copy_within((2 * left - x) * pixel..(2 * left - x + 1) * pixel, x * pixel);
            }
            let last = left + self.columns - 1;
            for x in 1..=right {
                line.copy_within((last - x) * pixel..(last - x + 1) * pixel, (last + x) * pixel);
            }
        }
        for y in 0..top {
            bytes.copy_within((2 * top - y) * row..(2 * top - y + 1) * row, y * row);
        }
        let last = top + self.rows - 1;
        for y in 1..=bottom {
            bytes.copy_within((last - y) * row..(last - y + 1) * row, (last + y) * row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_border_reflects_without_repeating_the_edge() {
        let mut layout = Layout::new(3, 4, 3, Scale { scale: 1.0, zero: 7 });
        layout.border = Border::Reflect;
        layout.margin = [2, 2, 2, 3];
        assert_eq!(layout.pixel, 4);
        let mut bytes = layout.buffer(0);
        assert!(bytes.iter().all(|&byte| byte == 7));
        for y in 0..3 {
            for x in 0..4 {
                bytes[layout.at(y, x)] = (10 * (y + 1) + x) as u8;
            }
        }
        layout.reflect(&mut bytes);
        let mirrored = |i: isize, length: isize| {
            if i < 0 {
                -i
            } else if i < length {
                i
            } else {
                2 * (length - 1) - i
            }
        };
        for y in -2..5 {
            for x in -2..7 {
                let expected = 10 * (mirrored(y, 3) + 1) + mirrored(x, 4);
                assert_eq!(bytes[layout.at(y, x)] as isize, expected, "{y} {x}");
            }
        }
    }
}
