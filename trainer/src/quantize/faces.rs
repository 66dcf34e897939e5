//! The faces that a generator is calibrated and then measured on: pictures of a labelled dataset, cut by the device's own code, or the
//! crops of a prepared cache. Each is `[3, S, S]` in −1..1; the decades come in turn, the same faces every time.

use crate::data::cache::{Cache, CacheError};
use crate::data::layouts::{Layout, LayoutError, Listed};
use crate::data::look::{NotTaken, look};
use crate::data::quality::Limits;
use crate::data::record::Split;
use crate::export::faces;
use edge::face::{FaceError, FaceFinder};
use image::RgbImage;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use shared::Decade;
use shared::decade::COUNT;
use std::path::{Path, PathBuf};

const SEED: u64 = 20261128;
/// As `trainer prepare` asks them of a face.
const LIMITS: Limits = Limits { eye_distance: 30.0, yaw: 35.0, pitch: 30.0, sharpness: 20.0 };

/// Why there are no faces.
#[derive(Debug, thiserror::Error)]
pub enum FacesError {
    #[error(transparent)]
    Layout(#[from] LayoutError),
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error(transparent)]
    Finder(#[from] FaceError),
    #[error("{}: no face in its {split} part; give a dataset or a cache that has one", folder.display())]
    Nobody { folder: PathBuf, split: &'static str },
}

/// Where faces come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A labelled dataset of pictures.
    Pictures(PathBuf),
    /// What `trainer prepare` made.
    Cache(PathBuf),
}

impl Source {
    /// At most `count` faces of a part, at side `size`; never none.
    pub fn faces(&self, split: Split, count: usize, size: usize) -> Result<Vec<Vec<f32>>, FacesError> {
        let (folder, faces) = match self {
            Self::Pictures(folder) => (folder, cut(folder, split, count, size)?),
            Self::Cache(folder) => (folder, faces::from_cache(&Cache::open(folder)?, split, count, size)?),
        };
        let split = if split == Split::Val { "val" } else { "train" };
        if faces.is_empty() { Err(FacesError::Nobody { folder: folder.clone(), split }) } else { Ok(faces) }
    }
}

/// Faces out of pictures, a decade a thread. One that cannot be used is passed over; a decade that has too few gives fewer.
fn cut(folder: &Path, split: Split, count: usize, size: usize) -> Result<Vec<Vec<f32>>, FacesError> {
    let listing = Layout::detect(folder)?.list(folder)?;
    let listed = listing.listed.into_iter().filter(|listed| listed.label.split == Some(split));
    let mut decades: [Vec<Listed>; COUNT] = Default::default();
    for listed in listed {
        if let Ok(decade) = listed.label.age.decade() {
            decades[decade.index()].push(listed);
        }
    }
    let share = count.div_ceil(COUNT);
    let cut = Decade::ALL.par_iter().zip(decades).map(|(decade, mut people)| {
        people.shuffle(&mut ChaCha8Rng::seed_from_u64(SEED + decade.index() as u64));
        let mut finder = FaceFinder::embedded()?;
        let mut find = |picture: &RgbImage| finder.find(picture);
        let mut faces = Vec::new();
        for person in people {
            if faces.len() == share {
                break;
            }
            match look(&folder.join(&person.file), size, &LIMITS, &mut find) {
                Ok(looked) => faces.push(faces::planar(&looked.crop)),
                Err(NotTaken::Skip(_)) => {}
                Err(NotTaken::Finder(error)) => return Err(error.into()),
            }
        }
        Ok(faces)
    });
    let decades = cut.collect::<Result<Vec<_>, FacesError>>()?;
    let in_turn = (0..share).flat_map(|i| decades.iter().filter_map(move |faces| faces.get(i)));
    Ok(in_turn.take(count).cloned().collect())
}
