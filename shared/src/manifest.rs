//! What a generator bundle says about itself (`manifest.json`): what it takes and gives, what it was made from, how it
//! may be used, and the hashes that prove it whole. Parsed strictly: an unknown key or version is refused.

use crate::alignment::TEMPLATE_NAME;
use crate::decade::{COUNT, Decade};
use heapless::{String, Vec};
use serde::{Deserialize, Serialize};

/// The format this code writes. A change that old devices cannot follow raises it.
pub const FORMAT: u32 = 3;
/// The oldest format that this code reads; 3 added [`Quantization::Int8`].
pub const OLDEST_FORMAT: u32 = 2;
/// Name of the manifest's own file in a bundle.
pub const FILE_NAME: &str = "manifest.json";
/// Name of the generator's file in a bundle.
pub const GENERATOR_FILE: &str = "generator.onnx";
/// Crop sides that a device accepts, in pixels.
pub const SIZES: core::ops::RangeInclusive<u32> = 32..=512;

/// Everything `manifest.json` holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub format: u32,
    pub name: String<64>,
    pub kind: Kind,
    /// Side S of the crop in pixels: input `face` is `[1, 3, S, S]`.
    pub size: u32,
    /// Order of the six weights in input `age` `[1, 6]`.
    pub decades: [Decade; COUNT],
    /// Name of the alignment template the crops were cut with.
    pub template: String<32>,
    pub quantization: Quantization,
    /// Middle-layer features, as names of further outputs.
    pub features: Vec<String<32>, 8>,
    pub files: Vec<FileEntry, 8>,
    pub licence: String<64>,
    pub attribution: String<512>,
    pub recipe: String<64>,
    pub seed: u64,
    pub data: DataSummary,
    /// Measured by the trainer on this very bundle.
    pub quality: Vec<Measure, 32>,
}

/// What the generator's outputs mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Output `aged` `[1, 3, S, S]` in −1..1: the aged crop (the paper's).
    Rgb,
    /// What to do to the face, all of it masked already. The picture p is first painted, then reshaped:
    /// `aged(r) = painted(r + flow(r))`, `painted = p + change + detail · (luma(p) − smooth)`.
    ///
    /// - `change` `[1, 3, S, S]`: to be added to p, in its units (−1..1 is the whole range).
    /// - `detail` `[1, 1, S, S]`: how much more (or, below 0, less) of the finest detail; above −1.
    /// - `smooth` `[1, 1, S, S]`: the crop's brightness (BT.601) without its finest detail, in −1..1.
    /// - `flow` `[1, 2, S/8, S/8]`: x and y of the displacement in crop sides, its values at the centres of S/8 · S/8 cells.
    Edit,
}

/// How the weights are stored, and what is computed with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quantization {
    /// Float weights.
    None,
    /// Convolution weights in int8 with a scale per output channel, computed with in float.
    Int8Weights,
    /// Convolutions in int8: weights as in [`Self::Int8Weights`], the maps between them in bytes with a scale each, calibrated on
    /// faces; written as QuantizeLinear and DequantizeLinear.
    Int8,
}

/// One file of the bundle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    pub name: String<32>,
    pub bytes: u64,
    /// Lower-case hexadecimal.
    pub sha256: String<64>,
}

/// What the generator learned from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSummary {
    pub dataset: String<64>,
    /// Training pictures a decade, youngest first.
    pub pictures: [u32; COUNT],
}

/// A measured number, such as `int8_cosine: 0.9998`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    pub name: String<48>,
    pub value: f32,
}

