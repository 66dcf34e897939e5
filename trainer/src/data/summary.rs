//! What a cache holds and what was left out on the way, as `summary.json` and as a table for people.

use super::record::{FaceRecord, Split};
use serde::{Deserialize, Serialize};
use shared::{Decade, alignment, decade};
use std::collections::BTreeMap;
use std::fmt;

/// The cache format that this code reads and writes.
pub const FORMAT: u32 = 1;

/// `summary.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    pub format: u32,
    /// Name of the alignment template that the crops were cut with.
    pub template: String,
    /// Side of a crop in pixels.
    pub side: usize,
    /// Names of the datasets, as their layouts call them.
    pub datasets: Vec<String>,
    /// Cached faces.
    pub faces: usize,
    /// Faces to train on, a decade each, youngest first.
    pub train: [usize; decade::COUNT],
    /// Faces to measure on, a decade each, youngest first.
    pub val: [usize; decade::COUNT],
    /// Files left out, by reason.
    pub skipped: BTreeMap<String, usize>,
}

impl Summary {
    /// An empty cache of crops of `side` pixels.
    pub fn new(side: usize) -> Self {
        Self {
            format: FORMAT,
            template: alignment::TEMPLATE_NAME.to_owned(),
            side,
            datasets: Vec::new(),
            faces: 0,
            train: [0; decade::COUNT],
            val: [0; decade::COUNT],
            skipped: BTreeMap::new(),
        }
    }

    /// Counts a cached face.
    pub fn add(&mut self, record: &FaceRecord) {
        self.faces += 1;
        let counts = match record.split {
            Split::Train => &mut self.train,
            Split::Val => &mut self.val,
        };
        counts[record.decade.index()] += 1;
    }

    /// Counts a file that was left out.
    pub fn skip(&mut self, reason: impl fmt::Display) {
        *self.skipped.entry(reason.to_string()).or_default() += 1;
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<8}", "faces")?;
        for decade in Decade::ALL {
            write!(f, "{decade:>8}")?;
        }
        writeln!(f, "{:>8}", "all")?;
        for (name, counts) in [("train", &self.train), ("val", &self.val)] {
            write!(f, "{name:<8}")?;
            for count in counts {
                write!(f, "{count:>8}")?;
            }
            writeln!(f, "{:>8}", counts.iter().sum::<usize>())?;
        }
        if !self.skipped.is_empty() {
            writeln!(f, "\nleft out")?;
        }
        for (reason, count) in &self.skipped {
            writeln!(f, "{count:>8}  {reason}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::record;

    #[test]
    fn every_face_and_every_skipped_file_is_counted_once() {
        let mut summary = Summary::new(128);
        (0..30).for_each(|i| summary.add(&record::tests::face(i)));
        summary.skip("blurred");
        summary.skip("blurred");
        summary.skip("age outside 10 to 69");
        assert_eq!(summary.faces, 30);
        assert_eq!(summary.train.iter().sum::<usize>() + summary.val.iter().sum::<usize>(), 30);
        assert_eq!(summary.skipped.values().sum::<usize>(), 3);
        let table = summary.to_string();
        assert!(table.contains("       2  blurred"), "{table}");
        assert_eq!(serde_json::from_str::<Summary>(&serde_json::to_string(&summary).unwrap()).unwrap(), summary);
    }
}
