//! The strip as a QR code: the portraits come in; a code that holds the picture itself goes out, for the scene to draw.
//!
//! There is no server behind the code and no address in it. Its text is a `data:` URL (RFC 2397) with a small JPEG: the
//! portraits side by side and the words that say what they are. That is all that fits: a code of version 40 at level L holds
//! 2,953 bytes, which are 2,197 bytes of JPEG.
//!
//! How it is opened: a phone's camera app reads the code and shows its text. Pasted into the address bar of a browser
//! (Chrome, Firefox and Safari follow a `data:` URL that was typed or pasted there), the text is the picture, and can be
//! saved. Some scanner apps open it by themselves; some camera apps refuse a text that is no web address, or cut it. So this
//! is a way for the curious, not for everybody, and the portraits are postage stamps: a museum that wants more prints.

use crate::canvas::Canvas;
use crate::synthetic;
use crate::view::Code;
use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::ascii::FONT_5X8;
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyleBuilder};
use image::RgbImage;
use image::imageops::{self, FilterType};
use jpeg_encoder::{ColorType, Encoder, QuantizationTableType, SamplingFactor};
use qrcode::bits::Bits;
use qrcode::{Color, EcLevel, QrCode, Version};
use shared::Decade;

/// Why there is no code.
#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    #[error("there is no portrait to take home")]
    Nothing,
    #[error("a code of {room} pixels is too small for the strip; give it more of the screen")]
    Room { room: u32 },
    #[error("the strip cannot be encoded ({0})")]
    Jpeg(#[from] jpeg_encoder::EncodingError),
    #[error("the code cannot be drawn ({0:?})")]
    Code(qrcode::types::QrError),
}

impl From<qrcode::types::QrError> for CodeError {
    fn from(error: qrcode::types::QrError) -> Self {
        Self::Code(error)
    }
}

const PREFIX: &str = "data:image/jpeg;base64,";
/// Pixels of the screen a module, at least: what a phone resolves at arm's length.
const MODULE: u32 = 4;
/// Modules of white around a code, in all four directions (ISO/IEC 18004).
const QUIET: u32 = 4;
const LARGEST_VERSION: i16 = 40;
const COLUMNS: u32 = 3;
/// Widths of a portrait to try, in pixels, and the JPEG quality at which the larger one is worth it: below, blocks show.
const WIDTHS: [u32; 6] = [72, 64, 56, 48, 40, 32];
const GOOD: u8 = 28;
/// What the last width is content with.
const POOR: u8 = 10;
const WORDS: &str = "AI: one possible future";
const WORDS_WIDTH: u32 = 5 * WORDS.len() as u32;
const WORDS_HEIGHT: u32 = 10;
const GROUND: Rgb888 = Rgb888::new(16, 16, 18);
const INK: Rgb888 = Rgb888::new(245, 245, 240);

/// Encodes the portraits, which are of one size, for a code that is drawn in `room` pixels of the screen, its white border
/// included. A decade that is `None` is left out.
pub fn encode(portraits: &[Option<RgbImage>; Decade::ALL.len()], room: u32) -> Result<Code, CodeError> {
    let portraits: Vec<&RgbImage> = portraits.iter().flatten().collect();
    if portraits.is_empty() {
        return Err(CodeError::Nothing);
    }
    let version = largest_version(room).ok_or(CodeError::Room { room })?;
    let capacity = capacity(version)?.saturating_sub(PREFIX.len()) / 4 * 3;
    let jpeg = fitting(&portraits, capacity)?.ok_or(CodeError::Room { room })?;
    let mut bits = Bits::new(version);
    bits.push_byte_data(format!("{PREFIX}{}", base64(&jpeg)).as_bytes())?;
    bits.push_terminator(EcLevel::L)?;
    let code = QrCode::with_bits(bits, EcLevel::L)?;
    let side = code.width();
    Ok(Code { side, dark: code.into_colors().into_iter().map(|colour| colour == Color::Dark).collect() })
}

