//! The passes around a convolution: its sums rounded to bytes, and those bytes on their way to the next map. One source for
//! all processors, compiled for the vectors of each; the results are the same bit for bit.

use super::arithmetic::{round_to_int, silu};
use super::features::{self, Pass};
use super::{Isa, LANES};
use crate::engine::layer::{Activation, Scale};

/// A convolution's sums become unsigned bytes: `clamp(round((acc + offset) · scale) + zero)`, as `QLinearConv` has it.
///
/// `acc`: `[pixels][channels, padded to whole blocks]`; `out`: `[pixels][channels]`. Adds each channel's bytes to `sum` and
/// their squares to `square`, which hold 66,000 pixels.
#[allow(clippy::too_many_arguments)]
pub fn requantize(
    isa: Isa,
    acc: &[i32],
    channels: usize,
    offsets: &[i32],
    scales: &[f32],
    zero: u8,
    out: &mut [u8],
    sum: &mut [u32],
    square: &mut [u32],
) {
    features::run(isa, Requantize { acc, channels, offsets, scales, zero, out, sum, square });
}

struct Requantize<'a> {
    acc: &'a [i32],
    channels: usize,
    offsets: &'a [i32],
    scales: &'a [f32],
    zero: u8,
    out: &'a mut [u8],
    sum: &'a mut [u32],
    square: &'a mut [u32],
}

impl Pass for Requantize<'_> {
    /// Block after block from the last one, which may be narrower: it writes 16 bytes all the same, and the blocks after it
    /// write over what was too much.
    #[inline(always)]
    fn run(self) {
        let (channels, zero) = (self.channels, i32::from(self.zero));
        for from in (0..channels).step_by(LANES).rev() {
            let width = LANES.min(channels - from);
            let (mut offset, mut scale) = ([0; LANES], [0.0; LANES]);
            offset[..width].copy_from_slice(&self.offsets[from..][..width]);
            scale[..width].copy_from_slice(&self.scales[from..][..width]);
            let (mut sum, mut square) = ([0u32; LANES], [0u32; LANES]);
            let sums = self.acc.chunks_exact(channels.next_multiple_of(LANES)).map(|acc| &acc[from..][..LANES]);
            for (pixel, acc) in sums.enumerate() {
                let mut whole = [0; LANES];
                for c in 0..LANES {
                    let number = acc[c].wrapping_add(offset[c]) as f32 * scale[c];
                    whole[c] = (round_to_int(number) + zero).clamp(0, 255);
                }
                for c in 0..LANES {
                    sum[c] += whole[c] as u32;
                    square[c] += (whole[c] * whole[c]) as u32;
                }
                let bytes = whole.map(|whole| whole as u8);
                let out = &mut self.out[pixel * channels + from..];
                match out.first_chunk_mut() {
                    Some(out) => *out = bytes,
                    None => out.copy_from_slice(&bytes[..out.len()]),
                }
            }
            for c in 0..width {
                self.sum[from + c] += sum[c];
                self.square[from + c] += square[c];
            }
        }
    }
}

/// Numbers become bytes as `QuantizeLinear` has it: `clamp(round(x / scale) + zero) ^ flip`.
pub fn quantize(isa: Isa, numbers: &[f32], scale: Scale, flip: u8, out: &mut [u8]) {
    features::run(isa, Quantize { numbers, scale, flip, out });
}

struct Quantize<'a> {
    numbers: &'a [f32],
    scale: Scale,
    flip: u8,
    out: &'a mut [u8],
}

impl Pass for Quantize<'_> {
    #[inline(always)]
    fn run(self) {
        let Scale { scale, zero } = self.scale;
        for (number, out) in self.numbers.iter().zip(self.out) {
            *out = (round_to_int(number / scale) + i32::from(zero)).clamp(0, 255) as u8 ^ self.flip;
        }
    }
}

