//! The last stage of a run with head `edit`. Two trainings of one recipe differ by a year or two in what they make of the sixties, as the
//! convolutions draw another thing each time; what they have in common is the frozen visitor net. So how far the change leads
//! ([`crate::nets::LIFTS`]) is moved until that net reads in aged faces what the recipe says ([`crate::recipe::Calibration`]).

use super::TrainError;
use super::batches::{self, condition};
use super::random::{Purpose, stream};
use super::visitor::{Readings, varied};
use crate::data::cache::Cache;
use crate::nets::{EditHead, Generator, LIFTS, Visitor};
use serde::{Deserialize, Serialize};
use shared::{Decade, decade};
use std::path::Path;
use std::{fmt, fs, io};
use tch::{Device, Kind, Tensor, no_grad};

/// What was done, in the run's folder.
pub const FILE_NAME: &str = "calibration.json";
/// Training faces of each decade that are aged.
const FACES: usize = 40;
/// How far a lift is moved to see what that does, how far it may go, and what moving by it costs beside being off by a decade
/// (both squared), so that what makes no difference stays.
const TRIED: f64 = 0.02;
const FURTHEST: (f64, f64) = (0.0, 0.5);
const NEAR: f64 = 1e-6;
const ROUNDS: usize = 4;

const COUNT: usize = decade::COUNT;
/// A number for each decade, youngest first.
type Each = [f64; COUNT];
/// Towards younger years, and towards older ones.
type Lifts = [f64; 2];

/// How a run's lifts came to be what they are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibrated {
    /// Decades that the visitor net reads in real faces of each decade.
    pub real: Each,
    /// And that it is to read in faces aged to each.
    pub wanted: Each,
    /// What it read as trained.
    pub before: Each,
    /// And in the end.
    pub read: Each,
    pub lifts_before: Lifts,
    pub lifts: Lifts,
}

