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
        for (step, [first, second]) in pairs.iter().enumerate() {
            let mut pixels = [[vdupq_n_s8(0); 2]; PIXELS];
            for (pixel, bytes) in pixels.iter_mut().zip(bytes) {
                // SAFETY: twice four bytes within the run.
                *pixel = unsafe { [four(bytes.add(8 * step)), four(bytes.add(8 * step + 4))] };
            }
            for quarter in 0..4 {
                let (first, second) = (load(first, quarter), load(second, quarter));
                for p in 0..PIXELS {
                    let [one, two] = pixels[p];
                    let low = vmull_s8(vget_low_s8(first), vget_low_s8(one));
                    let low = vmlal_s8(low, vget_low_s8(second), vget_low_s8(two));
                    sums[p][2 * quarter] = vpadalq_s16(sums[p][2 * quarter], low);
                    let high = vmlal_high_s8(vmull_high_s8(first, one), second, two);
                    sums[p][2 * quarter + 1] = vpadalq_s16(sums[p][2 * quarter + 1], high);
                }
            }
        }
        for row in rest {
            for p in 0..PIXELS {
                // SAFETY: the run's last four bytes.
                let pixel = unsafe { four(bytes[p].add(8 * pairs.len())) };
                for quarter in 0..4 {
                    let weights = load(row, quarter);
                    let low = vmull_s8(vget_low_s8(weights), vget_low_s8(pixel));
                    sums[p][2 * quarter] = vpadalq_s16(sums[p][2 * quarter], low);
                    let high = vmull_high_s8(weights, pixel);
                    sums[p][2 * quarter + 1] = vpadalq_s16(sums[p][2 * quarter + 1], high);
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

/// Four channels of a row.
#[inline]
#[target_feature(enable = "neon")]
fn load(row: &Row, quarter: usize) -> int8x16_t {
    let bytes = &row.0[16 * quarter..][..16];
    // SAFETY: 16 bytes.
    unsafe { vld1q_s8(bytes.as_ptr()) }
}

/// Four bytes of a pixel, four times.
///
/// # Safety
///
/// Four bytes can be read.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn four(bytes: *const u8) -> int8x16_t {
    // SAFETY: as the caller's.
    vreinterpretq_s8_s32(vdupq_n_s32(unsafe { bytes.cast::<i32>().read_unaligned() }))
}
