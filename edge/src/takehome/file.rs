//! The strip as a file for a printer: a picture comes in and lies in the printer's folder, marked as synthetic, until the
//! visit ends. What a power cut has left there is erased at the next start.

use crate::files::write_atomic;
use crate::synthetic;
use image::RgbImage;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The folder that a printer takes its pictures from. At most one picture of this mirror lies in it; dropping erases it.
#[derive(Debug)]
pub struct PrintFolder {
    folder: PathBuf,
    printed: Option<PathBuf>,
}

/// Why a strip is not printed, or not erased.
#[derive(Debug, thiserror::Error)]
pub enum PrintError {
    #[error("{}: cannot be read ({source}); create the printer's folder, or set take_home.way to \"off\"", folder.display())]
    Folder { folder: PathBuf, source: io::Error },
    #[error("{}: cannot be written ({source}); let the mirror's user write there, or free some space", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{}: cannot be erased ({source}); erase it by hand, it shows a visitor", path.display())]
    Erase { path: PathBuf, source: io::Error },
    #[error("the strip cannot be encoded ({0})")]
    Encode(#[from] png::EncodingError),
}

/// How the names of all files of this mirror begin, those half-written with a dot before it ([`write_atomic`]).
const NAME: &str = "as-time-goes-by-strip-";

impl PrintFolder {
    /// Takes the folder over: erases what an earlier run has left, and nothing else.
    pub fn open(folder: &Path) -> Result<Self, PrintError> {
        let error = |source| PrintError::Folder { folder: folder.to_owned(), source };
        for entry in fs::read_dir(folder).map_err(error)? {
            let entry = entry.map_err(error)?;
            let name = entry.file_name();
            let own = name.to_str().is_some_and(|name| name.strip_prefix('.').unwrap_or(name).starts_with(NAME));
            if own && entry.file_type().is_ok_and(|kind| kind.is_file()) {
                erase(&entry.path())?;
            }
        }
        Ok(Self { folder: folder.to_owned(), printed: None })
    }

    /// Puts a strip there, in place of the one before. Gives its path.
    pub fn put(&mut self, strip: &RgbImage) -> Result<&Path, PrintError> {
        self.erase()?;
        let bytes = synthetic::png(strip)?;
        // Some printers' software takes a name only once.
        let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        let path = self.folder.join(format!("{NAME}{time}.png"));
        if let Err(source) = write_atomic(&path, &bytes) {
            return Err(PrintError::Write { path, source });
        }
        Ok(self.printed.insert(path))
    }

    /// The visit is over.
    pub fn erase(&mut self) -> Result<(), PrintError> {
        self.printed.take().map_or(Ok(()), |path| erase(&path))
    }
}

impl Drop for PrintFolder {
    fn drop(&mut self) {
        if let Err(error) = self.erase() {
            tracing::warn!("{error}");
        }
    }
}

/// A file that the printer has taken away is erased, too.
fn erase(path: &Path) -> Result<(), PrintError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(PrintError::Erase { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        files
    }

    #[test]
    fn one_strip_lies_there_until_the_visit_ends() {
        let folder = tempfile::tempdir().unwrap();
        let strip = |level| RgbImage::from_pixel(60, 20, image::Rgb([level; 3]));
        let mut printer = PrintFolder::open(folder.path()).unwrap();
        for level in [10, 200] {
            let path = printer.put(&strip(level)).unwrap().to_owned();
            assert_eq!(files(folder.path()), [path.file_name().unwrap().to_str().unwrap()]);
            let bytes = fs::read(path).unwrap();
            assert_eq!(crate::photo::read_bytes(&bytes, "strip").unwrap(), strip(level));
            assert!(bytes.windows(9).any(|window| window == b"Composite" || window == b"composite"));
        }
        printer.erase().unwrap();
        assert!(files(folder.path()).is_empty());
        printer.put(&strip(1)).unwrap();
        drop(printer);
        assert!(files(folder.path()).is_empty());
    }

    #[test]
    fn the_printer_may_take_the_file_away() {
        let folder = tempfile::tempdir().unwrap();
        let mut printer = PrintFolder::open(folder.path()).unwrap();
        fs::remove_file(printer.put(&RgbImage::new(3, 3)).unwrap()).unwrap();
        printer.erase().unwrap();
    }

    #[test]
    fn only_this_mirrors_leftovers_are_erased() {
        let folder = tempfile::tempdir().unwrap();
        let others = ["holiday.png", ".hidden", "strip.png", "as-time-goes-by.txt"];
        for name in others {
            fs::write(folder.path().join(name), "keep").unwrap();
        }
        fs::create_dir(folder.path().join("as-time-goes-by-strip-folder")).unwrap();
        for name in ["as-time-goes-by-strip-17.png", ".as-time-goes-by-strip-18.png.x7Yz.tmp"] {
            fs::write(folder.path().join(name), "a face").unwrap();
        }
        PrintFolder::open(folder.path()).unwrap();
        assert_eq!(files(folder.path()).len(), others.len() + 1);
        assert!(matches!(PrintFolder::open(&folder.path().join("no")), Err(PrintError::Folder { .. })));
    }
}
