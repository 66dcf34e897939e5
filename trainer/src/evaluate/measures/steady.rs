//! Does the aged face hold still when the person does? A photograph becomes frames of somebody who moves a little; how much the
//! judged age and the pixels of their 60s waver from frame to frame goes out, beside the same of the source.

use super::{deviation, mean};
use crate::evaluate::EvaluateError;
use crate::evaluate::judges::{AGE_JUDGES, Judges, chip};
use crate::evaluate::sample::Person;
use crate::evaluate::subject::{Device, to_portrait};
use image::{Rgb, RgbImage};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use shared::crop::Picture;
use shared::{Decade, Point, Similarity};

pub const FRAMES: usize = 90;
/// How far a frame is from the photograph, at most: in widths of the picture, in parts of the size, in radians, in parts of the light.
pub(super) const SHIFT: f32 = 0.02;
pub(super) const SCALE: f32 = 0.03;
pub(super) const TURN: f32 = 0.035;
pub(super) const LIGHT: f32 = 0.06;
/// Standard deviation of the noise, of 255.
const NOISE: f32 = 2.0;
/// Side of the crops in which pixels are compared.
pub(super) const SIDE: usize = 112;

/// Means over the faces.
#[derive(Clone, Debug, Serialize)]
pub struct Steadiness {
    pub frames: usize,
    /// Share of the frames in which no face was found.
    pub lost: f64,
    pub judged: Vec<Judged>,
    /// Standard deviation of the aged pixels inside the face, re-aligned, of 255.
    pub pixels: f64,
    pub pixels_source: f64,
    /// The same of what was added to the face.
    pub pixels_edit: f64,
    pub faces: Vec<Face>,
}

/// Standard deviation of one judge's years.
#[derive(Clone, Debug, Serialize)]
pub struct Judged {
    pub judge: &'static str,
    pub aged: f64,
    /// Of `aged`, as the faces are only a sample; NaN for one face.
    pub standard_error: f64,
    pub source: f64,
}

/// One face's.
#[derive(Clone, Debug, Serialize)]
pub struct Face {
    pub file: String,
    pub group: Option<String>,
    pub lost: usize,
    /// In the order of the judges; `None` for a judge that is missing.
    pub years: [Option<f64>; AGE_JUDGES.len()],
    pub years_source: [Option<f64>; AGE_JUDGES.len()],
    pub pixels: f64,
    pub pixels_source: f64,
    pub pixels_edit: f64,
}

/// `count` of the people, from all decades in turn.
pub fn chosen(people: &[Person], count: usize) -> Vec<Person> {
    let of = |decade: Decade| people.iter().filter(move |person| person.decade == decade);
    let rounds = people.len();
    let in_turn = (0..rounds).flat_map(|round| Decade::ALL.into_iter().filter_map(move |decade| of(decade).nth(round)));
    in_turn.take(count).cloned().collect()
}

/// Wavers one person; `step` is called after each frame.
pub fn face(
    device: &mut Device,
    judges: &Judges,
    person: &Person,
    step: impl Fn(),
) -> Result<Option<Face>, EvaluateError> {
    let photo = edge::photo::read(&person.path)?;
    let Some(landmarks) = device.age(&photo)?.map(|aged| aged.face.landmarks) else { return Ok(None) };
    let mut random = random(person);
    let (mut years, mut years_source): (Vec<_>, Vec<_>) = (Vec::new(), Vec::new());
    let mut spreads = [Spread::default(), Spread::default(), Spread::default()];
    let mut lost = 0;
    for _ in 0..FRAMES {
        let moved = movement(&photo, &mut random);
        let light = 1.0 + random.random_range(-LIGHT..=LIGHT);
        let frame = frame(&photo, &moved, light, &mut random)?;
        step();
        let Some(aged) = device.age(&frame)? else {
            lost += 1;
            continue;
        };
        // Where the face really is, so that it is the mirror that is judged and not the judges' eyes.
        let truth = landmarks.map(&moved).map(&to_portrait(&aged, &frame)?);
        let [.., sixties] = &aged.decades;
        years.push(judges.ages(sixties, &truth)?);
        years_source.push(judges.ages(&aged.source, &truth)?);
        let alignment = shared::align(&truth.five())?;
        let crop =
            |picture: &RgbImage| chip::square(picture, &alignment, SIDE).map_err(crate::evaluate::JudgeError::from);
        let (old, now) = (crop(sixties)?, crop(&aged.source)?);
        let [aged, source, edit] = &mut spreads;
        aged.add(old.iter().map(|&v| f32::from(v)));
        source.add(now.iter().map(|&v| f32::from(v)));
        edit.add(old.iter().zip(&now).map(|(&old, &now)| f32::from(old) - f32::from(now)));
    }
    let mask = super::limits::upright_mask(&landmarks)?;
    Ok(Some(Face::of(person, lost, [&years, &years_source], &spreads, &mask)))
}

