//! Synthetic scenes for measuring: a labelled picture comes in, it goes out placed somewhere in a larger picture whose
//! background is soft noise, with its landmarks there.

use image::{Rgb, RgbImage};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use shared::crop::{CropError, Picture};
use shared::{Landmarks, Point, Similarity};

/// Cells of background noise across the scene.
const CELLS: u32 = 12;

/// Samples a side of a pixel where the picture is shrunk.
const MAX_GRID: usize = 4;

/// A background of soft coloured noise.
pub fn background(width: u32, height: u32, seed: u64) -> RgbImage {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let cells = RgbImage::from_fn(CELLS, CELLS, |_, _| Rgb(rng.random()));
    image::imageops::resize(&cells, width, height, image::imageops::FilterType::CatmullRom)
}

/// Draws `picture` into `scene` where `placement` (picture pixels → scene pixels) puts it; its landmarks in the scene.
pub fn place(
    scene: &mut RgbImage,
    picture: &RgbImage,
    landmarks: &Landmarks,
    placement: &Similarity,
) -> Result<Landmarks, CropError> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let source = Picture::new(picture.as_raw(), width, height)?;
    let back = placement.inverse().ok_or(CropError::Alignment)?;
    let grid = (back.scale().ceil() as usize).clamp(1, MAX_GRID);
    let offset = |n: usize| (n as f32 + 0.5) / grid as f32;
    let (width, height) = (width as f32, height as f32);
    for (x, y, pixel) in scene.enumerate_pixels_mut() {
        let middle = back.apply(Point::new(x as f32 + 0.5, y as f32 + 0.5));
        if !(0.0..width).contains(&middle.x) || !(0.0..height).contains(&middle.y) {
            continue;
        }
        let mut sum = [0.0; 3];
        for k in 0..grid * grid {
            let at = Point::new(x as f32 + offset(k % grid), y as f32 + offset(k / grid));
            for (sum, value) in sum.iter_mut().zip(source.sample(back.apply(at))) {
                *sum += value / (grid * grid) as f32;
            }
        }
        *pixel = Rgb(sum.map(|value| value.round() as u8));
    }
    Ok(landmarks.map(placement))
}

/// Puts the middle of a square picture of `side` at `at`, `height` pixels high and turned by `radians`.
pub fn placement(side: f32, at: Point, height: f32, radians: f32) -> Similarity {
    let turned = Similarity::about(Point::default(), radians, height / side);
    Similarity { shift: at - turned.apply(Point::new(side / 2.0, side / 2.0)), ..turned }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_lands_where_its_landmarks_say() {
        let mut picture = RgbImage::new(40, 40);
        picture.put_pixel(30, 10, Rgb([255; 3]));
        let landmarks = Landmarks([Point::new(30.5, 10.5); 68]);
        let mut scene = RgbImage::new(100, 80);
        let at = placement(40.0, Point::new(60.0, 30.0), 40.0, std::f32::consts::FRAC_PI_2);
        let found = place(&mut scene, &picture, &landmarks, &at).unwrap();
        let brightest = scene.enumerate_pixels().max_by_key(|(_, _, p)| p.0[0]).unwrap();
        let middle = Point::new(brightest.0 as f32 + 0.5, brightest.1 as f32 + 0.5);
        assert!(found.0[0].distance(middle) < 1.0, "{found:?} {middle:?}");
        assert!(found.0[0].distance(Point::new(69.5, 40.5)) < 1e-3);
    }

    #[test]
    fn the_same_seed_gives_the_same_background() {
        assert_eq!(background(50, 40, 7), background(50, 40, 7));
        assert_ne!(background(50, 40, 7), background(50, 40, 8));
    }
}
