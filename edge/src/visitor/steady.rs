//! Landmarks without trembling and without lag. Each frame's landmarks come in, steadied ones go out.
//!
//! The one-euro filter (Casiez, Roussel and Vogel, CHI 2012): what stands still is averaged over long, what moves fast over
//! hardly any time. A head moves as a whole and a face within it, so the two are steadied apart: the similarity from frame to
//! frame, and what of the landmarks it does not explain.

use shared::{Landmarks, Point, Similarity};
use std::f32::consts::TAU;
use std::time::Duration;

/// How the head's movement and the face's own are steadied.
const HEAD: OneEuro = OneEuro { still: 1.2, speed: 14.0 };
const FACE: OneEuro = OneEuro { still: 1.0, speed: 5.0 };
/// The speeds themselves are averaged at this frequency, in Hz.
const SPEED_CUTOFF: f32 = 2.0;
/// After so long a break the past says nothing.
const BREAK: Duration = Duration::from_millis(500);

/// Cut-off frequencies in Hz: of what stands still, and how much more for each eye distance a second.
struct OneEuro {
    still: f32,
    speed: f32,
}

impl OneEuro {
    /// The share of the newest value.
    fn share(&self, speed: f32, seconds: f32) -> f32 {
        share(self.still + self.speed * speed, seconds)
    }
}

fn share(cutoff: f32, seconds: f32) -> f32 {
    let time = TAU * cutoff * seconds;
    time / (time + 1.0)
}

/// One face's landmarks over time.
#[derive(Clone, Debug, Default)]
pub struct Steady {
    last: Option<(Duration, Landmarks, Landmarks)>,
    /// In eye distances a second: of the head's middle, and of the points within the face.
    head_speed: Point,
    face_speed: f32,
    /// Of the head's middle, in the landmarks' units a second.
    velocity: Point,
}

impl Steady {
    /// The steadied place of `landmarks`, seen at `now`.
    pub fn follow(&mut self, landmarks: &Landmarks, now: Duration) -> Landmarks {
        let steadied = self.steadied(landmarks, now).unwrap_or_else(|| {
            *self = Self::default();
            *landmarks
        });
        self.last = Some((now, *landmarks, steadied));
        steadied
    }

    fn steadied(&mut self, landmarks: &Landmarks, now: Duration) -> Option<Landmarks> {
        let (then, before, smooth) = self.last?;
        let passed = now.checked_sub(then).filter(|passed| *passed <= BREAK)?;
        let seconds = passed.as_secs_f32();
        if seconds == 0.0 {
            return Some(smooth);
        }
        let eyes = landmarks.eye_distance();
        let moved = Similarity::fit(&smooth.0, &landmarks.0).ok()?;
        // The frame-to-frame movement tells the speed: the steadied points lag behind by design.
        let step = (Point::mean(&landmarks.0) - Point::mean(&before.0)) * (1.0 / seconds);
        let within = Similarity::fit(&before.0, &landmarks.0).ok()?;
        let left = landmarks.0.iter().zip(&before.0).map(|(&p, &q)| p.distance(within.apply(q))).sum::<f32>();
        let keep = share(SPEED_CUTOFF, seconds);
        self.velocity = self.velocity + (step - self.velocity) * keep;
        self.head_speed = self.head_speed + (step * (1.0 / eyes) - self.head_speed) * keep;
        self.face_speed += (left / landmarks.0.len() as f32 / eyes / seconds - self.face_speed) * keep;

        // Turning and growing count as movement of the outline, half an eye distance or so from the middle.
        let spin = (within.a - 1.0).hypot(within.b) / seconds;
        let head_speed = self.head_speed.distance(Point::default()).max(0.3 * spin);
        let head = HEAD.share(head_speed, seconds);
        let face = FACE.share(self.face_speed.max(0.2 * head_speed), seconds);
        let steadied = std::array::from_fn(|i| {
            let whole = moved.apply(smooth.0[i]);
            let carried = smooth.0[i] + (whole - smooth.0[i]) * head;
            carried + (landmarks.0[i] - whole) * face
        });
        Some(Landmarks(steadied)).filter(Landmarks::is_finite)
    }

