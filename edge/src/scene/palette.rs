//! The colours of everything that is drawn around a face.

use embedded_graphics::pixelcolor::Rgb888;

/// What type and pictures stand on.
pub const GROUND: Rgb888 = Rgb888::new(16, 16, 18);
/// Buttons.
pub const PLATE: Rgb888 = Rgb888::new(38, 38, 42);
/// Outlines and ticks: three times as bright as the ground at least, as WCAG 1.4.11 asks of controls.
pub const LINE: Rgb888 = Rgb888::new(120, 120, 122);
pub const INK: Rgb888 = Rgb888::new(245, 245, 240);
pub const FAINT: Rgb888 = Rgb888::new(185, 185, 180);
/// What stands out. It never means anything by itself.
pub const LIT: Rgb888 = Rgb888::new(232, 163, 61);

/// Matplotlib's perceptual map `inferno` (Smith and van der Walt, 2015, CC0) at eighths.
const INFERNO: [[u8; 3]; 9] = [
    [0, 0, 4],
    [31, 12, 72],
    [85, 15, 109],
    [136, 34, 106],
    [186, 54, 85],
    [227, 89, 51],
    [249, 140, 10],
    [249, 201, 50],
    [252, 255, 164],
];

/// A colour for a level of 0 (dark) to 255 (bright): equal steps look equally far apart, without colour too.
pub fn heat(level: u8) -> [u8; 3] {
    let (below, share) = (usize::from(level) / 32, u32::from(level) % 32);
    let (from, to) = (INFERNO[below], INFERNO[below + 1]);
    std::array::from_fn(|i| ((u32::from(from[i]) * (32 - share) + u32::from(to[i]) * share + 16) / 32) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::luminance;

    #[test]
    fn type_has_contrast_of_at_least_four_and_a_half_and_controls_of_three() {
        let contrast = |a: Rgb888, b: Rgb888| (luminance(a) + 0.05) / (luminance(b) + 0.05);
        for ink in [INK, FAINT, LIT] {
            assert!(contrast(ink, GROUND) > 4.5 && contrast(ink, PLATE) > 4.5);
        }
        assert!(contrast(LINE, GROUND) > 3.0);
    }

    #[test]
    fn hotter_is_brighter() {
        let lights: Vec<f32> =
            (0..=255).map(|level| heat(level)).map(|[r, g, b]| luminance(Rgb888::new(r, g, b))).collect();
        assert!(lights.windows(2).all(|pair| pair[0] <= pair[1]));
    }
}
