//! MobileNetV2 (Sandler et al. 2018) with ImageNet weights under torchvision's names: an aligned crop comes in, 1,280 features
//! for kernel distances go out. Batch norms are folded into the convolutions when the weights are read.

use super::chip::planar;
use super::net::JudgeError;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use tch::{TchError, Tensor};

pub const FILE: &str = "mobilenet_v2_imagenet.safetensors";
/// Side of the pictures it was trained on.
pub const SIDE: usize = 224;
const MEAN: [f32; 3] = [123.675, 116.28, 103.53];
const DEVIATION: [f32; 3] = [58.395, 57.12, 57.375];
/// Stages: expansion, blocks, stride of the first block.
const STAGES: [(i64, usize, i64); 7] = [(1, 1, 1), (6, 2, 2), (6, 3, 2), (6, 4, 2), (6, 3, 1), (6, 3, 2), (6, 1, 1)];
const EPSILON: f64 = 1e-5;

/// A convolution with its batch norm.
#[derive(Debug)]
struct Convolution {
    weight: Tensor,
    bias: Tensor,
    stride: i64,
    depthwise: bool,
    relu: bool,
}

#[derive(Debug)]
struct Net {
    stem: Convolution,
    blocks: Vec<Vec<Convolution>>,
    last: Convolution,
}

/// The net; one picture at a time goes through it.
#[derive(Debug)]
pub struct MobileNet(Mutex<Net>);

impl MobileNet {
    pub fn load(folder: &Path) -> Result<Self, JudgeError> {
        let path = folder.join(FILE);
        if let Err(source) = std::fs::metadata(&path) {
            return Err(JudgeError::Read { path, source });
        }
        let refuse = |error: TchError| JudgeError::Load { path: path.clone(), reason: error.to_string() };
        let weights =
            Weights { tensors: Tensor::read_safetensors(&path).map_err(refuse)?.into_iter().collect(), path: &path };
        let mut blocks = Vec::new();
        for (expansion, count, stride) in STAGES {
            for block in 0..count {
                let stride = if block == 0 { stride } else { 1 };
                blocks.push(weights.block(blocks.len() + 1, expansion, stride)?);
            }
        }
        let stem = weights.convolution("features.0.0", "features.0.1", 2, false, true)?;
        let last = weights.convolution("features.18.0", "features.18.1", 1, false, true)?;
        let net = Net { stem, blocks, last };
        net.features(&vec![0.0; 3 * SIDE * SIDE]).map_err(refuse)?;
        Ok(Self(Mutex::new(net)))
    }

    /// Features of an aligned crop: `SIDE`×`SIDE` pixels, interleaved RGB.
    pub fn features(&self, crop: &[u8]) -> Result<Vec<f32>, JudgeError> {
        let net = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        net.features(&planar(crop, MEAN, DEVIATION)).map_err(|error| JudgeError::Run(error.to_string()))
    }
}

impl Net {
    fn features(&self, planar: &[f32]) -> Result<Vec<f32>, TchError> {
        tch::no_grad(|| {
            let side = SIDE as i64;
            let mut x = self.stem.run(&Tensor::from_slice(planar).f_view([1, 3, side, side])?)?;
            for block in &self.blocks {
                let mut y = x.shallow_clone();
                for convolution in block {
                    y = convolution.run(&y)?;
                }
                x = if y.size() == x.size() { y.f_add(&x)? } else { y };
            }
            let means = self.last.run(&x)?.f_mean_dim([2i64, 3].as_slice(), false, tch::Kind::Float)?;
            Vec::<f32>::try_from(means.f_view(-1)?)
        })
    }
}

impl Convolution {
    fn run(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let padding = self.weight.size().last().map_or(0, |width| width / 2);
        let groups = if self.depthwise { self.weight.size()[0] } else { 1 };
        let y = x.f_conv2d(&self.weight, Some(&self.bias), [self.stride; 2], [padding; 2], [1, 1], groups)?;
        if self.relu { y.f_clamp(0.0, 6.0) } else { Ok(y) }
    }
}

struct Weights<'a> {
    tensors: HashMap<String, Tensor>,
    path: &'a PathBuf,
}

impl Weights<'_> {
    fn refuse(&self, reason: String) -> JudgeError {
        JudgeError::Load { path: self.path.clone(), reason }
    }

    fn get(&self, name: &str) -> Result<&Tensor, JudgeError> {
        self.tensors.get(name).ok_or_else(|| self.refuse(format!("no tensor `{name}`")))
    }

    /// An inverted residual block: expand (unless by 1), filter each channel, project.
    fn block(&self, index: usize, expansion: i64, stride: i64) -> Result<Vec<Convolution>, JudgeError> {
        let name = |part: &str| format!("features.{index}.conv.{part}");
        let mut block = Vec::new();
        let first = usize::from(expansion != 1);
        if first == 1 {
            block.push(self.convolution(&name("0.0"), &name("0.1"), 1, false, true)?);
        }
        let [filter, norm] = ["0", "1"].map(|part| name(&format!("{first}.{part}")));
        block.push(self.convolution(&filter, &norm, stride, true, true)?);
        let [project, norm] = [first + 1, first + 2].map(|part| name(&part.to_string()));
        block.push(self.convolution(&project, &norm, 1, false, false)?);
        Ok(block)
    }

    fn convolution(
        &self,
        name: &str,
        norm: &str,
        stride: i64,
        depthwise: bool,
        relu: bool,
    ) -> Result<Convolution, JudgeError> {
        let part = |name: &str| self.get(&format!("{norm}.{name}"));
        let weight = self.get(&format!("{name}.weight"))?;
        let (scale, shift, mean, variance) =
            (part("weight")?, part("bias")?, part("running_mean")?, part("running_var")?);
        let fold = || -> Result<_, TchError> {
            let scale = scale.f_div(&variance.f_add_scalar(EPSILON)?.f_sqrt()?)?;
            let bias = shift.f_sub(&mean.f_mul(&scale)?)?;
            Ok((weight.f_mul(&scale.f_view([-1, 1, 1, 1])?)?, bias))
        };
        let (weight, bias) = fold().map_err(|error| self.refuse(format!("`{name}`: {error}")))?;
        if weight.size().len() != 4 {
            return Err(self.refuse(format!("`{name}` is {:?}, expected a convolution's four sides", weight.size())));
        }
        Ok(Convolution { weight, bias, stride, depthwise, relu })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_are_no_weights_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(MobileNet::load(folder.path()), Err(JudgeError::Read { .. })));
        let path = folder.path().join(FILE);
        std::fs::write(&path, b"no weights").unwrap();
        assert!(matches!(MobileNet::load(folder.path()), Err(JudgeError::Load { .. })));
        Tensor::write_safetensors(
            &[("features.0.0.weight", Tensor::ones([2, 3, 3, 3], (tch::Kind::Float, tch::Device::Cpu)))],
            &path,
        )
        .unwrap();
        let refused = MobileNet::load(folder.path()).unwrap_err().to_string();
        assert!(refused.contains("no tensor"), "{refused}");
    }
}
