//! A copy of an image as a card for one machine, and its first partition, as a technician sees it on any computer.

use super::EmulatorError;
use crate::host::process;
use crate::image::layout::{self, Partition};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Card {
    pub path: PathBuf,
}

impl Card {
    /// Copies an image; its holes stay holes.
    pub fn of(image: &Path, path: PathBuf) -> Result<Self, EmulatorError> {
        process::run(Command::new("cp").arg("--sparse=always").arg(image).arg(&path))?;
        Ok(Self { path })
    }

    /// Puts a file onto the first partition.
    pub fn put(&self, file: &Path, name: &str) -> Result<(), EmulatorError> {
        self.mtools("mcopy", &["-o"], &[file.as_os_str(), format!("::{name}").as_ref()])?;
        Ok(())
    }

    /// Puts a text onto the first partition.
    pub fn write(&self, name: &str, text: &str) -> Result<(), EmulatorError> {
        let file = tempfile::NamedTempFile::new().map_err(|source| EmulatorError::Io { path: name.into(), source })?;
        std::fs::write(file.path(), text).map_err(|source| EmulatorError::Io { path: name.into(), source })?;
        self.put(file.path(), name)
    }

    /// Reads a file of the first partition.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, EmulatorError> {
        self.mtools("mtype", &[], &[format!("::{name}").as_ref()])
    }

    /// Sum of all bytes of a partition.
    pub fn sum(&self, partition: Partition) -> Result<[u8; 32], EmulatorError> {
        let io = |source| EmulatorError::Io { path: self.path.clone(), source };
        let mut file = File::open(&self.path).map_err(io)?;
        file.seek(SeekFrom::Start(partition.start)).map_err(io)?;
        let (mut sum, mut block, mut left) = (Sha256::new(), vec![0; 1 << 20], partition.size);
        while left > 0 {
            let most = left.min(block.len() as u64) as usize;
            file.read_exact(&mut block[..most]).map_err(io)?;
            sum.update(&block[..most]);
            left -= most as u64;
        }
        Ok(sum.finalize().into())
    }

    fn mtools(&self, program: &str, options: &[&str], words: &[&std::ffi::OsStr]) -> Result<Vec<u8>, EmulatorError> {
        let image = format!("{}@@{}", self.path.display(), layout::FIRST.start);
        let mut command = Command::new(program);
        command.env("MTOOLS_SKIP_CHECK", "1").args(options).arg("-i").arg(image).args(words);
        Ok(process::run(&mut command)?)
    }
}
