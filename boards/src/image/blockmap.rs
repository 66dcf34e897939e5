//! A raw image comes in; its block map goes out: which blocks hold something, and the SHA-256 of each range of them. An image
//! is checked against a map.
//!
//! Long runs of zeros are gaps. Shorter ones belong to the range around them, so that tables that are mostly empty (a FAT)
//! are written even by a program that leaves gaps as they were on the card.

use sha2::{Digest, Sha256};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Bytes of a block.
pub const BLOCK: u64 = 4096;
/// A run of at least so many zero blocks is a gap: 4 MiB, more than both FATs of 512 MiB with clusters of 4 KiB.
const GAP: u64 = 1024;
/// Bytes that are read at once.
const CHUNK: u64 = 1 << 20;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockMap {
    /// Bytes; the last block may be cut off.
    pub size: u64,
    /// Rising, apart from each other, inside the image.
    pub ranges: Vec<Range>,
}

/// Blocks that hold something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// First and last block, both included.
    pub first: u64,
    pub last: u64,
    /// Hexadecimal, of the blocks' bytes.
    pub sha256: String,
}

/// A stretch of the image: a whole range or a whole gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch<'a> {
    /// Bytes; the end is not included.
    pub start: u64,
    pub end: u64,
    /// Absent for a gap, which is zero in the image.
    pub sha256: Option<&'a str>,
}

#[derive(Debug, thiserror::Error)]
pub enum MapError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: not a block map of form 2.0 ({message}); make the image anew or take its own map", path.display())]
    Form { path: PathBuf, message: String },
    #[error("{}: ends at byte {found}, its block map says {expected}; it is cut off, or the map belongs to another image", path.display())]
    Short { path: PathBuf, found: u64, expected: u64 },
    #[error("{}: goes on after byte {expected}, where its block map ends; the map belongs to another image", path.display())]
    Long { path: PathBuf, expected: u64 },
    #[error("{}: blocks {first} to {last} are not what its block map says; the image is damaged, or the map belongs to another image", path.display())]
    Other { path: PathBuf, first: u64, last: u64 },
}

impl BlockMap {
    /// Reads an image to its end.
    pub fn of(mut image: impl Read) -> io::Result<Self> {
        let mut map = Self { size: 0, ranges: Vec::new() };
        let mut open: Option<(u64, u64, Sha256)> = None;
        let mut chunk = vec![0; CHUNK as usize];
        loop {
            let read = fill(&mut image, &mut chunk)?;
            for (index, block) in (map.size / BLOCK..).zip(chunk[..read].chunks(BLOCK as usize)) {
                if is_zero(block) {
                    continue;
                }
                open = Some(match open.take() {
                    Some((first, last, mut sum)) if index - last <= GAP => {
                        (last + 1..index).for_each(|_| sum.update([0; BLOCK as usize]));
                        sum.update(block);
                        (first, index, sum)
                    }
                    before => {
                        map.ranges.extend(before.map(Range::closed));
                        (index, index, Sha256::new_with_prefix(block))
                    }
                });
            }
            map.size += read as u64;
            if read < chunk.len() {
                map.ranges.extend(open.map(Range::closed));
                return Ok(map);
            }
        }
    }

    /// All of the image in order: ranges, and the gaps between them.
    pub fn stretches(&self) -> impl Iterator<Item = Stretch<'_>> {
        let mut end = 0;
        let mapped = self.ranges.iter().flat_map(move |range| {
            let (start, before) = (range.first * BLOCK, end);
            end = ((range.last + 1) * BLOCK).min(self.size);
            [Stretch { start: before, end: start, sha256: None }, Stretch { start, end, sha256: Some(&range.sha256) }]
        });
        let covered = self.ranges.last().map_or(0, |range| ((range.last + 1) * BLOCK).min(self.size));
        let rest = Stretch { start: covered, end: self.size, sha256: None };
        mapped.chain([rest]).filter(|stretch| stretch.start < stretch.end)
    }

    /// Bytes that hold something.
    pub fn mapped(&self) -> u64 {
        self.stretches().filter(|stretch| stretch.sha256.is_some()).map(|stretch| stretch.end - stretch.start).sum()
    }

    /// Reads an image to its end and compares each range with its sum and each gap with zero. `step` hears how many bytes
    /// more were read.
    pub fn check(&self, path: &Path, mut image: impl Read, mut step: impl FnMut(u64)) -> Result<(), MapError> {
        let io = |source| MapError::Io { path: path.to_owned(), source };
        let mut chunk = vec![0; CHUNK as usize];
        for Stretch { start, end, sha256 } in self.stretches() {
            let mut sum = Sha256::new();
            let mut zero = true;
            let mut at = start;
            while at < end {
                let part = &mut chunk[..(end - at).min(CHUNK) as usize];
                let read = fill(&mut image, part).map_err(io)?;
                at += read as u64;
                if read < part.len() {
                    return Err(MapError::Short { path: path.to_owned(), found: at, expected: self.size });
                }
                match sha256 {
                    Some(_) => sum.update(part),
                    None => zero &= is_zero(part),
                }
                step(read as u64);
            }
            if sha256.map_or(!zero, |expected| hex(sum) != expected) {
                return Err(MapError::Other { path: path.to_owned(), first: start / BLOCK, last: (end - 1) / BLOCK });
            }
        }
        match fill(&mut image, &mut chunk[..1]).map_err(io)? {
            0 => Ok(()),
            _ => Err(MapError::Long { path: path.to_owned(), expected: self.size }),
        }
    }
}

