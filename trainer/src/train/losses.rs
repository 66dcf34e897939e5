//! The losses of the paper (section 3.2; Zhu et al. 2017, equations 1 to 3), each a mean over pictures, patches and pixels.

use tch::{Kind, Tensor};

/// What a discriminator should say of a real face and of a generated one.
pub const REAL: f64 = 1.0;
pub const GENERATED: f64 = 0.0;

/// Least-squares L_GAN for scores `[N, 1, P, P]`: E[(D − target)²] (Mao et al. 2017).
pub fn least_squares(scores: &Tensor, target: f64) -> Tensor {
    (scores - target).square().mean(Kind::Float)
}

/// E[‖a − b‖₁] for pictures `[N, 3, S, S]`: what L_cyc and L_id measure.
pub fn distance(a: &Tensor, b: &Tensor) -> Tensor {
    (a - b).abs().mean(Kind::Float)
}

/// E[‖a − b‖₁], the same of what lies above a blur of five pixels (wrinkles are small in the first and large in the second),
/// and 4 E[(a − b)²], without which the smallest change would be the safest guess.
pub fn distance_to_lesson(picture: &Tensor, lesson: &Tensor) -> Tensor {
    let error = picture - lesson;
    let smooth = error.avg_pool2d([5, 5], [1, 1], [2, 2], false, false, None);
    error.abs().mean(Kind::Float) + distance(&error, &smooth) + error.square().mean(Kind::Float) * 4.0
}

/// Cross-entropy of each row: logits `[N, K]` against shares `[N, K]`, `[N]`.
pub fn cross_entropy(logits: &Tensor, shares: &Tensor) -> Tensor {
    -(logits.log_softmax(1, Kind::Float) * shares).sum_dim_intlist([1i64].as_slice(), false, Kind::Float)
}

/// The losses of one step, unweighted. `_g` belongs to x → y, `_f` to y → x.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepLosses {
    pub g: WayLosses,
    pub f: WayLosses,
    pub d_y: f64,
    pub d_x: f64,
}

/// What one direction costs its generators.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WayLosses {
    pub adversarial: f64,
    pub cycle: f64,
    pub identity: f64,
    pub prior: f64,
    pub mask: f64,
    pub judge: f64,
}

/// Names of the columns that [`StepLosses::values`] fills.
pub const COLUMNS: [&str; 14] = [
    "adversarial_g",
    "adversarial_f",
    "cycle_x",
    "cycle_y",
    "identity_f",
    "identity_g",
    "prior_g",
    "prior_f",
    "mask_g",
    "mask_f",
    "judge_g",
    "judge_f",
    "d_y",
    "d_x",
];

impl StepLosses {
    pub const fn values(&self) -> [f64; COLUMNS.len()] {
        let Self { g, f, d_y, d_x } = *self;
        [
            g.adversarial,
            f.adversarial,
            g.cycle,
            f.cycle,
            g.identity,
            f.identity,
            g.prior,
            f.prior,
            g.mask,
            f.mask,
            g.judge,
            f.judge,
            d_y,
            d_x,
        ]
    }

    /// The first loss that is not a finite number.
    pub fn non_finite(&self) -> Option<&'static str> {
        COLUMNS.into_iter().zip(self.values()).find(|(_, value)| !value.is_finite()).map(|(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn least_squares_is_the_mean_over_all_patches() {
        let scores = Tensor::from_slice(&[1.0f32, 0.0, 0.5, 1.0]).view([1, 1, 2, 2]);
        assert_eq!(least_squares(&scores, REAL).double_value(&[]), (1.0 + 0.25) / 4.0);
        assert_eq!(least_squares(&scores, GENERATED).double_value(&[]), (1.0 + 0.25 + 1.0) / 4.0);
    }

    #[test]
    fn the_first_bad_loss_is_named() {
        let mut losses = StepLosses::default();
        assert_eq!(losses.non_finite(), None);
        losses.f.cycle = f64::NAN;
        losses.d_x = f64::INFINITY;
        assert_eq!(losses.non_finite(), Some("cycle_y"));
    }
}
