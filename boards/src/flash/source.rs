//! A folder and a board, or a file, come in; an image that can be read from its start, packed with zstd or not, goes out, with
//! its block map.

use crate::image::blockmap::{BlockMap, MapError};
use crate::image::bmap;
use crate::image::checksums::{self, SumError};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub struct Image {
    pub path: PathBuf,
    packed: bool,
}

/// What vouches for an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voucher {
    BlockMap,
    Checksum,
    Nothing,
}

#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    #[error("there is no image of {board} in {}; make one: boards image {board}, or name one with --image", folder.display())]
    Absent { board: String, folder: PathBuf },
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: {what}; an image is a .img, or a .img.zst that is packed with zstd", path.display())]
    Form { path: PathBuf, what: &'static str },
    #[error(transparent)]
    Map(#[from] MapError),
    #[error(transparent)]
    Sum(#[from] SumError),
}

impl Image {
    /// The image of a board in a folder: `BOARD.img`, else `BOARD.img.zst`.
    pub fn find(folder: &Path, board: &str) -> Result<Self, ImageError> {
        let names = ["img", "img.zst"].map(|ending| folder.join(format!("{board}.{ending}")));
        match names.into_iter().find(|path| path.exists()) {
            Some(path) => Self::at(path),
            None => Err(ImageError::Absent { board: board.to_owned(), folder: folder.to_owned() }),
        }
    }

    pub fn at(path: PathBuf) -> Result<Self, ImageError> {
        let metadata = path.metadata().map_err(|source| ImageError::Io { path: path.clone(), source })?;
        if !metadata.is_file() {
            return Err(ImageError::Form { path, what: "not a file" });
        }
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("zst") => Ok(Self { path, packed: true }),
            Some("gz" | "xz" | "bz2" | "zip") => Err(ImageError::Form { path, what: "packed in another way" }),
            _ => Ok(Self { path, packed: false }),
        }
    }

    /// Its bytes, unpacked, from the start.
    pub fn open(&self) -> io::Result<Box<dyn Read>> {
        let file = File::open(&self.path)?;
        Ok(if self.packed { Box::new(zstd::Decoder::new(file)?) } else { Box::new(file) })
    }

    /// The image's block map, and what vouches for the image: the map beside it if there is one, else its checksum, else
    /// nothing, and then the map is made from the image. Reads the image to its end; `step` hears how many bytes more.
    pub fn checked(&self, mut step: impl FnMut(u64)) -> Result<(BlockMap, Voucher), ImageError> {
        let io = |source| ImageError::Io { path: self.path.clone(), source };
        let unpacked = if self.packed { self.path.with_extension("") } else { self.path.clone() };
        let beside = bmap::beside(&unpacked);
        let (map, voucher) = if beside.exists() {
            let map = BlockMap::read(&beside)?;
            map.check(&self.path, self.open().map_err(io)?, step)?;
            (map, Voucher::BlockMap)
        } else {
            let voucher = if checksums::check(&self.path)? { Voucher::Checksum } else { Voucher::Nothing };
            let heard = Heard { input: self.open().map_err(io)?, step: &mut step };
            (BlockMap::of(heard).map_err(io)?, voucher)
        };
        match map.size {
            0 => Err(ImageError::Form { path: self.path.clone(), what: "empty" }),
            size if size % 512 != 0 => {
                Err(ImageError::Form { path: self.path.clone(), what: "not made of whole sectors" })
            }
            _ if map.ranges.first().is_none_or(|range| range.first != 0) => {
                Err(ImageError::Form { path: self.path.clone(), what: "without a table of partitions" })
            }
            _ => Ok((map, voucher)),
        }
    }
}

/// Tells of what is read.
struct Heard<'a, R> {
    input: R,
    step: &'a mut dyn FnMut(u64),
}

impl<R: Read> Read for Heard<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        (self.step)(read as u64);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> Vec<u8> {
        let mut image = vec![0; 6 << 20];
        image[510] = 0x55;
        image[3 << 20] = 9;
        image
    }

    #[test]
    fn packed_and_plain_images_are_found_and_checked_against_the_same_map() {
        let folder = tempfile::tempdir().unwrap();
        let error = Image::find(folder.path(), "qemu").unwrap_err().to_string();
        assert!(error.contains("boards image qemu"), "{error}");

        let map = BlockMap::of(&*image()).unwrap();
        let packed = folder.path().join("qemu.img.zst");
        std::fs::write(&packed, zstd::encode_all(&*image(), 1).unwrap()).unwrap();
        let found = Image::find(folder.path(), "qemu").unwrap();
        assert_eq!(found.checked(|_| {}).unwrap(), (map.clone(), Voucher::Nothing));
        checksums::enter(folder.path(), &["qemu.img.zst"]).unwrap();
        assert_eq!(found.checked(|_| {}).unwrap(), (map.clone(), Voucher::Checksum));
        std::fs::write(folder.path().join("qemu.img.bmap"), map.to_xml()).unwrap();
        assert_eq!(found.checked(|_| {}).unwrap(), (map.clone(), Voucher::BlockMap));

        std::fs::write(folder.path().join("qemu.img"), image()).unwrap();
        let found = Image::find(folder.path(), "qemu").unwrap();
        let mut heard = 0;
        assert_eq!(found.checked(|bytes| heard += bytes).unwrap(), (map, Voucher::BlockMap));
        assert_eq!(heard, 6 << 20);
    }

    #[test]
    fn what_is_no_image_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |name: &str, bytes: &[u8], words: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            let error = Image::at(path).and_then(|image| image.checked(|_| {})).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        };
        refused("empty.img", &[], "empty");
        refused("odd.img", &[1; 700], "whole sectors");
        refused("zero.img", &[0; 8 << 20], "table of partitions");
        refused("a.img.gz", &[1], "packed in another way");
        let packed = zstd::encode_all(&*image(), 1).unwrap();
        refused("cut.img.zst", &packed[..packed.len() - 9], "cut.img.zst: ");
        refused("not.img.zst", b"something else", "not.img.zst: ");
        let error = Image::at(folder.path().into()).unwrap_err().to_string();
        assert!(error.contains("not a file"), "{error}");
        assert!(Image::at("/no/such.img".into()).is_err());
    }

    #[test]
    fn an_image_that_is_cut_off_is_seen_by_what_vouches_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.img");
        std::fs::write(&path, image()).unwrap();
        checksums::enter(folder.path(), &["a.img"]).unwrap();
        std::fs::write(&path, &image()[..4 << 20]).unwrap();
        let error = || Image::at(path.clone()).unwrap().checked(|_| {}).unwrap_err().to_string();
        assert!(error().contains("SHA256SUMS"), "{}", error());
        std::fs::write(folder.path().join("a.img.bmap"), BlockMap::of(&*image()).unwrap().to_xml()).unwrap();
        assert!(error().contains("ends at byte"), "{}", error());
    }
}
