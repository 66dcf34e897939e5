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
}
