//! A plan at work: one frame through all layers of a region. Rows and pixels are shared out to the threads; sums of bytes are
//! exact, so that the result does not depend on how.

use super::finishing::{Moments, Other};
use super::layout::Layout;
use super::{Action, Convolve, Ending, Plan};
use crate::engine::kernels::{self, Aligned, Isa, LANES};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::Arc;

/// Sums that go through the kernels together, and through the next pass while they are in the first cache.
const SUMS: usize = 8192;
/// Pixels to which they belong: whole tiles of the widest kernel.
const STRIPS: [usize; 2] = [32, 128];
/// Pixels after which sums of squared bytes leave their 32 bits.
const FLUSH: usize = 1 << 16;
/// To so many numbers at least a pixel's factors are repeated.
const REPEATED: usize = 512;

/// All that a plan writes to.
#[derive(Clone, Debug)]
pub struct Memory {
    maps: Vec<Aligned<u8>>,
    /// A convolution's bytes before they are finished, `[H][W][C]`.
    middle: Vec<u8>,
    /// A convolution's sums where they leave as numbers, `[H · W][channels, padded]`.
    sums: Aligned<i32>,
    moments: Vec<Moments>,
    /// Of each channel, repeated.
    factors: Vec<f32>,
    terms: Vec<f32>,
    /// Numbers that are added place by place, `[H][W][C]`.
    others: Vec<f32>,
    /// A row of one plane.
    line: Vec<u8>,
    workers: Vec<Worker>,
    pool: Option<Arc<ThreadPool>>,
}

