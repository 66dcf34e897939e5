//! `trainer layers PHOTO --run RUN --out DIR`: the middle layers' features while a face is drawn at one decade, and the gradients
//! that would make it look more of another: how much each value of a non-leaf layer adds to the score of the discriminator
//! that is told the target decade (paper, section 3.3).
//!
//! DIR gets `layers.png` (an overview), and for each layer its channels, `<layer>.png` and `<layer>-gradient.png`.

use super::InspectError;
use super::canvas::{self, Canvas, LINE, Shades};
use super::subject::Subject;
use crate::export::source::Trained;
use crate::nets::{Generator, Stage};
use shared::{Condition, Decade};
use std::path::PathBuf;
use tch::{Kind, Tensor};

/// What `trainer layers` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub subject: Subject,
    /// The run's folder, or one of its checkpoints
    #[arg(long)]
    pub run: PathBuf,
    /// Folder for the pictures
    #[arg(long)]
    pub out: PathBuf,
    /// The decade that the gradients lead to
    #[arg(long, default_value = "60s")]
    pub age: Decade,
    /// The decade that the face is drawn at; the one before the target unless given
    #[arg(long)]
    pub from: Option<Decade>,
    /// Layers to show, such as down2,join,block3,up1; the middle ones unless given
    #[arg(long, value_delimiter = ',')]
    pub layers: Vec<String>,
}

/// One layer, seen.
#[derive(Debug)]
pub struct Layer {
    pub stage: Stage,
    /// `[C, H, W]`
    pub features: Tensor,
    /// `[C, H, W]`: change of the score for a small change of the feature.
    pub gradient: Tensor,
}

/// A face on its way through the generator.
#[derive(Debug)]
pub struct Walked {
    pub layers: Vec<Layer>,
    /// `[1, 3, S, S]`
    pub aged: Tensor,
    /// Mean of the discriminator's patches: 1 is a real face of the target decade, 0 a generated one.
    pub score: f64,
}

pub fn run(args: &Args) -> Result<(), InspectError> {
    let trained = Trained::load(&args.run)?;
    let stages = stages(&trained.generator, &args.layers)?;
    let face = args.subject.face(trained.generator.config.size)?;
    let before = Decade::from_index(args.age.index().saturating_sub(1)).unwrap_or(args.age);
    let from = args.from.unwrap_or(before);
    let walked = walk(&trained, &face, from, args.age, &stages)?;
    canvas::folder(&args.out)?;
    for layer in &walked.layers {
        let name = layer.stage.name();
        canvas::save(&args.out.join(format!("{name}.png")), &channels(&layer.features, false))?;
        canvas::save(&args.out.join(format!("{name}-gradient.png")), &channels(&layer.gradient, true))?;
    }
    let target = tch::no_grad(|| trained.generator.forward(&face, &condition(&face, args.age))).aged;
    let overview = overview(&face, &walked, &target, from, args.age);
    canvas::save(&args.out.join("layers.png"), &overview.picture)?;
    println!("{}: {} layers, score {:.3} at {}", args.out.display(), stages.len(), walked.score, args.age);
    Ok(())
}

/// The stages of the given names; the middle ones for none.
pub fn stages(generator: &Generator, names: &[String]) -> Result<Vec<Stage>, InspectError> {
    if names.is_empty() {
        return Ok(crate::export::generator::default_features(generator));
    }
    let all = generator.stages();
    let find = |name: &String| {
        let known = || all.iter().map(|stage| stage.name()).collect::<Vec<_>>().join(", ");
        let found = all.iter().find(|stage| stage.name() == *name).copied();
        found.ok_or_else(|| InspectError::Layer { found: name.clone(), known: known() })
    };
    names.iter().map(find).collect()
}

/// Draws `face` `[1, 3, S, S]` at decade `from`, and follows the score of the discriminator, told `target`, back to `stages`.
pub fn walk(
    trained: &Trained,
    face: &Tensor,
    from: Decade,
    target: Decade,
    stages: &[Stage],
) -> Result<Walked, InspectError> {
    // Frozen weights would leave nothing to follow back.
    let face = face.detach().copy().set_requires_grad(true);
    let (walked, output) = trained.generator.walk(&face, &condition(&face, from));
    let score = trained.judge.forward(&output.aged, &condition(&face, target)).mean(Kind::Float);
    let features: Vec<&Tensor> = stages.iter().filter_map(|stage| find(&walked, *stage)).collect();
    let gradients = Tensor::f_run_backward(&[&score], &features, false, false)?;
    let layer = |((&stage, features), gradient): ((&Stage, &Tensor), Tensor)| Layer {
        stage,
        features: features.detach().squeeze_dim(0),
        gradient: gradient.squeeze_dim(0),
    };
    Ok(Walked {
        layers: stages.iter().zip(features).zip(gradients).map(layer).collect(),
        aged: output.aged.detach(),
        score: score.double_value(&[]),
    })
}

