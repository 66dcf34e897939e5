//! Who stands before the mirror. Frames come in, one after another; the visitor's steadied landmarks go out.

use super::pose::facing;
use super::steady::Steady;
use crate::face::{Face, FaceError, FaceFinder};
use crate::frames::Frame;
use image::RgbImage;
use shared::{Landmarks, Point};
use std::time::Duration;

/// A visitor who was not seen for so long has left; within it, a face at the same place is the same visitor.
const MEMORY: Duration = crate::visit::LEFT;
/// The same place: within so many eye distances, and not larger or smaller than by this factor.
const SAME_PLACE: f32 = 1.5;
const SAME_SIZE: f32 = 1.6;
/// Who stands so far away that their eye distance is less than this share of the frame's height is not meant.
const FAR_AWAY: f32 = 0.035;
/// While nobody is seen, every so many frames a thorough search, for heads that lean.
const THOROUGH: u64 = 5;

/// The visitor in one frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Counts the visitors; says nothing about who they are.
    pub visitor: u64,
    /// Steadied, in the frame's pixels.
    pub landmarks: Landmarks,
    /// How much of the edit the pose can carry, 0 (turned away) to 1.
    pub facing: f32,
    /// How the head moves, in pixels a second.
    pub velocity: Point,
}

impl Seen {
    /// Where the landmarks are some time later, if the head goes on as it does.
    pub fn ahead(&self, time: Duration) -> Landmarks {
        let way = self.velocity * time.min(FORESIGHT).as_secs_f32();
        Landmarks(self.landmarks.0.map(|p| p + way))
    }
}

/// Nobody moves on for longer than this without being seen.
const FORESIGHT: Duration = Duration::from_millis(150);

/// Finds and follows one visitor. Not `Send`, as the finder is not: build it in the thread that uses it.
pub struct Tracker {
    finder: FaceFinder,
    steady: Steady,
    last: Option<Last>,
    scene: Option<u64>,
    visitors: u64,
    /// Frames in a row without a face.
    empty: u64,
    /// The visitor's turn is over: another one is welcome.
    over: bool,
}

struct Last {
    face: Face,
    at: Duration,
    visitor: u64,
}

impl Tracker {
    pub fn new(finder: FaceFinder) -> Self {
        Self { finder, steady: Steady::default(), last: None, scene: None, visitors: 0, empty: 0, over: false }
    }

    /// The visitor in this frame; `None` while nobody is seen.
    pub fn see(&mut self, frame: &Frame) -> Result<Option<Seen>, FaceError> {
        if self.scene.replace(frame.scene) != Some(frame.scene) {
            self.last = None;
            self.over = false;
        }
        let (picture, now) = (&*frame.picture, frame.at);
        let followed = match &self.last {
            Some(last) if self.empty == 0 && !self.over => self.finder.follow(picture, &last.face)?,
            _ => None,
        };
        let followed_on = followed.is_some();
        let face = match followed {
            Some(face) => Some(face),
            None => self.find(picture, now)?,
        };
        let Some(face) = face else {
            self.empty += 1;
            return Ok(None);
        };
        self.empty = 0;
        // Who was followed is the same, however long a slow board takes for a frame.
        let same = |last: &&Last| followed_on || now.saturating_sub(last.at) <= MEMORY && is_same(&last.face, &face);
        let visitor = match self.last.as_ref().filter(same) {
            Some(last) => last.visitor,
            None => {
                self.visitors += 1;
                self.steady = Steady::default();
                self.visitors
            }
        };
        let landmarks = self.steady.follow(&face.landmarks, now);
        self.last = Some(Last { face, at: now, visitor });
        Ok(Some(Seen { visitor, landmarks, facing: facing(&landmarks), velocity: self.steady.velocity() }))
    }

    pub const fn finder(&mut self) -> &mut FaceFinder {
        &mut self.finder
    }

    /// This visitor's turn is over: where several stand there, the next one is somebody else.
    pub fn next_please(&mut self) {
        self.over = true;
    }

    /// The nearest face; another one than the last visitor's where their turn is over and there is one.
    fn find(&mut self, picture: &RgbImage, now: Duration) -> Result<Option<Face>, FaceError> {
        let thorough = self.empty % THOROUGH == THOROUGH - 1;
        let mut faces = if thorough { self.finder.find(picture)? } else { self.finder.glance(picture)? };
        let least = FAR_AWAY * picture.height() as f32;
        faces.retain(|face| face.landmarks.eye_distance() >= least);
        let known = self.last.as_ref().filter(|last| now.saturating_sub(last.at) <= MEMORY);
        let same = |face: &Face| known.is_some_and(|last| is_same(&last.face, face));
        let wanted = match self.over {
            true => faces.iter().position(|face| !same(face)),
            false => faces.iter().position(same),
        };
        self.over = false;
        Ok((!faces.is_empty()).then(|| faces.swap_remove(wanted.unwrap_or(0))))
    }
}

