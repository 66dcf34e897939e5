//! AgeDB (Moschoglou and others 2017): `0_JaneDoe_35_f.jpg` is picture 0, Jane Doe at 35, female.

use super::{Label, number};
use crate::data::label::{AgeLabel, Gender};

pub fn label(name: &str) -> Option<Label> {
    let (text, _) = name.rsplit_once('.')?;
    let (text, gender) = text.rsplit_once('_')?;
    let (text, age) = text.rsplit_once('_')?;
    let (picture, person) = text.split_once('_')?;
    number(picture)?;
    let gender = match gender {
        "m" | "M" => Gender::Male,
        "f" | "F" => Gender::Female,
        _ => return None,
    };
    Some(Label { gender: Some(gender), person: Some(person.to_owned()), ..Label::of(AgeLabel::Years(number(age)?)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read() {
        let label = label("16488_Jane_O.Doe_35_f.jpg").unwrap();
        assert_eq!((label.age, label.gender), (AgeLabel::Years(35), Some(Gender::Female)));
        assert_eq!(label.person.as_deref(), Some("Jane_O.Doe"));
    }

    #[test]
    fn other_names_are_not() {
        for name in ["0_JaneDoe_35_x.jpg", "0_35_f.jpg", "x_JaneDoe_35_f.jpg", "0_JaneDoe_old_f.jpg", "0_JaneDoe_35_f"]
        {
            assert_eq!(label(name), None, "{name}");
        }
    }
}
