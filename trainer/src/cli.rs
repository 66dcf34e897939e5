//! The command line: one subcommand a stage, and the whole path without one.

use crate::{data, landmarks, pipeline, prior, train};
use clap::{Parser, Subcommand};

/// Trains generators for the mirror.
///
/// Without a subcommand: prepare → train → export → verify with one recipe, each stage left out when its result is there.
#[derive(Debug, Parser)]
#[command(name = "trainer", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    pub stage: Option<Stage>,
    #[command(flatten)]
    pub pipeline: pipeline::Args,
}

#[derive(Debug, Subcommand)]
pub enum Stage {
    /// Datasets of faces → a cache of aligned crops with their labels
    Prepare(data::prepare::Args),
    /// Trains the landmark net that finds the points of a face, for the trainer and the mirror alike
    Landmarks(landmarks::Args),
    /// A recipe and a cache of faces → checkpoints, losses, previews and a report
    Train(train::Args),
    /// Times a training step against its nets alone
    Bench(train::bench::Args),
    /// Draws what the teacher of the prior loss makes of faces
    Prior(prior::sheet::Args),
    /// Averages of many faces, which belong to nobody, as demo visitors
    Composites(prior::composite::Args),
}

/// Runs one stage or the whole path.
pub fn run(cli: &Cli) -> anyhow::Result<()> {
    match &cli.stage {
        None => pipeline::run(&cli.pipeline)?,
        Some(Stage::Prepare(args)) => data::prepare::run(args)?,
        Some(Stage::Landmarks(args)) => landmarks::run(args)?,
        Some(Stage::Train(args)) => train::run(args)?,
        Some(Stage::Bench(args)) => train::bench::run(args)?,
        Some(Stage::Prior(args)) => prior::sheet::run(args)?,
        Some(Stage::Composites(args)) => prior::composite::run(args)?,
    }
    Ok(())
}
