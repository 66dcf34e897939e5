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
    fn every_visitor_shows_one_face() {
        let mut finder = crate::face::FaceFinder::embedded().unwrap();
        assert!(!VISITORS.is_empty());
        for visitor in VISITORS {
            assert_eq!(finder.find(&visitor.read().unwrap()).unwrap().len(), 1, "{}", visitor.name);
        }
    }
}