fn is_same(last: &Face, face: &Face) -> bool {
    let (before, after) = (last.landmarks.eye_distance(), face.landmarks.eye_distance());
    let place = Point::mean(&last.landmarks.0).distance(Point::mean(&face.landmarks.0));
    place <= SAME_PLACE * before.max(after) && before <= SAME_SIZE * after && after <= SAME_SIZE * before
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::VISITORS;
    use image::imageops;
    use std::sync::Arc;

    /// Demo visitors at places of a wall.
    fn wall(faces: &[(usize, i64, i64, u32)]) -> Arc<RgbImage> {
        let mut wall = RgbImage::from_pixel(640, 480, image::Rgb([96, 100, 104]));
        for &(number, x, y, side) in faces {
            let visitor = VISITORS[number].read().unwrap();
            let face = imageops::resize(&visitor, side, side, imageops::FilterType::Triangle);
            imageops::replace(&mut wall, &face, x, y);
        }
        Arc::new(wall)
    }

    struct Film(Tracker, u64);

    impl Film {
        fn new() -> Self {
            Self(Tracker::new(FaceFinder::embedded().unwrap()), 0)
        }

        fn see(&mut self, picture: &Arc<RgbImage>, seconds: f32, scene: u64) -> Option<Seen> {
            self.1 += 1;
            let at = Duration::from_secs_f32(seconds);
            self.0.see(&Frame { picture: picture.clone(), scene, number: self.1, at }).unwrap()
        }
    }

    #[test]
    fn one_visitor_keeps_their_number_through_a_blink_and_another_gets_a_new_one() {
        let (mut film, here, nobody) = (Film::new(), wall(&[(0, 200, 100, 240)]), wall(&[]));
        let first = film.see(&here, 0.0, 0).unwrap();
        assert_eq!((first.visitor, first.facing), (1, 1.0));
        assert_eq!(film.see(&wall(&[(0, 208, 104, 240)]), 0.1, 0).unwrap().visitor, 1);
        assert_eq!(film.see(&nobody, 0.2, 0), None);
        assert_eq!(film.see(&here, 0.9, 0).unwrap().visitor, 1);
        assert_eq!(film.see(&nobody, 1.0, 0), None);
        assert_eq!(film.see(&here, 5.0, 0).unwrap().visitor, 2, "somebody else may have come");
        assert_eq!(film.see(&here, 5.1, 1).unwrap().visitor, 3, "another scene shows somebody else");
    }

    #[test]
    fn on_a_board_that_takes_seconds_for_a_frame_a_visitor_stays_the_same() {
        let (mut film, here) = (Film::new(), wall(&[(0, 200, 100, 240)]));
        assert_eq!([0.0, 4.0, 9.0].map(|seconds| film.see(&here, seconds, 0).unwrap().visitor), [1, 1, 1]);
    }

    #[test]
    fn the_nearest_of_two_is_the_visitor_until_their_turn_is_over() {
        let mut film = Film::new();
        let two = wall(&[(0, 20, 60, 200), (3, 300, 60, 300)]);
        let middle = |seen: Option<Seen>| Point::mean(&seen.unwrap().landmarks.0).x;
        assert!(middle(film.see(&two, 0.0, 0)) > 320.0);
        assert!(middle(film.see(&two, 0.1, 0)) > 320.0);
        film.0.next_please();
        let next = film.see(&two, 0.2, 0).unwrap();
        assert_eq!(next.visitor, 2);
        assert!(middle(Some(next)) < 320.0);
        assert!(middle(film.see(&two, 0.3, 0)) < 320.0, "and stays it");
    }

    #[test]
    fn alone_a_visitor_stays_the_same_after_their_turn() {
        let (mut film, here) = (Film::new(), wall(&[(2, 200, 100, 240)]));
        film.see(&here, 0.0, 0).unwrap();
        film.0.next_please();
        assert_eq!(film.see(&here, 0.1, 0).unwrap().visitor, 1);
    }

    #[test]
    fn who_passes_far_away_is_not_meant() {
        assert_eq!(Film::new().see(&wall(&[(0, 300, 200, 36)]), 0.0, 0), None);
    }
}
