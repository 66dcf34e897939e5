//! CACD (Chen, Chen and Hsu 2014): `16_Jane_Doe_0001.jpg` is the first picture of Jane Doe at 16.

use super::{Label, number, stem};
use crate::data::label::AgeLabel;

pub fn label(name: &str) -> Option<Label> {
    // Names of people hold dots (`Robert_Downey_Jr._0003.jpg`), so only the ending is cut off here.
    let text = name.rsplit_once('.').map_or_else(|| stem(name), |(text, _)| text);
    let (age, rest) = text.split_once('_')?;
    let (person, picture) = rest.rsplit_once('_')?;
    let named = person.chars().any(char::is_alphabetic);
    if !named || picture.len() != 4 || number(picture).is_none() || age.len() > 3 {
        return None;
    }
    Some(Label { person: Some(person.to_owned()), ..Label::of(AgeLabel::Years(number(age)?)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read() {
        let label = label("53_Robert_Downey_Jr._0003.jpg").unwrap();
        assert_eq!(label.age, AgeLabel::Years(53));
        assert_eq!(label.person.as_deref(), Some("Robert_Downey_Jr."));
        assert_eq!(super::label("16_Zoë_Doe_0001.jpg").unwrap().person.as_deref(), Some("Zoë_Doe"));
    }

    #[test]
    fn other_names_are_not() {
        for name in
            ["x_Jane_Doe_0001.jpg", "16_0001.jpg", "16_1_0_0001.jpg", "16_Jane_Doe_01.jpg", "1600_Jane_0001.jpg"]
        {
            assert_eq!(label(name), None, "{name}");
        }
    }
}
