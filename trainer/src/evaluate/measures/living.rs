//! Does the living mirror hold still? A photograph becomes the frames of a camera before which somebody sways a little; they
//! go the mirror's way, with landmarks that are followed and steadied and edits that are kept from frame to frame. How much
//! the judged age and the pixels of their 60s waver, and how much what was added flickers, goes out.

use super::mean;
use super::steady::{self, FRAMES, LIGHT, SCALE, SHIFT, SIDE, Spread, Steadiness, TURN};
use crate::evaluate::EvaluateError;
use crate::evaluate::judges::{Judges, chip::ChipError};
use crate::evaluate::sample::Person;
use crate::evaluate::subject::Device;
use edge::ager::Edit;
use edge::face::FaceFinder;
use edge::frames::Frame;
use edge::mirror::{Mirror, MirrorError};
use edge::visitor::{Tracker, Years};
use image::RgbImage;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use shared::crop::Picture;
use shared::{Alignment, Condition, Decade, Landmarks, Point, Similarity};
use std::f32::consts::TAU;
use std::sync::Arc;
use std::time::Duration;

/// Frames before those that count: the mirror gets to know the visitor.
const WARM_UP: usize = 15;
/// All frames of one person.
pub const ALL_FRAMES: usize = WARM_UP + FRAMES;
/// Of the camera, in frames a second.
const RATE: f32 = 30.0;
/// Of the swaying, in seconds.
const PERIODS: std::ops::Range<f32> = 1.0..3.0;

/// Means over the faces.
#[derive(Clone, Debug, Serialize)]
pub struct Living {
    #[serde(flatten)]
    pub steadiness: Steadiness,
    #[serde(flatten)]
    pub flicker: Flicker,
    /// In the order of the faces.
    pub flickers: Vec<Flicker>,
}

/// Mean absolute change from frame to frame inside the face, re-aligned, of 255.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Flicker {
    /// Of what is added to the face: edits of the noisy frames, done to frames without noise and in one light, as the
    /// camera's own noise, moved along with the pixels, would outweigh it.
    pub flicker_edit: f64,
    /// The same with landmarks as they are found and each frame's own edit.
    pub flicker_unsteadied: f64,
    /// Of the aged frames as they are shown, noise and light included.
    pub flicker: f64,
    /// The same of the camera's frames.
    pub flicker_source: f64,
}

/// One person before the living mirror; `step` is called after each frame.
pub fn face(
    device: &mut Device,
    judges: &Judges,
    person: &Person,
    step: impl Fn(),
) -> Result<Option<(steady::Face, Flicker)>, EvaluateError> {
    let photo = edge::photo::read(&person.path)?;
    let Device { finder, mirror } = device;
    let Some(landmarks) = finder.find(&photo)?.into_iter().next().map(|face| face.landmarks) else { return Ok(None) };
    let mut random = steady::random(person);
    let sway = Sway::new(&mut random);
    let mut glass = Glass { tracker: Tracker::new(FaceFinder::embedded()?), years: Years::default() };
    let mut last = None;
    let (mut years, mut years_source) = (Vec::new(), Vec::new());
    let mut spreads = [Spread::default(), Spread::default(), Spread::default()];
    let [mut steadied, mut unsteadied] = [Changes::default(), Changes::default()];
    let [mut moving, mut camera] = [Changes::default(), Changes::default()];
    let mut lost = 0;
    for number in 0..ALL_FRAMES {
        let seconds = number as f32 / RATE;
        let moved = sway.at(seconds, &photo);
        let picture = Arc::new(steady::frame(&photo, &moved, sway.light(seconds), &mut random)?);
        let clean = steady::filmed(&photo, &moved, |value| value)?;
        let at = Duration::from_secs_f32(seconds);
        let frame = Frame { picture, scene: 0, number: number as u64, at };
        let aged = glass.age(mirror, &frame, &clean)?;
        last = match &last {
            Some(last) => finder.follow(&frame.picture, last)?,
            None => finder.find(&frame.picture)?.into_iter().next(),
        };
        step();
        if number < WARM_UP {
            continue;
        }
        let truth = landmarks.map(&moved);
        let (now, calm) = (pixels(&frame.picture, &truth)?, pixels(&clean, &truth)?);
        camera.add(&now);
        match &last {
            Some(face) => unsteadied.add(&added(&aged_alone(mirror, &frame, &face.landmarks, &clean)?, &truth, &calm)?),
            None => unsteadied.pause(),
        }
        let Some([aged, aged_clean]) = aged else {
            lost += 1;
            steadied.pause();
            moving.pause();
            continue;
        };
        years.push(judges.ages(&aged, &truth)?);
        years_source.push(judges.ages(&frame.picture, &truth)?);
        let edit = added(&aged, &truth, &now)?;
        moving.add(&edit.iter().zip(&now).map(|(edit, now)| edit + now).collect::<Vec<_>>());
        steadied.add(&added(&aged_clean, &truth, &calm)?);
        let [old, source, edits] = &mut spreads;
        old.add(edit.iter().zip(&now).map(|(edit, now)| edit + now));
        source.add(now.into_iter());
        edits.add(edit.into_iter());
    }
    let mask = super::limits::upright_mask(&landmarks)?;
    let flicker = Flicker {
        flicker_edit: steadied.inside(&mask),
        flicker_unsteadied: unsteadied.inside(&mask),
        flicker: moving.inside(&mask),
        flicker_source: camera.inside(&mask),
    };
    Ok(Some((steady::Face::of(person, lost, [&years, &years_source], &spreads, &mask), flicker)))
}