/// From a convolution's bytes to the next map's: `activation(factor[c] · byte + term[c] + other)`, rounded again.
#[derive(Clone, Copy, Debug)]
pub struct Finish<'a> {
    pub channels: usize,
    /// For each channel, and then again for as many pixels as there is room: long loops are fast, whatever the channels.
    pub factors: &'a [f32],
    pub terms: &'a [f32],
    pub activation: Activation,
    /// Of the bytes that come out.
    pub scale: Scale,
    /// What those are xor-ed with, and those of another map.
    pub flip: u8,
}

/// What is added place by place, a row of pixels.
#[derive(Clone, Copy, Debug)]
pub enum Other<'a> {
    None,
    /// A map's bytes, as far from each other as those that come out.
    Bytes {
        bytes: &'a [u8],
        scale: Scale,
    },
    /// `[pixels][channels]`
    Numbers(&'a [f32]),
}

impl Finish<'_> {
    /// One row: `middle` is `[pixels][channels]`, `out` has `pixel` bytes a pixel.
    pub fn row(&self, isa: Isa, middle: &[u8], other: Other<'_>, pixel: usize, out: &mut [u8]) {
        if pixel == self.channels {
            return self.flat(isa, middle, other, out);
        }
        for (i, (middle, out)) in middle.chunks_exact(self.channels).zip(out.chunks_exact_mut(pixel)).enumerate() {
            let other = match other {
                Other::None => Other::None,
                Other::Bytes { bytes, scale } => Other::Bytes { bytes: &bytes[i * pixel..][..self.channels], scale },
                Other::Numbers(numbers) => Other::Numbers(&numbers[i * self.channels..][..self.channels]),
            };
            self.flat(isa, middle, other, &mut out[..self.channels]);
        }
    }

    /// The same where no bytes lie between the pixels.
    fn flat(&self, isa: Isa, middle: &[u8], other: Other<'_>, out: &mut [u8]) {
        match other {
            Other::None => self.activate(isa, middle, middle, |_: u8| 0.0, out),
            Other::Bytes { bytes, scale: Scale { scale, zero } } => {
                let (zero, flip) = (f32::from(zero), self.flip);
                self.activate(isa, middle, bytes, move |byte| (f32::from(byte ^ flip) - zero) * scale, out);
            }
            Other::Numbers(numbers) => self.activate(isa, middle, numbers, |number: f32| number, out),
        }
    }

    fn activate<T: Copy>(&self, isa: Isa, middle: &[u8], other: &[T], number: impl Fn(T) -> f32, out: &mut [u8]) {
        macro_rules! run {
            ($activation:expr) => {
                features::run(isa, Row { finish: self, middle, other, number, activation: $activation, out })
            };
        }
        match self.activation {
            Activation::None => run!(|x: f32| x),
            Activation::Relu => run!(|x: f32| if x > 0.0 { x } else { 0.0 }),
            Activation::Silu => run!(silu),
        }
    }
}

struct Row<'a, T, N, A> {
    finish: &'a Finish<'a>,
    middle: &'a [u8],
    other: &'a [T],
    number: N,
    activation: A,
    out: &'a mut [u8],
}