/// What a thread needs for itself.
#[derive(Clone, Debug)]
struct Worker {
    acc: Aligned<i32>,
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
        let widest = |size: &dyn Fn(&Layout) -> usize| self.layouts.iter().map(size).max().unwrap_or(0);
        let channels = most(&|convolve| convolve.channels);
        let worker = Worker {
            acc: Aligned::zeros(most(&|convolve| convolve.strip() * convolve.channels.next_multiple_of(LANES))),
            strip: vec![0; most(&|convolve| convolve.strip() * convolve.channels)],
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
            pool: pool.flatten(),
        }
    }

    /// One frame: the region's inputs and outputs in their order.
    pub fn run(&self, memory: &mut Memory, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let flip = self.isa.flip();
        for action in &self.actions {
            match action {
                Action::Enter { input, to } => {
                    enter(self.isa, inputs[*input], &self.layouts[*to], &mut memory.line, &mut memory.maps[*to]);
                }
                Action::Copy { from, to } => {
                    let mut target = std::mem::replace(&mut memory.maps[*to], Aligned::zeros(0));
                    copy(&memory.maps[*from], &self.layouts[*from], &self.layouts[*to], &mut target);
                    memory.maps[*to] = target;
                }
                Action::Halve { from, to } => {
                    let mut target = std::mem::replace(&mut memory.maps[*to], Aligned::zeros(0));
                    let (layout, halved) = (&self.layouts[*from], &self.layouts[*to]);
                    halve(self.isa, &memory.maps[*from], layout, halved, &mut memory.others, &mut target);
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
                        let mut target = std::mem::replace(&mut memory.maps[*to], Aligned::zeros(0));
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
        let source: &[u8] = &maps[convolve.source];
        let (padded, strip) = (convolve.channels.next_multiple_of(LANES), convolve.strip());
        let mut rest: &mut [i32] = sums;
        for part in &convolve.parts {
            let (own, behind) = rest.split_at_mut(part.bases.len() * padded);
            rest = behind;
            let piece = piece(part.bases.len(), workers.len(), strip);
            let work = |(bases, sums): (&[u32], &mut [i32])| {
                for (bases, sums) in bases.chunks(strip).zip(sums.chunks_mut(strip * padded)) {
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
        let source: &[u8] = &maps[convolve.source];
        let (channels, strip) = (convolve.channels, convolve.strip());
        let middle = &mut middle[..convolve.places() * channels];
        workers.iter_mut().for_each(|worker| worker.start(channels));
        if let [part] = convolve.parts.as_slice() {
            let piece = piece(part.bases.len(), workers.len(), strip);
            let work = |((worker, bases), out): ((&mut Worker, &[u32]), &mut [u8])| {
                for (bases, out) in bases.chunks(strip).zip(out.chunks_mut(strip * channels)) {
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
            for (first, bases) in (0..).step_by(convolve.strip()).zip(bases.chunks(convolve.strip())) {
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
        let Memory { maps, middle, moments, factors, terms, others, pool, .. } = memory;
        let Ending::Bytes { middle: scale, finishing, to, .. } = &convolve.ending else { return };
        let (channels, places) = (convolve.channels, convolve.places());
        let repeated = channels * REPEATED.div_ceil(channels);
        let (factors, terms) = (&mut factors[..repeated], &mut terms[..repeated]);
        finishing.parameters(*scale, places, &moments[..channels], inputs, factors, terms);
        let layout = &self.layouts[*to];
        let (row, flip) = (convolve.columns * channels, self.isa.flip());
        let finish = kernels::Finish {
            channels,
            factors,
            terms,
            activation: finishing.activation,
            scale: finishing.scale,
            flip,
        };
        // Whether the numbers to be added are the same in all rows.
        let mut same = false;
        match finishing.other {
            Other::Input(input) => weave(inputs[input], places, &mut others[..places * channels]),
            Other::Map { map, scale, is_pixel: true } => {
                let pixel = &maps[map][self.layouts[map].at(0, 0)..][..channels];
                for (number, byte) in others[..row].iter_mut().zip(pixel.iter().cycle()) {
                    *number = (f32::from(*byte ^ flip) - f32::from(scale.zero)) * scale.scale;
                }
                same = true;
            }
            Other::None | Other::Map { .. } => {}
        }
        let others = others.as_slice();
        let work = |(y, (middle, line)): (usize, (&[u8], &mut [u8]))| {
            let other = match finishing.other {
                Other::None => kernels::Other::None,
                Other::Map { map, scale, is_pixel: false } => {
                    kernels::Other::Bytes { bytes: &maps[map][self.layouts[map].at(y as isize, 0)..], scale }
                }
                Other::Input(_) | Other::Map { .. } if same => kernels::Other::Numbers(&others[..row]),
                Other::Input(_) | Other::Map { .. } => kernels::Other::Numbers(&others[y * row..][..row]),
            };
            let out = &mut line[layout.margin[1] * layout.pixel..][..convolve.columns * layout.pixel];
            finish.row(self.isa, middle, other, layout.pixel, out);
        };
        let lines = &mut target[layout.margin[0] * layout.row()..][..layout.rows * layout.row()];
        let middle = &middle[..places * channels];
        match pool {
            None => middle.chunks(row).zip(lines.chunks_mut(layout.row())).enumerate().for_each(work),
            Some(pool) => pool.install(|| {
                middle.par_chunks(row).zip(lines.par_chunks_mut(layout.row())).enumerate().for_each(work);
            }),
        }
    }
}

impl Convolve {
    fn places(&self) -> usize {
        self.rows * self.columns
    }

    /// Pixels that go through the kernels together.
    fn strip(&self) -> usize {
        let pixels = SUMS / self.channels.next_multiple_of(LANES);
        pixels.clamp(STRIPS[0], STRIPS[1]) / STRIPS[0] * STRIPS[0]
    }

    /// Sums as numbers, plane after plane.
    fn numbers(&self, sums: &[i32], scales: &[f32], out: &mut [f32]) {
        let padded = self.channels.next_multiple_of(LANES);
        let mut sums = sums;
        for part in &self.parts {
            let places = |i: usize| {
                let (y, x) =
                    (i / part.columns * part.step + part.first[0], i % part.columns * part.step + part.first[1]);
                y * self.columns + x
            };
            let planes = out.chunks_exact_mut(self.places()).zip(&part.offsets).zip(scales).enumerate();
            for (channel, ((plane, offset), scale)) in planes {
                let sums = sums.chunks_exact(padded).take(part.bases.len()).map(|sums| sums[channel]);
                let numbers = sums.map(|sum| sum.wrapping_add(*offset) as f32 * scale);
                if part.step == 1 {
                    plane.iter_mut().zip(numbers).for_each(|(place, number)| *place = number);
                } else {
                    numbers.enumerate().for_each(|(i, number)| plane[places(i)] = number);
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
        if self.counted > FLUSH - STRIPS[1] {
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
fn piece(pixels: usize, threads: usize, strip: usize) -> usize {
    pixels.div_ceil(threads).next_multiple_of(strip)
}

/// Planes of numbers, pixel by pixel.
fn weave(planes: &[f32], places: usize, out: &mut [f32]) {
    let channels = out.len() / places;
    for (channel, plane) in planes.chunks_exact(places).enumerate() {
        for (pixel, number) in out.chunks_exact_mut(channels).zip(plane) {
            pixel[channel] = *number;
        }
    }
}

/// `line`: room for a row of one plane.
fn enter(isa: Isa, numbers: &[f32], layout: &Layout, line: &mut [u8], out: &mut [u8]) {
    let (flip, line) = (isa.flip(), &mut line[..layout.columns]);
    for (channel, plane) in numbers.chunks_exact(layout.rows * layout.columns).enumerate() {
        for (y, row) in plane.chunks_exact(layout.columns).enumerate() {
            kernels::quantize(isa, row, layout.scale, flip, line);
            let pixels = &mut out[layout.at(y as isize, 0)..][..layout.columns * layout.pixel];
            for (pixel, byte) in pixels.chunks_exact_mut(layout.pixel).zip(&*line) {
                pixel[channel] = *byte;
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

/// `numbers`: room for a row of what comes out.
fn halve(isa: Isa, from: &[u8], layout: &Layout, target: &Layout, numbers: &mut [f32], out: &mut [u8]) {
    let (flip, pixel) = (isa.flip(), layout.pixel);
    let mean = layout.scale.scale / 4.0;
    let numbers = &mut numbers[..target.columns * pixel];
    for y in 0..target.rows as isize {
        let rows = [2 * y, 2 * y + 1].map(|y| &from[layout.at(y, 0)..][..2 * target.columns * pixel]);
        for (x, numbers) in numbers.chunks_exact_mut(pixel).enumerate() {
            let pixels = [(0, 2 * x), (0, 2 * x + 1), (1, 2 * x), (1, 2 * x + 1)]
                .map(|(row, x)| &rows[row][x * pixel..][..pixel]);
            for (channel, number) in numbers.iter_mut().enumerate() {
                let sum: i32 = pixels.iter().map(|pixel| i32::from(pixel[channel] ^ flip)).sum();
                *number = (sum - 4 * i32::from(layout.scale.zero)) as f32 * mean;
            }
        }
        let row = &mut out[target.at(y, 0)..][..target.columns * pixel];
        kernels::quantize(isa, numbers, target.scale, flip, row);
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
