//! (being written)

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A seeded picture `[3, size, size]` in −1..1 with a face's large forms: a bright oval on a plain ground, two dark eyes, a
/// mouth, and grain. Stands in for faces where there is no cache.
pub fn synthetic_face(size: usize, seed: u64) -> Vec<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let ground: [f32; 3] = std::array::from_fn(|_| random.random_range(-0.9..0.9));
    let skin: [f32; 3] = std::array::from_fn(|channel| random.random_range(0.0..0.6) - 0.15 * channel as f32);
    let spot =
        |x: f32, y: f32, cx: f32, cy: f32, rx: f32, ry: f32| (-((x - cx) / rx).powi(2) - ((y - cy) / ry).powi(2)).exp();
    let mut face = Vec::with_capacity(3 * size * size);
    for channel in 0..3 {
        for i in 0..size * size {
            let (x, y) = ((i % size) as f32 / size as f32, (i / size) as f32 / size as f32);
            let inside = (4.0 * spot(x, y, 0.5, 0.5, 0.4, 0.5) - 1.5).clamp(0.0, 1.0);
            let eyes = spot(x, y, 0.32, 0.31, 0.06, 0.03) + spot(x, y, 0.68, 0.31, 0.06, 0.03);
            let mouth = spot(x, y, 0.5, 0.69, 0.15, 0.03);
            let value = ground[channel] * (1.0 - inside) + skin[channel] * inside - 0.8 * eyes - 0.3 * mouth;
            face.push((value + random.random_range(-0.05..0.05)).clamp(-1.0, 1.0));
        }
    }
    face
}
