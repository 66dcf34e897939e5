//! A recipe says everything that shapes a run: data, nets, training, losses. TOML text comes in, is read into a raw struct
//! and checked once; a [`Recipe`] that cannot be wrong goes out, to [`crate::train`] and [`crate::export`].

use crate::nets::{ConditionMode, DiscriminatorConfig, GeneratorConfig, Head, Precision};
use crate::prior::Strengths;
use crate::train::optimizer::Method;
use serde::{Deserialize, Serialize};
use shared::{Decade, decade, manifest};
use std::path::{Path, PathBuf};

/// The recipes inside the binary, by name.
pub const EMBEDDED: [(&str, &str); 3] = [
    ("paper", include_str!("../recipes/paper.toml")),
    ("kiosk", include_str!("../recipes/kiosk.toml")),
    ("smoke", include_str!("../recipes/smoke.toml")),
];

/// A checked recipe.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// Goes into file names and the bundle's manifest: lower-case letters, digits and dashes.
    pub name: String,
    pub data: Data,
    pub generator: GeneratorConfig,
    /// The discriminator of target faces; the one of source faces in a [`Topology::Pair`] differs in not being told the decade.
    pub discriminator: DiscriminatorConfig,
    pub training: Training,
    pub losses: Weights,
    /// Head `edit` only.
    pub visitor: Option<VisitorRecipe>,
    /// Head `edit` only; without them all that is done to a face is learned.
    pub prototypes: Option<Strengths>,
    /// Head `edit` only; without it the lifts stay as they are.
    pub calibration: Option<Calibration>,
    /// The text it was read from.
    pub text: String,
}

/// Which faces are trained on.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Side of the crops in pixels.
    pub side: u32,
    /// Decades that source faces x are drawn from, equally often.
    pub from: Vec<Decade>,
    /// Decades that target faces y are drawn from, equally often.
    pub to: Vec<Decade>,
}

/// How many generators there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Topology {
    /// The paper's: G makes older, F makes younger; D_Y judges older faces and is told the decade, D_X judges younger ones.
    Pair,
    /// One generator for all directions and one discriminator, both told the decade.
    Single,
}

/// How long a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// Passes over the source faces.
    Epochs(u64),
    Steps(u64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Training {
    pub topology: Topology,
    pub batch: usize,
    pub length: Length,
    pub optimizer: Method,
    /// Of the generators.
    pub learning_rate: f64,
    /// Of the discriminators.
    pub discriminator_learning_rate: f64,
    /// Share of the run, 0..1, after which both learning rates fall linearly to zero.
    pub decay_from: f64,
    /// Generated pictures that a discriminator remembers.
    pub pool: usize,
    pub seed: u64,
    /// Steps at the beginning in which the generators only follow the teacher (`losses.prior` and `losses.mask`).
    pub warm_up: u64,
    /// Decay of the averaged generator weights; 0 for none.
    pub average: f64,
    /// Steps.
    pub checkpoint_every: u64,
    /// Steps.
    pub preview_every: u64,
}

/// How the net that reads a face's apparent decade is trained.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VisitorRecipe {
    pub steps: u64,
    pub batch: usize,
    /// L2 norm of the largest misleading perturbation at 64 pixels, values in −1..1; 0 for none.
    pub perturbation: f64,
}

/// What the trained generator's lifts are moved for, see [`crate::train::calibrate`].
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Decades that the visitor net is to read in faces aged to the 10s … 60s, off what it reads in real faces of them.
    pub off: [f64; decade::COUNT],
}

/// Learning rates of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    pub generators: f64,
    pub discriminators: f64,
}

/// The λ of each loss; 0 leaves it out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// Of L_GAN (least squares).
    pub adversarial: f64,
    /// λ of L_cyc.
    pub cycle: f64,
    /// Of L_id.
    #[serde(default)]
    pub identity: f64,
    /// Of the distance to the teacher's picture (`crate::prior`).
    #[serde(default)]
    pub prior: f64,
    /// Of real faces shown to the discriminator with a wrong decade, as generated ones.
    #[serde(default)]
    pub mismatch: f64,
    /// Of the mean of the mask (head `edit` only).
    #[serde(default)]
    pub mask: f64,
    /// Of what the frozen visitor net reads in generated faces, against real ones (head `edit` only).
    #[serde(default)]
    pub judge: f64,
}

/// Why a recipe is refused.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    #[error("no recipe `{name}`; use paper, kiosk, smoke, or the path of a TOML file")]
    Unknown { name: String },
    #[error("cannot read recipe `{path}`: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("recipe `{file}` cannot be read: {reason}")]
    Syntax { file: String, reason: String },
    #[error("recipe `{file}`: `{key}` is {found}, allowed: {allowed}")]
    Value { file: String, key: &'static str, found: String, allowed: &'static str },
}

