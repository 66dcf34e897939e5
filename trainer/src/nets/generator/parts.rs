//! The generator's parts that are told the age: the joint, the residual blocks, and what follows their norms.

use super::config::{BlockKind, ConditionMode, GeneratorConfig};
use crate::nets::layers::{Conv, Padding, Precision, instance_norm};
use tch::nn::{Init, Path};
use tch::{Kind, Tensor};

/// A norm-free 1×1 convolution with ReLU over features and age planes. Right after a concatenation, instance norm would
/// subtract the constant planes again and the age would have no effect; written as the sum of two 1×1 convolutions, which
/// is the same function and what tract can load.
#[derive(Debug)]
pub struct Join {
    pub features: Conv,
    /// `[4w, P, 1, 1]`: the columns of the joint convolution that meet the age planes; P is the condition's length, or as
    /// many as `maps` has.
    pub age: Tensor,
    /// `[C, P · H · W]`: learned planes for each entry of the condition (condition `film`).
    pub maps: Option<Tensor>,
}

/// Learned planes a decade.
pub const AGE_MAPS: i64 = 8;

/// Spread of the age columns: larger than the features', since six planes stand against 4w feature channels.
const AGE_SPREAD: f64 = 0.1;

impl Join {
    pub(super) fn new(path: &Path, config: GeneratorConfig) -> Self {
        let (channels, side, entries) = (4 * config.width, config.features() / 4, config.condition());
        let maps = (config.condition == ConditionMode::Film)
            .then(|| path.var("maps", &[entries, AGE_MAPS * side * side], Init::Randn { mean: 0.0, stdev: 1.0 }));
        let planes = if maps.is_some() { AGE_MAPS } else { entries };
        let age = path.var("age", &[channels, planes, 1, 1], Init::Randn { mean: 0.0, stdev: AGE_SPREAD });
        Self { features: Self::features(path.clone(), channels, config.precision), age, maps }
    }

    fn features(path: Path, channels: i64, precision: Precision) -> Conv {
        let mut conv = Conv::new(path, (channels, channels), 1, 1, Padding::Zeros(0), precision);
        // Starts close to the identity, so that the features pass and the encoder learns from the first step.
        tch::no_grad(|| {
            let identity = Tensor::eye(channels, (Kind::Float, conv.weight.device()));
            let start = &conv.weight + identity.view([channels, channels, 1, 1]);
            conv.weight.copy_(&start);
        });
        conv
    }

    pub(super) fn forward(&self, x: &Tensor, age: &Tensor) -> Tensor {
        let planes = match &self.maps {
            None => age.unsqueeze(-1).unsqueeze(-1),
            Some(maps) => {
                let [n, _, h, w] = x.size()[..] else { unreachable!("features are [N, C, H, W]") };
                age.matmul(maps).view([n, AGE_MAPS, h, w])
            }
        };
        let shift = planes.conv2d(&self.age, None::<&Tensor>, [1, 1], [0, 0], [1, 1], 1);
        (self.features.forward(x).to_kind(Kind::Float) + shift).relu()
    }
}

/// conv 3×3, norm, ReLU, conv 3×3, norm, plus the input; or with a third one in the middle, see [`BlockKind`].
#[derive(Debug)]
pub struct ResidualBlock {
    pub first: Conv,
    /// Each channel by itself.
    pub between: Option<Conv>,
    pub second: Conv,
    pub film: Option<Film>,
}

impl ResidualBlock {
    pub(super) fn new(path: &Path, config: GeneratorConfig) -> Self {
        let (channels, precision) = (4 * config.width, config.precision);
        let dense = |name: &str| Conv::new(path / name, (channels, channels), 3, 1, Padding::Reflect(1), precision);
        let mixing = |name: &str, channels| Conv::new(path / name, channels, 1, 1, Padding::Zeros(0), precision);
        let (first, between, second) = match config.block {
            BlockKind::Dense => (dense("first"), None, dense("second")),
            BlockKind::Inverted => {
                let wide = 2 * channels;
                let between = Conv::depthwise(path / "between", wide, 3, Padding::Reflect(1), precision);
                (mixing("first", (channels, wide)), Some(between), mixing("second", (wide, channels)))
            }
        };
        Self { first, between, second, film: Film::of(path, config, channels) }
    }

    pub(super) fn forward(&self, x: &Tensor, age: &Tensor) -> Tensor {
        let mut y = instance_norm(&self.first.forward(x)).relu();
        if let Some(between) = &self.between {
            y = instance_norm(&between.forward(&y)).relu();
        }
        let y = instance_norm(&self.second.forward(&y));
        x + self.film.as_ref().map_or_else(|| y.shallow_clone(), |film| film.forward(&y, age))
    }
}

/// `y · (1 + scale(age)) + shift(age)`, a channel.
#[derive(Debug)]
pub struct Film {
    /// `[condition, C]`
    pub scale: Tensor,
    /// `[condition, C]`
    pub shift: Tensor,
}

impl Film {
    /// Of the layer at `path`, where the condition wants one.
    pub(super) fn of(path: &Path, config: GeneratorConfig, channels: i64) -> Option<Self> {
        (config.condition == ConditionMode::Film).then(|| Self::new(path / "film", config.condition(), channels))
    }

    fn new(path: Path, condition: i64, channels: i64) -> Self {
        let init = Init::Randn { mean: 0.0, stdev: 0.1 };
        let shape = [condition, channels];
        Self { scale: path.var("scale", &shape, init), shift: path.var("shift", &shape, init) }
    }

    pub(super) fn forward(&self, x: &Tensor, age: &Tensor) -> Tensor {
        let planes = |table: &Tensor| age.matmul(table).unsqueeze(-1).unsqueeze(-1);
        x * (planes(&self.scale) + 1.0) + planes(&self.shift)
    }
}
