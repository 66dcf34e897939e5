//! The reference: plain loops that the other kernels must equal.

use super::packed::{LANES, Packed};

/// See [`super::accumulate`]; `flip` says whether bytes are signed.
pub(super) fn accumulate(flip: u8, input: &[u8], bases: &[u32], runs: &[u32], weights: &Packed, acc: &mut [i32]) {
    let shift = i32::from(flip);
    for (&base, sums) in bases.iter().zip(acc.chunks_exact_mut(weights.blocks() * LANES)) {
        for (block, sums) in sums.chunks_exact_mut(LANES).enumerate() {
            sums.fill(0);
            for (r, &run) in runs.iter().enumerate() {
                let bytes = &input[base as usize + run as usize..][..weights.depth()];
                for (four, row) in bytes.chunks_exact(4).zip(weights.run(block, r)) {
                    for (sum, filter) in sums.iter_mut().zip(row.0.chunks_exact(4)) {
                        for (&byte, &weight) in four.iter().zip(filter) {
                            *sum += (i32::from(byte ^ flip) - shift) * i32::from(weight);
                        }
                    }
                }
            }
        }
    }
}
