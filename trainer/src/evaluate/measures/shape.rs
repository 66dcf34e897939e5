//! Does the shape of the face move as real faces' do? Aligned landmarks of sources and decades come in (in eye distances).

use super::{Decades, cosine, each, mean};
use crate::data::label::Gender;
use crate::evaluate::subject::{RealFace, Subject};
use serde::Serialize;
use shared::Landmarks;
use shared::decade::COUNT;
use shared::landmarks::COUNT as POINTS;

/// 68 shifts, x and y in turn.
type Shift = Vec<f32>;

/// Lengths are means over the points, in hundredths of the eye distance.
#[derive(Clone, Debug, Serialize)]
pub struct Shape {
    /// How far the mean real face of each decade is from that of all decades, of the genders that the aged people have.
    pub real: Decades,
    /// From the 10s to the 60s.
    pub whole_real: f64,
    /// By the points as the landmark net finds them again in the aged faces: what is painted moves them too.
    pub found: Moved,
    /// By the points of the source as the edit's displacement takes them along.
    pub displaced: Moved,
}

/// How aged faces' points move.
#[derive(Clone, Debug, Serialize)]
pub struct Moved {
    /// When everybody is aged to the decade.
    pub by: Decades,
    /// Cosine of that shift and the real one, as vectors of 136 numbers: 1 for the same directions.
    pub cosine: Decades,
    /// The same from the 10s to the 60s.
    pub whole: f64,
    pub whole_cosine: f64,
}

/// Mean real faces of the decades, where somebody of the decade is there: men's faces do not change as women's do.
pub struct RealShapes {
    women: Option<Life>,
    men: Option<Life>,
    all: Option<Life>,
}

/// A shape a decade.
type Life = [Shift; COUNT];

impl RealShapes {
    pub fn of(faces: &[&RealFace]) -> Self {
        let life = |of: &dyn Fn(&RealFace) -> bool| {
            let decade = |decade: usize| {
                let own = faces.iter().filter(|face| face.person.decade.index() == decade && of(face));
                mean_of(own.filter_map(|face| face.seen.shape.as_ref().map(flat)))
            };
            (0..COUNT).map(decade).collect::<Option<Vec<Shift>>>()?.try_into().ok()
        };
        let of_gender = |gender: Gender| life(&|face| face.person.gender == Some(gender));
        Self { women: of_gender(Gender::Female), men: of_gender(Gender::Male), all: life(&|_| true) }
    }

    /// Of one person's gender, if it has all decades, or else of everybody.
    fn life(&self, gender: Option<Gender>) -> Option<&Life> {
        let own = match gender {
            Some(Gender::Female) => self.women.as_ref(),
            Some(Gender::Male) => self.men.as_ref(),
            None => None,
        };
        own.or(self.all.as_ref())
    }

    /// What real faces of the decade have in common, of women and men as many as among `subjects`.
    fn mean(&self, subjects: &[&Subject], decade: usize) -> Option<Shift> {
        let lives = subjects.iter().map(|subject| self.life(subject.person.gender)).collect::<Option<Vec<&Life>>>()?;
        mean_of(lives.into_iter().map(|life| life[decade].clone()))
    }
}

/// Nothing where the decades lack people whose points were found.
pub fn measure(subjects: &[&Subject], real: &RealShapes) -> Option<Shape> {
    let real = (0..COUNT).map(|decade| real.mean(subjects, decade)).collect::<Option<Vec<_>>>()?;
    let middle = mean_of(real.iter().cloned())?;
    let whole = minus(real.last()?, real.first()?);
    let real: Vec<Shift> = real.iter().map(|shape| minus(shape, &middle)).collect();
    let found = |subject: &Subject, decade: usize| {
        Some(minus(&flat(subject.aged[decade].shape.as_ref()?), &flat(subject.source.shape.as_ref()?)))
    };
    let displaced = |subject: &Subject, decade: usize| {
        let places = subject.places.as_ref()?;
        Some(minus(&flat(&places.aged[decade]), &flat(&places.source)))
    };
    Some(Shape {
        real: each(|decade| length(&real[decade])),
        whole_real: length(&whole),
        found: moved(subjects, &real, &whole, found)?,
        displaced: moved(subjects, &real, &whole, displaced)?,
    })
}

