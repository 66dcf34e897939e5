//! How far a face looks at the mirror. Landmarks come in; 1 (frontal) to 0 (turned away) goes out.

use shared::{Landmarks, Point};

/// The nose stands between the cheeks: on a head turned by an angle θ it moves sideways by about this share of the face's
/// width times tan θ. Of a head the share is greater; found points lean towards those of a face that looks ahead (by eye, 60
/// people of FairFace's val part).
const DEPTH: f32 = 0.32;
/// Up to here a face is as good as frontal, and from there on it is turned away, as sines of the angle: 30° and 50°.
const FRONTAL: f32 = 0.5;
const AWAY: f32 = 0.77;

/// How much of the edit a face may carry: the registered frame, in which edits are drawn, holds for frontal faces.
pub fn facing(landmarks: &Landmarks) -> f32 {
    let sine = turn(landmarks).abs();
    let share = ((AWAY - sine) / (AWAY - FRONTAL)).clamp(0.0, 1.0);
    share * share * (3.0 - 2.0 * share)
}

/// Sine of the angle that the head is turned by, to the picture's right if positive.
fn turn(landmarks: &Landmarks) -> f32 {
    let five = landmarks.five();
    let p = &landmarks.0;
    // Cheeks at the eyes' and the nose's height, left and right.
    let (left, right) = (Point::mean(&p[1..4]), Point::mean(&p[13..16]));
    let across = right - left;
    let width = across.distance(Point::default());
    if width <= f32::EPSILON {
        return 1.0;
    }
    let from_middle = five.nose - (left + right) * 0.5;
    let sideways = (from_middle.x * across.x + from_middle.y * across.y) / width;
    // A turned head also looks narrower: its width falls with the cosine.
    let share = sideways / width / DEPTH;
    share / (1.0 + share * share).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::landmarks;
    use shared::Similarity;
    use shared::registration::MEAN;

    /// The mean face as a rough solid, turned about the upright axis.
    fn turned(degrees: f32) -> Landmarks {
        let angle = degrees.to_radians();
        Landmarks(MEAN.0.map(|p| {
            let (x, y) = (p.x - 0.5, p.y);
            // A cylinder whose front carries the nose.
            let depth = (0.16 - x * x).max(0.0).sqrt() * 0.9
                + if (0.4..0.58).contains(&y) && x.abs() < 0.08 { 0.1 } else { 0.0 };
            Point::new(0.5 + x * angle.cos() + depth * angle.sin(), y)
        }))
    }

    #[test]
    fn frontal_faces_carry_the_whole_edit_and_turned_ones_less() {
        assert_eq!(facing(&landmarks()), 1.0);
        assert_eq!(facing(&MEAN), 1.0);
        let shares: Vec<f32> = [0.0, 15.0, 35.0, 45.0, 60.0, 75.0].into_iter().map(|d| facing(&turned(d))).collect();
        assert!(shares[1] > 0.95 && shares[5] < 0.05, "{shares:?}");
        assert!(shares.windows(2).all(|pair| pair[0] >= pair[1]), "{shares:?}");
    }

    #[test]
    fn leaning_growing_and_mirroring_do_not_count() {
        let face = turned(25.0);
        let share = facing(&face);
        assert!((0.05..0.99).contains(&share), "{share}");
        let leaning = Similarity::about(Point::new(0.5, 0.5), 0.6, 321.0);
        assert!((facing(&face.map(&leaning)) - share).abs() < 1e-3);
        assert!((facing(&face.mirrored(1.0)) - share).abs() < 1e-3);
        assert_eq!(facing(&Landmarks([Point::default(); 68])), 0.0);
    }
}