impl Calibrated {
    /// What was done to a run, where it was.
    pub fn of_run(run: &Path) -> io::Result<Option<Self>> {
        match fs::read(run.join(FILE_NAME)) {
            Ok(json) => Ok(Some(serde_json::from_slice(&json)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What is told, and the numbers of the decades.
    pub const fn rows(&self) -> [(&'static str, Each); 4] {
        [
            ("decade read in real faces", self.real),
            ("wanted in aged ones", self.wanted),
            ("read in them as trained", self.before),
            ("and in the end", self.read),
        ]
    }
}

impl fmt::Display for Calibrated {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let lines = self.rows().map(|(what, values)| {
            let values: String = values.iter().map(|value| format!("{value:>7.2}")).collect();
            format!("  {what:<40}{values}")
        });
        let [younger, older] = self.lifts;
        let [was_younger, was_older] = self.lifts_before;
        let lifts = format!(
            "  lifts: {younger:.3} towards younger years ({was_younger:.3} before), {older:.3} towards older ({was_older:.3})"
        );
        write!(f, "{}\n{lifts}", lines.join("\n"))
    }
}

/// Who is aged and who reads it.
pub struct Calibrator<'a> {
    generator: &'a Generator,
    head: &'a EditHead,
    /// `[FACES, 3, S, S]` of each decade that has any.
    faces: Vec<Tensor>,
    seed: u64,
}

impl<'a> Calibrator<'a> {
    /// `head` is the generator's.
    pub fn new(
        cache: &Cache,
        generator: &'a Generator,
        head: &'a EditHead,
        seed: u64,
        device: Device,
    ) -> Result<Self, TrainError> {
        let of = |decade: Decade| {
            let draws = batches::spread(cache, decade, FACES);
            (!draws.is_empty()).then(|| batches::load(cache, &draws, device).map(|faces| faces.pictures))
        };
        let faces = Decade::ALL.into_iter().filter_map(of).collect::<Result<_, _>>()?;
        Ok(Self { generator, head, faces, seed })
    }

    /// Moves the generator's lifts, from [`LIFTS`] on, until the visitor net reads as nearly as can be `off` decades from what it reads
    /// in real faces.
    pub fn run(&self, readings: Readings, off: Each) -> Calibrated {
        let real = readings.0.map(f64::from);
        let wanted = std::array::from_fn(|d| real[d] + off[d]);
        let read = |lifts: &Lifts| {
            no_grad(|| self.head.lifts.shallow_clone().copy_(&Tensor::from_slice(lifts)));
            Decade::ALL.map(|decade| self.read(decade))
        };
        let lifts_before = LIFTS.map(f64::from);
        let Solved { before, read, lifts } = solve(lifts_before, &wanted, read);
        Calibrated { real, wanted, before, read, lifts_before, lifts }
    }

    /// Decade that the visitor net reads on average in faces of all decades aged to this one.
    fn read(&self, decade: Decade) -> f64 {
        let mut rng = stream(self.seed, Purpose::Calibration, decade.index() as u64);
        let visitor: &Visitor = &self.head.visitor;
        let of = |faces: &Tensor| {
            let ages = condition(decade, faces.size()[0], faces.device());
            no_grad(|| {
                let aged = self.generator.forward(faces, &ages).aged;
                visitor.read(&varied(&aged, &mut rng), false).expected().mean(Kind::Double).double_value(&[])
            })
        };
        self.faces.iter().map(of).sum::<f64>() / self.faces.len() as f64
    }
}

/// What lifts were found.
struct Solved {
    before: Each,
    read: Each,
    lifts: Lifts,
}

/// Finds the lifts at which `read` gives what is nearest to `wanted` in the least squares: Gauss and Newton's method, with the slopes of
/// the beginning. What was read last was read at the lifts that are found.
fn solve(start: Lifts, wanted: &Each, mut read: impl FnMut(&Lifts) -> Each) -> Solved {
    let before = read(&start);
    let slopes = [0, 1].map(|lift| {
        let mut tried = start;
        tried[lift] += TRIED;
        minus(&read(&tried), &before).map(|change| change / TRIED)
    });
    let (mut lifts, mut best) = (start, before);
    for _ in 0..ROUNDS {
        let off = minus(wanted, &best);
        let step = least_squares(&slopes, &off);
        let next = [0, 1].map(|lift: usize| (lifts[lift] + step[lift]).clamp(FURTHEST.0, FURTHEST.1));
        let found = read(&next);
        if dot(&minus(wanted, &found), &minus(wanted, &found)) >= dot(&off, &off) {
            break;
        }
        (lifts, best) = (next, found);
    }
    Solved { before, read: read(&lifts), lifts }
}

/// The step of both lifts that brings `off` nearest to nothing.
fn least_squares([a, b]: &[Each; 2], off: &Each) -> Lifts {
    let (aa, ab, bb) = (dot(a, a) + NEAR, dot(a, b), dot(b, b) + NEAR);
    let (x, y) = (dot(a, off), dot(b, off));
    let determinant = aa * bb - ab * ab;
    [(bb * x - ab * y) / determinant, (aa * y - ab * x) / determinant]
}

fn minus(a: &Each, b: &Each) -> Each {
    std::array::from_fn(|d| a[d] - b[d])
}

fn dot(a: &Each, b: &Each) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::batches::tests::{cache, recipe};
    use crate::train::model::Model;
    use proptest::prelude::*;

    /// Younger years by the first lift, older ones by the second, the middle by both; what is read bends.
    fn mirror([younger, older]: &Lifts, bent: f64) -> Each {
        let further = |lift: f64| lift - bent * lift * lift;
        let (younger, older) = (further(*younger), further(*older));
        [
            -1.4 * younger,
            1.0 - younger,
            2.0 - 0.3 * younger + 0.2 * older,
            3.0 + 0.4 * older,
            4.0 + older,
            5.0 + 1.3 * older,
        ]
    }

    proptest! {
        #[test]
        fn lifts_come_where_they_were(younger in 0.05f64..0.4, older in 0.0f64..0.3, bent in 0.0f64..0.6) {
            let mut last = [9.0; 2];
            let solved = solve([0.21, 0.053], &mirror(&[younger, older], bent), |lifts| {
                last = *lifts;
                mirror(lifts, bent)
            });
            prop_assert_eq!(solved.before, mirror(&[0.21, 0.053], bent));
            let (found, wanted) = (solved.lifts, [younger, older]);
            prop_assert!(found.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 0.01), "{found:?} for {wanted:?}");
            prop_assert_eq!(last, found, "and there they stay");
        }
    }

    #[test]
    fn what_cannot_be_reached_ends_at_the_limit_and_what_makes_no_difference_stays() {
        let older =
            solve([0.2, 0.1], &[0.0, 1.0, 2.0, 3.0, 4.0, 9.0], |[_, older]| [0.0, 1.0, 2.0, 3.0, 4.0, 5.0 + older]);
        assert_eq!(older.lifts, [0.2, FURTHEST.1]);
        let neither = solve([0.2, 0.1], &[1.0; COUNT], |_| [0.0; COUNT]);
        assert_eq!(neither.lifts, [0.2, 0.1]);
    }

    #[test]
    fn a_generators_lifts_are_moved_towards_what_is_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(&folder.path().join("cache"), 64, 54);
        let recipe = recipe(|text| text);
        let model = Model::new(&recipe, Device::Cpu);
        let shown = model.shown();
        let head = shown.edit.as_ref().unwrap();
        no_grad(|| {
            let up =
                Tensor::arange(COUNT as i64, (Kind::Float, Device::Cpu)).repeat([crate::nets::CODES]).view([-1, 1])
                    * 0.02;
            head.prototypes.colour.shallow_clone().copy_(&up.expand_as(&head.prototypes.colour));
            let _ = head.prototypes.place.shallow_clone().fill_(5.0);
            let _ = head.visitor.weight.shallow_clone().normal_(0.0, 1.0);
        });
        let calibrator = Calibrator::new(&cache, shown, head, 1, Device::Cpu).unwrap();
        let at = |lifts: Lifts| {
            no_grad(|| head.lifts.shallow_clone().copy_(&Tensor::from_slice(&lifts)));
            Decade::ALL.map(|decade| calibrator.read(decade))
        };
        let wanted = at([0.3, 0.1]);
        let calibrated = calibrator.run(Readings(wanted.map(|read| read as f32)), [0.0; COUNT]);
        assert_eq!(calibrated.before, at(LIFTS.map(f64::from)), "it begins where the net began");
        let off = |read: &Each| dot(&minus(read, &wanted), &minus(read, &wanted)).sqrt();
        assert!(off(&calibrated.read) < 0.2 * off(&calibrated.before), "{calibrated}");
        let [younger, older] = calibrated.lifts;
        assert!((younger - 0.3).abs() < 0.02 && (older - 0.1).abs() < 0.02, "{calibrated}");
    }

    #[test]
    fn a_run_that_was_not_calibrated_has_nothing_to_tell() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Calibrated::of_run(folder.path()).unwrap(), None);
        fs::write(folder.path().join(FILE_NAME), "{").unwrap();
        assert!(Calibrated::of_run(folder.path()).is_err());
    }
}
