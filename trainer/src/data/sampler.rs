//! Which face comes next: decks of a split's faces, one a decade, shuffled anew whenever one is used up. The same seed gives
//! the same draws, and a sampler that is taken from its state goes on as if it had never stopped.

use super::cache::Cache;
use super::record::Split;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use shared::{Decade, decade};

/// One face to train on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Index into the cache's records.
    pub index: usize,
    pub decade: Decade,
    /// Whether to mirror the crop (and its landmarks) left to right.
    pub flip: bool,
}

/// Why there is nothing to draw.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SamplerError {
    #[error("the cache holds no {split} face of the {decade}; prepare more data or leave this decade out")]
    Empty { split: Split, decade: Decade },
    #[error("the cache holds no {split} face outside the {decade}; prepare more data")]
    NoOther { split: Split, decade: Decade },
    #[error(
        "the sampler was saved over {saved:?} faces a decade, the cache holds {found:?}; resume with the same cache"
    )]
    OtherData { saved: [usize; decade::COUNT], found: [usize; decade::COUNT] },
}

/// Draws faces of one split.
#[derive(Clone, Debug)]
pub struct Sampler {
    split: Split,
    /// Indices of each decade's faces in the order of the current round.
    decks: [Vec<usize>; decade::COUNT],
    state: SamplerState,
}

/// All that a checkpoint must hold to go on drawing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamplerState {
    seed: u64,
    /// For each decade: how many faces it has, how often its deck was used up, how many were drawn since.
    sizes: [usize; decade::COUNT],
    rounds: [u64; decade::COUNT],
    drawn: [usize; decade::COUNT],
    /// Chooses decades and flips.
    random: ChaCha8Rng,
}

impl Sampler {
    /// A sampler at its beginning.
    pub fn new(cache: &Cache, split: Split, seed: u64) -> Self {
        let decks = Decade::ALL.map(|decade| cache.indices(split, decade));
        let state = SamplerState {
            seed,
            sizes: decks.each_ref().map(Vec::len),
            rounds: [0; decade::COUNT],
            drawn: [0; decade::COUNT],
            random: ChaCha8Rng::seed_from_u64(seed),
        };
        let mut sampler = Self { split, decks, state };
        Decade::ALL.into_iter().for_each(|decade| sampler.shuffle(decade));
        sampler
    }

    /// A sampler that goes on where [`Self::state`] was taken; the cache must be the same.
    pub fn resume(cache: &Cache, split: Split, state: SamplerState) -> Result<Self, SamplerError> {
        let mut sampler = Self::new(cache, split, state.seed);
        let found = sampler.state.sizes;
        let possible = state.drawn.iter().zip(found).all(|(&drawn, size)| drawn <= size);
        if state.sizes != found || !possible {
            return Err(SamplerError::OtherData { saved: state.sizes, found });
        }
        sampler.state = state;
        for decade in Decade::ALL {
            sampler.decks[decade.index()].sort_unstable();
            sampler.shuffle(decade);
        }
        Ok(sampler)
    }

    pub const fn state(&self) -> &SamplerState {
        &self.state
    }

    /// How many faces a decade has: draws until each was seen once.
    pub fn len(&self, decade: Decade) -> usize {
        self.decks[decade.index()].len()
    }

    /// Whether a decade has no face.
    pub fn is_empty(&self, decade: Decade) -> bool {
        self.len(decade) == 0
    }

    /// The next face of a decade.
    pub fn draw(&mut self, decade: Decade) -> Result<Draw, SamplerError> {
        let d = decade.index();
        if self.is_empty(decade) {
            return Err(SamplerError::Empty { split: self.split, decade });
        }
        if self.state.drawn[d] == self.len(decade) {
            self.state.drawn[d] = 0;
            self.state.rounds[d] += 1;
            self.decks[d].sort_unstable();
            self.shuffle(decade);
        }
        let index = self.decks[d][self.state.drawn[d]];
        self.state.drawn[d] += 1;
        Ok(Draw { index, decade, flip: self.state.random.random() })
    }

    /// The next face of any decade but one; each of the others is as likely, however many faces it has.
    pub fn draw_except(&mut self, decade: Decade) -> Result<Draw, SamplerError> {
        let others: Vec<_> = Decade::ALL.into_iter().filter(|&d| d != decade && !self.is_empty(d)).collect();
        match others.choose(&mut self.state.random) {
            Some(&other) => self.draw(other),
            None => Err(SamplerError::NoOther { split: self.split, decade }),
        }
    }

