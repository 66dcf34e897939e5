//! An image, its block map and an open device come in; the device holds the image afterwards, byte for byte, and that was read
//! back from it.
//!
//! Gaps are zero on the device too: what is not zero there is cleared, for a file system's empty parts are not always unused.
//! The first MiB, with the table of partitions, is cleared first and written last, so that half an image never looks whole.

use crate::image::blockmap::{BLOCK, BlockMap, Stretch, fill, hex, is_zero};
use rustix::fs::{Advice, FallocateFlags, fadvise, fallocate};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

/// Bytes that are read or written at once; also what is cleared at both ends of the device.
const CHUNK: u64 = 1 << 20;
/// So many bytes may wait in memory; more would make the progress a promise.
const UNSYNCED: u64 = 32 << 20;

#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("the image cannot be read at byte {at}: {source}")]
    Image { at: u64, source: io::Error },
    #[error("the card fails at byte {at}: {source}; was it pulled out? Else it is worn: take another")]
    Device { at: u64, source: io::Error },
    #[error("block {block} ({} MiB into the card) reads otherwise than it was written; the card is worn, or a fake with less room than it says: take another", (block * BLOCK) >> 20)]
    Differs { block: u64 },
    #[error("stopped before the end")]
    Stopped,
}

/// Hears how many bytes of the image more are done; an error stops the work.
pub type Step<'a> = &'a mut dyn FnMut(u64) -> Result<(), WriteError>;

/// Writes an image that was checked against its map to a device of `size` bytes.
pub fn write(image: &mut dyn Read, map: &BlockMap, device: &File, size: u64, step: Step) -> Result<(), WriteError> {
    let failed = |at| move |source| WriteError::Device { at, source };
    let mut head = Vec::new();
    let mut unsynced = 0;
    each_chunk(map, |stretch, at, chunk| {
        image.read_exact(chunk).map_err(|source| WriteError::Image { at, source })?;
        if stretch.sha256.is_none() {
            clear(device, at, chunk).map_err(failed(at))?;
        } else if at == 0 {
            head = chunk.to_vec();
            clear(device, at, chunk).map_err(failed(at))?;
        } else {
            device.write_all_at(chunk, at).map_err(failed(at))?;
            unsynced += chunk.len() as u64;
        }
        if unsynced >= UNSYNCED {
            device.sync_data().map_err(failed(at))?;
            unsynced = 0;
        }
        step(chunk.len() as u64)
    })?;
    // The copy of an old GPT would outlive its disk there.
    let tail = size.saturating_sub(CHUNK).max(map.size);
    clear(device, tail, &mut vec![0; (size.saturating_sub(tail)) as usize]).map_err(failed(tail))?;
    device.sync_data().map_err(failed(tail))?;
    device.write_all_at(&head, 0).and_then(|()| device.sync_all()).map_err(failed(0))
}

/// Reads everything back from the device itself and compares it with the map; `image` gives the image once more, to find the
/// first wrong block.
pub fn verify(
    image: impl FnOnce() -> io::Result<Box<dyn Read>>,
    map: &BlockMap,
    device: &File,
    step: Step,
) -> Result<(), WriteError> {
    // What was written and synced is forgotten, so that it comes from the card.
    fadvise(device, 0, None, Advice::DontNeed).map_err(|errno| WriteError::Device { at: 0, source: errno.into() })?;
    let mut sum = Sha256::new();
    let mut wrong = None;
    each_chunk(map, |stretch, at, chunk| {
        device.read_exact_at(chunk, at).map_err(|source| WriteError::Device { at, source })?;
        let right = match stretch.sha256 {
            None => is_zero(chunk),
            Some(expected) => {
                sum.update(&*chunk);
                at + (chunk.len() as u64) < stretch.end || hex(std::mem::take(&mut sum)) == expected
            }
        };
        if !right {
            wrong = Some(stretch.start);
            return Err(WriteError::Differs { block: stretch.start / BLOCK });
        }
        step(chunk.len() as u64)
    })
    .map_err(|error| match (error, wrong) {
        (WriteError::Differs { block }, Some(start)) => {
            match image().and_then(|image| first_wrong(image, start, device)) {
                Ok(Some(at)) => WriteError::Differs { block: at / BLOCK },
                _ => WriteError::Differs { block },
            }
        }
        (error, _) => error,
    })
}

/// Walks through the image, stretch after stretch.
fn each_chunk(
    map: &BlockMap,
    mut work: impl FnMut(Stretch, u64, &mut [u8]) -> Result<(), WriteError>,
) -> Result<(), WriteError> {
    let mut chunk = vec![0; CHUNK as usize];
    for stretch in map.stretches() {
        let mut at = stretch.start;
        while at < stretch.end {
            let part = &mut chunk[..(stretch.end - at).min(CHUNK) as usize];
            work(stretch, at, part)?;
            at += part.len() as u64;
        }
    }
    Ok(())
}

/// Makes bytes of the device zero: not at all where they are, by the device itself where it can, else by writing. The buffer
/// is overwritten.
fn clear(device: &File, at: u64, buffer: &mut [u8]) -> io::Result<()> {
    device.read_exact_at(buffer, at)?;
    if is_zero(buffer) {
        return Ok(());
    }
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    if fallocate(device, flags, at, buffer.len() as u64).is_ok() {
        device.read_exact_at(buffer, at)?;
    }
    if !is_zero(buffer) {
        buffer.fill(0);
        device.write_all_at(buffer, at)?;
    }
    Ok(())
}

