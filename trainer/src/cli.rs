//! The command line: one subcommand a stage, and the whole path without one.

use crate::data::prepare;
use crate::evaluate;
use crate::export::{command as export, verify};
use crate::inspect::{dynamic, figures, layers};
use crate::prior::{composite, sheet};
use crate::quantize::command as quantize;
use crate::{ablate, landmarks, pipeline, train};
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

/// The stages in the order of the data's walk.
#[derive(Debug, Subcommand)]
pub enum Stage {
    /// Folders of pictures → a cache of aligned faces
    Prepare(prepare::Args),
    /// Trains, exports and measures the little net that finds the points of a face
    Landmarks(landmarks::Args),
    /// A recipe and a cache of faces → checkpoints, losses, previews and a report
    Train(train::Args),
    /// Times a training step against its nets alone
    Bench(train::bench::Args),
    /// A run's generator → a bundle for the mirror
    Export(export::Args),
    /// A bundle with weights in int8 → the same generator computed in int8, calibrated on faces
    Quantize(quantize::Args),
    /// Compares a bundle in every engine that may run it
    Verify(verify::Args),
    /// Judges a bundle on faces never trained on: age, identity, realism, limits, fairness, steadiness
    Evaluate(evaluate::Args),
    /// Trains a recipe again with one thing after the other left out, and says what each gave
    Ablate(ablate::Args),
    /// Draws feature maps and gradients of the middle layers for a photograph
    Layers(layers::Args),
    /// Draws a photograph's life from 10 to 69 without steps, by condition and by the middle layer's gradient
    Dynamic(dynamic::Args),
    /// Lays out several people across the decades, and one person's whole life
    Figures(figures::Args),
    /// Draws what the teacher of the prior loss makes of faces
    Prior(sheet::Args),
    /// Averages of many faces, which belong to nobody, as demo visitors
    Composites(composite::Args),
}

/// Runs one stage or the whole path.
pub fn run(cli: &Cli) -> anyhow::Result<()> {
    match &cli.stage {
        None => pipeline::run(&cli.pipeline)?,
        Some(Stage::Prepare(args)) => prepare::run(args)?,
        Some(Stage::Landmarks(args)) => landmarks::run(args)?,
        Some(Stage::Train(args)) => train::run(args)?,
        Some(Stage::Bench(args)) => train::bench::run(args)?,
        Some(Stage::Export(args)) => export::run(args)?,
        Some(Stage::Quantize(args)) => quantize::run(args)?,
        Some(Stage::Verify(args)) => verify::run(args)?,
        Some(Stage::Evaluate(args)) => evaluate::run(args)?,
        Some(Stage::Ablate(args)) => ablate::run(args)?,
        Some(Stage::Layers(args)) => layers::run(args)?,
        Some(Stage::Dynamic(args)) => dynamic::run(args)?,
        Some(Stage::Figures(args)) => figures::run(args)?,
        Some(Stage::Prior(args)) => sheet::run(args)?,
        Some(Stage::Composites(args)) => composite::run(args)?,
    }
    Ok(())
}