/// What the shifts `of` people to the decades have in common, beside those of real faces.
fn moved(
    subjects: &[&Subject],
    real: &[Shift],
    whole: &Shift,
    of: impl Fn(&Subject, usize) -> Option<Shift>,
) -> Option<Moved> {
    let mean = |decade: usize| mean_of(subjects.iter().filter_map(|subject| of(subject, decade)));
    let aged = (0..COUNT).map(mean).collect::<Option<Vec<Shift>>>()?;
    let way = minus(aged.last()?, aged.first()?);
    Some(Moved {
        by: each(|decade| length(&aged[decade])),
        cosine: each(|decade| cosine(&aged[decade], &real[decade])),
        whole: length(&way),
        whole_cosine: cosine(&way, whole),
    })
}

/// A face and its mirror image in one: one sample's people look more to one side than another's, which is not their age. On FairFace's
/// own faces the cosine between two samples' decades is 0.81 without it and 0.98 with it (women, 10s to 60s).
fn flat(landmarks: &Landmarks) -> Shift {
    let mirrored = landmarks.mirrored(0.0);
    landmarks.0.iter().zip(mirrored.0).flat_map(|(a, b)| [(a.x + b.x) / 2.0, (a.y + b.y) / 2.0]).collect()
}

fn minus(a: &[f32], b: &[f32]) -> Shift {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn mean_of(shifts: impl Iterator<Item = Shift>) -> Option<Shift> {
    let (mut sum, mut count) = (vec![0.0f32; 2 * POINTS], 0);
    for shift in shifts {
        sum.iter_mut().zip(&shift).for_each(|(sum, value)| *sum += value);
        count += 1;
    }
    (count > 0).then(|| sum.into_iter().map(|sum| sum / count as f32).collect())
}

fn length(shift: &[f32]) -> f64 {
    mean(&shift.chunks(2).map(|p| 100.0 * f64::from(p[0].hypot(p[1]))).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::subject::tests::{real, subject};

    #[test]
    fn shapes_that_move_as_real_ones_do_have_a_cosine_of_one() {
        // A subject's points move down by 0.01 for each year that they are judged.
        let people: Vec<Subject> = (0..12).map(|number| subject(number, 0.0)).collect();
        let shapes = RealShapes::of(&real(&people).iter().collect::<Vec<_>>());
        let people: Vec<&Subject> = people.iter().collect();
        let shape = measure(&people, &shapes).unwrap();
        // What the edit displaces is half of that.
        for (moved, length) in [(&shape.found, 50.0), (&shape.displaced, 25.0)] {
            assert!((moved.whole_cosine - 1.0).abs() < 1e-3 && (moved.whole - length).abs() < 0.1, "{shape:?}");
            assert!(moved.cosine.iter().all(|cosine| (cosine - 1.0).abs() < 1e-2), "{shape:?}");
        }
        assert!((shape.whole_real - 50.0).abs() < 0.1, "{shape:?}");
    }

    #[test]
    fn everybody_is_held_against_their_own_gender() {
        let people: Vec<Subject> = (0..12).map(|number| subject(number, 0.0)).collect();
        let mut faces = real(&people);
        for face in faces.iter_mut().filter(|face| face.person.gender == Some(Gender::Male)) {
            face.seen.shape = face.seen.shape.map(|shape| shape.map(&shared::Similarity::scaling(-1.0)));
        }
        let shapes = RealShapes::of(&faces.iter().collect::<Vec<_>>());
        let cosine = |gender| {
            let own: Vec<&Subject> = people.iter().filter(|subject| subject.person.gender == Some(gender)).collect();
            measure(&own, &shapes).unwrap().found.whole_cosine
        };
        let (women, men) = (cosine(Gender::Female), cosine(Gender::Male));
        assert!((women - 1.0).abs() < 1e-3 && (men + 1.0).abs() < 1e-3, "{women} {men}");
    }

    #[test]
    fn a_decade_without_people_leaves_no_shape() {
        let person = subject(0, 0.0);
        assert!(
            measure(&[&person], &RealShapes::of(&real(std::slice::from_ref(&person)).iter().collect::<Vec<_>>()))
                .is_none()
        );
    }
}
