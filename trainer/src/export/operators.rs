//! Whole layers as ONNX nodes: what [`crate::nets`] and the landmark net are made of. The names of a layer's weights start with
//! the name of the layer, its last node bears it.

use super::onnx::{Attribute, GraphBuilder};
use crate::nets::INSTANCE_NORM_EPSILON;
use tch::{Device, Kind, Tensor};

/// How a convolution walks.
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    pub stride: i64,
    /// Zeros around the picture.
    pub zeros: i64,
    /// 1, or the number of channels for a depthwise convolution.
    pub groups: i64,
}

impl Walk {
    /// Stride 1, one group.
    pub const fn padded(zeros: i64) -> Self {
        Self { stride: 1, zeros, groups: 1 }
    }
}

impl GraphBuilder {
    /// `[N, I, H, W]` → `[N, O, H', W']` with weight `[O, I / groups, K, K]` and bias `[O]`.
    pub fn conv(&mut self, name: &str, x: &str, weight: &Tensor, bias: Option<&Tensor>, walk: Walk) -> String {
        let Walk { stride, zeros, groups } = walk;
        let kernel = weight.size().get(2..).unwrap_or_default().to_vec();
        let attributes = [
            ("kernel_shape", Attribute::Ints(kernel)),
            ("strides", Attribute::Ints(vec![stride; 2])),
            ("pads", Attribute::Ints(vec![zeros; 4])),
            ("group", Attribute::Int(groups)),
        ];
        let inputs = self.weight_and_bias(name, x, weight, bias, 0);
        self.node("Conv", &refs(&inputs), name, &attributes)
    }

    /// `[N, I, H, W]` → `[N, O, 2H, 2W]` with weight `[I, O, 3, 3]` and bias `[O]`.
    pub fn conv_transpose(&mut self, name: &str, x: &str, weight: &Tensor, bias: Option<&Tensor>) -> String {
        let attributes = [
            ("kernel_shape", Attribute::Ints(vec![3; 2])),
            ("strides", Attribute::Ints(vec![2; 2])),
            ("pads", Attribute::Ints(vec![1; 4])),
            ("output_padding", Attribute::Ints(vec![1; 2])),
        ];
        let inputs = self.weight_and_bias(name, x, weight, bias, 1);
        self.node("ConvTranspose", &refs(&inputs), name, &attributes)
    }

    /// `[N, I]` → `[N, O]` with weight `[O, I]` and bias `[O]`, as `torch.nn.Linear` keeps them.
    pub fn linear(&mut self, name: &str, x: &str, weight: &Tensor, bias: Option<&Tensor>) -> String {
        let inputs = self.weight_and_bias(name, x, weight, bias, 0);
        self.node("Gemm", &refs(&inputs), name, &[("transB", Attribute::Int(1))])
    }

    /// Mirrors `n` pixels around the picture, the border pixel itself left out.
    pub fn reflect(&mut self, name: &str, x: &str, n: i64) -> String {
        let pads = self.ints(&format!("{name}.pads"), &[0, 0, n, n, 0, 0, n, n]);
        self.node("Pad", &[x, &pads], name, &[("mode", Attribute::Text("reflect"))])
    }

    /// Zero mean and unit variance a picture and channel; no learned scale.
    pub fn instance_norm(&mut self, name: &str, x: &str, channels: i64) -> String {
        let scale = self.floats(&format!("{name}.scale"), &[channels], &vec![1.0; channels as usize]);
        let shift = self.floats(&format!("{name}.shift"), &[channels], &vec![0.0; channels as usize]);
        let epsilon = [("epsilon", Attribute::Float(INSTANCE_NORM_EPSILON as f32))];
        self.node("InstanceNormalization", &[x, &scale, &shift], name, &epsilon)
    }

    /// Any shape known beforehand, e.g. `[1, 6]` → `[1, 6, 1, 1]`.
    pub fn reshape(&mut self, name: &str, x: &str, dims: &[i64]) -> String {
        let shape = self.ints(&format!("{name}.dims"), dims);
        self.node("Reshape", &[x, &shape], name, &[])
    }

    /// Channels `range` of `[N, C, H, W]`.
    pub fn channels(&mut self, name: &str, x: &str, range: std::ops::Range<i64>) -> String {
        let starts = self.ints(&format!("{name}.start"), &[range.start]);
        let ends = self.ints(&format!("{name}.end"), &[range.end]);
        let axes = self.ints(&format!("{name}.axis"), &[1]);
        self.node("Slice", &[x, &starts, &ends, &axes], name, &[])
    }

    /// The largest of each 2×2 pixels.
    pub fn max_pool(&mut self, name: &str, x: &str) -> String {
        let attributes = [("kernel_shape", Attribute::Ints(vec![2; 2])), ("strides", Attribute::Ints(vec![2; 2]))];
        self.node("MaxPool", &[x], name, &attributes)
    }

    /// `[N, C, H, W]` → `[N, C, 1, 1]`: the mean of each plane.
    pub fn mean_plane(&mut self, name: &str, x: &str) -> String {
        self.node("GlobalAveragePool", &[x], name, &[])
    }

    /// `[N, C, H, W]` → `[N, C · H · W]`.
    pub fn flatten(&mut self, name: &str, x: &str) -> String {
        self.node("Flatten", &[x], name, &[("axis", Attribute::Int(1))])
    }

    pub fn relu(&mut self, name: &str, x: &str) -> String {
        self.node("Relu", &[x], name, &[])
    }

    pub fn tanh(&mut self, name: &str, x: &str) -> String {
        self.node("Tanh", &[x], name, &[])
    }

    pub fn sigmoid(&mut self, name: &str, x: &str) -> String {
        self.node("Sigmoid", &[x], name, &[])
    }

    /// Sum of two values, one of which may broadcast.
    pub fn add(&mut self, name: &str, a: &str, b: &str) -> String {
        self.node("Add", &[a, b], name, &[])
    }

    /// Product of two values, one of which may broadcast.
    pub fn multiply(&mut self, name: &str, a: &str, b: &str) -> String {
        self.node("Mul", &[a, b], name, &[])
    }

    /// A tensor of a net as a constant, f32.
    pub fn constant(&mut self, name: &str, tensor: &Tensor) -> String {
        self.floats(name, &tensor.size(), &values(tensor))
    }

    fn weight_and_bias(
        &mut self,
        name: &str,
        x: &str,
        weight: &Tensor,
        bias: Option<&Tensor>,
        axis: usize,
    ) -> Vec<String> {
        let weight = self.weight(&format!("{name}.weight"), &weight.size(), &values(weight), axis);
        let bias = bias.map(|bias| self.constant(&format!("{name}.bias"), bias));
        [x.to_owned(), weight].into_iter().chain(bias).collect()
    }
}

/// A tensor's values in row-major order, whatever its device and kind.
pub fn values(tensor: &Tensor) -> Vec<f32> {
    let flat = tensor.detach().to_device(Device::Cpu).to_kind(Kind::Float).contiguous().view([-1]);
    let mut values = vec![0.0; flat.numel()];
    flat.copy_data(&mut values, flat.numel());
    values
}

fn refs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}
