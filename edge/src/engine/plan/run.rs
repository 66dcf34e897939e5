//! A plan at work: one frame through all layers of a region. Rows and pixels are shared out to the threads; sums of bytes are
//! exact, so that the result does not depend on how.

use super::finishing::{Moments, Other};
use super::layout::Layout;
use super::{Action, Convolve, Ending, Plan};
use crate::engine::kernels::{self, LANES};
use crate::engine::layer::Scale;
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::Arc;

/// Pixels that go through the kernels together: their sums stay in the first cache.
const STRIP: usize = 32;
/// Pixels after which sums of squared bytes leave their 32 bits.
const FLUSH: usize = 1 << 16;

/// All that a plan writes to.
#[derive(Clone, Debug)]
pub struct Memory {
    maps: Vec<Vec<u8>>,
    /// A convolution's bytes before they are finished, `[H][W][C]`.
    middle: Vec<u8>,
    /// A convolution's sums where they leave as numbers, `[H · W][channels, padded]`.
    sums: Vec<i32>,
    moments: Vec<Moments>,
    factors: Vec<f32>,
    terms: Vec<f32>,
    workers: Vec<Worker>,
    pool: Option<Arc<ThreadPool>>,
}

/// What a thread needs for itself.
#[derive(Clone, Debug)]
struct Worker {
    acc: Vec<i32>,
    /// A strip of a transposed convolution's bytes.
    strip: Vec<u8>,
    sum: Vec<u32>,
    square: Vec<u32>,
    /// Pixels in them.
    counted: usize,
    moments: Vec<Moments>,
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
        let channels = most(&|convolve| convolve.channels);
        let padded = most(&|convolve| convolve.channels.next_multiple_of(LANES));
        let worker = Worker {
            acc: vec![0; STRIP * padded],
            strip: vec![0; STRIP * channels],
            sum: vec![0; channels],
            square: vec![0; channels],
            counted: 0,
            moments: vec![(0, 0); channels],
        };
        // Without threads of its own a plan still gives the same result.
        let pool = (self.threads > 1).then(|| {
            let named = ThreadPoolBuilder::new().num_threads(self.threads).thread_name(|i| format!("ageing-{i}"));
            named.build().map(Arc::new).ok()
        });
        let numbers = |convolve: &Convolve| match convolve.ending {
            Ending::Numbers { .. } => convolve.places() * convolve.channels.next_multiple_of(LANES),
            Ending::Bytes { .. } => 0,
        };
        let bytes = |convolve: &Convolve| match convolve.ending {
            Ending::Numbers { .. } => 0,
            Ending::Bytes { .. } => convolve.places() * convolve.channels,
        };
        Memory {
            maps: self.layouts.iter().map(|layout| layout.buffer(self.isa.flip())).collect(),
            middle: vec![0; most(&bytes)],
            sums: vec![0; most(&numbers)],
            moments: vec![(0, 0); channels],
            factors: vec![0.0; channels],
            terms: vec![0.0; channels],
            workers: vec![worker; self.threads],
            pool: pool.flatten(),
        }
    }

    /// One frame: the region's inputs and outputs in their order.
    pub fn run(&self, memory: &mut Memory, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let flip = self.isa.flip();
        for action in &self.actions {
            match action {
                Action::Enter { input, to } => {
                    enter(inputs[*input], &self.layouts[*to], flip, &mut memory.maps[*to]);
                }
                Action::Copy { from, to } => {
                    let mut target = std::mem::take(&mut memory.maps[*to]);
                    copy(&memory.maps[*from], &self.layouts[*from], &self.layouts[*to], &mut target);
                    memory.maps[*to] = target;
                }
                Action::Halve { from, to } => {
                    let mut target = std::mem::take(&mut memory.maps[*to]);
                    halve(&memory.maps[*from], &self.layouts[*from], &self.layouts[*to], flip, &mut target);
                    memory.maps[*to] = target;
                }
                Action::Leave { from, output } => {
                    leave(&memory.maps[*from], &self.layouts[*from], flip, outputs[*output]);
                }
                Action::Convolve(convolve) => match &convolve.ending {
                    Ending::Numbers { output, scales } => {
                        self.sum(convolve, memory);
                        convolve.numbers(&memory.sums, scales, outputs[*output]);
                    }
                    Ending::Bytes { to, .. } => {
                        self.round(convolve, memory);
                        let mut target = std::mem::take(&mut memory.maps[*to]);
                        self.finish(convolve, memory, inputs, &mut target);
                        self.layouts[*to].reflect(&mut target);
                        memory.maps[*to] = target;
                    }
                },
            }
        }
    }

    /// The convolution's sums as they are; a transposed one's in the order of its parts.
    fn sum(&self, convolve: &Convolve, memory: &mut Memory) {
        let Memory { maps, sums, workers, pool, .. } = memory;
        let source = maps[convolve.source].as_slice();
        let padded = convolve.channels.next_multiple_of(LANES);
        let mut rest = sums.as_mut_slice();
        for part in &convolve.parts {
            let (own, behind) = rest.split_at_mut(part.bases.len() * padded);
            rest = behind;
            let piece = piece(part.bases.len(), workers.len());
            let work = |(bases, sums): (&[u32], &mut [i32])| {
                for (bases, sums) in bases.chunks(STRIP).zip(sums.chunks_mut(STRIP * padded)) {
                    kernels::accumulate(self.isa, source, bases, &part.runs, &part.weights, sums);
                }
            };
            match pool {
                None => work((&part.bases, own)),
                Some(pool) => pool.install(|| {
                    part.bases.par_chunks(piece).zip(own.par_chunks_mut(piece * padded)).for_each(work);
                }),
            }
        }
    }

    /// The convolution's sums, rounded to `memory.middle`, and each channel's moments.
    fn round(&self, convolve: &Convolve, memory: &mut Memory) {
        let Memory { maps, middle, workers, pool, moments, .. } = memory;
        let Ending::Bytes { scales, middle: scale, .. } = &convolve.ending else { return };
        let source = maps[convolve.source].as_slice();
        let channels = convolve.channels;
        let middle = &mut middle[..convolve.places() * channels];
        workers.iter_mut().for_each(|worker| worker.start(channels));
        if let [part] = convolve.parts.as_slice() {
            let piece = piece(part.bases.len(), workers.len());
            let work = |((worker, bases), out): ((&mut Worker, &[u32]), &mut [u8])| {
                for (bases, out) in bases.chunks(STRIP).zip(out.chunks_mut(STRIP * channels)) {
                    let acc = &mut worker.acc[..bases.len() * part.weights.blocks() * LANES];
                    kernels::accumulate(self.isa, source, bases, &part.runs, &part.weights, acc);
                    let (sum, square) = (&mut worker.sum[..channels], &mut worker.square[..channels]);
                    kernels::requantize(self.isa, acc, channels, &part.offsets, scales, scale.zero, out, sum, square);
                    worker.count(bases.len(), channels);
                }
            };
            match pool {
                None => work(((&mut workers[0], &part.bases), middle)),
                Some(pool) => pool.install(|| {
                    let out = middle.par_chunks_mut(piece * channels);
                    workers.par_iter_mut().zip(part.bases.par_chunks(piece)).zip(out).for_each(work);
                }),
            }
        } else {
            let row = convolve.columns * channels;
            let rows = convolve.rows.div_ceil(workers.len());
            let work = |(worker, (piece, out)): (&mut Worker, (usize, &mut [u8]))| {
                for (y, out) in out.chunks_mut(row).enumerate() {
                    self.round_row(convolve, source, piece * rows + y, worker, out);
                }
            };
            match pool {
                None => work((&mut workers[0], (0, middle))),
                Some(pool) => pool.install(|| {
                    workers.par_iter_mut().zip(middle.par_chunks_mut(rows * row).enumerate()).for_each(work);
                }),
            }
        }
        moments[..channels].fill((0, 0));
        for worker in workers {
            worker.flush(channels);
            for (all, own) in moments.iter_mut().zip(&worker.moments[..channels]) {
                *all = (all.0 + own.0, all.1 + own.1);
            }
        }
    }

    /// One row of a transposed convolution's output: the parts that meet in it, their pixels in turn.
    fn round_row(&self, convolve: &Convolve, source: &[u8], y: usize, worker: &mut Worker, out: &mut [u8]) {
        let Ending::Bytes { scales, middle: scale, .. } = &convolve.ending else { return };
        let channels = convolve.channels;
        for part in convolve.parts.iter().filter(|part| y % part.step == part.first[0]) {
            let bases = &part.bases[y / part.step * part.columns..][..part.columns];
            for (first, bases) in (0..).step_by(STRIP).zip(bases.chunks(STRIP)) {
                let acc = &mut worker.acc[..bases.len() * part.weights.blocks() * LANES];
                kernels::accumulate(self.isa, source, bases, &part.runs, &part.weights, acc);
                let strip = &mut worker.strip[..bases.len() * channels];
                let (sum, square) = (&mut worker.sum[..channels], &mut worker.square[..channels]);
                kernels::requantize(self.isa, acc, channels, &part.offsets, scales, scale.zero, strip, sum, square);
                for (i, pixel) in strip.chunks_exact(channels).enumerate() {
                    out[((first + i) * part.step + part.first[1]) * channels..][..channels].copy_from_slice(pixel);
                }
                worker.count(bases.len(), channels);
            }
        }
    }

    /// From `memory.middle` to the next map.
    fn finish(&self, convolve: &Convolve, memory: &mut Memory, inputs: &[&[f32]], target: &mut [u8]) {
        let Memory { maps, middle, moments, factors, terms, workers, pool, .. } = memory;
        let Ending::Bytes { middle: scale, finishing, to, .. } = &convolve.ending else { return };
        let (channels, places) = (convolve.channels, convolve.places());
        let (factors, terms) = (&mut factors[..channels], &mut terms[..channels]);
        finishing.parameters(*scale, places, &moments[..channels], inputs, factors, terms);
        let finish = kernels::Finish {
            factors,
            terms,
            activation: finishing.activation,
            scale: finishing.scale,
            flip: self.isa.flip(),
        };
        let (layout, row) = (&self.layouts[*to], convolve.columns * channels);
        let work = |(y, (middle, line)): (usize, (&[u8], &mut [u8]))| {
            let other = match finishing.other {
                Other::None => kernels::Other::None,
                Other::Input(input) => {
                    kernels::Other::Planes { planes: inputs[input], first: y * convolve.columns, places }
                }
                Other::Map { map, scale, is_pixel } => {
                    let other = &self.layouts[map];
                    let (y, pixel) = if is_pixel { (0, 0) } else { (y as isize, other.pixel) };
                    kernels::Other::Bytes { bytes: &maps[map][other.at(y, 0)..], pixel, scale }
                }
            };
            let out = &mut line[layout.margin[1] * layout.pixel..][..convolve.columns * layout.pixel];
            finish.row(self.isa, middle, other, layout.pixel, out);
        };
        let lines = &mut target[layout.margin[0] * layout.row()..][..layout.rows * layout.row()];
        let middle = &middle[..places * channels];
        if pool.is_none() || workers.len() == 1 {
            middle.chunks(row).zip(lines.chunks_mut(layout.row())).enumerate().for_each(work);
        } else if let Some(pool) = pool {
            pool.install(|| {
                middle.par_chunks(row).zip(lines.par_chunks_mut(layout.row())).enumerate().for_each(work);
            });
        }
    }
}

