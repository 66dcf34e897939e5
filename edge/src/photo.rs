//! Reading photographs. A path comes in; an upright RGB picture goes out, or an error that names the file, what was seen
//! and what to do. What a file is called does not matter, only what is in it.

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Seek};
use std::path::{Path, PathBuf};

/// Formats that are read.
pub const FORMATS: [ImageFormat; 4] = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp];
/// Larger pictures are refused: 100 megapixels.
pub const MAX_PIXELS: u64 = 100_000_000;
/// Longer sides are refused.
pub const MAX_SIDE: u32 = 30_000;
/// Smaller sides hold no face that could be found.
pub const MIN_SIDE: u32 = 16;
/// What a decoder may allocate: 100 megapixels with 16 bits a channel and alpha.
const MAX_BYTES: u64 = MAX_PIXELS * 8;

/// Why a photograph is not read.
#[derive(Debug, thiserror::Error)]
pub enum PhotoError {
    #[error("{}: cannot be opened ({source}); check the path and that it may be read", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("{}: not a file; give the path of a picture", path.display())]
    NotAFile { path: PathBuf },
    #[error("{}: an empty file; copy the picture again", path.display())]
    Empty { path: PathBuf },
    #[error("{}: {found}; give a JPEG, PNG, WebP or BMP", path.display())]
    Format { path: PathBuf, found: String },
    #[error(
        "{}: {width}×{height} pixels; give a picture with sides from {MIN_SIDE} to {MAX_SIDE} and at most {} megapixels",
        path.display(), MAX_PIXELS / 1_000_000
    )]
    Size { path: PathBuf, width: u32, height: u32 },
    #[error("{}: broken or cut short ({source}); copy the picture again or save it anew", path.display())]
    Broken { path: PathBuf, source: ImageError },
}

/// Reads a JPEG, PNG, WebP or BMP, turned as its EXIF orientation says. Transparent parts become white.
pub fn read(path: &Path) -> Result<RgbImage, PhotoError> {
    let open = |source| PhotoError::Open { path: path.to_owned(), source };
    // A named pipe would block for ever when opened, so look first.
    let metadata = std::fs::metadata(path).map_err(open)?;
    if !metadata.is_file() {
        return Err(PhotoError::NotAFile { path: path.to_owned() });
    }
    if metadata.len() == 0 {
        return Err(PhotoError::Empty { path: path.to_owned() });
    }
    decode(BufReader::new(File::open(path).map_err(open)?), path)
}

/// The same for a picture in memory; `name` stands in messages for the path.
pub fn read_bytes(bytes: &[u8], name: &str) -> Result<RgbImage, PhotoError> {
    if bytes.is_empty() {
        return Err(PhotoError::Empty { path: name.into() });
    }
    decode(Cursor::new(bytes), Path::new(name))
}

fn decode<R: BufRead + Seek>(source: R, path: &Path) -> Result<RgbImage, PhotoError> {
    let broken = |source| PhotoError::Broken { path: path.to_owned(), source };
    let mut reader =
        ImageReader::new(source).with_guessed_format().map_err(|error| broken(ImageError::IoError(error)))?;
    match reader.format() {
        Some(format) if FORMATS.contains(&format) => {}
        other => {
            let found =
                other.map_or("not a picture that is known here".into(), |format| format!("a {format:?} picture"));
            return Err(PhotoError::Format { path: path.to_owned(), found });
        }
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    let sides = MIN_SIDE..=MAX_SIDE;
    if !sides.contains(&width) || !sides.contains(&height) || u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(PhotoError::Size { path: path.to_owned(), width, height });
    }
    // Unreadable EXIF is no reason to refuse a picture that is otherwise whole.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(broken)?;
    picture.apply_orientation(orientation);
    Ok(if picture.color().has_alpha() { over_white(&picture) } else { picture.into_rgb8() })
}

