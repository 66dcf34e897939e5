//! Checkpoints: all that a run needs to go on as if it had never stopped, in one safetensors file.
//!
//! A file holds the weights of all nets, what the optimizers remember, both pools, and a [`State`] as JSON in the tensor
//! `state`. Random numbers need no saving ([`super::random`]). A file appears whole or not at all: it is written beside its
//! place, synced and renamed. The two newest are kept.

use super::model::Model;
use super::pool::Pool;
use super::step::Pools;
use crate::recipe::{Recipe, RecipeError};
use serde::{Deserialize, Serialize};
use shared::decade;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use tch::nn::VarStore;
use tch::{Device, Kind, TchError, Tensor, no_grad};

/// The format that this code reads and writes.
const FORMAT: u32 = 1;
/// A run's folder of checkpoints.
pub const FOLDER: &str = "checkpoints";
const KEPT: usize = 2;
const STATE: &str = "state";
const GENERATORS: &str = "generators.";
const DISCRIMINATORS: &str = "discriminators.";
const AVERAGE: &str = "average.";
const GENERATOR_OPTIMIZER: &str = "optimizer.generators.";
const DISCRIMINATOR_OPTIMIZER: &str = "optimizer.discriminators.";
const POOL_Y: &str = "pool.y";
const POOL_X: &str = "pool.x";

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    format: u32,
    /// Steps done.
    pub step: u64,
    /// Seconds spent training so far.
    pub seconds: f64,
    /// The recipe's text.
    pub recipe: String,
    pub data: Data,
}

/// What the run learns from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    pub datasets: Vec<String>,
    /// Training pictures a decade, youngest first.
    pub pictures: [u32; decade::COUNT],
}

/// A checkpoint in memory.
#[derive(Debug)]
pub struct Checkpoint {
    pub path: PathBuf,
    pub state: State,
    tensors: Vec<(String, Tensor)>,
}

/// Why a checkpoint cannot be written or used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    #[error("`{0}` holds no checkpoint; train first, or name a run's folder or a checkpoint")]
    Missing(PathBuf),
    #[error("cannot read `{path}`: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write `{path}`: {source}; the last checkpoint is kept, make room and resume")]
    Write { path: PathBuf, source: io::Error },
    #[error("`{path}` is not a whole checkpoint: {reason}; remove it to go on from the one before")]
    Broken { path: PathBuf, reason: String },
    #[error("`{path}` has checkpoint format {found}, expected {FORMAT}; resume with the trainer that wrote it")]
    Format { path: PathBuf, found: u32 },
    #[error("`{path}` does not fit the nets of its recipe: {reason}")]
    Mismatch { path: PathBuf, reason: String },
    #[error(transparent)]
    Recipe(#[from] RecipeError),
}

impl State {
    pub fn new(recipe: &Recipe, data: Data, step: u64, seconds: f64) -> Self {
        Self { format: FORMAT, step, seconds, recipe: recipe.text.clone(), data }
    }
}

/// Writes a run's checkpoint and removes all but the newest ones.
pub fn write(run: &Path, model: &Model, pools: &Pools, state: &State) -> Result<PathBuf, CheckpointError> {
    let folder = run.join(FOLDER);
    let path = folder.join(format!("step-{:08}.safetensors", state.step));
    let failed = |source| CheckpointError::Write { path: path.clone(), source };
    fs::create_dir_all(&folder).map_err(failed)?;
    write_whole(&path, &tensors(model, pools, state)).map_err(failed)?;
    for old in list(&folder).map_err(failed)?.iter().rev().skip(KEPT) {
        fs::remove_file(old).map_err(failed)?;
    }
    Ok(path)
}

/// Writes tensors, on whatever device they are, so that the file appears whole or not at all.
pub fn write_whole(path: &Path, tensors: &[(String, Tensor)]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)); // the umask still applies
    let file = builder.prefix(".").suffix(".tmp").tempfile_in(folder)?;
    let plain = |tensor: &Tensor| tensor.detach().to_device(Device::Cpu).contiguous();
    let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (name, plain(tensor))).collect();
    Tensor::write_safetensors(&tensors, file.path()).map_err(io::Error::other)?;
    // `write_safetensors` truncates and fills the same file through a handle of its own.
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

