//! The passes around a convolution: its sums rounded to bytes, and those bytes on their way to the next map. One source for
//! all processors, compiled for the vectors of each; the results are the same bit for bit.

use super::arithmetic::{round_to_int, silu};
use super::features::{self, Pass};
use super::{Isa, LANES};
use crate::engine::layer::{Activation, Scale};

/// Channels that are computed together.
const GROUP: usize = 8;

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
    #[inline(always)]
    fn run(self) {
        let Self { acc, channels, offsets, scales, zero, out, sum, square } = self;
        let whole = channels / GROUP * GROUP;
        let zero = i32::from(zero);
        let one = |acc: i32, offset: i32, scale: f32| {
            (round_to_int(acc.wrapping_add(offset) as f32 * scale) + zero).clamp(0, 255)
        };
        for (acc, out) in acc.chunks_exact(channels.next_multiple_of(LANES)).zip(out.chunks_exact_mut(channels)) {
            let groups = acc[..whole].as_chunks::<GROUP>().0.iter().zip(out[..whole].as_chunks_mut::<GROUP>().0);
            let parameters = offsets.as_chunks::<GROUP>().0.iter().zip(scales.as_chunks::<GROUP>().0);
            let counts = sum.as_chunks_mut::<GROUP>().0.iter_mut().zip(square.as_chunks_mut::<GROUP>().0);
            for (((acc, out), (offset, scale)), (sum, square)) in groups.zip(parameters).zip(counts) {
                for i in 0..GROUP {
                    let byte = one(acc[i], offset[i], scale[i]);
                    out[i] = byte as u8;
                    sum[i] += byte as u32;
                    square[i] += (byte * byte) as u32;
                }
            }
            for c in whole..channels {
                let byte = one(acc[c], offsets[c], scales[c]);
                out[c] = byte as u8;
                sum[c] += byte as u32;
                square[c] += (byte * byte) as u32;
            }
        }
    }
}

/// From a convolution's bytes to the next map's: `activation(factor[c] · byte + term[c] + other)`, rounded again.
#[derive(Clone, Copy, Debug)]
pub struct Finish<'a> {
    /// For each channel.
    pub factors: &'a [f32],
    pub terms: &'a [f32],
    pub activation: Activation,
    /// Of the bytes that come out.
    pub scale: Scale,
    /// What those are xor-ed with.
    pub flip: u8,
}

/// What is added place by place.
#[derive(Clone, Copy, Debug)]
pub enum Other<'a> {
    None,
    /// A map's row, `pixel` bytes from one pixel to the next.
    Bytes {
        bytes: &'a [u8],
        pixel: usize,
        scale: Scale,
    },
    /// Planes of `places` numbers, one after the other; the row's first place in each.
    Planes {
        planes: &'a [f32],
        first: usize,
        places: usize,
    },
}

impl Finish<'_> {
    /// One row: `middle` is `[pixels][channels]`, `out` has `pixel` bytes a pixel.
    pub fn row(self, isa: Isa, middle: &[u8], other: Other<'_>, pixel: usize, out: &mut [u8]) {
        features::run(isa, Row { finish: self, middle, other, pixel, out });
    }
}

struct Row<'a> {
    finish: Finish<'a>,
    middle: &'a [u8],
    other: Other<'a>,
    pixel: usize,
    out: &'a mut [u8],
}

impl Pass for Row<'_> {
    #[inline(always)]
    fn run(self) {
        finish(self.finish, self.middle, self.other, self.pixel, self.out);
    }
}

#[inline(always)]
fn finish(pass: Finish<'_>, middle: &[u8], other: Other<'_>, pixel: usize, out: &mut [u8]) {
    match pass.activation {
        Activation::None => add(pass, middle, other, pixel, out, |x| x),
        Activation::Relu => add(pass, middle, other, pixel, out, |x: f32| x.max(0.0)),
        Activation::Silu => add(pass, middle, other, pixel, out, silu),
    }
}

#[inline(always)]
fn add(
    pass: Finish<'_>,
    middle: &[u8],
    other: Other<'_>,
    pixel: usize,
    out: &mut [u8],
    activation: impl Fn(f32) -> f32,
) {
    match other {
        Other::None => pixels(pass, middle, pixel, out, |x, _, _| activation(x)),
        Other::Bytes { bytes, pixel: step, scale: Scale { scale, zero } } => {
            let zero = f32::from(zero);
            let number = |byte: u8| (f32::from(byte ^ pass.flip) - zero) * scale;
            pixels(pass, middle, pixel, out, |x, i, channel| activation(x + number(bytes[i * step + channel])));
        }
        Other::Planes { planes, first, places } => {
            pixels(pass, middle, pixel, out, |x, i, channel| activation(x + planes[channel * places + first + i]));
        }
    }
}

/// `change` is given a number, its pixel and its channel.
#[inline(always)]
fn pixels(pass: Finish<'_>, middle: &[u8], pixel: usize, out: &mut [u8], change: impl Fn(f32, usize, usize) -> f32) {
    let channels = pass.factors.len();
    let whole = channels / GROUP * GROUP;
    let (inverse, zero) = (1.0 / pass.scale.scale, i32::from(pass.scale.zero));
    let one = |byte: u8, factor: f32, term: f32, i: usize, channel: usize| {
        let number = change(f32::from(byte) * factor + term, i, channel);
        (round_to_int(number * inverse) + zero).clamp(0, 255) as u8 ^ pass.flip
    };
    for (i, (middle, out)) in middle.chunks_exact(channels).zip(out.chunks_mut(pixel)).enumerate() {
        let groups = middle[..whole].as_chunks::<GROUP>().0.iter().zip(out[..whole].as_chunks_mut::<GROUP>().0);
        let parameters = pass.factors.as_chunks::<GROUP>().0.iter().zip(pass.terms.as_chunks::<GROUP>().0);
        for (group, ((middle, out), (factor, term))) in groups.zip(parameters).enumerate() {
            for c in 0..GROUP {
                out[c] = one(middle[c], factor[c], term[c], i, group * GROUP + c);
            }
        }
        for c in whole..channels {
            out[c] = one(middle[c], pass.factors[c], pass.terms[c], i, c);
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
            let planes: Vec<f32> = (0..channels * (count + 3)).map(|i| (i % 23) as f32 / 5.0 - 2.0).collect();
            let scale = Scale { scale: step, zero };
            for isa in Isa::available() {
                let flip = isa.flip();
                let bytes: Vec<u8> = (0..count * pixel).map(|i| (i * 91 % 256) as u8 ^ flip).collect();
                let other = [
                    Other::None,
                    Other::Bytes { bytes: &bytes, pixel, scale: Scale { scale: 0.02, zero: 100 } },
                    Other::Planes { planes: &planes, first: 3, places: count + 3 },
                ][joined];
                let finish = Finish { factors: &factors, terms: &terms, activation, scale, flip };
                let mut out = vec![1; count * pixel];
                finish.row(isa, &middle, other, pixel, &mut out);
                for i in 0..count {
                    for c in 0..channels {
                        let added = match joined {
                            0 => 0.0,
                            1 => (f32::from(bytes[i * pixel + c] ^ flip) - 100.0) * 0.02,
                            _ => planes[c * (count + 3) + 3 + i],
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
