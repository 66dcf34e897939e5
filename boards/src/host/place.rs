//! Where things lie: the source tree, the folder of finished images, and the cache of what was downloaded and built.

use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{}: {free_mib} MiB are free, {need_mib} MiB are needed; make room or name another folder", path.display())]
    Full { path: PathBuf, free_mib: u64, need_mib: u64 },
}

/// The top of the source tree.
pub fn source() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a crate lies in the tree")
}

/// Where cargo builds: `CARGO_TARGET_DIR`, else `target` in the source tree.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| source().join("target"), |folder| source().join(folder))
}

/// Where images and packages go unless the user says otherwise.
pub fn results() -> PathBuf {
    target().join("boards")
}

/// What can be fetched or made again: `ATGB_CACHE`, else `~/.cache/as-time-goes-by`, and `boards` in it.
pub fn cache() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/root".into()));
    let named = std::env::var_os("ATGB_CACHE").filter(|folder| !folder.is_empty());
    let base = named.map_or_else(|| home().join(".cache/as-time-goes-by"), PathBuf::from);
    base.join("boards")
}

/// Makes a folder with its parents and checks that there is room for what will be written there.
pub fn room(folder: &Path, need_mib: u64) -> Result<(), PlaceError> {
    let io = |source| PlaceError::Io { path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(io)?;
    let stat = rustix::fs::statvfs(folder).map_err(|errno| io(errno.into()))?;
    let free_mib = stat.f_bavail * stat.f_frsize / (1 << 20);
    if free_mib < need_mib {
        return Err(PlaceError::Full { path: folder.to_owned(), free_mib, need_mib });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_is_too_small_is_named_with_both_sizes() {
        let folder = std::env::temp_dir();
        room(&folder, 0).unwrap();
        let error = room(&folder, u64::MAX).unwrap_err().to_string();
        assert!(error.contains("MiB are free") && error.contains(&u64::MAX.to_string()), "{error}");
    }
}
