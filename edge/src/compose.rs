//! The edit meets the camera's own pixels: drawn for a small crop, it is enlarged, laid back along the alignment and added
//! inside the face mask. Sharpness and background stay the camera's. Next: the screen.

use crate::ager::Edit;
use crate::mask;
use image::RgbImage;
use shared::{Landmarks, Point, Similarity};

/// The mask is soft, so that a coarse one is enough.
const MASK_SIDE: usize = 64;
/// Crops that are this much larger in the picture than in the generator get a field of twice its resolution. Once is
/// enough: between the texels of a refined field, straight lines are as good as curves.
const REFINE_FROM: f32 = 1.5;
/// Catmull-Rom weights for a point a quarter to the right of a sample; mirrored for a quarter to the left.
const QUARTER: [f32; 4] = [-9.0 / 128.0, 111.0 / 128.0, 29.0 / 128.0, -3.0 / 128.0];

/// Red, green, blue and one unused lane, in bytes' units: four lanes are one vector register.
type Texel = [f32; 4];

/// Keeps its buffers from frame to frame.
#[derive(Debug, Default)]
pub struct Composer {
    mask: Vec<f32>,
    field: Vec<Texel>,
    half: Vec<Texel>,
    finer: Vec<Texel>,
}

/// Why an edit cannot be laid onto a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    #[error("an edit of {0} values is not a square of three channels")]
    Edit(usize),
    #[error("the alignment shrinks the face to a spot")]
    Alignment,
}

impl Composer {
    /// Adds `edit` to `picture`. `alignment` takes the picture's pixels to crop units, as [`shared::align`] gives it;
    /// `landmarks` are in the picture's pixels. Pixels outside the crop's square and outside the face stay as they are.
    pub fn apply(
        &mut self,
        picture: &mut RgbImage,
        alignment: &Similarity,
        landmarks: &Landmarks,
        edit: &Edit,
    ) -> Result<(), ComposeError> {
        let side = (edit.delta.len() / 3).isqrt();
        if side == 0 || side * side * 3 != edit.delta.len() {
            return Err(ComposeError::Edit(edit.delta.len()));
        }
        let to_picture = alignment.inverse().ok_or(ComposeError::Alignment)?;
        self.mask.resize(MASK_SIDE * MASK_SIDE, 0.0);
        mask::draw(&landmarks.map(alignment), MASK_SIDE, &mut self.mask);
        self.fill_field(edit, side);
        let refined = to_picture.scale() > REFINE_FROM * side as f32;
        if refined {
            self.refine(side);
        }
        let side = if refined { 2 * side } else { side };
        add(&self.field, side, picture, alignment, &to_picture);
        Ok(())
    }

    /// The masked edit at the generator's own resolution.
    fn fill_field(&mut self, edit: &Edit, side: usize) {
        let plane = side * side;
        self.field.clear();
        self.field.extend((0..plane).map(|i| {
            let to_mask = |n: usize| ((n as f32 + 0.5) * MASK_SIDE as f32 / side as f32 - 0.5).max(0.0);
            let weight = 127.5 * sample(&self.mask, to_mask(i % side), to_mask(i / side));
            [edit.delta[i] * weight, edit.delta[plane + i] * weight, edit.delta[2 * plane + i] * weight, 0.0]
        }));
    }

    /// Twice as many texels a side, by cubic convolution first along the rows, then along the columns.
    fn refine(&mut self, side: usize) {
        self.half.resize(2 * side * side, [0.0; 4]);
        self.finer.resize(4 * side * side, [0.0; 4]);
        for (row, fine) in self.field.chunks_exact(side).zip(self.half.chunks_exact_mut(2 * side)) {
            for (i, texel) in fine.iter_mut().enumerate() {
                *texel = cubic(neighbours(i, side).map(|n| &row[n]));
            }
        }
        for (i, fine) in self.finer.chunks_exact_mut(2 * side).enumerate() {
            let rows = neighbours(i, side).map(|n| &self.half[n * 2 * side..][..2 * side]);
            for (x, texel) in fine.iter_mut().enumerate() {
                *texel = cubic(rows.map(|row| &row[x]));
            }
        }
        std::mem::swap(&mut self.field, &mut self.finer);
    }
}

/// The four of `count` samples about place `i` of a line that is twice as fine, in the order of [`QUARTER`].
fn neighbours(i: usize, count: usize) -> [usize; 4] {
    let (centre, last) = (i / 2, count - 1);
    let before = |n: usize| centre.saturating_sub(n);
    let after = |n: usize| (centre + n).min(last);
    if i % 2 == 1 { [before(1), centre, after(1), after(2)] } else { [after(1), centre, before(1), before(2)] }
}

fn cubic(texels: [&Texel; 4]) -> Texel {
    let [a, b, c, d] = texels;
    std::array::from_fn(|i| QUARTER[0] * a[i] + QUARTER[1] * b[i] + QUARTER[2] * c[i] + QUARTER[3] * d[i])
}

