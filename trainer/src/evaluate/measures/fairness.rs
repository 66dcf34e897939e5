//! Does it serve everybody? The same measures by gender and by group; where a group's error is larger than [`UNFAIR`] times the mean of
//! the groups, it is flagged.

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

/// One error of a group, beside its mean over the groups.
#[derive(Clone, Debug, Serialize)]
pub struct GroupError {
    pub what: &'static str,
    pub error: f64,
    /// Of `error`, as the group is only a sample, and real faces are too where what all of them have in common is compared; NaN where
    /// it is not known.
    pub standard_error: f64,
    /// Over the groups of its kind, each counted by its people.
    pub mean: f64,
    /// `error` over `mean`.
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
    let ages = age::real(real);
    let real: Vec<&RealFace> = real.iter().collect();
    let shapes = RealShapes::of(&real);
    let of = |name: String, label: fn(&Person) -> Option<String>| {
        let belongs = |person: &Person| label(person).as_ref() == Some(&name);
        let own: Vec<&Subject> = subjects.iter().copied().filter(|subject| belongs(&subject.person)).collect();
        let like: Vec<&RealFace> = real.iter().copied().filter(|face| belongs(&face.person)).collect();
        Group {
            people: own.len(),
            ages: age::measure(&own, &ages),
            identity: identity::measure(&own),
            limits: limits::measure(&own),
            shape: shape::measure(&own, &shapes),
            errors: errors(&own, &like, &real, &ages),
            name,
        }
    };
    let kind = |label: fn(&Person) -> Option<String>| {
        let names: BTreeSet<String> = subjects.iter().filter_map(|subject| label(&subject.person)).collect();
        let mut groups: Vec<Group> = names.into_iter().map(|name| of(name, label)).collect();
        compare(&mut groups);
        groups
    };
    [kind(gender), kind(|person| person.group.clone())].concat()
}

/// Holds each error against its mean over the people of all these groups, and drops those that no group knows. The mean of the groups
/// rather than the error of all people together: the kernel distance of a mixture is at most the mean of its parts' (it is convex), and
/// the mean shape of more people wavers less, so that groups which are served alike would all seem worse than all together.
fn compare(groups: &mut [Group]) {
    for index in 0..groups.first().map_or(0, |group| group.errors.len()) {
        let known = groups.iter().filter(|group| group.errors[index].error.is_finite());
        let (sum, people) = known.fold((0.0, 0.0), |(sum, people), group| {
            let own = group.people as f64;
            (group.errors[index].error.mul_add(own, sum), people + own)
        });
        for group in &mut *groups {
            group.errors[index].hold_against(sum / people);
        }
    }
    for group in groups {
        group.errors.retain(|error| !error.mean.is_nan());
    }
}

fn gender(person: &Person) -> Option<String> {
    person.gender.map(|gender| gender.to_string())
}

impl GroupError {
    fn new(what: &'static str, error: f64, standard_error: f64) -> Self {
        Self { what, error, standard_error, mean: f64::NAN, ratio: f64::NAN, flag: Flag::None }
    }

    fn hold_against(&mut self, mean: f64) {
        let most = UNFAIR * mean;
        (self.mean, self.ratio) = (mean, self.error / mean);
        self.flag = match self.error > most {
            true if self.error - self.standard_error > most => Flag::Worse,
            true => Flag::Unsure,
            false => Flag::None,
        };
    }

    /// The mean of everybody's own error, as far as it is finite.
    fn of_people(what: &'static str, subjects: &[&Subject], of: impl Fn(&Subject) -> f64) -> Self {
        let errors: Vec<f64> = subjects.iter().map(|subject| of(subject)).filter(|error| error.is_finite()).collect();
        Self::new(what, mean(&errors), deviation(&errors) / (errors.len() as f64 - 1.0).sqrt())
    }

    /// What is known of people together only; how sure it is, by leaving out a part of them in turn (the grouped jackknife, Efron and
    /// Stein 1981), aged and real ones at once.
    fn of_all(what: &'static str, of: impl Fn(&Sample) -> Option<f64> + Sync) -> Self {
        let error = |without| of(&Sample { without }).unwrap_or(f64::NAN);
        let estimates: Vec<f64> = (0..PARTS).into_par_iter().map(|part| error(Some(part))).collect();
        Self::new(what, error(None), (PARTS as f64 - 1.0).sqrt() * deviation(&estimates))
    }
}

/// Everybody, or all but one part of them.
struct Sample {
    without: Option<usize>,
}

impl Sample {
    /// Those of `people` who are in it. Parts go through each decade in turn, so that a person is in one part whether among the aged
    /// or the real ones.
    fn of<'a, T>(&self, people: &[&'a T], person: impl Fn(&T) -> &Person) -> Vec<&'a T> {
        let mut counts = [0; COUNT];
        let part = |one: &T| {
            let decade = person(one).decade.index();
            counts[decade] += 1;
            (counts[decade] + 2 * decade) % PARTS
        };
        let parts: Vec<usize> = people.iter().copied().map(part).collect();
        people.iter().zip(parts).filter(|(_, part)| Some(*part) != self.without).map(|(one, _)| *one).collect()
    }
}

