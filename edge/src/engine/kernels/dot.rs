//! ARM with `sdot`: each lane of four signed bytes of a pixel against four channels' bytes.

use super::packed::{LANES, Packed, Row};
use std::arch::aarch64::*;
use std::arch::asm;

/// See [`super::accumulate`]; bytes are signed.
///
/// # Safety
///
/// The processor has dot products; runs, their slack and `acc` are as [`super::accumulate`] checks them.
#[target_feature(enable = "neon,dotprod")]
pub(super) unsafe fn accumulate(input: &[u8], bases: &[u32], runs: &[u32], weights: &Packed, acc: &mut [i32]) {
    const MOST: usize = 4;
    let stride = weights.blocks() * LANES;
    for block in 0..weights.blocks() {
        let mut from = 0;
        while from < bases.len() {
            // Tiles as equal as they can be.
            let left = bases.len() - from;
            let pixels = left.div_ceil(left.div_ceil(MOST));
            let bases = &bases[from..][..pixels];
            let acc = &mut acc[from * stride + block * LANES..];
            // SAFETY: as this function's.
            unsafe {
                match pixels {
                    1 => tile::<1>(input, bases, runs, weights, block, acc),
                    2 => tile::<2>(input, bases, runs, weights, block, acc),
                    3 => tile::<3>(input, bases, runs, weights, block, acc),
                    _ => tile::<MOST>(input, bases, runs, weights, block, acc),
                }
            }
            from += pixels;
        }
    }
}

/// `sum[i] += Σ_j weights[4 i + j] · pixel[4 LANE + j]`.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn dot<const LANE: i32>(mut sum: int32x4_t, weights: int8x16_t, pixel: int8x16_t) -> int32x4_t {
    // SAFETY: registers only. The intrinsic is not stable yet.
    unsafe {
        asm!("sdot {sum:v}.4s, {weights:v}.16b, {pixel:v}.4b[{lane}]", sum = inout(vreg) sum,
             weights = in(vreg) weights, pixel = in(vreg) pixel, lane = const LANE,
             options(pure, nomem, nostack, preserves_flags));
    }
    sum
}

/// A row of weights against four bytes of each pixel.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn step<const LANE: i32, const PIXELS: usize>(
    sums: &mut [[int32x4_t; 4]; PIXELS],
    row: &Row,
    pixels: &[int8x16_t; PIXELS],
) {
    for quarter in 0..4 {
        // SAFETY: a row has four registers.
        let weights = unsafe { vld1q_s8(row.0.as_ptr().add(16 * quarter)) };
        for (sums, &pixel) in sums.iter_mut().zip(pixels) {
            sums[quarter] = dot::<LANE>(sums[quarter], weights, pixel);
        }
    }
}

/// # Safety
///
/// As [`accumulate`].
#[target_feature(enable = "neon,dotprod")]
unsafe fn tile<const PIXELS: usize>(
    input: &[u8],
    bases: &[u32],
    runs: &[u32],
    weights: &Packed,
    block: usize,
    acc: &mut [i32],
) {
    let stride = weights.blocks() * LANES;
    let mut sums = [[vdupq_n_s32(0); 4]; PIXELS];
    for (r, &run) in runs.iter().enumerate() {
        let mut bytes = [input.as_ptr().cast::<i8>(); PIXELS];
        for (bytes, &base) in bytes.iter_mut().zip(bases) {
            // SAFETY: the whole run lies within `input`, as the caller checked.
            *bytes = unsafe { bytes.add(base as usize + run as usize) };
        }
        let rows = &weights.run(block, r)[..weights.depth() / 4];
        let (fours, rest) = rows.as_chunks::<4>();
        for rows in fours {
            let mut pixels = [vdupq_n_s8(0); PIXELS];
            for (pixel, bytes) in pixels.iter_mut().zip(&mut bytes) {
                // SAFETY: 16 bytes within the run.
                unsafe {
                    *pixel = vld1q_s8(*bytes);
                    *bytes = bytes.add(16);
                }
            }
            step::<0, PIXELS>(&mut sums, &rows[0], &pixels);
            step::<1, PIXELS>(&mut sums, &rows[1], &pixels);
            step::<2, PIXELS>(&mut sums, &rows[2], &pixels);
            step::<3, PIXELS>(&mut sums, &rows[3], &pixels);
        }
        for row in rest {
            let mut pixels = [vdupq_n_s8(0); PIXELS];
            for (pixel, bytes) in pixels.iter_mut().zip(&mut bytes) {
                // SAFETY: four bytes within the run.
                unsafe {
                    *pixel = vreinterpretq_s8_s32(vdupq_n_s32(bytes.cast::<i32>().read_unaligned()));
                    *bytes = bytes.add(4);
                }
            }
            step::<0, PIXELS>(&mut sums, row, &pixels);
        }
    }
    for (sums, acc) in sums.iter().zip(acc.chunks_mut(stride)) {
        for (sum, acc) in sums.iter().zip(acc[..LANES].chunks_exact_mut(4)) {
            // SAFETY: four sums are one register.
            unsafe { vst1q_s32(acc.as_mut_ptr(), *sum) };
        }
    }
}
