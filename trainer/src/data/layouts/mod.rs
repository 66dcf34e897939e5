//! How datasets tell the age of a face: one file a layout. In goes a folder, out comes a [`Listing`]: what each picture's
//! label says, and the files that are left out with the reason.

mod adience;
mod agedb;
mod cacd;
mod detect;
mod fairface;
mod fgnet;
mod files;
mod folders;
mod imdb_wiki;
mod morph;
mod utkface;

use super::label::{AgeLabel, Gender};
use super::record::Split;
use super::skip::Skip;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A picture with its label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Relative to the dataset's folder.
    pub file: PathBuf,
    pub label: Label,
}

/// What a dataset says about one picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub age: AgeLabel,
    pub gender: Option<Gender>,
    /// The dataset's own word for ancestry or skin tone.
    pub group: Option<String>,
    /// Which part the dataset itself puts the picture into.
    pub split: Option<Split>,
    /// Whose face it is, so that nobody is in both parts.
    pub person: Option<String>,
}

impl Label {
    /// A label that tells nothing but the age.
    pub const fn of(age: AgeLabel) -> Self {
        Self { age, gender: None, group: None, split: None, person: None }
    }
}

/// What a folder holds, in the order of its table or of the file names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    pub listed: Vec<Listed>,
    pub skipped: Vec<(PathBuf, Skip)>,
}

impl Listing {
    /// Takes a file whose label was read, or could not be read.
    fn add(&mut self, file: PathBuf, label: Option<Label>) {
        match label {
            Some(label) => self.listed.push(Listed { file, label }),
            None => self.skipped.push((file, Skip::Label)),
        }
    }
}

/// The layouts that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Layout {
    /// Tables fairface_label_train.csv and fairface_label_val.csv beside the pictures.
    Fairface,
    /// Tables fold_0_data.txt to fold_4_data.txt beside the pictures.
    Adience,
    /// Names such as 25_0_2_20170116174525125.jpg: age, gender, race, date.
    Utkface,
    /// Names such as 001A02.JPG: person, age.
    Fgnet,
    /// Names such as 00001_0M54.jpg: person, picture, gender, age.
    Morph,
    /// Names such as 16_Jane_Doe_0001.jpg: age, name, picture.
    Cacd,
    /// Names such as 0_JaneDoe_35_f.jpg: picture, name, age, gender.
    Agedb,
    /// Names such as nm001_rm002_1964-05-01_2004.jpg: birth date, year of the photograph.
    ImdbWiki,
    /// A folder per age or age group, such as 10-14, 20s, age_35 or male/60+ (AGFW, AGFW-v2 and others).
    Folders,
}

impl Layout {
    /// Everything in `dir`, read by this layout.
    pub fn list(self, dir: &Path) -> Result<Listing, LayoutError> {
        match self {
            Self::Fairface => fairface::list(dir),
            Self::Adience => adience::list(dir),
            Self::Utkface => by_name(dir, utkface::label),
            Self::Fgnet => by_name(dir, fgnet::label),
            Self::Morph => by_name(dir, morph::label),
            Self::Cacd => by_name(dir, cacd::label),
            Self::Agedb => by_name(dir, agedb::label),
            Self::ImdbWiki => by_name(dir, imdb_wiki::label),
            Self::Folders => by_path(dir, folders::label),
        }
    }

    /// The layout that the tables, names or folders in `dir` speak of.
    pub fn detect(dir: &Path) -> Result<Self, LayoutError> {
        detect::detect(dir)
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fairface => "FairFace",
            Self::Adience => "Adience",
            Self::Utkface => "UTKFace",
            Self::Fgnet => "FG-NET",
            Self::Morph => "MORPH",
            Self::Cacd => "CACD",
            Self::Agedb => "AgeDB",
            Self::ImdbWiki => "IMDB-WIKI",
            Self::Folders => "folders",
        })
    }
}

/// Why a folder cannot be listed.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    #[error("`{0}` is not there, or not a folder")]
    NoFolder(PathBuf),
    #[error("`{0}` holds no picture (jpg, jpeg, png, webp, bmp)")]
    Empty(PathBuf),
    #[error(
        "`{dir}`: neither tables nor names such as `{example}` tell ages in a way known here; name the layout with \
         --layout, or sort the pictures into folders such as 10-19, 20s or age_35"
    )]
    Unknown { dir: PathBuf, example: PathBuf },
    #[error("`{dir}` holds no {table}, which this layout needs")]
    NoTable { dir: PathBuf, table: &'static str },
    #[error("`{path}`, line {line}: {reason}")]
    Table { path: PathBuf, line: u64, reason: String },
    #[error("cannot read `{path}`: {source}")]
    Read { path: PathBuf, source: io::Error },
}

/// Lists a folder in which a picture's own name tells its label.
fn by_name(dir: &Path, label: fn(&str) -> Option<Label>) -> Result<Listing, LayoutError> {
    by_path(dir, |file| file.file_name().and_then(|name| name.to_str()).and_then(label))
}

/// Lists a folder in which a picture's path tells its label.
fn by_path(dir: &Path, label: impl Fn(&Path) -> Option<Label>) -> Result<Listing, LayoutError> {
    let found = files::find(dir)?;
    let mut listing = Listing::default();
    for file in found.pictures {
        let label = label(&file);
        listing.add(file, label);
    }
    listing.skipped.extend(found.others.into_iter().map(|file| (file, Skip::NotPicture)));
    Ok(listing)
}

/// The part of a name before its first dot: labels never hold dots, endings such as `.jpg.chip.jpg` do.
fn stem(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// A number of decimal digits only (no sign, no blanks).
fn number(text: &str) -> Option<u32> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::label::{AgeLabel, NoDecade};
    use proptest::prelude::*;

    /// A tree of empty files.
    pub fn tree(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"").unwrap();
        }
        dir
    }

    #[test]
    fn a_folder_is_listed_in_order_with_what_was_left_out() {
        let dir = tree(&[
            "b/30_1_0_20170116174525125.jpg",
            "a/20_0_9_20170116174525125.jpg.chip.jpg",
            "a/cat.png",
            "a/x.txt",
        ]);
        let listing = Layout::Utkface.list(dir.path()).unwrap();
        let ages: Vec<_> = listing.listed.iter().map(|listed| listed.label.age).collect();
        assert_eq!(ages, [AgeLabel::Years(20), AgeLabel::Years(30)]);
        assert_eq!(listing.skipped, [("a/cat.png".into(), Skip::Label), ("a/x.txt".into(), Skip::NotPicture)]);
    }

    #[test]
    fn an_impossible_age_is_found_when_the_decade_is_asked_for() {
        let label = utkface::label("1970_0_0_20170116174525125.jpg").unwrap();
        assert_eq!(label.age.decade(), Err(NoDecade::Impossible));
    }

    proptest! {
        #[test]
        fn no_name_makes_a_layout_panic(name in "\\PC{0,40}", parts in proptest::collection::vec("[0-9a-zA-Z_+ -]{0,12}", 1..4)) {
            for label in [utkface::label, fgnet::label, morph::label, cacd::label, agedb::label, imdb_wiki::label] {
                let _ = label(&name);
                let _ = label(&parts.join("_"));
            }
            let _ = folders::label(Path::new(&parts.join("/")));
        }
    }
}
