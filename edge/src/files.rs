//! Writing files so that a power cut leaves the old one or the new one, never half of one.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes `bytes` to a temporary file beside `path`, syncs it and renames it into place. The temporary file is called like
/// `path`, with a dot before and some letters after, so that what a power cut leaves can be told apart.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let prefix = format!(".{}.", path.file_name().unwrap_or_default().to_string_lossy());
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)); // the umask still applies
    let mut file = builder.prefix(&prefix).suffix(".tmp").tempfile_in(&folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    // The rename itself lasts only once the folder is on disk.
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_file_takes_the_place_of_the_old_and_nothing_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write_atomic(&path, b"old").unwrap();
        write_atomic(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_half_written_is_called_like_the_whole_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        let seen = std::thread::scope(|scope| {
            let writing = scope.spawn(|| (0..200).for_each(|_| write_atomic(&path, &[7; 100_000]).unwrap()));
            let mut seen = Vec::new();
            while !writing.is_finished() {
                let entries = std::fs::read_dir(folder.path()).unwrap().flatten();
                seen.extend(entries.map(|entry| entry.file_name().to_string_lossy().into_owned()));
            }
            seen
        });
        assert!(
            seen.iter().all(|name| name == "a.txt" || name.starts_with(".a.txt.") && name.ends_with(".tmp")),
            "{seen:?}"
        );
    }

    #[test]
    fn a_missing_folder_is_an_error_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert!(write_atomic(&folder.path().join("no/a.txt"), b"x").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
