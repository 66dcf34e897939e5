//! Trains the landmark net: grey crops with jitter go in, 68 points and "a face, placed as expected" come out.
//!
//! [`dataset`] → [`sample`] → [`net`] → [`training`] → [`export`].

pub mod dataset;
pub mod export;
pub mod net;
pub mod sample;
pub mod training;

use std::path::PathBuf;

use edge::files::write_atomic;
use shared::manifest::Quantization;

/// What the command line says.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Folder with points68.csv and the pictures it names
    #[arg(long, default_value = "../shared/data/fairface")]
    data: PathBuf,
    /// The net, written when the training is through; its checkpoint lies beside it
    #[arg(long, default_value = "edge/models/landmarks.onnx")]
    out: PathBuf,
    /// Steps of 64 samples
    #[arg(long, default_value_t = 8000)]
    steps: u64,
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// Trains, exports and measures.
pub fn run(args: &Args) -> Result<(), LandmarksError> {
    let dataset = dataset::Dataset::read(&args.data)?;
    println!(
        "{} faces to train on, {} to measure with, {} left out as doubtful",
        dataset.train.len(),
        dataset.val.len(),
        dataset.doubtful
    );
    for (file, reason) in &dataset.unreadable {
        println!("left out: {file}: {reason}");
    }
    let mut run = training::Run::new(args.seed, &training::mean_points(&dataset.train)?);
    let plan = training::Plan { steps: args.steps, seed: args.seed, checkpoint: args.out.with_extension("checkpoint") };
    run.train(&dataset.train, &dataset.val, &plan)?;
    let onnx = export::onnx(&run.net, Quantization::Int8Weights)?;
    write_atomic(&args.out, &onnx).map_err(|error| LandmarksError::Write { path: args.out.clone(), error })?;
    println!("error on all of val: {:.2} %", 100.0 * run.error(&dataset.val, dataset.val.len())?);
    Ok(())
}

/// What stops the making of a landmark net.
#[derive(Debug, thiserror::Error)]
pub enum LandmarksError {
    #[error(transparent)]
    Dataset(#[from] dataset::DatasetError),
    #[error(transparent)]
    Training(#[from] training::TrainingError),
    #[error(transparent)]
    Export(#[from] crate::export::onnx::GraphError),
    #[error("{path} cannot be written: {error}")]
    Write { path: PathBuf, error: std::io::Error },
    #[error("the faces' points cannot be aligned: {0}")]
    Points(#[from] shared::geometry::FitError),
}
