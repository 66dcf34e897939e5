//! Does it serve everybody? The same measures by gender and by group; where a group's error is larger than [`UNFAIR`] times that of
//! all people together, it is flagged.

use super::age::{self, Ages};
use super::identity::{self, Identity};
use super::limits::{self, Limits};
use super::shape::{self, RealShapes, Shape};
use super::{deviation, each, mean, realism};
use crate::evaluate::judges::AGE_JUDGES;
use crate::evaluate::sample::Person;
use crate::evaluate::subject::{RealFace, Subject};
use rayon::prelude::*;
use serde::Serialize;
use shared::decade::COUNT;
use std::collections::BTreeSet;

pub const UNFAIR: f64 = 1.2;
/// Parts that are left out in turn; coprime to the numbers of decades, genders and groups, whose people come in turn.
const PARTS: usize = 11;
/// Errors by age judge: years off the real faces' mean, and whether somebody is not judged older in their 60s.
const OFF: [&str; AGE_JUDGES.len()] = ["age-v1: years off", "faceapi: years off"];
const STILL: [&str; AGE_JUDGES.len()] = ["age-v1: does not rise", "faceapi: does not rise"];

/// The measures of some of the people.
#[derive(Clone, Debug, Serialize)]
pub struct Group {
    pub name: String,
    pub people: usize,
    pub ages: Vec<Ages>,
    pub identity: Option<Identity>,
    pub limits: Limits,
    pub shape: Option<Shape>,
    pub errors: Vec<GroupError>,
}

/// One error of a group, beside that of all.
#[derive(Clone, Debug, Serialize)]
pub struct GroupError {
    pub what: &'static str,
    pub error: f64,
    /// Of `error`, as the group is only a sample; NaN where it is not known. Real faces are taken as they are.
    pub standard_error: f64,
    /// Over the error of all people.
    pub ratio: f64,
    pub flag: Flag,
}

/// Whether a group is served worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Flag {
    None,
    /// Its error is above, but by less than the standard error.
    Unsure,
    Worse,
}

/// Genders first, then groups in the order of their names.
pub fn measure(subjects: &[&Subject], real: &[RealFace]) -> Vec<Group> {
    let (ages, shapes) = (age::real(real), RealShapes::of(real));
    let errors = |subjects: &[&Subject], real: &[&RealFace]| errors(subjects, real, &ages, &shapes);
    let all = errors(subjects, &real.iter().collect::<Vec<_>>());
    let genders: BTreeSet<String> = subjects.iter().filter_map(|subject| gender(&subject.person)).collect();
    let groups: BTreeSet<String> = subjects.iter().filter_map(|subject| subject.person.group.clone()).collect();
    let of = |name: &String, label: fn(&Person) -> Option<String>| {
        let belongs = |person: &Person| label(person).as_ref() == Some(name);
        let own: Vec<&Subject> = subjects.iter().copied().filter(|subject| belongs(&subject.person)).collect();
        let like: Vec<&RealFace> = real.iter().filter(|face| belongs(&face.person)).collect();
        let errors = errors(&own, &like).into_iter().zip(&all).filter(|(_, all)| all.error.is_finite());
        let errors = errors.map(|(own, all)| {
            let (ratio, most) = (own.error / all.error, UNFAIR * all.error);
            let flag = match own.error > most {
                true if own.error - own.standard_error > most => Flag::Worse,
                true => Flag::Unsure,
                false => Flag::None,
            };
            GroupError { what: own.what, error: own.error, standard_error: own.standard_error, ratio, flag }
        });
        Group {
            name: name.clone(),
            people: own.len(),
            ages: age::measure(&own, &ages),
            identity: identity::measure(&own),
            limits: limits::measure(&own),
            shape: shape::measure(&own, &shapes),
            errors: errors.collect(),
        }
    };
    let genders = genders.iter().map(|name| of(name, gender));
    genders.chain(groups.iter().map(|name| of(name, |person| person.group.clone()))).collect()
}

fn gender(person: &Person) -> Option<String> {
    person.gender.map(|gender| gender.to_string())
}

/// An error of some people and how sure it is.
struct Error {
    what: &'static str,
    error: f64,
    standard_error: f64,
}

impl Error {
    /// The mean of everybody's own error, as far as it is finite.
    fn of_people(what: &'static str, subjects: &[&Subject], of: impl Fn(&Subject) -> f64) -> Self {
        let errors: Vec<f64> = subjects.iter().map(|subject| of(subject)).filter(|error| error.is_finite()).collect();
        Self { what, error: mean(&errors), standard_error: deviation(&errors) / (errors.len() as f64 - 1.0).sqrt() }
    }

