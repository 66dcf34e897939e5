//! Which part of the camera's picture stands on the screen: the visitor's head and shoulders, or all of it. Alignments come
//! in, a calm part goes out: it follows the head slowly, as a person with a camera would.

use image::RgbImage;
use shared::{Alignment, Point};
use std::time::Duration;

/// Height of a portrait in crop sides, and how far its middle lies below the crop's.
const HEIGHT: f32 = 2.1;
const LIFT: f32 = 0.06;
/// A portrait is never a smaller part of the picture than this, of its height: far visitors stay small.
const LEAST: f32 = 0.4;
/// Time constant of the view's movement, in seconds.
const EASE: f32 = 0.6;
/// Nearer than this share of the view's height to its middle, a head moves within the view.
const REST: f32 = 0.04;

/// How the picture is framed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cut {
    /// Head and shoulders.
    #[default]
    Portrait,
    /// Everything that the camera sees.
    Mirror,
}

/// A part of the picture, over time.
#[derive(Clone, Debug)]
pub struct Framing {
    cut: Cut,
    /// Centre and height, in pixels.
    part: Option<(Point, f32)>,
    at: Duration,
}

impl Framing {
    pub const fn new(cut: Cut) -> Self {
        Self { cut, part: None, at: Duration::ZERO }
    }

    /// The next visitor is framed anew.
    pub const fn reset(&mut self) {
        self.part = None;
    }

    /// Centre and height of what to show of `picture`, in its pixels; `face` is the visitor's alignment where they are seen.
    pub fn follow(&mut self, picture: &RgbImage, face: Option<&Alignment>, now: Duration) -> (Point, f32) {
        let (width, height) = (picture.width() as f32, picture.height() as f32);
        let whole = (Point::new(width / 2.0, height / 2.0), height);
        let passed = now.saturating_sub(std::mem::replace(&mut self.at, now)).as_secs_f32();
        if self.cut == Cut::Mirror {
            return whole;
        }
        let Some(face) = face else { return self.part.unwrap_or(whole) };
        let to_picture = face.to_upright_picture();
        let side = to_picture.scale();
        let wanted = ((HEIGHT * side).clamp(LEAST * height, height), to_picture.apply(Point::new(0.5, 0.5 + LIFT)));
        let (centre, size) = match self.part {
            None => (wanted.1, wanted.0),
            Some((centre, size)) => {
                let share = 1.0 - (-passed / EASE).exp();
                let way = wanted.1 - centre;
                let far = way.distance(Point::default());
                let beyond = (far - REST * size).max(0.0) / far.max(f32::EPSILON);
                let grown = wanted.0 - size;
                let grown = grown.signum() * (grown.abs() - REST * size).max(0.0);
                (centre + way * (beyond * share), size + grown * share)
            }
        };
        self.part = Some((centre, size));
        (centre, size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::Similarity;

    fn face(x: f32, y: f32, side: f32) -> Alignment {
        let to_picture = Similarity { shift: Point::new(x - side / 2.0, y - side / 2.0), ..Similarity::scaling(side) };
        Alignment::upright(to_picture.inverse().unwrap()).unwrap()
    }

    fn seconds(frame: u32) -> Duration {
        Duration::from_millis(33) * frame
    }

    #[test]
    fn a_portrait_holds_the_head_and_follows_it_without_a_jump() {
        let picture = RgbImage::new(1280, 720);
        let mut framing = Framing::new(Cut::Portrait);
        let (first, height) = framing.follow(&picture, Some(&face(300.0, 300.0, 200.0)), seconds(0));
        assert!((first.x - 300.0).abs() < 1.0 && (height - 420.0).abs() < 1.0);
        let mut before = first;
        for frame in 1..150 {
            let (centre, _) = framing.follow(&picture, Some(&face(800.0, 300.0, 200.0)), seconds(frame));
            assert!(centre.x - before.x < 40.0 && centre.x >= before.x);
            before = centre;
        }
        assert!((before.x - 800.0).abs() < 20.0, "{before:?}");
        let small = framing.follow(&picture, Some(&face(805.0, 302.0, 200.0)), seconds(150)).0;
        assert!(small.distance(before) < 1.0, "a small movement stays within the view");
        assert_eq!(framing.follow(&picture, None, seconds(151)).0, small, "who is lost for a moment keeps their view");
        framing.reset();
        assert_eq!(framing.follow(&picture, None, seconds(152)), (Point::new(640.0, 360.0), 720.0));
    }

    #[test]
    fn a_full_mirror_shows_all_and_a_far_face_stays_small() {
        let picture = RgbImage::new(640, 480);
        let far = face(320.0, 240.0, 30.0);
        assert_eq!(Framing::new(Cut::Mirror).follow(&picture, Some(&far), seconds(3)).1, 480.0);
        assert_eq!(Framing::new(Cut::Portrait).follow(&picture, Some(&far), seconds(3)).1, 192.0);
    }
}
