//! From listings to the pictures worth looking at: ages become decades, `--keep` and impossible labels leave pictures out, and
//! each picture gets its split. What is measured on comes first, so that a duplicate is taken out of the training part.

use super::label::Gender;
use super::layouts::{Label, Listing};
use super::record::Split;
use super::skip::Skip;
use sha2::{Digest, Sha256};
use shared::Decade;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A picture to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub path: PathBuf,
    /// The name that its record will bear.
    pub file: String,
    pub decade: Decade,
    pub age: Option<u32>,
    pub split: Split,
    pub gender: Option<Gender>,
    pub group: Option<String>,
}

/// One condition of `--keep`. Of several conditions on one label any may hold, those on different labels must all hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keep {
    Gender(Gender),
    /// The dataset's own word, in any case.
    Group(String),
    Decade(Decade),
}

impl FromStr for Keep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |reason: String| format!("`{text}`: {reason}");
        let (label, value) =
            text.split_once('=').ok_or_else(|| wrong("expected LABEL=VALUE, such as gender=male".into()))?;
        match label.trim() {
            "gender" => value.trim().parse().map(Self::Gender).map_err(|error| wrong(format!("{error}"))),
            "group" => Ok(Self::Group(value.trim().to_lowercase())),
            "decade" => value.trim().parse().map(Self::Decade).map_err(|error| wrong(format!("{error}"))),
            _ => Err(wrong("the labels are gender, group and decade".into())),
        }
    }
}

/// Whether a picture meets the conditions; one that lacks a label does not meet a condition on it.
fn kept(conditions: &[Keep], label: &Label, decade: Decade) -> bool {
    let group = label.group.as_ref().map(|group| group.to_lowercase());
    let met = |condition: &Keep| match condition {
        Keep::Gender(gender) => label.gender == Some(*gender),
        Keep::Group(wanted) => group.as_ref() == Some(wanted),
        Keep::Decade(wanted) => decade == *wanted,
    };
    conditions.iter().all(|condition| {
        let alike = |other: &&Keep| std::mem::discriminant(*other) == std::mem::discriminant(condition);
        conditions.iter().filter(alike).any(met)
    })
}

/// The pictures to look at, those of [`Split::Val`] first, and the files that are left out. `prefix` goes before each file's name
/// in its record.
pub fn select(
    dir: &Path,
    prefix: &str,
    listing: Listing,
    conditions: &[Keep],
) -> (Vec<Candidate>, Vec<(PathBuf, Skip)>) {
    let mut skipped = listing.skipped;
    let mut candidates = Vec::new();
    for listed in listing.listed {
        let label = &listed.label;
        let decade = label.age.decade().map_err(Skip::from);
        let kept = |decade| if kept(conditions, label, decade) { Ok(decade) } else { Err(Skip::Filtered) };
        match decade.and_then(kept) {
            Ok(decade) => candidates.push(Candidate {
                path: dir.join(&listed.file),
                file: format!("{prefix}{}", listed.file.display()),
                decade,
                age: label.age.years(),
                split: label.split.unwrap_or_else(|| split(label.person.as_deref(), &listed.file)),
                gender: label.gender,
                group: label.group.clone(),
            }),
            Err(reason) => skipped.push((listed.file, reason)),
        }
    }
    candidates.sort_by_key(|candidate| candidate.split == Split::Train);
    (candidates, skipped)
}

