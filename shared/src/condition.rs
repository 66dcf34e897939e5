//! The 1×6 age vector that is joined to the generator's features (paper, section 3.2).

use crate::decade::{COUNT, Decade};

/// Youngest and oldest age in years that a condition can ask for.
pub const AGES: core::ops::RangeInclusive<f32> = 10.0..=69.0;

/// Six non-negative weights, one a decade, that sum to 1: one-hot at the middle of a decade, a blend of two
/// neighbours between.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Condition([f32; COUNT]);

/// An age that no condition stands for.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("age {0} is outside 10 to 69 years")]
pub struct AgeOutOfRange(pub f32);

impl Condition {
    /// All weight on one decade.
    pub const fn one_hot(decade: Decade) -> Self {
        let mut weights = [0.0; COUNT];
        weights[decade.index()] = 1.0;
        Self(weights)
    }

    /// The condition for an age in years, 10 to 69: linear between the middles of neighbouring decades (15, 25, … 65),
    /// one-hot below 15 and above 65.
    pub fn at_age(years: f32) -> Result<Self, AgeOutOfRange> {
        if !AGES.contains(&years) {
            return Err(AgeOutOfRange(years));
        }
        let position = ((years - Decade::Tens.middle()) / 10.0).clamp(0.0, (COUNT - 1) as f32);
        let lower = (position as usize).min(COUNT - 2);
        let upper_weight = position - lower as f32;
        let mut weights = [0.0; COUNT];
        weights[lower] = 1.0 - upper_weight;
        weights[lower + 1] = upper_weight;
        Ok(Self(weights))
    }

    /// The six weights, youngest decade first: the generator's input `age` `[1, 6]`.
    pub const fn weights(&self) -> &[f32; COUNT] {
        &self.0
    }

    /// The age in years that the weights stand for: 15 to 65.
    pub fn mean_age(&self) -> f32 {
        Decade::ALL.iter().map(|decade| self.0[decade.index()] * decade.middle()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_hot_sits_at_the_middle_of_its_decade() {
        for decade in Decade::ALL {
            assert_eq!(Condition::at_age(decade.middle()), Ok(Condition::one_hot(decade)));
        }
    }

    #[test]
    fn ages_that_nobody_asks_for_are_refused() {
        for years in [9.9, 69.1, -1.0, f32::NAN, f32::INFINITY] {
            assert!(Condition::at_age(years).is_err(), "{years}");
        }
    }

    proptest! {
        #[test]
        fn any_age_has_weights_that_sum_to_one(years in 10.0f32..=69.0) {
            let condition = Condition::at_age(years).unwrap();
            let weights = condition.weights();
            prop_assert!(weights.iter().all(|&w| (0.0..=1.0).contains(&w)));
            prop_assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            prop_assert!(weights.iter().filter(|&&w| w > 0.0).count() <= 2);
            prop_assert!((condition.mean_age() - years.clamp(15.0, 65.0)).abs() < 1e-3);
        }

        #[test]
        fn older_never_means_a_younger_condition(a in 10.0f32..=69.0, b in 10.0f32..=69.0) {
            let (young, old) = if a < b { (a, b) } else { (b, a) };
            prop_assert!(Condition::at_age(young).unwrap().mean_age() <= Condition::at_age(old).unwrap().mean_age() + 1e-4);
        }
    }
}
