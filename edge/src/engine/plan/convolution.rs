//! A convolution laid out for the kernels: which bytes each output pixel looks at, and the weights in their order. A
//! transposed convolution of stride s becomes s² plain ones, each for the output pixels of one remainder.

use super::PlanError;
use super::layout::Layout;
use crate::engine::kernels::{Isa, LANES, Packed, TILE, Transformed};
use crate::engine::layer::{Filter, Geometry};

/// A convolution over one map, for the output pixels `(row·step + first_row, column·step + first_column)`.
///
/// Where there are few channels, several neighbours of a row are computed as the channels of one: `[neighbour][channel]`, each
/// with the filter moved to its place in a wider one.
#[derive(Debug)]
pub struct Part {
    /// Output pixels a row of this part, neighbours together.
    pub columns: usize,
    /// How many pixels are computed as one.
    pub together: usize,
    pub step: usize,
    pub first: [usize; 2],
    /// For each of those, row by row, where its first tap is in the source.
    pub bases: Vec<u32>,
    /// Where each run of taps is, from there.
    pub runs: Vec<u32>,
    pub weights: Packed,
    /// The same for whole tiles, where that is faster.
    pub tiles: Option<Tiled>,
    /// What to add to the kernel's sums of each channel: the bias, less what the zero points contribute.
    pub offsets: Vec<i32>,
}

/// A 3×3 convolution tile by tile.
#[derive(Debug)]
pub struct Tiled {
    pub weights: Transformed,
    /// Where each tile's patch begins.
    pub bases: Vec<u32>,
    /// Tiles a row.
    pub columns: usize,
    /// Bytes from a row of the source to the next.
    pub row: usize,
}

/// So many times as many useful products make up for what is computed for nothing.
const WORTH: f32 = 1.2;
/// Below this many channels in or out, transforming costs more than it saves.
const FEWEST: usize = 16;

/// Taps of one dimension: which row of the kernel meets which row of the source, from the output's own position.
type Taps = Vec<(usize, isize)>;

/// Rows and columns of a convolution's output; none where the kernel is larger than the source.
pub fn output(filter: &Filter, geometry: &Geometry, source: [usize; 2]) -> Option<[usize; 2]> {
    let side = |i: usize| {
        let (pads, kernel) = (geometry.before[i] + geometry.after[i], filter.kernel[i]);
        Some(match geometry.transposed {
            None => (source[i] + pads).checked_sub(kernel)? / geometry.stride + 1,
            Some(more) => ((source[i].checked_sub(1)?) * geometry.stride + kernel + more[i]).checked_sub(pads)?,
        })
    };
    Some([side(0)?, side(1)?]).filter(|sides| !sides.contains(&0))
}

/// How far beyond the source's edges it looks: above, left, below, right.
pub fn margin(filter: &Filter, geometry: &Geometry, source: [usize; 2]) -> Result<[usize; 4], PlanError> {
    let sides = output(filter, geometry, source).ok_or(PlanError::TooSmall(source))?;
    let mut margin = [0; 4];
    for i in 0..2 {
        for remainder in 0..remainders(geometry) {
            let taps = taps(filter, geometry, i, remainder);
            let (Some(first), Some(last)) = (taps.first(), taps.last()) else { return Err(PlanError::Holes) };
            let outputs = sides[i].saturating_sub(remainder).div_ceil(remainders(geometry));
            if outputs == 0 {
                continue;
            }
            let furthest = ((outputs - 1) * step(geometry)) as isize + last.1 - (source[i] as isize - 1);
            margin[i] = margin[i].max(first.1.min(0).unsigned_abs());
            margin[i + 2] = margin[i + 2].max(furthest.max(0).unsigned_abs());
        }
    }
    Ok(margin)
}

/// Rows of the source from one output row to the next.
const fn step(geometry: &Geometry) -> usize {
    if geometry.transposed.is_some() { 1 } else { geometry.stride }
}

const fn remainders(geometry: &Geometry) -> usize {
    if geometry.transposed.is_some() { geometry.stride } else { 1 }
}

fn taps(filter: &Filter, geometry: &Geometry, dimension: usize, remainder: usize) -> Taps {
    let before = geometry.before[dimension] as isize;
    let kernel = 0..filter.kernel[dimension];
    if geometry.transposed.is_none() {
        return kernel.map(|tap| (tap, tap as isize - before)).collect();
    }
    let stride = geometry.stride as isize;
    let distance = |tap: usize| remainder as isize + before - tap as isize;
    let meets = |&tap: &usize| distance(tap).rem_euclid(stride) == 0;
    kernel.rev().filter(meets).map(|tap| (tap, distance(tap).div_euclid(stride))).collect()
}

