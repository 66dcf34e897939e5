//! Writing a cache face by face, whole or not at all: the files grow in a temporary folder beside the target, and a rename
//! puts it into place at the end.

use super::cache::{CacheError, PIXELS, SHEET, SKIPPED, SUMMARY, TABLE, bytes_of, check_side};
use super::record::{self, FaceRecord};
use super::skip::Skip;
use super::summary::Summary;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A cache on its way. Dropped before [`Self::finish`], it leaves nothing behind.
#[derive(Debug)]
pub struct CacheWriter {
    out: PathBuf,
    folder: TempDir,
    pixels: BufWriter<File>,
    table: csv::Writer<File>,
    skipped: csv::Writer<File>,
    summary: Summary,
}

impl CacheWriter {
    /// A new cache of crops of `side` pixels, to be put at `out`. A cache that is there already stays until
    /// [`Self::finish`]; anything else that is there is refused.
    pub fn create(out: &Path, side: usize) -> Result<Self, CacheError> {
        check_side(side)?;
        if fs::symlink_metadata(out).is_ok() && !replaceable(out) {
            return Err(CacheError::Occupied(out.to_owned()));
        }
        let write = |source| CacheError::Write { path: out.to_owned(), source };
        let parent = match out.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(parent).map_err(write)?;
        let folder = tempfile::Builder::new().prefix(".faces-").suffix(".tmp").tempdir_in(parent).map_err(write)?;
        let pixels = BufWriter::new(File::create(folder.path().join(PIXELS)).map_err(write)?);
        let csv = |name: &str| File::create(folder.path().join(name)).map(csv::Writer::from_writer);
        let (mut table, mut skipped) = (csv(TABLE).map_err(write)?, csv(SKIPPED).map_err(write)?);
        table.write_record(record::header()).map_err(io::Error::from).map_err(write)?;
        skipped.write_record(["file", "reason"]).map_err(io::Error::from).map_err(write)?;
        Ok(Self { out: out.to_owned(), folder, pixels, table, skipped, summary: Summary::new(side) })
    }

    /// Adds a face: its labels and its `side · side · 3` bytes of interleaved RGB.
    pub fn push(&mut self, record: &FaceRecord, crop: &[u8]) -> Result<(), CacheError> {
        if crop.len() != bytes_of(self.summary.side) {
            return Err(CacheError::Crop { bytes: crop.len(), side: self.summary.side });
        }
        let row = self.table.write_record(record.to_row()).map_err(io::Error::from);
        row.and_then(|()| self.pixels.write_all(crop)).map_err(|source| self.failed(source))?;
        self.summary.add(record);
        Ok(())
    }

    /// Notes a file that was left out.
    pub fn skip(&mut self, file: &str, reason: Skip) -> Result<(), CacheError> {
        let row = self.skipped.write_record([file, &reason.to_string()]).map_err(io::Error::from);
        row.map_err(|source| self.failed(source))?;
        self.summary.skip(reason);
        Ok(())
    }

    /// Notes a dataset that faces come from.
    pub fn name_dataset(&mut self, name: String) {
        self.summary.datasets.push(name);
    }

    /// What was counted so far.
    pub const fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Adds the contact sheet, a PNG file.
    pub fn sheet(&mut self, png: &[u8]) -> Result<(), CacheError> {
        fs::write(self.folder.path().join(SHEET), png).map_err(|source| self.failed(source))
    }

    /// Writes the summary, syncs, and puts the cache into place of an older one.
    pub fn finish(mut self) -> Result<Summary, CacheError> {
        self.flush().map_err(|source| self.failed(source))?;
        let Self { out, folder, summary, .. } = self;
        let write = |source| CacheError::Write { path: out.clone(), source };
        let old = folder.path().with_extension("old");
        let replaces = fs::symlink_metadata(&out).is_ok();
        if replaces {
            fs::rename(&out, &old).map_err(write)?;
        }
        // From here on the folder is the cache, not rubbish to be removed when dropped.
        let folder = folder.keep();
        if let Err(error) = fs::rename(&folder, &out) {
            let _ = fs::remove_dir_all(&folder);
            if replaces {
                let _ = fs::rename(&old, &out);
            }
            return Err(write(error));
        }
        if replaces {
            fs::remove_dir_all(&old).map_err(write)?;
        }
        Ok(summary)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pixels.flush()?;
        self.pixels.get_ref().sync_all()?;
        self.table.flush()?;
        self.skipped.flush()?;
        let mut text = serde_json::to_string_pretty(&self.summary).map_err(io::Error::from)?;
        text.push('\n');
        let mut file = File::create(self.folder.path().join(SUMMARY))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        // A temporary folder is its owner's alone; a cache may be read by others.
        #[cfg(unix)]
        fs::set_permissions(self.folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        Ok(())
    }

    fn failed(&self, source: io::Error) -> CacheError {
        CacheError::Write { path: self.out.clone(), source }
    }
}

/// An older cache or an empty folder may be replaced.
fn replaceable(out: &Path) -> bool {
    out.join(SUMMARY).is_file() && out.join(PIXELS).is_file()
        || fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::cache::Cache;
    use crate::data::record::tests::face;

    fn write(out: &Path, count: usize) -> Result<Summary, CacheError> {
        let mut writer = CacheWriter::create(out, 32)?;
        for index in 0..count {
            writer.push(&face(index), &[7; 32 * 32 * 3])?;
        }
        writer.finish()
    }

    #[test]
    fn an_older_cache_is_replaced_and_nothing_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("a/cache");
        write(&out, 5).unwrap();
        write(&out, 2).unwrap();
        assert_eq!(Cache::open(&out).unwrap().records().len(), 2);
        assert_eq!(fs::read_dir(folder.path().join("a")).unwrap().count(), 1);
    }

    #[test]
    fn a_cache_given_up_half_way_leaves_the_older_one() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("cache");
        write(&out, 5).unwrap();
        let mut writer = CacheWriter::create(&out, 32).unwrap();
        writer.push(&face(0), &[0; 32 * 32 * 3]).unwrap();
        assert!(matches!(writer.push(&face(1), &[0; 3]), Err(CacheError::Crop { bytes: 3, side: 32 })));
        drop(writer);
        assert_eq!(Cache::open(&out).unwrap().records().len(), 5);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_not_a_cache_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("holiday.jpg"), b"dear").unwrap();
        assert!(matches!(write(folder.path(), 1), Err(CacheError::Occupied(_))));
        assert!(matches!(write(&folder.path().join("holiday.jpg"), 1), Err(CacheError::Occupied(_))));
        assert_eq!(fs::read(folder.path().join("holiday.jpg")).unwrap(), b"dear");
    }

    #[test]
    fn a_place_that_cannot_be_written_to_is_told() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), b"").unwrap();
        let error = write(&folder.path().join("file/cache"), 1).unwrap_err();
        assert!(matches!(error, CacheError::Write { .. }), "{error}");
        assert!(error.to_string().contains("another --out"), "{error}");
    }

    #[test]
    fn sides_that_no_generator_takes_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        for side in [0, 31, 130, 4096] {
            assert!(matches!(CacheWriter::create(&folder.path().join("c"), side), Err(CacheError::Side { .. })));
        }
    }
}
