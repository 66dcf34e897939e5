//! `trainer quantize BUNDLE --out BUNDLE2`: a bundle with weights in int8 → the same generator computed in int8, calibrated on train
//! faces, held against the old one on val faces. What is out of tolerance is not written.

use super::calibrate::samples;
use super::faces::{FacesError, Source};
use super::{CALIBRATION_FACES, QuantizeError, quantize};
use crate::data::prepare::DEFAULT_DATASET;
use crate::data::record::Split;
use crate::export::agreement::{Agreement, Contestant, changes, compare};
use crate::export::bundle::{self, BundleError};
use crate::export::engine::{EngineError, MirrorEngine};
use edge::bundle::Bundle;
use shared::Manifest;
use shared::manifest::Quantization;
use std::path::PathBuf;

/// Faces that the change from decade to decade is measured on; each is aged six times.
const CHANGE_FACES: usize = 24;

/// What `trainer quantize` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The bundle's folder
    pub bundle: PathBuf,
    /// The new bundle's folder; an older bundle there is replaced when the new one is whole
    #[arg(long)]
    pub out: PathBuf,
    /// A labelled dataset with a train and a val part
    #[arg(long, default_value = DEFAULT_DATASET, value_name = "DIR")]
    pub data: PathBuf,
    /// Takes the faces out of this cache instead
    #[arg(long, value_name = "DIR", conflicts_with = "data")]
    pub cache: Option<PathBuf>,
    /// How many train faces to calibrate on, and val faces to measure on
    #[arg(long, default_value_t = CALIBRATION_FACES as u32, value_parser = clap::value_parser!(u32).range(1..))]
    pub faces: u32,
}

/// Why a bundle is not quantized.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error(transparent)]
    Read(#[from] edge::bundle::BundleError),
    #[error(transparent)]
    Faces(#[from] FacesError),
    #[error(transparent)]
    Quantize(#[from] QuantizeError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Bundle(#[from] BundleError),
    #[error("out of tolerance, nothing is written:\n  {}", .0.join("\n  "))]
    OutOfTolerance(Vec<String>),
}

/// Quantizes, prints how far the two bundles are apart, and writes the new one.
pub fn run(args: &Args) -> Result<(), CommandError> {
    let old = Bundle::read(&args.bundle)?;
    let source = match &args.cache {
        Some(cache) => Source::Cache(cache.clone()),
        None => Source::Pictures(args.data.clone()),
    };
    let (count, size) = (args.faces as usize, old.manifest.size as usize);
    let faces = source.faces(Split::Train, count, size)?;
    println!("calibrating on {} train faces", faces.len());
    let onnx = quantize(&old.generator, &samples(faces))?;

    let mut manifest = bundle::with_generator(&old.manifest, Quantization::Int8, &onnx)?;
    let faces = source.faces(Split::Val, count, size)?;
    let agreement = against(&old, &manifest, &onnx, &faces)?;
    print!("{agreement}");
    let flaws = agreement.flaws();
    if !flaws.is_empty() {
        return Err(CommandError::OutOfTolerance(flaws));
    }
    bundle::add_measures(&mut manifest, &agreement.measures())?;
    bundle::write(&args.out, &manifest, &onnx)?;
    println!("{}: {} of {} KB", args.out.display(), manifest.name, onnx.len().div_ceil(1000));
    Ok(())
}

/// The old bundle and the new one over `faces`.
fn against(old: &Bundle, manifest: &Manifest, onnx: &[u8], faces: &[Vec<f32>]) -> Result<Agreement, EngineError> {
    let contestant = |name: &str, manifest: &Manifest, onnx: &[u8]| {
        let engine = Box::new(MirrorEngine::new(manifest, onnx)?);
        Ok::<_, EngineError>(Contestant { name: name.into(), engine, quantization: manifest.quantization })
    };
    let mut contestants =
        [contestant("the old bundle", &old.manifest, &old.generator)?, contestant("int8", manifest, onnx)?];
    let rows = compare(faces, &mut contestants, &[(0, 1)])?;
    let changes = changes(&faces[..faces.len().min(CHANGE_FACES)], contestants[1].engine.as_mut())?;
    Ok(Agreement { faces: faces.len(), rows, skipped: Vec::new(), changes })
}