impl Recipe {
    /// An embedded recipe by its name, or one from a file.
    pub fn find(name: &str) -> Result<Self, RecipeError> {
        if let Some((_, text)) = EMBEDDED.iter().find(|(embedded, _)| *embedded == name) {
            return Self::parse(name, text);
        }
        let path = Path::new(name);
        if path.extension().is_none_or(|extension| extension != "toml") {
            return Err(RecipeError::Unknown { name: name.to_owned() });
        }
        let read = |source| RecipeError::Read { path: path.to_owned(), source };
        Self::parse(name, &std::fs::read_to_string(path).map_err(read)?)
    }

    /// Reads and checks a recipe's text; `file` names it in messages.
    pub fn parse(file: &str, text: &str) -> Result<Self, RecipeError> {
        let refuse = |error: toml::de::Error| RecipeError::Syntax { file: file.to_owned(), reason: error.to_string() };
        let raw: Raw = toml::from_str(text).map_err(refuse)?;
        raw.check(text).map_err(|flaw| RecipeError::Value {
            file: file.to_owned(),
            key: flaw.key,
            found: flaw.found,
            allowed: flaw.allowed,
        })
    }

    /// How many steps the whole run takes with so many source faces to pass over.
    pub fn steps(&self, source_faces: usize) -> u64 {
        match self.training.length {
            Length::Steps(steps) => steps,
            Length::Epochs(epochs) => epochs * (source_faces as u64).div_ceil(self.training.batch as u64),
        }
    }

    /// Learning rates at a step of a run of `total` steps.
    pub fn rates(&self, step: u64, total: u64) -> Rates {
        let Training { learning_rate, discriminator_learning_rate, decay_from, .. } = self.training;
        let done = step as f64 / total.max(1) as f64;
        let left = if done <= decay_from { 1.0 } else { ((1.0 - done) / (1.0 - decay_from)).max(0.0) };
        Rates { generators: learning_rate * left, discriminators: discriminator_learning_rate * left }
    }
}

/// As written, before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
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

struct Flaw {
    key: &'static str,
    found: String,
    allowed: &'static str,
}

fn need(holds: bool, key: &'static str, found: impl std::fmt::Debug, allowed: &'static str) -> Result<(), Flaw> {
    if holds { Ok(()) } else { Err(Flaw { key, found: format!("{found:?}"), allowed }) }
}

