//! Where export and inspection get their nets: a run's folder or one of its checkpoints. Weights are computed with in f32,
//! whatever the run was trained in, since that is what the graph does.

use crate::nets::{Discriminator, DiscriminatorConfig, Generator, GeneratorConfig, Precision};
use crate::recipe::{Recipe, RecipeError};
use crate::train::checkpoint::{Checkpoint, CheckpointError, Data};
use std::path::Path;
use tch::{Device, nn};

/// Why there are no trained nets.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// The trained nets of a run.
#[derive(Debug)]
pub struct Trained {
    pub recipe: Recipe,
    /// The averaged one, where the run has one.
    pub generator: Generator,
    /// D_Y, which is told the decade.
    pub judge: Discriminator,
    /// Steps done.
    pub step: u64,
    /// What it learned from.
    pub data: Data,
}

impl Trained {
    /// From a run's folder (its newest checkpoint) or a checkpoint's file.
    pub fn load(path: &Path) -> Result<Self, SourceError> {
        let checkpoint = Checkpoint::find(path)?;
        let (generators, discriminators) = (nn::VarStore::new(Device::Cpu), nn::VarStore::new(Device::Cpu));
        let mut trained = Self::nets(checkpoint.recipe()?, &generators, &discriminators);
        checkpoint.fill_generator(&generators)?;
        checkpoint.fill_discriminators(&discriminators)?;
        (trained.step, trained.data) = (checkpoint.state.step, checkpoint.state.data);
        Ok(trained)
    }

    /// Untrained, from the recipe's seed.
    pub fn fresh(recipe: Recipe) -> Self {
        tch::manual_seed(recipe.training.seed as i64);
        Self::nets(recipe, &nn::VarStore::new(Device::Cpu), &nn::VarStore::new(Device::Cpu))
    }

    fn nets(recipe: Recipe, generators: &nn::VarStore, discriminators: &nn::VarStore) -> Self {
        let precision = Precision::F32;
        let generator = GeneratorConfig { precision, ..recipe.generator };
        let judge = DiscriminatorConfig { precision, ..recipe.discriminator };
        Self {
            generator: Generator::new(&(generators.root() / "G"), generator),
            judge: Discriminator::new(&(discriminators.root() / "D_Y"), judge),
            recipe,
            step: 0,
            data: Data { datasets: Vec::new(), pictures: [0; shared::decade::COUNT] },
        }
    }
}