/// The largest code whose modules are large enough.
fn largest_version(room: u32) -> Option<Version> {
    let modules = i16::try_from(room / MODULE).unwrap_or(i16::MAX) - 2 * QUIET as i16;
    (modules >= 21).then(|| Version::Normal(((modules - 17) / 4).min(LARGEST_VERSION)))
}

/// Bytes that a code holds.
fn capacity(version: Version) -> Result<usize, CodeError> {
    let bits = Bits::new(version).max_len(EcLevel::L)?;
    Ok((bits - 4 - qrcode::types::Mode::Byte.length_bits_count(version)) / 8)
}

/// The best JPEG of at most `capacity` bytes; `None` where none is worth it.
fn fitting(portraits: &[&RgbImage], capacity: usize) -> Result<Option<Vec<u8>>, CodeError> {
    for width in WIDTHS {
        let sheet = sheet(portraits, width);
        let least = if WIDTHS.ends_with(&[width]) { POOR } else { GOOD };
        let mut best = None;
        let (mut low, mut high) = (least, 95);
        while low <= high {
            let quality = low.midpoint(high);
            let bytes = jpeg(&sheet, quality)?;
            if bytes.len() <= capacity {
                (best, low) = (Some(bytes), quality + 1);
            } else {
                high = quality - 1;
            }
        }
        if best.is_some() {
            return Ok(best);
        }
    }
    Ok(None)
}

/// The portraits in rows of three, and under them the words.
fn sheet(portraits: &[&RgbImage], width: u32) -> RgbImage {
    let (across, down) = portraits.first().map_or((1, 1), |portrait| portrait.dimensions());
    let height = (width * down / across.max(1)).clamp(1, 2 * width);
    let columns = COLUMNS.min(portraits.len() as u32);
    let rows = (portraits.len() as u32).div_ceil(COLUMNS);
    let size = Size::new((columns * width).max(WORDS_WIDTH), rows * height + WORDS_HEIGHT);
    let mut sheet = Canvas::new(size);
    let Ok(()) = sheet.clear(GROUND);
    let left = (size.width - columns * width) / 2;
    for (i, portrait) in portraits.iter().enumerate() {
        let (column, row) = (i as u32 % COLUMNS, i as u32 / COLUMNS);
        let small = imageops::resize(*portrait, width, height, FilterType::CatmullRom);
        for (y, pixels) in small.chunks_exact(3 * width as usize).enumerate() {
            sheet.put_row(left + column * width, row * height + y as u32, pixels);
        }
    }
    let below = Point::new(size.width as i32 / 2, (rows * height) as i32 + 1);
    let style = TextStyleBuilder::new().alignment(Alignment::Center).baseline(Baseline::Top).build();
    let words = Text::with_text_style(WORDS, below, MonoTextStyle::new(&FONT_5X8, INK), style);
    let Ok(_) = words.draw(&mut sheet);
    sheet.into_picture()
}

/// Two scans a component and the file's own Huffman tables. The encoder's other way to use its own tables, one scan a
/// component, is smaller by 30 bytes, but some decoders take it for another picture.
fn jpeg(sheet: &RgbImage, quality: u8) -> Result<Vec<u8>, CodeError> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.set_optimized_huffman_tables(true);
    encoder.set_progressive_scans(2);
    encoder.set_quantization_tables(QuantizationTableType::CustomMsSsim, QuantizationTableType::CustomMsSsim);
    encoder.add_app_segment(1, synthetic::jpeg_xmp())?;
    encoder.encode(sheet, sheet.width() as u16, sheet.height() as u16, ColorType::Rgb)?;
    Ok(bytes)
}

