//! People as they were judged → the numbers of a bundle. One file a measure; what several need is here. The mean of nothing is
//! NaN, which is `null` in JSON and a dash in tables.

pub mod age;
pub mod fairness;
pub mod identity;
pub mod limits;
pub mod living;
pub mod realism;
pub mod shape;
pub mod steady;

use shared::decade::COUNT;

/// One number a decade, youngest first.
pub type Decades = [f64; COUNT];

pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Standard deviation (over n).
pub fn deviation(values: &[f64]) -> f64 {
    let middle = mean(values);
    mean(&values.iter().map(|value| (value - middle).powi(2)).collect::<Vec<_>>()).sqrt()
}

pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Share of what is true.
pub fn share(truths: impl Iterator<Item = bool>) -> f64 {
    mean(&truths.map(|truth| f64::from(u8::from(truth))).collect::<Vec<_>>())
}

/// A number a decade.
pub fn each(of: impl FnMut(usize) -> f64) -> Decades {
    core::array::from_fn(of)
}

/// Cosine of two vectors about the origin.
pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Euclidean distance of two vectors.
pub fn distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_of_a_few_numbers() {
        let values = [1.0, 2.0, 3.0, 10.0];
        assert_eq!((mean(&values), median(&values)), (4.0, 3.0));
        assert!((deviation(&values) - 12.5f64.sqrt()).abs() < 1e-12);
        assert!(mean(&[]).is_nan() && median(&[]).is_nan() && deviation(&[]).is_nan());
        assert_eq!(share([true, false, true, true].into_iter()), 0.75);
    }

    #[test]
    fn angles_and_distances() {
        assert!((cosine(&[1.0, 0.0], &[1.0, 1.0]) - 0.5f64.sqrt()).abs() < 1e-9);
        assert_eq!(cosine(&[1.0, 2.0], &[-2.0, -4.0]), -1.0);
        assert_eq!(distance(&[0.0, 3.0], &[4.0, 0.0]), 5.0);
    }
}
