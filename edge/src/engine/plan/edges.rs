//! Where numbers become bytes and bytes become numbers, and the layers without weights.

use super::layout::Layout;
use crate::engine::kernels::{self, Isa};

/// Planes of numbers, pixel by pixel.
pub fn weave(planes: &[f32], places: usize, out: &mut [f32]) {
    let channels = out.len() / places;
    for (channel, plane) in planes.chunks_exact(places).enumerate() {
        for (pixel, number) in out.chunks_exact_mut(channels).zip(plane) {
            pixel[channel] = *number;
        }
    }
}

/// `[C][H][W]` numbers become a map. `line`: room for a row of one plane.
pub fn enter(isa: Isa, numbers: &[f32], layout: &Layout, line: &mut [u8], out: &mut [u8]) {
    let (flip, line) = (isa.flip(), &mut line[..layout.columns]);
    for (channel, plane) in numbers.chunks_exact(layout.rows * layout.columns).enumerate() {
        for (y, row) in plane.chunks_exact(layout.columns).enumerate() {
            kernels::quantize(isa, row, layout.scale, flip, line);
            let pixels = &mut out[layout.at(y as isize, 0)..][..layout.columns * layout.pixel];
            for (pixel, byte) in pixels.chunks_exact_mut(layout.pixel).zip(&*line) {
                pixel[channel] = *byte;
            }
        }
    }
    layout.reflect(out);
}

/// The same map with another border.
pub fn copy(from: &[u8], layout: &Layout, target: &Layout, out: &mut [u8]) {
    for y in 0..layout.rows as isize {
        let row = &from[layout.at(y, 0)..][..layout.columns * layout.pixel];
        out[target.at(y, 0)..][..row.len()].copy_from_slice(row);
    }
    target.reflect(out);
}

/// The mean of 2×2 places. `numbers`: room for a row of what comes out.
pub fn halve(isa: Isa, from: &[u8], layout: &Layout, target: &Layout, numbers: &mut [f32], out: &mut [u8]) {
    let (flip, pixel) = (isa.flip(), layout.pixel);
    let mean = layout.scale.scale / 4.0;
    let numbers = &mut numbers[..target.columns * pixel];
    for y in 0..target.rows as isize {
        let rows = [2 * y, 2 * y + 1].map(|y| &from[layout.at(y, 0)..][..2 * target.columns * pixel]);
        for (x, numbers) in numbers.chunks_exact_mut(pixel).enumerate() {
            let pixels = [(0, 2 * x), (0, 2 * x + 1), (1, 2 * x), (1, 2 * x + 1)]
                .map(|(row, x)| &rows[row][x * pixel..][..pixel]);
            for (channel, number) in numbers.iter_mut().enumerate() {
                let sum: i32 = pixels.iter().map(|pixel| i32::from(pixel[channel] ^ flip)).sum();
                *number = (sum - 4 * i32::from(layout.scale.zero)) as f32 * mean;
            }
        }
        let row = &mut out[target.at(y, 0)..][..target.columns * pixel];
        kernels::quantize(isa, numbers, target.scale, flip, row);
    }
    target.reflect(out);
}

/// A map becomes `[C][H][W]` numbers.
pub fn leave(from: &[u8], layout: &Layout, flip: u8, out: &mut [f32]) {
    let zero = f32::from(layout.scale.zero);
    let planes = layout.rows * layout.columns;
    for y in 0..layout.rows {
        let line = &from[layout.at(y as isize, 0)..][..layout.columns * layout.pixel];
        for channel in 0..layout.channels {
            let row = &mut out[channel * planes + y * layout.columns..][..layout.columns];
            for (number, pixel) in row.iter_mut().zip(line.chunks_exact(layout.pixel)) {
                *number = (f32::from(pixel[channel] ^ flip) - zero) * layout.scale.scale;
            }
        }
    }
}
