//! Faces of the cache → batches of source faces x and target faces y, as tensors.
//!
//! What is drawn depends on the seed and the step alone ([`Sampler`]), so a resumed run sees the same faces.

use super::random::{Purpose, stream};
use crate::data::cache::{Cache, CacheError, Gender, Split};
use crate::nets::EditHead;
use crate::prior::Teacher;
use crate::recipe::Recipe;
use rand::Rng;
use rand::seq::SliceRandom;
use shared::pixel::{self, SizeMismatch};
use shared::{Condition, Decade, Landmarks};
use tch::{Device, Kind, Tensor};

/// N faces.
#[derive(Debug)]
pub struct Faces {
    /// `[N, 3, S, S]` in −1..1.
    pub pictures: Tensor,
    /// Their decades as conditions, `[N, 6]`.
    pub ages: Tensor,
    pub decades: Vec<Decade>,
    /// In crop units, mirrored where the picture is.
    pub landmarks: Vec<Landmarks>,
    pub genders: Vec<Option<Gender>>,
    /// What a teacher makes of each face at the decade of its partner in the batch, `[N, 3, S, S]`.
    pub lesson: Option<Tensor>,
}

/// Source faces x and, row by row, target faces y of the decade that x is to become.
#[derive(Debug)]
pub struct Batch {
    pub x: Faces,
    pub y: Faces,
}

impl Batch {
    /// Adds what the teacher makes of each face at its partner's decade.
    pub fn teach(&mut self, teacher: &Teacher, head: &EditHead) {
        let Self { x, y } = self;
        let lesson = |faces: &Faces, to: &Faces| teacher.lesson(head, &faces.pictures, &to.ages);
        (x.lesson, y.lesson) = (Some(lesson(x, y)), Some(lesson(y, x)));
    }
}

/// A face of the cache, mirrored or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    pub index: usize,
    pub mirrored: bool,
}

/// Why no batch can be drawn.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    #[error(
        "the cache has no training face of the {0}; add pictures of that age, or leave {0} out of the recipe's data.from and data.to"
    )]
    Empty(Decade),
    #[error(
        "the cache holds crops of {found} pixels, the recipe wants {expected}; run `trainer prepare --side {expected}`"
    )]
    Side { found: usize, expected: usize },
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error(transparent)]
    Size(#[from] SizeMismatch),
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
}

/// Chooses faces. Source decades take turns; within a decade every face is seen once a pass, in a new order each pass.
/// Target decades and faces are drawn at random, the decade always another than the source's.
#[derive(Debug)]
pub struct Sampler {
    seed: u64,
    batch: usize,
    from: Vec<Shelf>,
    to: Vec<Shelf>,
}

/// The training faces of one decade.
#[derive(Debug)]
struct Shelf {
    decade: Decade,
    faces: Vec<usize>,
    /// The pass that `order` is for.
    pass: Option<u64>,
    order: Vec<usize>,
}

impl Sampler {
    pub fn new(cache: &Cache, recipe: &Recipe) -> Result<Self, BatchError> {
        let shelf = |&decade: &Decade| {
            let faces = cache.indices(Split::Train, decade);
            let full = !faces.is_empty();
            full.then(|| Shelf { decade, faces, pass: None, order: vec![] }).ok_or(BatchError::Empty(decade))
        };
        let shelves = |decades: &[Decade]| decades.iter().map(shelf).collect::<Result<Vec<_>, _>>();
        let (from, to) = (shelves(&recipe.data.from)?, shelves(&recipe.data.to)?);
        Ok(Self { seed: recipe.training.seed, batch: recipe.training.batch, from, to })
    }

    /// How many source faces one pass has.
    pub fn source_faces(&self) -> usize {
        self.from.iter().map(|shelf| shelf.faces.len()).sum()
    }

    /// The x and y of each row of the batch of `step`.
    pub fn draw(&mut self, step: u64) -> Vec<(Draw, Draw)> {
        let mut rng = stream(self.seed, Purpose::Partners, step);
        let first = step * self.batch as u64;
        let turns = self.from.len() as u64;
        let row = |place: u64| {
            let source = &mut self.from[(place % turns) as usize];
            let x = Draw { index: source.at(self.seed, place / turns), mirrored: rng.random() };
            let others: Vec<_> = self.to.iter().filter(|shelf| shelf.decade != source.decade).collect();
            let faces = &others[rng.random_range(0..others.len())].faces;
            let y = Draw { index: faces[rng.random_range(0..faces.len())], mirrored: rng.random() };
            (x, y)
        };
        (first..first + self.batch as u64).map(row).collect()
    }
}

