//! `trainer verify BUNDLE`: is the bundle whole, does every engine agree on it, and does each decade change the face?
//!
//! With `--run` the float net of the run is held against it as well: tch float ↔ ONNX float in tract ↔ ONNX int8 in tract ↔
//! onnxruntime. What is out of tolerance is an error; how much is allowed depends on what the two compute with.

use super::agreement::{Agreement, Contestant, changes, compare};
use super::engine::{EngineError, MirrorEngine, TchEngine};
use super::faces;
use super::generator::graph;
use super::onnx::GraphError;
use super::onnxruntime::{OrtEngine, Wanted};
use super::source::{SourceError, Trained};
use crate::data::cache::{Cache, CacheError, Split};
use crate::nets::{Generator, Stage};
use edge::bundle::{Bundle, BundleError};
use shared::Manifest;
use shared::manifest::Quantization;
use std::path::PathBuf;

/// Faces that the change from decade to decade is measured on; each is aged six times.
const CHANGE_FACES: usize = 24;
/// Synthetic faces, where no cache is given.
const SYNTHETIC_FACES: usize = 12;

/// What `trainer verify` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The bundle's folder
    pub bundle: PathBuf,
    /// The run (or checkpoint) that the bundle was exported from: compares with its float net as well
    #[arg(long)]
    pub run: Option<PathBuf>,
    /// Compares on the val faces of this cache, instead of synthetic ones
    #[arg(long)]
    pub cache: Option<PathBuf>,
    /// How many faces of the cache
    #[arg(long, default_value_t = 200)]
    pub faces: usize,
    /// `auto` makes a virtual environment for it if need be; or `installed`, `off`, or the path of a Python that has it
    #[arg(long, default_value = "auto")]
    pub onnxruntime: Wanted,
    /// Writes the tables to this file as well (Markdown)
    #[arg(long)]
    pub report: Option<PathBuf>,
}

/// Why a bundle is not verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error(transparent)]
    Bundle(#[from] BundleError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error("the cache {} holds no val faces; prepare a dataset with a val part, or leave --cache out", .0.display())]
    NoFaces(PathBuf),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Graph(#[from] GraphError),
    #[error("the bundle is of another generator than the run: {0}; export the run again")]
    OtherRun(String),
    #[error("cannot write {}: {source}", .path.display())]
    Report { path: PathBuf, source: std::io::Error },
    #[error("out of tolerance:\n  {}", .0.join("\n  "))]
    OutOfTolerance(Vec<String>),
}

/// Verifies, prints the tables, and fails if something is out of tolerance.
pub fn run(args: &Args) -> Result<(), VerifyError> {
    let bundle = Bundle::read(&args.bundle)?;
    println!("{}: manifest and hashes good", args.bundle.display());
    let trained = args.run.as_deref().map(Trained::load).transpose()?;
    let size = bundle.manifest.size as usize;
    let faces = match &args.cache {
        Some(folder) => cache_faces(folder, args.faces, size)?,
        None => (0..SYNTHETIC_FACES).map(|seed| faces::synthetic(size, seed as u64)).collect(),
    };
    let generator = trained.as_ref().map(|trained| &trained.generator);
    let agreement = examine(&bundle.manifest, &bundle.generator, generator, &faces, &args.onnxruntime)?;
    print!("\n{agreement}");
    if let Some(path) = &args.report {
        let text = format!("# {}\n\n{agreement}", bundle.manifest.name);
        let written = edge::files::write_atomic(path, text.as_bytes());
        written.map_err(|source| VerifyError::Report { path: path.clone(), source })?;
    }
    let flaws = agreement.flaws();
    if flaws.is_empty() { Ok(()) } else { Err(VerifyError::OutOfTolerance(flaws)) }
}

/// The val faces of the cache in `folder`.
pub fn cache_faces(folder: &std::path::Path, count: usize, size: usize) -> Result<Vec<Vec<f32>>, VerifyError> {
    let faces = faces::from_cache(&Cache::open(folder)?, Split::Val, count, size)?;
    if faces.is_empty() { Err(VerifyError::NoFaces(folder.to_owned())) } else { Ok(faces) }
}

/// Runs the agreement suite over a bundle's graph and, if given, the float net that it came from.
pub fn examine(
    manifest: &Manifest,
    onnx: &[u8],
    generator: Option<&Generator>,
    faces: &[Vec<f32>],
    onnxruntime: &Wanted,
) -> Result<Agreement, VerifyError> {
    let quantization = manifest.quantization;
    let bundled = match quantization {
        Quantization::None => "bundle",
        Quantization::Int8Weights => "int8 weights",
        Quantization::Int8 => "int8",
    };
    let mut contestants = Vec::new();
    let mut skipped = Vec::new();
    let mut pairs = Vec::new();
    let python = onnxruntime.find();

    let engine = Box::new(MirrorEngine::new(manifest, onnx)?);
    contestants.push(Contestant { name: format!("{bundled} in tract"), engine, quantization });
    match &python {
        Ok(python) => {
            pairs.push((0, contestants.len()));
            contestants.push(ort(bundled, OrtEngine::start(python, manifest.kind, onnx)?, quantization));
        }
        Err(reason) => skipped.push((format!("{bundled} in onnxruntime"), reason.clone())),
    }
    match generator {
        Some(generator) => {
            same_net(manifest, generator)?;
            let shown = |stage: &Stage| manifest.features.iter().any(|name| *name == stage.name().as_str());
            let features: Vec<Stage> = generator.stages().into_iter().filter(shown).collect();
            let float = graph(generator, Quantization::None, &features)?;
            let (tch, tract) = (contestants.len(), contestants.len() + 1);
            let engine = Box::new(TchEngine::new(generator, &features));
            contestants.push(Contestant { name: "float in tch".into(), engine, quantization: Quantization::None });
            let engine = Box::new(MirrorEngine::new(manifest, &float)?);
            contestants.push(Contestant { name: "float in tract".into(), engine, quantization: Quantization::None });
            pairs.splice(0..0, [(tch, tract), (tract, 0)]);
            if let Ok(python) = &python {
                pairs.insert(1, (tract, contestants.len()));
                contestants.push(ort("float", OrtEngine::start(python, manifest.kind, &float)?, Quantization::None));
            }
        }
        None => skipped.push(("float in tch and tract".into(), "no --run given".into())),
    }
    let rows = compare(faces, &mut contestants, &pairs)?;
    let few = &faces[..faces.len().min(CHANGE_FACES)];
    let changes = changes(few, contestants[0].engine.as_mut())?;
    Ok(Agreement { faces: faces.len(), rows, skipped, changes })
}

fn ort(weights: &str, engine: OrtEngine, quantization: Quantization) -> Contestant<'static> {
    let name = format!("{weights} in onnxruntime {}", engine.version());
    Contestant { name, engine: Box::new(engine), quantization }
}

