//! Are the judges used as they should be? `reference.csv` beside them tells what another implementation got for some pictures;
//! the difference to it goes out.

use super::{AGE_JUDGES, Judges};
use crate::evaluate::EvaluateError;
use crate::evaluate::measures::{mean, median, share};
use edge::face::FaceFinder;
use serde::Serialize;
use std::path::Path;

pub const FILE: &str = "reference.csv";
/// Within this many years the judged age counts as the same.
const YEARS: f64 = 2.0;
/// Within this a number of the recognition vector counts as the same.
const NUMBER: f64 = 0.02;

/// How far the judges here are from the reference.
#[derive(Clone, Debug, Serialize)]
pub struct Agreement {
    pub what: &'static str,
    pub pictures: usize,
    /// Mean of ours − theirs.
    pub bias: f64,
    pub median_difference: f64,
    pub tolerance: f64,
    /// Share of the pictures within the tolerance.
    pub within: f64,
}

/// Compares on those pictures of `judges`/reference.csv that are in `data`; nothing where there is no reference.
pub fn compare(folder: &Path, data: &Path, judges: &Judges) -> Result<Vec<Agreement>, EvaluateError> {
    let path = folder.join(FILE);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let broken = |reason: String| EvaluateError::Reference { path: path.clone(), reason };
    let mut table = csv::Reader::from_path(&path).map_err(|error| broken(error.to_string()))?;
    let mut finder = FaceFinder::embedded()?;
    let mut ages = [const { Vec::new() }; AGE_JUDGES.len()];
    let mut numbers = Vec::new();
    for row in table.records() {
        let row = row.map_err(|error| broken(error.to_string()))?;
        let number = |text: &str| text.parse::<f64>().map_err(|_| broken(format!("`{text}` is no number")));
        let field = |i: usize| row.get(i).ok_or_else(|| broken(format!("a row of {} fields, expected 5", row.len())));
        let Ok(picture) = edge::photo::read(&data.join(field(0)?)) else { continue };
        let Some(face) = finder.find(&picture)?.into_iter().next() else { continue };
        for (judge, age) in judges.ages(&picture, &face.landmarks)?.into_iter().enumerate() {
            if let Some(age) = age {
                ages[judge].push(age - number(field(2 + judge)?)?);
            }
        }
        if let Some(embedding) = judges.embedding(&picture, &face.landmarks)? {
            for (ours, theirs) in embedding.iter().zip(field(4)?.split_whitespace()) {
                numbers.push(f64::from(*ours) - number(theirs)?);
            }
        }
    }
    let ages = AGE_JUDGES.into_iter().zip(ages).map(|(what, differences)| agreement(what, 1, &differences, YEARS));
    let all = ages.chain([agreement("recognition, first four numbers", 4, &numbers, NUMBER)]);
    Ok(all.filter(|agreement| agreement.pictures > 0).collect())
}

fn agreement(what: &'static str, a_picture: usize, differences: &[f64], tolerance: f64) -> Agreement {
    let absolute: Vec<f64> = differences.iter().map(|difference| difference.abs()).collect();
    Agreement {
        what,
        pictures: differences.len() / a_picture,
        bias: mean(differences),
        median_difference: median(&absolute),
        tolerance,
        within: share(absolute.iter().map(|&difference| difference <= tolerance)),
    }
}
