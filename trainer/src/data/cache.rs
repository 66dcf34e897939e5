//! The cache of aligned faces: a folder with `faces.rgb` (all crops, one after the other, `side · side · 3` bytes each),
//! `faces.csv` (a row of labels and landmarks a crop), `summary.json` and, for people to look at, `sheet.png` and
//! `skipped.csv`.
//!
//! [`CacheWriter`] writes it, [`Cache::open`] checks that the files belong together before anything trains on them.

pub use super::label::Gender;
pub use super::record::{FaceRecord, Split};
pub use super::summary::Summary;
pub use super::writer::CacheWriter;

use super::{record, summary};
use shared::{Decade, alignment, manifest};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The crops.
pub const PIXELS: &str = "faces.rgb";
/// The labels.
pub const TABLE: &str = "faces.csv";
/// The counts.
pub const SUMMARY: &str = "summary.json";
/// The files that were left out, with the reason.
pub const SKIPPED: &str = "skipped.csv";
/// The contact sheet.
pub const SHEET: &str = "sheet.png";

/// Why a cache cannot be used or written.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    #[error("`{0}` holds no face cache (no {SUMMARY}); make one with `trainer prepare --out {0}`")]
    Missing(PathBuf),
    #[error("`{path}` is not a summary of a face cache: {reason}; run `trainer prepare` again")]
    Summary { path: PathBuf, reason: String },
    #[error("`{dir}` has cache format {found}, expected {}; run `trainer prepare` again", summary::FORMAT)]
    Format { dir: PathBuf, found: u32 },
    #[error(
        "`{dir}` was aligned to template `{found}`, expected `{}`; run `trainer prepare` again",
        alignment::TEMPLATE_NAME
    )]
    Template { dir: PathBuf, found: String },
    #[error("crops of {side} pixels are outside {} to {}, or not a multiple of 4", manifest::SIZES.start(), manifest::SIZES.end())]
    Side { side: usize },
    #[error("`{path}` holds {found} bytes, expected {expected}; the cache is damaged, run `trainer prepare` again")]
    Pixels { path: PathBuf, expected: u64, found: u64 },
    #[error("`{path}` lists {found} faces, the summary {expected}; the cache is damaged, run `trainer prepare` again")]
    Count { path: PathBuf, expected: usize, found: usize },
    #[error("`{path}`, line {line}: {reason}")]
    Row { path: PathBuf, line: u64, reason: String },
    #[error("face {index} was asked for, the cache holds {count}")]
    Index { index: usize, count: usize },
    #[error("a crop of {bytes} bytes does not fit into a cache of side {side}")]
    Crop { bytes: usize, side: usize },
    #[error("`{0}` exists and is not a face cache; choose another --out, nothing there was touched")]
    Occupied(PathBuf),
    #[error("cannot read `{path}`: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write `{path}`: {source}; make room there or choose another --out")]
    Write { path: PathBuf, source: io::Error },
}

/// An open cache. Labels are in memory, crops are read from disk when asked for.
#[derive(Debug)]
pub struct Cache {
    dir: PathBuf,
    summary: Summary,
    records: Vec<FaceRecord>,
    pixels: File,
}

impl Cache {
    /// Opens the cache in `dir` and checks that its files belong together.
    pub fn open(dir: &Path) -> Result<Self, CacheError> {
        let summary = read_summary(dir)?;
        let records = read_table(&dir.join(TABLE))?;
        if records.len() != summary.faces {
            return Err(CacheError::Count { path: dir.join(TABLE), expected: summary.faces, found: records.len() });
        }
        let path = dir.join(PIXELS);
        let read = |source| CacheError::Read { path: path.clone(), source };
        let pixels = File::open(&path).map_err(read)?;
        let found = pixels.metadata().map_err(read)?.len();
        let expected = (summary.faces * bytes_of(summary.side)) as u64;
        if found != expected {
            return Err(CacheError::Pixels { path, expected, found });
        }
        Ok(Self { dir: dir.to_owned(), summary, records, pixels })
    }

    /// Side of a crop in pixels.
    pub const fn side(&self) -> usize {
        self.summary.side
    }

    pub fn records(&self) -> &[FaceRecord] {
        &self.records
    }

    pub const fn summary(&self) -> &Summary {
        &self.summary
    }

    /// The crop of `records()[index]`: `side · side · 3` bytes, interleaved RGB. Threads may read at the same time.
    pub fn face(&self, index: usize) -> Result<Vec<u8>, CacheError> {
        if index >= self.records.len() {
            return Err(CacheError::Index { index, count: self.records.len() });
        }
        let mut crop = vec![0; bytes_of(self.side())];
        let offset = (index * crop.len()) as u64;
        let read = |source| CacheError::Read { path: self.dir.join(PIXELS), source };
        self.pixels.read_exact_at(&mut crop, offset).map_err(read)?;
        Ok(crop)
    }

    /// Indices of the faces of one decade in one split, in ascending order.
    pub fn indices(&self, split: Split, decade: Decade) -> Vec<usize> {
        let wanted = |record: &FaceRecord| record.split == split && record.decade == decade;
        (0..self.records.len()).filter(|&index| wanted(&self.records[index])).collect()
    }
}

/// Bytes of one crop.
pub(super) const fn bytes_of(side: usize) -> usize {
    side * side * 3
}

