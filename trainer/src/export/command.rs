//! `trainer export RUN --out BUNDLE --cache CACHE`: a run's generator → graph → computed in int8, calibrated on the cache's train
//! faces → bundle, measured on its val faces. With weights in int8 or float alone it needs no faces.

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
use shared::manifest::Quantization;
use std::path::PathBuf;

/// What `trainer export` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's folder, or one of its checkpoints
    pub run: PathBuf,
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
    #[arg(long, required_unless_present_any = ["weights_only", "float"])]
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
    let trained = Trained::load(&args.run)?;
    let generator = &trained.generator;
    let quantization = match (args.float, args.weights_only) {
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

fn refuse_flaws(agreement: &Agreement) -> Result<(), VerifyError> {
    let flaws = agreement.flaws();
    if flaws.is_empty() { Ok(()) } else { Err(VerifyError::OutOfTolerance(flaws)) }
}

/// Where the run's weights come from. Who trains on other data than FairFace names its terms.
fn origin(args: &Args, trained: &Trained) -> Origin {
    let recipe = &trained.recipe;
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
