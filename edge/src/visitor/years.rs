//! What each decade does to one visitor, kept from frame to frame. The generator's edits come in, one decade at a time and at
//! the generator's own pace; an edit for any age goes out for every frame.
//!
//! Edits are drawn in the registered crop, which moves with the face: an edit of a moment ago fits the face of now. They are
//! averaged over time, so that the camera's noise does not flicker in the wrinkles, and blended between decades, so that ages
//! move without steps.

use crate::ager::Edit;
use shared::{Condition, Decade};

/// The share of a newer edit of the same decade. Six people who moved in changing light wavered by 1.47 / 1.65 judged years
/// at 0.08, 1.26 / 1.52 at 0.35 and 1.21 / 1.48 at 0.7: an edit must keep up with the light.
const FRESH: f32 = 0.7;

/// One visitor's edits.
#[derive(Clone, Debug, Default)]
pub struct Years {
    edits: [Option<Edit>; Decade::ALL.len()],
    /// How many edits were taken in, and after which of them each decade's came.
    count: u64,
    taken: [u64; Decade::ALL.len()],
    /// Decades that a worker is at.
    claimed: [bool; Decade::ALL.len()],
    /// Sum of squares of each decade's change.
    sizes: [f32; Decade::ALL.len()],
    /// How many edits of each decade came in.
    many: [u32; Decade::ALL.len()],
}

impl Years {
    /// Forgets the visitor.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes in a new edit for a decade.
    pub fn take(&mut self, decade: Decade, fresh: &Edit) {
        self.count += 1;
        self.taken[decade.index()] = self.count;
        self.release(decade);
        let many = &mut self.many[decade.index()];
        *many = many.saturating_add(1);
        let share = (1.0 / *many as f32).max(FRESH);
        match &mut self.edits[decade.index()] {
            Some(edit) if edit.change.len() == fresh.change.len() => blend(edit, 1.0 - share, fresh, share),
            slot => *slot = Some(fresh.clone()),
        }
        let change = self.of(decade).map_or(&[][..], |edit| &edit.change);
        self.sizes[decade.index()] = change.iter().map(|value| value * value).sum();
    }

    /// As [`Self::wanted`], for a worker among several: nobody else is given the decade until its edit is taken in, or it is
    /// released.
    pub fn claim(&mut self, age: f32) -> Decade {
        let decade = self.wanted(age);
        self.claimed[decade.index()] = true;
        decade
    }

    /// The worker has given up.
    pub const fn release(&mut self, decade: Decade) {
        self.claimed[decade.index()] = false;
    }

    /// The decade whose edit is needed most, to show `age`: one of the two about it that is missing, then one that is
    /// missing anywhere, then the older edit of the two; none that a worker is at, if there is another.
    pub fn wanted(&self, age: f32) -> Decade {
        let (lower, upper, share) = about(age);
        let pair = if share < 0.5 { [lower, upper] } else { [upper, lower] };
        let missing = |decade: &Decade| self.edits[decade.index()].is_none() && !self.claimed[decade.index()];
        let order = |decade: Decade| (self.claimed[decade.index()], self.taken[decade.index()]);
        let oldest = || if order(lower) <= order(upper) { lower } else { upper };
        pair.into_iter().find(missing).or_else(|| Decade::ALL.into_iter().find(missing)).unwrap_or_else(oldest)
    }

    /// Whether all is there to show an age.
    pub fn can_show(&self, age: f32) -> bool {
        let (lower, upper, _) = about(age);
        [lower, upper].into_iter().all(|decade| self.of(decade).is_some())
    }

    /// Fills `edit` with `strength` (0..1) of what makes the visitor `age` years old. Leaves it and says `false` while an edit
    /// that this needs is missing.
    pub fn at(&self, age: f32, strength: f32, edit: &mut Edit) -> bool {
        let (lower, upper, share) = about(age);
        let (Some(lower), Some(upper)) = (&self.edits[lower.index()], &self.edits[upper.index()]) else { return false };
        edit.change.clone_from(&lower.change);
        edit.detail.clone_from(&lower.detail);
        edit.smooth.clone_from(&lower.smooth);
        edit.flow.clone_from(&lower.flow);
        blend(edit, (1.0 - share) * strength, upper, share * strength);
        true
    }

    /// The edit of one decade.
    pub fn of(&self, decade: Decade) -> Option<&Edit> {
        self.edits[decade.index()].as_ref()
    }

    /// The decade that changes the face least, once all are there: about what the visitor looks like.
    pub fn nearest(&self) -> Option<Decade> {
        let size = |decade: &Decade| self.sizes[decade.index()];
        let all = self.edits.iter().all(Option::is_some);
        all.then(|| Decade::ALL.into_iter().min_by(|a, b| size(a).total_cmp(&size(b))))?
    }
}

