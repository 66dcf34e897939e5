//! A program runs on an emulated processor; how often each of its blocks of instructions ran comes out.

use super::CountError;
use super::core::Core;
use super::instruction::Kind;
use crate::host::place;
use crate::host::process::{self, ProcessError};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds the plugin (`boards/counter`) for this machine.
pub fn build() -> Result<PathBuf, CountError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = place::target();
    let mut command = Command::new(cargo);
    command.current_dir(place::source()).args(["build", "--release", "--locked", "-p", "counter"]);
    command.env("CARGO_TARGET_DIR", &target);
    process::listen(&mut command).map_err(CountError::Plugin)?;
    Ok(target.join("release").join("libcounter.so"))
}

/// A straight piece of code and how often it ran.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    pub runs: u64,
    pub kinds: Vec<Kind>,
}

/// Everything that ran between two marks.
#[derive(Clone, Debug, PartialEq)]
pub struct Counts(Vec<Block>);

impl Counts {
    /// Reads the plugin's file.
    pub fn read(path: &Path) -> Result<Self, CountError> {
        let text = std::fs::read_to_string(path).map_err(|source| CountError::Io { path: path.into(), source })?;
        Self::parse(&text).ok_or_else(|| CountError::Counts { path: path.into() })
    }

    fn parse(text: &str) -> Option<Self> {
        let block = |line: &str| {
            let mut numbers = line.split(' ');
            let runs = u64::from_str_radix(numbers.next()?, 16).ok()?;
            let _address = u64::from_str_radix(numbers.next()?, 16).ok()?;
            let kinds = numbers.map(|word| Some(Kind::of(u32::from_str_radix(word, 16).ok()?)));
            Some(Block { runs, kinds: kinds.collect::<Option<_>>()? })
        };
        text.lines().map(block).collect::<Option<_>>().map(Self)
    }

    /// How many instructions ran, of those that `chosen` says.
    pub fn instructions(&self, chosen: impl Fn(Kind) -> bool) -> u64 {
        let chosen = |block: &Block| block.kinds.iter().filter(|&&kind| chosen(kind)).count() as u64;
        self.0.iter().map(|block| block.runs * chosen(block)).sum()
    }

    /// The fewest cycles of a core for all of it.
    pub fn cycles(&self, core: Core) -> f64 {
        self.0.iter().map(|block| block.runs as f64 * core.cycles(&block.kinds)).sum()
    }
}

/// The words of an emulator that was killed by the program that it ran, or of that program, say more than its status.
pub fn reason(error: &ProcessError) -> String {
    match error {
        ProcessError::Failed { words, .. } => words.lines().last().unwrap_or("no message").trim().to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_and_summed() {
        // fmla v0.4s, v1.4s, v2.4s twice; add x0, x1, #16; ret
        let counts = Counts::parse("a 400080 4e22cc20 4e22cc20 91004020\n3 40008c d65f03c0\n").unwrap();
        assert_eq!(counts.instructions(|_| true), 33);
        assert_eq!(counts.instructions(Kind::is_vector), 20);
        assert_eq!(counts.cycles(Core::A72), 10.0 * 2.0 + 3.0);
        assert_eq!(Counts::parse("").unwrap().instructions(|_| true), 0);
        for wrong in ["x 0 4e22cc20", "1 0 4e22cc2g", "1 0  4e22cc20", "1"] {
            assert_eq!(Counts::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Counts::read(Path::new("no/such")).unwrap_err().to_string();
        assert!(error.contains("no/such"), "{error}");
    }
}