fn tensors(model: &Model, pools: &Pools, state: &State) -> Vec<(String, Tensor)> {
    let Model { generators, discriminators, average, .. } = model;
    let json = serde_json::to_vec(state).unwrap_or_default();
    let mut all = vec![(STATE.to_owned(), Tensor::from_slice(&json))];
    let mut add = |prefix: &str, named: Vec<(String, Tensor)>| {
        all.extend(named.into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)));
    };
    let variables = |store: &VarStore| store.variables().into_iter().collect();
    add(GENERATORS, variables(&generators.store));
    add(DISCRIMINATORS, variables(&discriminators.store));
    if let Some(average) = average {
        add(AVERAGE, variables(&average.store));
    }
    add(GENERATOR_OPTIMIZER, generators.optimizer.state());
    add(DISCRIMINATOR_OPTIMIZER, discriminators.optimizer.state());
    for (prefix, pool) in [(POOL_Y, &pools.y), (POOL_X, &pools.x)] {
        if let Some((pictures, ages)) = pool.state() {
            add(prefix, vec![(".pictures".to_owned(), pictures), (".ages".to_owned(), ages)]);
        }
    }
    all
}

/// A folder's checkpoints, oldest first.
fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let named = path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("step-"));
        if named && path.extension().is_some_and(|extension| extension == "safetensors") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

impl Checkpoint {
    /// A checkpoint file, or the newest one of a run's folder.
    pub fn find(path: &Path) -> Result<Self, CheckpointError> {
        if path.is_file() {
            return Self::read(path);
        }
        match list(&path.join(FOLDER)).ok().and_then(|mut found| found.pop()) {
            Some(newest) => Self::read(&newest),
            None => Err(CheckpointError::Missing(path.to_owned())),
        }
    }

    /// Whether a run's folder holds a checkpoint.
    pub fn exists(run: &Path) -> bool {
        list(&run.join(FOLDER)).is_ok_and(|found| !found.is_empty())
    }

    fn read(path: &Path) -> Result<Self, CheckpointError> {
        fs::metadata(path).map_err(|source| CheckpointError::Read { path: path.to_owned(), source })?;
        let broken = |reason: String| CheckpointError::Broken { path: path.to_owned(), reason };
        let tensors = Tensor::read_safetensors(path).map_err(|error| broken(error.to_string()))?;
        let json = match tensors.iter().find(|(name, tensor)| name == STATE && tensor.kind() == Kind::Uint8) {
            Some((_, tensor)) => Vec::<u8>::try_from(tensor).map_err(|error| broken(error.to_string()))?,
            None => return Err(broken("it holds no state of a run".to_owned())),
        };
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let head: Head = serde_json::from_slice(&json).map_err(|error| broken(error.to_string()))?;
        if head.format != FORMAT {
            return Err(CheckpointError::Format { path: path.to_owned(), found: head.format });
        }
        let state = serde_json::from_slice(&json).map_err(|error| broken(error.to_string()))?;
        Ok(Self { path: path.to_owned(), state, tensors })
    }

    /// The recipe that the run was started with.
    pub fn recipe(&self) -> Result<Recipe, RecipeError> {
        Recipe::parse(&self.path.display().to_string(), &self.state.recipe)
    }

    /// Fills a store that holds the generator as `G` with the weights to look at and to export: the averaged ones where
    /// there are such.
    pub fn fill_generator(&self, store: &VarStore) -> Result<(), CheckpointError> {
        let averaged = self.tensors.iter().any(|(name, _)| name.starts_with(AVERAGE));
        self.fill(store, if averaged { AVERAGE } else { GENERATORS })
    }

    /// Fills a store that holds discriminators as `D_Y` or `D_X`.
    pub fn fill_discriminators(&self, store: &VarStore) -> Result<(), CheckpointError> {
        self.fill(store, DISCRIMINATORS)
    }

