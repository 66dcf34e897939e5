//! Finding the same picture twice: by the bytes of the file, and by how the aligned face looks, so that a picture stored
//! again at another size or quality is known too.

use super::quality::grey;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};

/// Columns and rows of the comparison grid.
const GRID: usize = 16;
/// Prints that differ in no more of their 256 bits than this are of one picture.
pub const SAME: u32 = 15;

/// A difference hash of an aligned face: for 16 × 16 places, whether it gets darker to the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Print([u16; GRID]);

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
        let bits = |row: usize| {
            let means: [f32; GRID + 1] = std::array::from_fn(|column| mean(column, row));
            means.windows(2).fold(0, |bits, pair| bits << 1 | u16::from(pair[0] > pair[1]))
        };
        Self(std::array::from_fn(bits))
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
    /// Prints by the bits of each of their rows. Two prints that differ in at most 15 bits agree in at least one of 16 rows.
    rows: HashMap<(usize, u16), Vec<usize>>,
}

impl Seen {
    /// Whether this picture was not there before; if so, it is remembered.
    pub fn add(&mut self, file: FileHash, print: Print) -> bool {
        let alike = |rows: &[usize]| rows.iter().any(|&index| self.prints[index].distance(&print) <= SAME);
        let known = self.files.contains(&file)
            || print.0.iter().enumerate().any(|(i, &row)| self.rows.get(&(i, row)).is_some_and(|rows| alike(rows)));
        if !known {
            self.files.insert(file);
            for (i, &row) in print.0.iter().enumerate() {
                self.rows.entry((i, row)).or_default().push(self.prints.len());
            }
            self.prints.push(print);
        }
        !known
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

    proptest! {
        /// The rows find exactly the pairs that a comparison of all with all finds.
        #[test]
        fn no_likeness_is_missed(rows in any::<[u16; GRID]>(), flips in proptest::collection::vec(0usize..256, 0..30)) {
            let first = Print(rows);
            let mut second = first;
            for flip in flips {
                second.0[flip / 16] ^= 1 << (flip % 16);
            }
            let mut seen = Seen::default();
            prop_assert!(seen.add([0; 32], first));
            prop_assert_eq!(seen.add([1; 32], second), first.distance(&second) > SAME);
        }
    }
}