fn same_net(manifest: &Manifest, generator: &Generator) -> Result<(), VerifyError> {
    let kind = super::generator::kind(generator.config.head);
    if manifest.kind != kind {
        return Err(VerifyError::OtherRun(format!("kind {:?} against {kind:?}", manifest.kind)));
    }
    if i64::from(manifest.size) != generator.config.size {
        return Err(VerifyError::OtherRun(format!("size {} against {}", manifest.size, generator.config.size)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::bundle::{Origin, manifest};
    use crate::export::generator::default_features;
    use crate::export::testing::generator;
    use crate::nets::{ConditionMode, Head};

    fn bundled(generator: &Generator, quantization: Quantization) -> (Manifest, Vec<u8>) {
        let features = default_features(generator);
        let onnx = graph(generator, quantization, &features).unwrap();
        let manifest = manifest(&Origin::untrained(), &generator.config, quantization, &features, &onnx).unwrap();
        (manifest, onnx)
    }

    fn synthetic(size: usize) -> Vec<Vec<f32>> {
        (0..6).map(|seed| faces::synthetic(size, seed)).collect()
    }

    #[test]
    fn all_engines_agree_and_each_decade_changes_the_face() {
        for head in [Head::Rgb, Head::Edit] {
            let generator = generator(head, ConditionMode::Film);
            let (manifest, onnx) = bundled(&generator, Quantization::Int8Weights);
            let agreement = examine(&manifest, &onnx, Some(&generator), &synthetic(32), &Wanted::Installed).unwrap();
            assert_eq!(agreement.flaws(), [""; 0], "{agreement}");
            assert!(agreement.rows.len() >= 2);
            assert!(agreement.measures().iter().any(|(name, value)| *name == "int8_cosine" && *value > 0.999));
        }
    }

    #[test]
    fn another_net_than_the_bundles_is_out_of_tolerance() {
        let generator = generator(Head::Rgb, ConditionMode::Film);
        let (manifest, onnx) = bundled(&generator, Quantization::Int8Weights);
        let _ = tch::no_grad(|| generator.stem.weight.shallow_clone().neg_());
        let agreement = examine(&manifest, &onnx, Some(&generator), &synthetic(32), &Wanted::Off).unwrap();
        assert!(agreement.flaws().iter().any(|flaw| flaw.contains("cosine of the pictures")), "{agreement}");
    }

    #[test]
    fn a_generator_that_does_not_hear_the_decade_is_out_of_tolerance() {
        let generator = generator(Head::Rgb, ConditionMode::Join);
        let _ = tch::no_grad(|| generator.join.age.shallow_clone().zero_());
        let (manifest, onnx) = bundled(&generator, Quantization::None);
        let agreement = examine(&manifest, &onnx, None, &synthetic(32), &Wanted::Off).unwrap();
        assert_eq!(agreement.flaws().len(), 15, "{agreement}");
    }

    #[test]
    fn a_run_of_another_kind_is_named() {
        let (manifest, onnx) = bundled(&generator(Head::Edit, ConditionMode::Join), Quantization::None);
        let other = generator(Head::Rgb, ConditionMode::Join);
        let refused = examine(&manifest, &onnx, Some(&other), &synthetic(32), &Wanted::Off);
        assert!(matches!(refused, Err(VerifyError::OtherRun(_))));
    }
}
