//! `edge age PHOTO… --out DIR`: each photograph becomes `DIR/<stem>/{10s,…,60s}.png`, `strip.png` and `report.json`. A
//! photograph that cannot be read or shows no face is named, and the others are still done.

use super::{ModelError, load};
use crate::bundle::Bundle;
use crate::face::{FaceError, FaceFinder};
use crate::files::write_atomic;
use crate::mirror::Mirror;
use crate::photo::{self, PhotoError};
use crate::photograph::{self, Aged, PhotographError};
use crate::strip;
use crate::synthetic;
use crate::timing::timed;
use serde::Serialize;
use shared::{Decade, Landmarks};
use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// JPEG, PNG, WebP or BMP files
    #[arg(required = true, value_name = "PHOTO")]
    photos: Vec<PathBuf>,
    /// Folder that gets a folder for each photograph
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Folder of a generator bundle, in place of the one inside this program
    #[arg(long, value_name = "BUNDLE")]
    model: Option<PathBuf>,
}

/// What ends the command before all photographs were tried.
#[derive(Debug, thiserror::Error)]
pub enum AgeError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Face(#[from] FaceError),
    #[error("{}: cannot be written ({source}); name another folder with --out, or free some space", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("a picture cannot be encoded ({0})")]
    Encode(#[from] png::EncodingError),
    #[error("the report cannot be written ({0})")]
    Report(#[from] serde_json::Error),
}

/// What keeps one photograph from being aged.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Photo(#[from] PhotoError),
    #[error("{}: {source}", path.display())]
    Photograph { path: PathBuf, source: PhotographError },
}

/// `report.json`.
#[derive(Debug, Serialize)]
struct Report<'a> {
    synthetic: bool,
    note: &'a str,
    photo: &'a str,
    bundle: BundleReport<'a>,
    face: FaceReport,
    faces_found: usize,
    portrait: [u32; 2],
    milliseconds: Milliseconds,
}

#[derive(Debug, Serialize)]
struct BundleReport<'a> {
    name: &'a str,
    sha256: &'a str,
}

/// Box in pixels of the photograph.
#[derive(Debug, Serialize)]
struct FaceReport {
    left: f32,
    top: f32,
    width: f32,
    height: f32,
    score: f32,
}

#[derive(Debug, Serialize)]
struct Milliseconds {
    read: f64,
    find: f64,
    crop: f64,
    decades: BTreeMap<&'static str, DecadeCost>,
}

/// `compute` is the generator and the composing together.
#[derive(Debug, Serialize)]
struct DecadeCost {
    age: f64,
    compose: f64,
    compute: f64,
}

/// Ages every photograph; gives how many were refused.
pub fn run(args: &Args) -> Result<usize, AgeError> {
    let (bundle, ager) = load(args.model.as_deref())?;
    let mut finder = FaceFinder::embedded()?;
    let mut mirror = Mirror::new(ager);
    let mut refused = 0;
    for (path, folder) in args.photos.iter().zip(folders(&args.photos, &args.out)) {
        let (photo, read) = timed(|| photo::read(path));
        let aged = photo.map_err(Refusal::from).and_then(|photo| {
            let refuse = |source| Refusal::Photograph { path: path.clone(), source };
            photograph::age(&mut finder, &mut mirror, &photo).map_err(refuse)
        });
        match aged {
            Ok(aged) => {
                write(&aged, path, &folder, &bundle, read)?;
                println!("{} → {}", path.display(), folder.display());
            }
            Err(refusal) => {
                eprintln!("{refusal}");
                refused += 1;
            }
        }
    }
    Ok(refused)
}

/// A folder for each photograph: its stem, and a number where an earlier photograph has the same.
fn folders(photos: &[PathBuf], out: &Path) -> Vec<PathBuf> {
    let mut taken = HashSet::new();
    let mut folder = |photo: &PathBuf| {
        let stem = photo.file_stem().unwrap_or("photo".as_ref()).to_string_lossy().into_owned();
        let mut name = stem.clone();
        let mut number = 1;
        // Some file systems do not tell upper from lower case.
        while !taken.insert(name.to_lowercase()) {
            number += 1;
            name = format!("{stem}-{number}");
        }
        out.join(name)
    };
    photos.iter().map(&mut folder).collect()
}

fn write(aged: &Aged, photo: &Path, folder: &Path, bundle: &Bundle, read: f64) -> Result<(), AgeError> {
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        write_atomic(&path, bytes).map_err(|source| AgeError::Write { path, source })
    };
    std::fs::create_dir_all(folder).map_err(|source| AgeError::Write { path: folder.to_owned(), source })?;
    for (decade, portrait) in Decade::ALL.into_iter().zip(&aged.decades) {
        put(&format!("{decade}.png"), &synthetic::png(portrait)?)?;
    }
    put("strip.png", &synthetic::png(&strip::draw(&aged.source, &aged.decades))?)?;
    put("report.json", (serde_json::to_string_pretty(&report(aged, photo, bundle, read))? + "\n").as_bytes())
}

