//! Which people are judged: a labelled dataset comes in; faces of its val part go out, as many of each decade, and within each
//! decade women and men and all groups in turn. The same ones for every bundle, and the first of many are those of few.

use super::EvaluateError;
use crate::data::label::Gender;
use crate::data::layouts::Layout;
use crate::data::record::Split;
use edge::face::{Face, FaceFinder};
use image::RgbImage;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;
use shared::{Decade, Point};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const SEED: u64 = 20261124;
/// How far a face's middle may be from the picture's, in sides of the picture: FairFace's pictures are centred on the labelled face.
const OFF_CENTRE: f32 = 0.15;

/// One labelled face.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Person {
    /// Relative to the dataset's folder.
    pub file: String,
    #[serde(skip)]
    pub path: PathBuf,
    pub decade: Decade,
    pub gender: Option<Gender>,
    pub group: Option<String>,
}

/// Up to `per_decade` people of each decade in whose picture the finder finds the labelled face.
pub fn people(data: &Path, per_decade: usize) -> Result<Vec<Person>, EvaluateError> {
    let listing = Layout::detect(data)?.list(data)?;
    let val = listing.listed.into_iter().filter(|listed| listed.label.split == Some(Split::Val));
    let labelled: Vec<Person> = val
        .filter_map(|listed| {
            Some(Person {
                decade: listed.label.age.decade().ok()?,
                file: listed.file.display().to_string(),
                path: data.join(&listed.file),
                gender: listed.label.gender,
                group: listed.label.group,
            })
        })
        .collect();
    let chosen = Decade::ALL.par_iter().map(|&decade| {
        let mut finder = FaceFinder::embedded()?;
        let of_decade = labelled.iter().filter(|person| person.decade == decade).cloned().collect();
        let mut chosen = Vec::new();
        for person in in_turn(of_decade, SEED + decade.index() as u64) {
            if chosen.len() == per_decade {
                break;
            }
            if let Ok(photo) = edge::photo::read(&person.path)
                && finder.find(&photo)?.first().is_some_and(|face| is_centred(face, &photo))
            {
                chosen.push(person);
            }
        }
        Ok(chosen)
    });
    let people: Vec<Person> = chosen.collect::<Result<Vec<_>, EvaluateError>>()?.into_iter().flatten().collect();
    if people.is_empty() { Err(EvaluateError::Nobody(data.to_owned())) } else { Ok(people) }
}

/// The first of `people`, up to `per_decade` of each decade.
pub fn first(people: &[Person], per_decade: usize) -> Vec<Person> {
    let of = |decade: Decade| people.iter().filter(move |person| person.decade == decade).take(per_decade);
    Decade::ALL.into_iter().flat_map(of).cloned().collect()
}

/// Whether the face is the one that the picture was cut around.
fn is_centred(face: &Face, photo: &RgbImage) -> bool {
    let (width, height) = (photo.width() as f32, photo.height() as f32);
    let middle = Point::mean(&face.landmarks.five().to_array());
    middle.distance(Point::new(0.5 * width, 0.5 * height)) < OFF_CENTRE * width.max(height)
}

/// Shuffled by `seed`, such that each gender and group comes in turn as long as it has people.
fn in_turn(people: Vec<Person>, seed: u64) -> Vec<Person> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut cells: BTreeMap<(String, String), Vec<Person>> = BTreeMap::new();
    for person in people {
        let gender = person.gender.map(|gender| gender.to_string()).unwrap_or_default();
        cells.entry((person.group.clone().unwrap_or_default(), gender)).or_default().push(person);
    }
    let mut cells: Vec<Vec<Person>> = cells.into_values().collect();
    for cell in &mut cells {
        cell.shuffle(&mut random);
    }
    cells.shuffle(&mut random);
    let rounds = cells.iter().map(Vec::len).max().unwrap_or_default();
    (0..rounds).flat_map(|round| cells.iter().filter_map(move |cell| cell.get(round)).cloned()).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Somebody whose labels all follow from a number.
    pub fn person(number: usize) -> Person {
        Person {
            file: format!("val/{number}.jpg"),
            path: PathBuf::new(),
            decade: Decade::ALL[number % 6],
            gender: Some([Gender::Female, Gender::Male][number / 6 % 2]),
            group: Some(["Black", "White", "Indian"][number / 12 % 3].to_owned()),
        }
    }

    #[test]
    fn rare_groups_come_as_early_as_frequent_ones() {
        let mut people: Vec<Person> =
            (0..200).map(|i| Person { group: Some("White".into()), ..person(6 * i) }).collect();
        people.extend((200..206).map(|i| Person { group: Some("Black".into()), ..person(6 * i) }));
        let drawn = in_turn(people.clone(), 1);
        assert_eq!(drawn.len(), people.len());
        let early = drawn[..12].iter().filter(|person| person.group.as_deref() == Some("Black")).count();
        assert_eq!(early, 6);
        assert_eq!(drawn, in_turn(people.clone(), 1), "the same ones every time");
        assert_ne!(drawn, in_turn(people.clone(), 2));
        let few = first(&drawn, 3);
        assert_eq!(few, drawn[..3]);
        assert_eq!(first(&(0..60).map(person).collect::<Vec<_>>(), 4).len(), 24);
    }

    #[test]
    fn data_without_a_val_part_has_nobody_to_judge() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("fairface_label_val.csv"),
            "file,age,gender,race\nval/1.jpg,20-29,Male,White\n",
        )
        .unwrap();
        std::fs::create_dir(folder.path().join("val")).unwrap();
        std::fs::write(folder.path().join("val/1.jpg"), b"no picture").unwrap();
        assert!(matches!(people(folder.path(), 4), Err(EvaluateError::Nobody(_))));
        assert!(matches!(people(&folder.path().join("nowhere"), 4), Err(EvaluateError::Layout(_))));
    }
}
