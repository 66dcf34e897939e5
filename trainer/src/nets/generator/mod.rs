//! The generator: encoder, age vector joined to its features, residual blocks, decoder (paper, section 3.2 and figure 2).
//!
//! A face `[N, 3, S, S]` and a condition `[N, 6]` come in; an [`Output`] goes out. The walk is cut into [`Stage`]s, so that
//! the middle layers can be taken out, shown, and steered (paper, section 3.3).

mod config;
mod parts;

use super::edit::{Ages, DRAWN, Edit, EditHead};
use super::layers::{Conv, Padding, TransposedConv, instance_norm};
use super::visitor::CODES;
pub use config::{BlockKind, ConditionMode, GeneratorConfig, Head};
pub use parts::{AGE_MAPS, Film, Join, ResidualBlock};
use shared::decade;
use tch::nn::Path;
use tch::{Kind, Tensor};

/// A place in the walk through the generator, from the first convolution to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Stem,
    Down(usize),
    Join,
    Block(usize),
    Up(usize),
    Head,
}

impl Stage {
    /// A name for files, features and ONNX outputs: `stem`, `down1`, `join`, `block3`, `up2`, `head`.
    pub fn name(self) -> String {
        match self {
            Self::Stem => "stem".into(),
            Self::Down(n) => format!("down{}", n + 1),
            Self::Join => "join".into(),
            Self::Block(n) => format!("block{}", n + 1),
            Self::Up(n) => format!("up{}", n + 1),
            Self::Head => "head".into(),
        }
    }
}

/// What a generator gives.
#[derive(Debug)]
pub struct Output {
    /// The aged face, `[N, 3, S, S]` in −1..1.
    pub aged: Tensor,
    /// What the head `edit` does to the face.
    pub edit: Option<Edit>,
}

/// c7s1-w, d2w, d4w, join, R4w × blocks, u2w, uw, c7s1-3 (paper's notation, w = 64 there).
#[derive(Debug)]
pub struct Generator {
    pub config: GeneratorConfig,
    pub stem: Conv,
    pub downs: [Conv; 2],
    pub join: Join,
    pub blocks: Vec<ResidualBlock>,
    pub ups: [TransposedConv; 2],
    pub up_films: [Option<Film>; 2],
    pub head: Conv,
    /// What the head `edit` has beyond its last convolution.
    pub edit: Option<EditHead>,
}

impl Generator {
    pub fn new(path: &Path, config: GeneratorConfig) -> Self {
        let w = config.width;
        let precision = config.precision;
        let conv = |name: &str, channels, kernel, stride, padding| {
            Conv::new(path / name, channels, kernel, stride, padding, precision)
        };
        let block = |i: usize| ResidualBlock::new(&(path / "block" / (i + 1)), config);
        let head = match config.head {
            Head::Rgb => conv("head", (w, 3), 7, 1, Padding::Reflect(3)),
            Head::Edit => conv("head", (w, DRAWN * config.patch() * config.patch()), 3, 1, Padding::Reflect(1)),
        };
        let edit = (config.head == Head::Edit).then(|| {
            head.quieten();
            EditHead::new(&(path / "edit"), &config)
        });
        Self {
            config,
            stem: conv("stem", (3, w), 7, config.stem_stride, Padding::Reflect(3)),
            downs: [
                conv("down1", (w, 2 * w), 3, 2, Padding::Zeros(1)),
                conv("down2", (2 * w, 4 * w), 3, 2, Padding::Zeros(1)),
            ],
            join: Join::new(&(path / "join"), config),
            blocks: (0..config.blocks).map(block).collect(),
            ups: [
                TransposedConv::new(path / "up1", 4 * w, 2 * w, precision),
                TransposedConv::new(path / "up2", 2 * w, w, precision),
            ],
            up_films: [Film::of(&(path / "up1"), config, 2 * w), Film::of(&(path / "up2"), config, w)],
            head,
            edit,
        }
    }

