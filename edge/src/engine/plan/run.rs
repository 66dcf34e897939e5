//! A plan at work: one frame through all layers of a region. Rows and pixels are shared out to the threads; sums of bytes are
//! exact, so that the result does not depend on how.

use super::convolution::{Part, Tiled};
use super::edges::{copy, enter, halve, leave, weave};
use super::finishing::Other;
use super::memory::{Memory, Worker};
use super::threads::together;
use super::{Action, Convolve, Ending, Plan};
use crate::engine::kernels::{self, Aligned, LANES, TILE};
use rayon::prelude::*;

impl Plan {
    /// One frame: the region's inputs and outputs in their order.
    pub fn run(&self, memory: &mut Memory, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let Some(pool) = memory.pool.clone() else { return self.frame(memory, inputs, outputs) };
        together(&pool, || self.frame(memory, inputs, outputs));
    }

    /// The same, on one of the threads that share it.
    fn frame(&self, memory: &mut Memory, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
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
        let Memory { maps, sums, workers, .. } = memory;
        let source: &[u8] = &maps[convolve.source];
        let strip = convolve.strip();
        let mut rest: &mut [i32] = sums;
        for part in &convolve.parts {
            let padded = part.weights.blocks() * LANES;
            let (own, behind) = rest.split_at_mut(part.bases.len() * padded);
            rest = behind;
            let piece = piece(part.bases.len(), workers.len(), strip);
            let work = |(bases, sums): (&[u32], &mut [i32])| {
                for (bases, sums) in bases.chunks(strip).zip(sums.chunks_mut(strip * padded)) {
                    kernels::accumulate(self.isa, source, bases, &part.runs, &part.weights, sums);
                }
            };
            if workers.len() == 1 {
                work((&part.bases, own));
            } else {
                part.bases.par_chunks(piece).zip(own.par_chunks_mut(piece * padded)).for_each(work);
            }
        }
    }

