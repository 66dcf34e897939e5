//! Blurs and bands of pictures `[N, C, H, W]`.

use tch::{Kind, Tensor};

/// Widths in pixels of the blurs between which the three bands of brightness lie.
pub const BAND_SIGMAS: [f64; 3] = [1.0, 2.0, 4.0];

/// Shares of red, green and blue in brightness (ITU-R BT.601).
pub const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// Brightness `[N, 1, H, W]` of RGB.
pub fn luma(x: &Tensor) -> Tensor {
    let weights = Tensor::from_slice(&LUMA).view([1, 3, 1, 1]).to_device(x.device());
    (x * weights).sum_dim_intlist([1i64].as_slice(), true, Kind::Float)
}

/// Gaussian blur, each channel for itself, mirrored at the border; `sigma` in pixels.
pub fn blur(x: &Tensor, sigma: f64) -> Tensor {
    let [n, c, h, w] = x.size()[..] else { unreachable!("pictures are [N, C, H, W]") };
    let weights = gaussian(sigma);
    let radius = weights.len() as i64 / 2;
    let kernel = Tensor::from_slice(&weights).to_device(x.device());
    let planes = x.reshape([n * c, 1, h, w]);
    let across = planes.reflection_pad2d([radius, radius, 0, 0]);
    let across = across.conv2d(&kernel.view([1, 1, 1, -1]), None::<&Tensor>, [1, 1], [0, 0], [1, 1], 1);
    let down = across.reflection_pad2d([0, 0, radius, radius]);
    down.conv2d(&kernel.view([1, 1, -1, 1]), None::<&Tensor>, [1, 1], [0, 0], [1, 1], 1).view([n, c, h, w])
}

/// Weights of a blur, from −3 to 3 `sigma`; they sum to 1.
pub fn gaussian(sigma: f64) -> Vec<f32> {
    let radius = (sigma * 3.0).ceil() as i64;
    let weights: Vec<f64> = (-radius..=radius).map(|i| (-0.5 * (i as f64 / sigma).powi(2)).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| (weight / total) as f32).collect()
}

/// Brightness `[N, 1, H, W]` cut into three bands `[N, 3, H, W]`, finest first: what each blur takes away from the last.
pub fn bands(brightness: &Tensor) -> Tensor {
    let mut finer = brightness.shallow_clone();
    let parts = BAND_SIGMAS.map(|sigma| {
        let coarser = blur(&finer, sigma);
        std::mem::replace(&mut finer, coarser.shallow_clone()) - coarser
    });
    Tensor::cat(&parts, 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn flat_pictures_have_no_bands() {
        let flat = Tensor::full([1, 1, 32, 32], 0.3, (Kind::Float, Device::Cpu));
        assert!(bands(&flat).abs().max().double_value(&[]) < 1e-5);
    }

    #[test]
    fn bands_and_the_coarsest_blur_add_up_to_the_picture() {
        let x = Tensor::rand([2, 1, 32, 32], (Kind::Float, Device::Cpu));
        let rest = blur(&blur(&blur(&x, 1.0), 2.0), 4.0);
        let sum = bands(&x).sum_dim_intlist([1i64].as_slice(), true, Kind::Float) + rest;
        assert!((sum - x).abs().max().double_value(&[]) < 1e-5);
    }
}
