//! Who stands before the mirror: a small residual classifier (He et al. 2016) that reads a face's apparent decade, and a code
//! for what else decides how it ages. The generator asks it what the face looks like already; training asks it what a
//! generated face looks like. Nothing of it leaves the generator's graph.

use super::layers::WEIGHT_SPREAD;
use shared::decade;
use tch::nn::{Init, Path};
use tch::{Kind, Tensor};

/// Entries of the code.
pub const CODES: i64 = 2;
/// Channels after the first layer.
pub const WIDTH: i64 = 24;
const BLOCKS: i64 = 3;
/// Logits of the decade are this much steeper for the generator: learned against perturbations, they are timid.
pub const STEEPNESS: f64 = 2.0;
const MOMENTUM: f64 = 0.1;
const EPSILON: f64 = 1e-5;

/// Registered faces `[N, 3, S, S]` in −1..1 → [`Impression`]; works on half of their resolution.
#[derive(Debug)]
pub struct Visitor {
    pub stem: Unit,
    pub blocks: Vec<Block>,
    /// `[6 + CODES, C]`
    pub weight: Tensor,
    /// `[6 + CODES]`
    pub bias: Tensor,
}

/// What the net makes of faces, as logits.
#[derive(Debug)]
pub struct Impression {
    /// `[N, 6]`
    pub decade: Tensor,
    /// `[N, CODES]`
    pub code: Tensor,
}

/// Convolution and batch norm (Ioffe and Szegedy 2015), which are one convolution once training is over.
#[derive(Debug)]
pub struct Unit {
    weight: Tensor,
    scale: Tensor,
    shift: Tensor,
    mean: Tensor,
    variance: Tensor,
    pub stride: i64,
}

/// `silu(unit(silu(unit(x))) + unit(mean of 2×2))`, half the size and twice the channels.
#[derive(Debug)]
pub struct Block {
    pub first: Unit,
    pub second: Unit,
    pub past: Unit,
}

impl Impression {
    /// The decade expected, `[N]` in 0..5.
    pub fn expected(&self) -> Tensor {
        let decades = Tensor::arange(decade::COUNT as i64, (Kind::Float, self.decade.device()));
        self.decade.softmax(1, Kind::Float).matmul(&decades)
    }
}

impl Unit {
    fn new(path: &Path, channels: (i64, i64), kernel: i64, stride: i64) -> Self {
        let (inputs, outputs) = channels;
        let spread = (2.0 / (inputs * kernel * kernel) as f64).sqrt();
        Self {
            weight: path.var("weight", &[outputs, inputs, kernel, kernel], Init::Randn { mean: 0.0, stdev: spread }),
            scale: path.var("scale", &[outputs], Init::Const(1.0)),
            shift: path.var("shift", &[outputs], Init::Const(0.0)),
            mean: path.zeros_no_train("mean", &[outputs]),
            variance: path.ones_no_train("variance", &[outputs]),
            stride,
        }
    }

    fn forward(&self, x: &Tensor, learning: bool) -> Tensor {
        let padding = self.weight.size()[2] / 2;
        let y = x.conv2d(&self.weight, None::<&Tensor>, [self.stride; 2], [padding; 2], [1, 1], 1);
        let Self { scale, shift, mean, variance, .. } = self;
        y.batch_norm(Some(scale), Some(shift), Some(mean), Some(variance), learning, MOMENTUM, EPSILON, false)
    }

    /// Weight `[O, I, K, K]` and bias `[O]` of the convolution that the trained unit is.
    pub fn folded(&self) -> (Tensor, Tensor) {
        tch::no_grad(|| {
            let factor = &self.scale / (&self.variance + EPSILON).sqrt();
            (&self.weight * factor.view([-1, 1, 1, 1]), &self.shift - &self.mean * factor)
        })
    }
}

impl Block {
    fn new(path: &Path, inputs: i64) -> Self {
        let unit = |name: &str, channels, kernel, stride| Unit::new(&(path / name), channels, kernel, stride);
        Self {
            first: unit("first", (inputs, 2 * inputs), 3, 2),
            second: unit("second", (2 * inputs, 2 * inputs), 3, 1),
            past: unit("past", (inputs, 2 * inputs), 1, 1),
        }
    }

    fn forward(&self, x: &Tensor, learning: bool) -> Tensor {
        let y = self.second.forward(&self.first.forward(x, learning).silu(), learning);
        (y + self.past.forward(&halved(x), learning)).silu()
    }
}

impl Visitor {
    pub fn new(path: &Path) -> Self {
        let channels = WIDTH << BLOCKS;
        let outputs = decade::COUNT as i64 + CODES;
        Self {
            stem: Unit::new(&(path / "stem"), (3, WIDTH), 5, 2),
            blocks: (0..BLOCKS).map(|i| Block::new(&(path / "block" / (i + 1)), WIDTH << i)).collect(),
            weight: path.var("weight", &[outputs, channels], Init::Randn { mean: 0.0, stdev: WEIGHT_SPREAD }),
            bias: path.var("bias", &[outputs], Init::Const(0.0)),
        }
    }

