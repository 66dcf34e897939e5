//! 3×3 convolutions of stride 1 with a quarter of the multiplications: a tile of 4×4 output pixels is computed from 6×6 input
//! pixels as 36 products in place of 144, F(4×4, 3×3) of Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks"
//! (2015), section 4.
//!
//! In whole numbers, and exact: the filter's transform is multiplied by 24 in each dimension, so that all of it is whole and
//! fits 16 bits; sums come out as 576 times what they should be, modulo 2³², and are multiplied by the inverse of 9 and
//! shifted by 6. Every sum below 2²⁵ is right, whatever overflowed on the way.

use super::LANES;

/// Output pixels of a tile in each dimension, and input pixels.
pub const TILE: usize = 4;
const PATCH: usize = TILE + 2;
/// Products of a tile, a channel in and a channel out.
pub(super) const PLACES: usize = PATCH * PATCH;
/// Input channels that are transformed together.
pub(super) const GROUP: usize = 8;
/// Sums below this are exact.
const BOUND: i64 = 1 << 25;
/// `9 · NINTH = 1` modulo 2³².
pub(super) const NINTH: i32 = 0x38E3_8E39;

/// `24 · G`, but the last row a quarter of that, which [`output`] makes up for.
const FILTER: [[i32; 3]; PATCH] = [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 6]];

/// Rows of that for each place, down and across.
fn pairs() -> impl Iterator<Item = ([i32; 3], [i32; 3])> {
    FILTER.into_iter().flat_map(|rows| FILTER.into_iter().map(move |columns| (rows, columns)))
}

/// A 3×3 filter's weights, transformed: `[place][block of 16 channels][depth, padded][16 channels]`.
#[derive(Clone, Debug)]
pub struct Transformed {
    weights: Vec<i16>,
    blocks: usize,
    /// Input channels, padded to whole groups.
    depth: usize,
    /// Bytes a pixel.
    pixel: usize,
}

/// Where a caller's sums are made.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    /// `[place][tile][depth, padded]`
    pub(super) inputs: Vec<i16>,
    /// `[place][tile][channels, padded]`
    pub(super) sums: Vec<i32>,
}

/// Which tiles of a map.
#[derive(Clone, Copy, Debug)]
pub struct Tiles<'a> {
    /// The map's bytes, as [`super::accumulate`] has them.
    pub input: &'a [u8],
    /// Of each tile: where its patch of 6×6 pixels begins. Row after row of tiles.
    pub bases: &'a [u32],
    /// Tiles a row.
    pub columns: usize,
    /// Bytes from a row of the map to the next.
    pub row: usize,
}

impl Transformed {
    /// Transforms `weights`, `[channels][3][3][pixel]`; none where a sum of theirs with any bytes could be too large.
    ///
    /// # Panics
    ///
    /// Where `weights` has another length than the numbers say.
    pub fn new(weights: &[i8], channels: usize, pixel: usize) -> Option<Self> {
        assert_eq!(weights.len(), channels * 9 * pixel, "weights against channels × 9 × bytes a pixel");
        let largest = |filter: &[i8]| filter.iter().map(|&weight| i64::from(weight).abs() * 128).sum::<i64>();
        if weights.chunks_exact(9 * pixel).any(|filter| largest(filter) >= BOUND) {
            return None;
        }
        let (blocks, depth) = (channels.div_ceil(LANES), pixel.next_multiple_of(GROUP));
        let mut all = Self { weights: vec![0; PLACES * blocks * depth * LANES], blocks, depth, pixel };
        for (channel, filter) in weights.chunks_exact(9 * pixel).enumerate() {
            for d in 0..pixel {
                for (place, (rows, columns)) in pairs().enumerate() {
                    let tap = |i: usize| rows[i / 3] * columns[i % 3] * i32::from(filter[i * pixel + d]);
                    let at = all.at(place, channel / LANES) + d * LANES + channel % LANES;
                    all.weights[at] = (0..9).map(tap).sum::<i32>() as i16;
                }
            }
        }
        Some(all)
    }

    /// Where a block's weights of a place begin.
    fn at(&self, place: usize, block: usize) -> usize {
        (place * self.blocks + block) * self.depth * LANES
    }

    pub(super) fn block(&self, place: usize, block: usize) -> &[i16] {
        &self.weights[self.at(place, block)..][..self.depth * LANES]
    }

