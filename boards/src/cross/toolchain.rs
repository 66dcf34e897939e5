//! The installed Rust comes in; one that has the standard library for the boards' processor goes out.

use super::TARGET;
use crate::host::process::{self, ProcessError};
use crate::host::tools;
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(Debug, thiserror::Error)]
pub enum ToolchainError {
    #[error("which standard libraries this Rust has cannot be asked: {0}")]
    Rustc(ProcessError),
    #[error(
        "this Rust ({}) has no standard library for {TARGET}, and rustup cannot fetch it; \
         is there network? afterwards: rustup target add {TARGET}\n{reason}", libraries.display()
    )]
    Rustup { libraries: PathBuf, reason: ProcessError },
    #[error(
        "this Rust ({}) has no standard library for {TARGET}, and there is no rustup to fetch it \
         (Debian's packages of it are not used); install Rust from https://rustup.rs, then: rustup target add {TARGET}", libraries.display()
    )]
    NoRustup { libraries: PathBuf },
    #[error(
        "rustup has added {TARGET} to another Rust than the one in use, which looks for it in {}; \
         put ~/.cargo/bin first in PATH, or unset RUSTC", libraries.display()
    )]
    OtherRust { libraries: PathBuf },
}

/// Makes sure that cargo's compiler in this source tree can build for the target. Returns the compiler to be used in its
/// place where there must be another one.
pub fn ready(source: &Path) -> Result<Option<PathBuf>, ToolchainError> {
    let libraries = libraries(source)?;
    if has_std(&libraries) {
        return Ok(None);
    }
    if tools::find("rustup").is_none() {
        return Err(ToolchainError::NoRustup { libraries });
    }
    eprintln!("adding the standard library for {TARGET}");
    match process::run(Command::new("rustup").args(["target", "add", TARGET]).current_dir(source)) {
        Ok(_) if has_std(&libraries) => Ok(None),
        Ok(_) => Err(ToolchainError::OtherRust { libraries }),
        Err(reason) => Err(ToolchainError::Rustup { libraries, reason }),
    }
}

/// Where cargo's compiler looks for the target's libraries, whether they are there or not.
fn libraries(source: &Path) -> Result<PathBuf, ToolchainError> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut ask = Command::new(rustc);
    ask.args(["--print", "target-libdir", "--target", TARGET]).current_dir(source);
    process::run(&mut ask).map(|path| process::text(path).into()).map_err(ToolchainError::Rustc)
}

fn has_std(libraries: &Path) -> bool {
    let is_std = |name: &str| name.starts_with("libstd-") && name.ends_with(".rlib");
    std::fs::read_dir(libraries)
        .is_ok_and(|entries| entries.flatten().any(|entry| entry.file_name().to_str().is_some_and(is_std)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standard_library_is_known_by_its_file() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!has_std(&folder.path().join("no-such-folder")));
        std::fs::write(folder.path().join("libcore-1.rlib"), "").unwrap();
        assert!(!has_std(folder.path()));
        std::fs::write(folder.path().join("libstd-1.rlib"), "").unwrap();
        assert!(has_std(folder.path()));
    }

    #[test]
    fn the_compiler_names_the_targets_folder() {
        let folder = libraries(crate::host::place::source()).unwrap();
        assert!(folder.ends_with(format!("rustlib/{TARGET}/lib")), "{}", folder.display());
    }
}
