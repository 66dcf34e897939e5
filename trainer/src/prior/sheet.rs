//! The teacher's contact sheet: what the prototypes alone make of a few faces, before any generator is trained.

use super::bank::Bank;
use super::teacher::{PriorError, Teacher};
use crate::data::cache::{Cache, Split};
use crate::data::tensors::{faces_to_tensor, tensor_to_picture};
use crate::nets::Generator;
use crate::recipe::{Recipe, RecipeError};
use crate::train::batches::condition;
use crate::train::visitor::{self, VisitorError};
use edge::files::write_atomic;
use image::{GenericImage, RgbImage};
use shared::Decade;
use std::io::{self, Cursor};
use std::path::PathBuf;
use tch::{Device, Tensor, nn};

/// Draws the teacher's contact sheet: source, then 10s to 60s.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Cache of aligned faces.
    #[arg(long)]
    cache: PathBuf,
    /// A run's folder that holds a trained visitor net (`trainer train` begins with it).
    #[arg(long)]
    run: PathBuf,
    /// The recipe whose strengths are used.
    #[arg(long, default_value = "kiosk")]
    recipe: String,
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
    Recipe(#[from] RecipeError),
    #[error("recipe `{0}` has no prototypes; choose one with head \"edit\" and a section [prototypes]")]
    NoPrototypes(String),
    #[error(transparent)]
    Visitor(#[from] VisitorError),
    #[error(transparent)]
    Prior(#[from] PriorError),
    #[error("cannot write `{path}`: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot encode the sheet: {0}")]
    Encode(#[from] image::ImageError),
}

pub fn run(args: &Args) -> Result<(), SheetError> {
    let recipe = Recipe::find(&args.recipe)?;
    let cache = Cache::open(&args.cache).map_err(PriorError::from)?;
    let store = nn::VarStore::new(Device::Cpu);
    let generator = Generator::new(&(store.root() / "G"), recipe.generator);
    let (Some(head), Some(strengths)) = (&generator.edit, recipe.prototypes) else {
        return Err(SheetError::NoPrototypes(recipe.name));
    };
    visitor::load(&args.run, &head.visitor)?;
    Bank::build(&cache)?.fill(head, strengths);
    sheet(&cache, head, args)
}

fn sheet(cache: &Cache, head: &crate::nets::EditHead, args: &Args) -> Result<(), SheetError> {
    let side = cache.side() as u32;
    let teacher = Teacher::new(side.into());
    let mut sheet = RgbImage::new(side * 7, side * args.faces as u32);
    for row in 0..args.faces {
        let members = cache.indices(Split::Val, Decade::ALL[row % 6]);
        let Some(&index) = members.get(row * 7 % members.len().max(1)) else { continue };
        let face = faces_to_tensor(cache, &[index]).map_err(PriorError::from)?;
        let mut draw = |column: u32, picture: &Tensor| {
            sheet.copy_from(&tensor_to_picture(picture), column * side, row as u32 * side)
        };
        draw(0, &face)?;
        for decade in Decade::ALL {
            let aged = teacher.lesson(head, &face, &condition(decade, 1, Device::Cpu));
            draw(decade.index() as u32 + 1, &aged)?;
        }
    }
    let mut png = Cursor::new(Vec::new());
    sheet.write_to(&mut png, image::ImageFormat::Png)?;
    write_atomic(&args.out, png.get_ref()).map_err(|source| SheetError::Write { path: args.out.clone(), source })
}
