//! FG-NET: `001A02.JPG` is person 1 at the age of 2; a letter after it tells pictures of the same age apart
//! (`001A43a.JPG`). All-Age-Faces names its pictures alike, with five digits for the person.

use super::{Label, number, stem};
use crate::data::label::AgeLabel;

pub fn label(name: &str) -> Option<Label> {
    let (person, age) = stem(name).split_once(['A', 'a'])?;
    let age = age.strip_suffix(|c: char| c.is_ascii_alphabetic()).unwrap_or(age);
    if person.len() < 3 || age.len() != 2 {
        return None;
    }
    number(person)?;
    Some(Label { person: Some(person.to_owned()), ..Label::of(AgeLabel::Years(number(age)?)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read() {
        for (name, age) in [("001A02.JPG", 2), ("082A43a.jpg", 43), ("048A10b.JPG", 10), ("07380A35.jpg", 35)] {
            assert_eq!(label(name).unwrap().age, AgeLabel::Years(age), "{name}");
        }
        assert_eq!(label("001A02.JPG").unwrap().person.as_deref(), Some("001"));
    }

    #[test]
    fn other_names_are_not() {
        for name in ["01A02.JPG", "001B02.JPG", "001A2.JPG", "001A022.JPG", "Anna.jpg", "00xA12.jpg"] {
            assert_eq!(label(name), None, "{name}");
        }
    }
}
