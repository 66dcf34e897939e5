//! The landmark net: `[N, 1, SIDE, SIDE]` grey in −1..1 comes in, points `[N, 136]` in units of the square and the
//! score's logit `[N, 1]` go out.
//!
//! Dense 3×3 convolutions only: on the device they run at twice the speed of depthwise ones. Batch norm steadies the
//! training and is folded into the convolutions for export.

use edge::face::crop::SIDE;
use shared::landmarks::COUNT;
use tch::nn::{self, ModuleT};
use tch::{Kind, Tensor};

/// Input channels, output channels, stride of each 3×3 convolution (padding 1, batch norm, ReLU).
const LAYERS: [(i64, i64, i64); 8] =
    [(1, 16, 2), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1)];

/// Where the last convolution's features are, in cells across.
const LAST_SIDE: i64 = SIDE as i64 / 16;

const NORM_EPSILON: f64 = 1e-5;

#[derive(Debug)]
pub struct LandmarkNet {
    layers: Vec<(nn::Conv2D, nn::BatchNorm)>,
    points: nn::Linear,
    score: nn::Linear,
}

/// A convolution with its batch norm folded in.
#[derive(Debug)]
pub struct FoldedConv {
    /// `[O, I, 3, 3]`
    pub weight: Tensor,
    /// `[O]`
    pub bias: Tensor,
    pub stride: i64,
}

impl LandmarkNet {
    pub fn new(path: &nn::Path) -> Self {
        let layer = |(i, &(inputs, outputs, stride)): (usize, &(i64, i64, i64))| {
            let path = path / format!("conv{i}");
            let config = nn::ConvConfig { stride, padding: 1, bias: false, ..Default::default() };
            let norm_config = nn::BatchNormConfig { eps: NORM_EPSILON, ..Default::default() };
            let norm = nn::batch_norm2d(&path / "norm", outputs, norm_config);
            (nn::conv2d(&path, inputs, outputs, 3, config), norm)
        };
        let features = LAYERS[LAYERS.len() - 1].1 * LAST_SIDE * LAST_SIDE;
        let small = nn::LinearConfig { ws_init: nn::Init::Randn { mean: 0.0, stdev: 1e-3 }, ..Default::default() };
        Self {
            layers: LAYERS.iter().enumerate().map(layer).collect(),
            points: nn::linear(path / "points", features, 2 * COUNT as i64, small),
            score: nn::linear(path / "score", features, 1, small),
        }
    }

    /// Starts the points at `mean` (`[136]`), so that the net only learns how faces differ.
    pub fn start_from(&mut self, mean: &Tensor) {
        if let Some(bias) = &mut self.points.bs {
            tch::no_grad(|| bias.copy_(mean));
        }
    }

    /// Points `[N, 136]` and logits `[N, 1]`, computed in `kind` (f32 or bf16) up to the heads.
    pub fn forward(&self, squares: &Tensor, train: bool, kind: Kind) -> (Tensor, Tensor) {
        let mut x = squares.to_kind(kind);
        for ((conv, norm), (_, _, stride)) in self.layers.iter().zip(LAYERS) {
            let weight = conv.ws.to_kind(x.kind());
            x = norm.forward_t(&x.conv2d(&weight, None::<&Tensor>, [stride; 2], [1; 2], [1; 2], 1), train).relu();
        }
        let x = x.flatten(1, -1).to_kind(Kind::Float);
        (x.apply(&self.points), x.apply(&self.score))
    }

    /// The convolutions as they run on the device.
    pub fn folded(&self) -> Vec<FoldedConv> {
        tch::no_grad(|| {
            self.layers.iter().zip(LAYERS).map(|((conv, norm), (_, _, stride))| fold(conv, norm, stride)).collect()
        })
    }

    /// Weight `[136, F]` and bias `[136]`, weight `[1, F]` and bias `[1]` of the two heads.
    pub fn heads(&self) -> [(&Tensor, Tensor); 2] {
        [&self.points, &self.score].map(|head| {
            let bias = head.bs.as_ref().map_or_else(
                || Tensor::zeros([head.ws.size()[0]], (Kind::Float, head.ws.device())),
                Tensor::shallow_clone,
            );
            (&head.ws, bias)
        })
    }

    /// Multiply-adds of one pass.
    pub fn macs() -> u64 {
        let mut side = SIDE as u64;
        let mut macs = 0;
        for (inputs, outputs, stride) in LAYERS {
            side /= stride as u64;
            macs += side * side * (inputs * outputs * 9) as u64;
        }
        let features = LAYERS[LAYERS.len() - 1].1 * LAST_SIDE * LAST_SIDE;
        macs + (features * (2 * COUNT as i64 + 1)) as u64
    }
}

/// `γ·(w∗x − μ)/σ + β` as one convolution.
fn fold(conv: &nn::Conv2D, norm: &nn::BatchNorm, stride: i64) -> FoldedConv {
    let one = || Tensor::ones_like(&norm.running_mean);
    let gain = norm.ws.as_ref().map_or_else(one, Tensor::shallow_clone) / (&norm.running_var + NORM_EPSILON).sqrt();
    let beta = norm.bs.as_ref().map_or_else(|| one() * 0.0, Tensor::shallow_clone);
    FoldedConv { weight: &conv.ws * gain.reshape([-1, 1, 1, 1]), bias: beta - &norm.running_mean * gain, stride }
}
