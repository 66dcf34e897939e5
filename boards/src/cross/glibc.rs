//! A program comes in; the oldest GNU C library that can run it goes out.

use crate::host::process::{self, ProcessError};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A version of the GNU C library, such as 2.35.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum GlibcError {
    #[error(transparent)]
    Readelf(#[from] ProcessError),
    #[error("{}: asks for no version of the GNU C library; is it linked against another one?", .0.display())]
    None(PathBuf),
}

/// The newest version among those that the program's symbols ask for.
pub fn needed(program: &Path) -> Result<Version, GlibcError> {
    let listing = process::text(process::run(Command::new("readelf").args(["--version-info", "--wide"]).arg(program))?);
    newest(&listing).ok_or_else(|| GlibcError::None(program.to_owned()))
}

fn newest(listing: &str) -> Option<Version> {
    let version = |word: &str| {
        let mut numbers = word.strip_prefix("GLIBC_")?.split('.').map(|number| number.parse().ok());
        Some(Version { major: numbers.next()??, minor: numbers.next()?? })
    };
    listing.split_whitespace().filter_map(version).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_counts_as_a_number_not_as_a_text() {
        let listing = "  0x0020:   Name: GLIBC_2.34  Flags: none  Version: 6\n  Name: GLIBC_2.4  Flags: none  Version: 3\n\
            Name: GCC_4.2.0  Flags: none  Version: 2\n  Name: GLIBC_PRIVATE  Flags: none";
        assert_eq!(newest(listing).map(|version| version.to_string()).as_deref(), Some("2.34"));
        assert_eq!(newest("No version information found in this file."), None);
    }

    #[test]
    fn a_real_program_asks_for_a_version_and_a_text_for_none() {
        let own = needed(&std::env::current_exe().unwrap()).unwrap();
        assert!(own >= Version { major: 2, minor: 17 }, "{own}");
        assert!(needed(Path::new(file!())).is_err());
    }
}
