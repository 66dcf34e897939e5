//! A folder per age or age group: AGFW and AGFW-v2 (Duong and others 2016) and whatever people sort by hand. The innermost
//! folder that reads as an age counts (`10-14`, `20s`, `age_35`, `60+`, `more than 70`, `(25, 32)`, `020`); a gender
//! (`male/20-24`, `Female_15_19`) and a part (`train`, `val`, `test`) are taken from any folder on the way.

use super::{Label, number};
use crate::data::label::{AgeLabel, OLDEST};
use crate::data::record::Split;
use std::path::Path;

pub fn label(file: &Path) -> Option<Label> {
    let folders = file.parent()?.iter().rev().filter_map(|name| name.to_str());
    let words: Vec<_> = folders.map(words).collect();
    let gender = words.iter().flatten().find_map(|word| word.parse().ok());
    let split = words.iter().flatten().find_map(|word| match word.as_str() {
        "train" | "training" => Some(Split::Train),
        "val" | "valid" | "validation" | "test" | "testing" => Some(Split::Val),
        _ => None,
    });
    let age = words.iter().find_map(|words| age(words))?;
    Some(Label { gender, split, ..Label::of(age) })
}

/// Runs of letters, runs of digits and plus signs, in small letters.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut last = None;
    for c in name.to_lowercase().chars() {
        let kind = match c {
            '0'..='9' => Some('0'),
            '+' => Some('+'),
            c if c.is_alphabetic() => Some('a'),
            _ => None,
        };
        match (kind, words.last_mut()) {
            (Some(_), Some(word)) if kind == last => word.push(c),
            (Some(_), _) => words.push(c.into()),
            (None, _) => {}
        }
        last = kind;
    }
    words
}

/// The age that a folder's words tell.
fn age(words: &[String]) -> Option<AgeLabel> {
    let telling = words.iter().map(String::as_str).filter(|word| {
        let filler = ["age", "ages", "aged", "group", "year", "years", "yr", "yrs", "old", "than", "and", "to"];
        !filler.contains(word) && word.parse::<crate::data::label::Gender>().is_err()
    });
    let range = |first, last| (first <= last).then_some(AgeLabel::Range(first, last));
    let label = match telling.collect::<Vec<_>>()[..] {
        ["teens"] => AgeLabel::Range(13, 19),
        [years] => AgeLabel::Years(number(years)?),
        [tens, "s"] => number(tens).filter(|tens| tens % 10 == 0).and_then(|tens| range(tens, tens + 9))?,
        [first, "+" | "plus" | "up" | "over" | "older" | "above"] => range(number(first)?, OLDEST)?,
        ["over" | "above" | "more" | "from", first] => range(number(first)?, OLDEST)?,
        ["under" | "below" | "less", end] => range(0, number(end)?.checked_sub(1)?)?,
        [first, last] => range(number(first)?, number(last)?)?,
        _ => return None,
    };
    // Folders such as `128` (a picture size) or `2016` are no ages.
    let possible = !matches!(label, AgeLabel::Years(years) | AgeLabel::Range(_, years) if years > OLDEST);
    possible.then_some(label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::label::Gender;
    use proptest::prelude::*;
    use shared::Decade;

    fn age_of(folder: &str) -> Option<AgeLabel> {
        label(&Path::new(folder).join("1.jpg")).map(|label| label.age)
    }

    #[test]
    fn ages_and_groups_are_read_however_they_are_written() {
        for (folder, first, last) in [
            ("10-14", 10, 14),
            ("15_19", 15, 19),
            ("(25, 32)", 25, 32),
            ("20s", 20, 29),
            ("The/age_20s", 20, 29),
            ("60+", 60, OLDEST),
            ("more than 70", 70, OLDEST),
            ("age 70 and over", 70, OLDEST),
            ("under 10", 0, 9),
            ("30 to 34 years old", 30, 34),
            ("Female_20-24", 20, 24),
            ("AGFW/cropped/128/male/age_10_14", 10, 14),
            ("10-14/aligned/2016", 10, 14),
        ] {
            assert_eq!(age_of(folder), Some(AgeLabel::Range(first, last)), "{folder}");
        }
        for (folder, years) in [("age_35", 35), ("35", 35), ("007", 7), ("Age35", 35)] {
            let found = age_of(folder);
            assert_eq!(found, Some(AgeLabel::Years(years)), "{folder}");
        }
    }

    #[test]
    fn folders_that_tell_no_age_are_passed_over() {
        for folder in ["", "faces", "128", "2016", "24-20", "25s", "a-b", "10-20-30", "10-200"] {
            assert_eq!(age_of(folder), None, "{folder}");
        }
    }

    #[test]
    fn gender_and_part_are_taken_on_the_way() {
        let label = label(Path::new("test/Women/50s/a.png")).unwrap();
        assert_eq!((label.gender, label.split), (Some(Gender::Female), Some(Split::Val)));
    }

    proptest! {
        #[test]
        fn a_decade_is_found_again_from_its_name(index in 0usize..6) {
            let decade = Decade::from_index(index).unwrap();
            prop_assert_eq!(age_of(decade.name()).unwrap().decade(), Ok(decade));
        }

        #[test]
        fn any_age_between_0_and_116_is_read(years in 0u32..=OLDEST) {
            prop_assert_eq!(age_of(&format!("age_{years}")), Some(AgeLabel::Years(years)));
        }
    }
}
