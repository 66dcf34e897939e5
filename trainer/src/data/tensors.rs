//! Cached faces to tensors, and tensors to pictures.

use super::cache::{Cache, CacheError};
use image::{Rgb, RgbImage};
use shared::pixel;
use tch::{Kind, Tensor};

/// `[N, 3, S, S]` in −1..1 on the CPU.
pub fn faces_to_tensor(cache: &Cache, indices: &[usize]) -> Result<Tensor, CacheError> {
    let side = cache.side() as i64;
    let mut bytes = Vec::with_capacity(indices.len() * cache.side() * cache.side() * 3);
    for &index in indices {
        bytes.extend(cache.face(index)?);
    }
    let interleaved = Tensor::from_slice(&bytes).view([-1, side, side, 3]);
    Ok(interleaved.permute([0, 3, 1, 2]).contiguous().to_kind(Kind::Float) / 127.5 - 1.0)
}

/// The first picture of `[N, 3, H, W]` in −1..1.
pub fn tensor_to_picture(batch: &Tensor) -> RgbImage {
    let [_, _, h, w] = batch.size()[..] else { unreachable!("pictures are [N, 3, H, W]") };
    let planar = Vec::<f32>::try_from(batch.narrow(0, 0, 1).contiguous().view(-1)).unwrap_or_default();
    let plane = (h * w) as usize;
    RgbImage::from_fn(w as u32, h as u32, |x, y| {
        let at = (y as usize) * w as usize + x as usize;
        Rgb(std::array::from_fn(|channel| pixel::to_byte(planar[channel * plane + at])))
    })
}