/// Crops are of a size that a generator can take.
pub(super) fn check_side(side: usize) -> Result<(), CacheError> {
    let fits = u32::try_from(side).is_ok_and(|side| manifest::SIZES.contains(&side) && side.is_multiple_of(4));
    if fits { Ok(()) } else { Err(CacheError::Side { side }) }
}

fn read_summary(dir: &Path) -> Result<Summary, CacheError> {
    #[derive(serde::Deserialize)]
    struct Head {
        format: u32,
    }
    let path = dir.join(SUMMARY);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(CacheError::Missing(dir.to_owned())),
        Err(source) => return Err(CacheError::Read { path, source }),
    };
    let refuse = |error: serde_json::Error| CacheError::Summary { path: path.clone(), reason: error.to_string() };
    let head: Head = serde_json::from_str(&text).map_err(refuse)?;
    if head.format != summary::FORMAT {
        return Err(CacheError::Format { dir: dir.to_owned(), found: head.format });
    }
    let summary: Summary = serde_json::from_str(&text).map_err(refuse)?;
    check_side(summary.side)?;
    if summary.template != alignment::TEMPLATE_NAME {
        return Err(CacheError::Template { dir: dir.to_owned(), found: summary.template });
    }
    Ok(summary)
}

fn read_table(path: &Path) -> Result<Vec<FaceRecord>, CacheError> {
    let read = |source| CacheError::Read { path: path.to_owned(), source };
    let row = |line, reason| CacheError::Row { path: path.to_owned(), line, reason };
    let mut table = csv::Reader::from_reader(io::BufReader::new(File::open(path).map_err(read)?));
    let header = table.headers().map_err(|error| row(1, error.to_string()))?;
    if !header.iter().eq(record::header()) {
        return Err(row(1, "the columns are not those of a face cache".to_owned()));
    }
    let mut records = Vec::new();
    for fields in table.records() {
        let fields = fields.map_err(|error| row(error.position().map_or(0, csv::Position::line), error.to_string()))?;
        let line = fields.position().map_or(0, csv::Position::line);
        records.push(FaceRecord::from_row(&fields).map_err(|reason| row(line, reason))?);
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::record::tests::face;
    use crate::data::skip::Skip;

    const SIDE: usize = 32;

    fn crop(index: usize) -> Vec<u8> {
        (0..bytes_of(SIDE)).map(|i| (i * 7 + index * 31) as u8).collect()
    }

    fn written(dir: &Path, count: usize) {
        let mut writer = CacheWriter::create(dir, SIDE).unwrap();
        for index in 0..count {
            writer.push(&face(index), &crop(index)).unwrap();
        }
        writer.skip("9.jpg", Skip::Blurred).unwrap();
        writer.finish().unwrap();
    }

    #[test]
    fn faces_and_labels_survive_the_round_trip() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("cache");
        written(&dir, 13);
        let cache = Cache::open(&dir).unwrap();
        assert_eq!((cache.side(), cache.records().len()), (SIDE, 13));
        for index in 0..13 {
            assert_eq!(cache.face(index).unwrap(), crop(index));
            assert_eq!(cache.records()[index].file, face(index).file);
            assert_eq!(cache.records()[index].gender, face(index).gender);
        }
        assert_eq!(cache.indices(Split::Train, Decade::Tens), [0, 6, 12]);
        assert_eq!(cache.indices(Split::Val, Decade::Thirties), [2, 8]);
        assert_eq!(cache.summary().skipped["blurred face"], 1);
        assert!(matches!(cache.face(13), Err(CacheError::Index { index: 13, count: 13 })));
    }

    #[test]
    fn each_damage_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("cache");
        let damaged = |file: &str, change: &dyn Fn(String) -> String| {
            let _ = std::fs::remove_dir_all(&dir);
            written(&dir, 3);
            let path = dir.join(file);
            std::fs::write(&path, change(std::fs::read_to_string(&path).unwrap())).unwrap();
            Cache::open(&dir).unwrap_err()
        };
        assert!(matches!(damaged(SUMMARY, &|_| String::new()), CacheError::Summary { .. }));
        let swap = |from: &'static str, to: &'static str| move |text: String| text.replacen(from, to, 1);
        assert!(matches!(damaged(SUMMARY, &swap(": 1,", ": 9,")), CacheError::Format { found: 9, .. }));
        assert!(matches!(damaged(SUMMARY, &swap("\"side\": 32", "\"side\": 31")), CacheError::Side { side: 31 }));
        assert!(matches!(damaged(SUMMARY, &swap("\"side\": 32", "\"side\": 64")), CacheError::Pixels { .. }));
        assert!(matches!(damaged(SUMMARY, &swap("fairface-68pt-1", "other")), CacheError::Template { .. }));
        assert!(matches!(damaged(SUMMARY, &swap("\"faces\": 3", "\"faces\": 4")), CacheError::Count { .. }));
        assert!(matches!(damaged(TABLE, &swap("decade", "age group")), CacheError::Row { line: 1, .. }));
        assert!(matches!(damaged(TABLE, &swap("20s", "21s")), CacheError::Row { line: 3, .. }));
        assert!(matches!(damaged(TABLE, &|text| text + "one,two\n"), CacheError::Row { line: 5, .. }));
        std::fs::remove_file(dir.join(SUMMARY)).unwrap();
        assert!(matches!(Cache::open(&dir), Err(CacheError::Missing(_))));
    }
}
