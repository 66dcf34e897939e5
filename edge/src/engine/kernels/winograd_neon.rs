//! [`super::winograd`] for any 64-bit ARM: patches and filters in 16 bits, `smlal` by an element, sums in 32 bits.

use super::LANES;
use super::winograd::{GROUP, NINTH, PLACES, Scratch, TILE, Tiles, Transformed};
use std::arch::aarch64::*;

/// Tiles whose sums stay in registers together, with the 16 channels of a block.
const MOST: usize = 4;
const PATCH: usize = 6;

/// See [`super::winograd`]; bytes are signed.
///
/// # Safety
///
/// The processor has NEON; tiles lie within their input, and `scratch` and `acc` are as [`super::winograd`] checks them.
#[target_feature(enable = "neon")]
pub(super) unsafe fn accumulate(tiles: &Tiles<'_>, weights: &Transformed, scratch: &mut Scratch, acc: &mut [i32]) {
    let (count, depth, padded) = (tiles.bases.len(), weights.depth(), weights.blocks() * LANES);
    for (tile, &base) in tiles.bases.iter().enumerate() {
        for group in (0..depth).step_by(GROUP) {
            // SAFETY: the patch with eight channels from `group` on lies within the input, as the caller checked.
            let patch = unsafe { patch(tiles.input.as_ptr().add(base as usize + group), tiles.row, weights.pixel()) };
            for (place, numbers) in patch.into_iter().enumerate() {
                let to = &mut scratch.inputs[(place * count + tile) * depth + group..][..GROUP];
                // SAFETY: eight numbers.
                unsafe { vst1q_s16(to.as_mut_ptr(), numbers) };
            }
        }
    }
    for place in 0..PLACES {
        let inputs = &scratch.inputs[place * count * depth..][..count * depth];
        let sums = &mut scratch.sums[place * count * padded..][..count * padded];
        for block in 0..weights.blocks() {
            let weights = weights.block(place, block);
            let mut from = 0;
            while from < count {
                // As equal as they can be.
                let left = count - from;
                let some = left.div_ceil(left.div_ceil(MOST));
                let (inputs, sums) = (&inputs[from * depth..], &mut sums[from * padded + block * LANES..]);
                match some {
                    1 => product::<1>(inputs, weights, depth, padded, sums),
                    2 => product::<2>(inputs, weights, depth, padded, sums),
                    3 => product::<3>(inputs, weights, depth, padded, sums),
                    _ => product::<MOST>(inputs, weights, depth, padded, sums),
                }
                from += some;
            }
        }
    }
    let row = tiles.columns * TILE * padded;
    for tile in 0..count {
        let first = tile / tiles.columns * TILE * row + tile % tiles.columns * TILE * padded;
        for four in (0..padded).step_by(4) {
            let out = pixels(&scratch.sums[tile * padded + four..], count * padded);
            for (y, out) in out.into_iter().enumerate() {
                for (x, sums) in out.into_iter().enumerate() {
                    let to = &mut acc[first + y * row + x * padded + four..][..4];
                    // SAFETY: four numbers.
                    unsafe { vst1q_s32(to.as_mut_ptr(), sums) };
                }
            }
        }
    }
}

/// `Bᵀ d B` of eight channels.
///
/// # Safety
///
/// Eight bytes of each of 6×6 pixels can be read.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn patch(bytes: *const u8, row: usize, pixel: usize) -> [int16x8_t; PLACES] {
    let mut places = [vdupq_n_s16(0); PLACES];
    for y in 0..PATCH {
        let mut line = [vdupq_n_s16(0); PATCH];
        for (x, numbers) in line.iter_mut().enumerate() {
            // SAFETY: as the caller's.
            *numbers = vmovl_s8(unsafe { vld1_s8(bytes.add(y * row + x * pixel).cast()) });
        }
        places[y * PATCH..][..PATCH].copy_from_slice(&input(line));
    }
    for x in 0..PATCH {
        let line = input(std::array::from_fn(|y| places[y * PATCH + x]));
        for (y, numbers) in line.into_iter().enumerate() {
            places[y * PATCH + x] = numbers;
        }
    }
    places
}

/// `Bᵀ d`
#[inline]
#[target_feature(enable = "neon")]
fn input([a, b, c, d, e, f]: [int16x8_t; PATCH]) -> [int16x8_t; PATCH] {
    let near = vsubq_s16(e, vshlq_n_s16::<2>(c));
    let odd = vsubq_s16(d, vshlq_n_s16::<2>(b));
    let even = vsubq_s16(e, c);
    let half = vsubq_s16(d, b);
    let twice = vaddq_s16(half, half);
    [
        vaddq_s16(vshlq_n_s16::<2>(vsubq_s16(a, c)), even),
        vaddq_s16(near, odd),
        vsubq_s16(near, odd),
        vaddq_s16(even, twice),
        vsubq_s16(even, twice),
        vsubq_s16(vsubq_s16(f, d), vshlq_n_s16::<2>(half)),
    ]
}

