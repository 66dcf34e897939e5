//! The faces that engines are compared and calibrated on: crops of a part of a cache, all decades alike, or seeded synthetic ones
//! where there is no cache. Each is `[3, S, S]` in −1..1.

use crate::data::cache::{Cache, CacheError, Split};
use image::RgbImage;
use image::imageops::{FilterType, resize};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use shared::{Decade, pixel};

/// At most `count` faces of a part, in turn from each decade, at side `size`.
pub fn from_cache(cache: &Cache, split: Split, count: usize, size: usize) -> Result<Vec<Vec<f32>>, CacheError> {
    indices(cache, split, count).into_iter().map(|index| load(cache, index, size)).collect()
}

/// At most `count` faces of a cache's part, in turn from each decade.
pub fn indices(cache: &Cache, split: Split, count: usize) -> Vec<usize> {
    let decades = Decade::ALL.map(|decade| cache.indices(split, decade));
    let longest = decades.iter().map(Vec::len).max().unwrap_or_default();
    let in_turn = (0..longest).flat_map(|i| decades.iter().filter_map(move |faces| faces.get(i).copied()));
    in_turn.take(count).collect()
}

/// One face of a cache, resampled if the cache has another side.
pub fn load(cache: &Cache, index: usize, size: usize) -> Result<Vec<f32>, CacheError> {
    let side = cache.side();
    let mut crop = cache.face(index)?;
    if side != size {
        let picture = RgbImage::from_raw(side as u32, side as u32, crop).unwrap_or_default();
        crop = resize(&picture, size as u32, size as u32, FilterType::Triangle).into_raw();
    }
    Ok(planar(&crop))
}

/// Interleaved RGB bytes → planar values.
pub fn planar(rgb: &[u8]) -> Vec<f32> {
    let plane = rgb.len() / 3;
    (0..3 * plane).map(|i| pixel::to_value(rgb[i % plane * 3 + i / plane])).collect()
}

/// A seeded picture with a face's large forms: a bright oval on a plain ground, two dark eyes, a mouth, and grain.
pub fn synthetic(size: usize, seed: u64) -> Vec<f32> {
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

/// Whether a pixel of the crop lies inside the face as the alignment places it: an oval from brows to chin.
pub fn inside(size: usize, x: usize, y: usize) -> bool {
    let unit = |v: usize| (v as f32 + 0.5) / size as f32;
    ((unit(x) - 0.5) / 0.32).powi(2) + ((unit(y) - 0.5) / 0.38).powi(2) < 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn synthetic_faces_are_repeatable_and_differ_by_seed() {
        assert_eq!(synthetic(32, 1), synthetic(32, 1));
        assert_ne!(synthetic(32, 1), synthetic(32, 2));
        assert!(synthetic(64, 3).iter().all(|v| (-1.0..=1.0).contains(v)));
    }

    #[test]
    fn the_inside_is_about_a_third_of_the_crop() {
        let pixels = (0..128 * 128).filter(|i| inside(128, i % 128, i / 128)).count();
        assert!((5000..7500).contains(&pixels), "{pixels}");
    }

    #[test]
    fn planar_is_the_projects_one_normalisation() {
        let rgb: Vec<u8> = (0..48).map(|v| v * 5).collect();
        let mut expected = vec![0.0; 48];
        pixel::to_planar(&rgb, &mut expected).unwrap();
        assert_eq!(planar(&rgb), expected);
    }
}
