//! Convolutions and instance norm, in the two precisions that the trainer knows.

use serde::{Deserialize, Serialize};
use tch::nn::{Init, Path};
use tch::{Kind, Tensor};

/// Spread of initial weights, as in CycleGAN's code; larger ones diverge under SGD at 0.002.
pub(super) const WEIGHT_SPREAD: f64 = 0.02;

/// What convolutions compute in. `tch::autocast` does nothing on a CPU, so each layer casts for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    #[default]
    F32,
    /// 1.5 to 1.9 times faster on CPUs with AVX-512 bf16; sums stay `f32` inside a convolution.
    Bf16,
}

/// `[N, I, H, W]` → `[N, O, H', W']`.
#[derive(Debug)]
pub struct Conv {
    /// `[O, I / groups, K, K]`
    pub weight: Tensor,
    /// `[O]`
    pub bias: Tensor,
    pub stride: i64,
    pub padding: Padding,
    /// 1, or as many as channels, each of which is convolved by itself.
    pub groups: i64,
    precision: Precision,
}

/// What stands outside the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    Zeros(i64),
    Reflect(i64),
}

impl Conv {
    pub fn new(
        path: Path,
        channels: (i64, i64),
        kernel: i64,
        stride: i64,
        padding: Padding,
        precision: Precision,
    ) -> Self {
        let (inputs, outputs) = channels;
        let weights = Init::Randn { mean: 0.0, stdev: WEIGHT_SPREAD };
        Self {
            weight: path.var("weight", &[outputs, inputs, kernel, kernel], weights),
            bias: path.var("bias", &[outputs], Init::Const(0.0)),
            stride,
            padding,
            groups: 1,
            precision,
        }
    }

    /// Each of the channels by itself, stride 1.
    pub fn depthwise(path: Path, channels: i64, kernel: i64, padding: Padding, precision: Precision) -> Self {
        Self { groups: channels, ..Self::new(path, (1, channels), kernel, 1, padding, precision) }
    }

    /// Weights a tenth as large as usual, for a layer whose first words should be small.
    pub fn quieten(&self) {
        tch::no_grad(|| {
            let _ = self.weight.shallow_clone().g_mul_scalar_(0.1);
        });
    }

    pub fn forward(&self, x: &Tensor) -> Tensor {
        let (padded, zeros) = match self.padding {
            Padding::Zeros(n) => (x.shallow_clone(), n),
            Padding::Reflect(n) => (x.reflection_pad2d([n, n, n, n]), 0),
        };
        let [x, w, b] = cast([&padded, &self.weight, &self.bias], self.precision);
        x.conv2d(&w, Some(&b), [self.stride; 2], [zeros; 2], [1, 1], self.groups)
    }
}

/// `[N, I, H, W]` → `[N, O, 2H, 2W]`: kernel 3, stride 2, as the paper's u128 and u64.
#[derive(Debug)]
pub struct TransposedConv {
    /// `[I, O, 3, 3]`
    pub weight: Tensor,
    /// `[O]`
    pub bias: Tensor,
    precision: Precision,
}

impl TransposedConv {
    pub fn new(path: Path, inputs: i64, outputs: i64, precision: Precision) -> Self {
        Self {
            weight: path.var("weight", &[inputs, outputs, 3, 3], Init::Randn { mean: 0.0, stdev: WEIGHT_SPREAD }),
            bias: path.var("bias", &[outputs], Init::Const(0.0)),
            precision,
        }
    }

    pub fn forward(&self, x: &Tensor) -> Tensor {
        let [x, w, b] = cast([x, &self.weight, &self.bias], self.precision);
        x.conv_transpose2d(&w, Some(&b), [2, 2], [1, 1], [1, 1], 1, [1, 1])
    }
}

/// Zero mean and unit variance a picture and channel, without learned scale (CycleGAN's setting). One group a channel is
/// the same function as `instance_norm` and faster on a CPU. Computes and returns `f32`.
pub fn instance_norm(x: &Tensor) -> Tensor {
    let channels = x.size()[1];
    x.to_kind(Kind::Float).group_norm(channels, None::<&Tensor>, None::<&Tensor>, INSTANCE_NORM_EPSILON, false)
}

pub const INSTANCE_NORM_EPSILON: f64 = 1e-5;

fn cast<const N: usize>(tensors: [&Tensor; N], precision: Precision) -> [Tensor; N] {
    let kind = match precision {
        Precision::F32 => Kind::Float,
        Precision::Bf16 => Kind::BFloat16,
    };
    tensors.map(|t| t.to_kind(kind))
}
