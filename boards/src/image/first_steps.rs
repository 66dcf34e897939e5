//! What runs before the root is there: busybox, the modules that reach the card, and a script, in the archive that the
//! kernel unpacks into memory.

use super::modules::Modules;
use super::packages::Packages;
use super::{ImageError, copy, copy_tree, files};
use crate::host::process;
use std::path::Path;
use std::process::Command;

/// Writes the archive. `work` is a folder for what it holds.
pub fn pack(
    tree: &Path,
    modules: &Modules,
    packages: &Packages,
    work: &Path,
    archive: &Path,
) -> Result<(), ImageError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| ImageError::Io { path, source }
    };
    for folder in ["bin", "dev", "proc", "sys", "root", "usr/lib"] {
        std::fs::create_dir_all(work.join(folder)).map_err(io(work))?;
    }
    std::os::unix::fs::symlink("usr/lib", work.join("lib")).map_err(io(work))?;
    copy(&tree.join("usr/bin/busybox"), &work.join("bin/busybox"))?;
    copy_tree(&files().join("first-steps"), work, &str::to_owned)?;
    modules.copy(&modules.chosen(&packages.first_modules)?, work)?;
    // The kernel unpacks xz itself; busybox's modprobe does too.
    let script = format!(
        "find . -mindepth 1 -exec touch -h -d @0 {{}} + && find . -mindepth 1 | LC_ALL=C sort | cpio --quiet --create --format=newc --reproducible --owner=0:0 | zstd -q -12 -f -o {}",
        quoted(archive)
    );
    process::run(Command::new("sh").args(["-c", &script]).current_dir(work))?;
    Ok(())
}

/// A path as one word of a shell's line.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_path_stays_one_word() {
        let path = std::path::Path::new("/a b/it's");
        let script = format!("printf %s {}", super::quoted(path));
        let said = super::process::run(super::Command::new("sh").args(["-c", &script])).unwrap();
        assert_eq!(said, b"/a b/it's");
    }
}
