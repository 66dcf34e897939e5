//! Whose face is looked at: a photograph, found, aligned and cut as on the mirror, or a face of a cache. A tensor
//! `[1, 3, S, S]` in −1..1 goes out.

use crate::data::cache::{Cache, CacheError};
use crate::export::faces;
use edge::face::{FaceError, FaceFinder};
use edge::photo::{self, PhotoError};
use shared::Alignment;
use shared::crop::{CropError, Picture, cut};
use shared::geometry::FitError;
use std::path::{Path, PathBuf};
use tch::Tensor;

/// A face named on the command line.
#[derive(Clone, Debug, clap::Args)]
pub struct Subject {
    /// A photograph (JPEG, PNG, WebP or BMP); of several faces the largest
    #[arg(required_unless_present = "cache")]
    pub photo: Option<PathBuf>,
    /// Takes the face from this cache instead
    #[arg(long, conflicts_with = "photo")]
    pub cache: Option<PathBuf>,
    /// Which face of the cache
    #[arg(long, default_value_t = 0, requires = "cache")]
    pub index: usize,
}

/// Why there is no face.
#[derive(Debug, thiserror::Error)]
pub enum SubjectError {
    #[error("no face given; name a photograph, or --cache and --index")]
    Nobody,
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error(transparent)]
    Photo(#[from] PhotoError),
    #[error(transparent)]
    Finder(#[from] FaceError),
    #[error("{}: no face found; take one that looks at the camera, at least a tenth of the height", .0.display())]
    NoFace(PathBuf),
    #[error("{}: the face cannot be aligned: {reason}", .photo.display())]
    Alignment { photo: PathBuf, reason: FitError },
    #[error("{}: the face cannot be cut: {reason}", .photo.display())]
    Crop { photo: PathBuf, reason: CropError },
}

impl Subject {
    /// The face at side `size`.
    pub fn face(&self, size: i64) -> Result<Tensor, SubjectError> {
        let values = match (&self.photo, &self.cache) {
            (Some(photo), _) => from_photo(photo, size as usize, &mut FaceFinder::embedded()?)?,
            (None, Some(folder)) => faces::load(&Cache::open(folder)?, self.index, size as usize)?,
            (None, None) => return Err(SubjectError::Nobody),
        };
        Ok(tensor(&values, size))
    }
}

/// The largest face of a photograph, `[3, size, size]` in −1..1.
pub fn from_photo(path: &Path, size: usize, finder: &mut FaceFinder) -> Result<Vec<f32>, SubjectError> {
    let photo = photo::read(path)?;
    let faces = finder.find(&photo)?;
    let face = faces.first().ok_or_else(|| SubjectError::NoFace(path.to_owned()))?;
    let alignment =
        Alignment::of(&face.landmarks).map_err(|reason| SubjectError::Alignment { photo: path.to_owned(), reason })?;
    let failed = |reason| SubjectError::Crop { photo: path.to_owned(), reason };
    let picture = Picture::new(photo.as_raw(), photo.width() as usize, photo.height() as usize).map_err(failed)?;
    let mut crop = vec![0; size * size * 3];
    cut(&picture, &alignment, size, &mut crop).map_err(failed)?;
    Ok(faces::planar(&crop))
}

/// Values `[3, size, size]` as a batch of one.
pub fn tensor(values: &[f32], size: i64) -> Tensor {
    Tensor::from_slice(values).view([1, 3, size, size])
}
