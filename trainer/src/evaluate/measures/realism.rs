//! Do aged faces look like real ones of the decade? Features come in; the kernel distance (KID, Bińkowski et al. 2018) of two sets
//! goes out: 0 for sets of one kind, the larger the more they differ.

use super::mean;
use crate::evaluate::sample::Person;
use crate::evaluate::subject::{RealFace, Seen, Subject};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use shared::Decade;

/// How often the real faces are halved by chance.
const HALVINGS: u64 = 20;

/// Distances to the real faces of one decade.
#[derive(Clone, Debug, Serialize)]
pub struct Realism {
    pub decade: Decade,
    /// Faces of other decades, aged to this one.
    pub aged: f64,
    /// The same faces as they are.
    pub source: f64,
    /// Half of the decade's real faces to the other half.
    pub halves: f64,
    /// Aged faces judged.
    pub faces: usize,
}

/// Nothing without the judge's features; decades of which there are too few people are left out.
pub fn measure(subjects: &[&Subject], real: &[RealFace]) -> Vec<Realism> {
    Decade::ALL.into_iter().filter_map(|decade| by_decade(subjects, real, decade)).collect()
}

fn by_decade(subjects: &[&Subject], real: &[RealFace], decade: Decade) -> Option<Realism> {
    let real: Vec<&RealFace> = real.iter().collect();
    let Sets { others, mut real } = Sets::of(subjects, &real, decade)?;
    let distance = |of: &[Tagged]| kernel_distance(of, &real);
    let aged = distance(&features(&others, |subject| &subject.aged[decade.index()])?);
    let source = distance(&features(&others, |subject| &subject.source)?);
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let halves = (0..HALVINGS).map(|_| {
        real.shuffle(&mut random);
        let (one, other) = real.split_at(real.len() / 2);
        kernel_distance(one, other)
    });
    let halves = mean(&halves.collect::<Vec<_>>());
    Some(Realism { decade, aged, source, halves, faces: others.len() })
}

/// The mean over the decades of [`Realism::aged`], for a group: `real` are faces of people like them. Nothing where a decade has too
/// few people.
pub fn over_decades(subjects: &[&Subject], real: &[&RealFace]) -> Option<f64> {
    let distances = Decade::ALL.into_iter().map(|decade| {
        let sets = Sets::of(subjects, real, decade)?;
        let aged = features(&sets.others, |subject| &subject.aged[decade.index()])?;
        Some(kernel_distance(&aged, &sets.real))
    });
    distances.collect::<Option<Vec<_>>>().map(|distances| mean(&distances))
}

/// Who is compared for one decade: people of the other decades, each with the weight by which women and men among them are as many as
/// among the real faces (a set of men is far from one of women, however well both are aged), and the features of the real faces.
struct Sets<'a> {
    others: Vec<(&'a Subject, f64)>,
    real: Vec<Tagged<'a>>,
}

impl<'a> Sets<'a> {
    /// Nothing where there are too few.
    fn of(subjects: &[&'a Subject], real: &[&'a RealFace], decade: Decade) -> Option<Self> {
        let others: Vec<&Subject> =
            subjects.iter().copied().filter(|subject| subject.person.decade != decade).collect();
        let real: Vec<&RealFace> = real.iter().copied().filter(|face| face.person.decade == decade).collect();
        if real.len() < 4 || others.len() < 2 {
            return None;
        }
        let weight = |own: &Subject| {
            let like = |person: &Person| person.gender == own.person.gender;
            let real = real.iter().filter(|face| like(&face.person)).count();
            real as f64 / others.iter().filter(|subject| like(&subject.person)).count() as f64
        };
        Some(Self {
            others: others
                .iter()
                .map(|subject| (*subject, weight(subject)))
                .filter(|(_, weight)| *weight > 0.0)
                .collect(),
            real: real.iter().map(|face| Tagged::new(&face.person, &face.seen, 1.0)).collect::<Option<Vec<_>>>()?,
        })
    }
}

/// Features of one of a person's portraits.
#[derive(Clone, Copy)]
struct Tagged<'a> {
    file: &'a str,
    features: &'a [f32],
    weight: f64,
}

impl<'a> Tagged<'a> {
    /// Nothing without the judge's features.
    fn new(person: &'a Person, seen: &'a Seen, weight: f64) -> Option<Self> {
        Some(Self { file: &person.file, features: seen.opinion.features.as_deref()?, weight })
    }
}

/// Nothing if anybody's are missing.
fn features<'a>(people: &[(&'a Subject, f64)], of: impl Fn(&'a Subject) -> &'a Seen) -> Option<Vec<Tagged<'a>>> {
    people.iter().map(|(subject, weight)| Tagged::new(&subject.person, of(subject), *weight)).collect()
}

/// Squared maximum mean discrepancy under (x·y/d + 1)³ without bias, so that it may be a little below 0. Nobody is compared with
/// themself. NaN where too few are left.
fn kernel_distance(a: &[Tagged], b: &[Tagged]) -> f64 {
    kernel_mean(a, a) + kernel_mean(b, b) - 2.0 * kernel_mean(a, b)
}