    /// All stages in order.
    pub fn stages(&self) -> Vec<Stage> {
        let blocks = (0..self.blocks.len()).map(Stage::Block);
        [Stage::Stem, Stage::Down(0), Stage::Down(1), Stage::Join]
            .into_iter()
            .chain(blocks)
            .chain([Stage::Up(0), Stage::Up(1), Stage::Head])
            .collect()
    }

    /// G(x, c): face `[N, 3, S, S]` in −1..1, target decade `[N, 6]`.
    pub fn forward(&self, face: &Tensor, age: &Tensor) -> Output {
        let condition = self.condition(face, age);
        let mut carried = Carried::default();
        let stages = self.stages().into_iter();
        let drawn = stages.fold(face.shallow_clone(), |x, stage| self.step(stage, &x, &condition, &mut carried));
        self.finish(&drawn, face, &condition, &carried)
    }

    /// As [`Self::forward`], with the features `[N, C, H, W]` after every stage on the way.
    pub fn walk(&self, face: &Tensor, age: &Tensor) -> (Vec<(Stage, Tensor)>, Output) {
        let condition = self.condition(face, age);
        let (mut x, mut carried) = (face.shallow_clone(), Carried::default());
        let mut walked = Vec::new();
        for stage in self.stages() {
            x = self.step(stage, &x, &condition, &mut carried);
            walked.push((stage, x.shallow_clone()));
        }
        let output = self.finish(&x, face, &condition, &carried);
        (walked, output)
    }

    /// Features `[N, C, H, W]` after `stage`.
    pub fn features(&self, face: &Tensor, age: &Tensor, stage: Stage) -> Tensor {
        self.until(face, &self.condition(face, age), stage).0
    }

    fn until(&self, face: &Tensor, condition: &Tensor, stage: Stage) -> (Tensor, Carried) {
        let (mut x, mut carried) = (face.shallow_clone(), Carried::default());
        for each in self.stages() {
            x = self.step(each, &x, condition, &mut carried);
            if each == stage {
                break;
            }
        }
        (x, carried)
    }

    /// The rest of the walk from features taken (and perhaps moved) after `stage`.
    pub fn resume(&self, features: &Tensor, face: &Tensor, age: &Tensor, stage: Stage) -> Output {
        let condition = self.condition(face, age);
        // What is carried past the features leaves them unmoved: it is the face's, whatever was done to them.
        let (_, mut carried) = self.until(face, &condition, stage);
        if stage == self.middle() {
            carried.middle = Some(features.shallow_clone());
        }
        let rest = self.stages().into_iter().skip_while(|&each| each != stage).skip(1);
        let drawn = rest.fold(features.shallow_clone(), |x, each| self.step(each, &x, &condition, &mut carried));
        self.finish(&drawn, face, &condition, &carried)
    }

    /// The last stage before the way back up; the displacement field is drawn from it.
    pub fn middle(&self) -> Stage {
        self.blocks.len().checked_sub(1).map_or(Stage::Join, Stage::Block)
    }

    /// What the layers are told: the age alone, or with what the face looks like already.
    fn condition(&self, face: &Tensor, age: &Tensor) -> Tensor {
        let Some(edit) = &self.edit else { return age.shallow_clone() };
        let (apparent, code) = edit.visitor.of(face);
        Tensor::cat(&[age, &apparent, &code], 1)
    }

    fn step(&self, stage: Stage, x: &Tensor, condition: &Tensor, carried: &mut Carried) -> Tensor {
        let y = match stage {
            Stage::Stem => carried.keep(1, instance_norm(&self.stem.forward(x)).relu()),
            Stage::Down(n) => {
                let y = instance_norm(&self.downs[n].forward(x)).relu();
                if n == 0 { carried.keep(0, y) } else { y }
            }
            Stage::Join => self.join.forward(x, condition),
            Stage::Block(n) => self.blocks[n].forward(x, condition),
            Stage::Up(n) => {
                let y = instance_norm(&self.ups[n].forward(x));
                let y = self.up_films[n].as_ref().map_or_else(|| y.shallow_clone(), |film| film.forward(&y, condition));
                let skip = self.config.skips.then(|| carried.skips[n].take()).flatten();
                skip.map_or_else(|| y.relu(), |skip| (&y + skip).relu())
            }
            Stage::Head => self.head.forward(x).to_kind(Kind::Float),
        };
        if stage == self.middle() {
            carried.middle = Some(y.shallow_clone());
        }
        y
    }

