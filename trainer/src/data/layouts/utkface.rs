//! UTKFace (Zhang, Song and Qi 2017): `age_gender_race_date.jpg`, also with `.chip.jpg` after it. Gender 0 is male, 1
//! female; race 0 to 4. Some names lack the race or hold an empty gender.

use super::{Label, number, stem};
use crate::data::label::{AgeLabel, Gender};

const GROUPS: [&str; 5] = ["White", "Black", "Asian", "Indian", "Other"];

pub fn label(name: &str) -> Option<Label> {
    let fields: Vec<_> = stem(name).split('_').collect();
    let (age, gender, race, date) = match fields[..] {
        [age, gender, race, date] => (age, gender, race, date),
        [age, gender, date] => (age, gender, "", date),
        _ => return None,
    };
    if date.len() < 14 || !date.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let gender = match gender {
        "0" => Some(Gender::Male),
        "1" => Some(Gender::Female),
        "" | "3" => None,
        _ => return None,
    };
    let group = number(race).and_then(|race| GROUPS.get(race as usize)).map(|&group| group.to_owned());
    Some(Label { gender, group, ..Label::of(AgeLabel::Years(number(age)?)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read() {
        let full = label("25_1_2_20170116174525125.jpg.chip.jpg").unwrap();
        assert_eq!((full.age, full.gender), (AgeLabel::Years(25), Some(Gender::Female)));
        assert_eq!(full.group.as_deref(), Some("Asian"));
        assert_eq!(label("61_0_20170109142408075.jpg").unwrap().group, None);
        assert_eq!(label("53__0_20170116184028385.jpg").unwrap().gender, None);
    }

    #[test]
    fn other_names_are_not() {
        for name in ["x_1_2_20170116174525125.jpg", "25_1_2_3.jpg", "25_7_2_20170116174525125.jpg", "25.jpg", ""] {
            assert_eq!(label(name), None, "{name}");
        }
    }
}
