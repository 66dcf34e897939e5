//! MORPH (Ricanek and Tesafaye 2006): `00001_0M54.JPG` is picture 0 of person 1, a man of 54.

use super::{Label, number, stem};
use crate::data::label::{AgeLabel, Gender};

pub fn label(name: &str) -> Option<Label> {
    let (person, rest) = stem(name).split_once('_')?;
    let (picture, age) = rest.split_once(['M', 'F', 'm', 'f'])?;
    number(person)?;
    number(picture)?;
    let gender = if rest.contains(['M', 'm']) { Gender::Male } else { Gender::Female };
    Some(Label { gender: Some(gender), person: Some(person.to_owned()), ..Label::of(AgeLabel::Years(number(age)?)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read() {
        let man = label("00001_0M54.JPG").unwrap();
        assert_eq!((man.age, man.gender), (AgeLabel::Years(54), Some(Gender::Male)));
        assert_eq!(man.person.as_deref(), Some("00001"));
        assert_eq!(label("100011_12F27.jpg").unwrap().gender, Some(Gender::Female));
    }

    #[test]
    fn other_names_are_not() {
        for name in ["00001_0X54.JPG", "00001_M54.JPG", "00001M54.JPG", "00001_0M54F.JPG", "a_0M54.JPG"] {
            assert_eq!(label(name), None, "{name}");
        }
    }
}