impl Shelf {
    /// The face at a place of the endless row of passes.
    fn at(&mut self, seed: u64, place: u64) -> usize {
        let count = self.faces.len() as u64;
        let pass = place / count;
        if self.pass != Some(pass) {
            self.order = self.faces.clone();
            // Passes of different decades must not share a stream.
            let stream_of_pass = pass * Decade::ALL.len() as u64 + self.decade.index() as u64;
            self.order.shuffle(&mut stream(seed, Purpose::Order, stream_of_pass));
            self.pass = Some(pass);
        }
        self.order[(place % count) as usize]
    }
}

/// Draws batches out of one cache for one recipe.
#[derive(Debug)]
pub struct Batches<'a> {
    cache: &'a Cache,
    sampler: Sampler,
    device: Device,
}

impl<'a> Batches<'a> {
    pub fn new(cache: &'a Cache, recipe: &Recipe, device: Device) -> Result<Self, BatchError> {
        let expected = recipe.data.side as usize;
        if cache.side() != expected {
            return Err(BatchError::Side { found: cache.side(), expected });
        }
        Ok(Self { cache, sampler: Sampler::new(cache, recipe)?, device })
    }

    pub fn source_faces(&self) -> usize {
        self.sampler.source_faces()
    }

    /// The batch of `step`, counted from 0.
    pub fn get(&mut self, step: u64) -> Result<Batch, BatchError> {
        let (x, y): (Vec<_>, Vec<_>) = self.sampler.draw(step).into_iter().unzip();
        Ok(Batch { x: load(self.cache, &x, self.device)?, y: load(self.cache, &y, self.device)? })
    }
}

/// Up to `most` training faces of a decade, at equal distances among all of them.
pub fn spread(cache: &Cache, decade: Decade, most: usize) -> Vec<Draw> {
    let indices = cache.indices(Split::Train, decade);
    let apart = (indices.len() / most).max(1);
    indices.iter().step_by(apart).take(most).map(|&index| Draw { index, mirrored: false }).collect()
}

/// Reads faces of the cache into tensors.
pub fn load(cache: &Cache, draws: &[Draw], device: Device) -> Result<Faces, BatchError> {
    let side = cache.side();
    let plane = 3 * side * side;
    let mut values = vec![0.0; draws.len() * plane];
    let mut conditions = Vec::with_capacity(draws.len() * Decade::ALL.len());
    let (mut decades, mut landmarks, mut genders) = (vec![], vec![], vec![]);
    for (draw, planar) in draws.iter().zip(values.chunks_exact_mut(plane)) {
        let mut rgb = cache.face(draw.index)?;
        let record = &cache.records()[draw.index];
        if draw.mirrored {
            mirror(&mut rgb, side);
        }
        pixel::to_planar(&rgb, planar)?;
        conditions.extend_from_slice(Condition::one_hot(record.decade).weights());
        decades.push(record.decade);
        landmarks.push(if draw.mirrored { record.landmarks.mirrored(1.0) } else { record.landmarks });
        genders.push(record.gender);
    }
    let (n, side) = (draws.len() as i64, side as i64);
    let pictures = Tensor::f_from_slice(&values)?.f_view([n, 3, side, side])?.f_to_device(device)?;
    let ages = Tensor::f_from_slice(&conditions)?.f_view([n, Decade::ALL.len() as i64])?.f_to_device(device)?;
    Ok(Faces { pictures, ages, decades, landmarks, genders, lesson: None })
}

/// Swaps left and right of a square of interleaved RGB.
fn mirror(rgb: &mut [u8], side: usize) {
    for row in rgb.chunks_exact_mut(3 * side) {
        for column in 0..side / 2 {
            let other = side - 1 - column;
            for channel in 0..3 {
                row.swap(3 * column + channel, 3 * other + channel);
            }
        }
    }
}