/// One person in ten is measured on, by a hash that does not change when the dataset grows.
fn split(person: Option<&str>, file: &Path) -> Split {
    let name = person.map_or_else(|| file.to_string_lossy().into_owned(), str::to_owned);
    if Sha256::digest(name)[0] < 26 { Split::Val } else { Split::Train }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::label::{AgeLabel, NoDecade};
    use crate::data::layouts::Listed;

    fn listing(labels: impl IntoIterator<Item = Label>) -> Listing {
        let listed = |(i, label)| Listed { file: format!("{i}.jpg").into(), label };
        Listing { listed: labels.into_iter().enumerate().map(listed).collect(), skipped: Vec::new() }
    }

    fn selected(labels: impl IntoIterator<Item = Label>, keep: &[&str]) -> (Vec<Candidate>, Vec<Skip>) {
        let keep: Vec<Keep> = keep.iter().map(|text| text.parse().unwrap()).collect();
        let (candidates, skipped) = select(Path::new("dir"), "", listing(labels), &keep);
        (candidates, skipped.into_iter().map(|(_, reason)| reason).collect())
    }

    #[test]
    fn what_has_no_decade_is_left_out_with_its_reason() {
        let ages = [AgeLabel::Years(25), AgeLabel::Years(9), AgeLabel::Range(25, 32), AgeLabel::Years(300)];
        let (candidates, skipped) = selected(ages.map(Label::of), &[]);
        assert_eq!(candidates.len(), 1);
        assert_eq!((candidates[0].decade, candidates[0].age), (Decade::Twenties, Some(25)));
        assert_eq!(candidates[0].path, Path::new("dir/0.jpg"));
        assert_eq!(skipped, [NoDecade::Outside, NoDecade::AcrossDecades, NoDecade::Impossible].map(Skip::NoDecade));
    }

    #[test]
    fn conditions_on_one_label_add_up_and_on_several_narrow() {
        let person =
            |gender, group: &str| Label { gender, group: Some(group.to_owned()), ..Label::of(AgeLabel::Years(25)) };
        let people = || {
            [
                person(Some(Gender::Male), "Indian"),
                person(Some(Gender::Female), "Indian"),
                person(None, "White"),
                person(Some(Gender::Male), "Black"),
            ]
        };
        let count = |keep: &[&str]| selected(people(), keep).0.len();
        assert_eq!(count(&[]), 4);
        assert_eq!(count(&["gender=male"]), 2);
        assert_eq!(count(&["gender=male", "gender=female"]), 3);
        assert_eq!(count(&["gender=male", "group=indian", "group=white"]), 1);
        assert_eq!(count(&["decade=30s"]), 0);
        assert_eq!(selected(people(), &["gender=male"]).1, [Skip::Filtered; 2]);
    }

    #[test]
    fn wrong_conditions_are_explained() {
        for (text, told) in
            [("male", "LABEL=VALUE"), ("gender=x", "female or male"), ("age=3", "gender, group and decade")]
        {
            assert!(text.parse::<Keep>().unwrap_err().contains(told), "{text}");
        }
    }

    #[test]
    fn nobody_is_in_both_parts_and_a_tenth_is_measured_on() {
        let label = |i: usize| Label { person: Some(format!("p{}", i / 4)), ..Label::of(AgeLabel::Years(25)) };
        let (candidates, _) = selected((0..4000).map(label), &[]);
        let val = candidates.iter().filter(|candidate| candidate.split == Split::Val).count();
        assert!((300..500).contains(&val), "{val}");
        assert!(candidates[..val].iter().all(|candidate| candidate.split == Split::Val), "val comes first");
        let number = |candidate: &Candidate| candidate.file.trim_end_matches(".jpg").parse::<usize>().unwrap() / 4;
        let val_people: std::collections::HashSet<_> = candidates[..val].iter().map(number).collect();
        assert!(candidates[val..].iter().all(|candidate| !val_people.contains(&number(candidate))));
    }

    #[test]
    fn the_datasets_own_parts_are_kept() {
        let label = |split| Label { split: Some(split), ..Label::of(AgeLabel::Years(25)) };
        let (candidates, _) = selected([Split::Train, Split::Val, Split::Train].map(label), &[]);
        let splits: Vec<_> = candidates.iter().map(|candidate| candidate.split).collect();
        assert_eq!(splits, [Split::Val, Split::Train, Split::Train]);
    }
}
