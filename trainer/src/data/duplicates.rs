//! Finding the same picture twice: by the bytes of the file, and by how the aligned face looks, so that a picture stored
//! again at another size or quality is known too.

use super::quality::grey;
use sha2::{Digest, Sha256};
use std::collections::HashSet;

/// Columns and rows of the comparison grid.
const GRID: usize = 16;
/// Prints that differ in no more of their 256 bits than this are of one picture. Among FairFace's faces (median distance 117),
/// all pairs up to 25 are of one picture, and from 26 on some are of two people.
pub const SAME: u32 = 24;

/// A difference hash of an aligned face: for 16 × 16 places, whether it gets darker to the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Print([u64; 4]);

impl Print {
    /// The print of a crop of `side · side · 3` bytes; its side must be at least 17 pixels.
    pub fn of(crop: &[u8], side: usize) -> Self {
        let grey = grey(crop);
        let span = |i: usize, parts: usize| i * side / parts..(i + 1) * side / parts;
        let mean = |column: usize, row: usize| {
            let (columns, rows) = (span(column, GRID + 1), span(row, GRID));
            let area = (columns.len() * rows.len()) as f32;
            rows.map(|y| grey[y * side..][columns.clone()].iter().sum::<f32>()).sum::<f32>() / area
        };
        let mut print = [0; 4];
        for row in 0..GRID {
            for column in 0..GRID {
                let bit = u64::from(mean(column, row) > mean(column + 1, row));
                print[row / 4] = print[row / 4] << 1 | bit;
            }
        }
        Self(print)
    }

    /// In how many of 256 bits two prints differ.
    pub fn distance(&self, other: &Self) -> u32 {
        self.0.iter().zip(&other.0).map(|(a, b)| (a ^ b).count_ones()).sum()
    }
}

/// SHA-256 of a file's bytes.
pub type FileHash = [u8; 32];

pub fn file_hash(bytes: &[u8]) -> FileHash {
    Sha256::digest(bytes).into()
}

/// The pictures that were taken so far.
#[derive(Debug, Default)]
pub struct Seen {
    files: HashSet<FileHash>,
    prints: Vec<Print>,
}

impl Seen {
    /// Whether this picture was not there before; if so, it is remembered. Compares with all that are remembered: half a second
    /// for 20,000 pictures.
    pub fn add(&mut self, file: FileHash, print: Print) -> bool {
        if self.files.contains(&file) || self.prints.iter().any(|known| known.distance(&print) <= SAME) {
            return false;
        }
        self.files.insert(file);
        self.prints.push(print);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A picture of soft blotches that differ by `seed`.
    fn blotches(side: usize, seed: f32) -> Vec<u8> {
        let value = |i: usize| {
            let (x, y) = ((i % side) as f32 / side as f32, (i / side) as f32 / side as f32);
            128.0 + 50.0 * (x * (9.0 + seed) + seed).sin() + 50.0 * (y * (7.0 + 2.0 * seed) + x * 5.0).cos()
        };
        (0..side * side).flat_map(|i| [value(i) as u8; 3]).collect()
    }

    #[test]
    fn a_copy_at_another_size_and_light_is_known_again() {
        let mut seen = Seen::default();
        assert!(seen.add([1; 32], Print::of(&blotches(128, 1.0), 128)));
        assert!(!seen.add([1; 32], Print::of(&blotches(128, 9.0), 128)), "same bytes");
        let darker: Vec<u8> = blotches(192, 1.0).iter().map(|v| (f32::from(*v) * 0.8) as u8).collect();
        assert!(!seen.add([2; 32], Print::of(&darker, 192)), "same look");
        assert!(seen.add([3; 32], Print::of(&blotches(128, 2.0), 128)));
    }

    #[test]
    fn a_little_noise_does_not_hide_a_copy() {
        let picture = blotches(128, 3.0);
        let noisy: Vec<u8> = picture.iter().enumerate().map(|(i, v)| v.saturating_add((i * 7919 % 13) as u8)).collect();
        let distance = Print::of(&picture, 128).distance(&Print::of(&noisy, 128));
        assert!(distance <= SAME, "{distance}");
    }

    proptest! {
        #[test]
        fn the_distance_is_the_number_of_bits_flipped(bits: [u64; 4], flips in proptest::collection::hash_set(0usize..256, 0..60)) {
            let mut flipped = bits;
            flips.iter().for_each(|flip| flipped[flip / 64] ^= 1 << (flip % 64));
            prop_assert_eq!(Print(bits).distance(&Print(flipped)), flips.len() as u32);
        }
    }
}
