//! One training sample: a labelled face comes in, a jittered grey square with its points, or something that is no face
//! placed as expected, goes out. A seed decides everything, so a resumed run sees the samples of an unbroken one.

use edge::face::crop::{SIDE, cut_grey, net_alignment};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use shared::geometry::FitError;
use shared::landmarks::COUNT;
use shared::{Landmarks, Point, Similarity};

use super::dataset::LabelledFace;

/// Share of the samples that show no face, or one far from where it is expected.
const NEGATIVE_SHARE: f64 = 0.2;

/// Share of the faces that are seen as a detector finds them; the others as a second look does.
const WIDE_SHARE: f64 = 0.4;

/// What the net sees and what it should say.
#[derive(Clone, Debug)]
pub struct Sample {
    /// `[SIDE, SIDE]` in −1..1
    pub square: Vec<f32>,
    /// The points in units of the square; `None` where no face is placed as expected.
    pub points: Option<Landmarks>,
}

/// How far a guess of the face may be off: turn in radians, natural logarithm of the scale, shift in units of the square.
#[derive(Clone, Copy, Debug)]
pub struct Jitter {
    pub turn: f32,
    pub scale: f32,
    pub shift: f32,
}

impl Jitter {
    /// As off as a detector's box on a head that leans by up to 30°.
    pub const WIDE: Self = Self { turn: 0.55, scale: 0.26, shift: 0.13 };
    /// As off as the points of an earlier look.
    pub const NARROW: Self = Self { turn: 0.12, scale: 0.10, shift: 0.04 };

    /// A similarity of the square's units within these bounds.
    pub fn draw(&self, rng: &mut impl Rng) -> Similarity {
        let mut within = |bound: f32| rng.random_range(-bound..=bound);
        let (turn, scale) = (within(self.turn), within(self.scale).exp());
        let shift = Point::new(within(self.shift), within(self.shift));
        moved(turn, scale, shift)
    }
}

fn moved(turn: f32, scale: f32, shift: Point) -> Similarity {
    let turned = Similarity::about(Point::new(0.5, 0.5), turn, scale);
    Similarity { shift: turned.shift + shift, ..turned }
}

/// The sample that belongs to `seed`.
pub fn draw(faces: &[LabelledFace], seed: u64) -> Result<Sample, FitError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let face = &faces[rng.random_range(0..faces.len())];
    let other = &faces[rng.random_range(0..faces.len())];
    let mut sample = if rng.random_bool(NEGATIVE_SHARE) {
        negative(face, other, &mut rng)?
    } else {
        let jitter = if rng.random_bool(WIDE_SHARE) { Jitter::WIDE } else { Jitter::NARROW };
        let jitter = jitter.draw(&mut rng);
        let mirrored = rng.random_bool(0.5);
        let (square, points) = cut(face, mirrored, &jitter, &Outside::draw(other, &mut rng))?;
        Sample { square, points: Some(points) }
    };
    weather(&mut sample.square, &mut rng);
    Ok(sample)
}

/// The square and the points in it, moved by `jitter` from where the alignment puts the face.
pub fn cut(
    face: &LabelledFace,
    mirrored: bool,
    jitter: &Similarity,
    outside: &Outside,
) -> Result<(Vec<f32>, Landmarks), FitError> {
    let width = face.width as i32;
    let landmarks = if mirrored { face.landmarks.mirrored(width as f32) } else { face.landmarks };
    let to_square = net_alignment(&landmarks.five())?.then(jitter);
    let to_picture = to_square.inverse().ok_or(FitError::Degenerate)?;
    let mut square = vec![0.0; SIDE * SIDE];
    let column = |x: i32| if mirrored { width - 1 - x } else { x };
    cut_grey(|x, y| outside.grey_at(face, column(x), y), &to_picture, &mut square);
    Ok((square, landmarks.map(&to_square)))
}

/// What stands around the picture: FairFace's pictures end close to the face, a camera's do not.
#[derive(Clone, Copy, Debug)]
pub enum Outside<'a> {
    Border,
    Reflection,
    Flat(u8),
    /// Another picture, moved by some pixels.
    Other(&'a LabelledFace, i32, i32),
}

impl<'a> Outside<'a> {
    fn draw(other: &'a LabelledFace, rng: &mut impl Rng) -> Self {
        match rng.random_range(0..5) {
            0 => Self::Border,
            1 => Self::Reflection,
            2 => Self::Flat(rng.random()),
            _ => Self::Other(other, rng.random_range(0..112), rng.random_range(0..112)),
        }
    }