impl Raw {
    fn check(self, text: &str) -> Result<Recipe, Flaw> {
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
        let Self { width, blocks, head, condition, skips, precision } = self;
        need((1..=512).contains(&width), "generator.width", width, "1 to 512")?;
        need((1..=32).contains(&blocks), "generator.blocks", blocks, "1 to 32")?;
        let fits = head == Head::Rgb || side.is_multiple_of(8);
        need(fits, "data.side", side, "a multiple of 8 with head \"edit\"")?;
        Ok(GeneratorConfig { size: side.into(), width, blocks, head, condition, skips, precision })
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
    /// What counts while the generators only follow the teacher.
    pub const fn of_warm_up(self) -> Self {
        Self { adversarial: 0.0, cycle: 0.0, identity: 0.0, mismatch: 0.0, judge: 0.0, ..self }
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    fn smoke(from: &str, to: &str) -> Result<Recipe, RecipeError> {
        let text = EMBEDDED[2].1;
        assert!(text.contains(from), "{from}");
        Recipe::parse("smoke", &text.replacen(from, to, 1))
    }

    #[test]
    fn the_embedded_recipes_are_sound_and_carry_their_names() {
        for (name, text) in EMBEDDED {
            let recipe = Recipe::find(name).unwrap();
            assert_eq!((recipe.name.as_str(), recipe.text.as_str()), (name, text));
        }
    }

    #[test]
    fn the_papers_recipe_is_the_papers() {
        let recipe = Recipe::find("paper").unwrap();
        assert_eq!((recipe.generator.width, recipe.generator.blocks, recipe.generator.size), (64, 6, 128));
        assert_eq!((recipe.training.batch, recipe.training.pool), (1, 50));
        assert_eq!(recipe.steps(2104), 50 * 2104);
        assert_eq!(recipe.rates(50 * 2103, 50 * 2104).generators, 0.002);
    }

    #[test]
    fn unknown_keys_are_named_with_their_line() {
        let error = smoke("batch = 4", "batsch = 4").unwrap_err().to_string();
        assert!(error.contains("smoke") && error.contains("batsch") && error.contains("batch"), "{error}");
        let error = smoke("beta1 = 0.5", "beta3 = 0.5").unwrap_err().to_string();
        assert!(error.contains("beta3"), "{error}");
    }

    #[test]
    fn each_impossible_value_is_named_with_what_is_allowed() {
        for (from, to, key, found) in [
            ("\"smoke\"", "\"Smoke!\"", "name", "Smoke!"),
            ("side = 64", "side = 66", "data.side", "66"),
            ("from = [\"10s\", \"20s\"", "from = [\"20s\", \"20s\"", "data.from", "Twenties"),
            ("to = [\"10s\", \"20s\", \"30s\", \"40s\", \"50s\", \"60s\"]", "to = [\"20s\"]", "data.to", "Twenties"),
            ("\"single\"", "\"pair\"", "data.from", "Tens"),
            ("width = 8", "width = 0", "generator.width", "0"),
            ("blocks = 2", "blocks = 99", "generator.blocks", "99"),
            ("conditioned = true", "conditioned = false", "discriminator.conditioned", "false"),
            ("batch = 4", "batch = 0", "training.batch", "0"),
            ("steps = 60", "steps = 60\nepochs = 1", "training.epochs", "60"),
            ("steps = 60", "steps = 0", "training.epochs or steps", "0"),
            ("learning_rate = 0.004", "learning_rate = -1.0", "training.learning_rate", "-1"),
            ("learning_rate = 0.004", "learning_rate = nan", "training.learning_rate", "NaN"),
            (
                "pool = 20",
                "pool = 20\ndiscriminator_learning_rate = 0.0",
                "training.discriminator_learning_rate",
                "0.0",
            ),
            ("beta2 = 0.999", "beta2 = 1.0", "training.optimizer.beta2", "1.0"),
            ("average = 0.9", "average = 1.0", "training.average", "1.0"),
            ("checkpoint_every = 20", "checkpoint_every = 0", "training.checkpoint_every", "0"),
            ("seed = 1", "seed = 1\nwarm_up = 5", "training.warm_up", "5"),
            ("cycle = 0.02", "cycle = -1.0", "losses.cycle", "-1.0"),
            ("head = \"edit\"", "head = \"rgb\"", "losses.judge", "0.1"),
        ] {
            match smoke(from, to) {
                Err(RecipeError::Value { file, key: told, found: seen, .. }) => {
                    assert_eq!((file.as_str(), told), ("smoke", key), "{to}");
                    assert!(seen.contains(found), "{to}: {seen}");
                }
                other => panic!("{to}: {other:?}"),
            }
        }
    }

    #[test]
    fn decades_lie_near_themselves_and_in_order() {
        let placed = |places: &str| {
            let strengths = "colour = 1.0\ngains = [1.0, 1.0, 1.0]\nwrinkles = 1.0\nshape = 1.0";
            smoke("[losses]", &format!("[prototypes]\n{strengths}\n{places}\n[losses]"))
        };
        assert_eq!(placed("").unwrap().prototypes.unwrap().places, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert!(placed("places = [0.1, 0.9, 1.8, 3.0, 4.0, 5.4]").is_ok());
        for places in ["[0, 1, 1, 3, 4, 5]", "[0, 1, 2, 3, 4, 6.1]", "[0, 1, 2, nan, 4, 5]"] {
            let error = placed(&format!("places = {places}"));
            assert!(matches!(error, Err(RecipeError::Value { key: "prototypes.places", .. })), "{places}: {error:?}");
        }
    }

    #[test]
    fn what_is_calibrated_for_is_near() {
        let kiosk = EMBEDDED[1].1;
        let offs: Vec<_> = kiosk.lines().filter(|line| line.starts_with("off = ")).collect();
        assert_eq!(offs.len(), 1);
        let key = |from: &str, to: &str| match Recipe::parse("kiosk", &kiosk.replacen(from, to, 1)) {
            Err(RecipeError::Value { key, .. }) => key,
            other => panic!("{to}: {other:?}"),
        };
        assert_eq!(key(offs[0], "off = [0, 0, 0, 0, 0, 2.1]"), "calibration.off");
        let without = smoke("[losses]", &format!("[calibration]\n{}\n[losses]", offs[0]));
        assert!(matches!(without, Err(RecipeError::Value { key: "calibration", .. })), "{without:?}");
    }

    #[test]
    fn wrong_types_and_words_are_syntax_errors() {
        for (from, to) in
            [("batch = 4", "batch = -4"), ("\"edit\"", "\"magic\""), ("\"10s\"", "\"70s\""), ("[data]", "[data")]
        {
            assert!(matches!(smoke(from, to), Err(RecipeError::Syntax { .. })), "{to}");
        }
        assert!(matches!(Recipe::find("nonsense"), Err(RecipeError::Unknown { .. })));
        assert!(matches!(Recipe::find("no/such.toml"), Err(RecipeError::Read { .. })));
    }

    #[test]
    fn the_learning_rate_falls_to_zero_after_the_constant_part() {
        let text = "learning_rate = 0.001\ndiscriminator_learning_rate = 0.0001\ndecay_from = 0.5";
        let recipe = smoke("learning_rate = 0.004", text).unwrap();
        for (step, left) in [(0, 1.0), (50, 1.0), (75, 0.5), (100, 0.0)] {
            let rates = recipe.rates(step, 100);
            assert!((rates.generators - 0.001 * left).abs() < 1e-12, "{step}");
            assert!((rates.discriminators - 0.0001 * left).abs() < 1e-12, "{step}");
        }
    }

    #[test]
    fn discriminators_learn_at_the_generators_rate_unless_told_otherwise() {
        let rates = smoke("pool", "pool").unwrap().rates(0, 100);
        assert_eq!(rates.generators, rates.discriminators);
    }
}
