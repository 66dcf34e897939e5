//! Pixels to tensor values and back: the one normalisation of the project, `v / 127.5 − 1`, in −1..1.
//!
//! Pictures are interleaved RGB bytes (`[H, W, 3]`), tensors planar RGB floats (`[3, H, W]`).

/// Byte 0..255 to −1..1.
pub const fn to_value(byte: u8) -> f32 {
    byte as f32 / 127.5 - 1.0
}

/// −1..1 to byte, rounded to the nearest; values outside are clamped, NaN becomes 0.
pub fn to_byte(value: f32) -> u8 {
    libm::roundf((value + 1.0) * 127.5) as u8
}

/// Buffers whose sizes do not belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{bytes} bytes of RGB and {values} tensor values do not hold the same picture")]
pub struct SizeMismatch {
    pub bytes: usize,
    pub values: usize,
}

/// Interleaved RGB bytes to planar values.
pub fn to_planar(rgb: &[u8], planar: &mut [f32]) -> Result<(), SizeMismatch> {
    let plane = plane_of(rgb.len(), planar.len())?;
    for (i, pixel) in rgb.chunks_exact(3).enumerate() {
        for channel in 0..3 {
            planar[channel * plane + i] = to_value(pixel[channel]);
        }
    }
    Ok(())
}

/// Planar values to interleaved RGB bytes.
pub fn to_interleaved(planar: &[f32], rgb: &mut [u8]) -> Result<(), SizeMismatch> {
    let plane = plane_of(rgb.len(), planar.len())?;
    for (i, pixel) in rgb.chunks_exact_mut(3).enumerate() {
        for channel in 0..3 {
            pixel[channel] = to_byte(planar[channel * plane + i]);
        }
    }
    Ok(())
}

fn plane_of(bytes: usize, values: usize) -> Result<usize, SizeMismatch> {
    if bytes == values && bytes.is_multiple_of(3) { Ok(bytes / 3) } else { Err(SizeMismatch { bytes, values }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_byte_survives_the_round_trip() {
        for byte in 0..=255 {
            assert_eq!(to_byte(to_value(byte)), byte);
            assert!((-1.0..=1.0).contains(&to_value(byte)));
        }
    }

    #[test]
    fn values_out_of_range_are_clamped() {
        assert_eq!(to_byte(-9.0), 0);
        assert_eq!(to_byte(9.0), 255);
        assert_eq!(to_byte(f32::NAN), 0);
    }

    #[test]
    fn sizes_must_belong_together() {
        assert!(to_planar(&[0; 6], &mut [0.0; 3]).is_err());
        assert!(to_interleaved(&[0.0; 4], &mut [0; 4]).is_err());
    }

    proptest! {
        #[test]
        fn pictures_survive_the_round_trip(mut rgb in proptest::collection::vec(any::<u8>(), 0..96)) {
            rgb.truncate(rgb.len() / 3 * 3);
            let mut planar = vec![0.0; rgb.len()];
            let mut back = vec![0; rgb.len()];
            to_planar(&rgb, &mut planar).unwrap();
            to_interleaved(&planar, &mut back).unwrap();
            prop_assert_eq!(rgb, back);
        }
    }
}
