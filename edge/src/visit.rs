//! Who stands before the mirror, since when, and how old it shows them. A frame and a moment come in; the picture to show
//! and its age go out. Next: the scene.

use crate::face::{Face, FaceError, FaceFinder};
use crate::frames::Frame;
use crate::mirror::{Mirror, MirrorError};
use image::RgbImage;
use shared::{Condition, Decade};
use std::time::Duration;

/// From the youngest to the oldest decade, and as long back again.
pub const RISE: Duration = Duration::from_secs(11);

/// One visitor after another: whom the mirror sees, since when, and how old it shows them.
pub struct Visit {
    finder: FaceFinder,
    /// `None` passes pictures through unaged.
    mirror: Option<Mirror>,
    /// The face of the last frame, and when it was first seen.
    seen: Option<(Face, Duration)>,
    scene: Option<u64>,
    picture: RgbImage,
}

impl Visit {
    pub fn new(finder: FaceFinder, mirror: Option<Mirror>) -> Self {
        Self { finder, mirror, seen: None, scene: None, picture: RgbImage::new(1, 1) }
    }

    /// The picture to show for a frame, and the age in years that it shows; `None` while nobody is aged.
    pub fn see(&mut self, frame: &Frame, now: Duration) -> Result<(&RgbImage, Option<f32>), FaceError> {
        if self.scene.replace(frame.scene) != Some(frame.scene) {
            self.seen = None;
        }
        let followed = match &self.seen {
            Some((face, since)) => self.finder.follow(&frame.picture, face)?.map(|face| (face, *since)),
            None => None,
        };
        self.seen = match followed {
            Some(followed) => Some(followed),
            None => self.finder.find(&frame.picture)?.into_iter().next().map(|face| (face, now)),
        };
        self.picture.clone_from(&frame.picture);
        let Some(((face, since), mirror)) = self.seen.as_ref().zip(self.mirror.as_mut()) else {
            return Ok((&self.picture, None));
        };
        let age = age_after(now.saturating_sub(*since));
        // A frame that cannot be aged is shown as it is, and the next one is tried anew.
        match compose(mirror, &mut self.picture, face, age) {
            Ok(()) => Ok((&self.picture, Some(age))),
            Err(error) => {
                eprintln!("This frame is shown as it is: {error}");
                self.picture.clone_from(&frame.picture);
                Ok((&self.picture, None))
            }
        }
    }
}

fn compose(mirror: &mut Mirror, picture: &mut RgbImage, face: &Face, age: f32) -> Result<(), MirrorError> {
    let condition = Condition::at_age(age).unwrap_or(Condition::one_hot(Decade::Tens));
    let alignment = mirror.look(picture, &face.landmarks)?;
    let edit = mirror.age(&condition)?;
    mirror.compose(picture, &alignment, &edit)
}

/// The age in years that a face is shown at: from the youngest decade to the oldest and back, resting at both.
fn age_after(time: Duration) -> f32 {
    let (youngest, oldest) = (Decade::Tens.middle(), Decade::Sixties.middle());
    let phase = time.as_secs_f32() / RISE.as_secs_f32() * std::f32::consts::PI;
    (youngest + oldest) / 2.0 - (oldest - youngest) / 2.0 * phase.cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::VISITORS;
    use std::sync::Arc;

    #[test]
    fn ages_rise_to_the_oldest_decade_and_come_back() {
        let ages: Vec<f32> = (0..=22).map(|second| age_after(Duration::from_secs(second))).collect();
        assert!((ages[0] - 15.0).abs() < 1e-3 && (ages[11] - 65.0).abs() < 1e-3 && (ages[22] - 15.0).abs() < 1e-3);
        assert!(ages[..12].windows(2).all(|pair| pair[0] < pair[1]));
        assert!(ages[11..].windows(2).all(|pair| pair[0] > pair[1]));
        assert!(ages.iter().all(|&age| Condition::at_age(age).is_ok()));
    }

    #[test]
    fn a_visitor_is_followed_from_young_to_old_and_the_next_one_begins_anew() {
        let bundle = crate::testing::bundle(shared::manifest::Kind::Edit);
        let mirror = Mirror::new(crate::ager::Ager::new(&bundle).unwrap());
        let mut visit = Visit::new(FaceFinder::embedded().unwrap(), Some(mirror));
        let frames = [0, 1].map(|scene| Frame {
            picture: Arc::new(VISITORS[scene].read().unwrap()),
            scene: scene as u64,
            number: 0,
            at: Duration::ZERO,
        });
        let nobody = Frame { picture: Arc::new(RgbImage::new(300, 300)), scene: 2, number: 0, at: Duration::ZERO };
        let mut age_of = |frame: &Frame, seconds| visit.see(frame, Duration::from_secs(seconds)).unwrap().1;
        assert_eq!(age_of(&frames[0], 100), Some(15.0));
        assert_eq!(age_of(&frames[0], 111), Some(65.0));
        assert_eq!(age_of(&frames[1], 112), Some(15.0));
        assert_eq!(age_of(&nobody, 113), None);
        assert_eq!(age_of(&frames[0], 114), Some(15.0));
        let (shown, _) = visit.see(&frames[0], Duration::from_secs(114)).unwrap();
        assert_ne!(shown, &*frames[0].picture);
    }
}
