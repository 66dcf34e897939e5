//! This machine's own eyes: the program that finds and ages faces here, built for this machine, judges screenshots.

use super::QemuError;
use crate::emulator::{EmulatorError, Machine};
use crate::host::{place, process};
use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Judge {
    program: PathBuf,
    /// Where screenshots are kept.
    folder: PathBuf,
}

impl Judge {
    /// Takes `examples/hardware` of `ATGB_BINARIES`, where a test of the whole tree has built it, or builds it.
    pub fn ready(folder: &Path) -> Result<Self, QemuError> {
        let built = std::env::var_os("ATGB_BINARIES").map(|binaries| PathBuf::from(binaries).join("examples/hardware"));
        let program = match built.filter(|program| program.exists()) {
            Some(program) => program,
            None => {
                let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
                let mut build = Command::new(cargo);
                build
                    .args(["build", "--release", "--locked", "--bins", "--examples", "--target-dir"])
                    .arg(place::target());
                process::show(build.current_dir(place::source()))?;
                place::target().join("release/examples/hardware")
            }
        };
        Ok(Self { program, folder: folder.to_owned() })
    }

    /// Takes a screenshot and says whether a face is on it.
    pub fn sees_face(&self, machine: &mut Machine, name: &str) -> Result<bool, EmulatorError> {
        let shot = self.shot(machine, name)?;
        Ok(self.agrees(&["face".as_ref(), shot.as_os_str()]))
    }

    /// Takes a screenshot and says whether it is an earlier one, aged as this machine ages it.
    pub fn sees_aged(&self, machine: &mut Machine, plain: &str, name: &str) -> Result<bool, EmulatorError> {
        let shot = self.shot(machine, name)?;
        Ok(self.agrees(&["aged".as_ref(), self.path(plain).as_os_str(), shot.as_os_str()]))
    }

    /// Width and height of a screenshot.
    pub fn size(&self, name: &str) -> Result<(u32, u32), EmulatorError> {
        let path = self.path(name);
        let bytes = std::fs::read(&path).map_err(|source| EmulatorError::Io { path, source })?;
        let number =
            |at: usize| bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_be_bytes);
        // PNG specification, 11.2.1: width and height are the first two numbers of the first chunk.
        Ok((number(16), number(20)))
    }

    pub fn shot(&self, machine: &mut Machine, name: &str) -> Result<PathBuf, EmulatorError> {
        let path = self.path(name);
        machine.screenshot(&path)?;
        Ok(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.png"))
    }

    fn agrees(&self, words: &[&std::ffi::OsStr]) -> bool {
        match process::run(Command::new(&self.program).args(words)) {
            Ok(said) => {
                println!("         {}", process::text(said));
                true
            }
            Err(_) => false,
        }
    }
}