/// Errors that are smaller for a better mirror: the same ones in the same order for any people, NaN where a judge is missing.
/// `like` are real faces of people like them, `real` and `ages` everybody's.
fn errors(subjects: &[&Subject], like: &[&RealFace], real: &[&RealFace], ages: &age::Real) -> Vec<GroupError> {
    let aged = |sample: &Sample| sample.of(subjects, |subject| &subject.person);
    let mut errors = Vec::new();
    for (judge, (off, still)) in OFF.into_iter().zip(STILL).enumerate() {
        let life = |subject: &Subject| Some((age::life(subject, judge)?, ages[judge]?));
        errors.push(GroupError::of_people(off, subjects, |subject| {
            life(subject).map_or(f64::NAN, |(life, real)| mean(&each(|decade| (life[decade] - real[decade]).abs())))
        }));
        errors.push(GroupError::of_people(still, subjects, |subject| {
            life(subject).map_or(f64::NAN, |(life, _)| f64::from(u8::from(life[COUNT - 1] <= life[0])))
        }));
    }
    errors.push(GroupError::of_people("1 − cosine", subjects, |subject| {
        identity::pairs(subject).map_or(f64::NAN, |pairs| 1.0 - mean(&pairs.map(|pair| pair.0)))
    }));
    errors.push(GroupError::of_people("|sharpness − 1|", subjects, |subject| {
        mean(&subject.kept.map(|kept| (kept.energy - 1.0).abs()))
    }));
    errors.push(GroupError::of_people("change outside", subjects, |subject| {
        mean(&subject.kept.map(|kept| kept.outside))
    }));
    errors.push(GroupError::of_all("kernel distance × 1000", |sample| {
        realism::over_decades(&aged(sample), &sample.of(like, |face| &face.person)).map(|distance| 1000.0 * distance)
    }));
    errors.push(GroupError::of_all("1 − cosine of shape", |sample| {
        shape::measure(&aged(sample), &RealShapes::of(&sample.of(real, |face| &face.person)))
            .map(|shape| 1.0 - shape.found.whole_cosine)
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
        let of_people = GroupError::of_people("age", &people, age);
        let of_all = GroupError::of_all("age", |sample| {
            Some(mean(&sample.of(&people, |subject| &subject.person).into_iter().map(age).collect::<Vec<_>>()))
        });
        assert_eq!(of_people.error, of_all.error);
        let ratio = of_all.standard_error / of_people.standard_error;
        assert!((0.5..2.0).contains(&ratio), "{ratio}");
        assert!(GroupError::of_all("nothing", |_| None).standard_error.is_nan());
    }

    #[test]
    fn each_person_is_left_out_once_and_from_aged_and_real_faces_alike() {
        let people: Vec<Subject> = (0..132).map(|number| subject(number, 0.0)).collect();
        let people: Vec<&Subject> = people.iter().collect();
        let mut left_out = 0;
        for part in 0..PARTS {
            let sample = Sample { without: Some(part) };
            let of = |people: &[&Subject]| {
                let rest = sample.of(people, |subject| &subject.person);
                people.iter().filter(|one| !rest.iter().any(|other| other.person == one.person)).count()
            };
            // The first half of each decade is aged.
            let aged: Vec<&Subject> = people[..66].to_vec();
            assert!(of(&aged) <= of(&people) && (5..=7).contains(&of(&aged)));
            let rest = sample.of(&people, |subject| &subject.person);
            assert!(
                sample
                    .of(&aged, |subject| &subject.person)
                    .iter()
                    .all(|one| rest.iter().any(|all| std::ptr::eq(*all, *one)))
            );
            left_out += of(&people);
        }
        assert_eq!(left_out, 132);
        assert_eq!(Sample { without: None }.of(&people, |subject| &subject.person).len(), 132);
    }

    #[test]
    fn groups_that_err_alike_are_never_flagged_and_one_that_errs_more_is() {
        let people: Vec<Subject> = (0..72).map(|number| subject(number, 2.0)).collect();
        let groups = measure(&people.iter().collect::<Vec<_>>(), &real(&people));
        let flags = |errors: [f64; 3]| {
            let mut groups = groups[2..5].to_vec();
            for (group, error) in groups.iter_mut().zip(errors) {
                group.errors = vec![GroupError::new("made", error, 0.01)];
            }
            compare(&mut groups);
            groups.iter().flat_map(|group| group.errors.iter().map(|error| error.flag)).collect::<Vec<_>>()
        };
        assert_eq!(flags([0.4; 3]), [Flag::None; 3]);
        assert_eq!(flags([0.4, 0.8, 0.4]), [Flag::None, Flag::Worse, Flag::None]);
        assert_eq!(flags([0.4, 0.525, 0.4]), [Flag::None, Flag::None, Flag::None]);
        assert_eq!(flags([0.4, 0.545, 0.4]), [Flag::None, Flag::Unsure, Flag::None]);
        assert_eq!(flags([0.4, f64::NAN, 0.8]), [Flag::None, Flag::None, Flag::Worse]);
        assert_eq!(flags([f64::NAN; 3]), []);
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
