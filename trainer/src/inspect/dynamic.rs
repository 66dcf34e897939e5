//! `trainer dynamic PHOTO --run RUN --out DIR`: a face from 10 to 69 without a jump (paper, section on dynamic ageing), in two
//! ways side by side: by blending the condition vector, and by moving a middle layer's features along the gradient towards the
//! next decade. Under each frame stands the confidence of the discriminator, told the frame's age.
//!
//! DIR gets `dynamic.gif`, `strip.png`, `confidence.csv` and the frames, `blend/` and `gradient/`.

use super::InspectError;
use super::canvas::{self, Canvas, LINE};
use super::layers::{age, stages};
use super::subject::Subject;
use crate::export::source::Trained;
use crate::nets::Stage;
use image::RgbImage;
use shared::{Condition, Decade};
use std::fmt::Write;
use std::path::PathBuf;
use tch::{Kind, Tensor};

/// Ages in years, a frame each.
pub const AGES: std::ops::RangeInclusive<u32> = 10..=69;
/// Steps of gradient descent that one frame may take.
const STEPS: usize = 8;
/// How often a step that leads further away is halved before the frame stays where it is.
const HALVINGS: i32 = 8;
/// A frame is there when it has come this close to its share of the way.
const CLOSE: f64 = 1.02;
const MILLISECONDS: u32 = 90;

/// What `trainer dynamic` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub subject: Subject,
    /// The run's folder, or one of its checkpoints
    #[arg(long)]
    pub run: PathBuf,
    /// Folder for the frames and the animation
    #[arg(long)]
    pub out: PathBuf,
    /// The layer whose features are moved; the middle one unless given
    #[arg(long)]
    pub layer: Option<String>,
}

/// One age of a sequence.
#[derive(Debug)]
pub struct Moment {
    /// In years.
    pub age: u32,
    /// `[1, 3, S, S]`
    pub aged: Tensor,
    /// Mean of the discriminator's patches, told the age: 1 for a real face, 0 for a generated one.
    pub confidence: f64,
}

pub fn run(args: &Args) -> Result<(), InspectError> {
    let trained = Trained::load(&args.run)?;
    let layer = layer(&trained, args.layer.as_ref())?;
    let face = args.subject.face(trained.generator.config.size)?;
    let blend = blend(&trained, &face);
    let gradient = gradient(&trained, &face, layer)?;
    for (name, moments) in [("blend", &blend), ("gradient", &gradient)] {
        let folder = args.out.join(name);
        canvas::folder(&folder)?;
        for moment in moments {
            canvas::save(&folder.join(format!("{}.png", moment.age)), &canvas::face(&moment.aged))?;
        }
    }
    let scale = Scale::of(&[&blend, &gradient]);
    let titles = ["condition blended".to_owned(), format!("{} moved", layer.name())];
    let frames: Vec<RgbImage> = (0..blend.len()).map(|i| frame(&titles, [&blend, &gradient], i, scale)).collect();
    // There and back again, so that the loop does not jump.
    let loops: Vec<RgbImage> = frames.iter().chain(frames.iter().rev().skip(1)).cloned().collect();
    canvas::save_animation(&args.out.join("dynamic.gif"), &loops, MILLISECONDS)?;
    canvas::save(&args.out.join("strip.png"), &strip(&titles, [&blend, &gradient]))?;
    let table = table(&blend, &gradient);
    let path = args.out.join("confidence.csv");
    edge::files::write_atomic(&path, table.as_bytes()).map_err(|error| canvas::failed(&path, &error))?;
    println!("{}: dynamic.gif, strip.png, confidence.csv and {} frames each way", args.out.display(), frames.len());
    Ok(())
}

/// The layer that is moved: the asked one, else the middle residual block.
fn layer(trained: &Trained, name: Option<&String>) -> Result<Stage, InspectError> {
    let middle = Stage::Block(trained.generator.blocks.len().div_ceil(2).saturating_sub(1));
    let name = name.cloned().unwrap_or_else(|| middle.name());
    let found = stages(&trained.generator, &[name])?;
    Ok(found.first().copied().unwrap_or(middle))
}