    fn grey_at(&self, face: &LabelledFace, x: i32, y: i32) -> f32 {
        let (width, height) = (face.width as i32, face.height as i32);
        if (0..width).contains(&x) && (0..height).contains(&y) {
            return pixel(face, x, y);
        }
        match *self {
            Self::Border => pixel(face, x.clamp(0, width - 1), y.clamp(0, height - 1)),
            Self::Reflection => pixel(face, reflect(x, width), reflect(y, height)),
            Self::Flat(grey) => f32::from(grey),
            Self::Other(other, right, down) => {
                let at = (reflect(x + right, other.width as i32), reflect(y + down, other.height as i32));
                pixel(other, at.0, at.1)
            }
        }
    }
}

fn pixel(face: &LabelledFace, x: i32, y: i32) -> f32 {
    f32::from(face.grey[y as usize * face.width + x as usize])
}

fn reflect(x: i32, size: i32) -> i32 {
    let x = x.rem_euclid(2 * size);
    x.min(2 * size - 1 - x)
}

/// A face far from its place, a piece of a picture, or no picture at all.
fn negative(face: &LabelledFace, other: &LabelledFace, rng: &mut impl Rng) -> Result<Sample, FitError> {
    let outside = Outside::draw(other, rng);
    let turn = rng.random_range(-0.5..0.5);
    let square = match rng.random_range(0..10) {
        0..3 => {
            let (direction, length) = (rng.random_range(-3.2f32..3.2), rng.random_range(0.35..0.8));
            let shift = Point::new(length * direction.cos(), length * direction.sin());
            cut(face, false, &moved(turn, rng.random_range(0.7..1.5), shift), &outside)?.0
        }
        3 => {
            cut(
                face,
                false,
                &moved(rng.random_range(1.3..5.0), rng.random_range(0.8..1.25), Point::default()),
                &outside,
            )?
            .0
        }
        4 => cut(face, false, &moved(turn, rng.random_range(0.2..0.5), Point::default()), &outside)?.0,
        5 | 6 => {
            let mut within = || rng.random_range(-0.5..0.5);
            let shift = Point::new(within(), within());
            cut(face, false, &moved(turn, rng.random_range(2.0..5.0), shift), &outside)?.0
        }
        7 | 8 => corner(face, rng),
        _ => pattern(rng),
    };
    Ok(Sample { square, points: None })
}

/// A corner of the picture: hair, shoulders and whatever stood behind.
fn corner(face: &LabelledFace, rng: &mut impl Rng) -> Vec<f32> {
    let (width, height) = (face.width as f32, face.height as f32);
    let size = rng.random_range(0.12..0.3) * width;
    let x = if rng.random() { 0.0 } else { width - size };
    let y = if rng.random() { 0.0 } else { height - size };
    let to_picture = Similarity { shift: Point::new(x, y), ..Similarity::scaling(size) };
    let mut square = vec![0.0; SIDE * SIDE];
    cut_grey(|x, y| Outside::Reflection.grey_at(face, x, y), &to_picture, &mut square);
    square
}

/// Coarse or fine noise on a slope of light.
fn pattern(rng: &mut impl Rng) -> Vec<f32> {
    let cells = rng.random_range(1..=20);
    let strength = rng.random_range(0.0..1.0);
    let cells_grey: Vec<f32> = (0..cells * cells).map(|_| rng.random_range(-1.0..1.0) * strength).collect();
    resize(&cells_grey, cells, SIDE)
}