/// Why a manifest is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ManifestError {
    #[error(
        "manifest format {found} is not known here (expected {OLDEST_FORMAT} to {FORMAT}); use a bundle and a mirror of the same age"
    )]
    Format { found: u32 },
    #[error("crop size {found} is outside {} to {} pixels, or not a multiple of 4", SIZES.start(), SIZES.end())]
    Size { found: u32 },
    #[error("the decades are not 10s, 20s, 30s, 40s, 50s, 60s in this order")]
    Decades,
    #[error("alignment template `{found}` is not known here (expected `{TEMPLATE_NAME}`)")]
    Template { found: String<32> },
    #[error("`{name}` is not a plain file name")]
    FileName { name: String<32> },
    #[error("the bundle lists no `{GENERATOR_FILE}`, or a file twice")]
    Files,
    #[error("the hash of `{name}` is not 64 lower-case hexadecimal digits")]
    Hash { name: String<32> },
    #[error("measure `{name}` is not finite")]
    Measure { name: String<48> },
    #[error("`{field}` is empty")]
    Empty { field: &'static str },
    #[cfg(feature = "std")]
    #[error("not a manifest: {0}")]
    Json(std::string::String),
}

impl Manifest {
    /// Checks all that can be checked without the other files.
    pub fn validate(&self) -> Result<(), ManifestError> {
        if !is_known(self.format) {
            return Err(ManifestError::Format { found: self.format });
        }
        if !SIZES.contains(&self.size) || !self.size.is_multiple_of(4) {
            return Err(ManifestError::Size { found: self.size });
        }
        if self.decades != Decade::ALL {
            return Err(ManifestError::Decades);
        }
        if self.template != TEMPLATE_NAME {
            return Err(ManifestError::Template { found: self.template.clone() });
        }
        let texts = [
            ("name", self.name.is_empty()),
            ("licence", self.licence.is_empty()),
            ("attribution", self.attribution.is_empty()),
        ];
        if let Some((field, _)) = texts.into_iter().find(|(_, empty)| *empty) {
            return Err(ManifestError::Empty { field });
        }
        self.files.iter().try_for_each(FileEntry::validate)?;
        let twice = |(i, file): (usize, &FileEntry)| self.files[..i].iter().any(|other| other.name == file.name);
        if self.file(GENERATOR_FILE).is_none() || self.files.iter().enumerate().any(twice) {
            return Err(ManifestError::Files);
        }
        match self.quality.iter().find(|measure| !measure.value.is_finite()) {
            Some(measure) => Err(ManifestError::Measure { name: measure.name.clone() }),
            None => Ok(()),
        }
    }

    /// The entry of a file, by name.
    pub fn file(&self, name: &str) -> Option<&FileEntry> {
        self.files.iter().find(|file| file.name == name)
    }
}

fn is_known(format: u32) -> bool {
    (OLDEST_FORMAT..=FORMAT).contains(&format)
}

impl FileEntry {
    fn validate(&self) -> Result<(), ManifestError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if self.name.is_empty() || self.name.starts_with('.') || self.name == FILE_NAME || !self.name.chars().all(plain)
        {
            return Err(ManifestError::FileName { name: self.name.clone() });
        }
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if self.sha256.len() != 64 || !self.sha256.bytes().all(digit) {
            return Err(ManifestError::Hash { name: self.name.clone() });
        }
        Ok(())
    }
}

#[cfg(feature = "std")]
mod json {
    use super::{Manifest, ManifestError, is_known};
    use serde::Deserialize;

    impl Manifest {
        /// Reads and validates a manifest. The format is looked at first, so that a newer manifest is named as such and
        /// not refused for its new keys.
        pub fn from_json(json: &[u8]) -> Result<Self, ManifestError> {
            #[derive(Deserialize)]
            struct Head {
                format: u32,
            }
            let refuse = |error: serde_json::Error| ManifestError::Json(error.to_string());
            let head: Head = serde_json::from_slice(json).map_err(refuse)?;
            if !is_known(head.format) {
                return Err(ManifestError::Format { found: head.format });
            }
            let manifest: Self = serde_json::from_slice(json).map_err(refuse)?;
            manifest.validate()?;
            Ok(manifest)
        }

        /// The text of `manifest.json`; the same manifest always gives the same bytes.
        pub fn to_json(&self) -> Result<String, ManifestError> {
            self.validate()?;
            let text = serde_json::to_string_pretty(self).map_err(|error| ManifestError::Json(error.to_string()))?;
            Ok(text + "\n")
        }
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text<const N: usize>(s: &str) -> String<N> {
        s.try_into().unwrap()
    }

