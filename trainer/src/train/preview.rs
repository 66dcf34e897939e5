//! Contact sheets while training: a face of each decade that the net never trains on, then the same face in all six decades.

use super::batches::{self, BatchError, Draw, Faces};
use crate::data::cache::{Cache, Split};
use crate::nets::Generator;
use image::{Rgb, RgbImage};
use shared::{Decade, pixel};
use tch::{Device, Tensor, no_grad};

/// The faces that every sheet of a run shows.
#[derive(Debug)]
pub struct Preview {
    faces: Faces,
}

impl Preview {
    /// The middle val face of each decade (a training face where a decade has no other), genders in turn where known.
    pub fn choose(cache: &Cache, device: Device) -> Result<Self, BatchError> {
        let pick = |decade: Decade| {
            let [val, train] = [Split::Val, Split::Train].map(|split| cache.indices(split, decade));
            let all = if val.is_empty() { train } else { val };
            let wanted = |&&index: &&usize| {
                cache.records()[index].gender.is_some_and(|gender| gender as usize == decade.index() % 2)
            };
            let middle = all.len() / 2;
            let found = all.iter().skip(middle).find(wanted).or_else(|| all.get(middle));
            found.map(|&index| Draw { index, mirrored: false })
        };
        let draws: Vec<_> = Decade::ALL.into_iter().filter_map(pick).collect();
        Ok(Self { faces: batches::load(cache, &draws, device)? })
    }

    /// Rows: faces; columns: the face itself, then the 10s to the 60s.
    pub fn draw(&self, generator: &Generator) -> Result<RgbImage, BatchError> {
        let faces = &self.faces.pictures;
        let count = faces.size()[0];
        let aged = |decade| generator.forward(faces, &batches::condition(decade, count, faces.device())).aged;
        let columns: Vec<Tensor> =
            no_grad(|| std::iter::once(faces.shallow_clone()).chain(Decade::ALL.map(aged)).collect());
        // [R, 7, 3, S, S] → R·S × 7·S
        let sheet = Tensor::stack(&columns, 1).permute([2, 0, 3, 1, 4]).contiguous().to_device(Device::Cpu);
        let [_, rows, side, columns, _] = sheet.size()[..] else { unreachable!("five axes were named above") };
        let (width, height) = ((columns * side) as u32, (rows * side) as u32);
        let planar = Vec::<f32>::try_from(sheet.view(-1))?;
        let mut rgb = vec![0; planar.len()];
        pixel::to_interleaved(&planar, &mut rgb)?;
        Ok(RgbImage::from_raw(width, height, rgb).unwrap_or_else(|| RgbImage::from_pixel(1, 1, Rgb([0; 3]))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::batches::tests::{cache, recipe};
    use crate::train::model::Model;

    #[test]
    fn the_first_column_is_the_face_and_the_others_are_the_nets() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(&folder.path().join("c"), 64, 54);
        let model = Model::new(&recipe(|text| text), Device::Cpu);
        let preview = Preview::choose(&cache, Device::Cpu).unwrap();
        let sheet = preview.draw(model.g()).unwrap();
        assert_eq!(sheet.dimensions(), (7 * 64, 6 * 64));
        for (row, &decade) in Decade::ALL.iter().enumerate() {
            let brightness = sheet.get_pixel(30, row as u32 * 64 + 10).0[0];
            assert_eq!(brightness / 40, decade.index() as u8, "a face of the {decade}");
        }
        let column = |n: u32| image::imageops::crop_imm(&sheet, n * 64, 0, 64, 6 * 64).to_image();
        assert_ne!(column(1), column(6));
    }
}
