//! Graph and origin → the generator's bundle: a folder with `generator.onnx` and the `manifest.json` that says what it is and
//! proves it whole. The folder appears whole or not at all; an older bundle in its place stays until the new one is on disk.

use super::generator::kind;
use crate::nets::{GeneratorConfig, Stage};
use edge::bundle::sha256;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use shared::Decade;
use shared::alignment::TEMPLATE_NAME;
use shared::manifest::{
    DataSummary, FILE_NAME, FORMAT, FileEntry, GENERATOR_FILE, Manifest, ManifestError, Measure, Quantization,
};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The licence of weights trained on FairFace.
pub const FAIRFACE_LICENCE: &str = "CC BY 4.0";
/// Whom FairFace's licence asks to name.
pub const FAIRFACE_ATTRIBUTION: &str = "Weights trained on FairFace (CC BY 4.0): Kimmo Karkkainen and Jungseock Joo, \
    \"FairFace: Face Attribute Dataset for Balanced Race, Gender, and Age for Bias Measurement and Mitigation\", \
    IEEE/CVF Winter Conference on Applications of Computer Vision (WACV), 2021";

/// Why a bundle cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    #[error("the manifest's `{field}` takes at most {limit} bytes, not {found}; shorten it")]
    TooLong { field: &'static str, limit: usize, found: usize },
    #[error("the manifest takes at most {limit} {what}; give fewer")]
    TooMany { what: &'static str, limit: usize },
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error("{} is there and holds no bundle alone (found `{found}`); give another folder", .folder.display())]
    Occupied { folder: PathBuf, found: String },
    #[error("cannot write the bundle {}: {source}", .folder.display())]
    Io { folder: PathBuf, source: io::Error },
}

/// Where a generator comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// The bundle's name.
    pub name: String,
    pub recipe: String,
    pub seed: u64,
    pub dataset: String,
    /// Training pictures a decade, youngest first.
    pub pictures: [u32; shared::decade::COUNT],
    pub licence: String,
    pub attribution: String,
}

impl Origin {
    /// Seeded weights that have learned nothing.
    pub fn untrained() -> Self {
        Self {
            name: "untrained".into(),
            recipe: "none".into(),
            seed: 0,
            dataset: "none".into(),
            pictures: [0; shared::decade::COUNT],
            licence: "CC0 1.0".into(),
            attribution: "untrained: random weights".into(),
        }
    }
}

/// All of a manifest except the measured quality, for the bytes of one graph.
pub fn manifest(
    origin: &Origin,
    config: &GeneratorConfig,
    quantization: Quantization,
    features: &[Stage],
    onnx: &[u8],
) -> Result<Manifest, BundleError> {
    let features: Result<Vec<_>, _> = features.iter().map(|stage| text("features", &stage.name())).collect();
    let manifest = Manifest {
        format: FORMAT,
        name: text("name", &origin.name)?,
        kind: kind(config.head),
        size: u32::try_from(config.size).unwrap_or(u32::MAX),
        decades: Decade::ALL,
        template: text("template", TEMPLATE_NAME)?,
        quantization,
        features: list("features", &features?)?,
        files: list("files", &[generator_file(onnx)?])?,
        licence: text("licence", &origin.licence)?,
        attribution: text("attribution", &origin.attribution)?,
        recipe: text("recipe", &origin.recipe)?,
        seed: origin.seed,
        data: DataSummary { dataset: text("dataset", &origin.dataset)?, pictures: origin.pictures },
        quality: heapless::Vec::new(),
    };
    manifest.validate()?;
    Ok(manifest)
}

/// The manifest of the same generator in another form: the bytes of its graph, and none of the numbers measured on the old ones.
pub fn with_generator(manifest: &Manifest, quantization: Quantization, onnx: &[u8]) -> Result<Manifest, BundleError> {
    let files = list("files", &[generator_file(onnx)?])?;
    let manifest = Manifest { format: FORMAT, quantization, files, quality: heapless::Vec::new(), ..manifest.clone() };
    manifest.validate()?;
    Ok(manifest)
}

fn generator_file(onnx: &[u8]) -> Result<FileEntry, BundleError> {
    let (name, sha256) = (text("files", GENERATOR_FILE)?, text("sha256", &sha256(onnx))?);
    Ok(FileEntry { name, bytes: onnx.len() as u64, sha256 })
}

