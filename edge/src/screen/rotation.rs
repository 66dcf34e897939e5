//! How a screen hangs on the wall.

use serde::Deserialize;

/// How far the picture is turned clockwise before it is shown, so that it stands upright on a screen that was turned
/// counter-clockwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u32")]
pub enum Rotation {
    #[default]
    None,
    Quarter,
    Half,
    ThreeQuarters,
}

/// An angle that no rotation has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no rotation; use 0, 90, 180 or 270")]
pub struct BadAngle(pub u32);

impl TryFrom<u32> for Rotation {
    type Error = BadAngle;

    fn try_from(degrees: u32) -> Result<Self, BadAngle> {
        match degrees {
            0 => Ok(Self::None),
            90 => Ok(Self::Quarter),
            180 => Ok(Self::Half),
            270 => Ok(Self::ThreeQuarters),
            other => Err(BadAngle(other)),
        }
    }
}

impl Rotation {
    pub const ALL: [Self; 4] = [Self::None, Self::Quarter, Self::Half, Self::ThreeQuarters];

    /// Width and height after turning.
    pub const fn turned(self, (width, height): (u32, u32)) -> (u32, u32) {
        match self {
            Self::None | Self::Half => (width, height),
            Self::Quarter | Self::ThreeQuarters => (height, width),
        }
    }

    /// Where the pixel at `(x, y)` of an upright picture of `width`×`height` goes.
    pub const fn place(self, (x, y): (u32, u32), (width, height): (u32, u32)) -> (u32, u32) {
        match self {
            Self::None => (x, y),
            Self::Quarter => (height - 1 - y, x),
            Self::Half => (width - 1 - x, height - 1 - y),
            Self::ThreeQuarters => (y, width - 1 - x),
        }
    }

    /// The rotation that undoes this one.
    pub const fn inverse(self) -> Self {
        match self {
            Self::Quarter => Self::ThreeQuarters,
            Self::ThreeQuarters => Self::Quarter,
            same => same,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::imageops;

    #[test]
    fn pixels_go_where_imageops_puts_them() {
        let upright = image::RgbImage::from_fn(5, 3, |x, y| image::Rgb([x as u8, y as u8, 0]));
        for rotation in Rotation::ALL {
            let expected = match rotation {
                Rotation::None => upright.clone(),
                Rotation::Quarter => imageops::rotate90(&upright),
                Rotation::Half => imageops::rotate180(&upright),
                Rotation::ThreeQuarters => imageops::rotate270(&upright),
            };
            assert_eq!(rotation.turned((5, 3)), expected.dimensions());
            for (x, y, pixel) in upright.enumerate_pixels() {
                let (u, v) = rotation.place((x, y), (5, 3));
                assert_eq!(expected.get_pixel(u, v), pixel);
                assert_eq!(rotation.inverse().place((u, v), rotation.turned((5, 3))), (x, y));
            }
        }
        assert_eq!(Rotation::try_from(45), Err(BadAngle(45)));
    }
}