impl Convolve {
    fn places(&self) -> usize {
        self.rows * self.columns
    }

    /// Sums as numbers, plane after plane.
    fn numbers(&self, sums: &[i32], scales: &[f32], out: &mut [f32]) {
        let padded = self.channels.next_multiple_of(LANES);
        let mut sums = sums;
        for part in &self.parts {
            for (i, sums) in sums.chunks_exact(padded).take(part.bases.len()).enumerate() {
                let (y, x) =
                    (i / part.columns * part.step + part.first[0], i % part.columns * part.step + part.first[1]);
                let channels = sums.iter().zip(&part.offsets).zip(scales).enumerate();
                for (channel, ((sum, offset), scale)) in channels {
                    out[channel * self.places() + y * self.columns + x] = sum.wrapping_add(*offset) as f32 * scale;
                }
            }
            sums = &sums[part.bases.len() * padded..];
        }
    }
}

impl Worker {
    fn start(&mut self, channels: usize) {
        self.sum[..channels].fill(0);
        self.square[..channels].fill(0);
        self.moments[..channels].fill((0, 0));
        self.counted = 0;
    }

    fn count(&mut self, pixels: usize, channels: usize) {
        self.counted += pixels;
        if self.counted > FLUSH - STRIP {
            self.flush(channels);
        }
    }