fn lerp(a: &Texel, b: &Texel, share: f32) -> Texel {
    std::array::from_fn(|i| a[i] + (b[i] - a[i]) * share)
}

/// Bilinear value of the square `mask` at a place in texels (0 is the first texel's centre).
fn sample(mask: &[f32], x: f32, y: f32) -> f32 {
    let last = MASK_SIDE - 1;
    let (left, top) = ((x as usize).min(last), (y as usize).min(last));
    let (right, bottom) = ((left + 1).min(last), (top + 1).min(last));
    let (fx, fy) = ((x - left as f32).min(1.0), (y - top as f32).min(1.0));
    let at = |x: usize, y: usize| mask[y * MASK_SIDE + x];
    let upper = at(left, top) * (1.0 - fx) + at(right, top) * fx;
    let lower = at(left, bottom) * (1.0 - fx) + at(right, bottom) * fx;
    upper * (1.0 - fy) + lower * fy
}

/// Adds the field to each pixel whose centre lies in the crop's square.
fn add(field: &[Texel], side: usize, picture: &mut RgbImage, alignment: &Similarity, to_picture: &Similarity) {
    let corners = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)];
    let ys = corners.map(|(x, y)| to_picture.apply(Point::new(x, y)).y);
    let top = ys.into_iter().fold(f32::INFINITY, f32::min).floor().max(0.0);
    let bottom = ys.into_iter().fold(f32::NEG_INFINITY, f32::max).ceil().min(picture.height() as f32);
    let width = picture.width() as usize;
    let rows = picture.chunks_exact_mut(3 * width).enumerate().take(bottom.max(0.0) as usize).skip(top as usize);
    let texels = side as f32;
    let step = Point::new(alignment.a, alignment.b) * texels;
    for (y, row) in rows {
        // The centre of the row's first pixel, in texels.
        let start = alignment.apply(Point::new(0.5, y as f32 + 0.5)) * texels;
        let spans = (inside(start.x, step.x, texels), inside(start.y, step.y, texels));
        let Some((from, to)) = overlap(spans.0, spans.1, width) else { continue };
        let first = start + step * from as f32 - Point::new(0.5, 0.5);
        add_row(field, side, &mut row[3 * from..3 * to], first, step);
    }
}

/// Adds the field along a line that begins at `first` and goes on by `step` a pixel, both in texels.
fn add_row(field: &[Texel], side: usize, row: &mut [u8], first: Point, step: Point) {
    // Whole numbers of 1/65536 texel: float to integer and back for every pixel would cost more than all the rest.
    let fixed = |value: f32| (value * 65536.0) as i32;
    let (mut u, mut v) = (fixed(first.x), fixed(first.y));
    let (du, dv) = (fixed(step.x), fixed(step.y));
    let last = side - 1;
    let split = |place: i32| {
        let place = place.clamp(0, (last as i32) << 16);
        let whole = (place >> 16) as usize;
        (whole, (whole + 1).min(last), (place & 0xffff) as f32 / 65536.0)
    };
    for pixel in row.chunks_exact_mut(3) {
        let ((left, right, fu), (upper, lower, fv)) = (split(u), split(v));
        let above = lerp(&field[upper * side + left], &field[upper * side + right], fu);
        let below = lerp(&field[lower * side + left], &field[lower * side + right], fu);
        let change = lerp(&above, &below, fv);
        for (byte, change) in pixel.iter_mut().zip(change) {
            // The cast saturates at 0 and 255.
            *byte = (f32::from(*byte) + change + 0.5) as u8;
        }
        u = u.wrapping_add(du);
        v = v.wrapping_add(dv);
    }
}

/// The x for which `0 ≤ start + x · step ≤ end`.
fn inside(start: f32, step: f32, end: f32) -> (f32, f32) {
    if step == 0.0 {
        return if (0.0..=end).contains(&start) { (f32::NEG_INFINITY, f32::INFINITY) } else { (0.0, -1.0) };
    }
    let (a, b) = (-start / step, (end - start) / step);
    (a.min(b), a.max(b))
}