    fn finish(&self, drawn: &Tensor, face: &Tensor, condition: &Tensor, carried: &Carried) -> Output {
        let (Some(head), Some(middle)) = (&self.edit, &carried.middle) else {
            return Output { aged: drawn.tanh(), edit: None };
        };
        let decades = decade::COUNT as i64;
        let (target, apparent) = (condition.narrow(1, 0, decades), condition.narrow(1, decades, decades));
        let code = condition.narrow(1, 2 * decades, CODES);
        let moved = head.flow.forward(middle).to_kind(Kind::Float);
        let ages = Ages { target: &target, apparent: &apparent, code: &code };
        let patch = self.config.patch();
        let (drawn, moved) = (drawn.pixel_shuffle(patch), moved.pixel_shuffle(patch));
        let edit = head.edit(face, ages, Some((&drawn, &moved)));
        Output { aged: softly_clamped(&edit.apply(face)), edit: Some(edit) }
    }
}

/// Values beyond −1..1 come back to it, with a little gradient left.
fn softly_clamped(x: &Tensor) -> Tensor {
    let clamped = x.clamp(-1.0, 1.0);
    &clamped + (x - &clamped) * 0.01
}

/// What bypasses the stages.
#[derive(Debug, Default)]
struct Carried {
    /// The encoder's features that wait for the decoder's of the same size.
    skips: [Option<Tensor>; 2],
    /// Features before the way up.
    middle: Option<Tensor>,
}

impl Carried {
    fn keep(&mut self, up: usize, features: Tensor) -> Tensor {
        self.skips[up] = Some(features.shallow_clone());
        features
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::testing::{config, shapes};
    use tch::{Device, nn};

    fn generator(head: Head, condition: ConditionMode) -> Generator {
        shaped(config(head, condition))
    }

    fn shaped(config: GeneratorConfig) -> Generator {
        tch::manual_seed(7);
        Generator::new(&nn::VarStore::new(Device::Cpu).root(), config)
    }

    fn decade(index: i64) -> Tensor {
        let age = Tensor::zeros([1, 6], (Kind::Float, Device::Cpu));
        let _ = age.narrow(1, index, 1).fill_(1.0);
        age
    }

    #[test]
    fn every_decade_changes_the_picture_at_initialisation() {
        // (An untrained head `edit` is quiet by design.)
        for head in [Head::Rgb, Head::Edit] {
            for condition in [ConditionMode::Join, ConditionMode::Film] {
                let generator = generator(head, condition);
                let face = Tensor::rand([1, 3, 32, 32], (Kind::Float, Device::Cpu)) * 2.0 - 1.0;
                let aged: Vec<_> = (0..6).map(|d| generator.forward(&face, &decade(d)).aged).collect();
                for (i, a) in aged.iter().enumerate() {
                    for b in &aged[..i] {
                        let inside = |t: &Tensor| t.narrow(2, 8, 16).narrow(3, 8, 16);
                        let change = (inside(a) - inside(b)).abs().max().double_value(&[]);
                        let least = if head == Head::Edit { 1e-5 } else { 1e-3 };
                        assert!(change > least, "{head:?} {condition:?}: {change}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_walk_can_be_cut_after_any_stage() {
        let age = Tensor::cat(&[decade(1), decade(4)], 0);
        for config in shapes() {
            let generator = shaped(config);
            let face = Tensor::rand([2, 3, config.size, config.size], (Kind::Float, Device::Cpu));
            let whole = generator.forward(&face, &age).aged;
            assert_eq!(whole.size(), face.size());
            for stage in generator.stages() {
                let features = generator.features(&face, &age, stage);
                let resumed = generator.resume(&features, &face, &age, stage).aged;
                assert_eq!((&whole - resumed).abs().max().double_value(&[]), 0.0, "{config:?} {}", stage.name());
            }
        }
    }
}