/// G(x, c) with c blended between neighbouring decades.
pub fn blend(trained: &Trained, face: &Tensor) -> Vec<Moment> {
    tch::no_grad(|| {
        conditions()
            .map(|(years, condition)| {
                let aged = trained.generator.forward(face, &age(face, &condition)).aged;
                moment(trained, years, &condition, aged)
            })
            .collect()
    })
}

/// The features h of `layer`, taken at the youngest condition, move along −∇ₕ ‖R(h) − G(x, cₙ)‖² from decade to decade; R is the
/// rest of the walk, which is never told another age. Each frame goes its share of the way: its steps have the length at
/// which the objective, were it linear, would reach that share (Polyak 1969), halved while they lead away.
pub fn gradient(trained: &Trained, face: &Tensor, layer: Stage) -> Result<Vec<Moment>, InspectError> {
    let generator = &trained.generator;
    let youngest = age(face, &Condition::one_hot(Decade::Tens));
    let goals: Vec<Tensor> = tch::no_grad(|| {
        let goal = |decade: Decade| generator.forward(face, &age(face, &Condition::one_hot(decade))).aged;
        Decade::ALL.map(goal).into()
    });
    let mut features = tch::no_grad(|| generator.features(face, &youngest, layer)).detach();
    let mut start = 0.0;
    let mut leg = usize::MAX;
    let mut moments = Vec::new();
    for (years, condition) in conditions() {
        let place = f64::from(condition.mean_age() - Decade::Tens.middle()) / 10.0;
        let next = (place.ceil() as usize).min(goals.len() - 1);
        let left = next as f64 - place;
        let objective = |features: &Tensor| {
            let aged = generator.resume(features, face, &youngest, layer).aged;
            (&aged - &goals[next]).square().mean(Kind::Float)
        };
        if next != leg {
            leg = next;
            start = tch::no_grad(|| objective(&features)).double_value(&[]);
        }
        // The distance itself falls evenly; its square is what is measured.
        let share = start * left * left;
        for _ in 0..STEPS {
            let here = features.detach().set_requires_grad(true);
            let objective_here = objective(&here);
            let distance = objective_here.double_value(&[]);
            if distance <= share * CLOSE {
                break;
            }
            let slope = Tensor::f_run_backward(&[&objective_here], &[&here], false, false)?.remove(0);
            let steepness = slope.square().sum(Kind::Double).double_value(&[]);
            if steepness <= f64::MIN_POSITIVE {
                break;
            }
            let reach = (distance - share) / steepness;
            let halved = (0..HALVINGS).map(|n| tch::no_grad(|| &features - &slope * (reach * 0.5f64.powi(n))));
            match { halved }.find(|moved| tch::no_grad(|| objective(moved)).double_value(&[]) < distance) {
                Some(moved) => features = moved,
                None => break,
            }
        }
        let aged = tch::no_grad(|| generator.resume(&features, face, &youngest, layer).aged);
        moments.push(tch::no_grad(|| moment(trained, years, &condition, aged)));
    }
    Ok(moments)
}

fn conditions() -> impl Iterator<Item = (u32, Condition)> {
    AGES.filter_map(|years| Condition::at_age(years as f32).ok().map(|condition| (years, condition)))
}

fn moment(trained: &Trained, years: u32, condition: &Condition, aged: Tensor) -> Moment {
    let score = trained.judge.forward(&aged, &age(&aged, condition)).mean(Kind::Double);
    Moment { age: years, confidence: score.double_value(&[]), aged: aged.detach() }
}

/// What the curves' height stands for.
#[derive(Clone, Copy, Debug)]
struct Scale {
    least: f64,
    largest: f64,
}

impl Scale {
    fn of(sequences: &[&[Moment]]) -> Self {
        let all = sequences.iter().flat_map(|moments| moments.iter().map(|moment| moment.confidence));
        let (least, largest) = all.fold((0.0, 1.0), |(a, b): (f64, f64), v| (a.min(v), b.max(v)));
        Self { least, largest }
    }

    /// 0..1
    fn share(self, confidence: f64) -> f64 {
        ((confidence - self.least) / (self.largest - self.least)).clamp(0.0, 1.0)
    }
}

const SIDE: u32 = 192;
const CURVE: u32 = 48;
const GAP: u32 = 8;

