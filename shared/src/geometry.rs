//! Points and similarity transforms of the plane. Units are pixels, or crop sizes where a doc comment says so;
//! x to the right, y down, pixel centres at half-integers (the left edge of a picture is x = 0).

use core::ops::{Add, Mul, Sub};

/// A place in a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Point {
    pub x: f32,
    pub y: f32,
}

impl Point {
    pub const fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }

    pub fn distance(self, other: Self) -> f32 {
        libm::hypotf(self.x - other.x, self.y - other.y)
    }

    /// Mean of a set of points; the origin for an empty one.
    pub fn mean(points: &[Self]) -> Self {
        let sum = points.iter().fold(Self::default(), |sum, &p| sum + p);
        sum * (1.0 / points.len().max(1) as f32)
    }

    pub fn is_finite(self) -> bool {
        self.x.is_finite() && self.y.is_finite()
    }
}

impl Add for Point {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::new(self.x + other.x, self.y + other.y)
    }
}

impl Sub for Point {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self::new(self.x - other.x, self.y - other.y)
    }
}

impl Mul<f32> for Point {
    type Output = Self;
    fn mul(self, factor: f32) -> Self {
        Self::new(self.x * factor, self.y * factor)
    }
}

/// Rotation, scale and shift: `(x, y) → (a·x − b·y + shift.x, b·x + a·y + shift.y)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Similarity {
    pub a: f32,
    pub b: f32,
    pub shift: Point,
}

/// Points that no similarity can be found from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FitError {
    #[error("{from} points cannot be fitted to {to}")]
    Counts { from: usize, to: usize },
    #[error("the points lie on one spot or are not finite")]
    Degenerate,
}

impl Similarity {
    pub const IDENTITY: Self = Self { a: 1.0, b: 0.0, shift: Point::new(0.0, 0.0) };

    /// Scaling about the origin.
    pub const fn scaling(factor: f32) -> Self {
        Self { a: factor, b: 0.0, shift: Point::new(0.0, 0.0) }
    }

    /// Turn by `radians` (clockwise on screen) and scale about `centre`.
    pub fn about(centre: Point, radians: f32, scale: f32) -> Self {
        let turned = Self { a: scale * libm::cosf(radians), b: scale * libm::sinf(radians), shift: Point::default() };
        Self { shift: centre - turned.apply(centre), ..turned }
    }

    /// Least-squares similarity that takes `from` to `to` (Umeyama 1991, in closed form for the plane).
    pub fn fit(from: &[Point], to: &[Point]) -> Result<Self, FitError> {
        if from.len() != to.len() {
            return Err(FitError::Counts { from: from.len(), to: to.len() });
        }
        let (from_mean, to_mean) = (Point::mean(from), Point::mean(to));
        let (mut a, mut b, mut spread) = (0.0, 0.0, 0.0);
        for (&p, &q) in from.iter().zip(to) {
            let (p, q) = (p - from_mean, q - to_mean);
            a += p.x * q.x + p.y * q.y;
            b += p.x * q.y - p.y * q.x;
            spread += p.x * p.x + p.y * p.y;
        }
        let turned = Self { a: a / spread, b: b / spread, shift: Point::default() };
        let fitted = Self { shift: to_mean - turned.apply(from_mean), ..turned };
        let usable = fitted.shift.is_finite() && fitted.scale().is_normal();
        if usable { Ok(fitted) } else { Err(FitError::Degenerate) }
    }

    pub fn apply(&self, p: Point) -> Point {
        Point::new(self.a * p.x - self.b * p.y + self.shift.x, self.b * p.x + self.a * p.y + self.shift.y)
    }

    /// First `self`, then `next`.
    pub fn then(&self, next: &Self) -> Self {
        Self {
            a: self.a * next.a - self.b * next.b,
            b: self.a * next.b + self.b * next.a,
            shift: next.apply(self.shift),
        }
    }

    /// The way back; `None` for a transform that shrinks everything to a spot.
    pub fn inverse(&self) -> Option<Self> {
        let square = self.a * self.a + self.b * self.b;
        if !square.is_normal() {
            return None;
        }
        let back = Self { a: self.a / square, b: -self.b / square, shift: Point::default() };
        Some(Self { shift: back.apply(self.shift) * -1.0, ..back })
    }

    /// How much longer a distance becomes.
    pub fn scale(&self) -> f32 {
        libm::hypotf(self.a, self.b)
    }

    /// Rotation in radians, clockwise on screen.
    pub fn angle(&self) -> f32 {
        libm::atan2f(self.b, self.a)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        fn similarity()(radians in -3.1f32..3.1, scale in 0.05f32..20.0, x in -500.0f32..500.0, y in -500.0f32..500.0) -> Similarity {
            Similarity { shift: Point::new(x, y), ..Similarity::about(Point::default(), radians, scale) }
        }
    }

    prop_compose! {
        fn point()(x in -500.0f32..500.0, y in -500.0f32..500.0) -> Point { Point::new(x, y) }
    }

    proptest! {
        #[test]
        fn the_inverse_leads_back(s in similarity(), p in point()) {
            let back = s.inverse().unwrap().apply(s.apply(p));
            prop_assert!(back.distance(p) < 0.05, "{back:?} {p:?}");
        }

        #[test]
        fn a_known_transform_is_found_again(s in similarity()) {
            let from = [Point::new(0.0, 0.0), Point::new(80.0, 3.0), Point::new(41.0, 60.0), Point::new(9.0, 90.0), Point::new(70.0, 92.0)];
            let found = Similarity::fit(&from, &from.map(|p| s.apply(p))).unwrap();
            for p in from {
                prop_assert!(found.apply(p).distance(s.apply(p)) < 0.05);
            }
        }

        #[test]
        fn chaining_is_applying_in_turn(s in similarity(), t in similarity(), p in point()) {
            let (chained, in_turn) = (s.then(&t).apply(p), t.apply(s.apply(p)));
            prop_assert!(chained.distance(in_turn) < 0.5);
        }
    }

    #[test]
    fn points_on_one_spot_fit_nothing() {
        let spot = [Point::new(3.0, 3.0); 5];
        assert_eq!(Similarity::fit(&spot, &spot), Err(FitError::Degenerate));
        let broken = [Point::new(f32::NAN, 0.0), Point::new(1.0, 1.0)];
        assert_eq!(Similarity::fit(&broken, &broken), Err(FitError::Degenerate));
        assert_eq!(Similarity::fit(&spot, &broken), Err(FitError::Counts { from: 5, to: 2 }));
    }

    #[test]
    fn nothing_leads_back_from_a_spot() {
        assert_eq!(Similarity::scaling(0.0).inverse(), None);
    }
}