    /// Puts a model and its pools where they stood.
    pub fn restore(&self, model: &mut Model, pools: &mut Pools) -> Result<(), CheckpointError> {
        self.fill(&model.generators.store, GENERATORS)?;
        self.fill(&model.discriminators.store, DISCRIMINATORS)?;
        if let Some(average) = &model.average {
            self.fill(&average.store, AVERAGE)?;
        }
        let mismatch = |error: TchError| self.mismatch(error.to_string());
        model.generators.optimizer.load_state(&self.under(GENERATOR_OPTIMIZER)).map_err(mismatch)?;
        model.discriminators.optimizer.load_state(&self.under(DISCRIMINATOR_OPTIMIZER)).map_err(mismatch)?;
        let device = model.generators.store.device();
        self.restore_pool(&mut pools.y, POOL_Y, device)?;
        self.restore_pool(&mut pools.x, POOL_X, device)
    }

    fn restore_pool(&self, pool: &mut Pool, prefix: &str, device: Device) -> Result<(), CheckpointError> {
        match &self.under(prefix)[..] {
            [] => pool.restore(None),
            held => {
                let find = |name: &str| {
                    let found = held.iter().find(|(other, _)| other == name);
                    found
                        .map(|(_, tensor)| tensor.to_device(device))
                        .ok_or_else(|| self.mismatch(format!("no {prefix}{name}")))
                };
                pool.restore(Some((find(".pictures")?, find(".ages")?)));
            }
        }
        Ok(())
    }

    /// Copies the tensors below `prefix` into the variables of a store; each must be there in the right shape.
    fn fill(&self, store: &VarStore, prefix: &str) -> Result<(), CheckpointError> {
        for (name, mut variable) in store.variables() {
            let full = format!("{prefix}{name}");
            let saved = self.tensors.iter().find(|(other, _)| *other == full).map(|(_, tensor)| tensor);
            match saved {
                Some(saved) if saved.size() == variable.size() => no_grad(|| variable.copy_(saved)),
                Some(saved) => {
                    let (found, expected) = (saved.size(), variable.size());
                    return Err(self.mismatch(format!("`{full}` has shape {found:?}, expected {expected:?}")));
                }
                None => return Err(self.mismatch(format!("it holds no `{full}`"))),
            }
        }
        Ok(())
    }

    fn under(&self, prefix: &str) -> Vec<(String, Tensor)> {
        let stripped =
            |(name, tensor): &(String, Tensor)| Some((name.strip_prefix(prefix)?.to_owned(), tensor.shallow_clone()));
        self.tensors.iter().filter_map(stripped).collect()
    }

    fn mismatch(&self, reason: String) -> CheckpointError {
        CheckpointError::Mismatch { path: self.path.clone(), reason }
    }
}

