//! What a trained visitor net reads in real faces: how good it is, and what aged faces are held against.

use super::VisitorError;
use super::vary::varied;
use crate::data::cache::{Cache, Split};
use crate::nets::Visitor;
use crate::train::batches::{self, BatchError, Draw};
use crate::train::random::{Purpose, stream};
use shared::{Decade, decade};
use tch::{Device, Kind, Tensor, no_grad};

/// The decade that a frozen net expects in real faces of each decade, on average, in 0..5. It never is the decade itself: who
/// is unsure says the middle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Readings(pub [f32; decade::COUNT]);

/// Faces of each decade that are read.
const READ: usize = 240;

impl Readings {
    /// Of a net that is always right.
    pub const IDEAL: Self = Self([0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);

    /// Of the training part; a decade without faces is taken at its word.
    pub fn of(cache: &Cache, net: &Visitor, seed: u64, device: Device) -> Result<Self, VisitorError> {
        let mut readings = std::array::from_fn(|decade| decade as f32);
        for decade in Decade::ALL {
            let draws = batches::spread(cache, decade, READ);
            let mut rng = stream(seed, Purpose::Readings, decade.index() as u64);
            let mut sum = 0.0;
            for part in draws.chunks(48) {
                let faces = batches::load(cache, part, device)?;
                let read = no_grad(|| net.read(&varied(&faces.pictures, &mut rng), false));
                sum += read.expected().sum(Kind::Double).double_value(&[]);
            }
            if !draws.is_empty() {
                readings[decade.index()] = (sum / draws.len() as f64) as f32;
            }
        }
        Ok(Self(readings))
    }

    /// For conditions `[N, 6]`, `[N]`.
    pub fn at(&self, condition: &Tensor) -> Tensor {
        condition.matmul(&Tensor::from_slice(&self.0).to_device(condition.device()))
    }
}

/// How well a trained net reads faces it has not seen.
pub struct Quality {
    right: f64,
    near: f64,
    means: [f64; decade::COUNT],
}

impl Quality {
    pub fn on_val(cache: &Cache, net: &Visitor, device: Device) -> Result<Self, VisitorError> {
        let (mut right, mut near, mut total) = (0usize, 0usize, 0usize);
        let mut means = [0.0; decade::COUNT];
        for decade in Decade::ALL {
            let indices = cache.indices(Split::Val, decade);
            let draws: Vec<_> = indices.iter().take(200).map(|&index| Draw { index, mirrored: false }).collect();
            let mut sum = 0.0;
            for part in draws.chunks(50) {
                let faces = batches::load(cache, part, device)?;
                let shares = Vec::<f32>::try_from(net.of(&faces.pictures).0.to_device(Device::Cpu).view([-1]));
                for row in shares.map_err(BatchError::from)?.chunks_exact(decade::COUNT) {
                    let best = (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap_or(0);
                    right += usize::from(best == decade.index());
                    near += usize::from(best.abs_diff(decade.index()) <= 1);
                    sum += row.iter().enumerate().map(|(i, p)| f64::from(*p) * (15.0 + 10.0 * i as f64)).sum::<f64>();
                }
            }
            total += draws.len();
            means[decade.index()] = sum / draws.len().max(1) as f64;
        }
        let share = |count: usize| count as f64 / total.max(1) as f64;
        Ok(Self { right: share(right), near: share(near), means })
    }
}

impl std::fmt::Display for Quality {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let means: Vec<_> = self.means.iter().map(|mean| format!("{mean:.0}")).collect();
        write!(
            f,
            "of faces it has not seen, {:.0} % in the right decade, {:.0} % at most one off; mean age read a decade {}",
            100.0 * self.right,
            100.0 * self.near,
            means.join(" / ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::batches::condition;
    use crate::train::batches::tests::cache;
    use tch::nn;

    #[test]
    fn readings_are_decades_and_the_same_every_time() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(&folder.path().join("cache"), 32, 54);
        let net = Visitor::new(&nn::VarStore::new(Device::Cpu).root());
        let read = || Readings::of(&cache, &net, 5, Device::Cpu).unwrap();
        assert!(read().0.iter().all(|decade| (0.0..=5.0).contains(decade)));
        assert_eq!(read(), read());
        assert_eq!(read().at(&condition(Decade::Forties, 2, Device::Cpu)).double_value(&[1]) as f32, read().0[3]);
    }

    #[test]
    fn a_decade_without_faces_is_taken_at_its_word() {
        let folder = tempfile::tempdir().unwrap();
        let few = cache(&folder.path().join("cache"), 32, 3);
        let net = Visitor::new(&nn::VarStore::new(Device::Cpu).root());
        let readings = Readings::of(&few, &net, 5, Device::Cpu).unwrap();
        assert_eq!(readings.0[3..], Readings::IDEAL.0[3..]);
    }
}
