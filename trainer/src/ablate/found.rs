//! What a row's generator is worth, in few numbers; kept beside its bundle so that a row is judged once.

use crate::evaluate::Evaluation;
use crate::evaluate::measures::mean;
use serde::{Deserialize, Serialize};

/// A row's numbers. Ages are in years.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The recipe's text: numbers of another one are not this row's.
    pub recipe: String,
    /// People asked for, and real faces that they were held against.
    pub people: usize,
    pub real_faces: usize,
    /// Of the generator's file.
    pub bytes: usize,
    /// Of a decade, see [`super::clock`]; told anew whenever an ablation ends, of all rows together.
    #[serde(default)]
    pub milliseconds: Option<f64>,
    pub ages: Vec<Ages>,
    /// Recognition distance in the 10s and the 60s.
    pub distance: Option<[f64; 2]>,
    /// Share verified in the decade where it is least.
    pub verified: Option<f64>,
    /// Laplacian energy inside the face over the source's, in the 10s and the 60s.
    pub sharpness: [f64; 2],
    /// Kernel distance to real faces of the decade × 1000, mean of the decades; `None` with too few people.
    pub kernel: Option<f64>,
    /// Cosine of the displacement from the 10s to the 60s with real faces'.
    pub shape: Option<f64>,
}

/// What one judge says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ages {
    pub judge: String,
    /// Mean judged age of real faces of the 10s and the 60s.
    pub real: [f64; 2],
    /// Of aged ones.
    pub aged: [f64; 2],
    /// The furthest that a decade's mean is from real faces'.
    pub off: f64,
    /// Share of people who rise from a decade to the next, where it is least.
    pub rises: f64,
}

impl Found {
    /// The numbers of a bundle made by a recipe.
    pub fn of(recipe: &str, evaluation: &Evaluation) -> Self {
        let finite = |value: f64| value.is_finite().then_some(value);
        let ends = |values: &[f64; 6]| [values[0], values[5]];
        let least = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
        let further = |a: f64, b: f64| if b.abs() > a.abs() { b } else { a };
        let ages = evaluation.ages.iter().map(|ages| Ages {
            judge: ages.judge.to_owned(),
            real: ends(&ages.real),
            aged: ends(&ages.aged),
            off: ages.gap.iter().copied().fold(0.0, further),
            rises: least(&ages.rises_each_step),
        });
        let kernel: Vec<f64> = evaluation.realism.iter().map(|row| 1000.0 * row.aged).collect();
        Self {
            recipe: recipe.to_owned(),
            people: evaluation.people + evaluation.not_found,
            real_faces: evaluation.real_faces,
            bytes: evaluation.bundle.bytes,
            milliseconds: None,
            ages: ages.collect(),
            distance: evaluation.identity.as_ref().map(|identity| ends(&identity.distance)),
            verified: evaluation.identity.as_ref().map(|identity| least(&identity.verified)),
            sharpness: ends(&evaluation.limits.energy),
            kernel: finite(mean(&kernel)),
            shape: evaluation.shape.as_ref().and_then(|shape| finite(shape.displaced.whole_cosine)),
        }
    }
}