/// The first byte from `start` on at which image and device differ.
fn first_wrong(mut image: impl Read, start: u64, device: &File) -> io::Result<Option<u64>> {
    io::copy(&mut image.by_ref().take(start), &mut io::sink())?;
    let mut at = start;
    let mut expected = vec![0; CHUNK as usize];
    let mut found = expected.clone();
    loop {
        let read = fill(&mut image, &mut expected)?;
        if read == 0 {
            return Ok(None);
        }
        device.read_exact_at(&mut found[..read], at)?;
        if let Some(offset) = (0..read).find(|offset| expected[*offset] != found[*offset]) {
            return Ok(Some(at + offset as u64));
        }
        at += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs::OpenOptions;

    const MIB: u64 = 1 << 20;

    /// A card full of an old life.
    fn card(size: u64) -> (tempfile::TempDir, File) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("card");
        std::fs::write(&path, vec![0xA5; size as usize]).unwrap();
        let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
        (folder, file)
    }

    fn image(size: u64, marks: &[u64]) -> Vec<u8> {
        let mut image = vec![0; size as usize];
        marks.iter().for_each(|mark| image[*mark as usize] = 7);
        image
    }

    fn content(card: &File, size: u64) -> Vec<u8> {
        let mut bytes = vec![0; size as usize];
        card.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }

    fn go(_: u64) -> Result<(), WriteError> {
        Ok(())
    }

    fn read_back(image: &[u8], map: &BlockMap, card: &File) -> Result<(), WriteError> {
        let copy = image.to_vec();
        verify(|| Ok(Box::new(io::Cursor::new(copy))), map, card, &mut go)
    }

    #[test]
    fn the_card_holds_the_image_and_nothing_of_its_old_life_in_the_gaps_and_at_the_end() {
        let image = image(12 * MIB, &[510, 2 * MIB, 11 * MIB]);
        let map = BlockMap::of(&*image).unwrap();
        assert_eq!(map.ranges.len(), 2, "there is a gap");
        let (_folder, card) = card(20 * MIB);
        let mut done = 0;
        let mut step = |bytes| {
            done += bytes;
            Ok(())
        };
        write(&mut &*image, &map, &card, 20 * MIB, &mut step).unwrap();
        assert_eq!(done, map.size);
        let bytes = content(&card, 20 * MIB);
        assert!(bytes[..image.len()] == image, "the image");
        assert!(is_zero(&bytes[19 * MIB as usize..]), "the end");
        read_back(&image, &map, &card).unwrap();
    }

    #[test]
    fn a_stopped_card_has_no_table_of_partitions() {
        let image = image(12 * MIB, &[510, 2 * MIB]);
        let map = BlockMap::of(&*image).unwrap();
        let (_folder, card) = card(12 * MIB);
        let mut steps = 0;
        let mut step = |_| {
            steps += 1;
            if steps == 2 { Err(WriteError::Stopped) } else { Ok(()) }
        };
        let result = write(&mut &*image, &map, &card, 12 * MIB, &mut step);
        assert!(matches!(result, Err(WriteError::Stopped)));
        assert!(is_zero(&content(&card, MIB)));
    }

    #[test]
    fn the_first_wrong_block_is_named() {
        let image = image(12 * MIB, &[510, 2 * MIB, 11 * MIB]);
        let map = BlockMap::of(&*image).unwrap();
        let (_folder, card) = card(12 * MIB);
        write(&mut &*image, &map, &card, 12 * MIB, &mut go).unwrap();
        let block_after = |at: u64| {
            card.write_all_at(&[9], at).unwrap();
            let Err(WriteError::Differs { block }) = read_back(&image, &map, &card) else { panic!("not seen") };
            block
        };
        assert_eq!(block_after(11 * MIB + 5), 11 * MIB / BLOCK, "in a range");
        assert_eq!(block_after(5 * MIB), 5 * MIB / BLOCK, "in a gap");
        assert_eq!(block_after(2 * MIB + BLOCK - 1), 2 * MIB / BLOCK, "inside a range");
    }

    #[test]
    fn a_card_that_ends_early_is_not_taken_for_good() {
        let image = image(6 * MIB, &[510, 6 * MIB - 1]);
        let map = BlockMap::of(&*image).unwrap();
        let (_folder, card) = card(6 * MIB);
        write(&mut &*image, &map, &card, 6 * MIB, &mut go).unwrap();
        card.set_len(5 * MIB).unwrap();
        assert!(matches!(read_back(&image, &map, &card), Err(WriteError::Device { .. } | WriteError::Differs { .. })));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn whatever_the_image_the_card_holds_it(
            blocks in 1u64..3000, marks in proptest::collection::vec(0u64..3000 * BLOCK, 0..8), spare in 0u64..2_000_000,
        ) {
            let size = blocks * BLOCK;
            let image = image(size, &marks.into_iter().filter(|mark| *mark < size).collect::<Vec<_>>());
            let map = BlockMap::of(&*image).unwrap();
            let (_folder, card) = card(size + spare);
            write(&mut &*image, &map, &card, size + spare, &mut go).unwrap();
            prop_assert!(content(&card, size) == image);
            read_back(&image, &map, &card).unwrap();
        }
    }
}