    /// All weights and statistics, in a fixed order.
    pub fn tensors(&self) -> Vec<Tensor> {
        let units = self.blocks.iter().flat_map(|block| [&block.first, &block.second, &block.past]);
        let of = |unit: &Unit| {
            [&unit.weight, &unit.scale, &unit.shift, &unit.mean, &unit.variance].map(Tensor::shallow_clone)
        };
        let own = [self.weight.shallow_clone(), self.bias.shallow_clone()];
        std::iter::once(&self.stem).chain(units).flat_map(of).chain(own).collect()
    }

    /// Takes another's weights.
    pub fn copy(&self, other: &Self) {
        self.follow(other, 0.0);
    }

    /// Moves towards another's weights: `decay` stays.
    pub fn follow(&self, other: &Self, decay: f64) {
        tch::no_grad(|| {
            for (mut mine, theirs) in self.tensors().into_iter().zip(other.tensors()) {
                let _ = mine.lerp_(&theirs.to_device(mine.device()), 1.0 - decay);
            }
        });
    }

    /// Is trained no further.
    pub fn freeze(&self) {
        for tensor in self.tensors() {
            let _ = tensor.set_requires_grad(false);
        }
    }

    /// With `learning`, batch norm takes its statistics from the batch and remembers them.
    pub fn forward(&self, faces: &Tensor, learning: bool) -> Impression {
        self.read(&halved(&faces.to_kind(Kind::Float)), learning)
    }

    /// As [`Self::forward`], for faces at half of the resolution, `[N, 3, S/2, S/2]`.
    pub fn read(&self, small: &Tensor, learning: bool) -> Impression {
        let x = self.stem.forward(small, learning).silu();
        let x = self.blocks.iter().fold(x, |x, block| block.forward(&x, learning));
        let x = x.mean_dim([2i64, 3].as_slice(), false, Kind::Float).dropout(0.2, learning);
        let y = x.linear(&self.weight, Some(&self.bias));
        let decades = decade::COUNT as i64;
        Impression { decade: y.narrow(1, 0, decades), code: y.narrow(1, decades, CODES) }
    }

    /// What the generator reads: apparent decade `[N, 6]` and code `[N, CODES]`, each summing to 1.
    pub fn of(&self, faces: &Tensor) -> (Tensor, Tensor) {
        tch::no_grad(|| {
            let Impression { decade, code } = self.forward(faces, false);
            ((decade * STEEPNESS).softmax(1, Kind::Float), code.softmax(1, Kind::Float))
        })
    }
}

/// The mean of each 2×2 pixels.
pub fn halved(x: &Tensor) -> Tensor {
    x.avg_pool2d([2, 2], [2, 2], [0, 0], false, true, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, nn};

    #[test]
    fn a_folded_unit_is_the_unit() {
        let store = nn::VarStore::new(Device::Cpu);
        let unit = Unit::new(&store.root(), (3, 8), 3, 2);
        let x = Tensor::randn([4, 3, 16, 16], (Kind::Float, Device::Cpu));
        for _ in 0..3 {
            let _ = unit.forward(&x, true);
        }
        let (weight, bias) = unit.folded();
        let folded = x.conv2d(&weight, Some(&bias), [2, 2], [1, 1], [1, 1], 1);
        assert!((unit.forward(&x, false) - folded).abs().max().double_value(&[]) < 1e-4);
    }

    #[test]
    fn decades_and_codes_are_shares() {
        let store = nn::VarStore::new(Device::Cpu);
        let faces = Tensor::rand([2, 3, 64, 64], (Kind::Float, Device::Cpu));
        let (decade, code) = Visitor::new(&store.root()).of(&faces);
        assert_eq!((decade.size(), code.size()), (vec![2, 6], vec![2, CODES]));
        for shares in [decade, code] {
            let sums = shares.sum_dim_intlist([1i64].as_slice(), false, Kind::Float);
            assert!((sums - 1.0).abs().max().double_value(&[]) < 1e-5);
        }
    }

    #[test]
    fn the_expected_decade_of_one_surely_read_is_itself() {
        let sure = Tensor::from_slice(&[0.0f32, 0.0, 0.0, 90.0, 0.0, 0.0]).view([1, 6]);
        let unsure = Tensor::zeros([1, 6], (Kind::Float, Device::Cpu));
        let read = Impression {
            decade: Tensor::cat(&[sure, unsure], 0),
            code: Tensor::zeros([2, CODES], (Kind::Float, Device::Cpu)),
        };
        assert!((read.expected() - Tensor::from_slice(&[3.0f32, 2.5])).abs().max().double_value(&[]) < 1e-5);
    }
}
