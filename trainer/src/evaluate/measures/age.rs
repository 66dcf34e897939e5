//! Is the decade reached? A judge compresses ages, so aged faces are held against what it says of real faces of the decade.

use super::{Decades, each, mean, share};
use crate::evaluate::judges::AGE_JUDGES;
use crate::evaluate::subject::{RealFace, Subject};
use serde::Serialize;
use shared::Decade;
use shared::decade::COUNT;

/// What each judge says of real faces of each decade, in the mean; `None` for a judge that is missing.
pub type Real = [Option<Decades>; AGE_JUDGES.len()];

/// What one judge says.
#[derive(Clone, Debug, Serialize)]
pub struct Ages {
    pub judge: &'static str,
    /// Mean judged age of the real faces of each decade.
    pub real: Decades,
    /// Mean judged age of everybody aged to each decade.
    pub aged: Decades,
    /// `aged` − `real`.
    pub gap: Decades,
    /// Mean distance of one person's judged age from `real`.
    pub error: Decades,
    /// The same distance of the sources of the decade: what cannot be beaten.
    pub error_real: Decades,
    /// Share judged to be inside the decade.
    pub inside: Decades,
    pub inside_real: Decades,
    /// Share of the people who are judged older in their 60s than in their 10s.
    pub rises: f64,
    /// The same from each decade to the next.
    pub rises_each_step: [f64; COUNT - 1],
}

/// What the judges say of `faces`.
pub fn real(faces: &[RealFace]) -> Real {
    core::array::from_fn(|judge| {
        let of_decade = |decade: usize| {
            let own = faces.iter().filter(|face| face.person.decade.index() == decade);
            own.filter_map(|face| face.seen.opinion.ages[judge]).collect::<Vec<_>>()
        };
        let there = faces.iter().any(|face| face.seen.opinion.ages[judge].is_some());
        there.then(|| each(|decade| mean(&of_decade(decade))))
    })
}

/// Measures `subjects` against `real`.
pub fn measure(subjects: &[&Subject], real: &Real) -> Vec<Ages> {
    let judges = AGE_JUDGES.into_iter().zip(real).enumerate();
    judges.filter_map(|(judge, (name, real))| Some(by_judge(name, judge, subjects, (*real)?))).collect()
}

fn by_judge(name: &'static str, judge: usize, subjects: &[&Subject], real: Decades) -> Ages {
    let lives: Vec<Decades> = subjects.iter().filter_map(|subject| life(subject, judge)).collect();
    let ages = |decade: usize| lives.iter().map(|life| life[decade]).collect::<Vec<_>>();
    let off =
        |ages: &[f64], decade: usize| mean(&ages.iter().map(|age| (age - real[decade]).abs()).collect::<Vec<_>>());
    let inside = |ages: &[f64], decade: usize| {
        share(ages.iter().map(|&age| age >= 0.0 && Decade::from_age(age as u32).map(Decade::index) == Some(decade)))
    };
    let aged = each(|decade| mean(&ages(decade)));
    Ages {
        judge: name,
        real,
        aged,
        gap: each(|decade| aged[decade] - real[decade]),
        error: each(|decade| off(&ages(decade), decade)),
        error_real: each(|decade| off(&sources(subjects, judge, decade), decade)),
        inside: each(|decade| inside(&ages(decade), decade)),
        inside_real: each(|decade| inside(&sources(subjects, judge, decade), decade)),
        rises: share(lives.iter().map(|life| life[COUNT - 1] > life[0])),
        rises_each_step: core::array::from_fn(|step| share(lives.iter().map(|life| life[step + 1] > life[step]))),
    }
}

/// One person's judged age in each decade.
pub fn life(subject: &Subject, judge: usize) -> Option<Decades> {
    let ages = subject.aged.each_ref().map(|seen| seen.opinion.ages[judge]);
    ages.iter().all(Option::is_some).then(|| ages.map(Option::unwrap_or_default))
}

fn sources(subjects: &[&Subject], judge: usize, decade: usize) -> Vec<f64> {
    let of_decade = subjects.iter().filter(|subject| subject.person.decade.index() == decade);
    of_decade.filter_map(|subject| subject.source.opinion.ages[judge]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::subject::tests::{self as people, subject};

    #[test]
    fn aged_faces_are_held_against_real_ones() {
        let people: Vec<Subject> = (0..24).map(|number| subject(number, 3.0)).collect();
        let real = real(&people::real(&people));
        let ages = measure(&people.iter().collect::<Vec<_>>(), &real);
        assert_eq!(ages.iter().map(|ages| ages.judge).collect::<Vec<_>>(), AGE_JUDGES);
        assert_eq!(ages[0].real, [15.0, 25.0, 35.0, 45.0, 55.0, 65.0]);
        assert_eq!((ages[1].gap, ages[1].error), ([3.0; 6], [3.0; 6]));
        assert_eq!((ages[0].inside, ages[0].rises, ages[0].rises_each_step), ([1.0; 6], 1.0, [1.0; 5]));
        assert_eq!(ages[0].error_real, [0.0; 6]);
    }

    #[test]
    fn a_face_that_does_not_age_does_not_rise() {
        let mut still = subject(2, 0.0);
        still.aged = core::array::from_fn(|_| still.source.clone());
        let ages = &measure(&[&still], &real(&people::real(std::slice::from_ref(&still))))[0];
        assert_eq!((ages.rises, ages.inside), (0.0, [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]));
        assert!(ages.real[0].is_nan() && ages.gap[0].is_nan());
    }

    #[test]
    fn a_missing_judge_says_nothing() {
        let mut person = subject(0, 0.0);
        person.source.opinion.ages[0] = None;
        person.aged.iter_mut().for_each(|seen| seen.opinion.ages[0] = None);
        assert_eq!(measure(&[&person], &real(&people::real(std::slice::from_ref(&person)))).len(), 1);
    }
}
