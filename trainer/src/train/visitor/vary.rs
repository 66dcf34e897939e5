//! Faces as another camera, another light or somebody who wants to mislead would show them.

use super::training::Labels;
use crate::nets::{Visitor, halved};
use rand::Rng;
use tch::{Kind, Tensor, no_grad};

/// Small pictures `[N, 3, S/2, S/2]` a step of at most `reach` (L2 norm a picture, at 64 pixels) along the loss's gradient.
pub fn misled(net: &Visitor, small: &Tensor, labels: &Labels, reach: f64) -> Tensor {
    let [n, _, side, _] = small.size()[..] else { unreachable!("pictures are [N, 3, H, W]") };
    let reach = reach * side as f64 / 64.0;
    if reach == 0.0 {
        return small.shallow_clone();
    }
    let scaled = |x: &Tensor, length: &Tensor| x / (x.flatten(1, 3).norm_dim(n).view([n, 1, 1, 1]) + 1e-9) * length;
    let lengths = Tensor::rand([n, 1, 1, 1], (Kind::Float, small.device())) * reach;
    let start = scaled(&small.randn_like(), &(&lengths * 0.5)).set_requires_grad(true);
    let loss = labels.loss(&net.read(&(small + &start), true));
    let gradient = Tensor::run_backward(&[loss], &[&start], false, false).remove(0);
    no_grad(|| small + scaled(&(start + scaled(&gradient, &(&lengths * 0.8))), &lengths))
}

trait RowNorm {
    fn norm_dim(&self, rows: i64) -> Tensor;
}

impl RowNorm for Tensor {
    /// L2 norm of each row of `[N, D]`.
    fn norm_dim(&self, rows: i64) -> Tensor {
        self.square().sum_dim_intlist([1i64].as_slice(), false, Kind::Float).sqrt().view([rows])
    }
}

/// Grain as of a dark room, differently strong a picture.
pub fn noisy(x: &Tensor) -> Tensor {
    let strength = Tensor::rand([x.size()[0], 1, 1, 1], (Kind::Float, x.device())) * 0.08;
    x + x.randn_like() * strength
}

/// Faces `[N, 3, S, S]` moved a little, in other light and colours, at half their size.
pub fn varied(faces: &Tensor, rng: &mut impl Rng) -> Tensor {
    let [n, _, side, _] = faces.size()[..] else { unreachable!("faces are [N, 3, S, S]") };
    let device = faces.device();
    let matrices: Vec<f32> = (0..n)
        .flat_map(|_| {
            let (turn, scale) = (rng.random_range(-0.08..0.08f32), 1.0 + rng.random_range(-0.07..0.07f32));
            let (x, y) = (rng.random_range(-0.07..0.07f32), rng.random_range(-0.07..0.07f32));
            [scale * turn.cos(), -scale * turn.sin(), x, scale * turn.sin(), scale * turn.cos(), y]
        })
        .collect();
    let matrices = Tensor::from_slice(&matrices).view([n, 2, 3]).to_device(device);
    let grid = Tensor::affine_grid_generator(&matrices, [n, 3, side, side], false);
    let mut draw = |low: f32, high: f32| {
        let values: Vec<f32> = (0..n).map(|_| rng.random_range(low..high)).collect();
        Tensor::from_slice(&values).view([n, 1, 1, 1]).to_device(device)
    };
    let x = halved(&faces.grid_sampler(&grid, 0, 1, false));
    let grey = crate::prior::filters::luma(&x);
    let x = &grey + (&x - &grey) * draw(0.6, 1.3);
    x * draw(0.75, 1.25) + draw(-0.15, 0.15)
}