fn kernel_mean(a: &[Tagged], b: &[Tagged]) -> f64 {
    let pairs = a.iter().flat_map(|x| b.iter().map(move |y| (x, y)));
    let pairs = pairs.filter(|(x, y)| x.file != y.file).map(|(x, y)| (x.weight * y.weight, x, y));
    let (sum, weights) = pairs.fold((0.0, 0.0), |(sum, weights), (weight, x, y)| {
        (weight.mul_add(kernel(x.features, y.features), sum), weights + weight)
    });
    sum / weights
}

fn kernel(x: &[f32], y: &[f32]) -> f64 {
    // Eight sums side by side, so that the compiler may use vector registers.
    let mut sums = [0.0f32; 8];
    for (x, y) in x.chunks(8).zip(y.chunks(8)) {
        for (sum, (x, y)) in sums.iter_mut().zip(x.iter().zip(y)) {
            *sum += x * y;
        }
    }
    (f64::from(sums.iter().sum::<f32>()) / x.len() as f64 + 1.0).powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::label::Gender;
    use crate::evaluate::subject::tests::{real, subject};
    use rand::Rng;

    fn cloud(seed: u64, count: usize, shift: f32) -> Vec<Vec<f32>> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        (0..count).map(|_| (0..20).map(|_| random.random::<f32>() + shift).collect()).collect()
    }

    fn between(a: &[Vec<f32>], b: &[Vec<f32>]) -> f64 {
        let names: Vec<String> = (0..a.len() + b.len()).map(|number| number.to_string()).collect();
        let all = names.iter().zip(a.iter().chain(b));
        let all: Vec<Tagged> = all.map(|(file, features)| Tagged { file, features, weight: 1.0 }).collect();
        let (a, b) = all.split_at(a.len());
        kernel_distance(a, b)
    }

    #[test]
    fn sets_of_one_kind_have_no_distance_and_it_grows_with_the_shift() {
        let real = cloud(1, 200, 0.0);
        let distances: Vec<f64> = [0.0, 0.1, 0.2, 0.4].map(|shift| between(&real, &cloud(2, 200, shift))).into();
        assert!(distances[0].abs() < 0.003, "{distances:?}");
        assert!(distances.windows(2).all(|pair| pair[1] > 2.0 * pair[0].max(0.001)), "{distances:?}");
    }

    #[test]
    fn the_distance_is_that_of_its_formula() {
        // d = 1, k(x, y) = (xy + 1)³: within {0, 1} 1, within {2, 3} 343, between 1, 1, 27, 64.
        let distance = between(&[vec![0.0], vec![1.0]], &[vec![2.0], vec![3.0]]);
        assert_eq!(distance, 1.0 + 343.0 - 2.0 * (1.0 + 1.0 + 27.0 + 64.0) / 4.0);
    }

    #[test]
    fn women_count_as_much_among_the_aged_as_among_the_real_faces() {
        let people: Vec<Subject> = (0..72).map(|number| subject(number, 0.0)).collect();
        let faces: Vec<RealFace> = real(&people).into_iter().filter(|face| face.person.file != "val/7.jpg").collect();
        let faces: Vec<&RealFace> = faces.iter().collect();
        let weights = |decade: Decade, gender: Gender| {
            let sets = Sets::of(&people.iter().collect::<Vec<_>>(), &faces, decade).unwrap();
            sets.others
                .iter()
                .filter(|(own, _)| own.person.gender == Some(gender))
                .map(|(_, weight)| weight)
                .sum::<f64>()
        };
        let both = |decade| [weights(decade, Gender::Female), weights(decade, Gender::Male)];
        for (decade, expected) in [(Decade::Tens, [6.0, 6.0]), (Decade::Twenties, [6.0, 5.0])] {
            let found = both(decade);
            assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-9), "{found:?}");
        }
    }

    #[test]
    fn decades_with_people_are_measured() {
        let people: Vec<Subject> = (0..36).map(|number| subject(number, 0.0)).collect();
        let faces = real(&people);
        let realism = measure(&people.iter().collect::<Vec<_>>(), &faces);
        assert_eq!(realism.len(), 6);
        assert!(realism.iter().all(|row| row.faces == 30 && row.aged.is_finite() && row.halves.is_finite()));
        assert_eq!(measure(&[&people[0]], &faces[..1]).len(), 0);
        let all: Vec<&RealFace> = faces.iter().collect();
        let by_decade: Vec<f64> = realism.iter().map(|row| row.aged).collect();
        assert_eq!(over_decades(&people.iter().collect::<Vec<_>>(), &all), Some(mean(&by_decade)));
        assert_eq!(over_decades(&people.iter().collect::<Vec<_>>(), &all[..18]), None, "three real faces a decade");
        assert_eq!(over_decades(&[&people[0]], &all), None);
    }
}
