//! Trains the landmark net: grey crops with jitter go in, 68 points and "a face, placed as expected" come out.
//!
//! [`dataset`] → [`sample`] → [`net`] → [`training`] → [`export`] →
//! [`evaluate`] in [`scene`]s.

pub mod dataset;
pub mod evaluate;
pub mod export;
pub mod net;
pub mod sample;
pub mod scene;
pub mod training;

mod card;

use std::path::{Path, PathBuf};
use std::time::Duration;

use edge::files::write_atomic;
use shared::manifest::Quantization;

use card::{Card, Trained};
use dataset::Dataset;

/// What the command line says.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Folder with points68.csv and the pictures it names
    #[arg(long, default_value = "../shared/data/fairface")]
    data: PathBuf,
    /// The net, written when the training is through; its card with the measured numbers lies beside it
    #[arg(long, default_value = "edge/models/landmarks.onnx")]
    out: PathBuf,
    /// Where the run is kept while it lasts; a run found there goes on
    #[arg(long, default_value = "runs/landmarks.checkpoint")]
    checkpoint: PathBuf,
    /// Steps of 32 samples
    #[arg(long, default_value_t = 20_000)]
    steps: u64,
    /// Ends earlier if it takes longer than this
    #[arg(long)]
    minutes: Option<f64>,
    /// Computes convolutions in bf16: faster on CPUs with AVX-512 bf16
    #[arg(long)]
    bf16: bool,
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Only measures the net that is there
    #[arg(long)]
    evaluate: bool,
    /// Measures on every so manieth val picture
    #[arg(long, default_value_t = 1)]
    every: usize,
}

/// Trains and exports, unless only asked to evaluate, and measures.
pub fn run(args: &Args) -> Result<(), LandmarksError> {
    let (val, trained) = if args.evaluate {
        (Dataset::read_val(&args.data)?, None)
    } else {
        let dataset = Dataset::read(&args.data)?;
        let trained = train(args, &dataset)?;
        (dataset.val, Some(trained))
    };
    let val: Vec<_> = val.into_iter().step_by(args.every.max(1)).collect();
    let onnx = std::fs::read(&args.out).map_err(|error| LandmarksError::Read { path: args.out.clone(), error })?;
    let measured = evaluate::measure(&onnx, &args.data, &val)?;
    let path = args.out.with_extension("json");
    let earlier = || Card::trained(&std::fs::read_to_string(&path).ok()?, &onnx);
    let card = Card::new(&onnx, trained.or_else(earlier), measured).to_json();
    println!("{card}");
    write(&path, format!("{card}\n").as_bytes())
}

fn train(args: &Args, dataset: &Dataset) -> Result<Trained, LandmarksError> {
    let (train, val) = (&dataset.train, &dataset.val);
    println!("{} faces to train on, {} to measure with", train.len(), val.len());
    println!("left out: {} whose labels disagree, {} unreadable", dataset.doubtful, dataset.unreadable.len());
    for (file, reason) in &dataset.unreadable {
        println!("unreadable: {file}: {reason}");
    }
    if let Some(folder) = args.checkpoint.parent() {
        std::fs::create_dir_all(folder).map_err(|error| LandmarksError::Write { path: folder.to_owned(), error })?;
    }
    let plan = training::Plan {
        steps: args.steps,
        time: args.minutes.map(|minutes| Duration::from_secs_f64(minutes.clamp(0.0, 1e6) * 60.0)),
        bf16: args.bf16,
        seed: args.seed,
        checkpoint: args.checkpoint.clone(),
    };
    let mut run = training::Run::new(args.seed, &training::mean_points(train)?);
    run.train(train, val, &plan)?;
    write(&args.out, &export::onnx(&run.net, Quantization::Int8Weights)?)?;
    Ok(Trained { faces: train.len(), samples: run.samples(), seed: args.seed })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), LandmarksError> {
    write_atomic(path, bytes).map_err(|error| LandmarksError::Write { path: path.to_owned(), error })
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
    #[error(transparent)]
    Evaluate(#[from] evaluate::EvaluateError),
    #[error("{path} cannot be read: {error}; train a net first, or name one with --out")]
    Read { path: PathBuf, error: std::io::Error },
    #[error("{path} cannot be written: {error}")]
    Write { path: PathBuf, error: std::io::Error },
    #[error("the faces' points cannot be aligned: {0}")]
    Points(#[from] shared::geometry::FitError),
}