impl Range {
    fn closed((first, last, sum): (u64, u64, Sha256)) -> Self {
        Self { first, last, sha256: hex(sum) }
    }
}

/// Reads until the buffer is full or the input ends; how many bytes there were.
pub fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut full = 0;
    while full < buffer.len() {
        match input.read(&mut buffer[full..]) {
            Ok(0) => break,
            Ok(read) => full += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(full)
}

pub fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().fold(0, |any, byte| any | byte) == 0
}

/// A finished sum in hexadecimal.
pub fn hex(sum: Sha256) -> String {
    sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An image of `blocks` blocks and 100 bytes, zero but for the bytes that are named.
    fn image(blocks: u64, marks: &[u64]) -> Vec<u8> {
        let mut image = vec![0; (blocks * BLOCK + 100) as usize];
        marks.iter().for_each(|mark| image[*mark as usize] = 7);
        image
    }

    fn blocks(map: &BlockMap) -> Vec<(u64, u64)> {
        map.ranges.iter().map(|range| (range.first, range.last)).collect()
    }

    #[test]
    fn long_runs_of_zeros_are_gaps_and_short_ones_are_not() {
        let image = image(3000, &[0, 5 * BLOCK, 1500 * BLOCK + 9, 3000 * BLOCK + 99]);
        let map = BlockMap::of(&*image).unwrap();
        assert_eq!((map.size, blocks(&map)), (3000 * BLOCK + 100, vec![(0, 5), (1500, 1500), (3000, 3000)]));
        assert_eq!(map.ranges[2].sha256, hex(Sha256::new_with_prefix(&image[image.len() - 100..])));
        assert_eq!(map.mapped(), 7 * BLOCK + 100);
        map.check("x".as_ref(), &*image, |_| {}).unwrap();
    }

    #[test]
    fn an_image_of_nothing_has_no_ranges() {
        let map = BlockMap::of(io::empty()).unwrap();
        assert_eq!((map.size, map.stretches().count()), (0, 0));
        let map = BlockMap::of(&*image(9, &[])).unwrap();
        assert_eq!((blocks(&map), map.stretches().count()), (vec![], 1));
    }

    #[test]
    fn another_image_is_told_from_the_maps_own() {
        let right = image(3000, &[0, 2000 * BLOCK]);
        let map = BlockMap::of(&*right).unwrap();
        let check = |image: &[u8]| map.check("card.img".as_ref(), image, |_| {}).unwrap_err().to_string();
        assert!(check(&image(3000, &[1, 2000 * BLOCK])).contains("blocks 0 to 0 are not"));
        assert!(check(&image(3000, &[0, 800 * BLOCK, 2000 * BLOCK])).contains("blocks 1 to 1999 are not"));
        assert!(check(&right[..50_000]).contains("ends at byte 50000"));
        assert!(check(&[&*right, &[0]].concat()).contains("goes on after byte"));
    }

    proptest! {
        #[test]
        fn a_map_covers_its_image(
            size in 0u64..6_000_000, marks in proptest::collection::vec(0u64..6_000_000, 0..6),
        ) {
            let mut image = vec![0; size as usize];
            marks.iter().filter(|mark| **mark < size).for_each(|mark| image[*mark as usize] = 1);
            let map = BlockMap::of(&*image).unwrap();
            let mut end = 0;
            for stretch in map.stretches() {
                prop_assert_eq!(stretch.start, end);
                end = stretch.end;
            }
            prop_assert_eq!(end, size);
            let mut heard = 0;
            map.check("x".as_ref(), &*image, |bytes| heard += bytes).unwrap();
            prop_assert_eq!(heard, size);
        }
    }
}