fn report<'a>(aged: &Aged, photo: &'a Path, bundle: &'a Bundle, read: f64) -> Report<'a> {
    let cost = |decade: Decade| {
        let (age, compose) = (aged.cost.age[decade.index()], aged.cost.compose[decade.index()]);
        (decade.name(), DecadeCost { age, compose, compute: age + compose })
    };
    Report {
        synthetic: true,
        note: synthetic::NOTE,
        photo: photo.file_name().and_then(|name| name.to_str()).unwrap_or("?"),
        bundle: BundleReport { name: &bundle.manifest.name, sha256: bundle.hash() },
        face: face_report(&aged.face.landmarks, aged.face.score),
        faces_found: aged.faces,
        portrait: aged.source.dimensions().into(),
        milliseconds: Milliseconds {
            read,
            find: aged.cost.find,
            crop: aged.cost.crop,
            decades: Decade::ALL.into_iter().map(cost).collect(),
        },
    }
}

fn face_report(landmarks: &Landmarks, score: f32) -> FaceReport {
    let span = |of: fn(&shared::Point) -> f32| {
        let ends = |(low, high): (f32, f32), value: f32| (low.min(value), high.max(value));
        landmarks.0.iter().map(of).fold((f32::INFINITY, f32::NEG_INFINITY), ends)
    };
    let ((left, right), (top, bottom)) = (span(|p| p.x), span(|p| p.y));
    FaceReport { left, top, width: right - left, height: bottom - top, score }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::VISITORS;
    use crate::portrait::MIN_HEIGHT;
    use crate::testing;
    use image::{ImageFormat, RgbImage};
    use shared::manifest::Kind;
    use std::io::Cursor;

    fn png_of(picture: &RgbImage) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn bad_photographs_are_counted_and_the_others_are_still_done() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let visitor = VISITORS[0].bytes;
        let bad = [
            put("empty.jpg", b""),
            put("text.jpg", b"Dear diary,"),
            put("half.png", &visitor[..visitor.len() / 2]),
            put("nobody.png", &png_of(&RgbImage::from_pixel(300, 300, image::Rgb([90, 120, 90])))),
            put("spot.png", &png_of(&RgbImage::new(16, 16))),
            put("line.png", &png_of(&RgbImage::new(4000, 16))),
            folder.path().join("missing.jpg"),
            folder.path().to_owned(),
        ];
        let good = [put("a/visitor.jpg", visitor), put("b/visitor.png", VISITORS[1].bytes)];
        let model = folder.path().join("bundle");
        std::fs::create_dir(&model).unwrap();
        testing::write(&testing::bundle(Kind::Edit), &model);

        let out = folder.path().join("out");
        let photos = bad.iter().chain(&good).cloned().collect();
        let refused = run(&Args { photos, out: out.clone(), model: Some(model) }).unwrap();
        assert_eq!(refused, bad.len());
        let mut folders: Vec<_> = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        folders.sort();
        assert_eq!(folders, ["visitor", "visitor-2"]);

        let read = |name: &str| photo::read(&out.join("visitor").join(name)).unwrap();
        let portraits = Decade::ALL.map(|decade| read(&format!("{decade}.png")));
        assert!(portraits[0].height() >= MIN_HEIGHT);
        for pair in portraits.windows(2) {
            assert_eq!(pair[0].dimensions(), pair[1].dimensions());
            assert_ne!(pair[0], pair[1]);
        }
        assert!(read("strip.png").width() > 7 * portraits[0].width());
        let report = std::fs::read(out.join("visitor/report.json")).unwrap();
        let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
        assert_eq!(report["synthetic"], true);
        assert_eq!(report["bundle"]["name"], "tiny");
        assert!(report["milliseconds"]["decades"]["60s"]["compute"].is_number());
    }

    #[test]
    fn a_refused_bundle_or_an_unwritable_folder_ends_the_command() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("visitor.png");
        std::fs::write(&path, VISITORS[0].bytes).unwrap();
        let args = |out: PathBuf, model| Args { photos: vec![path.clone()], out, model };
        let missing = args(folder.path().join("out"), Some(folder.path().join("missing")));
        assert!(matches!(run(&missing), Err(AgeError::Model(_))));
        assert!(matches!(run(&args(path.join("out"), None)), Err(AgeError::Write { .. })));
    }

    #[test]
    fn no_two_photographs_share_a_folder() {
        let photos = ["a/x.jpg", "b/x.png", "c/X.jpg", "x-2.jpg", "x.jpg", "y"].map(PathBuf::from);
        let names: Vec<_> = folders(&photos, Path::new("out")).iter().map(|p| p.display().to_string()).collect();
        assert_eq!(names, ["out/x", "out/x-2", "out/X-3", "out/x-2-2", "out/x-4", "out/y"]);
    }

    #[test]
    fn the_box_holds_all_landmarks() {
        let landmarks = testing::landmarks();
        let face = face_report(&landmarks, 0.9);
        let inside = |p: &shared::Point| {
            (face.left..=face.left + face.width + 1e-5).contains(&p.x)
                && (face.top..=face.top + face.height + 1e-5).contains(&p.y)
        };
        assert!(landmarks.0.iter().all(inside));
    }
}
