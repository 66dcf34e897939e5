//! A staged tree comes in; its control files are added: what dpkg needs to know, the maintainer scripts, and the sums.

use super::origin::Origin;
use super::{DebError, NAME, files, io_at, put};
use crate::host::{place, process};
use std::path::Path;
use std::process::Command;

const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];

pub fn write(stage: &Path, origin: &Origin, depends: &[String]) -> Result<(), DebError> {
    let installed = files(stage)?;
    let folder = stage.join("DEBIAN");
    put(&folder.join("control"), control(origin, depends, size_kib(&installed)?).as_bytes(), 0o644)?;
    // Dpkg asks before it replaces a file of /etc that somebody changed, and keeps it when nobody answers.
    put(&folder.join("conffiles"), b"/etc/as-time-goes-by/kiosk.toml\n", 0o644)?;
    for script in SCRIPTS {
        let path = place::source().join("boards/debian").join(script);
        let text = std::fs::read(&path).map_err(|source| io_at(&path, source))?;
        put(&folder.join(script), &text, 0o755)?;
    }
    let names =
        installed.iter().filter_map(|path| path.strip_prefix(stage).ok()).filter(|path| !path.starts_with("etc"));
    let sums = process::run(Command::new("md5sum").args(names).current_dir(stage))?;
    put(&folder.join("md5sums"), &sums, 0o644)
}

fn control(origin: &Origin, depends: &[String], size_kib: u64) -> String {
    format!(
        "Package: {NAME}\n\
         Version: {}\n\
         Architecture: arm64\n\
         Maintainer: {}\n\
         Installed-Size: {size_kib}\n\
         Depends: {}, systemd | systemd-standalone-sysusers\n\
         Section: video\n\
         Priority: optional\n\
         Description: mirror for museums that shows visitors their face through the decades\n \
         A visitor steps before a camera and sees their own face from the 10s to the\n \
         60s, live, on the screen in front of them. It needs no network, keeps no\n \
         picture, and starts by itself as a service.\n \
         .\n \
         The settings are in /etc/as-time-goes-by/kiosk.toml, or in kiosk.toml on the\n \
         boot partition.\n",
        origin.version,
        origin.maintainer,
        depends.join(", "),
    )
}

/// As dpkg-gencontrol counts: each file's size in KiB, rounded up.
fn size_kib(files: &[std::path::PathBuf]) -> Result<u64, DebError> {
    let size = |path: &std::path::PathBuf| path.metadata().map_err(|source| io_at(path, source));
    files.iter().map(|path| Ok(size(path)?.len().div_ceil(1024))).sum()
}
