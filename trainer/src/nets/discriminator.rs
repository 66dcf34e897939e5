//! The 70×70 PatchGAN of the paper (section 3.2; Isola et al. 2017): C64-C128-C256-C512 and one score a patch.

use super::layers::{Conv, Padding, Precision, instance_norm};
use serde::{Deserialize, Serialize};
use shared::decade;
use tch::nn::Path;
use tch::{Kind, Tensor};

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiscriminatorConfig {
    /// Channels of the first layer; the paper's is 64.
    pub width: i64,
    /// Told the decade of the picture, as the paper's discriminator of older faces is.
    pub conditioned: bool,
    #[serde(default)]
    pub precision: Precision,
}

/// Picture `[N, 3, S, S]` in −1..1 and, where conditioned, its decade `[N, 6]` → scores `[N, 1, P, P]`, 1 for real and 0
/// for generated (least squares).
#[derive(Debug)]
pub struct Discriminator {
    pub config: DiscriminatorConfig,
    layers: [Conv; 5],
}

impl Discriminator {
    pub fn new(path: &Path, config: DiscriminatorConfig) -> Self {
        let w = config.width;
        let planes = if config.conditioned { decade::COUNT as i64 } else { 0 };
        let channels = [(3 + planes, w), (w, 2 * w), (2 * w, 4 * w), (4 * w, 8 * w), (8 * w, 1)];
        let strides = [2, 2, 2, 1, 1];
        let layer =
            |i: usize| Conv::new(path / (i + 1), channels[i], 4, strides[i], Padding::Zeros(1), config.precision);
        Self { config, layers: std::array::from_fn(layer) }
    }

    /// The decade enters as planes beside the picture. The first layer has no norm, so it is not subtracted again.
    pub fn forward(&self, picture: &Tensor, age: &Tensor) -> Tensor {
        let mut x = picture.shallow_clone();
        if self.config.conditioned {
            let [n, _, h, w] = x.size()[..] else { unreachable!("pictures are [N, 3, H, W]") };
            let planes = age.unsqueeze(-1).unsqueeze(-1).expand([n, decade::COUNT as i64, h, w], false);
            x = Tensor::cat(&[x, planes], 1);
        }
        for (i, layer) in self.layers.iter().enumerate() {
            let y = layer.forward(&x);
            x = match i {
                0 => y.to_kind(Kind::Float).leaky_relu_slope(),
                4 => y.to_kind(Kind::Float),
                _ => instance_norm(&y).leaky_relu_slope(),
            };
        }
        x
    }
}

trait LeakyRelu {
    fn leaky_relu_slope(&self) -> Tensor;
}

impl LeakyRelu for Tensor {
    /// Slope 0.2 below zero.
    fn leaky_relu_slope(&self) -> Tensor {
        self.maximum(&(self * 0.2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, nn};

    #[test]
    fn scores_patches_of_seventy_pixels() {
        let store = nn::VarStore::new(Device::Cpu);
        let config = DiscriminatorConfig { width: 4, conditioned: false, precision: Precision::F32 };
        let discriminator = Discriminator::new(&store.root(), config);
        let picture = Tensor::zeros([1, 3, 128, 128], (Kind::Float, Device::Cpu));
        let age = Tensor::zeros([1, 6], (Kind::Float, Device::Cpu));
        assert_eq!(discriminator.forward(&picture, &age).size(), [1, 1, 14, 14]);
    }

    #[test]
    fn the_decade_changes_the_score() {
        tch::manual_seed(3);
        let store = nn::VarStore::new(Device::Cpu);
        let config = DiscriminatorConfig { width: 8, conditioned: true, precision: Precision::F32 };
        let discriminator = Discriminator::new(&store.root(), config);
        let picture = Tensor::rand([1, 3, 64, 64], (Kind::Float, Device::Cpu));
        let score = |d: i64| {
            let age = Tensor::zeros([1, 6], (Kind::Float, Device::Cpu));
            let _ = age.narrow(1, d, 1).fill_(1.0);
            discriminator.forward(&picture, &age)
        };
        assert!((score(0) - score(5)).abs().max().double_value(&[]) > 1e-4);
    }
}
