//! A cross-built `edge` comes in; a Debian package of it for arm64 goes out, for Raspberry Pi OS, Debian and Jetson's Ubuntu.
//! Maintainer scripts, copyright and manual page lie in `boards/debian`. The same commit and binary give the same bytes.

mod control;
mod libraries;
mod needs;
pub mod origin;
mod tree;

use crate::cross;
use crate::host::place::{self, PlaceError};
use crate::host::process::{self, ProcessError};
use crate::host::tools::{self, Tool, ToolsError};
use crate::image::checksums::{self, SumError};
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The package's name, and that of its user, unit and folders.
const NAME: &str = "as-time-goes-by";
/// Room for the staged tree and the package, MiB.
const ROOM_MIB: u64 = 150;

#[derive(Debug, thiserror::Error)]
pub enum DebError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: {what}; give the package an `edge` that is built for aarch64-unknown-linux-gnu", path.display())]
    Binary { path: PathBuf, what: String },
    #[error("{}: needs {library}, and no package is known for it; add one to boards/src/deb/needs.rs", path.display())]
    Library { path: PathBuf, library: String },
    #[error("the commit that is packaged cannot be read; package from a git clone. {0}")]
    Origin(ProcessError),
    #[error("cargo's list of libraries cannot be read: {0}")]
    Libraries(String),
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Tools(#[from] ToolsError),
    #[error(transparent)]
    Sum(#[from] SumError),
}

/// Builds the package into a folder; what is returned is its path. Its checksum is entered into the folder's `SHA256SUMS`.
pub fn build(binary: &Path, out: &Path) -> Result<PathBuf, DebError> {
    let depends = needs::depends(binary)?;
    tools::need(&[Tool { program: "dpkg-deb", package: "dpkg" }, cross::strip(), GIT])?;
    place::room(out, ROOM_MIB)?;
    let origin = origin::read()?;
    // Beside its place, so that it can be moved there in one step.
    let work = tempfile::Builder::new().prefix(".deb-").tempdir_in(out).map_err(|source| io_at(out, source))?;
    let stage = work.path().join("stage");
    tree::lay(&stage, binary, &origin)?;
    control::write(&stage, &origin, &depends)?;

    let name = format!("{NAME}_{}_arm64.deb", origin.version);
    let (built, package) = (work.path().join(&name), out.join(&name));
    pack(&stage, origin.time, &built)?;
    let sync = || std::fs::File::open(&built)?.sync_all().and_then(|()| std::fs::rename(&built, &package));
    sync().map_err(|source| io_at(&package, source))?;
    checksums::enter(out, &[&name])?;
    Ok(package)
}

/// Makes a package of a staged tree; all files are from the same second.
fn pack(stage: &Path, time: u64, package: &Path) -> Result<(), DebError> {
    tree::settle(stage, time)?;
    // Xz: what Ubuntu 22.04 and every Debian can read; how it packs depends on the number of threads.
    let mut dpkg = Command::new("dpkg-deb");
    dpkg.args(["--build", "--root-owner-group", "-Zxz"]).arg(stage).arg(package);
    process::run(dpkg.env("SOURCE_DATE_EPOCH", time.to_string()).env("DPKG_DEB_THREADS_MAX", "1"))?;
    Ok(())
}

const GIT: Tool = Tool { program: "git", package: "git" };

fn io_at(path: &Path, source: io::Error) -> DebError {
    DebError::Io { path: path.to_owned(), source }
}

/// Writes a staged file, with its folders.
fn put(path: &Path, bytes: &[u8], mode: u32) -> Result<(), DebError> {
    let write = || {
        path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        std::fs::write(path, bytes)?;
        std::fs::set_permissions(path, Permissions::from_mode(mode))
    };
    write().map_err(|source| io_at(path, source))
}

/// All files below a folder, sorted.
fn files(folder: &Path) -> Result<Vec<PathBuf>, DebError> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    for path in entries.map_err(|source| io_at(folder, source))?.iter().map(std::fs::DirEntry::path) {
        match path.is_dir() {
            true => found.extend(files(&path)?),
            false => found.push(path),
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> origin::Origin {
        let (version, date) = ("1.0+20261124184724.604ae83-1".into(), "Tue, 24 Nov 2026 18:47:24 +0000".into());
        origin::Origin { version, date, time: 1_795_546_044, maintainer: "A B <a@b.example>".into() }
    }

    /// A package of a program and its settings, built in a folder.
    fn package(folder: &Path, mode: u32) -> Vec<u8> {
        let (stage, package) = (folder.join("stage"), folder.join("a.deb"));
        put(&stage.join("usr/bin/edge"), &[7; 5000], 0o755).unwrap();
        put(&stage.join("etc/as-time-goes-by/kiosk.toml"), b"#\n", 0o644).unwrap();
        std::fs::set_permissions(stage.join("usr"), Permissions::from_mode(mode)).unwrap();
        control::write(&stage, &origin(), &["libc6 (>= 2.34)".into()]).unwrap();
        pack(&stage, origin().time, &package).unwrap();
        std::fs::read(package).unwrap()
    }

    #[test]
    fn the_same_tree_gives_the_same_bytes_whatever_the_clock_and_the_umask() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let first = package(folders[0].path(), 0o755);
        // The archive's dates are whole seconds.
        std::thread::sleep(std::time::Duration::from_millis(1100));
        assert!(first == package(folders[1].path(), 0o700), "the packages differ");
    }

    #[test]
    fn dpkg_reads_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        package(folder.path(), 0o755);
        let field = |name: &str| {
            let mut dpkg = Command::new("dpkg-deb");
            process::text(process::run(dpkg.arg("--field").arg(folder.path().join("a.deb")).arg(name)).unwrap())
        };
        assert_eq!(field("Version"), origin().version);
        assert_eq!(field("Depends"), "libc6 (>= 2.34), systemd | systemd-standalone-sysusers");
        assert_eq!((field("Architecture"), field("Installed-Size")), ("arm64".into(), "6".into()));
    }
}
