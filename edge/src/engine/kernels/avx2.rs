//! AVX2, exact: `vpmaddubsw` would saturate, so that bytes are widened to 16 bits, the even and the odd ones apart,
//! and `vpmaddwd` sums their products in pairs.

use super::packed::{LANES, Packed};
use std::arch::x86_64::*;

/// Pixels of a tile: with two registers of sums each, and their even and odd weights, they fill the 16 registers.
const PIXELS: usize = 4;

/// See [`super::accumulate`].
///
/// # Safety
///
/// The processor has AVX2; runs, their slack and `acc` are as [`super::accumulate`] checks them.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn accumulate(input: &[u8], bases: &[u32], runs: &[u32], weights: &Packed, acc: &mut [i32]) {
    let stride = weights.blocks() * LANES;
    for block in 0..weights.blocks() {
        for (bases, acc) in bases.chunks(PIXELS).zip(acc.chunks_mut(PIXELS * stride)) {
            let acc = &mut acc[block * LANES..];
            // SAFETY: as this function's.
            unsafe {
                match bases.len() {
                    1 => tile::<1>(input, bases, runs, weights, block, acc),
                    2 => tile::<2>(input, bases, runs, weights, block, acc),
                    3 => tile::<3>(input, bases, runs, weights, block, acc),
                    _ => tile::<4>(input, bases, runs, weights, block, acc),
                }
            }
        }
    }
}

/// # Safety
///
/// As [`accumulate`].
#[target_feature(enable = "avx2")]
unsafe fn tile<const PIXELS: usize>(
    input: &[u8],
    bases: &[u32],
    runs: &[u32],
    weights: &Packed,
    block: usize,
    acc: &mut [i32],
) {
    let stride = weights.blocks() * LANES;
    let low = _mm256_set1_epi16(0xff);
    let mut sums = [[_mm256_setzero_si256(); 2]; PIXELS];
    for (r, &run) in runs.iter().enumerate() {
        let mut bytes = [input.as_ptr(); PIXELS];
        for (bytes, &base) in bytes.iter_mut().zip(bases) {
            // SAFETY: the whole run lies within `input`, as the caller checked.
            *bytes = unsafe { bytes.add(base as usize + run as usize) };
        }
        for (step, row) in weights.run(block, r)[..weights.depth() / 4].iter().enumerate() {
            let mut even = [_mm256_setzero_si256(); 2];
            let mut odd = even;
            for half in 0..2 {
                // SAFETY: a row is two registers, aligned to 64 bytes.
                let both = unsafe { _mm256_load_si256(row.0.as_ptr().cast::<__m256i>().add(half)) };
                even[half] = _mm256_srai_epi16(_mm256_slli_epi16(both, 8), 8);
                odd[half] = _mm256_srai_epi16(both, 8);
            }
            for p in 0..PIXELS {
                // SAFETY: four bytes within the run.
                let four = _mm256_set1_epi32(unsafe { bytes[p].add(4 * step).cast::<i32>().read_unaligned() });
                let (first, second) = (_mm256_and_si256(four, low), _mm256_srli_epi16(four, 8));
                for half in 0..2 {
                    let pairs =
                        _mm256_add_epi32(_mm256_madd_epi16(first, even[half]), _mm256_madd_epi16(second, odd[half]));
                    sums[p][half] = _mm256_add_epi32(sums[p][half], pairs);
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
