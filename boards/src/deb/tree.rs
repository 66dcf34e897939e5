//! The source tree and a binary come in; the tree that the package installs goes out, as files in a folder.

use super::origin::Origin;
use super::{DebError, NAME, files, io_at, libraries, put};
use crate::cross;
use crate::host::{place, process};
use std::fs::{File, Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

/// What is installed as it lies in the source tree.
const FILES: [(&str, &str); 10] = [
    ("edge/service/as-time-goes-by.service", "usr/lib/systemd/system/as-time-goes-by.service"),
    ("edge/service/as-time-goes-by.sysusers.conf", "usr/lib/sysusers.d/as-time-goes-by.conf"),
    ("edge/service/as-time-goes-by.modules.conf", "usr/lib/modules-load.d/as-time-goes-by.conf"),
    ("edge/service/60-as-time-goes-by.rules", "usr/lib/udev/rules.d/60-as-time-goes-by.rules"),
    // Without the defaults in it: it stays the same from version to version, so that an update has nothing to ask.
    ("boards/debian/kiosk.toml", "etc/as-time-goes-by/kiosk.toml"),
    ("edge/kiosk.toml", "usr/share/doc/as-time-goes-by/examples/kiosk.toml"),
    ("edge/service/README.md", "usr/share/doc/as-time-goes-by/README.md"),
    ("edge/models/generator/MODEL_CARD.md", "usr/share/doc/as-time-goes-by/MODEL_CARD.md"),
    ("boards/debian/copyright", "usr/share/doc/as-time-goes-by/copyright"),
    ("boards/debian/lintian-overrides", "usr/share/lintian/overrides/as-time-goes-by"),
];

/// Lays all files of the package but its control files into a folder that is not there yet.
pub fn lay(stage: &Path, binary: &Path, origin: &Origin) -> Result<(), DebError> {
    let source = place::source();
    for (from, to) in FILES {
        put(&stage.join(to), &read(&source.join(from))?, 0o644)?;
    }
    let doc = stage.join("usr/share/doc").join(NAME);
    for language in files(&source.join("edge/languages"))? {
        let name = language.file_name().unwrap_or_default();
        put(&doc.join("examples/languages").join(name), &read(&language)?, 0o644)?;
    }
    let changes = format!(
        "{NAME} ({}) unstable; urgency=medium\n\n  * Built from that commit; what changed is in changelog.gz.\n\n -- {}  {}\n",
        origin.version, origin.maintainer, origin.date
    );
    pack(&doc.join("changelog.Debian"), changes.as_bytes())?;
    pack(&doc.join("changelog"), &read(&source.join("CHANGELOG.md"))?)?;
    pack(&doc.join("libraries"), libraries::notices()?.as_bytes())?;
    pack(&stage.join("usr/share/man/man1/edge.1"), &read(&source.join("boards/debian/edge.1"))?)?;

    let program = stage.join("usr/bin/edge");
    put(&program, &[], 0o755)?;
    process::run(
        Command::new(cross::strip().program)
            .args(["--strip-all", "--remove-section=.comment", "-o"])
            .arg(&program)
            .arg(binary),
    )?;
    put(&program, &read(&program)?, 0o755)
}

/// Dates everything in a folder, and the folder, to seconds since 1970, and opens folders to all, whatever the umask.
pub fn settle(folder: &Path, time: u64) -> Result<(), DebError> {
    let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    for path in entries.map_err(|source| io_at(folder, source))?.iter().map(std::fs::DirEntry::path) {
        match path.is_dir() {
            true => settle(&path, time)?,
            false => touch(&path, time)?,
        }
    }
    set_permissions(folder, Permissions::from_mode(0o755)).map_err(|source| io_at(folder, source))?;
    touch(folder, time)
}

fn touch(path: &Path, time: u64) -> Result<(), DebError> {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(time);
    File::open(path).and_then(|file| file.set_modified(time)).map_err(|source| io_at(path, source))
}

fn read(path: &Path) -> Result<Vec<u8>, DebError> {
    std::fs::read(path).map_err(|source| io_at(path, source))
}

/// Writes a file as gzip without name and date.
fn pack(path: &Path, bytes: &[u8]) -> Result<(), DebError> {
    put(path, bytes, 0o644)?;
    process::run(Command::new("gzip").arg("-9n").arg(path))?;
    Ok(())
}
