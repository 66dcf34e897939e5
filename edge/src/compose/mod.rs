//! The edit meets the camera's own pixels: drawn for a small crop, it is enlarged, laid back along the alignment and done
//! to the picture inside the face mask. Sharpness and background stay the camera's. Next: the screen.
//!
//! With `r` the place of the crop that pixel `p` shows and `s = r + n(r) · flow(r)`, the pixel becomes
//! `colour + m(s) · 127.5 · (change(s) + detail(s) · (luma(colour) / 127.5 − 1 − smooth(s)))`, where `colour` is the
//! picture's own as far from `p` as `s` lies from `r`; `m` and `n` are the [`mask`](crate::mask) of what is painted and of
//! what moves.

mod lattice;
mod paint;
mod source;

use crate::ager::Edit;
use image::RgbImage;
use lattice::{Flow, Lattice, Run};
use paint::Paint;
use shared::{Alignment, Landmarks, Point};
use source::Source;

/// In which a moved place is found: each halves the error, or better.
const STEPS: usize = 6;

/// Keeps its buffers from frame to frame.
#[derive(Debug, Default)]
pub struct Composer {
    paint: Paint,
    lattice: Lattice,
    source: Source,
}

/// Why an edit cannot be laid onto a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    #[error(
        "an edit of {change}, {detail}, {smooth} and {flow} values is not one square's change, detail, smooth and flow"
    )]
    Edit { change: usize, detail: usize, smooth: usize, flow: usize },
    #[error("the alignment shrinks the face to a spot, or is not finite")]
    Alignment,
}

impl Composer {
    /// Does `edit` to the face that `alignment` lays into the crop; both speak of this picture's pixels. Pixels outside
    /// the crop's square and outside the face stay as they are.
    pub fn apply(&mut self, picture: &mut RgbImage, alignment: &Alignment, edit: &Edit) -> Result<(), ComposeError> {
        let (side, cells) = sides(edit)?;
        let to_picture = alignment.to_upright_picture();
        if !to_picture.shift.is_finite() || !to_picture.scale().is_normal() {
            return Err(ComposeError::Alignment);
        }
        self.paint.mix(edit, side, to_picture.scale());
        let flow = Flow { values: &edit.flow, cells };
        self.lattice.lay(alignment, picture.dimensions(), flow, self.paint.mask());
        let Lattice { left, top, width, height, reach, .. } = self.lattice;
        if reach > 0.0 {
            self.source.copy(picture, (left, width), (top, height), reach.ceil() as usize + 2);
        }
        let across = 3 * picture.width() as usize;
        for (y, row) in picture.chunks_exact_mut(across.max(1)).enumerate().skip(top).take(height) {
            for run in self.lattice.row(y) {
                let pixels = &mut row[3 * run.x..][..3 * run.length];
                if run.rests() { self.tint(pixels, &run) } else { self.move_and_tint(pixels, &run, y) }
            }
        }
        Ok(())
    }

    /// Where [`Self::apply`] moves places of the face, in pixels of the picture.
    pub fn moved(&self, landmarks: &Landmarks, alignment: &Alignment, edit: &Edit) -> Result<Landmarks, ComposeError> {
        let flow = Flow { values: &edit.flow, cells: sides(edit)?.1 };
        let off = |r: Point| flow.at(r) * self.paint.mask().moving(r, 0.0);
        let there = |p: Point| {
            let from = alignment.to_crop(p);
            // The place r that shows what lies at `from`: r + off(r) = from.
            let r = (0..STEPS).fold(from, |r, _| from - off(r));
            p + alignment.to_picture(r) - alignment.to_picture(from)
        };
        Ok(Landmarks(landmarks.0.map(there)))
    }

    /// Paints over pixels that keep their own colours.
    fn tint(&self, pixels: &mut [u8], run: &Run) {
        let [mut x, mut y] = self.texels([run.start[0], run.start[1]], 0.5);
        let [dx, dy] = self.texels([run.slope[0], run.slope[1]], 0.0);
        for pixel in pixels.chunks_exact_mut(3) {
            let colour = [f32::from(pixel[0]), f32::from(pixel[1]), f32::from(pixel[2]), 0.0];
            paint_over(pixel, colour, self.paint.at(x, y));
            (x, y) = (x.wrapping_add(dx), y.wrapping_add(dy));
        }
    }