/// Means over `faces`; nothing for nobody.
pub fn summary(faces: Vec<(steady::Face, Flicker)>) -> Option<Living> {
    let (faces, flickers): (Vec<_>, Vec<Flicker>) = faces.into_iter().unzip();
    let over = |of: fn(&Flicker) -> f64| mean(&flickers.iter().map(of).collect::<Vec<_>>());
    let flicker = Flicker {
        flicker_edit: over(|face| face.flicker_edit),
        flicker_unsteadied: over(|face| face.flicker_unsteadied),
        flicker: over(|face| face.flicker),
        flicker_source: over(|face| face.flicker_source),
    };
    Some(Living { steadiness: steady::summary(faces)?, flicker, flickers })
}

/// What of the mirror remembers the visitor.
struct Glass {
    tracker: Tracker,
    years: Years,
}

impl Glass {
    /// The frame as the mirror shows it at the age of the 60s, with the edits that the mirror would wish for, and the same done
    /// to `clean`; `None` where it sees nobody.
    fn age(
        &mut self,
        mirror: &mut Mirror,
        frame: &Frame,
        clean: &RgbImage,
    ) -> Result<Option<[RgbImage; 2]>, EvaluateError> {
        let Some(seen) = self.tracker.see(frame)? else { return Ok(None) };
        let age = Decade::Sixties.middle();
        mirror.look(&frame.picture, &seen.landmarks)?;
        loop {
            let decade = self.years.wanted(age);
            self.years.take(decade, &mirror.age(&Condition::one_hot(decade))?);
            if self.years.can_show(age) {
                break;
            }
        }
        let (mut edit, mut pictures) = (Edit::default(), [(*frame.picture).clone(), clean.clone()]);
        if self.years.at(age, seen.facing, &mut edit) {
            let alignment = Alignment::of(&seen.landmarks).map_err(MirrorError::Align)?;
            for picture in &mut pictures {
                mirror.compose(picture, &alignment, &edit)?;
            }
        }
        Ok(Some(pictures))
    }
}

/// `clean` with the edit of the frame that it is the calm one of, which is aged by itself.
fn aged_alone(
    mirror: &mut Mirror,
    frame: &Frame,
    landmarks: &Landmarks,
    clean: &RgbImage,
) -> Result<RgbImage, EvaluateError> {
    let alignment = mirror.look(&frame.picture, landmarks)?;
    let edit = mirror.age(&Condition::one_hot(Decade::Sixties))?;
    let mut picture = clean.clone();
    mirror.compose(&mut picture, &alignment, &edit)?;
    Ok(picture)
}

/// The upright crop of the face that really is at `truth`, `[SIDE, SIDE, 3]` in 0..255, not rounded: rounding would flicker.
fn pixels(picture: &RgbImage, truth: &Landmarks) -> Result<Vec<f32>, EvaluateError> {
    let to_picture = shared::align(&truth.five())?.inverse().ok_or(EvaluateError::Framing)?;
    let picture = Picture::new(picture, picture.width() as usize, picture.height() as usize)
        .map_err(|error| crate::evaluate::JudgeError::Chip(ChipError::from(error)))?;
    let centre = |n: usize| (n as f32 + 0.5) / SIDE as f32;
    let place = |i: usize| to_picture.apply(Point::new(centre(i % SIDE), centre(i / SIDE)));
    Ok((0..SIDE * SIDE).flat_map(|i| picture.sample(place(i))).collect())
}

/// What `aged` has more than the crop `now` of its source.
fn added(aged: &RgbImage, truth: &Landmarks, now: &[f32]) -> Result<Vec<f32>, EvaluateError> {
    Ok(pixels(aged, truth)?.iter().zip(now).map(|(aged, now)| aged - now).collect())
}

/// How somebody sways.
struct Sway {
    across: Swing,
    down: Swing,
    size: Swing,
    lean: Swing,
    light: Swing,
}

impl Sway {
    fn new(random: &mut ChaCha8Rng) -> Self {
        let mut swing = || Swing::new(random);
        Self { across: swing(), down: swing(), size: swing(), lean: swing(), light: swing() }
    }

    /// The photograph's pixels → the frame's.
    fn at(&self, seconds: f32, photo: &RgbImage) -> Similarity {
        let [across, down] = [&self.across, &self.down].map(|swing| SHIFT * swing.at(seconds));
        steady::moved(photo, TURN * self.lean.at(seconds), SCALE * self.size.at(seconds), Point::new(across, down))
    }

