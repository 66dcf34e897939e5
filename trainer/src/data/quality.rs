//! Whether a found face is good enough to learn from: large, whole, towards the camera, sharp.

use super::skip::Skip;
use shared::{Landmarks, Point};

/// What is asked of a face.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Least distance between the eyes, in pixels of the picture.
    pub eye_distance: f32,
    /// Most turn to the side, in degrees.
    pub yaw: f32,
    /// Most turn up or down, in degrees.
    pub pitch: f32,
    /// Least [`sharpness`].
    pub sharpness: f32,
}

impl Limits {
    /// Size, place and turn of a face, from its landmarks in a picture of `width` × `height` pixels.
    pub fn place(&self, landmarks: &Landmarks, width: u32, height: u32) -> Result<(), Skip> {
        let eye_distance = landmarks.eye_distance();
        let out = BEYOND_BORDER * eye_distance;
        let inside =
            |p: &Point| (-out..width as f32 + out).contains(&p.x) && (-out..height as f32 + out).contains(&p.y);
        let pose = Pose::of(landmarks);
        if !landmarks.is_finite() || eye_distance < self.eye_distance {
            Err(Skip::Tiny)
        } else if !landmarks.0.iter().all(inside) {
            Err(Skip::CutOff)
        } else if pose.yaw.abs() > self.yaw || pose.pitch.abs() > self.pitch {
            Err(Skip::Turned)
        } else {
            Ok(())
        }
    }
}

/// How far a landmark may lie outside the picture, in eye distances.
const BEYOND_BORDER: f32 = 0.2;

/// Where a head is turned to, in degrees; 0, 0 looks into the camera.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pose {
    /// Positive when the nose points to the picture's right.
    pub yaw: f32,
    /// Positive when the nose points down.
    pub pitch: f32,
}

impl Pose {
    /// Estimated from how the nose stands between the jaw's sides, and how high it and the jaw's ends stand between eyes and
    /// mouth. Fitted to the angles in FairFace's `points.csv`: off by 2.5° (yaw) and 4° (pitch) on them.
    pub fn of(landmarks: &Landmarks) -> Self {
        let five = landmarks.five();
        let middle = Point::mean(&[five.left_eye, five.right_eye]);
        let across = (five.right_eye - five.left_eye) * (1.0 / landmarks.eye_distance());
        let side = |p: Point| (p - middle).x * across.x + (p - middle).y * across.y;
        let down = |p: Point| (p - middle).y * across.x - (p - middle).x * across.y;
        let (jaw_left, jaw_right) = (landmarks.0[1], landmarks.0[15]);
        let nose = side(five.nose);
        let off_centre = (2.0 * nose - side(jaw_left) - side(jaw_right)) / (side(jaw_right) - side(jaw_left));
        let jaw_below_eyes = (down(jaw_left) + down(jaw_right)) / (2.0 * landmarks.eye_distance());
        let mouth = Point::mean(&[five.mouth_left, five.mouth_right]);
        Self { yaw: 50.4 * off_centre, pitch: -7.9 - 36.6 * jaw_below_eyes + 46.5 * down(five.nose) / down(mouth) }
    }
}

/// Side of the crop that [`sharpness`] looks at, whatever the cache's.
pub const SHARPNESS_SIDE: usize = 128;

/// Variance of the Laplacian of the grey levels, in squared levels, over the part of a crop (`128 · 128 · 3` bytes, interleaved
/// RGB) that the face fills.
pub fn sharpness(crop: &[u8]) -> f32 {
    let grey = grey(crop);
    let at = |x: usize, y: usize| grey[y * SHARPNESS_SIDE + x];
    let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for y in SHARPNESS_SIDE / 8..SHARPNESS_SIDE * 7 / 8 {
        for x in SHARPNESS_SIDE / 8..SHARPNESS_SIDE * 7 / 8 {
            let laplacian = f64::from(at(x - 1, y) + at(x + 1, y) + at(x, y - 1) + at(x, y + 1) - 4.0 * at(x, y));
            count += 1.0;
            sum += laplacian;
            squares += laplacian * laplacian;
        }
    }
    (squares / count - (sum / count) * (sum / count)) as f32
}

