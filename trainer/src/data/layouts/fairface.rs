//! FairFace (Karkkainen and Joo 2021): `fairface_label_train.csv` and `fairface_label_val.csv` with the columns file, age,
//! gender, race, beside `train/` and `val/`. Ages are groups; spreadsheets like to turn `10-19` into `19-Oct`.

use super::files::{find, tables};
use super::{Label, LayoutError, Listing};
use crate::data::label::{AgeLabel, OLDEST};
use crate::data::record::Split;
use crate::data::skip::Skip;
use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

/// Whether a file name is that of a FairFace table.
pub fn is_table(name: &str) -> bool {
    name.starts_with("fairface_label_") && name.ends_with(".csv")
}

pub fn list(dir: &Path) -> Result<Listing, LayoutError> {
    let found = find(dir)?;
    let tables = tables(dir, is_table);
    if tables.is_empty() {
        return Err(LayoutError::NoTable {
            dir: dir.to_owned(),
            table: "fairface_label_train.csv or fairface_label_val.csv",
        });
    }
    let pictures: HashSet<&Path> = found.pictures.iter().map(PathBuf::as_path).collect();
    let mut listing = Listing::default();
    let mut named = HashSet::new();
    for table in &tables {
        let split = if table.to_string_lossy().contains("val") { Split::Val } else { Split::Train };
        let base = table.parent().unwrap_or(Path::new(""));
        for (file, label) in rows(&dir.join(table), split)? {
            let file = base.join(file);
            if pictures.contains(file.as_path()) {
                named.insert(file.clone());
                listing.add(file, label);
            } else {
                listing.skipped.push((file, Skip::Missing));
            }
        }
    }
    let unnamed = found.pictures.iter().filter(|&file| !named.contains(file));
    listing.skipped.extend(unnamed.map(|file| (file.clone(), Skip::Unlabelled)));
    Ok(listing)
}

/// The rows of one table; a label that is not understood is `None`.
fn rows(path: &Path, split: Split) -> Result<Vec<(PathBuf, Option<Label>)>, LayoutError> {
    let refuse = |line, reason: String| LayoutError::Table { path: path.to_owned(), line, reason };
    let line_of = |error: &csv::Error| error.position().map_or(0, csv::Position::line);
    let mut table =
        csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).map_err(|e| refuse(0, e.to_string()))?;
    let header = table.headers().map_err(|error| refuse(1, error.to_string()))?.clone();
    let column = |name: &str| {
        let found = header.iter().position(|column| column.eq_ignore_ascii_case(name));
        found.ok_or_else(|| refuse(1, format!("no column `{name}`, expected file, age, gender, race")))
    };
    let (file, age_column, gender, race) = (column("file")?, column("age")?, column("gender")?, column("race")?);
    let mut rows = Vec::new();
    for row in table.records() {
        let row = row.map_err(|error| refuse(line_of(&error), error.to_string()))?;
        let field = |index: usize| row.get(index).unwrap_or_default();
        let picture = PathBuf::from(field(file));
        if !picture.components().all(|part| matches!(part, Component::Normal(_))) || field(file).is_empty() {
            let line = row.position().map_or(0, csv::Position::line);
            return Err(refuse(line, format!("`{}` is not a path below the table's folder", field(file))));
        }
        let label = age(field(age_column)).map(|age| Label {
            gender: field(gender).parse().ok(),
            group: Some(field(race).to_owned()).filter(|race| !race.is_empty()),
            split: Some(split),
            ..Label::of(age)
        });
        rows.push((picture, label));
    }
    Ok(rows)
}

/// An age group as FairFace writes it, or as a spreadsheet left it.
fn age(text: &str) -> Option<AgeLabel> {
    let text = text.to_ascii_lowercase();
    let range = match text.as_str() {
        "more than 70" | "70+" | "70-" => (70, OLDEST),
        "19-oct" | "oct-19" => (10, 19),
        "9-mar" | "09-mar" | "mar-9" | "mar-09" | "3-sep" | "03-sep" | "sep-3" | "sep-03" => (3, 9),
        "2-jan" | "jan-2" | "2-jan-00" => (0, 2),
        _ => {
            let (first, last) = text.split_once('-')?;
            (super::number(first.trim())?, super::number(last.trim())?)
        }
    };
    Some(AgeLabel::Range(range.0, range.1))
}

#[cfg(test)]
mod tests {
    use super::super::tests::tree;
    use super::*;
    use crate::data::label::Gender;
    use shared::Decade;

    #[test]
    fn age_groups_are_read_even_after_a_spreadsheet_had_them() {
        for (text, first, last) in
            [("10-19", 10, 19), ("19-Oct", 10, 19), ("9-Mar", 3, 9), ("0-2", 0, 2), ("more than 70", 70, OLDEST)]
        {
            assert_eq!(age(text), Some(AgeLabel::Range(first, last)), "{text}");
        }
        for text in ["", "old", "12", "20_29", "5-May"] {
            assert_eq!(age(text), None, "{text}");
        }
    }

    #[test]
    fn tables_name_pictures_labels_and_parts() {
        let dir = tree(&["train/1.jpg", "train/2.jpg", "train/5.jpg", "val/1.jpg", "val/9.jpg"]);
        let train = "\u{feff}file,age,gender,race,service_test\ntrain/1.jpg,19-Oct,Male,East Asian,True\ntrain/2.jpg,?,Male,White,True\ntrain/3.jpg,20-29,Male,White,True\n";
        std::fs::write(dir.path().join("fairface_label_train.csv"), train).unwrap();
        let val = "file,age,gender,race,service_test\nval/1.jpg,60-69,Female,Black,True\n";
        std::fs::write(dir.path().join("fairface_label_val.csv"), val).unwrap();
        let listing = list(dir.path()).unwrap();
        let [first, second] = &listing.listed[..] else { panic!("{listing:?}") };
        assert_eq!(first.label.age.decade(), Ok(Decade::Tens));
        assert_eq!((first.label.gender, first.label.split), (Some(Gender::Male), Some(Split::Train)));
        assert_eq!(second.file, Path::new("val/1.jpg"));
        assert_eq!((second.label.group.as_deref(), second.label.split), (Some("Black"), Some(Split::Val)));
        let skipped: Vec<_> = listing.skipped.iter().map(|(file, skip)| (file.to_str().unwrap(), *skip)).collect();
        let expected = [
            ("train/2.jpg", Skip::Label),
            ("train/3.jpg", Skip::Missing),
            ("train/5.jpg", Skip::Unlabelled),
            ("val/9.jpg", Skip::Unlabelled),
        ];
        assert_eq!(skipped, expected);
    }

    #[test]
    fn broken_tables_are_named_with_the_line() {
        let dir = tree(&["train/1.jpg"]);
        assert!(matches!(list(dir.path()), Err(LayoutError::NoTable { .. })));
        let path = dir.path().join("fairface_label_train.csv");
        for (text, line) in [
            ("file,years,gender,race\n", 1),
            ("file,age,gender,race\ntrain/1.jpg,10-19\n", 2),
            ("file,age,gender,race\ntrain/1.jpg,10-19,Male,White\n../../secret.jpg,10-19,Male,White\n", 3),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = list(dir.path()).unwrap_err();
            assert!(matches!(error, LayoutError::Table { line: found, .. } if found == line), "{error}");
        }
    }
}
