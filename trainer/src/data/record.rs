//! One face of the cache and its row in `faces.csv`.

use super::label::Gender;
use serde::{Deserialize, Serialize};
use shared::{Decade, Landmarks, Point, landmarks};
use std::fmt;
use std::str::FromStr;

/// What is known about a cached face.
#[derive(Clone, Debug, PartialEq)]
pub struct FaceRecord {
    /// The picture it was cut from, relative to its dataset's folder.
    pub file: String,
    pub decade: Decade,
    /// Whole years, where the dataset has them.
    pub age: Option<u32>,
    pub split: Split,
    pub gender: Option<Gender>,
    /// The dataset's own word for ancestry or skin tone.
    pub group: Option<String>,
    /// Variance of the Laplacian of the crop at 128 px, in squared grey levels.
    pub sharpness: f32,
    /// In units of the crop (0..1 across it).
    pub landmarks: Landmarks,
}

/// What a face may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    Train,
    /// For measuring only; never trained on.
    Val,
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Train => "train",
            Self::Val => "val",
        })
    }
}

/// Columns before the landmarks.
const LABELS: [&str; 7] = ["file", "decade", "age", "split", "gender", "group", "sharpness"];

/// The header of `faces.csv`: the labels, then x0, y0, … x67, y67.
pub fn header() -> Vec<String> {
    let points = (0..landmarks::COUNT).flat_map(|i| [format!("x{i}"), format!("y{i}")]);
    LABELS.iter().map(|&label| label.to_owned()).chain(points).collect()
}

impl FaceRecord {
    /// The fields in the header's order; points to a hundred-thousandth of the crop.
    pub fn to_row(&self) -> Vec<String> {
        let text = |value: Option<String>| value.unwrap_or_default();
        let labels = [
            self.file.clone(),
            self.decade.to_string(),
            text(self.age.map(|age| age.to_string())),
            self.split.to_string(),
            text(self.gender.map(|gender| gender.to_string())),
            text(self.group.clone()),
            format!("{:.1}", self.sharpness),
        ];
        let points = self.landmarks.0.iter().flat_map(|p| [format!("{:.5}", p.x), format!("{:.5}", p.y)]);
        labels.into_iter().chain(points).collect()
    }

    /// Reads a row back; the error says which field is wrong and what it holds.
    pub fn from_row(row: &csv::StringRecord) -> Result<Self, String> {
        let field = |index: usize| row.get(index).ok_or_else(|| format!("holds only {} fields", row.len()));
        let decade: Decade = parse("decade", field(1)?)?;
        let age: Option<u32> = optional("age", field(2)?)?;
        if age.is_some_and(|age| Decade::from_age(age) != Some(decade)) {
            return Err(format!("age {} is not in the {decade}", field(2)?));
        }
        let split = match field(3)? {
            "train" => Split::Train,
            "val" => Split::Val,
            other => return Err(format!("split is `{other}`, expected train or val")),
        };
        let mut points = [Point::default(); landmarks::COUNT];
        for (i, point) in points.iter_mut().enumerate() {
            let (x, y) = (LABELS.len() + 2 * i, LABELS.len() + 2 * i + 1);
            *point = Point::new(parse(&format!("x{i}"), field(x)?)?, parse(&format!("y{i}"), field(y)?)?);
        }
        let record = Self {
            file: field(0)?.to_owned(),
            decade,
            age,
            split,
            gender: optional("gender", field(4)?)?,
            group: Some(field(5)?).filter(|group| !group.is_empty()).map(str::to_owned),
            sharpness: parse("sharpness", field(6)?)?,
            landmarks: Landmarks(points),
        };
        let finite = record.landmarks.is_finite() && record.sharpness.is_finite();
        if finite { Ok(record) } else { Err("a landmark or the sharpness is not finite".to_owned()) }
    }
}

fn parse<T: FromStr<Err: fmt::Display>>(name: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|error| format!("{name} is `{text}`: {error}"))
}

fn optional<T: FromStr<Err: fmt::Display>>(name: &str, text: &str) -> Result<Option<T>, String> {
    if text.is_empty() { Ok(None) } else { parse(name, text).map(Some) }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A face whose labels all differ by `index`.
    pub fn face(index: usize) -> FaceRecord {
        let decade = Decade::ALL[index % 6];
        FaceRecord {
            file: format!("folder, with comma/{index}.jpg"),
            decade,
            age: index.is_multiple_of(2).then_some(decade.first_year() + 3),
            split: if index % 3 == 2 { Split::Val } else { Split::Train },
            gender: [None, Some(Gender::Female), Some(Gender::Male)][index % 3],
            group: (!index.is_multiple_of(4)).then(|| "East Asian".to_owned()),
            sharpness: 100.5 + index as f32,
            landmarks: Landmarks(core::array::from_fn(|i| Point::new(i as f32 / 100.0, 0.25 + index as f32 / 1000.0))),
        }
    }

    fn row_of(fields: &[String]) -> csv::StringRecord {
        csv::StringRecord::from(fields.to_vec())
    }

    #[test]
    fn the_header_names_every_field() {
        assert_eq!(header().len(), face(0).to_row().len());
    }

    #[test]
    fn each_broken_field_is_named() {
        for (index, text, told) in [
            (1, "70s", "decade is `70s`"),
            (2, "x", "age is `x`"),
            (2, "44", "age 44 is not in the 10s"),
            (3, "test", "split is `test`"),
            (4, "q", "gender is `q`"),
            (6, "sharp", "sharpness is `sharp`"),
            (6, "inf", "not finite"),
            (7, "", "x0 is ``"),
            (142, "NaN", "not finite"),
        ] {
            let mut fields = face(0).to_row();
            fields[index] = text.to_owned();
            let error = FaceRecord::from_row(&row_of(&fields)).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
        assert!(FaceRecord::from_row(&row_of(&face(0).to_row()[..9])).unwrap_err().contains("9 fields"));
    }

    proptest! {
        #[test]
        fn a_record_survives_its_row(index in 0usize..500, file in "[^\u{0}]{0,40}") {
            let record = FaceRecord { file, ..face(index) };
            let mut bytes = csv::Writer::from_writer(Vec::new());
            bytes.write_record(header()).unwrap();
            bytes.write_record(record.to_row()).unwrap();
            let bytes = bytes.into_inner().unwrap();
            let row = csv::Reader::from_reader(&bytes[..]).records().next().unwrap().unwrap();
            let back = FaceRecord::from_row(&row).unwrap();
            prop_assert!(back.landmarks.0.iter().zip(&record.landmarks.0).all(|(p, q)| p.distance(*q) < 1e-5));
            prop_assert_eq!(FaceRecord { landmarks: record.landmarks, ..back }, record);
        }
    }
}