    /// What is known of all of them together only; how sure it is, by leaving out a part of them in turn (the grouped jackknife, Efron
    /// and Stein 1981).
    fn of_all(what: &'static str, subjects: &[&Subject], of: impl Fn(&[&Subject]) -> Option<f64> + Sync) -> Self {
        let without = |part: usize| {
            let rest = subjects.iter().enumerate().filter(|(i, _)| i % PARTS != part).map(|(_, subject)| *subject);
            of(&rest.collect::<Vec<_>>()).unwrap_or(f64::NAN)
        };
        let estimates: Vec<f64> = (0..PARTS).into_par_iter().map(without).collect();
        let standard_error = (PARTS as f64 - 1.0).sqrt() * deviation(&estimates);
        Self { what, error: of(subjects).unwrap_or(f64::NAN), standard_error }
    }
}

/// Errors that are smaller for a better mirror: the same ones in the same order for any people, NaN where a judge is missing.
/// `real` are faces of people like them, `ages` and `shapes` everybody's.
fn errors(subjects: &[&Subject], real: &[&RealFace], ages: &age::Real, shapes: &RealShapes) -> Vec<Error> {
    let mut errors = Vec::new();
    for (judge, (off, still)) in OFF.into_iter().zip(STILL).enumerate() {
        let life = |subject: &Subject| Some((age::life(subject, judge)?, ages[judge]?));
        errors.push(Error::of_people(off, subjects, |subject| {
            life(subject).map_or(f64::NAN, |(life, real)| mean(&each(|decade| (life[decade] - real[decade]).abs())))
        }));
        errors.push(Error::of_people(still, subjects, |subject| {
            life(subject).map_or(f64::NAN, |(life, _)| f64::from(u8::from(life[COUNT - 1] <= life[0])))
        }));
    }
    errors.push(Error::of_people("1 − cosine", subjects, |subject| {
        identity::pairs(subject).map_or(f64::NAN, |pairs| 1.0 - mean(&pairs.map(|pair| pair.0)))
    }));
    errors.push(Error::of_people("|sharpness − 1|", subjects, |subject| {
        mean(&subject.kept.map(|kept| (kept.energy - 1.0).abs()))
    }));
    errors.push(Error::of_people("change outside", subjects, |subject| mean(&subject.kept.map(|kept| kept.outside))));
    errors.push(Error::of_all("kernel distance × 1000", subjects, |people| {
        realism::overall(people, real).map(|distance| 1000.0 * distance)
    }));
    errors.push(Error::of_all("1 − cosine of shape", subjects, |people| {
        shape::measure(people, shapes).map(|shape| 1.0 - shape.found.whole_cosine)
    }));
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::subject::tests::{real, subject};
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn what_is_known_of_all_is_as_sure_as_a_mean_is() {
        let mut random = ChaCha8Rng::seed_from_u64(0);
        let people: Vec<Subject> = (0..66).map(|number| subject(number, random.random_range(0.0..9.0))).collect();
        let people: Vec<&Subject> = people.iter().collect();
        let age = |subject: &Subject| subject.aged[0].opinion.ages[0].unwrap();
        let of_people = Error::of_people("age", &people, age);
        let of_all =
            Error::of_all("age", &people, |people| Some(mean(&people.iter().map(|s| age(s)).collect::<Vec<_>>())));
        assert_eq!(of_people.error, of_all.error);
        let ratio = of_all.standard_error / of_people.standard_error;
        assert!((0.5..2.0).contains(&ratio), "{ratio}");
        assert!(Error::of_all("nothing", &people, |_| None).standard_error.is_nan());
    }

    #[test]
    fn a_group_that_is_served_worse_is_flagged() {
        let mut people: Vec<Subject> = (0..72).map(|number| subject(number, 2.0)).collect();
        for subject in people.iter_mut().filter(|subject| subject.person.group.as_deref() == Some("Black")) {
            subject.kept.iter_mut().for_each(|kept| kept.energy = 1.5);
        }
        let real = real(&people);
        let groups = measure(&people.iter().collect::<Vec<_>>(), &real);
        let names: Vec<_> = groups.iter().map(|group| (group.name.as_str(), group.people)).collect();
        assert_eq!(names, [("female", 36), ("male", 36), ("Black", 24), ("Indian", 24), ("White", 24)]);
        for group in &groups {
            let sharpness = group.errors.iter().find(|error| error.what.contains("sharpness")).unwrap();
            assert_eq!(sharpness.flag == Flag::Worse, group.name == "Black", "{group:?}");
            let years = group.errors.iter().find(|error| error.what == "faceapi: years off").unwrap();
            assert!((years.error - 2.0).abs() < 1e-9 && years.flag == Flag::None);
        }
    }
}
