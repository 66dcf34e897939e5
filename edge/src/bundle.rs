//! The generator bundle: a manifest and the files it lists, from a folder or out of the program itself. Only a bundle that
//! was read whole and matches its hashes comes out; [`crate::ager`] then looks into the generator.

use sha2::{Digest, Sha256};
use shared::manifest::{self, FileEntry, Manifest, ManifestError};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Larger manifests are refused.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;
/// Larger generators are refused.
const MAX_GENERATOR_BYTES: u64 = 1 << 30;

/// A generator and what is known of it, proven whole.
#[derive(Clone, Debug)]
pub struct Bundle {
    pub manifest: Manifest,
    /// The bytes of `generator.onnx`.
    pub generator: Cow<'static, [u8]>,
}

/// Why a bundle is refused.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    #[error("{}: cannot be read ({source}); give a folder with {} and {}", path.display(), manifest::FILE_NAME, manifest::GENERATOR_FILE)]
    Read { path: PathBuf, source: io::Error },
    #[error("{}: {source}", path.display())]
    Manifest { path: PathBuf, source: ManifestError },
    #[error("{}: {found} bytes where the manifest says {expected}; copy the bundle again", path.display())]
    Length { path: PathBuf, found: u64, expected: u64 },
    #[error("{}: larger than the {limit} bytes that are allowed", path.display())]
    TooLarge { path: PathBuf, limit: u64 },
    #[error("{}: the hash is not the manifest's; the file was changed or damaged, copy the bundle again", path.display())]
    Hash { path: PathBuf },
}

impl Bundle {
    /// The bundle inside this program.
    pub fn embedded() -> Result<Self, BundleError> {
        let json = include_bytes!("../models/generator/manifest.json");
        let generator = include_bytes!("../models/generator/generator.onnx");
        let place = Path::new("the bundle inside this program");
        let manifest = parse(json, place)?;
        for entry in manifest.files.iter().filter(|entry| entry.name == manifest::GENERATOR_FILE) {
            check(generator, entry, &place.join(entry.name.as_str()))?;
        }
        Ok(Self { manifest, generator: Cow::Borrowed(generator) })
    }

    /// Reads a bundle's folder and checks every file that its manifest lists.
    pub fn read(folder: &Path) -> Result<Self, BundleError> {
        let path = folder.join(manifest::FILE_NAME);
        let manifest = parse(&read(&path, MAX_MANIFEST_BYTES)?, &path)?;
        let mut generator = Vec::new();
        for entry in &manifest.files {
            let path = folder.join(entry.name.as_str());
            let bytes = read(&path, MAX_GENERATOR_BYTES)?;
            check(&bytes, entry, &path)?;
            if entry.name == manifest::GENERATOR_FILE {
                generator = bytes;
            }
        }
        Ok(Self { manifest, generator: Cow::Owned(generator) })
    }

    /// SHA-256 of the generator, in lower-case hexadecimal.
    pub fn hash(&self) -> &str {
        self.manifest.file(manifest::GENERATOR_FILE).map_or("", |entry| &entry.sha256)
    }
}

/// SHA-256 in the manifest's notation: lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parse(json: &[u8], path: &Path) -> Result<Manifest, BundleError> {
    Manifest::from_json(json).map_err(|source| BundleError::Manifest { path: path.to_owned(), source })
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, BundleError> {
    let failed = |source| BundleError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(BundleError::TooLarge { path: path.to_owned(), limit });
    }
    Ok(bytes)
}

fn check(bytes: &[u8], entry: &FileEntry, path: &Path) -> Result<(), BundleError> {
    if bytes.len() as u64 != entry.bytes {
        let (found, expected) = (bytes.len() as u64, entry.bytes);
        return Err(BundleError::Length { path: path.to_owned(), found, expected });
    }
    if sha256(bytes) != entry.sha256.as_str() {
        return Err(BundleError::Hash { path: path.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use shared::manifest::Kind;
    use tempfile::TempDir;

    fn stored() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        testing::write(&testing::bundle(Kind::Edit), folder.path());
        folder
    }

    #[test]
    fn a_bundle_is_read_back_whole() {
        let folder = stored();
        let read = Bundle::read(folder.path()).unwrap();
        let written = testing::bundle(Kind::Edit);
        assert_eq!(read.manifest, written.manifest);
        assert_eq!(read.generator, written.generator);
        assert_eq!(read.hash(), sha256(&read.generator));
    }

    #[test]
    fn the_bundle_inside_the_program_is_whole() {
        let bundle = Bundle::embedded().unwrap();
        assert!(!bundle.generator.is_empty());
    }

    #[test]
    fn each_flaw_is_named() {
        let refused = |spoil: fn(&Path)| {
            let folder = stored();
            spoil(folder.path());
            Bundle::read(folder.path()).unwrap_err()
        };
        let generator = |folder: &Path| folder.join(manifest::GENERATOR_FILE);
        let manifest_file = |folder: &Path| folder.join(manifest::FILE_NAME);
        assert!(matches!(Bundle::read(Path::new("no/such/folder")), Err(BundleError::Read { .. })));
        assert!(matches!(
            refused(|f| std::fs::remove_file(f.join(manifest::GENERATOR_FILE)).unwrap()),
            BundleError::Read { .. }
        ));
        let folder = stored();
        let whole = std::fs::read(generator(folder.path())).unwrap();
        std::fs::write(generator(folder.path()), &whole[..whole.len() - 1]).unwrap();
        assert!(matches!(Bundle::read(folder.path()), Err(BundleError::Length { .. })));
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        std::fs::write(generator(folder.path()), &flipped).unwrap();
        assert!(matches!(Bundle::read(folder.path()), Err(BundleError::Hash { .. })));
        std::fs::write(manifest_file(folder.path()), b"{}").unwrap();
        assert!(matches!(Bundle::read(folder.path()), Err(BundleError::Manifest { .. })));
        std::fs::write(manifest_file(folder.path()), vec![b' '; MAX_MANIFEST_BYTES as usize + 1]).unwrap();
        assert!(matches!(Bundle::read(folder.path()), Err(BundleError::TooLarge { .. })));
        std::fs::remove_file(manifest_file(folder.path())).unwrap();
        std::fs::create_dir(manifest_file(folder.path())).unwrap();
        assert!(matches!(Bundle::read(folder.path()), Err(BundleError::Read { .. })));
    }
}