/// The whole numbers in both spans and below `width`, as `from..to`.
fn overlap(a: (f32, f32), b: (f32, f32), width: usize) -> Option<(usize, usize)> {
    let from = a.0.max(b.0).max(0.0).ceil();
    let to = (a.1.min(b.1).floor() + 1.0).min(width as f32);
    (from < to).then_some((from as usize, to as usize))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use proptest::prelude::*;

    fn grey(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| image::Rgb([100, (x % 200) as u8, (y % 200) as u8]))
    }

    fn edit(side: usize, value: f32) -> Edit {
        Edit { delta: vec![value; 3 * side * side] }
    }

    /// Crop units to the pixels of a picture, with the face `scale` pixels wide.
    fn pose(radians: f32, scale: f32, x: f32, y: f32) -> Similarity {
        Similarity { shift: Point::new(x, y), ..Similarity::about(Point::default(), radians, scale) }
    }

    #[test]
    fn the_whole_edit_reaches_the_middle_of_the_face_at_any_size() {
        for scale in [20.0, 60.0, 150.0, 700.0] {
            let to_picture = pose(0.0, scale, 10.0, 10.0);
            let landmarks = testing::landmarks().map(&to_picture);
            let mut picture = grey(720, 720);
            let alignment = to_picture.inverse().unwrap();
            Composer::default().apply(&mut picture, &alignment, &landmarks, &edit(32, 0.4)).unwrap();
            let nose = landmarks.0[30];
            assert_eq!(picture.get_pixel(nose.x as u32, nose.y as u32)[0], 151, "{scale}");
        }
    }

    #[test]
    fn a_picture_at_the_crops_own_scale_gets_the_edit_pixel_by_pixel() {
        let side = 64;
        let mut edit = edit(side, 0.0);
        for (i, value) in edit.delta.iter_mut().enumerate() {
            *value = (i % 7) as f32 / 10.0 - 0.3;
        }
        let to_picture = pose(0.0, side as f32, 0.0, 0.0);
        let landmarks = testing::landmarks().map(&to_picture);
        let mut picture = grey(64, 64);
        Composer::default().apply(&mut picture, &to_picture.inverse().unwrap(), &landmarks, &edit).unwrap();
        let (x, y) = (32, 33);
        let expected = 100.0 + 127.5 * edit.delta[y * side + x];
        assert_eq!(picture.get_pixel(x as u32, y as u32)[0], expected.round() as u8);
    }

    #[test]
    fn refining_keeps_a_flat_field_flat_and_a_ramp_straight() {
        let mut composer = Composer {
            field: (0..64).map(|i| [(i % 8) as f32, 5.0, (i / 8) as f32, 0.0]).collect(),
            ..Composer::default()
        };
        composer.refine(8);
        for (i, texel) in composer.field.iter().enumerate() {
            let (x, y) = (i % 16, i / 16);
            assert!((texel[1] - 5.0).abs() < 1e-5);
            if (4..12).contains(&x) && (4..12).contains(&y) {
                assert!(
                    (texel[0] - (x as f32 / 2.0 - 0.25)).abs() < 1e-4
                        && (texel[2] - (y as f32 / 2.0 - 0.25)).abs() < 1e-4
                );
            }
        }
    }

    #[test]
    fn what_cannot_be_laid_back_is_refused() {
        let mut picture = grey(20, 20);
        let face = testing::landmarks();
        let mut apply =
            |alignment: &Similarity, edit: &Edit| Composer::default().apply(&mut picture, alignment, &face, edit);
        assert_eq!(apply(&Similarity::IDENTITY, &Edit { delta: vec![0.0; 5] }), Err(ComposeError::Edit(5)));
        assert_eq!(apply(&Similarity::IDENTITY, &Edit { delta: vec![] }), Err(ComposeError::Edit(0)));
        assert_eq!(apply(&Similarity::scaling(0.0), &edit(8, 0.1)), Err(ComposeError::Alignment));
    }

    prop_compose! {
        /// Faces of any turn and size, some partly or wholly outside a frame of 90×70.
        fn poses()(radians in -3.2f32..3.2, scale in 5.0f32..200.0, x in -150.0f32..200.0, y in -150.0f32..200.0) -> Similarity {
            pose(radians, scale, x, y)
        }
    }

    proptest! {
        #[test]
        fn pixels_outside_the_crop_stay_as_they_are(to_picture in poses()) {
            let alignment = to_picture.inverse().unwrap();
            let before = grey(90, 70);
            let mut after = before.clone();
            let landmarks = testing::landmarks().map(&to_picture);
            Composer::default().apply(&mut after, &alignment, &landmarks, &edit(16, 0.5)).unwrap();
            for (x, y, pixel) in after.enumerate_pixels() {
                let p = alignment.apply(Point::new(x as f32 + 0.5, y as f32 + 0.5));
                let inside = (-0.001..=1.001).contains(&p.x) && (-0.001..=1.001).contains(&p.y);
                prop_assert!(inside || pixel == before.get_pixel(x, y), "{x} {y} {p:?}");
            }
        }

        #[test]
        fn an_edit_of_zeros_changes_nothing(to_picture in poses()) {
            let before = grey(90, 70);
            let mut after = before.clone();
            let landmarks = testing::landmarks().map(&to_picture);
            Composer::default().apply(&mut after, &to_picture.inverse().unwrap(), &landmarks, &edit(16, 0.0)).unwrap();
            prop_assert_eq!(before, after);
        }

        #[test]
        fn broken_landmarks_change_nothing(index in 0usize..68, value in prop::sample::select(vec![f32::NAN, f32::INFINITY])) {
            let before = grey(90, 70);
            let mut after = before.clone();
            let to_picture = pose(0.2, 50.0, 10.0, 10.0);
            let mut landmarks = testing::landmarks().map(&to_picture);
            landmarks.0[index].y = value;
            Composer::default().apply(&mut after, &to_picture.inverse().unwrap(), &landmarks, &edit(16, 0.5)).unwrap();
            prop_assert_eq!(before, after);
        }
    }
}
