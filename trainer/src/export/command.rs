//! `trainer export RUN --out BUNDLE --cache CACHE`: a run's generator → graph → computed in int8, calibrated on the cache's train
//! faces → bundle, measured on its val faces. With weights in int8 or float alone it needs no faces.
//! `trainer export --untrained` writes a recipe's generator as it is before training, of any width, for measuring speed.

use super::agreement::Agreement;
use super::bundle::{self, BundleError, FAIRFACE_ATTRIBUTION, FAIRFACE_LICENCE, Origin};
use super::engine::{EngineError, MirrorEngine};
use super::generator::{default_features, graph};
use super::onnx::GraphError;
use super::onnxruntime::Wanted;
use super::source::{SourceError, Trained};
use super::verify::{VerifyError, cache_faces, examine};
use crate::data::record::Split;
use crate::quantize::calibrate::samples;
use crate::quantize::faces::{FacesError, Source};
use crate::quantize::{CALIBRATION_FACES, QuantizeError, quantize};
use crate::recipe::{Recipe, RecipeError};
use shared::manifest::Quantization;
use std::path::PathBuf;

/// Channels that a first layer may have.
const WIDTHS: std::ops::RangeInclusive<i64> = 1..=512;

/// What `trainer export` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's folder, or one of its checkpoints
    #[arg(required_unless_present = "untrained")]
    pub run: Option<PathBuf>,
    /// In place of a run: a recipe's generator as it is before training, to measure how fast it is
    #[arg(long, conflicts_with_all = ["run", "cache"])]
    pub untrained: bool,
    /// With --untrained: paper, kiosk, smoke, or the path of a TOML file; paper unless given
    #[arg(long, requires = "untrained")]
    pub recipe: Option<String>,
    /// With --untrained: channels of the first layer; the recipe's unless given
    #[arg(long, requires = "untrained")]
    pub width: Option<i64>,
    /// The bundle's folder; an older bundle there is replaced when the new one is whole
    #[arg(long)]
    pub out: PathBuf,
    /// Weights in int8, computed with in float: a file as small, slower, a little nearer to the run's net
    #[arg(long, conflicts_with = "float")]
    pub weights_only: bool,
    /// Float weights, four times as large
    #[arg(long)]
    pub float: bool,
    /// Calibrates on the train faces of this cache, measures int8 against float on its val faces and writes the numbers into the manifest
    #[arg(long, required_unless_present_any = ["weights_only", "float", "untrained"])]
    pub cache: Option<PathBuf>,
    /// How many val faces of the cache to measure on
    #[arg(long, default_value_t = 200)]
    pub faces: usize,
    /// The bundle's name; the recipe's unless given
    #[arg(long)]
    pub name: Option<String>,
    /// The licence of the weights; told by the data unless given
    #[arg(long)]
    pub licence: Option<String>,
    /// Whom the licence asks to name; told by the data unless given
    #[arg(long)]
    pub attribution: Option<String>,
}

