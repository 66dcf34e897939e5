//! IMDB-WIKI (Rothe, Timofte and Van Gool 2015): names end with the date of birth and the year of the photograph,
//! `nm0000001_rm124825600_1899-5-10_1968.jpg` or `23300_1962-06-19_2011.jpg`. As its authors do, the photograph is taken to
//! be from the middle of its year.

use super::{Label, number, stem};
use crate::data::label::AgeLabel;

pub fn label(name: &str) -> Option<Label> {
    let (text, taken) = stem(name).rsplit_once('_')?;
    let (text, birth) = text.rsplit_once('_')?;
    let person = text.split('_').next()?;
    let date: Vec<_> = birth.split('-').collect();
    let [year, month, day] = date[..] else { return None };
    if taken.len() != 4 || year.len() != 4 || person.is_empty() {
        return None;
    }
    // Month and day are 0 where they are not known.
    let (month, day) = (number(month)?, number(day)?);
    if month > 12 || day > 31 {
        return None;
    }
    let birthday_to_come = u32::from(month > 7 || month == 7 && day > 1);
    let age = number(taken)?.checked_sub(number(year)? + birthday_to_come);
    // Somebody photographed before birth has an age that no decade takes.
    let age = AgeLabel::Years(age.unwrap_or(u32::MAX));
    Some(Label { person: Some(person.to_owned()), ..Label::of(age) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::label::NoDecade;

    #[test]
    fn ages_are_counted_to_the_middle_of_the_photographs_year() {
        for (name, age) in [
            ("nm0000001_rm124825600_1899-5-10_1968.jpg", 69),
            ("23300_1962-06-19_2011.jpg", 49),
            ("23300_1962-07-02_2011.jpg", 48),
            ("23300_1962-12-31_2011.jpg", 48),
            ("23300_1962-00-00_2011.jpg", 49),
        ] {
            assert_eq!(label(name).unwrap().age, AgeLabel::Years(age), "{name}");
        }
        assert_eq!(label("nm01_rm12_1899-5-10_1968.jpg").unwrap().person.as_deref(), Some("nm01"));
    }

    #[test]
    fn a_photograph_before_birth_is_impossible() {
        assert_eq!(label("1_2011-01-01_1990.jpg").unwrap().age.decade(), Err(NoDecade::Impossible));
    }

    #[test]
    fn other_names_are_not_read() {
        for name in [
            "1_1962-13-01_2011.jpg",
            "1_1962-06_2011.jpg",
            "1962-06-01_2011.jpg",
            "1_1962-06-01_11.jpg",
            "_1962-06-01_2011.jpg",
        ] {
            assert_eq!(label(name), None, "{name}");
        }
    }
}
