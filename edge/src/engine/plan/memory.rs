//! The memory that a plan computes in, laid down once for each caller.

use super::convolution::Part;
use super::finishing::{Moments, Other};
use super::layout::Layout;
use super::{Action, Convolve, Ending, Plan, threads};
use crate::engine::kernels::{Aligned, LANES, Scratch, TILE};
use rayon::ThreadPool;
use std::sync::Arc;

/// Sums that go through the kernels together, and through the next pass while they are in the first cache.
const SUMS: usize = 8192;
/// Pixels to which they belong: whole tiles of the widest kernel.
const STRIPS: [usize; 2] = [32, 128];
/// Pixels after which sums of squared bytes leave their 32 bits.
const FLUSH: usize = 1 << 16;
/// What the tiles that are computed together may take: about a second cache.
const TILES: usize = 1 << 19;
/// To so many numbers at least a pixel's factors are repeated.
const REPEATED: usize = 512;

/// All that a plan writes to.
#[derive(Clone, Debug)]
pub struct Memory {
    pub(super) maps: Vec<Aligned<u8>>,
    /// A convolution's bytes before they are finished, `[H][W][C]`.
    pub(super) middle: Vec<u8>,
    /// A convolution's sums where they leave as numbers, part after part, `[pixels][channels, padded]`.
    pub(super) sums: Aligned<i32>,
    pub(super) moments: Vec<Moments>,
    /// Of each channel, repeated.
    pub(super) factors: Vec<f32>,
    pub(super) terms: Vec<f32>,
    /// Numbers that are added place by place, `[H][W][C]`.
    pub(super) others: Vec<f32>,
    /// A row of one plane.
    pub(super) line: Vec<u8>,
    pub(super) workers: Vec<Worker>,
    pub(super) pool: Option<Arc<ThreadPool>>,
}

/// What a thread needs for itself.
#[derive(Clone, Debug)]
pub(super) struct Worker {
    pub(super) acc: Aligned<i32>,
    /// A strip of a transposed convolution's bytes.
    pub(super) strip: Vec<u8>,
    pub(super) tiles: Scratch,
    pub(super) sum: Vec<u32>,
    pub(super) square: Vec<u32>,
    /// Pixels in them.
    pub(super) counted: usize,
    pub(super) moments: Vec<Moments>,
}

impl Plan {
    /// Memory for one caller.
    pub fn memory(&self) -> Memory {
        let convolutions = || {
            self.actions.iter().filter_map(|action| match action {
                Action::Convolve(convolve) => Some(convolve.as_ref()),
                _ => None,
            })
        };
        let most = |size: &dyn Fn(&Convolve) -> usize| convolutions().map(size).max().unwrap_or(0);
        let widest = |size: &dyn Fn(&Layout) -> usize| self.layouts.iter().map(size).max().unwrap_or(0);
        let channels = most(&|convolve| convolve.channels);
        let sums = |convolve: &Convolve| {
            convolve.strip().max(convolve.tiled_pixels()) * convolve.channels.next_multiple_of(LANES)
        };
        let worker = Worker {
            acc: Aligned::zeros(most(&sums)),
            tiles: convolutions().filter_map(Convolve::scratch).fold(Scratch::default(), Scratch::or_larger),
            strip: vec![0; most(&|convolve| convolve.strip() * convolve.channels)],
            sum: vec![0; channels],
            square: vec![0; channels],
            counted: 0,
            moments: vec![(0, 0); channels],
        };
        let numbers = |convolve: &Convolve| match convolve.ending {
            Ending::Numbers { .. } => convolve.parts.iter().map(Part::sums).sum(),
            Ending::Bytes { .. } => 0,
        };
        let others = |convolve: &Convolve| match &convolve.ending {
            Ending::Bytes { finishing, .. } => match finishing.other {
                Other::Input(_) => convolve.places() * convolve.channels,
                Other::Map { is_pixel: true, .. } => convolve.columns * convolve.channels,
                Other::None | Other::Map { .. } => 0,
            },
            Ending::Numbers { .. } => 0,
        };
        let bytes = |convolve: &Convolve| match convolve.ending {
            Ending::Numbers { .. } => 0,
            Ending::Bytes { .. } => convolve.places() * convolve.channels,
        };
        Memory {
            maps: self.layouts.iter().map(|layout| layout.buffer(self.isa.flip())).collect(),
            middle: vec![0; most(&bytes)],
            sums: Aligned::zeros(most(&numbers)),
            moments: vec![(0, 0); channels],
            factors: vec![0.0; channels + REPEATED],
            terms: vec![0.0; channels + REPEATED],
            others: vec![0.0; most(&others).max(widest(&|layout| layout.columns * layout.pixel))],
            line: vec![0; widest(&|layout| layout.columns)],
            workers: vec![worker; self.threads],
            pool: threads::pool(self.threads),
        }
    }
}

impl Convolve {
    pub(super) fn places(&self) -> usize {
        self.rows * self.columns
    }

    /// Pixels that go through the kernels together.
    pub(super) fn strip(&self) -> usize {
        let pixels = SUMS / self.channels.next_multiple_of(LANES);
        pixels.clamp(STRIPS[0], STRIPS[1]) / STRIPS[0] * STRIPS[0]
    }

    /// Rows of tiles that go through the kernels together; none where it is not computed in tiles.
    pub(super) fn tiled_rows(&self) -> usize {
        let [Part { tiles: Some(tiles), .. }] = self.parts.as_slice() else { return 0 };
        let most = TILES / (tiles.columns * tiles.weights.scratch_bytes());
        most.clamp(1, self.rows / TILE)
    }

    /// Pixels of those.
    fn tiled_pixels(&self) -> usize {
        self.tiled_rows() * TILE * self.columns
    }

    fn scratch(&self) -> Option<Scratch> {
        let tiles = self.parts.first()?.tiles.as_ref()?;
        Some(tiles.weights.scratch(self.tiled_rows() * tiles.columns))
    }

    /// Numbers that its factors are repeated to.
    pub(super) fn repeated(&self) -> usize {
        self.channels * REPEATED.div_ceil(self.channels)
    }
}

impl Worker {
    pub(super) fn start(&mut self, channels: usize) {
        self.sum[..channels].fill(0);
        self.square[..channels].fill(0);
        self.moments[..channels].fill((0, 0));
        self.counted = 0;
    }

    pub(super) fn count(&mut self, pixels: usize, channels: usize) {
        self.counted += pixels;
        if self.counted > FLUSH - STRIPS[1] {
            self.flush(channels);
        }
    }

    pub(super) fn flush(&mut self, channels: usize) {
        let counts = self.sum[..channels].iter_mut().zip(&mut self.square[..channels]);
        for (moments, (sum, square)) in self.moments.iter_mut().zip(counts) {
            moments.0 += u64::from(std::mem::take(sum));
            moments.1 += u64::from(std::mem::take(square));
        }
        self.counted = 0;
    }
}