    /// Paints over colours from elsewhere in the picture.
    fn move_and_tint(&self, pixels: &mut [u8], run: &Run, y: usize) {
        let (mut u, mut v) = self.source.place(run.x, y);
        u = u.wrapping_add(fixed(run.start[2]));
        v = v.wrapping_add(fixed(run.start[3]));
        let (du, dv) = (fixed(1.0 + run.slope[2]), fixed(run.slope[3]));
        let [mut x, mut y] = self.texels([run.start[0], run.start[1]], 0.5);
        let [dx, dy] = self.texels([run.slope[0], run.slope[1]], 0.0);
        for pixel in pixels.chunks_exact_mut(3) {
            paint_over(pixel, self.source.at(u, v), self.paint.at(x, y));
            (x, y) = (x.wrapping_add(dx), y.wrapping_add(dy));
            (u, v) = (u.wrapping_add(du), v.wrapping_add(dv));
        }
    }

    /// Crop units to whole numbers of 1/65536 texel.
    fn texels(&self, place: [f32; 2], centre: f32) -> [i32; 2] {
        place.map(|value| fixed(value * self.paint.side() as f32 - centre))
    }
}

fn fixed(value: f32) -> i32 {
    (value * 65536.0) as i32
}

/// Writes `colour` (0..255) with a texel of paint on it.
#[inline]
fn paint_over(pixel: &mut [u8], colour: [f32; 4], texel: [f32; 4]) {
    // ITU-R BT.601.
    let detail = (0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]) * texel[3];
    let painted: [f32; 4] = std::array::from_fn(|k| colour[k] + texel[k] + detail + 0.5);
    for (byte, value) in pixel.iter_mut().zip(painted) {
        // The cast saturates at 0 and 255.
        *byte = value as u8;
    }
}

