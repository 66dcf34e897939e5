//! `trainer prepare`: datasets in, cache out. Walks through every picture once, in several threads, in the same order on every
//! machine; what is left out is counted with its reason.

use super::cache::{CacheError, CacheWriter, Summary};
use super::candidates::{Candidate, Keep, select};
use super::duplicates::Seen;
use super::layouts::{Layout, LayoutError};
use super::look::{Find, Looked, NotTaken, look};
use super::ordered::in_order;
use super::quality::Limits;
use super::record::{FaceRecord, Split};
use super::sheet::Sheet;
use super::skip::Skip;
use clap::ValueEnum;
use edge::face::{FaceError, FaceFinder};
use image::RgbImage;
use indicatif::{ProgressBar, ProgressStyle};
use shared::decade;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where a dataset is looked for when none is named.
pub const DEFAULT_DATASET: &str = "../shared/data/fairface";

/// Turn folders of faces into a cache of aligned faces.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Folders of faces with ages [default: ../shared/data/fairface].
    pub datasets: Vec<PathBuf>,
    /// Where to put the cache; a cache that is there already is replaced.
    #[arg(long, value_name = "DIR", default_value = "cache/faces")]
    pub out: PathBuf,
    /// Side of a crop in pixels.
    #[arg(long, default_value_t = 128)]
    pub side: usize,
    /// How the datasets tell ages: auto, fairface, adience, utkface, fgnet, morph, cacd, agedb, imdb-wiki or folders.
    #[arg(long, default_value = "auto")]
    pub layout: LayoutChoice,
    /// Only these faces, such as gender=male or gender=female,decade=20s,decade=30s; group=… takes the dataset's own words.
    #[arg(long, value_delimiter = ',', value_name = "LABEL=VALUE")]
    pub keep: Vec<Keep>,
    /// At most this many faces of each decade to train on, and as many to measure on.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Least distance between the eyes, in pixels of the picture.
    #[arg(long, default_value_t = 30.0, value_name = "PIXELS")]
    pub min_eyes: f32,
    /// Least sharpness (variance of the Laplacian at 128 pixels).
    #[arg(long, default_value_t = 20.0)]
    pub min_sharpness: f32,
    /// Most turn to the side.
    #[arg(long, default_value_t = 35.0, value_name = "DEGREES")]
    pub max_yaw: f32,
    /// Most turn up or down.
    #[arg(long, default_value_t = 30.0, value_name = "DEGREES")]
    pub max_pitch: f32,
    /// Threads [default: one a core].
    #[arg(long)]
    pub threads: Option<usize>,
}

/// `--layout`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayoutChoice {
    /// Whatever the folder itself tells.
    Auto,
    Named(Layout),
}

impl FromStr for LayoutChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            Ok(Self::Auto)
        } else {
            Layout::from_str(text, true).map(Self::Named).map_err(|_| known_layouts())
        }
    }
}

fn known_layouts() -> String {
    let names = Layout::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    names.fold("known are auto".into(), |known, name| known + ", " + name.get_name())
}