    fn manifest() -> Manifest {
        Manifest {
            format: FORMAT,
            name: text("kiosk"),
            kind: Kind::Edit,
            size: 128,
            decades: Decade::ALL,
            template: text(TEMPLATE_NAME),
            quantization: Quantization::Int8Weights,
            features: Vec::from_slice(&[text("features_3")]).unwrap(),
            files: Vec::from_slice(&[FileEntry {
                name: text(GENERATOR_FILE),
                bytes: 7,
                sha256: "a".repeat(64).as_str().try_into().unwrap(),
            }])
            .unwrap(),
            licence: text("CC BY 4.0"),
            attribution: text("FairFace, Karkkainen and Joo, 2021"),
            recipe: text("kiosk"),
            seed: 1,
            data: DataSummary { dataset: text("FairFace"), pictures: [1, 2, 3, 4, 5, 6] },
            quality: Vec::from_slice(&[Measure { name: text("int8_cosine"), value: 0.9999 }]).unwrap(),
        }
    }

    fn edited(from: &str, to: &str) -> Result<Manifest, ManifestError> {
        let json = manifest().to_json().unwrap();
        assert!(json.contains(from), "{from}");
        Manifest::from_json(json.replacen(from, to, 1).as_bytes())
    }

    #[test]
    fn a_manifest_survives_the_round_trip() {
        let json = manifest().to_json().unwrap();
        assert_eq!(Manifest::from_json(json.as_bytes()), Ok(manifest()));
    }

    #[test]
    fn each_flaw_is_named() {
        assert_eq!(edited("\"format\": 3", "\"format\": 4"), Err(ManifestError::Format { found: 4 }));
        assert_eq!(edited("\"size\": 128", "\"size\": 8192"), Err(ManifestError::Size { found: 8192 }));
        assert_eq!(edited("\"size\": 128", "\"size\": 130"), Err(ManifestError::Size { found: 130 }));
        assert_eq!(edited("\"10s\"", "\"20s\""), Err(ManifestError::Decades));
        assert!(matches!(edited(TEMPLATE_NAME, "other"), Err(ManifestError::Template { .. })));
        assert!(matches!(edited(GENERATOR_FILE, "../generator.onnx"), Err(ManifestError::FileName { .. })));
        assert_eq!(edited(GENERATOR_FILE, "other.onnx"), Err(ManifestError::Files));
        assert!(matches!(edited("\"aaa", "\"AAA"), Err(ManifestError::Hash { .. })));
        assert_eq!(edited("CC BY 4.0", ""), Err(ManifestError::Empty { field: "licence" }));
        for (from, to) in
            [("\"seed\"", "\"sead\""), ("\"edit\"", "\"magic\""), ("128", "-1"), ("\"seed\": 1", "\"seed\": null")]
        {
            assert!(matches!(edited(from, to), Err(ManifestError::Json(_))), "{from} → {to}");
        }
    }

    #[test]
    fn a_newer_format_is_named_before_its_new_keys() {
        assert_eq!(Manifest::from_json(br#"{"format": 4, "colour": true}"#), Err(ManifestError::Format { found: 4 }));
    }

    #[test]
    fn the_format_before_is_read() {
        let old = edited("\"format\": 3", "\"format\": 2").unwrap();
        assert_eq!(old, Manifest { format: 2, ..manifest() });
        assert_eq!(edited("\"format\": 3", "\"format\": 1"), Err(ManifestError::Format { found: 1 }));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = Manifest::from_json(&bytes);
        }

        #[test]
        fn a_truncated_manifest_is_refused(share in 0.0f64..1.0) {
            let json = manifest().to_json().unwrap();
            let end = (json.trim_end().len() as f64 * share) as usize;
            prop_assert!(Manifest::from_json(&json.as_bytes()[..end]).is_err());
        }
    }
}
