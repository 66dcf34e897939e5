//! Any quantized convolution with what may stand around it, as proptest makes them up.

use super::graph::{Graph, list, text, whole, with};
use crate::testing::{node, tensor};
use proptest::prelude::*;
use tract_onnx::pb::ModelProto;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::prelude::*;

/// A convolution between bytes with everything that may come after it.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) depth: usize,
    pub(super) channels: usize,
    pub(super) sides: [usize; 2],
    pub(super) kernel: [usize; 2],
    pub(super) stride: usize,
    /// Top, left, bottom, right.
    pub(super) pads: [usize; 4],
    pub(super) reflects: bool,
    pub(super) transposed: bool,
    pub(super) norm: bool,
    pub(super) joined: bool,
    pub(super) activation: &'static str,
    /// Steps of the source, the weights, the middle and the end.
    pub(super) steps: [f32; 4],
    pub(super) zeros: [u8; 3],
    pub(super) seed: u32,
}

pub(super) fn cases() -> impl Strategy<Value = Case> {
    let size = (1usize..40, 1usize..40, [5usize..20, 5usize..20], [1usize..6, 1usize..6], 1usize..4);
    let place = ([0usize..3, 0usize..3, 0usize..3, 0usize..3], any::<bool>(), any::<bool>());
    let finish = (any::<bool>(), any::<bool>(), prop::sample::select(vec!["", "Relu", "Silu"]));
    // Small steps saturate, large ones leave nothing.
    let steps = [0.001f32..0.05, 0.0005f32..0.02, 0.002f32..0.5, 0.002f32..0.2];
    (size, place, finish, steps, any::<[u8; 3]>(), any::<u32>()).prop_map(
        |(size, place, finish, steps, zeros, seed)| {
            let (depth, channels, sides, mut kernel, stride) = size;
            let (pads, reflects, transposed) = place;
            // Stride-less places of a transposed convolution are another test.
            kernel = if transposed { kernel.map(|side| side.max(stride)) } else { kernel };
            let (norm, joined, activation) = finish;
            let reflects = reflects && !transposed;
            Case {
                depth,
                channels,
                sides,
                kernel,
                stride,
                pads,
                reflects,
                transposed,
                norm,
                joined,
                activation,
                steps,
                zeros,
                seed,
            }
        },
    )
}

impl Case {
    fn numbers(&self, count: usize, salt: u32) -> impl Iterator<Item = f32> {
        let mut state = self.seed ^ salt.wrapping_mul(0x9e37_79b9) | 1;
        (0..count).map(move |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
    }

    pub(super) fn model(&self) -> ModelProto {
        let Self { depth, channels, kernel: [rows, columns], .. } = *self;
        let mut graph = Graph::default();
        graph.quantize("face", "face.q", self.steps[0], self.zeros[0]);
        let mut source = "face.q";
        let mut pads = self.pads;
        if self.reflects {
            let [top, left, bottom, right] = pads.map(|pad| pad as i64);
            graph.initializer.push(whole("pads", DataType::Int64, vec![0, 0, top, left, 0, 0, bottom, right]));
            graph.node.push(with(node("Pad", &["face.q", "pads"], "face.p"), text("mode", "reflect")));
            (source, pads) = ("face.p", [0; 4]);
        }
        graph.dequantize(source, "face.d", self.steps[0], self.zeros[0]);

        let shape = if self.transposed { [depth, channels, rows, columns] } else { [channels, depth, rows, columns] };
        let weights: Vec<i64> = self.numbers(shape.iter().product(), 1).map(|x| (x * 127.9) as i64).collect();
        let scales: Vec<f32> = self.numbers(channels, 2).map(|x| self.steps[1] * (1.5 + x)).collect();
        let bias: Vec<i64> = self.numbers(channels, 3).map(|x| (x * 3000.0) as i64).collect();
        graph.constants("weights", DataType::Int8, &shape, weights, scales.clone(), i64::from(!self.transposed) ^ 1);
        let steps = scales.iter().map(|scale| scale * self.steps[0]).collect();
        graph.constants("bias", DataType::Int32, &[channels], bias, steps, 0);
        let operator = if self.transposed { "ConvTranspose" } else { "Conv" };
        let convolution =
            with(node(operator, &["face.d", "weights", "bias"], "sum"), list("strides", &[self.stride; 2]));
        let convolution = with(convolution, list("kernel_shape", &self.kernel));
        graph.node.push(with(convolution, list("pads", &pads)));

        graph.quantize("sum", "sum.q", self.steps[2], self.zeros[1]);
        graph.dequantize("sum.q", "sum.d", self.steps[2], self.zeros[1]);
        let mut last = "sum.d".to_owned();
        if self.norm {
            graph.initializer.push(tensor("norm.scale", &[channels], self.numbers(channels, 4).collect()));
            graph.initializer.push(tensor("norm.shift", &[channels], self.numbers(channels, 5).collect()));
            last = graph.then(&last, "InstanceNormalization", &["norm.scale", "norm.shift"]);
            graph.initializer.push(tensor("film", &[1, channels, 1, 1], self.numbers(channels, 6).collect()));
            last = graph.then(&last, "Mul", &["film"]);
        }
        if self.joined {
            last = graph.then(&last, "Add", &["shift"]);
        }
        last = match self.activation {
            "Silu" => {
                let gate = graph.then(&last, "Sigmoid", &[]);
                graph.then(&last, "Mul", &[&gate])
            }
            "Relu" => graph.then(&last, "Relu", &[]),
            _ => last,
        };
        graph.quantize(&last, "end.q", self.steps[3], self.zeros[2]);
        graph.dequantize("end.q", "end", self.steps[3], self.zeros[2]);
        graph.model(&[("face", vec![1, depth, self.sides[0], self.sides[1]]), ("shift", vec![1, channels, 1, 1])])
    }

    pub(super) fn inputs(&self) -> TVec<TValue> {
        let [rows, columns] = self.sides;
        let face: Vec<f32> = self.numbers(self.depth * rows * columns, 7).map(|x| x * 3.0).collect();
        let shift: Vec<f32> = self.numbers(self.channels, 8).collect();
        let tensor = |shape: &[usize], values: &[f32]| Tensor::from_shape(shape, values).unwrap().into_tvalue();
        tvec![tensor(&[1, self.depth, rows, columns], &face), tensor(&[1, self.channels, 1, 1], &shift)]
    }
}

/// One that is quickly computed and has no surprises.
pub(super) fn small() -> Case {
    Case {
        depth: 3,
        channels: 8,
        sides: [8, 8],
        kernel: [3, 3],
        stride: 1,
        pads: [1; 4],
        reflects: true,
        transposed: false,
        norm: false,
        joined: false,
        activation: "Relu",
        steps: [0.02, 0.002, 0.05, 0.05],
        zeros: [128, 128, 0],
        seed: 1,
    }
}
