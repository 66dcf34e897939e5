//! The demo visitors inside this program: composites of many aligned faces, which belong to nobody.

use crate::photo::{self, PhotoError};
use image::RgbImage;

/// A picture that may be shown.
#[derive(Clone, Copy, Debug)]
pub struct Visitor {
    pub name: &'static str,
    /// JPEG or PNG.
    pub bytes: &'static [u8],
}

/// All pictures of the folder `demo`, in the order of their names.
pub const VISITORS: &[Visitor] = include!(concat!(env!("OUT_DIR"), "/visitors.rs"));

impl Visitor {
    pub fn read(&self) -> Result<RgbImage, PhotoError> {
        photo::read_bytes(self.bytes, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_visitor_can_be_read() {
        for visitor in VISITORS {
            let picture = visitor.read().unwrap();
            assert!(picture.width() >= 256 && picture.height() >= 256, "{}", visitor.name);
        }
    }
}
