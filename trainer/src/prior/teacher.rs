//! Draws what a face would look like in another decade from the prototypes alone, held back by what this face shows: hair,
//! glasses, hands and scarves are not skin and do not wrinkle; brows and beards turn grey where they are.

use super::filters::{blur, luma};
use super::masks;
use crate::data::cache::CacheError;
use crate::nets::{Ages, EditHead};
use shared::registration::MEAN;
use shared::{Decade, decade};
use tch::{Kind, Tensor, no_grad};

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

/// How grey brows and beards are, a decade.
const GREY: [f32; decade::COUNT] = [0.0, 0.0, 0.0, 0.1, 0.3, 0.6];
/// How much lighter grey hair is, as a share of the skin's brightness, and how much of its own colour it loses.
const LIGHTER: f64 = 0.3;
const PALER: f64 = 0.6;
/// Difference from the cheeks (see [`Teacher::skin`]) up to which it is skin for sure: side light, stubble, a blush.
const SKIN: f64 = 0.4;
/// How fast it stops being skin from there on.
const STEEP: f64 = 1.8;
/// What is not skin keeps this share of the change.
const KEPT: f64 = 0.1;

/// The teacher of the kiosk recipe. Masks are in the frame of the mean shape.
#[derive(Debug)]
pub struct Teacher {
    /// `[1, 1, S, S]`: cheeks and nose, whose colour is the skin's.
    cheeks: Tensor,
    /// `[1, 1, S, S]`: where brows grow.
    brows: Tensor,
    /// `[1, 1, S, S]`: where beards grow.
    beard: Tensor,
}

impl Teacher {
    pub fn new(side: i64) -> Self {
        let (brows, beard) = (masks::brows(&MEAN, side), masks::beard_skin(&MEAN, side));
        Self { cheeks: masks::cheeks(&MEAN, side), brows, beard }
    }

    /// Faces `[N, 3, S, S]` in −1..1 as they would look in the decades `target` `[N, 6]`, `[N, 3, S, S]`.
    pub fn lesson(&self, head: &EditHead, faces: &Tensor, target: &Tensor) -> Tensor {
        no_grad(|| {
            let device = faces.device();
            let (apparent, code) = head.visitor.of(faces);
            let mut edit = head.edit(faces, Ages { target, apparent: &apparent, code: &code }, None);
            let skin = self.skin(faces);
            let shown = blur(&skin.likeness, 1.5) * (1.0 - KEPT) + KEPT;
            edit.change *= &shown;
            edit.detail *= &shown;
            let curve = Tensor::from_slice(&GREY).view([-1, 1]).to_device(device);
            let amount = (target - &apparent).matmul(&curve).relu().view([-1, 1, 1, 1]);
            let bearded = code.narrow(1, 0, 1).view([-1, 1, 1, 1]) * self.beard.to_device(device);
            let grown = dark(&skin.darker, 0.2) * self.brows.to_device(device);
            let grey = grown.maximum(&(dark(&skin.darker, 0.35) * bearded)) * amount;
            let brightness = luma(faces);
            edit.change += (brightness - faces) * &grey * PALER + &grey * (skin.tone + 1.0) * LIGHTER;
            edit.apply(faces).clamp(-1.0, 1.0)
        })
    }

    /// Compares each pixel with cheeks and nose: light and colour, squared, over what is a clear difference of each.
    fn skin(&self, faces: &Tensor) -> Skin {
        let cheeks = self.cheeks.to_device(faces.device());
        let share = &cheeks / cheeks.sum(Kind::Float);
        let tone = (faces * share).sum_dim_intlist([2i64, 3].as_slice(), true, Kind::Float);
        let (brightness, tone_brightness) = (luma(faces), luma(&tone));
        let colour = (faces - &brightness) - (&tone - &tone_brightness);
        let colour = colour.square().sum_dim_intlist([1i64].as_slice(), true, Kind::Float);
        let light = (&brightness - &tone_brightness).square();
        let likeness = ((light / 0.8 + colour / 0.06 - SKIN).relu() * -STEEP).exp();
        let darker = (&tone_brightness - &brightness) / (&tone_brightness + 1.05);
        Skin { tone: tone_brightness, likeness, darker }
    }
}

struct Skin {
    /// Brightness of cheeks and nose, `[N, 1, 1, 1]` in −1..1.
    tone: Tensor,
    /// How much each pixel is like this face's skin, `[N, 1, S, S]` in 0..1.
    likeness: Tensor,
    /// How much darker than the skin, as a share of its brightness, `[N, 1, S, S]`.
    darker: Tensor,
}

/// 0 up to a share of darkness, 1 from 0.3 more on.
fn dark(darker: &Tensor, from: f64) -> Tensor {
    ((darker - from) / 0.3).clamp(0.0, 1.0)
}