    /// The convolution's sums, rounded to `memory.middle`, and each channel's moments.
    fn round(&self, convolve: &Convolve, memory: &mut Memory) {
        let Memory { maps, middle, workers, moments, .. } = memory;
        let source: &[u8] = &maps[convolve.source];
        let (channels, strip) = (convolve.channels, convolve.strip());
        let middle = &mut middle[..convolve.places() * channels];
        workers.iter_mut().for_each(|worker| worker.start(channels));
        if let [Part { tiles: Some(tiles), offsets, .. }] = convolve.parts.as_slice() {
            let row = tiles.columns;
            let piece = (convolve.rows / TILE).div_ceil(workers.len()) * row;
            let work = |((worker, bases), out): ((&mut Worker, &[u32]), &mut [u8])| {
                self.round_tiles(convolve, tiles, offsets, source, bases, worker, out);
            };
            if let [worker] = workers.as_mut_slice() {
                work(((worker, &tiles.bases), middle));
            } else {
                let out = middle.par_chunks_mut(piece * TILE * TILE * channels);
                workers.par_iter_mut().zip(tiles.bases.par_chunks(piece)).zip(out).for_each(work);
            }
        } else if let [part] = convolve.parts.as_slice() {
            let piece = piece(part.bases.len(), workers.len(), strip);
            let work = |((worker, bases), out): ((&mut Worker, &[u32]), &mut [u8])| {
                for (bases, out) in bases.chunks(strip).zip(out.chunks_mut(strip * channels)) {
                    self.round_strip(convolve, part, source, bases, worker, out);
                }
            };
            if let [worker] = workers.as_mut_slice() {
                work(((worker, &part.bases), middle));
            } else {
                let out = middle.par_chunks_mut(piece * channels);
                workers.par_iter_mut().zip(part.bases.par_chunks(piece)).zip(out).for_each(work);
            }
        } else {
            let row = convolve.columns * channels;
            let rows = convolve.rows.div_ceil(workers.len());
            let work = |(worker, (piece, out)): (&mut Worker, (usize, &mut [u8]))| {
                for (y, out) in out.chunks_mut(row).enumerate() {
                    self.round_row(convolve, source, piece * rows + y, worker, out);
                }
            };
            if let [worker] = workers.as_mut_slice() {
                work((worker, (0, middle)));
            } else {
                workers.par_iter_mut().zip(middle.par_chunks_mut(rows * row).enumerate()).for_each(work);
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
        let (channels, strip) = (convolve.channels, convolve.strip());
        let mut bytes = std::mem::take(&mut worker.strip);
        for part in convolve.parts.iter().filter(|part| y % part.step == part.first[0]) {
            let bases = &part.bases[y / part.step * part.columns..][..part.columns];
            for (first, bases) in (0..).step_by(strip).zip(bases.chunks(strip)) {
                let bytes = &mut bytes[..bases.len() * channels];
                self.round_strip(convolve, part, source, bases, worker, bytes);
                for (i, pixel) in bytes.chunks_exact(channels).enumerate() {
                    out[((first + i) * part.step + part.first[1]) * channels..][..channels].copy_from_slice(pixel);
                }
            }
        }
        worker.strip = bytes;
    }

    /// Pixels whose sums fit the first cache: summed, rounded to `out`, and counted.
    fn round_strip(
        &self,
        convolve: &Convolve,
        part: &Part,
        source: &[u8],
        bases: &[u32],
        worker: &mut Worker,
        out: &mut [u8],
    ) {
        let Ending::Bytes { scales, middle, .. } = &convolve.ending else { return };
        let channels = convolve.channels;
        let acc = &mut worker.acc[..bases.len() * part.weights.blocks() * LANES];
        kernels::accumulate(self.isa, source, bases, &part.runs, &part.weights, acc);
        let (sum, square) = (&mut worker.sum[..channels], &mut worker.square[..channels]);
        kernels::requantize(self.isa, acc, channels, &part.offsets, scales, middle.zero, out, sum, square);
        worker.count(bases.len(), channels);
    }

    /// Rows of tiles, some at a time: the same as [`Self::round_strip`] of their pixels.
    #[allow(clippy::too_many_arguments)]
    fn round_tiles(
        &self,
        convolve: &Convolve,
        tiles: &Tiled,
        offsets: &[i32],
        source: &[u8],
        bases: &[u32],
        worker: &mut Worker,
        out: &mut [u8],
    ) {
        let Ending::Bytes { scales, middle, .. } = &convolve.ending else { return };
        let (channels, strip, padded) =
            (convolve.channels, convolve.strip(), convolve.channels.next_multiple_of(LANES));
        let some = convolve.tiled_rows() * tiles.columns;
        for (bases, out) in bases.chunks(some).zip(out.chunks_mut(some * TILE * TILE * channels)) {
            let acc = &mut worker.acc[..bases.len() * TILE * TILE * padded];
            let tiles_here = kernels::Tiles { input: source, bases, columns: tiles.columns, row: tiles.row };
            kernels::winograd(self.isa, &tiles_here, &tiles.weights, &mut worker.tiles, acc);
            for (first, out) in (0..).step_by(strip).zip(out.chunks_mut(strip * channels)) {
                let pixels = out.len() / channels;
                let acc = &worker.acc[first * padded..][..pixels * padded];
                let (sum, square) = (&mut worker.sum[..channels], &mut worker.square[..channels]);
                kernels::requantize(self.isa, acc, channels, offsets, scales, middle.zero, out, sum, square);
                worker.count(pixels, channels);
            }
        }
    }

    /// From `memory.middle` to the next map.
    fn finish(&self, convolve: &Convolve, memory: &mut Memory, inputs: &[&[f32]], target: &mut [u8]) {
        let Memory { maps, middle, moments, factors, terms, others, workers, .. } = memory;
        let Ending::Bytes { middle: scale, finishing, to, .. } = &convolve.ending else { return };
        let (channels, places) = (convolve.channels, convolve.places());
        let (factors, terms) = (&mut factors[..convolve.repeated()], &mut terms[..convolve.repeated()]);
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
        if workers.len() == 1 {
            middle.chunks(row).zip(lines.chunks_mut(layout.row())).enumerate().for_each(work);
        } else {
            middle.par_chunks(row).zip(lines.par_chunks_mut(layout.row())).enumerate().for_each(work);
        }
    }
}

impl Convolve {
    /// Sums as numbers, plane after plane.
    fn numbers(&self, sums: &[i32], scales: &[f32], out: &mut [f32]) {
        let mut sums = sums;
        for part in &self.parts {
            let padded = part.weights.blocks() * LANES;
            let (own, behind) = sums.split_at(part.bases.len() * padded);
            sums = behind;
            let places = |i: usize| {
                let (y, x) =
                    (i / part.columns * part.step + part.first[0], i % part.columns * part.step + part.first[1]);
                y * self.columns + x
            };
            let planes = out.chunks_exact_mut(self.places()).zip(&part.offsets).zip(scales).enumerate();
            for (channel, ((plane, offset), scale)) in planes {
                let number = |sum: i32| sum.wrapping_add(*offset) as f32 * scale;
                if part.step == 1 {
                    let neighbours = plane.chunks_exact_mut(part.together).zip(own.chunks_exact(padded));
                    for (places, sums) in neighbours {
                        for (place, sum) in places.iter_mut().zip(sums[channel..].iter().step_by(self.channels)) {
                            *place = number(*sum);
                        }
                    }
                } else {
                    let sums = own.chunks_exact(padded).map(|sums| number(sums[channel]));
                    sums.enumerate().for_each(|(i, number)| plane[places(i)] = number);
                }
            }
        }
    }
}

/// Pixels for each of so many threads, whole strips.
fn piece(pixels: usize, threads: usize, strip: usize) -> usize {
    pixels.div_ceil(threads).next_multiple_of(strip)
}