    /// Puts a sorted deck into the order of the decade's current round.
    fn shuffle(&mut self, decade: Decade) {
        let d = decade.index();
        let mut random = ChaCha8Rng::seed_from_u64(self.state.seed);
        // Stream 0 is the sampler's own.
        random.set_stream(1 + self.state.rounds[d] * decade::COUNT as u64 + d as u64);
        self.decks[d].shuffle(&mut random);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::cache::CacheWriter;
    use crate::data::record::tests::face;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn cache(folder: &tempfile::TempDir, faces: impl IntoIterator<Item = usize>) -> Cache {
        let dir = folder.path().join("cache");
        let mut writer = CacheWriter::create(&dir, 32).unwrap();
        for index in faces {
            writer.push(&face(index), &[0; 32 * 32 * 3]).unwrap();
        }
        writer.finish().unwrap();
        Cache::open(&dir).unwrap()
    }

    #[test]
    fn each_face_of_a_decade_comes_once_a_round_and_rounds_differ() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(&folder, 0..180);
        let mut sampler = Sampler::new(&cache, Split::Train, 7);
        let size = sampler.len(Decade::Forties);
        let mut round = || (0..size).map(|_| sampler.draw(Decade::Forties).unwrap().index).collect::<Vec<_>>();
        let (first, second) = (round(), round());
        let wanted: HashSet<_> = cache.indices(Split::Train, Decade::Forties).into_iter().collect();
        assert_eq!(first.iter().copied().collect::<HashSet<_>>(), wanted);
        assert_eq!(second.iter().copied().collect::<HashSet<_>>(), wanted);
        assert_ne!(first, second);
    }

    #[test]
    fn the_other_decades_are_drawn_evenly() {
        let folder = tempfile::tempdir().unwrap();
        // The 10s have only one face to train on.
        let cache = cache(&folder, (0..120).filter(|i| *i == 0 || i % 6 != 0));
        let mut sampler = Sampler::new(&cache, Split::Train, 1);
        let mut counts = [0; 6];
        let mut flips = 0;
        for _ in 0..2000 {
            let draw = sampler.draw_except(Decade::Fifties).unwrap();
            assert_eq!(cache.records()[draw.index].decade, draw.decade);
            counts[draw.decade.index()] += 1;
            flips += usize::from(draw.flip);
        }
        assert_eq!(counts[Decade::Fifties.index()], 0);
        // Decades 30s and 60s of these faces are all val.
        assert!(counts.iter().filter(|&&count| count > 0).all(|&count| count > 500), "{counts:?}");
        assert!((850..1150).contains(&flips), "{flips}");
    }

    #[test]
    fn what_is_not_there_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(&folder, [0, 6]);
        let mut sampler = Sampler::new(&cache, Split::Train, 1);
        let split = Split::Train;
        assert_eq!(sampler.draw(Decade::Sixties), Err(SamplerError::Empty { split, decade: Decade::Sixties }));
        assert_eq!(sampler.draw_except(Decade::Tens), Err(SamplerError::NoOther { split, decade: Decade::Tens }));
    }

    #[test]
    fn a_state_is_not_taken_to_another_cache() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let state = Sampler::new(&cache(&folder, 0..30), Split::Train, 1).state().clone();
        let resumed = Sampler::resume(&cache(&other, 0..31), Split::Train, state);
        assert!(matches!(resumed, Err(SamplerError::OtherData { .. })));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn a_resumed_sampler_goes_on_as_if_it_had_never_stopped(seed: u64, before in 0usize..90, after in 1usize..40) {
            let folder = tempfile::tempdir().unwrap();
            let cache = cache(&folder, 0..24);
            let mut unbroken = Sampler::new(&cache, Split::Train, seed);
            let step = |sampler: &mut Sampler, i: usize| match i % 3 {
                0 => sampler.draw_except(Decade::Twenties).unwrap(),
                _ => sampler.draw(Decade::Twenties).unwrap(),
            };
            (0..before).for_each(|i| { step(&mut unbroken, i); });
            let saved = serde_json::to_string(unbroken.state()).unwrap();
            let mut resumed = Sampler::resume(&cache, Split::Train, serde_json::from_str(&saved).unwrap()).unwrap();
            for i in before..before + after {
                prop_assert_eq!(step(&mut unbroken, i), step(&mut resumed, i));
            }
            prop_assert_eq!(unbroken.state(), resumed.state());
        }
    }
}