fn over_white(picture: &DynamicImage) -> RgbImage {
    let rgba = picture.to_rgba8();
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [r, g, b, alpha] = rgba.get_pixel(x, y).0.map(u16::from);
        image::Rgb([r, g, b].map(|channel| ((channel * alpha + 255 * (255 - alpha) + 127) / 255) as u8))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::ImageEncoder;
    use image::codecs::jpeg::JpegEncoder;
    use proptest::prelude::*;
    use tempfile::TempDir;

    /// Left half red, right half blue, 40×20.
    fn halves() -> RgbImage {
        RgbImage::from_fn(40, 20, |x, _| image::Rgb(if x < 20 { [250, 0, 0] } else { [0, 0, 250] }))
    }

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        halves().write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn stored(bytes: &[u8], name: &str) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    #[test]
    fn each_format_is_known_by_its_content() {
        for format in FORMATS {
            let (_folder, path) = stored(&encoded(format), "picture.txt");
            let picture = read(&path).unwrap();
            assert_eq!(picture.dimensions(), (40, 20), "{format:?}");
            assert!(picture.get_pixel(5, 10)[0] > 200 && picture.get_pixel(35, 10)[2] > 200, "{format:?}");
        }
    }

    #[test]
    fn the_exif_orientation_is_respected() {
        // TIFF header, one entry: tag 0x0112 (orientation), short, 1 value.
        let exif = |orientation: u8| {
            let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
            exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
            exif
        };
        let turned = |orientation| {
            let mut bytes = Vec::new();
            let mut encoder = JpegEncoder::new(&mut bytes);
            encoder.set_exif_metadata(exif(orientation)).unwrap();
            encoder.encode_image(&halves()).unwrap();
            read_bytes(&bytes, "turned").unwrap()
        };
        assert_eq!(turned(1).dimensions(), (40, 20));
        assert!(turned(3).get_pixel(5, 10)[2] > 200, "upside down: blue is left");
        let quarter = turned(6);
        assert_eq!(quarter.dimensions(), (20, 40));
        assert!(quarter.get_pixel(10, 5)[0] > 200, "a quarter clockwise: red is on top");
    }

    #[test]
    fn transparent_parts_become_white() {
        let mut bytes = Cursor::new(Vec::new());
        image::RgbaImage::from_pixel(20, 20, image::Rgba([9, 9, 9, 0])).write_to(&mut bytes, ImageFormat::Png).unwrap();
        assert_eq!(read_bytes(bytes.get_ref(), "glass").unwrap().get_pixel(3, 3).0, [255; 3]);
    }

    #[test]
    fn each_flaw_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(read(&folder.path().join("missing.jpg")), Err(PhotoError::Open { .. })));
        assert!(matches!(read(folder.path()), Err(PhotoError::NotAFile { .. })));
        assert!(matches!(read_bytes(b"", "empty"), Err(PhotoError::Empty { .. })));
        assert!(matches!(read_bytes(b"Dear diary,", "text"), Err(PhotoError::Format { .. })));
        assert!(matches!(read_bytes(b"GIF89a\x01\0\x01\0", "gif"), Err(PhotoError::Format { .. })));
        assert!(matches!(read_bytes(b"\xff\xd8\xff\xe0", "start"), Err(PhotoError::Broken { .. })));
        let png = encoded(ImageFormat::Png);
        assert!(matches!(read_bytes(&png[..png.len() / 2], "half"), Err(PhotoError::Broken { .. })));
        let mut spot = Cursor::new(Vec::new());
        RgbImage::new(3, 90).write_to(&mut spot, ImageFormat::Png).unwrap();
        let error = read_bytes(spot.get_ref(), "spot.png").unwrap_err();
        assert!(matches!(error, PhotoError::Size { width: 3, height: 90, .. }));
        assert!(error.to_string().contains("spot.png: 3×90 pixels"), "{error}");
    }

    #[test]
    fn a_picture_that_claims_to_be_enormous_is_refused_before_it_is_decoded() {
        let mut bmp = encoded(ImageFormat::Bmp);
        bmp[18..22].copy_from_slice(&29_000i32.to_le_bytes());
        bmp[22..26].copy_from_slice(&29_000i32.to_le_bytes());
        let error = read_bytes(&bmp, "bomb").unwrap_err();
        assert!(matches!(error, PhotoError::Size { .. } | PhotoError::Broken { .. }), "{error}");
    }

    proptest! {
        #[test]
        fn no_damage_makes_it_panic(
            format in 0..FORMATS.len(), cut in 0.0f64..1.0,
            flips in proptest::collection::vec((0.0f64..1.0, any::<u8>()), 0..8),
        ) {
            let mut bytes = encoded(FORMATS[format]);
            for (place, value) in flips {
                let place = (place * bytes.len() as f64) as usize;
                bytes[place] ^= value;
            }
            let _ = read_bytes(&bytes, "damaged");
            bytes.truncate((cut * bytes.len() as f64) as usize);
            let _ = read_bytes(&bytes, "cut short");
        }
    }
}