/// RFC 4648, section 4, with padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let number = (0..3).fold(0u32, |number, i| number << 8 | u32::from(group.get(i).copied().unwrap_or(0)));
        for i in 0..4 {
            let letter = LETTERS[(number >> (18 - 6 * i) & 63) as usize];
            text.push(if i <= group.len() { letter.into() } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a phone sees: the code drawn with its border, `scale` pixels a module.
    fn scan(code: &Code, scale: usize) -> String {
        let side = (code.side + 2 * QUIET as usize) * scale;
        let mut picture = rqrr::PreparedImage::prepare_from_greyscale(side, side, |x, y| {
            let (x, y) = ((x / scale).wrapping_sub(QUIET as usize), (y / scale).wrapping_sub(QUIET as usize));
            if x < code.side && y < code.side && code.dark[y * code.side + x] { 0 } else { 255 }
        });
        let grids = picture.detect_grids();
        assert_eq!(grids.len(), 1);
        grids[0].decode().unwrap().1
    }

    fn decode_base64(text: &str) -> Vec<u8> {
        let value = |letter: u8| match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            other => panic!("{other}"),
        };
        let bits: Vec<bool> = text
            .trim_end_matches('=')
            .bytes()
            .flat_map(|letter| (0..6).rev().map(move |i| value(letter) >> i & 1 == 1))
            .collect();
        bits.chunks_exact(8).map(|bits| bits.iter().fold(0, |byte, &bit| byte << 1 | u8::from(bit))).collect()
    }

    fn visitors() -> [Option<RgbImage>; 6] {
        let portrait = |i: usize| {
            let visitor = crate::demo::VISITORS[i % crate::demo::VISITORS.len()].read().unwrap();
            imageops::resize(&visitor, 384, 480, FilterType::Triangle)
        };
        std::array::from_fn(|i| Some(portrait(i)))
    }

    #[test]
    fn a_phone_reads_the_picture_out_of_the_code() {
        let portraits = visitors();
        let code = encode(&portraits, 1000).unwrap();
        assert_eq!(code.side, 177);
        let text = scan(&code, 4);
        let bytes = decode_base64(text.strip_prefix(PREFIX).unwrap());
        let note = "compositeWithTrainedAlgorithmicMedia";
        assert!(bytes.windows(note.len()).any(|window| window == note.as_bytes()));
        let picture = crate::photo::read_bytes(&bytes, "code").unwrap();
        let (width, height) = (picture.width() / 3, (picture.height() - WORDS_HEIGHT) / 2);
        assert!(width >= 48, "{width}");
        for (i, portrait) in portraits.iter().flatten().enumerate() {
            let (x, y) = (i as u32 % 3 * width, i as u32 / 3 * height);
            let seen = imageops::crop_imm(&picture, x, y, width, height).to_image();
            let meant = imageops::resize(portrait, width, height, FilterType::Triangle);
            let sum: u32 = seen.iter().zip(meant.iter()).map(|(&a, &b)| u32::from(a.abs_diff(b))).sum();
            let mean = f64::from(sum) / seen.len() as f64;
            assert!(mean < 9.0, "portrait {i} is off by {mean} of 255");
        }
        let words = imageops::crop_imm(&picture, 0, 2 * height, picture.width(), WORDS_HEIGHT).to_image();
        assert!(words.pixels().filter(|pixel| pixel.0[1] > 150).count() > 100);
    }

    #[test]
    fn less_room_means_a_smaller_code_and_then_none() {
        let portraits = visitors();
        let side = |room| encode(&portraits, room).map(|code| code.side);
        assert_eq!(side(5000).unwrap(), 177);
        let smaller = side(620).unwrap();
        assert!(smaller < 177 && (smaller as u32 + 2 * QUIET) * MODULE <= 620);
        for room in [0, 50, 200] {
            assert!(matches!(side(room), Err(CodeError::Room { .. })), "{room}");
        }
    }

    #[test]
    fn a_childs_three_decades_fit_in_one_row() {
        let mut portraits = visitors();
        portraits[3..].fill(None);
        let text = scan(&encode(&portraits, 760).unwrap(), 4);
        let picture = crate::photo::read_bytes(&decode_base64(text.strip_prefix(PREFIX).unwrap()), "code").unwrap();
        assert!(picture.width() > 2 * (picture.height() - WORDS_HEIGHT));
        assert!(matches!(encode(&Default::default(), 1000), Err(CodeError::Nothing)));
    }

    #[test]
    fn base64_is_the_standards() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decode_base64(&base64(&all)), all);
    }
}