/// Sums of one place: `TILES` tiles with the 16 channels of a block.
#[target_feature(enable = "neon")]
fn product<const TILES: usize>(inputs: &[i16], weights: &[i16], depth: usize, padded: usize, sums: &mut [i32]) {
    let mut acc = [[vdupq_n_s32(0); 4]; TILES];
    for (group, weights) in (0..depth).step_by(GROUP).zip(weights.chunks_exact(GROUP * LANES)) {
        let mut numbers = [vdupq_n_s16(0); TILES];
        for (tile, numbers) in numbers.iter_mut().enumerate() {
            // SAFETY: eight numbers.
            *numbers = unsafe { vld1q_s16(inputs[tile * depth + group..][..GROUP].as_ptr()) };
        }
        step::<0, TILES>(&mut acc, weights, &numbers);
        step::<1, TILES>(&mut acc, weights, &numbers);
        step::<2, TILES>(&mut acc, weights, &numbers);
        step::<3, TILES>(&mut acc, weights, &numbers);
        step::<4, TILES>(&mut acc, weights, &numbers);
        step::<5, TILES>(&mut acc, weights, &numbers);
        step::<6, TILES>(&mut acc, weights, &numbers);
        step::<7, TILES>(&mut acc, weights, &numbers);
    }
    for (tile, acc) in acc.into_iter().enumerate() {
        let to = &mut sums[tile * padded..][..LANES];
        for (acc, to) in acc.into_iter().zip(to.as_chunks_mut::<4>().0) {
            // SAFETY: four numbers.
            unsafe { vst1q_s32(to.as_mut_ptr(), acc) };
        }
    }
}

/// One channel of each tile.
#[inline]
#[target_feature(enable = "neon")]
fn step<const LANE: i32, const TILES: usize>(
    acc: &mut [[int32x4_t; 4]; TILES],
    weights: &[i16],
    numbers: &[int16x8_t; TILES],
) {
    let weights = &weights[LANE as usize * LANES..][..LANES];
    // SAFETY: twice eight weights.
    let (low, high) = unsafe { (vld1q_s16(weights.as_ptr()), vld1q_s16(weights[8..].as_ptr())) };
    for (acc, &numbers) in acc.iter_mut().zip(numbers) {
        acc[0] = vmlal_laneq_s16::<LANE>(acc[0], vget_low_s16(low), numbers);
        acc[1] = vmlal_high_laneq_s16::<LANE>(acc[1], low, numbers);
        acc[2] = vmlal_laneq_s16::<LANE>(acc[2], vget_low_s16(high), numbers);
        acc[3] = vmlal_high_laneq_s16::<LANE>(acc[3], high, numbers);
    }
}

/// `Aᵀ m A` of four channels, divided by 576. `sums`: from the first place on, `step` numbers from place to place.
#[inline]
#[target_feature(enable = "neon")]
fn pixels(sums: &[i32], step: usize) -> [[int32x4_t; TILE]; TILE] {
    let mut rows = [[vdupq_n_s32(0); TILE]; PATCH];
    for (y, row) in rows.iter_mut().enumerate() {
        let place = |x: usize| {
            let four = &sums[(y * PATCH + x) * step..][..4];
            // SAFETY: four numbers.
            unsafe { vld1q_s32(four.as_ptr()) }
        };
        *row = output([place(0), place(1), place(2), place(3), place(4), place(5)]);
    }
    let mut out = [[vdupq_n_s32(0); TILE]; TILE];
    for x in 0..TILE {
        let column = output(std::array::from_fn(|y| rows[y][x]));
        for (y, sum) in column.into_iter().enumerate() {
            out[y][x] = vshrq_n_s32::<6>(vmulq_n_s32(sum, NINTH));
        }
    }
    out
}

/// `Aᵀ m`
#[inline]
#[target_feature(enable = "neon")]
fn output([a, b, c, d, e, f]: [int32x4_t; PATCH]) -> [int32x4_t; TILE] {
    let (sum, difference) = (vaddq_s32(b, c), vsubq_s32(b, c));
    let (far, apart) = (vaddq_s32(d, e), vsubq_s32(d, e));
    [
        vaddq_s32(vaddq_s32(a, sum), far),
        vaddq_s32(difference, vaddq_s32(apart, apart)),
        vaddq_s32(sum, vshlq_n_s32::<2>(far)),
        vaddq_s32(vaddq_s32(difference, vshlq_n_s32::<3>(apart)), vshlq_n_s32::<2>(f)),
    ]
}
