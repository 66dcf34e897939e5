//! AVX-512 with `vpdpbusd`: a tile of pixels × channels in registers, four bytes of each a step.

use super::packed::{LANES, Packed};
use std::arch::x86_64::*;

/// See [`super::accumulate`].
///
/// # Safety
///
/// The processor has AVX-512 F and VNNI; runs, their slack and `acc` are as [`super::accumulate`] checks them.
#[target_feature(enable = "avx512f,avx512vnni")]
pub(super) unsafe fn accumulate(input: &[u8], bases: &[u32], runs: &[u32], weights: &Packed, acc: &mut [i32]) {
    let mut block = 0;
    while block < weights.blocks() {
        // Three blocks at once where their number is odd, so that a single one is left only where it is alone.
        let left = weights.blocks() - block;
        let wide = if left % 2 == 1 { left.min(3) } else { 2 };
        let most = [14, 12, 8][wide - 1];
        let mut from = 0;
        while from < bases.len() {
            // Tiles as equal as they can be.
            let left = bases.len() - from;
            let pixels = left.div_ceil(left.div_ceil(most));
            let tile = Tile { input, bases: &bases[from..][..pixels], runs, weights, block };
            let acc = &mut acc[from * weights.blocks() * LANES..];
            // SAFETY: as this function's.
            unsafe { tile.run(wide, acc) };
            from += pixels;
        }
        block += wide;
    }
}

struct Tile<'a> {
    input: &'a [u8],
    bases: &'a [u32],
    runs: &'a [u32],
    weights: &'a Packed,
    block: usize,
}

macro_rules! by_pixels {
    ($tile:ident, $acc:ident, $wide:literal, $($pixels:literal)*) => {
        match $tile.bases.len() {
            // SAFETY: as the caller's.
            $($pixels => unsafe { $tile.sums::<$wide, $pixels>($acc) },)*
            pixels => unreachable!("a tile of {pixels} pixels"),
        }
    };
}

impl Tile<'_> {
    /// # Safety
    ///
    /// As [`accumulate`].
    #[target_feature(enable = "avx512f,avx512vnni")]
    unsafe fn run(&self, wide: usize, acc: &mut [i32]) {
        match wide {
            1 => by_pixels!(self, acc, 1, 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
            2 => by_pixels!(self, acc, 2, 1 2 3 4 5 6 7 8 9 10 11 12),
            _ => by_pixels!(self, acc, 3, 1 2 3 4 5 6 7 8),
        }
    }

    /// # Safety
    ///
    /// As [`accumulate`].
    #[target_feature(enable = "avx512f,avx512vnni")]
    unsafe fn sums<const WIDE: usize, const PIXELS: usize>(&self, acc: &mut [i32]) {
        let mut sums = [[_mm512_setzero_si512(); WIDE]; PIXELS];
        let steps = self.weights.depth() / 4;
        for (r, &run) in self.runs.iter().enumerate() {
            let mut bytes = [self.input.as_ptr(); PIXELS];
            for (bytes, &base) in bytes.iter_mut().zip(self.bases) {
                // SAFETY: the whole run lies within `input`, as the caller checked.
                *bytes = unsafe { bytes.add(base as usize + run as usize) };
            }
            let mut rows = [self.weights.run(self.block, r).as_ptr(); WIDE];
            for (b, row) in rows.iter_mut().enumerate() {
                *row = self.weights.run(self.block + b, r).as_ptr();
            }
            // A loop that surely turns once: the sums stay in their registers.
            let mut step = 0;
            loop {
                let mut weights = [_mm512_setzero_si512(); WIDE];
                for b in 0..WIDE {
                    // SAFETY: a run has at least `depth / 4` rows, each of 64 aligned bytes.
                    weights[b] = unsafe { _mm512_load_si512(rows[b].add(step).cast()) };
                }
                for p in 0..PIXELS {
                    // SAFETY: four bytes within the run.
                    let four = _mm512_set1_epi32(unsafe { bytes[p].add(4 * step).cast::<i32>().read_unaligned() });
                    for b in 0..WIDE {
                        sums[p][b] = _mm512_dpbusd_epi32(sums[p][b], four, weights[b]);
                    }
                }
                step += 1;
                if step == steps {
                    break;
                }
            }
        }
        for (sums, acc) in sums.iter().zip(acc.chunks_exact_mut(self.weights.blocks() * LANES)) {
            for (sum, acc) in sums.iter().zip(acc[self.block * LANES..].chunks_exact_mut(LANES)) {
                // SAFETY: 16 sums of 4 bytes are one register.
                unsafe { _mm512_storeu_si512(acc.as_mut_ptr().cast(), *sum) };
            }
        }
    }
}