impl<T: Copy, N: Fn(T) -> f32, A: Fn(f32) -> f32> Pass for Row<'_, T, N, A> {
    #[inline(always)]
    fn run(self) {
        let Finish { factors, terms, scale, flip, .. } = *self.finish;
        let (inverse, zero) = (1.0 / scale.scale, i32::from(scale.zero));
        let period = factors.len();
        let pieces = self.middle.chunks(period).zip(self.other.chunks(period)).zip(self.out.chunks_mut(period));
        for ((middle, other), out) in pieces {
            let length = out.len();
            let (middle, other) = (&middle[..length], &other[..length]);
            let (factors, terms) = (&factors[..length], &terms[..length]);
            for i in 0..length {
                let sum = f32::from(middle[i]) * factors[i] + terms[i] + (self.number)(other[i]);
                let number = (self.activation)(sum) * inverse;
                out[i] = (round_to_int(number) + zero).clamp(0, 255) as u8 ^ flip;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the definitions say, number by number.
    fn rounded(x: f32, zero: u8) -> u8 {
        (x.round_ties_even() + f32::from(zero)).clamp(0.0, 255.0) as u8
    }

    proptest! {
        #[test]
        fn sums_are_rounded_alike_everywhere(
            channels in 1usize..70, pixels in 1usize..9, zero: u8, scale in 1e-5f32..0.5, seed: u64,
        ) {
            let stride = channels.next_multiple_of(LANES);
            let mut state = seed | 1;
            let mut next = || { state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407); (state >> 40) as i32 };
            let acc: Vec<i32> = (0..pixels * stride).map(|_| next() % 4000 - 2000).collect();
            let offsets: Vec<i32> = (0..channels).map(|_| next() % 500 - 250).collect();
            let scales: Vec<f32> = (0..channels).map(|_| scale * (1 + next() % 9) as f32).collect();
            let (mut sums, mut squares) = (vec![0u32; channels], vec![0u32; channels]);
            let mut expected = Vec::new();
            for acc in acc.chunks(stride) {
                for c in 0..channels {
                    let byte = rounded((acc[c] + offsets[c]) as f32 * scales[c], zero);
                    expected.push(byte);
                    sums[c] += u32::from(byte);
                    squares[c] += u32::from(byte).pow(2);
                }
            }
            for isa in Isa::available() {
                let mut out = vec![0; pixels * channels];
                let (mut sum, mut square) = (vec![0; channels], vec![0; channels]);
                requantize(isa, &acc, channels, &offsets, &scales, zero, &mut out, &mut sum, &mut square);
                prop_assert_eq!((&out, &sum, &square), (&expected, &sums, &squares), "{}", isa.name());
            }
        }

        #[test]
        fn rows_are_finished_alike_everywhere(
            channels in 1usize..70, count in 1usize..9, zero: u8, step in 0.001f32..0.3, which in 0usize..3, joined in 0usize..3,
            factor in -0.1f32..0.1,
        ) {
            let activation = [Activation::None, Activation::Relu, Activation::Silu][which];
            let middle: Vec<u8> = (0..count * channels).map(|i| (i * 37 % 256) as u8).collect();
            let factors: Vec<f32> = (0..channels).map(|c| factor * (1.0 + c as f32 / 7.0)).collect();
            let terms: Vec<f32> = (0..channels).map(|c| (c as f32 - 20.0) / 9.0).collect();
            let pixel = channels.next_multiple_of(4);
            let repeat = 1 + count / 2;
            let (tiled, more) = (factors.repeat(repeat), terms.repeat(repeat));
            let numbers: Vec<f32> = (0..count * channels).map(|i| (i % 23) as f32 / 5.0 - 2.0).collect();
            let scale = Scale { scale: step, zero };
            for isa in Isa::available() {
                let flip = isa.flip();
                let bytes: Vec<u8> = (0..count * pixel).map(|i| (i * 91 % 256) as u8 ^ flip).collect();
                let other = [
                    Other::None,
                    Other::Bytes { bytes: &bytes, scale: Scale { scale: 0.02, zero: 100 } },
                    Other::Numbers(&numbers),
                ][joined];
                let finish = Finish { channels, factors: &tiled, terms: &more, activation, scale, flip };
                let mut out = vec![1; count * pixel];
                finish.row(isa, &middle, other, pixel, &mut out);
                for i in 0..count {
                    for c in 0..channels {
                        let added = match joined {
                            0 => 0.0,
                            1 => (f32::from(bytes[i * pixel + c] ^ flip) - 100.0) * 0.02,
                            _ => numbers[i * channels + c],
                        };
                        let x = f32::from(middle[i * channels + c]) * factors[c] + terms[c] + added;
                        let y = [x, x.max(0.0), silu(x)][which];
                        prop_assert_eq!(out[i * pixel + c] ^ flip, rounded(y * (1.0 / step), zero), "{}", isa.name());
                    }
                }
            }
        }
    }
}
