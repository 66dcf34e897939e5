//! Walking a dataset's folder: its pictures and what else lies there, in the order of their paths.

use super::LayoutError;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Files of a folder, relative to it and sorted.
#[derive(Debug, Default)]
pub struct Found {
    pub pictures: Vec<PathBuf>,
    pub others: Vec<PathBuf>,
}

/// All files under `dir`; hidden ones and folders (`.git`, `__MACOSX`, `._x.jpg`) do not count.
pub fn find(dir: &Path) -> Result<Found, LayoutError> {
    if !dir.is_dir() {
        return Err(LayoutError::NoFolder(dir.to_owned()));
    }
    let mut found = Found::default();
    let hidden = |name: &str| name.starts_with('.') || name == "__MACOSX";
    let walk = WalkDir::new(dir).follow_links(true).sort_by_file_name().into_iter();
    for entry in walk.filter_entry(|entry| entry.depth() == 0 || !entry.file_name().to_str().is_some_and(hidden)) {
        let entry = entry.map_err(|error| LayoutError::Read {
            path: error.path().unwrap_or(dir).to_owned(),
            source: error.into(),
        })?;
        if !entry.file_type().is_file() {
            continue;
        }
        let file = entry.path().strip_prefix(dir).unwrap_or(entry.path()).to_owned();
        if is_picture(&file) { found.pictures.push(file) } else { found.others.push(file) }
    }
    if found.pictures.is_empty() {
        return Err(LayoutError::Empty(dir.to_owned()));
    }
    Ok(found)
}

/// Whether a name ends like a picture's.
pub fn is_picture(file: &Path) -> bool {
    let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
    matches!(ending.as_str(), "jpg" | "jpeg" | "jpe" | "jfif" | "png" | "webp" | "bmp")
}

/// Tables of a folder: files in it, or in folders right below it, whose names `wanted` picks out; relative, sorted.
pub fn tables(dir: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let walk = WalkDir::new(dir).max_depth(2).follow_links(true).sort_by_file_name().into_iter().filter_map(Result::ok);
    let tables = walk.filter(|entry| entry.file_type().is_file() && entry.file_name().to_str().is_some_and(&wanted));
    tables.map(|entry| entry.path().strip_prefix(dir).unwrap_or(entry.path()).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::tree;
    use super::*;

    #[test]
    fn pictures_and_others_are_told_apart_and_hidden_files_ignored() {
        let dir = tree(&["b/2.PNG", "b/1.jpeg", "a.webp", "read me.txt", ".git/x.jpg", "b/._1.jpg", "__MACOSX/1.jpg"]);
        let found = find(dir.path()).unwrap();
        assert_eq!(found.pictures, [Path::new("a.webp"), Path::new("b/1.jpeg"), Path::new("b/2.PNG")]);
        assert_eq!(found.others, [Path::new("read me.txt")]);
    }

    #[test]
    fn empty_and_missing_folders_are_told_apart() {
        let dir = tree(&["notes.txt"]);
        assert!(matches!(find(dir.path()), Err(LayoutError::Empty(_))));
        assert!(matches!(find(&dir.path().join("none")), Err(LayoutError::NoFolder(_))));
        assert!(matches!(find(&dir.path().join("notes.txt")), Err(LayoutError::NoFolder(_))));
    }

    #[test]
    fn a_link_in_a_circle_is_an_error_and_not_a_hang() {
        let dir = tree(&["a/1.jpg"]);
        std::os::unix::fs::symlink(dir.path(), dir.path().join("a/again")).unwrap();
        assert!(matches!(find(dir.path()), Err(LayoutError::Read { .. })));
    }
}
