//! Every instruction set of this processor against the plain loops.

use super::*;
use proptest::prelude::*;

/// Small, reproducible, and full of the ends of the range.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn bytes(&mut self, length: usize, saturated: bool) -> Vec<u8> {
        (0..length)
            .map(|_| if saturated { 255 - 255 * (self.next() % 8 / 7) as u8 } else { self.next() as u8 })
            .collect()
    }

    fn weights(&mut self, length: usize, saturated: bool) -> Vec<i8> {
        let one = |r: u64| if saturated { [127, -127][(r % 8 / 7) as usize] } else { (r % 255) as i8 };
        (0..length).map(|_| one(self.next()).max(-127)).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(target_arch = "aarch64") { 40 } else { 400 }))]

    #[test]
    fn sums_are_the_reference(
        channels in 1usize..100, quarter in 1usize..80, runs in 1usize..8, pixels in 1usize..71,
        step in 0u32..200, spread in 0u64..3, saturated: bool, seed: u64,
    ) {
        let mut random = Random(seed);
        let depth = 4 * quarter;
        let filters = random.weights(channels * runs * depth, saturated);
        let weights = Packed::new(&filters, channels, runs, depth);
        let jump = 1 + random.next() % 40;
        // Equally spaced, in rows, or anywhere.
        let bases: Vec<u32> = (0..pixels as u64).map(|p| match spread {
            0 => p as u32 * step,
            1 => p as u32 * step + (p / jump * 999) as u32,
            _ => (random.next() % 9000) as u32,
        }).collect();
        let offsets: Vec<u32> = (0..runs).map(|_| (random.next() % 3000) as u32).collect();
        let end = (bases.iter().max().unwrap() + offsets.iter().max().unwrap()) as usize + depth + SLACK;
        let input = random.bytes(end, saturated);
        let length = pixels * weights.blocks() * LANES;
        for isa in Isa::available() {
            let input: Vec<u8> = input.iter().map(|&b| b ^ isa.flip()).collect();
            let mut expected = vec![0; length];
            portable::accumulate(isa.flip(), &input, &bases, &offsets, &weights, &mut expected);
            let mut acc = vec![i32::MIN; length];
            accumulate(isa, &input, &bases, &offsets, &weights, &mut acc);
            prop_assert!(acc == expected, "{}", isa.name());
        }
    }

    #[test]
    fn tiles_have_the_same_sums(
        channels in 1usize..40, depth in 1usize..40, tiles in [1usize..5, 1usize..6], margin in 0usize..3, saturated: bool, seed: u64,
    ) {
        let mut random = Random(seed);
        let pixel = depth.next_multiple_of(4);
        let filters = random.weights(channels * 9 * pixel, saturated);
        let (direct, transformed) = (Packed::new(&filters, channels, 3, 3 * pixel), Transformed::new(&filters, channels, pixel).unwrap());
        let [rows, columns] = tiles.map(|side| side * TILE);
        let row = (columns + 2 + margin) * pixel;
        let input = random.bytes((rows + 2) * row + SLACK, saturated);
        let base = |y: usize, x: usize| (y * row + x * pixel) as u32;
        let bases: Vec<u32> = (0..rows * columns).map(|i| base(i / columns, i % columns)).collect();
        let corners: Vec<u32> = (0..tiles[0] * tiles[1]).map(|i| base(i / tiles[1] * TILE, i % tiles[1] * TILE)).collect();
        let runs = [0, row as u32, 2 * row as u32];
        let length = bases.len() * direct.blocks() * LANES;
        for isa in Isa::available() {
            let input: Vec<u8> = input.iter().map(|&b| b ^ isa.flip()).collect();
            let mut expected = vec![0; length];
            portable::accumulate(isa.flip(), &input, &bases, &runs, &direct, &mut expected);
            let mut acc = vec![i32::MIN; length];
            let tiles = Tiles { input: &input, bases: &corners, columns: tiles[1], row };
            winograd(isa, &tiles, &transformed, &mut transformed.scratch(corners.len()), &mut acc);
            prop_assert!(acc == expected, "{}", isa.name());
        }
    }
}

#[test]
fn sums_that_could_be_too_large_are_left_to_the_other_kernels() {
    let largest = |pixel: usize| Transformed::new(&vec![127; 9 * pixel], 1, pixel);
    assert!(largest(228).is_some(), "2^25 / (9 · 127 · 128) = 229.3");
    assert!(largest(232).is_none());
}
