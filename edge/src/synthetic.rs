//! Aged pictures leave the program only marked as synthetic, for people and for machines (EU AI Act, article 50(2)).

use image::RgbImage;

/// What every aged picture says of itself.
pub const NOTE: &str = "One possible future, computed by As Time Goes By";

/// IPTC's term for a photograph that a trained model has changed, in the place where other programs look for it.
const XMP: &str = concat!(
    r#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">"#,
    r#"<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" "#,
    r#"Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"/>"#,
    r#"</rdf:RDF></x:xmpmeta>"#
);

/// A PNG that carries [`NOTE`] and the IPTC source type.
pub fn png(picture: &RgbImage) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    encoder.add_text_chunk("Description".into(), NOTE.into())?;
    encoder.add_text_chunk("Software".into(), "As Time Goes By".into())?;
    encoder.add_itxt_chunk("XML:com.adobe.xmp".into(), XMP.into())?;
    encoder.write_header()?.write_image_data(picture)?;
    Ok(bytes)
}

/// The data of a JPEG's APP1 segment that carries the IPTC source type (Adobe, XMP Specification Part 3, section 1.1.3).
pub fn jpeg_xmp() -> Vec<u8> {
    [b"http://ns.adobe.com/xap/1.0/\0", XMP.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_is_whole_and_says_that_it_is_synthetic() {
        let picture = RgbImage::from_fn(30, 20, |x, y| image::Rgb([x as u8, y as u8, 7]));
        let bytes = png(&picture).unwrap();
        assert_eq!(crate::photo::read_bytes(&bytes, "aged").unwrap(), picture);
        let info = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap().info().clone();
        assert!(info.uncompressed_latin1_text.iter().any(|chunk| chunk.keyword == "Description" && chunk.text == NOTE));
        assert!(info.utf8_text.iter().any(|chunk| chunk.get_text().unwrap().contains("TrainedAlgorithmicMedia")));
    }
}