    /// How the head moves, in the landmarks' units a second.
    pub const fn velocity(&self) -> Point {
        self.velocity
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::landmarks;
    use proptest::prelude::*;

    const FRAME: Duration = Duration::from_millis(33);

    fn face() -> Landmarks {
        landmarks().map(&Similarity { shift: Point::new(200.0, 150.0), ..Similarity::scaling(200.0) })
    }

    /// The same every time, about ±1.
    fn noise(seed: &mut u32) -> f32 {
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (*seed >> 8) as f32 / 8_388_608.0 - 1.0
    }

    #[test]
    fn a_trembling_face_stands_still() {
        let (face, mut steady, mut seed) = (face(), Steady::default(), 7);
        let (mut raw, mut smooth) = (0.0, 0.0);
        for i in 0..120 {
            let shaken = Landmarks(face.0.map(|p| p + Point::new(noise(&mut seed), noise(&mut seed))));
            let found = steady.follow(&shaken, FRAME * i);
            if i >= 30 {
                raw += shaken.error(&face);
                smooth += found.error(&face);
            }
        }
        assert!(smooth < 0.5 * raw, "{smooth} of {raw}");
    }

    #[test]
    fn a_head_that_moves_fast_is_not_left_behind() {
        let (face, mut steady) = (face(), Steady::default());
        for i in 0..30u32 {
            // Two eye distances a second, and a turn.
            let way = Point::new(144.0 * 0.033 * i as f32, 20.0 * 0.033 * i as f32);
            let turn = Similarity::about(Point::mean(&face.0), 0.01 * i as f32, 1.0 + 0.005 * i as f32);
            let moved = face.map(&turn.then(&Similarity { shift: way, ..Similarity::IDENTITY }));
            let error = steady.follow(&moved, FRAME * i).error(&moved);
            assert!(error < 0.03, "{error} in frame {i}");
            if i > 10 {
                let next = face.map(
                    &turn.then(&Similarity { shift: way * ((i as f32 + 1.0) / i as f32), ..Similarity::IDENTITY }),
                );
                let ahead = Similarity { shift: steady.velocity() * FRAME.as_secs_f32(), ..Similarity::IDENTITY };
                assert!(moved.map(&ahead).error(&next) < 0.05);
            }
        }
    }

    #[test]
    fn after_a_break_the_face_is_taken_as_it_is() {
        let (face, mut steady) = (face(), Steady::default());
        steady.follow(&face, Duration::ZERO);
        let elsewhere = face.map(&Similarity { shift: Point::new(90.0, 0.0), ..Similarity::IDENTITY });
        assert_eq!(steady.follow(&elsewhere, Duration::from_secs(2)), elsewhere);
        // A clock that goes back is a break too.
        assert_eq!(steady.follow(&face, Duration::from_secs(1)), face);
        let spot = Landmarks([Point::new(1.0, 1.0); 68]);
        assert_eq!(steady.follow(&spot, Duration::from_millis(1033)), spot);
    }

    proptest! {
        #[test]
        fn a_face_at_rest_is_kept_exactly_and_nothing_overshoots(x in -300.0f32..300.0, y in -300.0f32..300.0) {
            let (face, mut steady) = (face(), Steady::default());
            for i in 0..5 {
                prop_assert!(steady.follow(&face, FRAME * i).error(&face) < 1e-4);
            }
            let to = face.map(&Similarity { shift: Point::new(x, y), ..Similarity::IDENTITY });
            let way = to.error(&face);
            for i in 5..30 {
                let found = steady.follow(&to, FRAME * i);
                prop_assert!(found.error(&to) <= way + 1e-3);
            }
            prop_assert!(steady.follow(&to, FRAME * 30).error(&to) < 0.02 + 0.05 * way);
        }
    }
}