    pub(super) fn blocks(&self) -> usize {
        self.blocks
    }

    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    pub(super) fn pixel(&self) -> usize {
        self.pixel
    }

    /// Room for so many tiles at once.
    pub fn scratch(&self, tiles: usize) -> Scratch {
        let places = PLACES * tiles;
        Scratch { inputs: vec![0; places * self.depth], sums: vec![0; places * self.blocks * LANES] }
    }

    /// Bytes of that for each tile.
    pub fn scratch_bytes(&self) -> usize {
        PLACES * (2 * self.depth + 4 * self.blocks * LANES)
    }

    /// Whether tiles end within the input, its slack included.
    pub(super) fn fits(&self, tiles: &Tiles<'_>) -> bool {
        let last = tiles.bases.iter().fold(0, |last, &base| last.max(base)) as usize;
        last + (PATCH - 1) * (tiles.row + self.pixel) + self.depth <= tiles.input.len()
    }
}

impl Scratch {
    /// Room for what fits either.
    pub fn or_larger(mut self, other: Self) -> Self {
        self.inputs.resize(self.inputs.len().max(other.inputs.len()), 0);
        self.sums.resize(self.sums.len().max(other.sums.len()), 0);
        self
    }

    /// Whether so many tiles of these weights have room.
    pub(super) fn holds(&self, tiles: usize, weights: &Transformed) -> bool {
        let places = PLACES * tiles;
        self.inputs.len() >= places * weights.depth && self.sums.len() >= places * weights.blocks * LANES
    }
}

/// Plain loops over one tile after the other, the reference of the kernels.
pub(super) fn accumulate(flip: u8, tiles: &Tiles<'_>, weights: &Transformed, acc: &mut [i32]) {
    let channels = weights.blocks * LANES;
    for (tile, &base) in tiles.bases.iter().enumerate() {
        let mut sums = vec![[0i32; PLACES]; channels];
        for d in 0..weights.depth() {
            let byte = |i: usize| {
                let at = base as usize + i / PATCH * tiles.row + i % PATCH * weights.pixel() + d;
                i32::from(tiles.input[at] ^ flip) - i32::from(flip)
            };
            let patch = both(std::array::from_fn(byte), input);
            for (channel, sums) in sums.iter_mut().enumerate() {
                for (place, sum) in sums.iter_mut().enumerate() {
                    let weight = weights.block(place, channel / LANES)[d * LANES + channel % LANES];
                    *sum = sum.wrapping_add(patch[place].wrapping_mul(i32::from(weight)));
                }
            }
        }
        for (channel, sums) in sums.into_iter().enumerate() {
            let out = both(sums, output);
            for y in 0..TILE {
                for x in 0..TILE {
                    let (row, column) = (tile / tiles.columns * TILE + y, tile % tiles.columns * TILE + x);
                    let at = row * tiles.columns * TILE + column;
                    acc[at * channels + channel] = out[y * PATCH + x].wrapping_mul(NINTH) >> 6;
                }
            }
        }
    }
}

/// A transform of rows and then of columns.
fn both(mut places: [i32; PLACES], line: impl Fn([i32; PATCH]) -> [i32; PATCH]) -> [i32; PLACES] {
    for (along, across) in [(1, PATCH), (PATCH, 1)] {
        for first in (0..PATCH).map(|i| i * across) {
            let out = line(std::array::from_fn(|i| places[first + i * along]));
            (0..PATCH).for_each(|i| places[first + i * along] = out[i]);
        }
    }
    places
}

/// `Bᵀ d`
fn input([a, b, c, d, e, f]: [i32; PATCH]) -> [i32; PATCH] {
    [
        4 * a - 5 * c + e,
        -4 * b - 4 * c + d + e,
        4 * b - 4 * c - d + e,
        -2 * b - c + 2 * d + e,
        2 * b - c - 2 * d + e,
        4 * b - 5 * d + f,
    ]
}

/// `Aᵀ m`, four sums and two zeros.
fn output([a, b, c, d, e, f]: [i32; PATCH]) -> [i32; PATCH] {
    let (sum, difference) = (b.wrapping_add(c), b.wrapping_sub(c));
    let (far, apart) = (d.wrapping_add(e), d.wrapping_sub(e));
    [
        a.wrapping_add(sum).wrapping_add(far),
        difference.wrapping_add(apart << 1),
        sum.wrapping_add(far << 2),
        difference.wrapping_add(apart << 3).wrapping_add(f << 2),
        0,
        0,
    ]
}
