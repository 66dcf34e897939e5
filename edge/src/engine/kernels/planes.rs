//! A float filter over one plane: where there is one channel, a matrix product is mostly overhead.

use super::Isa;
use super::features::{self, Pass};

/// Output pixels whose sums stay in registers together.
const STRIP: usize = 32;

/// `out[y][x] = bias + Σ filter[i][j] · plane[y + i][x + j]`.
///
/// `plane`: rows of `columns`; `filter`: `taps[0]` rows of `taps[1]`; `out`: the rows and columns at which the whole filter lies
/// within the plane. The sums' order is the same for all instruction sets.
pub fn filter(isa: Isa, plane: &[f32], columns: usize, filter: &[f32], taps: [usize; 2], bias: f32, out: &mut [f32]) {
    features::run(isa, Filter { plane, columns, filter, taps, bias, out });
}

struct Filter<'a> {
    plane: &'a [f32],
    columns: usize,
    filter: &'a [f32],
    taps: [usize; 2],
    bias: f32,
    out: &'a mut [f32],
}

impl Pass for Filter<'_> {
    #[inline(always)]
    fn run(self) {
        let Self { plane, columns, filter, taps: [_, width], bias, out } = self;
        let across = columns + 1 - width;
        for (y, out) in out.chunks_exact_mut(across).enumerate() {
            let rows = &plane[y * columns..];
            let mut x = 0;
            while x < across {
                // The last strip begins within the one before, and computes the same there.
                let from = x.min(across.saturating_sub(STRIP));
                if let Some(out) = out[from..].first_chunk_mut::<STRIP>() {
                    let mut sums = [bias; STRIP];
                    for (i, filter) in filter.chunks_exact(width).enumerate() {
                        for (j, weight) in filter.iter().enumerate() {
                            let pixels = &rows[i * columns + from + j..][..STRIP];
                            for (sum, pixel) in sums.iter_mut().zip(pixels) {
                                *sum += weight * pixel;
                            }
                        }
                    }
                    *out = sums;
                } else {
                    for (x, out) in out.iter_mut().enumerate() {
                        let taps = filter.iter().enumerate();
                        *out = taps
                            .fold(bias, |sum, (t, weight)| sum + weight * rows[t / width * columns + x + t % width]);
                    }
                }
                x = from + STRIP;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_place_is_the_sum_of_what_the_filter_covers(
            out in [1usize..5, 1usize..80], taps in [1usize..5, 1usize..9], bias in -1.0f32..1.0,
        ) {
            let (rows, columns) = (out[0] + taps[0] - 1, out[1] + taps[1] - 1);
            let plane: Vec<f32> = (0..rows * columns).map(|i| (i as f32 * 0.7).sin()).collect();
            let weights: Vec<f32> = (0..taps[0] * taps[1]).map(|i| (i as f32 * 1.3).cos()).collect();
            let expected: Vec<f32> = (0..out[0] * out[1]).map(|place| {
                let at = |t: usize| plane[(place / out[1] + t / taps[1]) * columns + place % out[1] + t % taps[1]];
                weights.iter().enumerate().fold(bias, |sum, (t, weight)| sum + weight * at(t))
            }).collect();
            for isa in Isa::available() {
                let mut found = vec![f32::NAN; out[0] * out[1]];
                filter(isa, &plane, columns, &weights, taps, bias, &mut found);
                prop_assert_eq!(&found, &expected, "{}", isa.name());
            }
        }
    }
}