/// Grey levels 0..255 (ITU-R BT.601 luma) of interleaved RGB.
pub fn grey(rgb: &[u8]) -> Vec<f32> {
    let weigh = |p: &[u8]| 0.299 * f32::from(p[0]) + 0.587 * f32::from(p[1]) + 0.114 * f32::from(p[2]);
    rgb.chunks_exact(3).map(weigh).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;
    use shared::Similarity;

    const LIMITS: Limits = Limits { eye_distance: 30.0, yaw: 30.0, pitch: 25.0, sharpness: 20.0 };

    /// An upright, frontal face with its eyes `distance` apart, centred in a picture of 200 × 200.
    pub fn frontal(distance: f32) -> Landmarks {
        let mut points = [Point::default(); 68];
        for (i, p) in points.iter_mut().enumerate() {
            *p = match i {
                0..=16 => {
                    let angle = std::f32::consts::PI * (i as f32 / 16.0);
                    Point::new(-1.2 * angle.cos(), 0.2 + 1.5 * angle.sin())
                }
                36..=41 => Point::new(-0.5, 0.0),
                42..=47 => Point::new(0.5, 0.0),
                30 => Point::new(0.0, 0.6),
                48 => Point::new(-0.4, 1.06),
                54 => Point::new(0.4, 1.06),
                _ => Point::new(0.0, 0.5),
            };
        }
        Landmarks(points.map(|p| p * distance + Point::new(100.0, 80.0)))
    }

    #[test]
    fn a_frontal_face_is_taken() {
        assert_eq!(LIMITS.place(&frontal(50.0), 200, 200), Ok(()));
    }

    #[test]
    fn each_flaw_has_its_reason() {
        assert_eq!(LIMITS.place(&frontal(20.0), 200, 200), Err(Skip::Tiny));
        assert_eq!(LIMITS.place(&frontal(50.0), 200, 100), Err(Skip::CutOff));
        let mut broken = frontal(50.0);
        broken.0[36].x = f32::NAN;
        assert_eq!(LIMITS.place(&broken, 200, 200), Err(Skip::Tiny));
        let mut aside = frontal(50.0);
        aside.0[30].x += 40.0;
        assert_eq!(LIMITS.place(&aside, 200, 200), Err(Skip::Turned));
        let mut down = frontal(50.0);
        down.0[30].y += 30.0;
        assert_eq!(LIMITS.place(&down, 200, 200), Err(Skip::Turned));
    }

    #[test]
    fn a_sharp_pattern_is_sharper_than_its_blur_and_flat_grey_has_none() {
        let pattern = |soft: f32| -> Vec<u8> {
            let wave = |i: usize| (i as f32 * 0.9 / soft).sin();
            let value = |i: usize| 128.0 + 90.0 * wave(i % SHARPNESS_SIDE) * wave(i / SHARPNESS_SIDE);
            (0..SHARPNESS_SIDE * SHARPNESS_SIDE).flat_map(|i| [value(i) as u8; 3]).collect()
        };
        assert!(sharpness(&pattern(1.0)) > 10.0 * sharpness(&pattern(4.0)));
        assert_eq!(sharpness(&[77; SHARPNESS_SIDE * SHARPNESS_SIDE * 3]), 0.0);
    }

    proptest! {
        /// A tilted head is not a turned one, however large and wherever it is.
        #[test]
        fn tilt_size_and_place_do_not_change_the_pose(radians in -1.0f32..1.0, scale in 0.5f32..5.0, x in -50.0f32..50.0, nose in -0.2f32..0.2) {
            let mut face = frontal(50.0);
            face.0[30].x += 50.0 * nose;
            let moved = face.map(&Similarity::about(Point::new(x, 0.0), radians, scale));
            let (pose, same) = (Pose::of(&face), Pose::of(&moved));
            prop_assert!((pose.yaw - same.yaw).abs() < 0.1 && (pose.pitch - same.pitch).abs() < 0.1, "{pose:?} {same:?}");
        }

        #[test]
        fn a_mirrored_face_looks_the_other_way(nose in -0.5f32..0.5) {
            let mut face = frontal(50.0);
            face.0[30].x += 50.0 * nose;
            let (pose, mirrored) = (Pose::of(&face), Pose::of(&face.mirrored(200.0)));
            prop_assert!((pose.yaw + mirrored.yaw).abs() < 0.1 && (pose.pitch - mirrored.pitch).abs() < 0.1);
        }
    }
}