/// Light, contrast, a slope of light, softness, noise and things in front, each by chance.
fn weather(square: &mut Vec<f32>, rng: &mut impl Rng) {
    if rng.random_bool(0.3) {
        let coarse = rng.random_range(28..64);
        *square = resize(&resize(square, SIDE, coarse), coarse, SIDE);
    }
    let mean = square.iter().sum::<f32>() / square.len() as f32;
    let contrast = rng.random_range(-0.9f32..0.4).exp();
    let light = rng.random_range(-0.35..0.35);
    let bend = rng.random_range(-0.4f32..0.4);
    let (across, down) = (rng.random_range(-0.5..0.5), rng.random_range(-0.5..0.5));
    let noise = if rng.random_bool(0.5) { rng.random_range(0.0..0.12) } else { 0.0 };
    for (i, value) in square.iter_mut().enumerate() {
        let (x, y) = ((i % SIDE) as f32 / SIDE as f32 - 0.5, (i / SIDE) as f32 / SIDE as f32 - 0.5);
        let bent = *value + bend * (1.0 - *value * *value);
        let lit = (bent - mean) * contrast * (1.0 + across * x + down * y) + mean + light;
        let grain = if noise > 0.0 { (rng.random::<f32>() + rng.random::<f32>() - 1.0) * 2.4 * noise } else { 0.0 };
        *value = (lit + grain).clamp(-1.0, 1.0);
    }
    if rng.random_bool(0.15) {
        let (left, top) = (rng.random_range(0..SIDE), rng.random_range(0..SIDE));
        let (right, bottom) = (left + rng.random_range(5..SIDE / 3), top + rng.random_range(5..SIDE / 3));
        let grey = rng.random_range(-1.0..1.0);
        for y in top..bottom.min(SIDE) {
            square[y * SIDE + left..y * SIDE + right.min(SIDE)].fill(grey);
        }
    }
}

/// Bilinear, between squares of `from` and `to` pixels.
fn resize(square: &[f32], from: usize, to: usize) -> Vec<f32> {
    let place = |i: usize| {
        let at = ((i as f32 + 0.5) * from as f32 / to as f32 - 0.5).clamp(0.0, (from - 1) as f32);
        (at as usize, (at as usize + 1).min(from - 1), at.fract())
    };
    let places: Vec<_> = (0..to).map(place).collect();
    let mut resized = Vec::with_capacity(to * to);
    for &(top, bottom, fy) in &places {
        for &(left, right, fx) in &places {
            let row = |y: usize| square[y * from + left] * (1.0 - fx) + square[y * from + right] * fx;
            resized.push(row(top) * (1.0 - fy) + row(bottom) * fy);
        }
    }
    resized
}

/// `x0, y0, x1, y1, …` as the net gives them.
pub fn flat(landmarks: &Landmarks) -> [f32; 2 * COUNT] {
    std::array::from_fn(|i| if i % 2 == 0 { landmarks.0[i / 2].x } else { landmarks.0[i / 2].y })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::landmarks::dataset::tests::synthetic_face;

    #[test]
    fn a_seed_decides_everything() {
        let faces: Vec<_> = (0..5).map(synthetic_face).collect();
        for seed in 0..20 {
            assert_eq!(draw(&faces, seed).unwrap().square, draw(&faces, seed).unwrap().square);
        }
        assert_ne!(draw(&faces, 1).unwrap().square, draw(&faces, 2).unwrap().square);
    }

    #[test]
    fn samples_are_in_range_and_about_a_fifth_shows_no_face() {
        let faces: Vec<_> = (0..5).map(synthetic_face).collect();
        let samples: Vec<_> = (0..400).map(|seed| draw(&faces, seed).unwrap()).collect();
        assert!(samples.iter().flat_map(|s| &s.square).all(|v| (-1.0..=1.0).contains(v)));
        assert!((40..130).contains(&samples.iter().filter(|s| s.points.is_none()).count()));
    }

    #[test]
    fn the_points_move_with_the_picture() {
        let mut face = synthetic_face(1);
        face.grey.fill(0);
        let eye = face.landmarks.five().left_eye;
        let (x, y) = (eye.x as usize, eye.y as usize);
        for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            face.grey[(y + dy - 1) * 112 + x + dx - 1] = 255;
        }
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for i in 0..20 {
            let jitter = Jitter::WIDE.draw(&mut rng);
            let (square, points) = cut(&face, i % 2 == 1, &jitter, &Outside::Flat(0)).unwrap();
            let weight: f32 = square.iter().map(|v| v + 1.0).sum();
            let centre = square.iter().enumerate().fold(Point::default(), |sum, (k, v)| {
                sum + Point::new((k % SIDE) as f32 + 0.5, (k / SIDE) as f32 + 0.5) * ((v + 1.0) / weight)
            });
            // In a mirror the left eye is the right one.
            let eye = if i % 2 == 1 { points.five().right_eye } else { points.five().left_eye };
            assert!(centre.distance(eye * SIDE as f32) < 1.5, "{centre:?} {:?}", eye * SIDE as f32);
        }
    }
}