/// Both ways at one age, each over its curve of confidence so far, with the present as a bar.
fn frame(titles: &[String; 2], sequences: [&[Moment]; 2], index: usize, scale: Scale) -> RgbImage {
    let mut canvas = Canvas::new(2 * SIDE + 3 * GAP, SIDE + CURVE + 3 * LINE + 3 * GAP);
    for (column, (title, moments)) in titles.iter().zip(sequences).enumerate() {
        let Some(moment) = moments.get(index) else { continue };
        let x = GAP + column as u32 * (SIDE + GAP);
        canvas.text(title, x, GAP / 2);
        let tile =
            image::imageops::resize(&canvas::face(&moment.aged), SIDE, SIDE, image::imageops::FilterType::CatmullRom);
        canvas.put(&tile, x, LINE + GAP);
        let top = LINE + SIDE + 2 * GAP;
        canvas.text(&format!("age {}   D {:+.2}", moment.age, moment.confidence), x, top);
        let floor = top + LINE + CURVE;
        canvas.fill(x, floor, SIDE, 1, [120, 120, 120]);
        let step = SIDE / moments.len().max(1) as u32;
        for (i, moment) in moments.iter().enumerate() {
            let height = 1 + (scale.share(moment.confidence) * f64::from(CURVE - 1)) as u32;
            let left = x + i as u32 * step;
            match i.cmp(&index) {
                std::cmp::Ordering::Less => canvas.fill(left, floor - height, step, 3.min(height), [150, 150, 150]),
                std::cmp::Ordering::Equal => canvas.fill(left, floor - height, step, height, [200, 80, 30]),
                std::cmp::Ordering::Greater => {}
            }
        }
    }
    canvas.picture
}

/// Every fifth year, a row each way.
fn strip(titles: &[String; 2], sequences: [&[Moment]; 2]) -> RgbImage {
    const TILE: u32 = 112;
    let chosen: Vec<usize> = (0..sequences[0].len()).filter(|i| (AGES.start() + *i as u32).is_multiple_of(5)).collect();
    let row = 2 * LINE + TILE + 4;
    let mut canvas = Canvas::new(chosen.len() as u32 * (TILE + 2) + 2, 2 * row);
    for (line, (title, moments)) in titles.iter().zip(sequences).enumerate() {
        let top = line as u32 * row;
        canvas.text(title, 4, top);
        for (column, moment) in chosen.iter().filter_map(|&i| moments.get(i)).enumerate() {
            let x = 2 + column as u32 * (TILE + 2);
            canvas.put(&canvas::sized(&canvas::face(&moment.aged), TILE), x, top + LINE);
            canvas.text(&format!("{}  D {:+.2}", moment.age, moment.confidence), x + 2, top + LINE + TILE);
        }
    }
    canvas.picture
}

fn table(blend: &[Moment], gradient: &[Moment]) -> String {
    let mut text = String::from("age,blend,gradient\n");
    for (a, b) in blend.iter().zip(gradient) {
        let Ok(()) = writeln!(text, "{},{:.5},{:.5}", a.age, a.confidence, b.confidence) else { break };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::faces::synthetic;
    use crate::inspect::subject::tensor;
    use crate::inspect::testing::trained;

    fn distance(a: &Tensor, b: &Tensor) -> f64 {
        (a - b).square().mean(Kind::Double).double_value(&[]).sqrt()
    }

    #[test]
    fn both_ways_lead_from_the_tens_to_near_the_sixties_without_a_jump() {
        let trained = trained();
        let size = trained.generator.config.size;
        let face = tensor(&synthetic(size as usize, 5), size);
        let (blend, gradient) = (blend(&trained, &face), gradient(&trained, &face, Stage::Block(0)).unwrap());
        let whole = distance(&blend[0].aged, &blend[59].aged);
        assert!(whole > 1e-3);
        for moments in [&blend, &gradient] {
            assert_eq!(moments.len(), 60);
            assert!(distance(&moments[0].aged, &blend[0].aged) < 1e-6);
            assert!(distance(&moments[59].aged, &blend[59].aged) < 0.5 * whole);
            for pair in moments.windows(2) {
                assert!(distance(&pair[0].aged, &pair[1].aged) < 0.5 * whole, "{}", pair[0].age);
            }
        }
    }
}
