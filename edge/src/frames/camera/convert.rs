//! From a camera's bytes to RGB, mirrored and turned. Next: whoever looks for faces in it.

use super::Format;
use crate::screen::Rotation;
use crate::turning::turn;
use image::RgbImage;
use yuv::{YuvBiPlanarImage, YuvConversionMode, YuvError, YuvPackedImage, YuvRange, YuvStandardMatrix};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// How the bytes of a frame lie, as agreed with the camera.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layout {
    pub format: Format,
    pub width: u32,
    pub height: u32,
    /// Bytes a row of the first plane, at least; 0 for MJPG.
    pub stride: u32,
    /// Brightness uses all of 0..=255, not 16..=235.
    pub full_range: bool,
    /// Colours are BT.709's, not BT.601's.
    pub bt709: bool,
}

/// What is wrong with a frame. The next one may be whole.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    #[error("{found} bytes, expected {expected}")]
    Short { found: usize, expected: usize },
    #[error("a JPEG picture without its end")]
    Torn,
    #[error("a JPEG picture of {found:?} pixels, expected {expected:?}")]
    Size { found: (usize, usize), expected: (usize, usize) },
    #[error("a picture that the camera itself calls broken")]
    Marked,
    #[error("no JPEG picture ({0})")]
    Jpeg(#[from] zune_jpeg::errors::DecodeErrors),
    #[error("no picture ({0})")]
    Yuv(#[from] YuvError),
}

/// Converts frames one after another.
#[derive(Debug, Default)]
pub struct Converter {
    mirror: bool,
    rotation: Rotation,
    upright: RgbImage,
}

impl Converter {
    pub fn new(mirror: bool, rotation: Rotation) -> Self {
        Self { mirror, rotation, upright: RgbImage::default() }
    }

    /// Width and height of the pictures that come out.
    pub const fn size(&self, layout: &Layout) -> (u32, u32) {
        self.rotation.turned((layout.width, layout.height))
    }

    /// Fills `picture`, which has [`Self::size`].
    pub fn convert(&mut self, bytes: &[u8], layout: &Layout, picture: &mut RgbImage) -> Result<(), ConvertError> {
        if !self.mirror && self.rotation == Rotation::None {
            return decode(bytes, layout, picture);
        }
        if self.upright.dimensions() != (layout.width, layout.height) {
            self.upright = RgbImage::new(layout.width, layout.height);
        }
        decode(bytes, layout, &mut self.upright)?;
        let pitch = picture.width() as usize * 3;
        turn(&self.upright, self.mirror, self.rotation, picture, pitch, |rgb| rgb);
        Ok(())
    }
}

fn decode(bytes: &[u8], layout: &Layout, picture: &mut RgbImage) -> Result<(), ConvertError> {
    let range = if layout.full_range { YuvRange::Full } else { YuvRange::Limited };
    let matrix = if layout.bt709 { YuvStandardMatrix::Bt709 } else { YuvStandardMatrix::Bt601 };
    let (width, height) = (layout.width, layout.height);
    let pitch = width * 3;
    match layout.format {
        Format::Yuyv => {
            let yuy_stride = layout.stride.max(width.next_multiple_of(2) * 2);
            let yuy = first(bytes, yuy_stride as usize * height as usize)?;
            let image = YuvPackedImage { yuy, yuy_stride, width, height };
            yuv::yuyv422_to_rgb(&image, picture, pitch, range, matrix)?;
        }
        Format::Nv12 => {
            let stride = layout.stride.max(width.next_multiple_of(2));
            let (luma, rows) = (stride as usize * height as usize, height.div_ceil(2) as usize);
            let (y_plane, uv_plane) = first(bytes, luma + stride as usize * rows)?.split_at(luma);
            let image = YuvBiPlanarImage { y_plane, y_stride: stride, uv_plane, uv_stride: stride, width, height };
            yuv::yuv_nv12_to_rgb(&image, picture, pitch, range, matrix, YuvConversionMode::Balanced)?;
        }
        Format::Mjpg => {
            // The decoder fills the rest of a torn picture with grey and says nothing.
            if !bytes.windows(2).rev().any(|pair| pair == [0xff, 0xd9]) {
                return Err(ConvertError::Torn);
            }
            let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
            let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
            decoder.decode_headers()?;
            let found = decoder.info().map_or((0, 0), |info| (usize::from(info.width), usize::from(info.height)));
            let expected = (width as usize, height as usize);
            if found != expected {
                return Err(ConvertError::Size { found, expected });
            }
            decoder.decode_into(picture)?;
        }
    }
    Ok(())
}

fn first(bytes: &[u8], expected: usize) -> Result<&[u8], ConvertError> {
    bytes.get(..expected).ok_or(ConvertError::Short { found: bytes.len(), expected })
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, imageops};
    use jpeg_encoder::{ColorType, Encoder};

    const RED: [u8; 3] = [200, 40, 30];
    const GREEN: [u8; 3] = [30, 180, 60];

    fn layout(format: Format, width: u32, height: u32, stride: u32) -> Layout {
        Layout { format, width, height, stride, full_range: false, bt709: false }
    }

    /// Left half red, right half green, with a dark stripe above.
    fn chart(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| match (x < width / 2, y < height / 4) {
            (_, true) => Rgb([20, 20, 20]),
            (true, _) => Rgb(RED),
            (false, _) => Rgb(GREEN),
        })
    }

    /// BT.601 or BT.709 from its definition: luma weights of red and blue, and the range of the coded values.
    fn yuv(Rgb(rgb): Rgb<u8>, layout: &Layout) -> [u8; 3] {
        let [r, g, b] = rgb.map(|value| f32::from(value) / 255.0);
        let (kr, kb) = if layout.bt709 { (0.2126, 0.0722) } else { (0.299, 0.114) };
        let y = kr * r + (1.0 - kr - kb) * g + kb * b;
        let (u, v) = ((b - y) / (2.0 - 2.0 * kb), (r - y) / (2.0 - 2.0 * kr));
        let (low, luma, chroma) = if layout.full_range { (0.0, 255.0, 255.0) } else { (16.0, 219.0, 224.0) };
        [low + luma * y, 128.0 + chroma * u, 128.0 + chroma * v].map(|value| value.round() as u8)
    }

    fn encoded(picture: &RgbImage, layout: &Layout) -> Vec<u8> {
        let (width, height, stride) = (layout.width, layout.height, layout.stride as usize);
        let at = |x: u32, y: u32| yuv(*picture.get_pixel(x.min(width - 1), y.min(height - 1)), layout);
        match layout.format {
            Format::Yuyv => {
                let mut bytes = vec![0xaa; stride * height as usize];
                for (y, row) in bytes.chunks_mut(stride).enumerate() {
                    for (x, pair) in (0..width).step_by(2).zip(row.chunks_mut(4)) {
                        let (left, right) = (at(x, y as u32), at(x + 1, y as u32));
                        pair.copy_from_slice(&[left[0], left[1], right[0], left[2]]);
                    }
                }
                bytes
            }
            Format::Nv12 => {
                let mut bytes = vec![0xaa; stride * (height + height.div_ceil(2)) as usize];
                let (luma, chroma) = bytes.split_at_mut(stride * height as usize);
                for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
                    luma[y as usize * stride + x as usize] = at(x, y)[0];
                    let pair = (y / 2) as usize * stride + (x / 2 * 2) as usize;
                    chroma[pair..pair + 2].copy_from_slice(&at(x / 2 * 2, y / 2 * 2)[1..]);
                }
                bytes
            }
            Format::Mjpg => {
                let mut bytes = Vec::new();
                let encoder = Encoder::new(&mut bytes, 95);
                encoder.encode(picture, width as u16, height as u16, ColorType::Rgb).unwrap();
                bytes
            }
        }
    }

    fn far(found: &RgbImage, expected: &RgbImage) -> u8 {
        assert_eq!(found.dimensions(), expected.dimensions());
        found.iter().zip(expected.iter()).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
    }

    fn layouts() -> Vec<Layout> {
        let mut all = vec![layout(Format::Mjpg, 64, 48, 0)];
        for (format, strides) in [(Format::Yuyv, [128, 140]), (Format::Nv12, [64, 71])] {
            for (stride, full_range, bt709) in [(0, false, false), (1, true, false), (1, false, true)] {
                all.push(Layout { full_range, bt709, ..layout(format, 64, 48, strides[stride]) });
            }
        }
        all
    }

    #[test]
    fn each_format_gives_the_colours_that_the_camera_saw() {
        for layout in layouts() {
            let picture = chart(layout.width, layout.height);
            let mut found = RgbImage::new(layout.width, layout.height);
            Converter::default().convert(&encoded(&picture, &layout), &layout, &mut found).unwrap();
            let tolerance = if layout.format == Format::Mjpg { 12 } else { 4 };
            assert!(far(&found, &picture) <= tolerance, "{layout:?}: {}", far(&found, &picture));
        }
    }

    #[test]
    fn each_mirroring_and_turn_is_that_of_the_upright_picture() {
        for layout in layouts() {
            let bytes = encoded(&chart(layout.width, layout.height), &layout);
            let mut upright = RgbImage::new(layout.width, layout.height);
            Converter::default().convert(&bytes, &layout, &mut upright).unwrap();
            for (mirror, rotation) in Rotation::ALL.into_iter().flat_map(|r| [(false, r), (true, r)]) {
                let mut converter = Converter::new(mirror, rotation);
                let (width, height) = converter.size(&layout);
                let mut found = RgbImage::new(width, height);
                converter.convert(&bytes, &layout, &mut found).unwrap();
                let expected = if mirror { imageops::flip_horizontal(&upright) } else { upright.clone() };
                let expected = match rotation {
                    Rotation::None => expected,
                    Rotation::Quarter => imageops::rotate90(&expected),
                    Rotation::Half => imageops::rotate180(&expected),
                    Rotation::ThreeQuarters => imageops::rotate270(&expected),
                };
                assert_eq!(found, expected, "{layout:?} {mirror} {rotation:?}");
            }
        }
    }

    #[test]
    fn odd_sizes_are_converted_too() {
        for layout in [layout(Format::Yuyv, 63, 47, 133), layout(Format::Nv12, 63, 47, 67)] {
            let picture = chart(layout.width, layout.height);
            let mut found = RgbImage::new(layout.width, layout.height);
            Converter::default().convert(&encoded(&picture, &layout), &layout, &mut found).unwrap();
            assert_eq!(found.get_pixel(3, 40).0.map(|value| value / 16), RED.map(|value| value / 16));
        }
    }

    #[test]
    fn torn_frames_are_told_from_whole_ones() {
        let mut picture = RgbImage::new(64, 48);
        for layout in layouts() {
            let bytes = encoded(&chart(layout.width, layout.height), &layout);
            let mut convert = |bytes: &[u8]| Converter::default().convert(bytes, &layout, &mut picture);
            for length in [0, 1, 2, bytes.len() / 2, bytes.len() - 1] {
                convert(&bytes[..length]).unwrap_err();
            }
            let mut padded = bytes.clone();
            padded.extend([0; 100]);
            convert(&padded).unwrap();
        }
        let other = layout(Format::Mjpg, 60, 48, 0);
        let bytes = encoded(&chart(64, 48), &layout(Format::Mjpg, 64, 48, 0));
        let mut picture = RgbImage::new(60, 48);
        let refused = Converter::default().convert(&bytes, &other, &mut picture);
        assert!(matches!(refused, Err(ConvertError::Size { found: (64, 48), .. })));
    }
}