impl Face {
    /// From the judged years of the aged face and of its source, and what their pixels and the difference of them went through.
    pub(super) fn of(
        person: &Person,
        lost: usize,
        [years, years_source]: [&[[Option<f64>; AGE_JUDGES.len()]]; 2],
        [aged, source, edit]: &[Spread; 3],
        mask: &[f32],
    ) -> Self {
        let wavering = |ages: &[[Option<f64>; AGE_JUDGES.len()]]| {
            core::array::from_fn(|judge| {
                let ages: Option<Vec<f64>> = ages.iter().map(|ages| ages[judge]).collect();
                ages.filter(|ages| ages.len() > 1).map(|ages| deviation(&ages))
            })
        };
        Self {
            file: person.file.clone(),
            group: person.group.clone(),
            lost,
            years: wavering(years),
            years_source: wavering(years_source),
            pixels: aged.inside(mask),
            pixels_source: source.inside(mask),
            pixels_edit: edit.inside(mask),
        }
    }
}

/// The same for a person whenever they are measured.
pub(super) fn random(person: &Person) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(person.file.bytes().fold(7, |seed, byte| seed * 31 % 1_000_003 + u64::from(byte)))
}

/// Means over `faces`; nothing for nobody.
pub fn summary(faces: Vec<Face>) -> Option<Steadiness> {
    if faces.is_empty() {
        return None;
    }
    let over = |of: fn(&Face) -> f64| mean(&faces.iter().map(of).collect::<Vec<_>>());
    let years = |of: &dyn Fn(&Face) -> Option<f64>| {
        let years: Vec<f64> = faces.iter().filter_map(of).collect();
        (!years.is_empty()).then_some(years)
    };
    let judged = AGE_JUDGES.into_iter().enumerate().filter_map(|(i, judge)| {
        let (aged, source) = (years(&|face| face.years[i])?, years(&|face| face.years_source[i])?);
        let standard_error = deviation(&aged) / (aged.len() as f64 - 1.0).sqrt();
        Some(Judged { judge, aged: mean(&aged), standard_error, source: mean(&source) })
    });
    Some(Steadiness {
        frames: FRAMES,
        lost: over(|face| face.lost as f64 / FRAMES as f64),
        judged: judged.collect(),
        pixels: over(|face| face.pixels),
        pixels_source: over(|face| face.pixels_source),
        pixels_edit: over(|face| face.pixels_edit),
        faces,
    })
}

/// A small movement at random: the photograph's pixels → the frame's.
fn movement(photo: &RgbImage, random: &mut ChaCha8Rng) -> Similarity {
    let mut at_most = |limit: f32| random.random_range(-limit..=limit);
    moved(photo, at_most(TURN), at_most(SCALE), Point::new(at_most(SHIFT), at_most(SHIFT)))
}

/// Turned (radians) and grown (by this part of the size) about the middle of the picture, and shifted (in its widths).
pub(super) fn moved(photo: &RgbImage, turn: f32, growth: f32, shift: Point) -> Similarity {
    let (width, height) = (photo.width() as f32, photo.height() as f32);
    let turned = Similarity::about(Point::new(0.5 * width, 0.5 * height), turn, 1.0 + growth);
    Similarity { shift: turned.shift + shift * width, ..turned }
}

/// The photograph moved, in `light` times the light, with noise.
pub(super) fn frame(
    photo: &RgbImage,
    moved: &Similarity,
    light: f32,
    random: &mut ChaCha8Rng,
) -> Result<RgbImage, EvaluateError> {
    // The sum of three uniform numbers is near enough to a normal one; its deviation is half of that of each one's range.
    let mut noise = || 2.0 * NOISE * ((0..3).map(|_| random.random::<f32>()).sum::<f32>() - 1.5);
    filmed(photo, moved, |value| value * light + noise())
}

