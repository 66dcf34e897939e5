//! A recipe says everything that shapes a run: data, nets, training, losses. TOML text comes in and is checked once ([`check`]);
//! a [`Recipe`] that cannot be wrong goes out, to [`crate::train`] and [`crate::export`].

mod check;
#[cfg(test)]
mod tests;

use crate::nets::{DiscriminatorConfig, GeneratorConfig};
use crate::prior::Strengths;
use crate::train::optimizer::Method;
use check::Raw;
use serde::{Deserialize, Serialize};
use shared::{Decade, decade};
use std::path::{Path, PathBuf};

/// The recipes inside the binary, by name.
pub const EMBEDDED: [(&str, &str); 3] = [
    ("paper", include_str!("../../recipes/paper.toml")),
    ("kiosk", include_str!("../../recipes/kiosk.toml")),
    ("smoke", include_str!("../../recipes/smoke.toml")),
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

impl Weights {
    /// What counts while the generators only follow the teacher.
    pub const fn of_warm_up(self) -> Self {
        Self { adversarial: 0.0, cycle: 0.0, identity: 0.0, mismatch: 0.0, judge: 0.0, ..self }
    }
}
