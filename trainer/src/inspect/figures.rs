//! `trainer figures PHOTO… --run RUN --out DIR`: the paper's figures. `figure3.png`: several people, a row each, the face and then
//! the decades across. `figure4.png`: one person's whole life, from 10 to 69.

use super::InspectError;
use super::canvas::{self, Canvas, LINE};
use super::layers::{age, condition};
use super::subject::{SubjectError, from_photo, tensor};
use crate::data::cache::{Cache, Split};
use crate::export::faces;
use crate::export::source::Trained;
use edge::face::FaceFinder;
use image::RgbImage;
use shared::{Condition, Decade};
use std::path::PathBuf;
use tch::Tensor;

/// What `trainer figures` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Photographs, one person each
    #[arg(required_unless_present = "cache")]
    pub photos: Vec<PathBuf>,
    /// Adds val faces of this cache
    #[arg(long)]
    pub cache: Option<PathBuf>,
    /// How many faces of the cache
    #[arg(long, default_value_t = 8)]
    pub people: usize,
    /// The run's folder, or one of its checkpoints
    #[arg(long)]
    pub run: PathBuf,
    /// Folder for the figures
    #[arg(long)]
    pub out: PathBuf,
}

pub fn run(args: &Args) -> Result<(), InspectError> {
    let trained = Trained::load(&args.run)?;
    let people = people(args, trained.generator.config.size)?;
    canvas::folder(&args.out)?;
    canvas::save(&args.out.join("figure3.png"), &several(&trained, &people))?;
    let one = people.first().ok_or(SubjectError::Nobody)?;
    canvas::save(&args.out.join("figure4.png"), &whole_life(&trained, one))?;
    println!("{}: figure3.png with {} people, figure4.png", args.out.display(), people.len());
    Ok(())
}

fn people(args: &Args, size: i64) -> Result<Vec<Tensor>, SubjectError> {
    let mut people = Vec::new();
    if !args.photos.is_empty() {
        let mut finder = FaceFinder::embedded()?;
        for photo in &args.photos {
            people.push(tensor(&from_photo(photo, size as usize, &mut finder)?, size));
        }
    }
    if let Some(folder) = &args.cache {
        let faces = faces::from_cache(&Cache::open(folder)?, Split::Val, args.people, size as usize)?;
        people.extend(faces.iter().map(|face| tensor(face, size)));
    }
    if people.is_empty() { Err(SubjectError::Nobody) } else { Ok(people) }
}

const TILE: u32 = 128;
const STEP: u32 = TILE + 3;

/// Figure 3.
fn several(trained: &Trained, people: &[Tensor]) -> RgbImage {
    let columns = Decade::ALL.len() as u32 + 1;
    let mut canvas = Canvas::new(columns * STEP + 3, LINE + people.len() as u32 * STEP + 3);
    canvas.text("face", 5, 1);
    for decade in Decade::ALL {
        canvas.text(decade.name(), 5 + (decade.index() as u32 + 1) * STEP, 1);
    }
    for (row, face) in people.iter().enumerate() {
        let top = LINE + row as u32 * STEP;
        canvas.put(&tile(face), 3, top);
        for decade in Decade::ALL {
            let aged = tch::no_grad(|| trained.generator.forward(face, &condition(face, decade)).aged);
            canvas.put(&tile(&aged), 3 + (decade.index() as u32 + 1) * STEP, top);
        }
    }
    canvas.picture
}

/// Figure 4: the face, then every fifth year from 10 and the last.
fn whole_life(trained: &Trained, face: &Tensor) -> RgbImage {
    const COLUMNS: u32 = 7;
    let ages: Vec<u32> = (10..69).step_by(5).chain([69]).collect();
    let mut canvas = Canvas::new(COLUMNS * STEP + 3, 2 * (LINE + STEP) + 3);
    let mut place = |index: u32, label: &str, picture: &Tensor| {
        let (x, y) = (3 + index % COLUMNS * STEP, index / COLUMNS * (LINE + STEP));
        canvas.text(label, x + 2, y + 1);
        canvas.put(&tile(picture), x, y + LINE);
    };
    place(0, "face", face);
    for (i, &years) in ages.iter().enumerate() {
        let Ok(blended) = Condition::at_age(years as f32) else { continue };
        let aged = tch::no_grad(|| trained.generator.forward(face, &age(face, &blended)).aged);
        place(i as u32 + 1, &format!("{years} years"), &aged);
    }
    canvas.picture
}

fn tile(face: &Tensor) -> RgbImage {
    canvas::sized(&canvas::face(face), TILE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::testing::trained;

    #[test]
    fn the_figures_hold_a_tile_for_each_person_and_decade() {
        let trained = trained();
        let size = trained.generator.config.size;
        let people: Vec<_> = (0..3).map(|seed| tensor(&faces::synthetic(size as usize, seed), size)).collect();
        let figure = several(&trained, &people);
        assert_eq!(figure.dimensions(), (7 * STEP + 3, LINE + 3 * STEP + 3));
        // Each tile is drawn, and the decades of one person are not all the same.
        let tile = |column: u32, row: u32| {
            image::imageops::crop_imm(&figure, 3 + column * STEP, LINE + row * STEP, TILE, TILE).to_image()
        };
        for row in 0..3 {
            assert_ne!(tile(1, row), tile(6, row));
            assert_ne!(tile(0, row), tile(0, (row + 1) % 3));
        }
        let life = whole_life(&trained, &people[0]);
        assert_eq!(life.dimensions(), (7 * STEP + 3, 2 * (LINE + STEP) + 3));
    }
}
