//! Is it still the same person? Recognition embeddings of the source and of each decade come in.

use super::{Decades, cosine, distance, each, mean, share};
use crate::evaluate::judges::recognition::{SAME_PERSON, SAME_PERSON_STRICT};
use crate::evaluate::subject::Subject;
use serde::Serialize;
use shared::decade::COUNT;

#[derive(Clone, Debug, Serialize)]
pub struct Identity {
    /// Mean cosine of source and decade.
    pub cosine: Decades,
    /// Mean Euclidean distance.
    pub distance: Decades,
    /// Share closer than 0.6, which the judge's authors call the same person.
    pub verified: Decades,
    /// Share closer than 0.47, as 0.1 % of different people are.
    pub verified_strictly: Decades,
    /// Mean cosine of source and its own decade.
    pub own_cosine: f64,
    /// Mean cosine by how many decades were bridged: none, one, … five.
    pub cosine_by_step: Decades,
    pub verified_by_step: Decades,
}

/// Nothing without the recognition judge.
pub fn measure(subjects: &[&Subject]) -> Option<Identity> {
    let pairs: Vec<(usize, [(f64, f64); COUNT])> =
        subjects.iter().filter_map(|subject| Some((subject.person.decade.index(), pairs(subject)?))).collect();
    if pairs.is_empty() {
        return None;
    }
    let over = |of: fn(&(f64, f64)) -> f64| {
        each(|decade| mean(&pairs.iter().map(|(_, decades)| of(&decades[decade])).collect::<Vec<_>>()))
    };
    let by_step = |of: fn(&(f64, f64)) -> f64| {
        each(|step| {
            let bridged = pairs.iter().flat_map(|(own, decades)| {
                decades
                    .iter()
                    .enumerate()
                    .filter(move |(decade, _)| decade.abs_diff(*own) == step)
                    .map(|(_, pair)| of(pair))
            });
            mean(&bridged.collect::<Vec<_>>())
        })
    };
    let verified = |pair: &(f64, f64)| f64::from(u8::from(pair.1 < SAME_PERSON));
    let cosine_by_step = by_step(|pair| pair.0);
    Some(Identity {
        cosine: over(|pair| pair.0),
        distance: over(|pair| pair.1),
        verified: each(|decade| share(pairs.iter().map(|(_, decades)| decades[decade].1 < SAME_PERSON))),
        verified_strictly: each(|decade| {
            share(pairs.iter().map(|(_, decades)| decades[decade].1 < SAME_PERSON_STRICT))
        }),
        own_cosine: cosine_by_step[0],
        cosine_by_step,
        verified_by_step: by_step(verified),
    })
}

/// Cosine and distance of the source to each of its decades.
pub fn pairs(subject: &Subject) -> Option<[(f64, f64); COUNT]> {
    let source = subject.source.opinion.embedding.as_ref()?;
    let pairs = subject.aged.iter().map(|seen| {
        let aged = seen.opinion.embedding.as_ref()?;
        Some((cosine(source, aged), distance(source, aged)))
    });
    pairs.collect::<Option<Vec<_>>>()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::subject::tests::subject;

    #[test]
    fn who_is_aged_further_is_less_like_themself() {
        let people: Vec<Subject> = (0..12).map(|number| subject(number, 0.0)).collect();
        let identity = measure(&people.iter().collect::<Vec<_>>()).unwrap();
        assert!((identity.own_cosine - 1.0).abs() < 1e-9);
        assert!(identity.cosine_by_step.windows(2).all(|pair| pair[0] > pair[1]), "{identity:?}");
        // A tenth a decade: 0.5 apart after five decades, within one threshold and beyond the other.
        assert!((identity.distance[5] - 0.25).abs() < 1e-6);
        assert_eq!((identity.verified[5], identity.verified_by_step[5]), (1.0, 1.0));
        assert!((identity.verified_strictly[5] - 10.0 / 12.0).abs() < 1e-9);
    }

    #[test]
    fn without_the_judge_there_is_no_identity() {
        let mut person = subject(0, 0.0);
        person.aged[3].opinion.embedding = None;
        assert!(measure(&[&person]).is_none());
    }
}
