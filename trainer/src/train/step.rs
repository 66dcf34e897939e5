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
use super::losses::{
    GENERATED, REAL, StepLosses, WayLosses, cross_entropy, distance, distance_to_lesson, least_squares,
};
use super::model::Model;
use super::pool::Pool;
use super::random::{Purpose, stream};
use super::threads::{Shared, both};
use super::visitor::{Readings, varied};
use crate::nets::{Discriminator, Generator, Visitor};
use crate::prior::masks;
use crate::recipe::{Rates, Weights};
use shared::registration::MEAN;
use tch::{Kind, Reduction, Tensor};

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
    /// What `weights.judge` measures against; without them it counts for nothing.
    pub readings: Option<Readings>,
}

/// Decades up to which a misreading counts by its square.
const CLOSE: f64 = 0.5;

/// Trains all players on one batch. Where a loss is not finite the weights it would have moved stay as they are.
pub fn step(
    model: &mut Model,
    pools: &mut Pools,
    batch: &Batch,
    setting: &Setting,
    step: u64,
    rates: Rates,
) -> StepLosses {
    let Setting { weights, seed, parallel, .. } = *setting;
    let mut losses = StepLosses::default();

    // G and F, against discriminators that hold still.
    model.discriminators.store.freeze();
    model.generators.optimizer.zero_grad();
    let (older, younger) = ways(model, batch);
    let ((g, fake_y), (f, fake_x)) =
        both(parallel, || generator_losses(&older, setting, step), || generator_losses(&younger, setting, step));
    (losses.g, losses.f) = (g, f);
    model.discriminators.store.unfreeze();
    if losses.non_finite().is_some() {
        return losses;
    }
    model.generators.optimizer.step(rates.generators);
    if let Some(average) = &mut model.average {
        average.update(&model.generators.store, step);
    }

    if weights.adversarial == 0.0 {
        return losses;
    }
    // D_Y and D_X, each on real faces and on its pool's.
    model.discriminators.optimizer.zero_grad();
    let seen_y = pools.y.exchange(&fake_y, &batch.y.ages, &mut stream(seed, Purpose::PoolY, step));
    let seen_x = pools.x.exchange(&fake_x, &batch.x.ages, &mut stream(seed, Purpose::PoolX, step));
    let (older, younger) = ways(model, batch);
    (losses.d_y, losses.d_x) = both(
        parallel,
        || discriminator_loss(&older, seen_y, &weights),
        || discriminator_loss(&younger, seen_x, &weights),
    );
    if losses.non_finite().is_none() {
        model.discriminators.optimizer.step(rates.discriminators);
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
fn generator_losses(way: &Way, setting: &Setting, step: u64) -> (WayLosses, Tensor) {
    let weights = &setting.weights;
    let (g, f, d_y) = (way.there.get(), way.back.get(), way.judge.get());
    let Faces { pictures: x, ages: a, lesson, .. } = way.source.get();
    let Faces { ages: c, .. } = way.target.get();
    let zero = || Tensor::zeros([], (Kind::Float, x.device()));

    // ŷ = G(x, c)
    let made = g.forward(x, c);
    let fake = &made.aged;
    // L_GAN(G, D_Y) = E[(D_Y(ŷ, c) − 1)²]
    let adversarial = if weights.adversarial > 0.0 { least_squares(&d_y.forward(fake, c), REAL) } else { zero() };
    // L_cyc = E[‖F(ŷ, a) − x‖₁]
    let cycle = if weights.cycle > 0.0 { distance(&f.forward(fake, a).aged, x) } else { zero() };
    // L_id = E[‖F(x, a) − x‖₁]: a face that has the age already stays as it is
    let identity = if weights.identity > 0.0 { distance(&f.forward(x, a).aged, x) } else { zero() };
    // The teacher's picture of x at c
    let prior = lesson.as_ref().map_or_else(zero, |lesson| distance_to_lesson(fake, lesson));
    // E[mask]: nothing changes without need
    let mask = made.edit.as_ref().map_or_else(zero, |edit| edit.mask.mean(Kind::Float));
    // How far from real faces of c ŷ looks
    let guide = g.edit.as_ref().zip(setting.readings).filter(|_| weights.judge > 0.0);
    let mut rng = stream(setting.seed, Purpose::Judge, step);
    let judge = guide.map_or_else(zero, |(head, readings)| judged(&head.visitor, readings, x, fake, c, &mut rng));

    let objective = &adversarial * weights.adversarial
        + &cycle * weights.cycle
        + &identity * weights.identity
        + &prior * weights.prior
        + &mask * weights.mask
        + &judge * weights.judge;
    objective.backward();

    let value = |loss: &Tensor| loss.double_value(&[]);
    let losses = WayLosses {
        adversarial: value(&adversarial),
        cycle: value(&cycle),
        identity: value(&identity),
        prior: value(&prior),
        mask: value(&mask),
        judge: value(&judge),
    };
    (losses, fake.detach())
}

/// How far the decade that the frozen visitor net reads in `fake` is from what it reads in real faces of the decade `c` on
/// average, in decades (squared while small): a face that looks like them is not pushed further, as a judge pushed further
/// would be fooled. And how far the code that it reads has gone from the source's.
fn judged(
    visitor: &Visitor,
    readings: Readings,
    x: &Tensor,
    fake: &Tensor,
    c: &Tensor,
    rng: &mut impl rand::Rng,
) -> Tensor {
    let own = tch::no_grad(|| visitor.of(x).1);
    let read = visitor.read(&varied(&held(fake), rng), false);
    let decade = read.expected().smooth_l1_loss(&readings.at(c), Reduction::Mean, CLOSE);
    let code = cross_entropy(&read.code, &own) - cross_entropy(&own.log(), &own);
    decade + code.relu().mean(Kind::Float) * 0.3
}

/// The same pictures, of which no gradient comes back from the upper lip and from the eyes: a pale lip looks older to the visitor net,
/// as grey beards do, and on women like a moustache; a dark eye looks younger, and on deep-set ones like a hole.
fn held(pictures: &Tensor) -> Tensor {
    let side = pictures.size()[3];
    let kept = masks::upper_lip(&MEAN, side).maximum(&masks::eyes(&MEAN, side)).to_device(pictures.device());
    pictures + (pictures.detach() - pictures) * kept
}

/// Written for x → y: adds the gradient of D_Y's loss; `seen` are pictures that G made and the decades they were made for.
fn discriminator_loss(way: &Way, seen: (Tensor, Tensor), weights: &Weights) -> f64 {
    let d_y = way.judge.get();
    let Faces { pictures: y, ages: c, .. } = way.target.get();
    let (fake, fake_age) = seen;

    // L(D_Y) = ½ E[(D_Y(y, c) − 1)²] + ½ E[D_Y(ŷ, c)²]
    let real = least_squares(&d_y.forward(y, c), REAL);
    let generated = least_squares(&d_y.forward(&fake, &fake_age), GENERATED);
    let mut objective = (real + generated) * 0.5;
    // A real face with another's decade is as wrong as a generated one (Reed et al. 2016)
    if weights.mismatch > 0.0 && d_y.config.conditioned {
        let stranger = least_squares(&d_y.forward(&way.source.get().pictures, c), GENERATED);
        objective += stranger * (0.5 * weights.mismatch);
    }
    objective.backward();
    objective.double_value(&[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{EMBEDDED, Recipe};
    use crate::train::batches::condition;
    use crate::train::batches::tests::recipe;
    use shared::{Decade, Landmarks, Point};
    use tch::Device;

    /// Flat faces whose brightness is their decade's.
    fn faces(side: i64, decades: &[Decade]) -> Faces {
        let picture =
            |d: &Decade| Tensor::full([3, side, side], d.index() as f64 / 2.5 - 1.0, (Kind::Float, Device::Cpu));
        let pictures: Vec<_> = decades.iter().map(picture).collect();
        let ages: Vec<_> = decades.iter().map(|&d| condition(d, 1, Device::Cpu)).collect();
        Faces {
            pictures: Tensor::stack(&pictures, 0) + Tensor::linspace(-0.1, 0.1, side, (Kind::Float, Device::Cpu)),
            ages: Tensor::cat(&ages, 0),
            decades: decades.to_vec(),
            landmarks: vec![Landmarks([Point::new(0.5, 0.5); 68]); decades.len()],
            genders: vec![None; decades.len()],
            lesson: None,
        }
    }

    fn batch() -> Batch {
        Batch { x: faces(32, &[Decade::Tens, Decade::Tens]), y: faces(32, &[Decade::Fifties, Decade::Thirties]) }
    }

    fn tiny(index: usize) -> Recipe {
        recipe(|_| {
            let text = EMBEDDED[index].1.replace("side = 64", "side = 32").replace("side = 128", "side = 32");
            let text =
                text.replace("cycle = 0.02", "cycle = 10.0").replace("learning_rate = 0.004", "learning_rate = 0.001");
            text.replace("width = 8", "width = 4")
                .replace("width = 64", "width = 4")
                .replace("blocks = 6", "blocks = 1")
        })
    }

    fn setting(recipe: &Recipe, parallel: bool) -> Setting {
        Setting { weights: recipe.losses, seed: 1, parallel, readings: Some(Readings::IDEAL) }
    }

    fn run(recipe: &Recipe, model: &mut Model, parallel: bool, steps: u64) -> Vec<StepLosses> {
        let mut pools = Pools::new(3);
        let rates = recipe.rates(0, 1);
        let each = |n| step(model, &mut pools, &batch(), &setting(recipe, parallel), n, rates);
        (0..steps).map(each).collect()
    }

    fn weights(model: &Model) -> Vec<(String, Tensor)> {
        let stores = [&model.generators.store, &model.discriminators.store];
        let copied = |(name, tensor): (String, Tensor)| (name, tensor.detach().copy());
        let mut all: Vec<_> = stores.iter().flat_map(|store| store.variables()).map(copied).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    #[test]
    fn losses_fall_on_a_toy_problem_in_both_topologies() {
        for (index, steps) in [(0, 60), (2, 60)] {
            let recipe = tiny(index);
            let losses = run(&recipe, &mut Model::new(&recipe, Device::Cpu), false, steps);
            let mean =
                |part: &[StepLosses], of: fn(&StepLosses) -> f64| part.iter().map(of).sum::<f64>() / part.len() as f64;
            let (early, late) = (&losses[..5], &losses[losses.len() - 5..]);
            // A fresh head `edit` changes next to nothing, so that its cycle cannot close further.
            let all = [(|l| l.d_y + l.d_x) as fn(&StepLosses) -> f64, |l| l.g.cycle + l.f.cycle];
            for &of in &all[..if index == 0 { 2 } else { 1 }] {
                let (early, late) = (mean(early, of), mean(late, of));
                assert!(late < 0.8 * early, "{}: {early} → {late}", recipe.name);
            }
        }
    }

    #[test]
    fn upper_lips_and_eyes_are_read_but_not_steered() {
        let pictures = faces(64, &[Decade::Tens]).pictures.set_requires_grad(true);
        let held = held(&pictures);
        assert!((&held - &pictures).abs().max().double_value(&[]) < 1e-6);
        held.sum(Kind::Float).backward();
        let at = |place: Point| [(place.y * 64.0) as i64, (place.x * 64.0) as i64];
        let steered = |place: Point| pictures.grad().double_value(&[&[0, 0][..], &at(place)].concat());
        let p = MEAN.0;
        let lip = steered(Point::mean(&[p[33], p[51]]));
        let eye = steered(Point::mean(&p[36..42]));
        let (chin, brow, corner) = (steered(p[8]), steered(p[19]), steered(p[3]));
        assert!(lip < 0.1 && eye < 0.1, "{lip} {eye}");
        assert!(chin > 0.99 && brow > 0.99 && corner > 0.99, "{chin} {brow} {corner}");
    }

    #[test]
    fn two_threads_reach_the_same_weights_as_one() {
        for index in [0, 2] {
            let recipe = tiny(index);
            let mut one = Model::new(&recipe, Device::Cpu);
            let mut two = Model::new(&recipe, Device::Cpu);
            two.generators.store.copy(&one.generators.store).unwrap();
            two.discriminators.store.copy(&one.discriminators.store).unwrap();
            assert_eq!(run(&recipe, &mut one, false, 4), run(&recipe, &mut two, true, 4));
            for ((name, a), (_, b)) in weights(&one).into_iter().zip(weights(&two)) {
                assert_eq!(a, b, "{name}");
            }
        }
    }

    #[test]
    fn a_loss_that_is_not_finite_moves_nothing() {
        let recipe = tiny(2);
        let mut model = Model::new(&recipe, Device::Cpu);
        let before = weights(&model);
        let mut batch = batch();
        batch.x.pictures *= f64::NAN;
        let losses = step(&mut model, &mut Pools::new(3), &batch, &setting(&recipe, false), 0, recipe.rates(0, 1));
        assert!(losses.non_finite().is_some());
        for ((name, a), (_, b)) in before.iter().zip(weights(&model)) {
            assert_eq!(a, &b, "{name}");
        }
    }

    const PROTOTYPES: &str = "\n[prototypes]\ncolour = 1.0\ngains = [1.0, 1.0, 1.0]\nwrinkles = 1.0\nshape = 1.0\n";

    #[test]
    fn a_lesson_pulls_the_generator_towards_it() {
        let recipe =
            recipe(|_| tiny(2).text.replace("adversarial = 1.0", "adversarial = 0.0\nprior = 100.0") + PROTOTYPES);
        let mut model = Model::new(&recipe, Device::Cpu);
        let mut batch = batch();
        // Paint is a share of the brightness: black faces would stay black.
        batch.x = faces(32, &[Decade::Forties, Decade::Forties]);
        batch.x.lesson = Some(&batch.x.pictures + 0.2);
        let mut pools = Pools::new(0);
        let rates = recipe.rates(0, 1);
        let mut prior = |n| step(&mut model, &mut pools, &batch, &setting(&recipe, false), n, rates).g.prior;
        let first = prior(0);
        let last = (1..40).map(prior).last().unwrap();
        assert!(last < 0.5 * first, "{first} → {last}");
    }
}
