//! Finished files come in; `SHA256SUMS` beside them goes out, in the form of `sha256sum`, so that `sha256sum -c` reads it.
//! A file is checked against it later.

use super::blockmap::{fill, hex};
use crate::host::files::write_atomic;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// The list's name, in the folder of the files that it lists.
pub const NAME: &str = "SHA256SUMS";

#[derive(Debug, thiserror::Error)]
pub enum SumError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: its SHA-256 is {found}, {NAME} beside it says {expected}; the file is damaged or cut off", path.display())]
    Differs { path: PathBuf, found: String, expected: String },
}

/// Enters files of one folder into its list. Other entries stay, as long as their files are there.
pub fn enter(folder: &Path, names: &[&str]) -> Result<(), SumError> {
    let list = folder.join(NAME);
    let mut sums = read(&list)?;
    sums.retain(|name, _| folder.join(name).is_file());
    for name in names {
        sums.insert((*name).to_owned(), sum(&folder.join(name))?);
    }
    let text: String = sums.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
    write_atomic(&list, text.as_bytes()).map_err(|source| SumError::Io { path: list, source })
}

/// Compares a file with the list in its folder; false if no list names it.
pub fn check(path: &Path) -> Result<bool, SumError> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Ok(false) };
    let Some(expected) = read(&path.with_file_name(NAME))?.remove(name) else { return Ok(false) };
    let found = sum(path)?;
    if found == expected { Ok(true) } else { Err(SumError::Differs { path: path.to_owned(), found, expected }) }
}

fn sum(path: &Path) -> Result<String, SumError> {
    let mut sum = Sha256::new();
    let mut chunk = vec![0; 1 << 20];
    let mut digest = || -> io::Result<()> {
        let mut file = File::open(path)?;
        loop {
            match fill(&mut file, &mut chunk)? {
                0 => return Ok(()),
                read => sum.update(&chunk[..read]),
            }
        }
    };
    digest().map_err(|source| SumError::Io { path: path.to_owned(), source })?;
    Ok(hex(sum))
}

/// The list's entries, a sum for each name; none if there is no list.
fn read(list: &Path) -> Result<BTreeMap<String, String>, SumError> {
    let text = match std::fs::read_to_string(list) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(source) => return Err(SumError::Io { path: list.to_owned(), source }),
    };
    // A second space, or a star for binary files, before the name.
    let entry = |line: &str| line.split_once(' ').map(|(sum, name)| (name[1.min(name.len())..].to_owned(), sum.into()));
    Ok(text.lines().filter_map(entry).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn sha256sum_agrees_and_changes_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        ["a.img", "b.img", "gone.img"].iter().for_each(|name| std::fs::write(path(name), name).unwrap());
        enter(folder.path(), &["b.img", "gone.img"]).unwrap();
        std::fs::remove_file(path("gone.img")).unwrap();
        enter(folder.path(), &["a.img"]).unwrap();
        let list = std::fs::read_to_string(path(NAME)).unwrap();
        assert_eq!(list.lines().map(|line| &line[66..]).collect::<Vec<_>>(), ["a.img", "b.img"]);
        crate::host::process::run(Command::new("sha256sum").args(["-c", NAME]).current_dir(folder.path())).unwrap();

        assert!(check(&path("a.img")).unwrap());
        std::fs::write(path("a.img"), "a.im").unwrap();
        assert!(check(&path("a.img")).unwrap_err().to_string().contains("damaged"));
        std::fs::write(path("new.img"), "").unwrap();
        assert!(!check(&path("new.img")).unwrap(), "a file that is not listed");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = enter(folder.path(), &["absent.img"]).unwrap_err().to_string();
        assert!(error.contains("absent.img"), "{error}");
        assert!(!folder.path().join(NAME).exists());
    }
}