/// Lays a convolution out over a source whose border is wide enough. `joins`: whether pixels may be computed together.
pub fn parts(
    filter: &Filter,
    geometry: &Geometry,
    source: &Layout,
    isa: Isa,
    joins: bool,
) -> Result<Vec<Part>, PlanError> {
    let size = [source.rows, source.columns];
    let sides = output(filter, geometry, size).ok_or(PlanError::TooSmall(size))?;
    let mut parts = Vec::new();
    for down in 0..remainders(geometry) {
        for across in 0..remainders(geometry) {
            let (rows, columns) = (taps(filter, geometry, 0, down), taps(filter, geometry, 1, across));
            let count = |i: usize, first: usize| sides[i].saturating_sub(first).div_ceil(remainders(geometry));
            let (height, width) = (count(0, down), count(1, across));
            if height * width == 0 {
                continue;
            }
            let (weights, sums) = order(filter, &rows, &columns, source.pixel);
            let (top, left) = (rows[0].1, columns[0].1);
            let step = step(geometry);
            let base = |y: usize, x: usize| source.at((y * step) as isize + top, (x * step) as isize + left) as u32;
            // Kernels see an unsigned byte as it is, or less by 128.
            let seen = i32::from(source.scale.zero) - i32::from(isa.flip());
            let plain = geometry.transposed.is_none() && geometry.stride == 1;
            let tiles = plain && filter.kernel == [3, 3] && height % TILE == 0 && width % TILE == 0;
            let wide = filter.depth.min(filter.channels) >= FEWEST;
            // Sums that leave as they are have no tiles.
            let tiles = (tiles && wide && !joins && isa.prefers_tiles())
                .then(|| Tiled::new(&weights, filter, source, [height, width], base));
            let together = if joins && geometry.transposed.is_none() { together(filter, geometry, width) } else { 1 };
            let span = (columns.len() + (together - 1) * step) * source.pixel;
            let moved = widened(
                &weights,
                filter.channels,
                [rows.len(), columns.len() * source.pixel],
                together,
                step * source.pixel,
            );
            parts.push(Part {
                columns: width / together,
                together,
                tiles: tiles.flatten(),
                step: remainders(geometry),
                first: [down, across],
                bases: (0..height).flat_map(|y| (0..width).step_by(together).map(move |x| base(y, x))).collect(),
                runs: rows.iter().map(|row| (row.1 - top) as u32 * source.row() as u32).collect(),
                weights: Packed::new(&moved, filter.channels * together, rows.len(), span),
                offsets: filter.bias.iter().zip(sums).map(|(bias, sum)| bias.saturating_sub(seen * sum)).collect(),
            });
        }
    }
    Ok(parts)
}

impl Part {
    /// How many sums it makes.
    pub fn sums(&self) -> usize {
        self.bases.len() * self.weights.blocks() * LANES
    }
}

impl Tiled {
    fn new(
        weights: &[i8],
        filter: &Filter,
        source: &Layout,
        [height, width]: [usize; 2],
        base: impl Fn(usize, usize) -> u32,
    ) -> Option<Self> {
        let weights = Transformed::new(weights, filter.channels, source.pixel)?;
        let corners = (0..height).step_by(TILE).flat_map(|y| (0..width).step_by(TILE).map(move |x| (y, x)));
        let bases = corners.map(|(y, x)| base(y, x)).collect();
        Some(Self { weights, bases, columns: width / TILE, row: source.row() })
    }
}

/// How many neighbours of a row are best computed as the channels of one pixel: the most useful products among all.
fn together(filter: &Filter, geometry: &Geometry, width: usize) -> usize {
    let useful = |count: usize| {
        let (lanes, taps) = (filter.channels * count, filter.kernel[1] as f32);
        let used = lanes as f32 / lanes.next_multiple_of(LANES) as f32;
        used * taps / (taps + ((count - 1) * geometry.stride) as f32)
    };
    let counts = (2..=LANES).filter(|&count| width.is_multiple_of(count) && useful(count) > WORTH * useful(1));
    counts.max_by(|&a, &b| useful(a).total_cmp(&useful(b))).unwrap_or(1)
}

/// The same filter for `count` neighbours, `by` bytes from each other: `[neighbour][channel][run][byte of the run]`.
fn widened(weights: &[i8], channels: usize, [runs, depth]: [usize; 2], count: usize, by: usize) -> Vec<i8> {
    let span = depth + (count - 1) * by;
    let mut all = vec![0; count * channels * runs * span];
    for (i, out) in all.chunks_exact_mut(span).enumerate() {
        let (neighbour, run) = (i / (channels * runs), i % (channels * runs));
        out[neighbour * by..][..depth].copy_from_slice(&weights[run * depth..][..depth]);
    }
    all
}

/// Weights as `[channel][run][byte of the run]` with zeros where a pixel has no channel, and their sum for each channel.
fn order(filter: &Filter, rows: &Taps, columns: &Taps, pixel: usize) -> (Vec<i8>, Vec<i32>) {
    let [_, width] = filter.kernel;
    let mut weights = Vec::with_capacity(filter.channels * rows.len() * columns.len() * pixel);
    let mut sums = Vec::with_capacity(filter.channels);
    for channel in 0..filter.channels {
        let mut sum = 0;
        for (row, _) in rows {
            for (column, _) in columns {
                let at = ((channel * filter.kernel[0] + row) * width + column) * filter.depth;
                let tap = &filter.weights[at..at + filter.depth];
                sum += tap.iter().map(|&weight| i32::from(weight)).sum::<i32>();
                weights.extend_from_slice(tap);
                weights.resize(weights.len() + pixel - filter.depth, 0);
            }
        }
        sums.push(sum);
    }
    (weights, sums)
}
