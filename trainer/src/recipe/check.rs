//! A recipe as it is written ([`Raw`]) comes in; checked key by key, a [`Recipe`] or what is wrong with it ([`Flaw`]) goes out.

use super::{Calibration, Data, Length, Recipe, Topology, Training, VisitorRecipe, Weights};
use crate::nets::{BlockKind, ConditionMode, DiscriminatorConfig, GeneratorConfig, Head, Precision};
use crate::prior::Strengths;
use crate::train::optimizer::Method;
use serde::Deserialize;
use shared::{Decade, manifest};

/// As written, before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    name: String,
    data: Data,
    generator: RawGenerator,
    discriminator: DiscriminatorConfig,
    training: RawTraining,
    losses: Weights,
    visitor: Option<VisitorRecipe>,
    prototypes: Option<Strengths>,
    calibration: Option<Calibration>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGenerator {
    width: i64,
    blocks: usize,
    #[serde(default)]
    block: BlockKind,
    /// The head's own unless given.
    stem_stride: Option<i64>,
    head: Head,
    condition: ConditionMode,
    #[serde(default)]
    skips: bool,
    #[serde(default)]
    precision: Precision,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTraining {
    topology: Topology,
    batch: usize,
    epochs: Option<u64>,
    steps: Option<u64>,
    optimizer: Method,
    learning_rate: f64,
    /// The same as the generators' unless given.
    discriminator_learning_rate: Option<f64>,
    #[serde(default = "one")]
    decay_from: f64,
    pool: usize,
    seed: u64,
    #[serde(default)]
    warm_up: u64,
    #[serde(default)]
    average: f64,
    checkpoint_every: u64,
    preview_every: u64,
}

const fn one() -> f64 {
    1.0
}

/// A value that is not allowed.
pub(super) struct Flaw {
    pub key: &'static str,
    pub found: String,
    pub allowed: &'static str,
}

fn need(holds: bool, key: &'static str, found: impl std::fmt::Debug, allowed: &'static str) -> Result<(), Flaw> {
    if holds { Ok(()) } else { Err(Flaw { key, found: format!("{found:?}"), allowed }) }
}

impl Raw {
    pub(super) fn check(self, text: &str) -> Result<Recipe, Flaw> {
        let Self { name, data, generator, discriminator, training, losses, visitor, prototypes, calibration } = self;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let named = (1..=64).contains(&name.len()) && name.chars().all(plain);
        need(named, "name", &name, "1 to 64 lower-case letters, digits and dashes")?;
        data.check(training.topology)?;
        let generator = generator.check(data.side)?;
        need((1..=512).contains(&discriminator.width), "discriminator.width", discriminator.width, "1 to 512")?;
        let told = discriminator.conditioned || training.topology == Topology::Pair;
        need(told, "discriminator.conditioned", false, "true with topology \"single\"")?;
        let training = training.check()?;
        losses.check(generator.head)?;
        let edit = generator.head == Head::Edit;
        need(visitor.is_some() == edit, "visitor", visitor, "a section with head \"edit\", none with head \"rgb\"")?;
        visitor.map_or(Ok(()), VisitorRecipe::check)?;
        need(prototypes.is_none() || edit, "prototypes", prototypes, "none with head \"rgb\"")?;
        prototypes.map_or(Ok(()), check_strengths)?;
        let known = losses.prior == 0.0 || prototypes.is_some();
        need(known, "losses.prior", losses.prior, "0 without a section [prototypes]")?;
        let taught = training.warm_up == 0 || losses.prior > 0.0;
        need(taught, "training.warm_up", training.warm_up, "0 unless losses.prior is above 0")?;
        need(
            calibration.is_none() || prototypes.is_some(),
            "calibration",
            calibration,
            "only with a section [prototypes]",
        )?;
        calibration.map_or(Ok(()), Calibration::check)?;
        let text = text.to_owned();
        Ok(Recipe { name, data, generator, discriminator, training, losses, visitor, prototypes, calibration, text })
    }
}

impl Data {
    fn check(&self, topology: Topology) -> Result<(), Flaw> {
        let fits = manifest::SIZES.contains(&self.side) && self.side.is_multiple_of(4);
        need(fits, "data.side", self.side, "multiples of 4 from 32 to 512")?;
        let once = |decades: &[Decade]| (1..decades.len()).all(|i| !decades[..i].contains(&decades[i]));
        need(!self.from.is_empty() && once(&self.from), "data.from", &self.from, "decades 10s to 60s, each once")?;
        need(!self.to.is_empty() && once(&self.to), "data.to", &self.to, "decades 10s to 60s, each once")?;
        let apart = topology == Topology::Single || (self.from.len() == 1 && !self.to.contains(&self.from[0]));
        need(apart, "data.from", &self.from, "one decade that is not in data.to, with topology \"pair\"")?;
        let partner = |decade: &Decade| self.to.iter().any(|other| other != decade);
        need(self.from.iter().all(partner), "data.to", &self.to, "for each source decade another target decade")
    }
}

impl RawGenerator {
    fn check(self, side: u32) -> Result<GeneratorConfig, Flaw> {
        let Self { width, blocks, block, stem_stride, head, condition, skips, precision } = self;
        need((1..=512).contains(&width), "generator.width", width, "1 to 512")?;
        need((1..=32).contains(&blocks), "generator.blocks", blocks, "1 to 32")?;
        let stem_stride = stem_stride.unwrap_or_else(|| head.stem_stride());
        let known = match head {
            Head::Rgb => stem_stride == 1,
            Head::Edit => [2, 4].contains(&stem_stride),
        };
        need(known, "generator.stem_stride", stem_stride, "1 with head \"rgb\", 2 or 4 with head \"edit\"")?;
        let fits = i64::from(side) % (4 * stem_stride) == 0;
        need(fits, "data.side", side, "a multiple of four times the stem's stride: 8 or 16 with head \"edit\"")?;
        let size = side.into();
        Ok(GeneratorConfig { size, width, blocks, block, stem_stride, head, condition, skips, precision })
    }
}

impl VisitorRecipe {
    fn check(self) -> Result<(), Flaw> {
        need((1..=10_000_000).contains(&self.steps), "visitor.steps", self.steps, "1 to 10000000")?;
        need((2..=4096).contains(&self.batch), "visitor.batch", self.batch, "2 to 4096")?;
        need((0.0..=16.0).contains(&self.perturbation), "visitor.perturbation", self.perturbation, "0 to 16")
    }
}

impl Calibration {
    fn check(self) -> Result<(), Flaw> {
        let near = self.off.iter().all(|off| off.abs() <= 2.0);
        need(near, "calibration.off", self.off, "six numbers of −2 to 2 decades")
    }
}

fn check_strengths(strengths: Strengths) -> Result<(), Flaw> {
    let Strengths { colour, gains, wrinkles, shape, places } = strengths;
    let all = [
        ("prototypes.colour", colour),
        ("prototypes.gains", gains[0]),
        ("prototypes.gains", gains[1]),
        ("prototypes.gains", gains[2]),
        ("prototypes.wrinkles", wrinkles),
        ("prototypes.shape", shape),
    ];
    all.into_iter().try_for_each(|(key, value)| need((0.0..=5.0).contains(&value), key, value, "0 to 5"))?;
    let near = places.iter().zip(0..).all(|(place, decade)| (place - f64::from(decade)).abs() <= 1.0);
    let older = places.is_sorted_by(|a, b| a < b);
    need(near && older, "prototypes.places", places, "six that rise, each at most 1 from 0, 1, 2, 3, 4, 5")
}

impl RawTraining {
    fn check(self) -> Result<Training, Flaw> {
        need((1..=1024).contains(&self.batch), "training.batch", self.batch, "1 to 1024")?;
        let length = match (self.epochs, self.steps) {
            (Some(epochs), None) => Length::Epochs(epochs),
            (None, Some(steps)) => Length::Steps(steps),
            both => {
                return Err(Flaw {
                    key: "training.epochs",
                    found: format!("{both:?} with training.steps"),
                    allowed: "one of epochs and steps",
                });
            }
        };
        let (Length::Epochs(count) | Length::Steps(count)) = length;
        need((1..=100_000_000).contains(&count), "training.epochs or steps", count, "1 to 100000000")?;
        let (share, open) = (0.0..=1.0, 0.0..1.0);
        match self.optimizer {
            Method::Sgd { momentum } => {
                need(open.contains(&momentum), "training.optimizer.momentum", momentum, "0 to below 1")?
            }
            Method::Adam { beta1, beta2 } => {
                need(open.contains(&beta1), "training.optimizer.beta1", beta1, "0 to below 1")?;
                need(open.contains(&beta2), "training.optimizer.beta2", beta2, "0 to below 1")?;
            }
        }
        let rate = self.learning_rate;
        need(rate > 0.0 && rate <= 1.0, "training.learning_rate", rate, "above 0, at most 1")?;
        let discriminator = self.discriminator_learning_rate.unwrap_or(rate);
        let fits = discriminator > 0.0 && discriminator <= 1.0;
        need(fits, "training.discriminator_learning_rate", discriminator, "above 0, at most 1")?;
        need(share.contains(&self.decay_from), "training.decay_from", self.decay_from, "0 to 1")?;
        need(self.pool <= 10_000, "training.pool", self.pool, "0 to 10000")?;
        // TOML's integers are signed, and the manifest keeps the seed.
        need(self.seed <= i64::MAX as u64, "training.seed", self.seed, "0 to 2^63 − 1")?;
        need(open.contains(&self.average), "training.average", self.average, "0 to below 1")?;
        need(self.checkpoint_every > 0, "training.checkpoint_every", self.checkpoint_every, "1 or more steps")?;
        need(self.preview_every > 0, "training.preview_every", self.preview_every, "1 or more steps")?;
        Ok(Training {
            topology: self.topology,
            batch: self.batch,
            length,
            optimizer: self.optimizer,
            learning_rate: rate,
            discriminator_learning_rate: discriminator,
            decay_from: self.decay_from,
            pool: self.pool,
            seed: self.seed,
            warm_up: self.warm_up,
            average: self.average,
            checkpoint_every: self.checkpoint_every,
            preview_every: self.preview_every,
        })
    }
}

impl Weights {
    fn check(&self, head: Head) -> Result<(), Flaw> {
        let all = [
            ("losses.adversarial", self.adversarial),
            ("losses.cycle", self.cycle),
            ("losses.identity", self.identity),
            ("losses.prior", self.prior),
            ("losses.mismatch", self.mismatch),
            ("losses.mask", self.mask),
            ("losses.judge", self.judge),
        ];
        for (key, weight) in all {
            need((0.0..=1e4).contains(&weight), key, weight, "0 to 10000")?;
        }
        let edit = head == Head::Edit;
        need(self.judge == 0.0 || edit, "losses.judge", self.judge, "0 with head \"rgb\", which has no visitor net")?;
        need(self.mask == 0.0 || edit, "losses.mask", self.mask, "0 with head \"rgb\", which has no mask")
    }
}