/// N times the same condition, `[N, 6]`.
pub fn condition(decade: Decade, count: i64, device: Device) -> Tensor {
    let row = Tensor::from_slice(Condition::one_hot(decade).weights()).to_device(device);
    row.expand([count, Decade::ALL.len() as i64], false).to_kind(Kind::Float).contiguous()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::data::cache::{CacheWriter, FaceRecord};
    use crate::recipe::EMBEDDED;
    use shared::Point;
    use std::collections::HashSet;
    use std::path::Path;

    /// A cache of `count` generated faces, decades in turn: brightness tells the decade, a dark dot at the left the side.
    pub fn cache(dir: &Path, side: usize, count: usize) -> Cache {
        let mut writer = CacheWriter::create(dir, side).unwrap();
        for i in 0..count {
            let decade = Decade::ALL[i % 6];
            let mut rgb = vec![40 * decade.index() as u8 + 20 + (i / 6) as u8; side * side * 3];
            rgb[side * side / 2 * 3] = 0;
            let record = FaceRecord {
                file: format!("{i}.png"),
                decade,
                age: None,
                split: if i % 9 == 8 { Split::Val } else { Split::Train },
                gender: None,
                group: None,
                sharpness: 1.0,
                landmarks: Landmarks([Point::new(0.25, 0.5); 68]),
            };
            writer.push(&record, &rgb).unwrap();
        }
        writer.finish().unwrap();
        Cache::open(dir).unwrap()
    }

    pub fn recipe(change: impl Fn(String) -> String) -> Recipe {
        Recipe::parse("smoke", &change(EMBEDDED[2].1.to_owned())).unwrap()
    }

    #[test]
    fn a_draw_depends_on_seed_and_step_alone() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(&folder.path().join("c"), 64, 54);
        let recipe = recipe(|text| text);
        let mut straight = Sampler::new(&cache, &recipe).unwrap();
        let row: Vec<_> = (0..40).map(|step| straight.draw(step)).collect();
        let mut late = Sampler::new(&cache, &recipe).unwrap();
        assert_eq!(late.draw(33), row[33]);
        assert_eq!(late.draw(2), row[2]);
        let other = self::recipe(|text| text.replace("seed = 1", "seed = 2"));
        assert_ne!(Sampler::new(&cache, &other).unwrap().draw(33), row[33]);
    }

    #[test]
    fn each_pass_shows_every_source_face_once_and_partners_are_of_another_decade() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(&folder.path().join("c"), 64, 54);
        let recipe = recipe(|text| text.replace("batch = 4", "batch = 6"));
        let mut sampler = Sampler::new(&cache, &recipe).unwrap();
        assert_eq!(sampler.source_faces(), 48);
        let decade = |draw: Draw| cache.records()[draw.index].decade;
        // Eight decade turns are one pass of the 8 or 9 training faces that each decade has.
        let smallest = Decade::ALL.iter().map(|&d| cache.indices(Split::Train, d).len()).min().unwrap();
        let mut seen = HashSet::new();
        for step in 0..smallest as u64 {
            for (i, (x, y)) in sampler.draw(step).into_iter().enumerate() {
                assert_eq!(decade(x), Decade::ALL[i]);
                assert_ne!(decade(x), decade(y));
                assert!(seen.insert(x.index));
                assert!([x, y].iter().all(|draw| cache.records()[draw.index].split == Split::Train));
            }
        }
    }

    #[test]
    fn mirrored_faces_come_with_mirrored_landmarks() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(&folder.path().join("c"), 64, 6);
        let draws = [false, true].map(|mirrored| Draw { index: 3, mirrored });
        let faces = load(&cache, &draws, Device::Cpu).unwrap();
        assert_eq!(faces.pictures.size(), [2, 3, 64, 64]);
        let (plain, mirrored) = (faces.pictures.get(0), faces.pictures.get(1));
        assert_ne!(plain, mirrored);
        assert_eq!(plain.flip([2]), mirrored);
        assert_eq!(faces.landmarks[0].0[0].x, 0.25);
        assert_eq!(faces.landmarks[1].0[0].x, 0.75);
        assert_eq!(faces.ages.get(0), Tensor::from_slice(Condition::one_hot(Decade::Forties).weights()));
    }

    #[test]
    fn what_a_cache_lacks_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let few = cache(&folder.path().join("few"), 64, 3);
        let recipe = recipe(|text| text);
        let error = Batches::new(&few, &recipe, Device::Cpu).unwrap_err();
        assert!(matches!(error, BatchError::Empty(Decade::Forties)), "{error}");
        let small = cache(&folder.path().join("small"), 32, 12);
        let error = Batches::new(&small, &recipe, Device::Cpu).unwrap_err();
        assert!(error.to_string().contains("prepare --side 64"), "{error}");
    }
}