/// The decades about an age, and how far it lies towards the upper one.
fn about(age: f32) -> (Decade, Decade, f32) {
    let oldest = Decade::Sixties.middle();
    let condition =
        Condition::at_age(age.clamp(Decade::Tens.middle(), oldest)).unwrap_or(Condition::one_hot(Decade::Tens));
    let weights = condition.weights();
    let lower = weights.iter().position(|weight| *weight > 0.0).unwrap_or(0).min(Decade::ALL.len() - 2);
    (Decade::ALL[lower], Decade::ALL[lower + 1], weights[lower + 1])
}

/// `edit · keep + other · share`. The smooth brightness is a reference, not a change: it keeps its size.
fn blend(edit: &mut Edit, keep: f32, other: &Edit, share: f32) {
    let all = keep + share;
    let mix = |to: &mut [f32], from: &[f32], keep: f32, share: f32| {
        for (value, other) in to.iter_mut().zip(from) {
            *value = *value * keep + other * share;
        }
    };
    mix(&mut edit.change, &other.change, keep, share);
    mix(&mut edit.detail, &other.detail, keep, share);
    mix(&mut edit.flow, &other.flow, keep, share);
    if all > 0.0 {
        mix(&mut edit.smooth, &other.smooth, keep / all, share / all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::edit;
    use proptest::prelude::*;

    /// Each decade adds a tenth more.
    fn full() -> Years {
        let mut years = Years::default();
        for decade in Decade::ALL {
            years.take(decade, &edit(16, 0.1 * decade.index() as f32, 0.5));
        }
        years
    }

    #[test]
    fn what_is_shown_now_is_wanted_first() {
        let mut years = Years::default();
        assert_eq!(years.wanted(38.0), Decade::Thirties);
        years.take(Decade::Thirties, &edit(16, 0.0, 0.0));
        assert_eq!(years.wanted(38.0), Decade::Forties);
        assert!(!years.at(38.0, 1.0, &mut Edit::default()));
        years.take(Decade::Forties, &edit(16, 0.0, 0.0));
        assert!(years.at(38.0, 1.0, &mut Edit::default()));
        assert_eq!(years.wanted(38.0), Decade::Tens);
        let years = full();
        assert_eq!([years.wanted(31.0), years.wanted(16.0)], [Decade::Twenties, Decade::Tens]);
    }

    #[test]
    fn workers_do_not_do_the_same_twice() {
        let mut years = Years::default();
        assert_eq!(
            [years.claim(38.0), years.claim(38.0), years.claim(38.0)],
            [Decade::Thirties, Decade::Forties, Decade::Tens]
        );
        years.take(Decade::Thirties, &edit(16, 0.0, 0.0));
        years.release(Decade::Tens);
        assert_eq!(years.claim(38.0), Decade::Tens);
        let mut years = full();
        assert_eq!([years.claim(38.0), years.claim(38.0)], [Decade::Thirties, Decade::Forties]);
    }

    #[test]
    fn the_decade_that_changes_least_is_known_once_all_are_there() {
        assert_eq!(full().nearest(), Some(Decade::Tens));
        let mut years = full();
        for _ in 0..80 {
            years.take(Decade::Tens, &edit(16, 0.9, 0.0));
        }
        assert_eq!(years.nearest(), Some(Decade::Twenties));
        years.clear();
        assert_eq!(years.nearest(), None);
    }

    #[test]
    fn noise_in_the_edits_is_halved() {
        let mut years = full();
        let mut edits = Vec::new();
        for i in 0..40 {
            years.take(Decade::Sixties, &edit(16, if i % 2 == 0 { 0.6 } else { 0.4 }, 0.5));
            edits.push(years.of(Decade::Sixties).unwrap().change[0]);
        }
        assert!(edits[20..].iter().all(|value| (value - 0.5).abs() < 0.06));
    }

    proptest! {
        #[test]
        fn ages_move_without_steps(age in 5.0f32..80.0, strength in 0.0f32..1.0) {
            let years = full();
            let (mut first, mut second) = (Edit::default(), Edit::default());
            prop_assert!(years.at(age, strength, &mut first) && years.at(age + 0.1, strength, &mut second));
            let expected = 0.01 * (age.clamp(15.0, 65.0) - 15.0) * strength;
            prop_assert!((first.change[9] - expected).abs() < 1e-3);
            prop_assert!((first.change[9] - second.change[9]).abs() <= 0.0011);
            prop_assert!((first.detail[9] - 0.5 * strength).abs() < 1e-3);
        }
    }
}
