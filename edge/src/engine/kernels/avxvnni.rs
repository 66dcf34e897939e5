//! AVX-VNNI: `vpdpbusd` on registers of 32 bytes, for processors without AVX-512, such as the small Intel ones of mini computers.

use super::packed::{LANES, Packed};
use std::arch::x86_64::*;

/// Pixels of a tile: with two registers of sums each, a row of weights and four bytes of a pixel, they fill the 16 registers.
const MOST: usize = 6;

/// See [`super::accumulate`].
///
/// # Safety
///
/// The processor has AVX-VNNI; runs, their slack and `acc` are as [`super::accumulate`] checks them.
#[target_feature(enable = "avx2,avxvnni")]
pub(super) unsafe fn accumulate(input: &[u8], bases: &[u32], runs: &[u32], weights: &Packed, acc: &mut [i32]) {
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
                    4 => tile::<4>(input, bases, runs, weights, block, acc),
                    5 => tile::<5>(input, bases, runs, weights, block, acc),
                    _ => tile::<MOST>(input, bases, runs, weights, block, acc),
                }
            }
            from += pixels;
        }
    }
}

/// # Safety
///
/// As [`accumulate`].
#[target_feature(enable = "avx2,avxvnni")]
unsafe fn tile<const PIXELS: usize>(
    input: &[u8],
    bases: &[u32],
    runs: &[u32],
    weights: &Packed,
    block: usize,
    acc: &mut [i32],
) {
    let stride = weights.blocks() * LANES;
    let mut sums = [[_mm256_setzero_si256(); 2]; PIXELS];
    for (r, &run) in runs.iter().enumerate() {
        let mut bytes = [input.as_ptr(); PIXELS];
        for (bytes, &base) in bytes.iter_mut().zip(bases) {
            // SAFETY: the whole run lies within `input`, as the caller checked.
            *bytes = unsafe { bytes.add(base as usize + run as usize) };
        }
        for (step, row) in weights.run(block, r)[..weights.depth() / 4].iter().enumerate() {
            // SAFETY: a row is two registers, aligned to 64 bytes.
            let weights = [0, 1].map(|half| unsafe { _mm256_load_si256(row.0.as_ptr().cast::<__m256i>().add(half)) });
            for p in 0..PIXELS {
                // SAFETY: four bytes within the run.
                let four = _mm256_set1_epi32(unsafe { bytes[p].add(4 * step).cast::<i32>().read_unaligned() });
                for half in 0..2 {
                    sums[p][half] = _mm256_dpbusd_avx_epi32(sums[p][half], four, weights[half]);
                }
            }
        }
    }
    for (sums, acc) in sums.iter().zip(acc.chunks_mut(stride)) {
        for (sum, acc) in sums.iter().zip(acc[..LANES].chunks_exact_mut(8)) {
            // SAFETY: 8 sums of 4 bytes are one register.
            unsafe { _mm256_storeu_si256(acc.as_mut_ptr().cast(), *sum) };
        }
    }
}
