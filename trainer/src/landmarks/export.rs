//! The trained net as ONNX: batch norm folded, weights in int8 per channel, a sigmoid on the score.

use edge::face::crop::SIDE;
use shared::landmarks::COUNT;
use shared::manifest::Quantization;

use super::net::LandmarkNet;
use crate::export::onnx::{GraphBuilder, GraphError};
use crate::export::operators::Walk;

/// Input `crop` `[1, 1, SIDE, SIDE]` in −1..1; outputs `points` `[1, 136]` in units of the crop and `score` `[1, 1]` in 0..1.
pub fn onnx(net: &LandmarkNet, quantization: Quantization) -> Result<Vec<u8>, GraphError> {
    let mut graph = GraphBuilder::new("landmarks", quantization);
    let mut x = graph.input("crop", &[1, 1, SIDE as i64, SIDE as i64]);
    for (i, conv) in net.folded().iter().enumerate() {
        let walk = Walk { stride: conv.stride, ..Walk::padded(1) };
        let convolved = graph.conv(&format!("conv{i}"), &x, &conv.weight, Some(&conv.bias), walk);
        x = graph.relu(&format!("relu{i}"), &convolved);
    }
    let features = graph.flatten("features", &x);
    let [points, score] = net.heads();
    let points = graph.linear("points", &features, points.0, Some(&points.1));
    graph.output(&points, &[1, 2 * COUNT as i64]);
    let logit = graph.linear("logit", &features, score.0, Some(&score.1));
    let score = graph.sigmoid("score", &logit);
    graph.output(&score, &[1, 1]);
    graph.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use edge::face::net::Net;
    use tch::{Device, Kind, Tensor, nn};

    /// A net as training leaves it: norms that have seen pictures.
    fn net() -> LandmarkNet {
        tch::manual_seed(3);
        let store = nn::VarStore::new(Device::Cpu);
        let net = LandmarkNet::new(&store.root());
        let squares = Tensor::randn([8, 1, SIDE as i64, SIDE as i64], (Kind::Float, Device::Cpu));
        tch::no_grad(|| (0..20).for_each(|_| drop(net.forward(&squares, true, Kind::Float))));
        net
    }

    fn difference(quantization: Quantization) -> f64 {
        let net = net();
        let square: Vec<f32> = (0..SIDE * SIDE).map(|i| ((i * 37 % 211) as f32 / 105.0) - 1.0).collect();
        let input = Tensor::from_slice(&square).view([1, 1, SIDE as i64, SIDE as i64]);
        let (points, logit) = tch::no_grad(|| net.forward(&input, false, Kind::Float));
        let mut device = Net::new(&onnx(&net, quantization).unwrap()).unwrap();
        let look = device.look(&square).unwrap();
        let found = Tensor::from_slice(&crate::landmarks::sample::flat(&look.points)).view([1, -1]);
        let score = (logit.sigmoid().double_value(&[0, 0]) - f64::from(look.score)).abs();
        (found - points).abs().max().double_value(&[]).max(score)
    }

    #[test]
    fn the_device_runs_the_net_that_was_trained() {
        assert!(difference(Quantization::None) < 1e-4, "{}", difference(Quantization::None));
    }

    #[test]
    fn int8_weights_move_the_points_by_less_than_half_a_pixel() {
        let moved = difference(Quantization::Int8Weights);
        assert!(moved > 0.0 && moved < 0.5 / SIDE as f64, "{moved}");
    }
}