/// Why there is no cache.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    #[error(
        "no faces to learn from: `{DEFAULT_DATASET}` is not there.\n\
         Name a folder (`trainer prepare FOLDER`) or put FairFace into that place. FairFace (CC BY 4.0) is had from \
         https://github.com/joojs/fairface: unpack `fairface-img-margin025-trainval.zip` and lay \
         `fairface_label_train.csv` and `fairface_label_val.csv` beside its folders `train` and `val`.\n\
         Also read: UTKFace, AGFW and AGFW-v2, FG-NET, MORPH, CACD, AgeDB, Adience (with its fold tables), IMDB-WIKI, and any \
         folder of folders named after ages (10-14, 20s, age_35)."
    )]
    NoData,
    #[error(transparent)]
    Layout(#[from] LayoutError),
    #[error("none of the pictures can be used; left out:\n{0}")]
    NothingLeft(Box<Summary>),
    #[error("the face finder failed: {0}")]
    Face(#[from] FaceError),
    #[error("the contact sheet cannot be drawn: {0}")]
    Sheet(#[from] image::ImageError),
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// Prepares a cache and prints what it holds.
pub fn run(args: &Args) -> Result<(), PrepareError> {
    let finder = || {
        let mut finder = FaceFinder::embedded()?;
        Ok(move |picture: &RgbImage| finder.find(picture))
    };
    let summary = prepare(args, finder)?;
    println!("{summary}\n{} holds {} faces; look at its sheet.png.", args.out.display(), summary.faces);
    Ok(())
}

/// Prepares a cache with one face finder a thread.
fn prepare<F: Find>(args: &Args, finder: impl Fn() -> Result<F, FaceError> + Sync) -> Result<Summary, PrepareError> {
    let datasets = datasets(args)?;
    // Before the long part, so that a place that cannot be written to is told at once.
    let mut writer = CacheWriter::create(&args.out, args.side)?;
    let mut candidates = Vec::new();
    for dir in &datasets {
        let layout = match args.layout {
            LayoutChoice::Auto => Layout::detect(dir)?,
            LayoutChoice::Named(layout) => layout,
        };
        let name = dir.file_name().map_or_else(|| "faces".into(), |name| name.to_string_lossy());
        let prefix = if datasets.len() > 1 { format!("{name}/") } else { String::new() };
        let (found, skipped) = select(dir, &prefix, layout.list(dir)?, &args.keep);
        println!("{}: {layout}, {} pictures to look at, {} left out", dir.display(), found.len(), skipped.len());
        for (file, reason) in skipped {
            writer.skip(&format!("{prefix}{}", file.display()), reason)?;
        }
        let known_as = if layout == Layout::Folders { name.into_owned() } else { layout.to_string() };
        writer.name_dataset(known_as);
        candidates.extend(found);
    }
    // The parts of several datasets are woven together: all val first.
    candidates.sort_by_key(|candidate| candidate.split == Split::Train);
    let sheet = cut_all(args, &candidates, finder, &mut writer)?;
    if writer.summary().faces == 0 {
        return Err(PrepareError::NothingLeft(Box::new(writer.summary().clone())));
    }
    writer.sheet(&sheet.to_png()?)?;
    Ok(writer.finish()?)
}

/// The folders to read, absolute, so that each has a name.
fn datasets(args: &Args) -> Result<Vec<PathBuf>, PrepareError> {
    if args.datasets.is_empty() && !Path::new(DEFAULT_DATASET).is_dir() {
        return Err(PrepareError::NoData);
    }
    let default = [PathBuf::from(DEFAULT_DATASET)];
    let named = if args.datasets.is_empty() { &default[..] } else { &args.datasets };
    let absolute = |dir: &PathBuf| dir.canonicalize().map_err(|_| LayoutError::NoFolder(dir.clone()).into());
    named.iter().map(absolute).collect()
}

/// Looks at all candidates and writes the faces that are good enough.
fn cut_all<F: Find>(
    args: &Args,
    candidates: &[Candidate],
    finder: impl Fn() -> Result<F, FaceError> + Sync,
    writer: &mut CacheWriter,
) -> Result<Sheet, PrepareError> {
    let limits =
        Limits { eye_distance: args.min_eyes, yaw: args.max_yaw, pitch: args.max_pitch, sharpness: args.min_sharpness };
    let threads = args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let counts = Counts::new(args.limit);
    let (mut seen, mut sheet) = (Seen::default(), Sheet::default());
    let progress = progress(candidates.len());
    let work = |find: &mut F, candidate: &Candidate| {
        if counts.full(candidate) {
            return Err(Skip::OverLimit.into());
        }
        look(&candidate.path, args.side, &limits, find)
    };
    let take = |candidate: &Candidate, looked: Result<Looked, NotTaken>| -> Result<(), PrepareError> {
        progress.inc(1);
        // Asked again here, where the order is fixed: whatever a fast thread found behind a full decade does not count.
        let taken = if counts.full(candidate) { Err(Skip::OverLimit.into()) } else { looked };
        let taken = taken.and_then(|looked| {
            let new = seen.add(looked.hash, looked.print);
            if new { Ok(looked) } else { Err(Skip::Duplicate.into()) }
        });
        match taken {
            Ok(looked) => {
                counts.add(candidate);
                sheet.show(candidate.decade, &looked.crop, args.side);
                Ok(writer.push(&record(candidate, &looked), &looked.crop)?)
            }
            Err(NotTaken::Skip(reason)) => Ok(writer.skip(&candidate.file, reason)?),
            Err(NotTaken::Finder(error)) => Err(error.into()),
        }
    };
    in_order(candidates, threads, || Ok(finder()?), work, take)?;
    progress.finish_and_clear();
    Ok(sheet)
}

fn record(candidate: &Candidate, looked: &Looked) -> FaceRecord {
    FaceRecord {
        file: candidate.file.clone(),
        decade: candidate.decade,
        age: candidate.age,
        split: candidate.split,
        gender: candidate.gender,
        group: candidate.group.clone(),
        sharpness: looked.sharpness,
        landmarks: looked.landmarks,
    }
}

/// Faces taken so far, a decade and split each, against `--limit`. Counts only grow, so that a thread which sees a full decade
/// early skips only what would be skipped later.
struct Counts {
    limit: usize,
    taken: [[AtomicUsize; decade::COUNT]; 2],
}

impl Counts {
    fn new(limit: Option<usize>) -> Self {
        Self { limit: limit.unwrap_or(usize::MAX), taken: Default::default() }
    }

    fn of(&self, candidate: &Candidate) -> &AtomicUsize {
        &self.taken[usize::from(candidate.split == Split::Val)][candidate.decade.index()]
    }

    fn full(&self, candidate: &Candidate) -> bool {
        self.of(candidate).load(Ordering::Relaxed) >= self.limit
    }

    fn add(&self, candidate: &Candidate) {
        self.of(candidate).fetch_add(1, Ordering::Relaxed);
    }
}

fn progress(length: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("faces {wide_bar} {pos}/{len} {per_sec}, {eta} left");
    let progress = ProgressBar::new(length as u64);
    match style {
        Ok(style) => progress.with_style(style),
        Err(_) => progress,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::cache::Cache;
    use crate::data::look::tests::{face, pattern};
    use clap::Parser;
    use shared::Decade;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    fn args(line: &str, out: &Path) -> Args {
        let words = std::iter::once("prepare").chain(line.split_whitespace());
        let mut args = Command::try_parse_from(words).unwrap().args;
        args.out = out.to_owned();
        args
    }

    /// Takes every picture for one frontal face, however small its pattern is drawn.
    fn finder() -> Result<impl Find, FaceError> {
        Ok(|_: &RgbImage| Ok(vec![face(50.0)]))
    }

    /// Pictures of 6 decades, 4 of each, two of them alike, and some that cannot be used.
    fn dataset(dir: &Path) {
        for (d, decade) in Decade::ALL.into_iter().enumerate() {
            for (part, count) in [("train", 3), ("val", 1)] {
                let folder = dir.join(part).join(decade.name());
                std::fs::create_dir_all(&folder).unwrap();
                for i in 0..count {
                    let seed = (d * 4 + i + usize::from(part == "val") * 3) as f32;
                    pattern(seed, 1.0).save(folder.join(format!("{i}.png"))).unwrap();
                }
            }
        }
        std::fs::copy(dir.join("val/20s/0.png"), dir.join("train/30s/9.png")).unwrap();
        pattern(0.5, 0.1).save(dir.join("train/20s/soft.png")).unwrap();
        std::fs::write(dir.join("train/20s/broken.jpg"), b"\xff\xd8\xff").unwrap();
        std::fs::write(dir.join("read me.txt"), b"hello").unwrap();
        std::fs::create_dir(dir.join("train/70+")).unwrap();
        pattern(0.7, 1.0).save(dir.join("train/70+/a.png")).unwrap();
    }

    #[test]
    fn every_picture_is_cached_or_counted_with_its_reason() {
        let folder = tempfile::tempdir().unwrap();
        let (dir, out) = (folder.path().join("faces"), folder.path().join("out/cache"));
        dataset(&dir);
        let mut args = args("--side 64", &out);
        args.datasets = vec![dir];
        let summary = prepare(&args, finder).unwrap();
        assert_eq!((summary.train, summary.val), ([3; 6], [1; 6]));
        assert_eq!(summary.datasets, ["faces"]);
        let reasons = [
            Skip::NotPicture,
            Skip::NoDecade(crate::data::label::NoDecade::Outside),
            Skip::Unreadable,
            Skip::Blurred,
            Skip::Duplicate,
        ];
        let expected: std::collections::BTreeMap<_, _> = reasons.iter().map(|reason| (reason.to_string(), 1)).collect();
        assert_eq!(summary.skipped, expected);
        let cache = Cache::open(&out).unwrap();
        assert_eq!(cache.records().len(), 24);
        // The copy of a val picture was the one that had to go.
        assert!(cache.records().iter().any(|record| record.file == "val/20s/0.png"));
        let skipped = std::fs::read_to_string(out.join("skipped.csv")).unwrap();
        assert!(skipped.contains("train/30s/9.png,duplicate picture"), "{skipped}");
        assert!(image::open(out.join("sheet.png")).is_ok());
    }

    #[test]
    fn threads_do_not_change_the_cache() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("faces");
        dataset(&dir);
        let bytes = |threads: usize| {
            let mut args = args("--side 64 --limit 2", &folder.path().join(format!("out{threads}")));
            (args.datasets, args.threads) = (vec![dir.clone()], Some(threads));
            let summary = prepare(&args, finder).unwrap();
            assert_eq!((summary.train, summary.val), ([2; 6], [1; 6]));
            ["faces.rgb", "faces.csv", "summary.json", "sheet.png"]
                .map(|file| std::fs::read(args.out.join(file)).unwrap())
        };
        assert_eq!(bytes(1), bytes(3));
    }

    #[test]
    fn nothing_to_use_is_told_with_the_reasons_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (dir, out) = (folder.path().join("faces"), folder.path().join("cache"));
        dataset(&dir);
        let mut args = args("--keep gender=male", &out);
        args.datasets = vec![dir];
        let error = prepare(&args, finder).unwrap_err();
        assert!(error.to_string().contains("left out by --keep"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn missing_and_empty_folders_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut args = args("", &folder.path().join("out"));
        args.datasets = vec![folder.path().join("none")];
        assert!(matches!(prepare(&args, finder), Err(PrepareError::Layout(LayoutError::NoFolder(_)))));
        std::fs::create_dir(folder.path().join("empty")).unwrap();
        args.datasets = vec![folder.path().join("empty")];
        assert!(matches!(prepare(&args, finder), Err(PrepareError::Layout(LayoutError::Empty(_)))));
    }

    #[test]
    fn the_command_line_is_understood() {
        let out = Path::new("x");
        assert_eq!(args("", out).layout, LayoutChoice::Auto);
        let full = args("a b --layout imdb-wiki --keep gender=male,decade=20s --limit 5 --side 256", out);
        assert_eq!(full.datasets, [Path::new("a"), Path::new("b")]);
        assert_eq!(full.layout, LayoutChoice::Named(Layout::ImdbWiki));
        assert_eq!((full.keep.len(), full.limit, full.side), (2, Some(5), 256));
        assert!(Command::try_parse_from(["prepare", "--layout", "lfw"]).is_err());
        assert!(Command::try_parse_from(["prepare", "--keep", "male"]).is_err());
    }
}
