//! Adience (Eidinger, Enbar and Hassner 2014): `fold_0_data.txt` … `fold_4_data.txt`, separated by tabs, with the columns
//! user_id, original_image, face_id, age, gender; the pictures are `faces/USER/coarse_tilt_aligned_face.FACE.IMAGE` or
//! `aligned/USER/landmark_aligned_face.FACE.IMAGE`. Ages are groups such as `(25, 32)`, single years, or `None`.

use super::files::{find, tables};
use super::{Label, LayoutError, Listing, number};
use crate::data::label::AgeLabel;
use crate::data::skip::Skip;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Whether a file name is that of a fold's table. The `fold_frontal_` tables repeat rows of the others.
pub fn is_table(name: &str) -> bool {
    name.strip_prefix("fold_")
        .and_then(|rest| rest.strip_suffix("_data.txt"))
        .is_some_and(|fold| number(fold).is_some())
}

pub fn list(dir: &Path) -> Result<Listing, LayoutError> {
    let found = find(dir)?;
    let tables = tables(dir, is_table);
    if tables.is_empty() {
        return Err(LayoutError::NoTable { dir: dir.to_owned(), table: "fold_0_data.txt to fold_4_data.txt" });
    }
    let pictures: HashSet<&Path> = found.pictures.iter().map(PathBuf::as_path).collect();
    let mut listing = Listing::default();
    let mut named = HashSet::new();
    for table in &tables {
        let base = table.parent().unwrap_or(Path::new(""));
        for row in rows(&dir.join(table))? {
            let files: Vec<_> = row.files(base).into_iter().filter(|file| pictures.contains(file.as_path())).collect();
            named.extend(files.iter().cloned());
            match files.into_iter().next() {
                Some(file) => listing.add(file, row.label),
                None => listing.skipped.push((base.join(&row.user).join(&row.image), Skip::Missing)),
            }
        }
    }
    let unnamed = found.pictures.iter().filter(|&file| !named.contains(file));
    listing.skipped.extend(unnamed.map(|file| (file.clone(), Skip::Unlabelled)));
    Ok(listing)
}

struct Row {
    user: String,
    image: String,
    face: String,
    label: Option<Label>,
}

impl Row {
    /// Where the picture may lie, the coarsely aligned one first: it shows more of the head.
    fn files(&self, base: &Path) -> Vec<PathBuf> {
        let name = |kind: &str| format!("{kind}.{}.{}", self.face, self.image);
        let (coarse, fine) = (name("coarse_tilt_aligned_face"), name("landmark_aligned_face"));
        let places = [("faces", &coarse), ("", &coarse), ("aligned", &fine), ("", &fine)];
        places.map(|(folder, name)| base.join(folder).join(&self.user).join(name)).into()
    }
}

fn rows(path: &Path) -> Result<Vec<Row>, LayoutError> {
    let refuse = |line, reason: String| LayoutError::Table { path: path.to_owned(), line, reason };
    let reader = csv::ReaderBuilder::new().delimiter(b'\t').quoting(false).flexible(true).from_path(path);
    let mut table = reader.map_err(|error| refuse(0, error.to_string()))?;
    let header = table.headers().map_err(|error| refuse(1, error.to_string()))?.clone();
    let column = |name: &str| {
        let found = header.iter().position(|column| column.trim() == name);
        found.ok_or_else(|| {
            refuse(1, format!("no column `{name}`, expected user_id, original_image, face_id, age, gender"))
        })
    };
    let columns =
        (column("user_id")?, column("original_image")?, column("face_id")?, column("age")?, column("gender")?);
    let mut rows = Vec::new();
    for row in table.records() {
        let row = row.map_err(|error| refuse(error.position().map_or(0, csv::Position::line), error.to_string()))?;
        let field = |index: usize| row.get(index).unwrap_or_default().trim().to_owned();
        let (user, gender) = (field(columns.0), field(columns.4));
        let label = age(&field(columns.3)).map(|age| Label {
            gender: gender.parse().ok(),
            person: Some(user.clone()),
            ..Label::of(age)
        });
        rows.push(Row { user, image: field(columns.1), face: field(columns.2), label });
    }
    Ok(rows)
}

/// `(25, 32)` or `35`; `None` and an empty field tell no age.
fn age(text: &str) -> Option<AgeLabel> {
    match text.strip_prefix('(').and_then(|text| text.strip_suffix(')')) {
        Some(range) => {
            let (first, last) = range.split_once(',')?;
            Some(AgeLabel::Range(number(first.trim())?, number(last.trim())?))
        }
        None => number(text).map(AgeLabel::Years),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::tree;
    use super::*;
    use crate::data::label::{Gender, NoDecade};

    #[test]
    fn ages_are_read() {
        assert_eq!(age("(15, 20)"), Some(AgeLabel::Range(15, 20)));
        assert_eq!(age("(15, 20)").unwrap().decade(), Err(NoDecade::AcrossDecades));
        assert_eq!(age("35"), Some(AgeLabel::Years(35)));
        assert_eq!((age("None"), age(""), age("(1 2)")), (None, None, None));
    }

    #[test]
    fn folds_name_the_pictures_in_either_folder() {
        let dir = tree(&[
            "faces/7@N03/coarse_tilt_aligned_face.1.a_o.jpg",
            "aligned/7@N03/landmark_aligned_face.1.a_o.jpg",
            "aligned/8@N03/landmark_aligned_face.2.b_o.jpg",
            "faces/8@N03/coarse_tilt_aligned_face.3.c_o.jpg",
            "faces/8@N03/coarse_tilt_aligned_face.9.z_o.jpg",
        ]);
        let header = "user_id\toriginal_image\tface_id\tage\tgender\tx\ty\n";
        let first = format!("{header}7@N03\ta_o.jpg\t1\t(25, 32)\tf\t0\t0\n8@N03\tb_o.jpg\t2\t45\tu\t0\t0\n");
        let second = format!("{header}8@N03\tc_o.jpg\t3\tNone\t\t0\t0\n8@N03\td_o.jpg\t4\t35\tm\t0\t0\n");
        std::fs::write(dir.path().join("fold_0_data.txt"), first).unwrap();
        std::fs::write(dir.path().join("fold_1_data.txt"), second).unwrap();
        std::fs::write(dir.path().join("fold_frontal_0_data.txt"), "other").unwrap();
        let listing = list(dir.path()).unwrap();
        let [a, b] = &listing.listed[..] else { panic!("{listing:?}") };
        assert_eq!(a.file, Path::new("faces/7@N03/coarse_tilt_aligned_face.1.a_o.jpg"));
        assert_eq!((a.label.gender, a.label.person.as_deref()), (Some(Gender::Female), Some("7@N03")));
        assert_eq!(b.file, Path::new("aligned/8@N03/landmark_aligned_face.2.b_o.jpg"));
        assert_eq!((b.label.age, b.label.gender), (AgeLabel::Years(45), None));
        let reasons: Vec<_> = listing.skipped.iter().map(|(_, skip)| *skip).collect();
        assert_eq!(reasons, [Skip::Label, Skip::Missing, Skip::Unlabelled]);
    }

    #[test]
    fn a_table_without_its_columns_is_named() {
        let dir = tree(&["faces/u/coarse_tilt_aligned_face.1.a.jpg"]);
        assert!(matches!(list(dir.path()), Err(LayoutError::NoTable { .. })));
        std::fs::write(dir.path().join("fold_0_data.txt"), "user_id\tage\n").unwrap();
        assert!(matches!(list(dir.path()), Err(LayoutError::Table { line: 1, .. })));
    }
}