    fn flush(&mut self, channels: usize) {
        let counts = self.sum[..channels].iter_mut().zip(&mut self.square[..channels]);
        for (moments, (sum, square)) in self.moments.iter_mut().zip(counts) {
            moments.0 += u64::from(std::mem::take(sum));
            moments.1 += u64::from(std::mem::take(square));
        }
        self.counted = 0;
    }
}

/// Pixels for each of so many threads, whole strips.
fn piece(pixels: usize, threads: usize) -> usize {
    pixels.div_ceil(threads).next_multiple_of(STRIP)
}

/// A number as a byte, as `QuantizeLinear` has it: halves go to the even neighbour.
fn byte(number: f32, scale: Scale) -> u8 {
    (kernels::round(number / scale.scale) + f32::from(scale.zero)).clamp(0.0, 255.0) as u8
}

fn enter(numbers: &[f32], layout: &Layout, flip: u8, out: &mut [u8]) {
    let planes = layout.rows * layout.columns;
    for y in 0..layout.rows {
        let line = &mut out[layout.at(y as isize, 0)..][..layout.columns * layout.pixel];
        for channel in 0..layout.channels {
            let row = &numbers[channel * planes + y * layout.columns..][..layout.columns];
            for (pixel, number) in line.chunks_exact_mut(layout.pixel).zip(row) {
                pixel[channel] = byte(*number, layout.scale) ^ flip;
            }
        }
    }
    layout.reflect(out);
}