/// Removes what a killed run left half-written.
pub fn sweep(run: &Path) {
    for entry in fs::read_dir(run.join(FOLDER)).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with('.') && name.ends_with(".tmp")) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::batches::Batches;
    use crate::train::batches::tests::{cache, recipe};
    use crate::train::step::{Setting, step};
    use crate::train::visitor::Readings;

    fn tiny() -> Recipe {
        recipe(|text| {
            text.replace("side = 64", "side = 32").replace("width = 8", "width = 4").replace("pool = 20", "pool = 3")
        })
    }

    fn state(recipe: &Recipe, step: u64) -> State {
        State::new(recipe, Data { datasets: vec!["test".into()], pictures: [1; 6] }, step, 2.5)
    }

    fn weights(model: &Model, pools: &Pools, recipe: &Recipe) -> Vec<(String, Tensor)> {
        let mut all = tensors(model, pools, &state(recipe, 0));
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all.into_iter().map(|(name, tensor)| (name, tensor.copy())).collect()
    }

    #[test]
    fn a_resumed_run_reaches_the_same_weights_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(&folder.path().join("cache"), 32, 54);
        let recipe = tiny();
        let run = folder.path();
        let go = |model: &mut Model, pools: &mut Pools, steps: std::ops::Range<u64>| {
            let mut batches = Batches::new(&cache, &recipe, Device::Cpu).unwrap();
            let setting = Setting { weights: recipe.losses, seed: 1, parallel: true, readings: Some(Readings::IDEAL) };
            for n in steps {
                step(model, pools, &batches.get(n).unwrap(), &setting, n, recipe.rates(0, 1));
            }
        };
        let (mut model, mut pools) = (Model::new(&recipe, Device::Cpu), Pools::new(3));
        write(run, &model, &pools, &state(&recipe, 0)).unwrap();
        go(&mut model, &mut pools, 0..7);
        let unbroken = weights(&model, &pools, &recipe);

        let mut stops = vec![0..3, 3..5, 5..7];
        while !stops.is_empty() {
            let (mut model, mut pools) = (Model::new(&recipe, Device::Cpu), Pools::new(3));
            Checkpoint::find(run).unwrap().restore(&mut model, &mut pools).unwrap();
            let steps = stops.remove(0);
            let end = steps.end;
            go(&mut model, &mut pools, steps);
            write(run, &model, &pools, &state(&recipe, end)).unwrap();
        }
        let (mut model, mut pools) = (Model::new(&recipe, Device::Cpu), Pools::new(3));
        Checkpoint::find(run).unwrap().restore(&mut model, &mut pools).unwrap();
        for ((name, a), (other, b)) in unbroken.iter().zip(weights(&model, &pools, &recipe)) {
            assert_eq!((name, a), (&other, &b));
        }
        assert_eq!(list(&run.join(FOLDER)).unwrap().len(), KEPT);
    }

    #[test]
    fn half_written_and_broken_files_are_told_apart_from_checkpoints() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path();
        assert!(matches!(Checkpoint::find(run), Err(CheckpointError::Missing(_))));
        let recipe = tiny();
        let (model, pools) = (Model::new(&recipe, Device::Cpu), Pools::new(3));
        let path = write(run, &model, &pools, &state(&recipe, 4)).unwrap();
        // What a kill in the middle of writing leaves.
        let bytes = fs::read(&path).unwrap();
        fs::write(run.join(FOLDER).join(".abc.tmp"), &bytes[..100]).unwrap();
        assert_eq!(Checkpoint::find(run).unwrap().state, state(&recipe, 4));
        sweep(run);
        assert_eq!(fs::read_dir(run.join(FOLDER)).unwrap().count(), 1);
        // What a bad disk leaves.
        let broken = run.join("broken.safetensors");
        for bytes in [&bytes[..bytes.len() / 2], b"", b"hello", &[0xff; 64]] {
            fs::write(&broken, bytes).unwrap();
            assert!(matches!(Checkpoint::find(&broken), Err(CheckpointError::Broken { .. })));
        }
        Tensor::write_safetensors(&[("weight", Tensor::from(1.0))], &broken).unwrap();
        assert!(matches!(Checkpoint::find(&broken), Err(CheckpointError::Broken { .. })));
    }

    #[test]
    fn weights_of_another_shape_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let recipe = tiny();
        write(folder.path(), &Model::new(&recipe, Device::Cpu), &Pools::new(3), &state(&recipe, 1)).unwrap();
        let wider = self::recipe(|_| recipe.text.replacen("width = 4", "width = 8", 1));
        let checkpoint = Checkpoint::find(folder.path()).unwrap();
        let error = checkpoint.restore(&mut Model::new(&wider, Device::Cpu), &mut Pools::new(3)).unwrap_err();
        assert!(matches!(&error, CheckpointError::Mismatch { .. }), "{error}");
        assert!(error.to_string().contains("shape"), "{error}");
    }

    #[test]
    fn a_place_that_cannot_be_written_to_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"").unwrap();
        let recipe = tiny();
        let error = write(&file, &Model::new(&recipe, Device::Cpu), &Pools::new(3), &state(&recipe, 1)).unwrap_err();
        assert!(matches!(error, CheckpointError::Write { .. }), "{error}");
    }
}
