//! Draws what a face of one decade would look like in another, from the [`Bank`] alone.

use super::bank::Bank;
use super::filters::{bands, blur, luma};
use crate::data::cache::{Cache, CacheError, Gender};
use shared::{Decade, Landmarks};
use tch::{Device, Kind, Tensor, no_grad};

/// Why no prior can be built.
#[derive(Debug, thiserror::Error)]
pub enum PriorError {
    #[error(
        "the cache holds no training faces of the {decade} for one of the genders; prepare more data or set the recipe's `prior` to 0"
    )]
    EmptyDecade { decade: Decade },
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// How strongly each part of the bank is applied. Averages wash ageing out; these bring it back to what single faces
/// show. Found by eye and by age judges in a trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Strengths {
    pub colour: f64,
    pub gains: f64,
    pub wrinkles: f64,
}

impl Default for Strengths {
    fn default() -> Self {
        Self { colour: 2.2, gains: 1.8, wrinkles: 0.8 }
    }
}

/// Wrinkles a decade, as a share of those of the sixties.
const WRINKLES: [f32; 6] = [0.0, 0.0, 0.0, 0.3, 0.65, 1.0];

/// The teacher of the kiosk recipe.
#[derive(Debug)]
pub struct Prior {
    pub bank: Bank,
    pub strengths: Strengths,
}

impl Prior {
    /// Builds the bank from the training faces of a cache; about a minute for FairFace.
    pub fn build(cache: &Cache) -> Result<Self, PriorError> {
        Ok(Self { bank: Bank::build(cache)?, strengths: Strengths::default() })
    }

    /// Faces `[N, 3, S, S]` in −1..1 with their landmarks (crop units), decades and genders, as they would look in the
    /// decades `to`: `[N, 3, S, S]` in −1..1. Unknown genders take the mean of both.
    pub fn target(
        &self,
        faces: &Tensor,
        landmarks: &[Landmarks],
        from: &[Decade],
        to: &[Decade],
        genders: &[Option<Gender>],
    ) -> Tensor {
        no_grad(|| {
            let weights = weights(from, to, genders);
            let [n, _, side, _] = faces.size()[..] else { unreachable!("faces are [N, 3, S, S]") };
            let mixed = |bank: &Tensor| weights.matmul(&bank.reshape([12, -1])).view([n, 3, side, side]);
            let wrinkles =
                wrinkle_weights(from, to, genders).matmul(&self.bank.wrinkles.view([2, -1])).view([n, 1, side, side]);
            let maps = Tensor::cat(&[mixed(&self.bank.colour), mixed(&self.bank.gains), wrinkles], 1);

            let flow = self.bank.registration.flow(landmarks);
            let maps = self.bank.registration.to_face(&maps, &flow).to_device(faces.device());
            let (colour, gains, wrinkles) = (maps.narrow(1, 0, 3), maps.narrow(1, 3, 3), maps.narrow(1, 6, 1));
            let brightness = luma(faces);
            let factors = (gains * self.strengths.gains).clamp(-1.3, 1.2).exp() - 1.0;
            let contrast = (factors * bands(&brightness)).sum_dim_intlist([1i64].as_slice(), true, Kind::Float);
            let texture = wrinkles * self.strengths.wrinkles * (blur(&brightness, 2.0) + 1.2);
            (faces + colour * self.strengths.colour + contrast + texture).clamp(-1.0, 1.0)
        })
    }
}

/// `[N, 12]`: target minus source decade, for each gender.
fn weights(from: &[Decade], to: &[Decade], genders: &[Option<Gender>]) -> Tensor {
    let mut values = vec![0.0f32; from.len() * 12];
    for (row, ((from, to), gender)) in values.chunks_exact_mut(12).zip(from.iter().zip(to).zip(genders)) {
        for (g, share) in shares(*gender).into_iter().enumerate() {
            row[g * 6 + to.index()] += share;
            row[g * 6 + from.index()] -= share;
        }
    }
    Tensor::from_slice(&values).view([-1, 12]).to_device(Device::Cpu)
}

/// `[N, 2]`: wrinkles to add, for each gender; none are taken away, that is the gains' part.
fn wrinkle_weights(from: &[Decade], to: &[Decade], genders: &[Option<Gender>]) -> Tensor {
    let rows = from.iter().zip(to).zip(genders).flat_map(|((from, to), gender)| {
        let more = (WRINKLES[to.index()] - WRINKLES[from.index()]).max(0.0);
        shares(*gender).map(|share| share * more)
    });
    Tensor::from_slice(&rows.collect::<Vec<f32>>()).view([-1, 2])
}

fn shares(gender: Option<Gender>) -> [f32; 2] {
    match gender {
        Some(Gender::Male) => [1.0, 0.0],
        Some(Gender::Female) => [0.0, 1.0],
        None => [0.5, 0.5],
    }
}