/// Pixels a side of the edit and cells a side of its flow.
fn sides(edit: &Edit) -> Result<(usize, usize), ComposeError> {
    let Edit { change, detail, smooth, flow } = edit;
    let (change, detail, smooth, flow) = (change.len(), detail.len(), smooth.len(), flow.len());
    let (side, cells) = (detail.isqrt(), (flow / 2).isqrt());
    let whole = detail == side * side && change == 3 * detail && smooth == detail && flow == 2 * cells * cells;
    if whole && side > 1 && cells > 0 {
        Ok((side, cells))
    } else {
        Err(ComposeError::Edit { change, detail, smooth, flow })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::Mask;
    use crate::testing::edit;
    use proptest::prelude::*;
    use shared::registration::MEAN;
    use shared::{Landmarks, Point, Similarity};

    fn grey(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| image::Rgb([100, (x % 200) as u8, (y % 200) as u8]))
    }

    /// Soft waves, other ones in each channel.
    fn waves(width: u32, height: u32) -> RgbImage {
        let wave = |x: u32, y: u32, turn: f32| {
            let (x, y) = (x as f32 / 9.0, y as f32 / 7.0);
            (128.0 + 50.0 * (x + turn * y).sin() + 40.0 * (y - turn).cos()) as u8
        };
        RgbImage::from_fn(width, height, |x, y| image::Rgb([0.2, 0.5, 0.9].map(|turn| wave(x, y, turn))))
    }

    /// A crop `size` pixels wide.
    fn pose(radians: f32, size: f32, x: f32, y: f32) -> Similarity {
        Similarity { shift: Point::new(x, y), ..Similarity::about(Point::default(), radians, size) }
    }

    /// A face that is wider than the mean one, and fuller on one side.
    fn registered(to_picture: &Similarity) -> Alignment {
        let wide = |p: Point| Point::new(p.x + 0.06 * (p.x - 0.5), p.y + 0.05 * (p.x - 0.5) * (p.y - 0.3));
        Alignment::of(&Landmarks(MEAN.0.map(wide)).map(to_picture)).unwrap()
    }

    fn upright(to_picture: &Similarity) -> Alignment {
        Alignment::upright(to_picture.inverse().unwrap()).unwrap()
    }

    fn composed(picture: &RgbImage, alignment: &Alignment, edit: &Edit) -> RgbImage {
        let mut after = picture.clone();
        Composer::default().apply(&mut after, alignment, edit).unwrap();
        after
    }

    /// An edit of which every plane differs from place to place, softly.
    fn varied(side: usize, flow: f32) -> Edit {
        let mut edit = Edit::none(side);
        let wave = |i: usize, speed: f32| (((i % side) as f32 + 0.7 * (i / side) as f32) / side as f32 * speed).sin();
        edit.change.iter_mut().enumerate().for_each(|(i, value)| *value = 0.3 * wave(i, 17.0));
        edit.detail.iter_mut().enumerate().for_each(|(i, value)| *value = 0.4 * wave(i, 9.0));
        edit.smooth.iter_mut().enumerate().for_each(|(i, value)| *value = 0.5 * wave(i, 5.0));
        let cells = side / 8;
        // As a generator's own mask would have it, nothing moves at the border.
        let window = |n: usize| ((n as f32 + 0.5) / cells as f32 * std::f32::consts::PI).sin().powi(2);
        let turn = |i: usize| (i % cells + i / cells % cells) as f32 / cells as f32;
        edit.flow.iter_mut().enumerate().for_each(|(i, value)| {
            *value = flow * (2.0 * turn(i)).cos() * window(i % cells) * window(i / cells % cells);
        });
        edit
    }

    /// What the contract says about one pixel, the long way; `None` outside of the crop.
    fn expected(
        mask: &Mask,
        picture: &RgbImage,
        alignment: &Alignment,
        edit: &Edit,
        side: usize,
        (x, y): (u32, u32),
    ) -> Option<[f32; 3]> {
        let (step, cells) = (1.0 / side as f32, side / 8);
        let plane = |values: &[f32], count: usize, p: Point| {
            let place = |x: f32| (x * count as f32 - 0.5).clamp(0.0, (count - 1) as f32);
            let (x, y) = (place(p.x), place(p.y));
            let at = |x: usize, y: usize| values[y.min(count - 1) * count + x.min(count - 1)];
            let (i, j, fx, fy) = (x as usize, y as usize, x.fract(), y.fract());
            (at(i, j) * (1.0 - fx) + at(i + 1, j) * fx) * (1.0 - fy)
                + (at(i, j + 1) * (1.0 - fx) + at(i + 1, j + 1) * fx) * fy
        };
        let p = Point::new(x as f32 + 0.5, y as f32 + 0.5);
        let r = alignment.to_crop(p);
        if !(0.0..=1.0).contains(&r.x) || !(0.0..=1.0).contains(&r.y) {
            return None;
        }
        let (along, down) = edit.flow.split_at(cells * cells);
        let weight = mask.moving(r, 0.0);
        let s = r + Point::new(plane(along, cells, r), plane(down, cells, r)) * weight;
        let q = p + alignment.to_picture(s) - alignment.to_picture(r);
        let colour: [f32; 3] = std::array::from_fn(|channel| cubic(picture, q, channel));
        let luma = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2];
        let weight = mask.at(s, 1.5 * step);
        let detail = plane(&edit.detail, side, s) * (luma / 127.5 - 1.0 - plane(&edit.smooth, side, s));
        Some(std::array::from_fn(|k| {
            let change = plane(&edit.change[k * side * side..][..side * side], side, s);
            (colour[k] + weight * 127.5 * (change + detail)).clamp(0.0, 255.0)
        }))
    }

    fn cubic(picture: &RgbImage, p: Point, channel: usize) -> f32 {
        let kernel = |t: f32| match t.abs() {
            t if t < 1.0 => 1.5 * t * t * t - 2.5 * t * t + 1.0,
            t if t < 2.0 => -0.5 * t * t * t + 2.5 * t * t - 4.0 * t + 2.0,
            _ => 0.0,
        };
        let (x, y) = (p.x - 0.5, p.y - 0.5);
        let mut sum = 0.0;
        for (j, i) in (-1..3).flat_map(|j| (-1..3).map(move |i| (j, i))) {
            let (column, row) = (x.floor() + i as f32, y.floor() + j as f32);
            let inside = |place: f32, count: u32| place.clamp(0.0, (count - 1) as f32) as u32;
            let value = picture.get_pixel(inside(column, picture.width()), inside(row, picture.height()))[channel];
            sum += f32::from(value) * kernel(x - column) * kernel(y - row);
        }
        sum
    }

    /// The furthest that a channel of any pixel lies from the contract, in levels.
    fn furthest(picture: &RgbImage, alignment: &Alignment, edit: &Edit, side: usize) -> f32 {
        let (after, mask) = (composed(picture, alignment, edit), Mask::new());
        let mut furthest = 0.0f32;
        for (x, y, pixel) in after.enumerate_pixels() {
            let before = picture.get_pixel(x, y).0.map(f32::from);
            let expected = expected(&mask, picture, alignment, edit, side, (x, y)).unwrap_or(before);
            for (found, expected) in pixel.0.iter().zip(expected) {
                furthest = furthest.max((f32::from(*found) - expected).abs());
            }
        }
        furthest
    }

    #[test]
    fn at_the_crops_own_scale_every_pixel_is_what_the_contract_says() {
        let (picture, side) = (waves(150, 150), 128);
        let to_picture = pose(0.0, side as f32, 11.0, 8.0);
        let cases = [
            (upright(&to_picture), 0.0, 1.0),
            (registered(&to_picture), 0.0, 2.0),
            (registered(&to_picture), 0.03, 2.5),
        ];
        for (alignment, flow, tolerance) in cases {
            let furthest = furthest(&picture, &alignment, &varied(side, flow), side);
            assert!(furthest <= tolerance, "{flow} {furthest}");
        }
        let turned = registered(&pose(0.5, side as f32, 50.0, 2.0));
        assert!(furthest(&picture, &turned, &varied(side, 0.03), side) <= 2.5);
    }

    #[test]
    fn enlarged_or_shrunk_it_stays_near_what_the_contract_says() {
        let side = 64;
        for (size, picture) in [(30.0, waves(60, 60)), (90.0, waves(110, 110)), (330.0, waves(350, 350))] {
            let alignment = registered(&pose(-0.1, size, 9.0, 20.0));
            let furthest = furthest(&picture, &alignment, &varied(side, 0.02), side);
            assert!(furthest <= 4.0, "{size} {furthest}");
        }
    }

    #[test]
    fn the_whole_change_reaches_the_middle_of_the_face_at_any_size() {
        for size in [20.0, 60.0, 150.0, 700.0] {
            let to_picture = pose(0.0, size, 10.0, 10.0);
            let after = composed(&grey(720, 720), &registered(&to_picture), &edit(32, 0.4, 0.0));
            let nose = to_picture.apply(MEAN.0[30]);
            assert_eq!(after.get_pixel(nose.x as u32, nose.y as u32)[0], 151, "{size}");
        }
    }

    #[test]
    fn a_flow_moves_the_face_by_what_it_says_and_leaves_the_border() {
        let picture = waves(260, 260);
        let size = 240.0;
        let alignment = upright(&pose(0.0, size, 10.0, 10.0));
        for (x, y) in [(6.0, 0.0), (-3.0, 4.0), (0.0, -6.5)] {
            let mut edit = Edit::none(64);
            let (across, down) = edit.flow.split_at_mut(64);
            across.fill(x / size);
            down.fill(y / size);
            let after = composed(&picture, &alignment, &edit);
            for (column, row) in (110..150).flat_map(|row| (110..150).map(move |column| (column, row))) {
                let from = Point::new(column as f32 + 0.5 + x, row as f32 + 0.5 + y);
                for channel in 0..3 {
                    let found = f32::from(after.get_pixel(column, row)[channel]);
                    let expected = cubic(&picture, from, channel);
                    assert!((found - expected).abs() < 1.01, "{column} {row}: {found} {expected}");
                }
            }
            for i in 10..250 {
                for (column, row) in [(i, 10), (i, 249), (10, i), (249, i)] {
                    assert_eq!(after.get_pixel(column, row), picture.get_pixel(column, row));
                }
            }
        }
    }

    #[test]
    fn moved_places_are_where_the_picture_shows_them() {
        let alignment = registered(&pose(0.2, 300.0, 60.0, 10.0));
        let edit = Edit { change: vec![0.0; 3 * 64 * 64], detail: vec![0.0; 64 * 64], ..varied(64, 0.02) };
        let landmarks = Landmarks(MEAN.0.map(|p| alignment.to_picture(p)));
        let moved = Composer::default().moved(&landmarks, &alignment, &edit).unwrap();
        let mut furthest = 0.0f32;
        for i in [4, 8, 30, 36, 48, 57] {
            let (from, to) = (landmarks.0[i], moved.0[i]);
            furthest = furthest.max(from.distance(to));
            // A soft spot about the place before; its middle after.
            let spot = RgbImage::from_fn(400, 400, |x, y| {
                let far = Point::new(x as f32 + 0.5, y as f32 + 0.5).distance(from);
                image::Rgb([(250.0 * (-far * far / 18.0).exp()) as u8; 3])
            });
            let after = composed(&spot, &alignment, &edit);
            let (mut sum, mut weights) = (Point::default(), 0.0);
            for (x, y, pixel) in after.enumerate_pixels() {
                sum = sum + Point::new(x as f32 + 0.5, y as f32 + 0.5) * f32::from(pixel[0]);
                weights += f32::from(pixel[0]);
            }
            let middle = sum * (1.0 / weights);
            assert!(middle.distance(to) < 0.35, "{i}: {middle:?}, expected {to:?}");
        }
        assert!(furthest > 2.0, "{furthest}");
    }

    #[test]
    fn detail_sharpens_and_a_lack_of_it_softens() {
        let picture =
            RgbImage::from_fn(200, 200, |x, y| image::Rgb([if (x / 2 + y / 2) % 2 == 0 { 110 } else { 145 }; 3]));
        let alignment = upright(&pose(0.0, 180.0, 10.0, 10.0));
        let spread = |picture: &RgbImage| {
            let middle = image::imageops::crop_imm(picture, 80, 80, 40, 40).to_image();
            middle.iter().map(|&value| (f32::from(value) - 127.5).abs()).sum::<f32>() / middle.len() as f32
        };
        let before = spread(&picture);
        for detail in [-0.8, 0.6] {
            let after = composed(&picture, &alignment, &edit(32, 0.0, detail));
            assert!((spread(&after) / before - (1.0 + detail)).abs() < 0.05, "{detail}");
        }
    }

    #[test]
    fn what_cannot_be_laid_back_is_refused() {
        let mut picture = grey(20, 20);
        let there = Alignment::upright(Similarity::IDENTITY).unwrap();
        let mut refused =
            |alignment: &Alignment, edit: &Edit| Composer::default().apply(&mut picture, alignment, edit).unwrap_err();
        let planes: [fn(&mut Edit) -> &mut Vec<f32>; 4] =
            [|edit| &mut edit.change, |edit| &mut edit.detail, |edit| &mut edit.smooth, |edit| &mut edit.flow];
        for plane in planes {
            for length in [0, 5] {
                let mut edit = edit(16, 0.1, 0.1);
                plane(&mut edit).resize(length, 0.0);
                assert!(matches!(refused(&there, &edit), ComposeError::Edit { .. }));
            }
        }
        let nowhere = Similarity { shift: Point::new(f32::NAN, 0.0), ..Similarity::IDENTITY };
        if let Ok(nowhere) = Alignment::upright(nowhere) {
            assert_eq!(refused(&nowhere, &edit(16, 0.1, 0.1)), ComposeError::Alignment);
        }
        let mut broken = MEAN;
        broken.0[60].y = f32::INFINITY;
        assert!(Alignment::of(&broken).is_err());
    }

    #[test]
    fn a_face_wider_than_the_picture_and_one_beside_it_are_no_trouble() {
        for to_picture in [pose(0.3, 4000.0, -1800.0, -1500.0), pose(0.0, 50.0, 500.0, 20.0), pose(1.0, 0.01, 5.0, 5.0)]
        {
            composed(&waves(64, 48), &registered(&to_picture), &varied(32, 0.1));
            composed(&waves(1, 1), &registered(&to_picture), &varied(32, 9e9));
        }
    }

    prop_compose! {
        /// Faces of any turn and size, some partly or wholly outside a frame of 90×70.
        fn poses()(radians in -3.2f32..3.2, size in 5.0f32..200.0, x in -150.0f32..200.0, y in -150.0f32..200.0) -> Similarity {
            pose(radians, size, x, y)
        }
    }

    proptest! {
        #[test]
        fn pixels_outside_the_crop_stay_as_they_are(to_picture in poses(), flow in -0.3f32..0.3) {
            let alignment = registered(&to_picture);
            let before = waves(90, 70);
            let after = composed(&before, &alignment, &varied(16, flow));
            for (x, y, pixel) in after.enumerate_pixels() {
                let p = alignment.to_crop(Point::new(x as f32 + 0.5, y as f32 + 0.5));
                let inside = (0.0..=1.0).contains(&p.x) && (0.0..=1.0).contains(&p.y);
                prop_assert!(inside || pixel == before.get_pixel(x, y), "{x} {y} {p:?}");
            }
        }

        #[test]
        fn an_edit_of_zeros_changes_nothing(to_picture in poses(), smooth in -1.0f32..1.0) {
            let before = waves(90, 70);
            let mut edit = Edit::none(16);
            edit.smooth.fill(smooth);
            prop_assert_eq!(&before, &composed(&before, &registered(&to_picture), &edit));
        }

        #[test]
        fn a_composer_that_has_worked_before_works_the_same(first in poses(), then in poses()) {
            let before = waves(90, 70);
            let mut composer = Composer::default();
            composer.apply(&mut before.clone(), &registered(&first), &varied(32, 0.1)).unwrap();
            let mut after = before.clone();
            composer.apply(&mut after, &registered(&then), &varied(16, 0.05)).unwrap();
            prop_assert_eq!(after, composed(&before, &registered(&then), &varied(16, 0.05)));
        }
    }
}