/// Why a run is not exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Graph(#[from] GraphError),
    #[error(transparent)]
    Bundle(#[from] BundleError),
    #[error(transparent)]
    Measure(#[from] VerifyError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Quantize(#[from] QuantizeError),
    #[error(transparent)]
    Faces(#[from] FacesError),
}

/// Exports; nothing is written unless the graph loads in tract and, with a cache, agrees with the float net.
pub fn run(args: &Args) -> Result<(), ExportError> {
    let trained = match &args.run {
        Some(run) => Trained::load(run)?,
        None => untrained(args)?,
    };
    let generator = &trained.generator;
    // Without training there are no faces to calibrate on.
    let quantization = match (args.float, args.weights_only || args.untrained) {
        (true, _) => Quantization::None,
        (_, true) => Quantization::Int8Weights,
        _ => Quantization::Int8,
    };
    let features = default_features(generator);
    let mut onnx = graph(generator, quantization, &features)?;
    if let (Quantization::Int8, Some(cache)) = (quantization, &args.cache) {
        let size = generator.config.size as usize;
        let faces = Source::Cache(cache.clone()).faces(Split::Train, CALIBRATION_FACES, size)?;
        onnx = quantize(&onnx, &samples(faces))?;
    }
    let mut manifest = bundle::manifest(&origin(args, &trained), &generator.config, quantization, &features, &onnx)?;
    if let Some(cache) = &args.cache {
        let faces = cache_faces(cache, args.faces, manifest.size as usize)?;
        let agreement = examine(&manifest, &onnx, Some(generator), &faces, &Wanted::Off)?;
        println!("{agreement}");
        refuse_flaws(&agreement)?;
        bundle::add_measures(&mut manifest, &agreement.measures())?;
    } else {
        MirrorEngine::new(&manifest, &onnx)?;
    }
    bundle::write(&args.out, &manifest, &onnx)?;
    println!("{}: {} of {} KB", args.out.display(), manifest.name, onnx.len().div_ceil(1000));
    Ok(())
}

/// The recipe's generator with the seed's weights.
fn untrained(args: &Args) -> Result<Trained, SourceError> {
    let name = args.recipe.as_deref().unwrap_or("paper");
    let mut recipe = Recipe::find(name)?;
    if let Some(width) = args.width {
        if !WIDTHS.contains(&width) {
            let (file, found) = (name.to_owned(), width.to_string());
            return Err(RecipeError::Value { file, key: "width", found, allowed: "1 to 512" }.into());
        }
        recipe.generator.width = width;
    }
    Ok(Trained::fresh(recipe))
}

fn refuse_flaws(agreement: &Agreement) -> Result<(), VerifyError> {
    let flaws = agreement.flaws();
    if flaws.is_empty() { Ok(()) } else { Err(VerifyError::OutOfTolerance(flaws)) }
}

/// Where the run's weights come from. Who trains on other data than FairFace names its terms.
fn origin(args: &Args, trained: &Trained) -> Origin {
    let recipe = &trained.recipe;
    if args.run.is_none() {
        let name = args.name.clone().unwrap_or_else(|| format!("{}-{}", recipe.name, recipe.generator.width));
        return Origin { name, recipe: recipe.name.clone(), seed: recipe.training.seed, ..Origin::untrained() };
    }
    let dataset = trained.data.datasets.join(", ");
    let fairface = trained.data.datasets.iter().any(|name| name.eq_ignore_ascii_case("fairface"));
    let (licence, attribution) = match fairface && trained.data.datasets.len() == 1 {
        true => (FAIRFACE_LICENCE.to_owned(), FAIRFACE_ATTRIBUTION.to_owned()),
        false => ("see the terms of the data".to_owned(), format!("Weights trained on {dataset}")),
    };
    Origin {
        name: args.name.clone().unwrap_or_else(|| recipe.name.clone()),
        recipe: recipe.name.clone(),
        seed: recipe.training.seed,
        dataset,
        pictures: trained.data.pictures,
        licence: args.licence.clone().unwrap_or(licence),
        attribution: args.attribution.clone().unwrap_or(attribution),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args as _, Command, FromArgMatches};
    use edge::ager::Ager;
    use edge::bundle::Bundle;

    fn parsed(words: &[&str]) -> Result<Args, clap::Error> {
        let command = Args::augment_args(Command::new("export").no_binary_name(true));
        Args::from_arg_matches(&command.try_get_matches_from(words)?)
    }

    #[test]
    fn a_generator_of_any_width_is_exported_untrained() {
        let scratch = tempfile::tempdir().unwrap();
        let out = scratch.path().join("bundle");
        let words = ["--untrained", "--recipe", "smoke", "--width", "8", "--out", out.to_str().unwrap()];
        run(&parsed(&words).unwrap()).unwrap();
        let bundle = Bundle::read(&out).unwrap();
        assert_eq!(bundle.manifest.name, "smoke-8");
        Ager::new(&bundle).unwrap();
    }

    #[test]
    fn a_run_or_untrained_is_asked_for_and_widths_are_checked() {
        assert!(parsed(&["--out", "x"]).is_err());
        assert!(parsed(&["run", "--untrained", "--out", "x"]).is_err());
        assert!(parsed(&["run", "--width", "8", "--out", "x"]).is_err());
        let wide = parsed(&["--untrained", "--width", "513", "--out", "x"]).unwrap();
        assert!(matches!(untrained(&wide), Err(SourceError::Recipe(RecipeError::Value { key: "width", .. }))));
    }
}
