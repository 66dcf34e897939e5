//! Weights in the order in which every kernel reads them, packed once when a model is loaded.

/// Channels of a block.
pub const LANES: usize = 16;

/// Bytes past a run's end that a kernel may read; they meet no weight.
pub const SLACK: usize = 64;

/// Bytes of a run that one tile holds.
const TILE: usize = 64;

/// Four weights of each of 16 channels: one ZMM register, two YMM, four NEON, or a row of a tile.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Row(pub(super) [i8; 4 * LANES]);

/// A filter's weights, `[block of 16 channels][run][depth / 4][16 channels][4 bytes]`, channels padded with zeros.
///
/// Runs are padded with rows of zeros so that they split into equal tiles ([`Packed::tiles`]).
#[derive(Clone, Debug)]
pub struct Packed {
    rows: Vec<Row>,
    blocks: usize,
    runs: usize,
    depth: usize,
    /// Tiles of a run.
    chunks: usize,
    /// Rows of a tile.
    chunk: usize,
}

impl Packed {
    /// Packs `weights`, `[channels][runs][depth]`, values −127..=127, `depth` bytes a run.
    ///
    /// # Panics
    ///
    /// Where `depth` is not a multiple of 4 or above 0, or `weights` has another length than the numbers say.
    pub fn new(weights: &[i8], channels: usize, runs: usize, depth: usize) -> Self {
        assert!(depth > 0 && depth.is_multiple_of(4), "a run of {depth} bytes: pad it with zeros to a multiple of 4");
        assert_eq!(weights.len(), channels * runs * depth, "weights against channels × runs × depth");
        let blocks = channels.div_ceil(LANES);
        let chunks = depth.div_ceil(TILE);
        let chunk = (depth / 4).div_ceil(chunks);
        let mut rows = vec![Row([0; 4 * LANES]); blocks * runs * chunks * chunk];
        for (c, filter) in weights.chunks_exact(runs * depth).enumerate() {
            for (r, run) in filter.chunks_exact(depth).enumerate() {
                let first = (c / LANES * runs + r) * chunks * chunk;
                for (row, four) in rows[first..].iter_mut().zip(run.chunks_exact(4)) {
                    row.0[c % LANES * 4..][..4].copy_from_slice(four);
                }
            }
        }
        Self { rows, blocks, runs, depth, chunks, chunk }
    }

    /// Blocks of 16 channels.
    pub fn blocks(&self) -> usize {
        self.blocks
    }

    /// Runs of a filter.
    pub fn runs(&self) -> usize {
        self.runs
    }

    /// Bytes of a run, without padding.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// The rows of a run of a block: `depth / 4` of them, then the padding.
    pub(super) fn run(&self, block: usize, run: usize) -> &[Row] {
        let length = self.chunks * self.chunk;
        &self.rows[(block * self.runs + run) * length..][..length]
    }

    /// How a run splits into equal tiles: tiles, rows of each (1..=16).
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    pub(super) fn tiles(&self) -> (usize, usize) {
        (self.chunks, self.chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn four_weights_of_a_channel_lie_together() {
        let weights: Vec<i8> = (0..2 * 2 * 8).collect();
        let packed = Packed::new(&weights, 2, 2, 8);
        assert_eq!(packed.blocks(), 1);
        assert_eq!(packed.run(0, 0)[0].0[..8], [0, 1, 2, 3, 16, 17, 18, 19]);
        assert_eq!(packed.run(0, 1)[1].0[..8], [12, 13, 14, 15, 28, 29, 30, 31]);
        assert!(packed.run(0, 0)[0].0[8..].iter().all(|&w| w == 0));
    }

    proptest! {
        #[test]
        fn tiles_cover_a_run_and_its_slack_covers_them(quarter in 1usize..2000) {
            let depth = 4 * quarter;
            let (chunks, chunk) = Packed::new(&vec![1; depth], 1, 1, depth).tiles();
            prop_assert!((1..=16).contains(&chunk));
            prop_assert!(4 * chunk * chunks >= depth && 4 * chunk * chunks <= depth + SLACK);
        }
    }
}
