//! The teacher's contact sheet: what the prior alone makes of a few faces, before any training.

use super::teacher::{Prior, PriorError};
use crate::data::cache::{Cache, Split};
use crate::data::tensors::{faces_to_tensor, tensor_to_picture};
use edge::files::write_atomic;
use image::{GenericImage, RgbImage};
use shared::Decade;
use std::io::{self, Cursor};
use std::path::PathBuf;
use tch::Tensor;

/// Draws the teacher's contact sheet: source, then 10s to 60s.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Cache of aligned faces.
    #[arg(long)]
    cache: PathBuf,
    /// The PNG to write.
    #[arg(long)]
    out: PathBuf,
    /// Faces to draw, of each decade in turn.
    #[arg(long, default_value_t = 18)]
    faces: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum SheetError {
    #[error(transparent)]
    Prior(#[from] PriorError),
    #[error("cannot write `{path}`: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot encode the sheet: {0}")]
    Encode(#[from] image::ImageError),
}

pub fn run(args: &Args) -> Result<(), SheetError> {
    let cache = Cache::open(&args.cache).map_err(PriorError::from)?;
    let prior = Prior::build(&cache)?;
    let side = cache.side() as u32;
    let mut sheet = RgbImage::new(side * 7, side * args.faces as u32);
    for row in 0..args.faces {
        let members = cache.indices(Split::Val, Decade::ALL[row % 6]);
        let Some(&index) = members.get(row * 7 % members.len().max(1)) else { continue };
        let record = &cache.records()[index];
        let face = faces_to_tensor(&cache, &[index]).map_err(PriorError::from)?;
        let mut draw = |column: u32, picture: &Tensor| {
            sheet.copy_from(&tensor_to_picture(picture), column * side, row as u32 * side)
        };
        draw(0, &face)?;
        for decade in Decade::ALL {
            let aged = prior.target(&face, &[record.landmarks], &[record.decade], &[decade], &[record.gender]);
            draw(decade.index() as u32 + 1, &aged)?;
        }
    }
    let mut png = Cursor::new(Vec::new());
    sheet.write_to(&mut png, image::ImageFormat::Png)?;
    write_atomic(&args.out, png.get_ref()).map_err(|source| SheetError::Write { path: args.out.clone(), source })
}
