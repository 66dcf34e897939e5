//! The pool of generated pictures (paper, section 4.1; Shrivastava et al. 2017): a discriminator learns from a history of
//! fakes, not from the newest only, which keeps the two players from circling each other.

use rand::Rng;
use tch::Tensor;

/// Up to `capacity` generated pictures with the decades they were made for.
#[derive(Debug, Default)]
pub struct Pool {
    capacity: usize,
    /// Picture `[3, S, S]` and condition `[6]`.
    held: Vec<(Tensor, Tensor)>,
}

impl Pool {
    pub const fn new(capacity: usize) -> Self {
        Self { capacity, held: Vec::new() }
    }

    /// Takes new pictures `[N, 3, S, S]` with conditions `[N, 6]` and gives as many back: while the pool fills, the new ones;
    /// after that each new one or, with even chance, a held one whose place it takes (CycleGAN's `ImagePool`).
    pub fn exchange(&mut self, pictures: &Tensor, ages: &Tensor, rng: &mut impl Rng) -> (Tensor, Tensor) {
        if self.capacity == 0 {
            return (pictures.detach(), ages.shallow_clone());
        }
        let count = pictures.size()[0];
        let given = (0..count).map(|i| self.exchange_one((pictures.get(i).detach().copy(), ages.get(i).copy()), rng));
        let (pictures, ages): (Vec<_>, Vec<_>) = given.unzip();
        (Tensor::stack(&pictures, 0), Tensor::stack(&ages, 0))
    }

    fn exchange_one(&mut self, new: (Tensor, Tensor), rng: &mut impl Rng) -> (Tensor, Tensor) {
        if self.held.len() < self.capacity {
            self.held.push((new.0.shallow_clone(), new.1.shallow_clone()));
            return new;
        }
        if rng.random::<bool>() {
            let place = rng.random_range(0..self.held.len());
            return std::mem::replace(&mut self.held[place], new);
        }
        new
    }

    /// All held pictures `[K, 3, S, S]` and conditions `[K, 6]`; `None` while empty.
    pub fn state(&self) -> Option<(Tensor, Tensor)> {
        let (pictures, ages): (Vec<_>, Vec<_>) = self.held.iter().map(|(p, a)| (p, a)).unzip();
        (!self.held.is_empty()).then(|| (Tensor::stack(&pictures, 0), Tensor::stack(&ages, 0)))
    }

    /// Takes back what [`Self::state`] gave.
    pub fn restore(&mut self, state: Option<(Tensor, Tensor)>) {
        let each = |(pictures, ages): (Tensor, Tensor)| {
            (0..pictures.size()[0]).map(|i| (pictures.get(i).copy(), ages.get(i).copy())).collect()
        };
        self.held = state.map(each).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::random::{Purpose, stream};
    use proptest::prelude::*;
    use tch::{Device, Kind};

    fn numbered(numbers: std::ops::Range<i64>) -> (Tensor, Tensor) {
        let values = Tensor::arange_start(numbers.start, numbers.end, (Kind::Float, Device::Cpu));
        let count = numbers.end - numbers.start;
        let ages = values.view([count, 1]).expand([count, 6], false).contiguous();
        (values.view([count, 1, 1, 1]).expand([count, 3, 2, 2], false).contiguous(), ages)
    }

    fn numbers(pictures: &Tensor) -> Vec<i64> {
        (0..pictures.size()[0]).map(|i| pictures.get(i).max().double_value(&[]) as i64).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        /// No picture is lost before its time, none is invented, and each keeps its decade.
        #[test]
        fn what_is_given_and_what_is_held_are_what_was_put_in(
            capacity in 1usize..9, batches in proptest::collection::vec(1i64..5, 1..12), seed in any::<u64>(),
        ) {
            let mut pool = Pool::new(capacity);
            let mut next = 0;
            for (step, batch) in batches.into_iter().enumerate() {
                let before = pool.state().map_or(vec![], |(p, _)| numbers(&p));
                let (pictures, ages) = numbered(next..next + batch);
                let (given, told) = pool.exchange(&pictures, &ages, &mut stream(seed, Purpose::PoolY, step as u64));
                let (held, held_ages) = pool.state().unwrap();
                prop_assert_eq!(given.size(), pictures.size());
                prop_assert_eq!(held.size()[0] as usize, capacity.min((next + batch) as usize));
                for (picture, age) in [(&given, &told), (&held, &held_ages)] {
                    let same = picture.select(1, 0).select(1, 0).select(1, 0);
                    prop_assert_eq!((same - age.select(1, 0)).abs().max().double_value(&[]), 0.0);
                }
                for number in numbers(&given) {
                    prop_assert!(number >= next || before.contains(&number));
                }
                next += batch;
            }
        }
    }

    #[test]
    fn a_full_pool_gives_back_old_pictures_about_half_of_the_time() {
        let mut pool = Pool::new(10);
        let mut rng = stream(3, Purpose::PoolY, 0);
        let (pictures, ages) = numbered(0..10);
        let _ = pool.exchange(&pictures, &ages, &mut rng);
        let old = (10..1010).filter(|&i| {
            let (pictures, ages) = numbered(i..i + 1);
            numbers(&pool.exchange(&pictures, &ages, &mut rng).0)[0] < i
        });
        assert!((400..600).contains(&old.count()));
    }

    #[test]
    fn without_capacity_pictures_pass_through() {
        let mut pool = Pool::new(0);
        let (pictures, ages) = numbered(0..3);
        let (given, _) = pool.exchange(&pictures, &ages, &mut stream(3, Purpose::PoolY, 0));
        assert_eq!(numbers(&given), [0, 1, 2]);
        assert!(pool.state().is_none());
    }

    #[test]
    fn a_pool_survives_saving() {
        let mut pool = Pool::new(4);
        let (pictures, ages) = numbered(0..3);
        let _ = pool.exchange(&pictures, &ages, &mut stream(3, Purpose::PoolY, 0));
        let mut other = Pool::new(4);
        other.restore(pool.state());
        assert_eq!(numbers(&other.state().unwrap().0), [0, 1, 2]);
    }
}
