//! Does it serve everybody? The same measures by gender and by group; where a group's error is larger than [`UNFAIR`] times that of
//! all people together, it is flagged.

use super::age::{self, Ages, Real};
use super::identity::{self, Identity};
use super::limits::{self, Limits};
use super::shape::{self, RealShapes, Shape};
use super::{mean, realism};
use crate::evaluate::subject::Subject;
use serde::Serialize;
use std::collections::BTreeSet;

pub const UNFAIR: f64 = 1.2;

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
    pub what: String,
    pub error: f64,
    /// Over the error of all people.
    pub ratio: f64,
    pub flagged: bool,
}

/// Genders first, then groups in the order of their names.
pub fn measure(subjects: &[&Subject], real: &Real, shapes: &RealShapes) -> Vec<Group> {
    let all = errors(subjects, real, shapes);
    let genders: BTreeSet<String> = subjects.iter().filter_map(|subject| gender(subject)).collect();
    let groups: BTreeSet<String> = subjects.iter().filter_map(|subject| subject.person.group.clone()).collect();
    let of = |name: &String, label: fn(&Subject) -> Option<String>| {
        let own: Vec<&Subject> =
            subjects.iter().copied().filter(|subject| label(subject).as_ref() == Some(name)).collect();
        let errors = errors(&own, real, shapes).into_iter().zip(&all).map(|((what, error), (_, mean))| {
            let ratio = error / mean;
            GroupError { what, error, ratio, flagged: ratio > UNFAIR }
        });
        Group {
            name: name.clone(),
            people: own.len(),
            ages: age::measure(&own, real),
            identity: identity::measure(&own),
            limits: limits::measure(&own),
            shape: shape::measure(&own, shapes),
            errors: errors.collect(),
        }
    };
    let genders = genders.iter().map(|name| of(name, gender));
    genders.chain(groups.iter().map(|name| of(name, |subject| subject.person.group.clone()))).collect()
}

fn gender(subject: &Subject) -> Option<String> {
    subject.person.gender.map(|gender| gender.to_string())
}

/// Errors that are smaller for a better mirror, with their names; the same ones in the same order for any people.
fn errors(subjects: &[&Subject], real: &Real, shapes: &RealShapes) -> Vec<(String, f64)> {
    let mut errors = Vec::new();
    for ages in age::measure(subjects, real) {
        errors.push((format!("{}: years off", ages.judge), mean(&ages.error)));
        errors.push((format!("{}: does not rise", ages.judge), 1.0 - ages.rises));
    }
    if let Some(identity) = identity::measure(subjects) {
        errors.push(("1 − cosine".into(), 1.0 - mean(&identity.cosine)));
    }
    if let Some(distance) = realism::overall(subjects) {
        errors.push(("kernel distance".into(), distance));
    }
    let kept = || subjects.iter().flat_map(|subject| &subject.kept);
    let finite = |values: Vec<f64>| mean(&values.into_iter().filter(|value| value.is_finite()).collect::<Vec<_>>());
    errors.push(("|sharpness − 1|".into(), finite(kept().map(|kept| (kept.energy - 1.0).abs()).collect())));
    errors.push(("change outside".into(), finite(kept().map(|kept| kept.outside).collect())));
    if let Some(shape) = shape::measure(subjects, shapes) {
        errors.push(("1 − cosine of shape".into(), 1.0 - shape.whole_cosine));
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::subject::tests::subject;

    #[test]
    fn a_group_that_is_served_worse_is_flagged() {
        let mut people: Vec<Subject> = (0..72).map(|number| subject(number, 2.0)).collect();
        for subject in people.iter_mut().filter(|subject| subject.person.group.as_deref() == Some("Black")) {
            subject.kept.iter_mut().for_each(|kept| kept.energy = 1.5);
        }
        let people: Vec<&Subject> = people.iter().collect();
        let groups = measure(&people, &age::real(&people), &RealShapes::of(&people));
        let names: Vec<_> = groups.iter().map(|group| (group.name.as_str(), group.people)).collect();
        assert_eq!(names, [("female", 36), ("male", 36), ("Black", 24), ("Indian", 24), ("White", 24)]);
        for group in &groups {
            let sharpness = group.errors.iter().find(|error| error.what.contains("sharpness")).unwrap();
            assert_eq!(sharpness.flagged, group.name == "Black", "{group:?}");
            let years = group.errors.iter().find(|error| error.what == "faceapi: years off").unwrap();
            assert!((years.error - 2.0).abs() < 1e-9 && !years.flagged);
        }
    }
}
