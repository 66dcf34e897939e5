//! Any 64-bit ARM: `smull` and `smlal` sum two products in 16 bits, which hold them (2 · 127 · 128 < 2¹⁵), and `sadalp`
//! adds pairs of those to the sums. A register of sums holds two halves of each of two channels until the end.

use super::packed::{LANES, Packed, Row};
use std::arch::aarch64::*;

/// See [`super::accumulate`]; bytes are signed.
///
/// # Safety
///
/// The processor has NEON; runs, their slack and `acc` are as [`super::accumulate`] checks them.
#[target_feature(enable = "neon")]
pub(super) unsafe fn accumulate(input: &[u8], bases: &[u32], runs: &[u32], weights: &Packed, acc: &mut [i32]) {
    let stride = weights.blocks() * LANES;
    for block in 0..weights.blocks() {
        for (bases, acc) in bases.chunks(2).zip(acc.chunks_mut(2 * stride)) {
            let acc = &mut acc[block * LANES..];
            // SAFETY: as this function's.
            unsafe {
                match bases.len() {
                    1 => tile::<1>(input, bases, runs, weights, block, acc),
                    _ => tile::<2>(input, bases, runs, weights, block, acc),
                }
            }
        }
    }
}

/// # Safety
///
/// As [`accumulate`].
#[target_feature(enable = "neon")]
unsafe fn tile<const PIXELS: usize>(
    input: &[u8],
    bases: &[u32],
    runs: &[u32],
    weights: &Packed,
    block: usize,
    acc: &mut [i32],
) {
    let stride = weights.blocks() * LANES;
    let mut sums = [[vdupq_n_s32(0); 8]; PIXELS];
    for (r, &run) in runs.iter().enumerate() {
        let mut bytes = [input.as_ptr(); PIXELS];
        for (bytes, &base) in bytes.iter_mut().zip(bases) {
            // SAFETY: the whole run lies within `input`, as the caller checked.
            *bytes = unsafe { bytes.add(base as usize + run as usize) };
        }
        let (pairs, rest) = weights.run(block, r)[..weights.depth() / 4].as_chunks::<2>();
        for [first, second] in pairs {
            let mut pixels = [[vdup_n_s8(0); 2]; PIXELS];
            for (pixel, bytes) in pixels.iter_mut().zip(&mut bytes) {
                // SAFETY: twice four bytes within the run.
                unsafe {
                    *pixel = [four(*bytes), four(bytes.add(4))];
                    *bytes = bytes.add(8);
                }
            }
            for two in 0..8 {
                let (first, second) = (load(first, two), load(second, two));
                for (sums, pixel) in sums.iter_mut().zip(&pixels) {
                    let products = vmlal_s8(vmull_s8(first, pixel[0]), second, pixel[1]);
                    sums[two] = vpadalq_s16(sums[two], products);
                }
            }
        }
        for row in rest {
            for (sums, bytes) in sums.iter_mut().zip(bytes) {
                // SAFETY: the run's last four bytes.
                let pixel = unsafe { four(bytes) };
                for (two, sum) in sums.iter_mut().enumerate() {
                    *sum = vpadalq_s16(*sum, vmull_s8(load(row, two), pixel));
                }
            }
        }
    }
    for (sums, acc) in sums.iter().zip(acc.chunks_mut(stride)) {
        for (sums, acc) in sums.as_chunks::<2>().0.iter().zip(acc[..LANES].chunks_exact_mut(4)) {
            // SAFETY: four sums are one register.
            unsafe { vst1q_s32(acc.as_mut_ptr(), vpaddq_s32(sums[0], sums[1])) };
        }
    }
}

/// Two channels of a row.
#[inline]
#[target_feature(enable = "neon")]
fn load(row: &Row, two: usize) -> int8x8_t {
    let bytes = &row.0[8 * two..][..8];
    // SAFETY: 8 bytes.
    unsafe { vld1_s8(bytes.as_ptr()) }
}

/// Four bytes of a pixel, twice.
///
/// # Safety
///
/// Four bytes can be read.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn four(bytes: *const u8) -> int8x8_t {
    // SAFETY: as the caller's.
    vreinterpret_s8_s32(vdup_n_s32(unsafe { bytes.cast::<i32>().read_unaligned() }))
}