    /// What the colours are multiplied by.
    fn light(&self, seconds: f32) -> f32 {
        1.0 + LIGHT * self.light.at(seconds)
    }
}

/// A smooth swinging about 0, within −1..1: periods in seconds, and phases.
struct Swing([(f32, f32); 2]);

impl Swing {
    fn new(random: &mut ChaCha8Rng) -> Self {
        Self(std::array::from_fn(|_| (random.random_range(PERIODS), random.random_range(0.0..TAU))))
    }

    fn at(&self, seconds: f32) -> f32 {
        let waves = self.0.iter().map(|(period, phase)| (TAU * seconds / period + phase).sin());
        waves.sum::<f32>() / self.0.len() as f32
    }
}

/// Sums from which each value's mean absolute change follows.
#[derive(Default)]
struct Changes {
    last: Vec<f32>,
    sums: Vec<f64>,
    count: f64,
}

impl Changes {
    fn add(&mut self, values: &[f32]) {
        self.sums.resize(values.len(), 0.0);
        if self.last.len() == values.len() {
            for ((sum, last), value) in self.sums.iter_mut().zip(&self.last).zip(values) {
                *sum += f64::from((value - last).abs());
            }
            self.count += 1.0;
        }
        values.clone_into(&mut self.last);
    }

    /// The next values do not follow the last ones.
    fn pause(&mut self) {
        self.last.clear();
    }

    /// Mean change of the pixels inside the mask, three values a pixel.
    fn inside(&self, mask: &[f32]) -> f64 {
        let weight = |i: usize| f64::from(mask.get(i / 3).copied().unwrap_or_default());
        let sums = self.sums.iter().enumerate();
        let (sum, weights) = sums.fold((0.0, 0.0), |(sum, all), (i, v)| (sum + weight(i) * v, all + weight(i)));
        sum / weights / self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;

    fn photo() -> RgbImage {
        RgbImage::new(224, 224)
    }

    proptest! {
        #[test]
        fn swaying_is_smooth_bounded_and_repeatable(seed in 0u64..10_000, frame in 0u32..1000) {
            let sway = Sway::new(&mut ChaCha8Rng::seed_from_u64(seed));
            let again = Sway::new(&mut ChaCha8Rng::seed_from_u64(seed));
            let (photo, now, next) = (photo(), frame as f32 / RATE, (frame + 1) as f32 / RATE);
            let (here, there) = (sway.at(now, &photo), sway.at(next, &photo));
            prop_assert_eq!((here, sway.light(now)), (again.at(now, &photo), again.light(now)));
            prop_assert!((here.scale() - 1.0).abs() <= SCALE + 1e-5 && here.angle().abs() <= TURN + 1e-5);
            prop_assert!((sway.light(now) - 1.0).abs() <= LIGHT + 1e-5);
            let middle = Point::new(112.0, 112.0);
            let shift = here.apply(middle) - middle;
            prop_assert!(shift.x.abs().max(shift.y.abs()) <= SHIFT * 224.0 + 1e-3);
            // The shortest period bounds the speed: that of a sine is 2π heights a period at most.
            let step = TAU / PERIODS.start / RATE;
            prop_assert!((there.scale() - here.scale()).abs() <= SCALE * step + 1e-5);
            prop_assert!((sway.light(next) - sway.light(now)).abs() <= LIGHT * step + 1e-5);
            prop_assert!(here.apply(middle).distance(there.apply(middle)) <= 1.5 * SHIFT * 224.0 * step);
            let corner = Point::new(40.0, 200.0);
            prop_assert!(here.apply(corner).distance(there.apply(corner)) < 3.0, "pixels a frame");
        }
    }

    #[test]
    fn somebody_does_sway_and_not_everybody_alike() {
        let way = |seed| {
            let sway = Sway::new(&mut ChaCha8Rng::seed_from_u64(seed));
            let places = (0..FRAMES).map(|frame| sway.at(frame as f32 / RATE, &photo()).apply(Point::new(50.0, 50.0)));
            places.collect::<Vec<_>>()
        };
        let length = |way: &[Point]| way.windows(2).map(|pair| pair[0].distance(pair[1])).sum::<f32>();
        assert!(length(&way(1)) > 10.0 && length(&way(2)) > 10.0);
        assert!(way(1).iter().zip(way(2)).any(|(one, other)| one.distance(other) > 2.0));
    }

    #[test]
    fn changes_are_means_inside_the_mask_and_not_across_a_pause() {
        let mut changes = Changes::default();
        for value in [1.0f32, 3.0, 2.0] {
            changes.add(&[value, value, value, 7.0, 7.0, 7.0]);
        }
        changes.pause();
        changes.add(&[90.0; 6]);
        changes.add(&[90.0; 6]);
        assert_eq!((changes.inside(&[1.0, 0.0]), changes.inside(&[0.0, 1.0])), (1.0, 0.0));
    }
}