/// Adds measured numbers; one of the same name is replaced.
pub fn add_measures(manifest: &mut Manifest, measures: &[(&str, f32)]) -> Result<(), BundleError> {
    for &(name, value) in measures {
        let measure = Measure { name: text("measure", name)?, value };
        match manifest.quality.iter_mut().find(|old| old.name == name) {
            Some(old) => *old = measure,
            None => {
                let limit = manifest.quality.capacity();
                manifest.quality.push(measure).map_err(|_| BundleError::TooMany { what: "measures", limit })?;
            }
        }
    }
    Ok(manifest.validate()?)
}

/// Writes the bundle as the folder `folder`, in place of an older bundle if one is there.
pub fn write(folder: &Path, manifest: &Manifest, onnx: &[u8]) -> Result<(), BundleError> {
    let json = manifest.to_json()?;
    refuse_other_contents(folder)?;
    let io = |source| BundleError::Io { folder: folder.to_owned(), source };
    let parent = match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(io)?;
    let new = tempfile::Builder::new().prefix(".bundle-").tempdir_in(parent).map_err(io)?;
    let files = [(GENERATOR_FILE, onnx), (FILE_NAME, json.as_bytes())];
    files.iter().try_for_each(|(name, bytes)| write_synced(&new.path().join(name), bytes)).map_err(io)?;
    File::open(new.path()).and_then(|folder| folder.sync_all()).map_err(io)?;
    // Folders for a moment are private; a bundle is read by other users, such as the mirror's own.
    readable(new.path()).map_err(io)?;
    put(new.path(), folder).map_err(io)?;
    // After an exchange this is the older bundle.
    if new.path().exists() {
        new.close().map_err(io)?;
    } else {
        let _moved = new.keep();
    }
    File::open(parent).and_then(|parent| parent.sync_all()).map_err(io)
}

/// Moves the folder `new` to `place`; what was at `place` is then at `new`.
fn put(new: &Path, place: &Path) -> io::Result<()> {
    if !place.exists() {
        return fs::rename(new, place);
    }
    match renameat_with(CWD, new, CWD, place, RenameFlags::EXCHANGE) {
        // A file system that cannot exchange: for a moment there is no bundle, but never half of one.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            let aside = new.with_extension("old");
            fs::rename(place, &aside)?;
            fs::rename(new, place).or_else(|error| fs::rename(&aside, place).and(Err(error)))?;
            fs::rename(&aside, new)
        }
        exchanged => Ok(exchanged?),
    }
}

/// A folder may be replaced if it is empty or holds nothing but a bundle.
fn refuse_other_contents(folder: &Path) -> Result<(), BundleError> {
    let io = |source| BundleError::Io { folder: folder.to_owned(), source };
    let occupied = |found| BundleError::Occupied { folder: folder.to_owned(), found };
    match fs::symlink_metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io(error)),
        Ok(data) if !data.is_dir() => return Err(occupied("a file or a link".into())),
        Ok(_) => {}
    }
    for entry in fs::read_dir(folder).map_err(io)? {
        let name = entry.map_err(io)?.file_name().to_string_lossy().into_owned();
        if name != FILE_NAME && name != GENERATOR_FILE {
            return Err(occupied(name));
        }
    }
    Ok(())
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(unix)]
fn readable(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}

fn text<const N: usize>(field: &'static str, text: &str) -> Result<heapless::String<N>, BundleError> {
    text.try_into().map_err(|_| BundleError::TooLong { field, limit: N, found: text.len() })
}

