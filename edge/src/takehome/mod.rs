//! interim
pub fn code(_: &[Option<image::RgbImage>; 6]) -> Option<crate::view::Code> {
    None
}