fn copy(from: &[u8], layout: &Layout, target: &Layout, out: &mut [u8]) {
    for y in 0..layout.rows as isize {
        let row = &from[layout.at(y, 0)..][..layout.columns * layout.pixel];
        out[target.at(y, 0)..][..row.len()].copy_from_slice(row);
    }
    target.reflect(out);
}

fn halve(from: &[u8], layout: &Layout, target: &Layout, flip: u8, out: &mut [u8]) {
    let mean = layout.scale.scale / 4.0;
    for y in 0..target.rows as isize {
        for x in 0..target.columns as isize {
            let places = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(down, across)| layout.at(2 * y + down, 2 * x + across));
            let to = target.at(y, x);
            for channel in 0..layout.channels {
                let sum: i32 = places.iter().map(|at| i32::from(from[at + channel] ^ flip)).sum();
                let number = (sum - 4 * i32::from(layout.scale.zero)) as f32 * mean;
                out[to + channel] = byte(number, target.scale) ^ flip;
            }
        }
    }
    target.reflect(out);
}

fn leave(from: &[u8], layout: &Layout, flip: u8, out: &mut [f32]) {
    let zero = f32::from(layout.scale.zero);
    let planes = layout.rows * layout.columns;
    for y in 0..layout.rows {
        let line = &from[layout.at(y as isize, 0)..][..layout.columns * layout.pixel];
        for channel in 0..layout.channels {
            let row = &mut out[channel * planes + y * layout.columns..][..layout.columns];
            for (number, pixel) in row.iter_mut().zip(line.chunks_exact(layout.pixel)) {
                *number = (f32::from(pixel[channel] ^ flip) - zero) * layout.scale.scale;
            }
        }
    }
}