fn find(walked: &[(Stage, Tensor)], stage: Stage) -> Option<&Tensor> {
    walked.iter().find(|(other, _)| *other == stage).map(|(_, features)| features)
}

/// A decade's condition `[1, 6]` beside `face`.
pub fn condition(face: &Tensor, decade: Decade) -> Tensor {
    age(face, &Condition::one_hot(decade))
}

/// A condition `[1, 6]` beside `face`.
pub fn age(face: &Tensor, condition: &Condition) -> Tensor {
    Tensor::from_slice(condition.weights()).unsqueeze(0).to_device(face.device())
}

/// All channels `[C, H, W]` in a square of tiles.
fn channels(maps: &Tensor, signed: bool) -> image::RgbImage {
    let count = maps.size()[0] as u32;
    let columns = (f64::from(count).sqrt().ceil() as u32).max(1);
    let tile = if count > 64 { 48 } else { 80 };
    let full = maps.abs().max().double_value(&[]) as f32;
    let mut canvas = Canvas::new(columns * (tile + 2) + 2, count.div_ceil(columns) * (tile + 2) + 2);
    for i in 0..count {
        let shades = if signed { Shades::Signed(full) } else { Shades::Own };
        let picture = canvas::sized(&canvas::map(&maps.get(i64::from(i)), shades), tile);
        canvas.put(&picture, 2 + i % columns * (tile + 2), 2 + i / columns * (tile + 2));
    }
    canvas.picture
}

/// The face at three stops, then a row a layer: how active it is, where its gradient is strong, and what the two do
/// together (red: features that speak for the target, blue: against).
fn overview(face: &Tensor, walked: &Walked, target: &Tensor, from: Decade, to: Decade) -> Canvas {
    const TILE: u32 = 144;
    const LEFT: u32 = 70;
    let row_height = TILE + LINE + 8;
    let rows = walked.layers.len() as u32 + 1;
    let mut canvas = Canvas::new(LEFT + 3 * (TILE + 8), rows * row_height + 4);
    let mut row = |index: u32, name: &str, tiles: [(String, image::RgbImage); 3]| {
        let top = 4 + index * row_height;
        canvas.text(name, 4, top + LINE + TILE / 2);
        for (column, (label, picture)) in tiles.iter().enumerate() {
            let x = LEFT + column as u32 * (TILE + 8);
            canvas.text(label, x, top);
            canvas.put(&canvas::sized(picture, TILE), x, top + LINE);
        }
    };
    let faces = [
        ("face".to_owned(), canvas::face(face)),
        (format!("at {from}"), canvas::face(&walked.aged)),
        (format!("at {to}"), canvas::face(target)),
    ];
    row(0, &format!("D {:.2}", walked.score), faces);
    for (i, layer) in walked.layers.iter().enumerate() {
        let mean = |maps: &Tensor| maps.mean_dim(&[0i64][..], false, Kind::Float);
        let together = mean(&(&layer.features * &layer.gradient));
        let full = together.abs().max().double_value(&[]) as f32;
        let tiles = [
            ("features".to_owned(), canvas::map(&mean(&layer.features.abs()), Shades::Own)),
            (format!("gradient to {to}"), canvas::map(&mean(&layer.gradient.abs()), Shades::Own)),
            ("together".to_owned(), canvas::map(&together, Shades::Signed(full))),
        ];
        row(i as u32 + 1, &layer.stage.name(), tiles);
    }
    canvas
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::faces::synthetic;
    use crate::inspect::subject::tensor;
    use crate::inspect::testing::trained;

    #[test]
    fn a_small_step_along_the_gradient_raises_the_score() {
        let trained = trained();
        let size = trained.generator.config.size;
        let face = tensor(&synthetic(size as usize, 5), size);
        let stages = stages(&trained.generator, &[]).unwrap();
        let walked = walk(&trained, &face, Decade::Twenties, Decade::Sixties, &stages).unwrap();
        assert_eq!(walked.layers.len(), stages.len());
        for layer in &walked.layers {
            assert!(layer.gradient.abs().max().double_value(&[]) > 0.0, "{}", layer.stage.name());
            let step: Tensor = &layer.gradient * (1e-3 / layer.gradient.square().sum(Kind::Float).sqrt());
            let moved: Tensor = &layer.features + step;
            let moved = moved.unsqueeze(0);
            let score = tch::no_grad(|| {
                let output = trained.generator.resume(&moved, &face, &condition(&face, Decade::Twenties), layer.stage);
                trained.judge.forward(&output.aged, &condition(&face, Decade::Sixties)).mean(Kind::Double)
            });
            assert!(score.double_value(&[]) > walked.score, "{}", layer.stage.name());
        }
    }

    #[test]
    fn an_unknown_layer_is_named_with_the_known_ones() {
        let error = stages(&trained().generator, &["down9".into()]).unwrap_err().to_string();
        assert!(error.contains("down9") && error.contains("stem, down1, down2, join"), "{error}");
    }
}
