//! One training step, top to bottom: forward → generator losses → generator step → discriminator step.
//!
//! The objective (paper, section 3.2; Zhu et al. 2017, equation 3) is a sum over the two directions of the cycle, and each
//! direction is the same code with the parts exchanged:
//!
//! ```text
//! L(G, F, D_X, D_Y) = L_GAN(G, D_Y) + L_GAN(F, D_X) + λ L_cyc(G, F) + λ_id L_id(G, F)
//! ```
//!
//! The directions share no activations, so each may run in its own thread; a gradient is then the sum of exactly two terms,
//! which does not depend on which comes first.

use super::batches::{Batch, Faces};
use super::losses::{GENERATED, REAL, StepLosses, WayLosses, distance, least_squares};
use super::model::Model;
use super::pool::Pool;
use super::random::{Purpose, stream};
use super::threads::{Shared, both};
use crate::nets::{Discriminator, Generator};
use crate::recipe::Weights;
use tch::{Kind, Tensor};

/// One direction of the cycle: `there` makes faces of the target decade, `back` returns them, `judge` knows target faces.
struct Way<'a> {
    there: Shared<'a, Generator>,
    back: Shared<'a, Generator>,
    judge: Shared<'a, Discriminator>,
    source: Shared<'a, Faces>,
    target: Shared<'a, Faces>,
}

/// The pools of generated faces.
#[derive(Debug)]
pub struct Pools {
    /// Faces that G made.
    pub y: Pool,
    /// Faces that F made.
    pub x: Pool,
}

impl Pools {
    pub const fn new(capacity: usize) -> Self {
        Self { y: Pool::new(capacity), x: Pool::new(capacity) }
    }
}

/// What a step needs besides players and faces.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub weights: Weights,
    pub seed: u64,
    /// Each direction in its own thread.
    pub parallel: bool,
}

/// Trains all players on one batch. Where a loss is not finite the weights it would have moved stay as they are.
pub fn step(
    model: &mut Model,
    pools: &mut Pools,
    batch: &Batch,
    setting: &Setting,
    step: u64,
    learning_rate: f64,
) -> StepLosses {
    let Setting { weights, seed, parallel } = *setting;
    let mut losses = StepLosses::default();

    // G and F, against discriminators that hold still.
    model.discriminators.store.freeze();
    model.generators.optimizer.zero_grad();
    let (older, younger) = ways(model, batch);
    let ((g, fake_y), (f, fake_x)) =
        both(parallel, || generator_losses(&older, &weights), || generator_losses(&younger, &weights));
    (losses.g, losses.f) = (g, f);
    model.discriminators.store.unfreeze();
    if losses.non_finite().is_some() {
        return losses;
    }
    model.generators.optimizer.step(learning_rate);
    if let Some(average) = &mut model.average {
        average.update(&model.generators.store, step);
    }

    // D_Y and D_X, each on real faces and on its pool's.
    model.discriminators.optimizer.zero_grad();
    let seen_y = pools.y.exchange(&fake_y, &batch.y.ages, &mut stream(seed, Purpose::PoolY, step));
    let seen_x = pools.x.exchange(&fake_x, &batch.x.ages, &mut stream(seed, Purpose::PoolX, step));
    let (older, younger) = ways(model, batch);
    (losses.d_y, losses.d_x) = both(
        parallel,
        || discriminator_loss(&older, &seen_y, &weights),
        || discriminator_loss(&younger, &seen_x, &weights),
    );
    if losses.non_finite().is_none() {
        model.discriminators.optimizer.step(learning_rate);
    }
    losses
}

/// x → y → x and y → x → y.
fn ways<'a>(model: &'a Model, batch: &'a Batch) -> (Way<'a>, Way<'a>) {
    let way = |there, back, judge, source, target| Way {
        there: Shared(there),
        back: Shared(back),
        judge: Shared(judge),
        source: Shared(source),
        target: Shared(target),
    };
    let Batch { x, y } = batch;
    (way(model.g(), model.f(), model.d_y(), x, y), way(model.f(), model.g(), model.d_x(), y, x))
}

/// Written for x → y: adds the gradients of this direction's losses to G and F; gives the losses and the fake ŷ.
fn generator_losses(way: &Way, weights: &Weights) -> (WayLosses, Tensor) {
    let (g, f, d_y) = (way.there.get(), way.back.get(), way.judge.get());
    let Faces { pictures: x, ages: a, lesson, .. } = way.source.get();
    let c = &way.target.get().ages;
    let zero = || Tensor::zeros([], (Kind::Float, x.device()));

    // ŷ = G(x, c)
    let made = g.forward(x, c);
    let fake = &made.aged;
    // L_GAN(G, D_Y) = E[(D_Y(ŷ, c) − 1)²]
    let adversarial = least_squares(&d_y.forward(fake, c), REAL);
    // L_cyc = E[‖F(ŷ, a) − x‖₁]
    let cycle = distance(&f.forward(fake, a).aged, x);
    // L_id = E[‖F(x, a) − x‖₁]: a face that has the age already stays as it is
    let identity = if weights.identity > 0.0 { distance(&f.forward(x, a).aged, x) } else { zero() };
    // The teacher's picture of x at c
    let prior = lesson.as_ref().map_or_else(zero, |lesson| distance(fake, lesson));
    // E[mask]: nothing changes without need
    let mask = made.edit.as_ref().map_or_else(zero, |(_, mask)| mask.mean(Kind::Float));

    let objective = &adversarial * weights.adversarial
        + &cycle * weights.cycle
        + &identity * weights.identity
        + &prior * weights.prior
        + &mask * weights.mask;
    objective.backward();

    let value = |loss: &Tensor| loss.double_value(&[]);
    let losses = WayLosses {
        adversarial: value(&adversarial),
        cycle: value(&cycle),
        identity: value(&identity),
        prior: value(&prior),
        mask: value(&mask),
    };
    (losses, fake.detach())
}

/// Written for x → y: adds the gradient of D_Y's loss; `seen` are pictures that G made and the decades they were made for.
fn discriminator_loss(way: &Way, seen: &(Tensor, Tensor), weights: &Weights) -> f64 {
    let d_y = way.judge.get();
    let Faces { pictures: y, ages: c, .. } = way.target.get();
    let (fake, fake_age) = seen;

    // L(D_Y) = ½ E[(D_Y(y, c) − 1)²] + ½ E[D_Y(ŷ, c)²]
    let real = least_squares(&d_y.forward(y, c), REAL);
    let generated = least_squares(&d_y.forward(fake, fake_age), GENERATED);
    let mut objective = (real + generated) * 0.5;
    // A real face with another's decade is as wrong as a generated one (Reed et al. 2016)
    if weights.mismatch > 0.0 && d_y.config.conditioned {
        let stranger = least_squares(&d_y.forward(&way.source.get().pictures, c), GENERATED);
        objective += stranger * (0.5 * weights.mismatch);
    }
    objective.backward();
    objective.double_value(&[])
}