/// The photograph moved, and each value seen by a sensor.
pub(super) fn filmed(
    photo: &RgbImage,
    moved: &Similarity,
    mut sensor: impl FnMut(f32) -> f32,
) -> Result<RgbImage, EvaluateError> {
    let back = moved.inverse().ok_or(EvaluateError::Framing)?;
    let picture = Picture::new(photo, photo.width() as usize, photo.height() as usize)
        .map_err(|error| crate::evaluate::JudgeError::Chip(error.into()))?;
    Ok(RgbImage::from_fn(photo.width(), photo.height(), |x, y| {
        let colour = picture.sample(back.apply(Point::new(x as f32 + 0.5, y as f32 + 0.5)));
        Rgb(colour.map(|value| sensor(value).round().clamp(0.0, 255.0) as u8))
    }))
}

/// Sums from which each value's standard deviation follows.
#[derive(Default)]
pub(super) struct Spread {
    sums: Vec<f64>,
    squares: Vec<f64>,
    count: f64,
}

impl Spread {
    pub(super) fn add(&mut self, values: impl Iterator<Item = f32>) {
        for (i, value) in values.map(f64::from).enumerate() {
            if i == self.sums.len() {
                self.sums.push(0.0);
                self.squares.push(0.0);
            }
            self.sums[i] += value;
            self.squares[i] += value * value;
        }
        self.count += 1.0;
    }

    /// Mean deviation of the values of pixels inside the mask, three a pixel.
    pub(super) fn inside(&self, mask: &[f32]) -> f64 {
        let (mut sum, mut weights) = (0.0, 0.0);
        for (i, (total, squares)) in self.sums.iter().zip(&self.squares).enumerate() {
            let weight = f64::from(mask.get(i / 3).copied().unwrap_or_default());
            let variance = squares / self.count - (total / self.count).powi(2);
            sum += weight * variance.max(0.0).sqrt();
            weights += weight;
        }
        sum / weights
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::sample::tests::person;

    #[test]
    fn what_does_not_change_does_not_waver() {
        let mut spread = Spread::default();
        for frame in 0..10 {
            spread.add([7.0, 7.0, 7.0, if frame % 2 == 0 { 10.0 } else { 14.0 }, 9.0, 9.0].into_iter());
        }
        assert_eq!(spread.inside(&[1.0, 0.0]), 0.0);
        assert!((spread.inside(&[0.0, 1.0]) - 2.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn how_sure_the_wavering_is_is_told() {
        let face = |number: usize, years: f64| Face {
            file: format!("val/{number}.jpg"),
            group: None,
            lost: 0,
            years: [Some(years), None],
            years_source: [Some(0.5), None],
            pixels: 1.0,
            pixels_source: 1.0,
            pixels_edit: 1.0,
        };
        let steadiness = summary(vec![face(0, 1.0), face(1, 2.0), face(2, 3.0)]).unwrap();
        let [judged] = &steadiness.judged[..] else { panic!("{steadiness:?}") };
        assert_eq!((judged.aged, judged.source), (2.0, 0.5));
        assert!((judged.standard_error - 1.0 / 3.0f64.sqrt()).abs() < 1e-9, "{judged:?}");
        assert!(summary(vec![face(0, 1.0)]).unwrap().judged[0].standard_error.is_nan());
        assert!(summary(Vec::new()).is_none());
    }

    #[test]
    fn frames_move_a_little_and_light_and_noise_differ() {
        let photo = RgbImage::from_fn(120, 120, |x, y| Rgb([(x * 2) as u8, (y * 2) as u8, 100]));
        let mut random = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..20 {
            let moved = movement(&photo, &mut random);
            let corner = Point::new(20.0, 100.0);
            assert!(moved.apply(corner).distance(corner) < 10.0);
            let light = 1.0 + random.random_range(-LIGHT..=LIGHT);
            let frame = frame(&photo, &moved, light, &mut random).unwrap();
            let off = frame.pixels().zip(photo.pixels()).map(|(a, b)| f64::from(a.0[2].abs_diff(b.0[2])));
            let off = mean(&off.collect::<Vec<_>>());
            assert!((1.0..8.0).contains(&off), "{off}");
        }
    }

    #[test]
    fn all_decades_are_among_the_chosen() {
        let people: Vec<Person> = (0..30).map(person).collect();
        let chosen = chosen(&people, 8);
        let decades: Vec<usize> = chosen.iter().map(|person| person.decade.index()).collect();
        assert_eq!(decades, [0, 1, 2, 3, 4, 5, 0, 1]);
        assert_ne!(chosen[0], chosen[6]);
    }
}
