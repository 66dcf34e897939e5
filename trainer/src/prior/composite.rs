//! Demo visitors that belong to nobody: averages of many faces of one gender, group and decade, in the mean shape.
//!
//! They stand in for a camera where there is none, and in tests and documents where no real person may be shown.

use super::filters::blur;
use super::teacher::PriorError;
use crate::data::cache::{Cache, Gender, Split};
use crate::data::tensors::{faces_to_tensor, tensor_to_picture};
use edge::files::write_atomic;
use image::RgbImage;
use shared::Decade;
use std::io::{self, Cursor};
use std::path::{Path, PathBuf};
use tch::{Kind, no_grad};

/// Makes the demo visitors from a cache of training faces.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Cache of aligned faces; 224 pixels a side show all that FairFace holds.
    #[arg(long)]
    cache: PathBuf,
    /// Folder for one PNG a visitor.
    #[arg(long)]
    out: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum CompositeError {
    #[error(
        "only {found} faces of the {decade}, {gender:?}, {group}: expected at least {FEWEST}, or a person could be recognised"
    )]
    TooFew { found: usize, decade: Decade, gender: Gender, group: String },
    #[error(transparent)]
    Prior(#[from] PriorError),
    #[error("cannot write `{path}`: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot encode a composite: {0}")]
    Encode(#[from] image::ImageError),
}

/// Faces averaged at least and at most.
const FEWEST: usize = 40;
const MOST: usize = 200;
/// How much of the finest detail, which averaging halves, is given back.
const UNSHARP: f64 = 0.8;

/// The visitors: gender, FairFace's group, decade.
const VISITORS: [(Gender, &str, Decade); 6] = [
    (Gender::Female, "East Asian", Decade::Twenties),
    (Gender::Male, "Black", Decade::Thirties),
    (Gender::Female, "White", Decade::Thirties),
    (Gender::Male, "Latino_Hispanic", Decade::Twenties),
    (Gender::Female, "Indian", Decade::Twenties),
    (Gender::Male, "Middle Eastern", Decade::Forties),
];

pub fn run(args: &Args) -> Result<(), CompositeError> {
    let write_error = |path: &Path| {
        let path = path.to_owned();
        move |source| CompositeError::Write { path, source }
    };
    let cache = Cache::open(&args.cache).map_err(PriorError::from)?;
    std::fs::create_dir_all(&args.out).map_err(write_error(&args.out))?;
    for (number, (gender, group, decade)) in VISITORS.into_iter().enumerate() {
        let picture = composite(&cache, gender, group, decade)?;
        let mut png = Cursor::new(Vec::new());
        picture.write_to(&mut png, image::ImageFormat::Png)?;
        let path = args.out.join(format!("visitor{}.png", number + 1));
        write_atomic(&path, png.get_ref()).map_err(write_error(&path))?;
        println!("{}: {gender:?}, {group}, {decade}", path.display());
    }
    Ok(())
}

/// The mean of the sharpest faces of a kind.
fn composite(cache: &Cache, gender: Gender, group: &str, decade: Decade) -> Result<RgbImage, CompositeError> {
    let wanted = |index: &usize| {
        let record = &cache.records()[*index];
        record.gender == Some(gender) && record.group.as_deref() == Some(group)
    };
    let mut indices: Vec<usize> = cache.indices(Split::Train, decade).into_iter().filter(wanted).collect();
    indices.sort_by(|&a, &b| cache.records()[b].sharpness.total_cmp(&cache.records()[a].sharpness));
    indices.truncate(MOST);
    if indices.len() < FEWEST {
        return Err(CompositeError::TooFew { found: indices.len(), decade, gender, group: group.to_owned() });
    }
    let picture = no_grad(|| {
        let mut sum = None;
        for indices in indices.chunks(32) {
            let faces = faces_to_tensor(cache, indices).map_err(PriorError::from)?;
            let part = faces.sum_dim_intlist([0i64].as_slice(), true, Kind::Float);
            sum = Some(sum.map_or_else(|| part.shallow_clone(), |sum: tch::Tensor| sum + &part));
        }
        let mean = sum.map(|sum| sum / indices.len() as f64).unwrap_or_default();
        Ok::<_, PriorError>((&mean + (&mean - blur(&mean, 1.5)) * UNSHARP).clamp(-1.0, 1.0))
    })?;
    Ok(tensor_to_picture(&picture))
}