fn list<T: Clone, const N: usize>(what: &'static str, items: &[T]) -> Result<heapless::Vec<T, N>, BundleError> {
    heapless::Vec::from_slice(items).map_err(|_| BundleError::TooMany { what, limit: N })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::generator::{default_features, graph};
    use crate::export::testing::generator;
    use crate::nets::{ConditionMode, Head};
    use edge::ager::Ager;
    use edge::bundle::Bundle;
    use proptest::prelude::*;

    fn origin(name: &str) -> Origin {
        Origin {
            name: name.into(),
            recipe: "smoke".into(),
            seed: 3,
            dataset: "FairFace".into(),
            pictures: [1, 2, 3, 4, 5, 6],
            licence: FAIRFACE_LICENCE.into(),
            attribution: FAIRFACE_ATTRIBUTION.into(),
        }
    }

    fn made(name: &str) -> (Manifest, Vec<u8>) {
        let generator = generator(Head::Edit, ConditionMode::Film);
        let features = default_features(&generator);
        let onnx = graph(&generator, Quantization::Int8Weights, &features).unwrap();
        let manifest = manifest(&origin(name), &generator.config, Quantization::Int8Weights, &features, &onnx).unwrap();
        (manifest, onnx)
    }

    fn read(folder: &Path) -> (Manifest, Vec<u8>) {
        let bundle = Bundle::read(folder).unwrap();
        (bundle.manifest, bundle.generator.into_owned())
    }

    #[test]
    fn a_bundle_is_written_whole_and_takes_the_place_of_an_older_one() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("deep/kiosk");
        for name in ["first", "second"] {
            let (mut manifest, onnx) = made(name);
            add_measures(&mut manifest, &[("int8_cosine", 0.5), ("int8_cosine", 0.9999)]).unwrap();
            write(&folder, &manifest, &onnx).unwrap();
            let (found, bytes) = read(&folder);
            assert_eq!((found.name.as_str(), &bytes), (name, &onnx));
            assert_eq!(found.quality.len(), 1);
            assert_eq!(fs::read_dir(folder.parent().unwrap()).unwrap().count(), 1);
        }
    }

    #[test]
    fn the_mirror_takes_a_bundle_and_refuses_a_broken_one() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("kiosk");
        let (manifest, mut onnx) = made("kiosk");
        write(&folder, &manifest, &onnx).unwrap();
        Ager::new(&Bundle::read(&folder).unwrap()).unwrap();
        let middle = onnx.len() / 2;
        onnx[middle] ^= 1;
        fs::write(folder.join(GENERATOR_FILE), &onnx).unwrap();
        assert!(Bundle::read(&folder).is_err());
        fs::write(folder.join(GENERATOR_FILE), &onnx[..middle]).unwrap();
        assert!(Bundle::read(&folder).is_err());
    }

    #[test]
    fn the_same_generator_gives_the_same_bundle() {
        assert_eq!(made("kiosk"), made("kiosk"));
    }

    #[test]
    fn a_folder_with_anything_else_in_it_is_left_alone() {
        let scratch = tempfile::tempdir().unwrap();
        fs::write(scratch.path().join("diary.txt"), "dear").unwrap();
        let (manifest, onnx) = made("kiosk");
        assert!(matches!(write(scratch.path(), &manifest, &onnx), Err(BundleError::Occupied { .. })));
        let file = scratch.path().join("diary.txt");
        assert!(matches!(write(&file, &manifest, &onnx), Err(BundleError::Occupied { .. })));
        assert_eq!(fs::read_to_string(file).unwrap(), "dear");
    }

    #[test]
    fn an_older_bundle_stays_when_the_new_one_cannot_be_written() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("kiosk");
        let (manifest, onnx) = made("old");
        write(&folder, &manifest, &onnx).unwrap();
        let mut broken = manifest.clone();
        broken.size = 3;
        assert!(matches!(write(&folder, &broken, &onnx), Err(BundleError::Manifest(_))));
        assert_eq!(read(&folder), (manifest, onnx));
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
    }

    #[test]
    fn long_texts_are_refused_by_name() {
        let generator = generator(Head::Rgb, ConditionMode::Join);
        let long = Origin { recipe: "x".repeat(65), ..origin("kiosk") };
        let refused = manifest(&long, &generator.config, Quantization::None, &[], b"x");
        assert!(matches!(refused, Err(BundleError::TooLong { field: "recipe", limit: 64, found: 65 })));
    }

    proptest! {
        #[test]
        fn the_exchange_keeps_both_folders(old in "[a-z]{1,9}", new in "[a-z]{1,9}") {
            let scratch = tempfile::tempdir().unwrap();
            let (a, b) = (scratch.path().join("a"), scratch.path().join("b"));
            for (folder, text) in [(&a, &new), (&b, &old)] {
                fs::create_dir(folder).unwrap();
                fs::write(folder.join("t"), text).unwrap();
            }
            put(&a, &b).unwrap();
            prop_assert_eq!(fs::read_to_string(b.join("t")).unwrap(), new);
            prop_assert_eq!(fs::read_to_string(a.join("t")).unwrap(), old);
        }
    }
}
