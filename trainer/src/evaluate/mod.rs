//! `trainer evaluate BUNDLE`: is a bundle worth showing? People of the val part go through the device's own code, judges that never
//! taught look at what comes out: numbers, a report page, contact sheets and a model card go out.

pub mod card;
mod curves;
pub mod goals;
pub mod judges;
pub mod measures;
mod report;
pub mod sample;
mod sheet;
pub mod subject;
mod tables;

use crate::data::layouts::LayoutError;
use crate::data::prepare::{DEFAULT_DATASET, PrepareError};
use edge::ager::AgerError;
use edge::bundle::{Bundle, BundleError};
use edge::face::FaceError;
use edge::files::write_atomic;
use edge::mirror::MirrorError;
use edge::photo::PhotoError;
use edge::photograph::PhotographError;
use indicatif::{ProgressBar, ProgressStyle};
use judges::reference::{self, Agreement};
use judges::{Judges, net::JudgeError};
use measures::fairness::Group;
use measures::{age, fairness, identity, limits, living, realism, shape, steady};
use rayon::prelude::*;
use sample::Person;
use serde::Serialize;
use shared::geometry::FitError;
use std::path::{Path, PathBuf};
use subject::{Device, RealFace, Subject};

/// What `trainer evaluate` takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The bundle's folder
    pub bundle: PathBuf,
    /// Another bundle (or the same with float weights), judged on the same people and shown beside it
    #[arg(long, value_name = "BUNDLE")]
    pub against: Option<PathBuf>,
    /// People of each decade
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..))]
    pub faces: u32,
    /// Real faces of each decade that aged ones are held against, the same people among them
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub real: u32,
    /// People of whom 90 photographs and 90 frames of the living mirror tell how steady the aged face is
    #[arg(long, default_value_t = 12)]
    pub steady: usize,
    /// A labelled dataset with a val part
    #[arg(long, default_value = DEFAULT_DATASET, value_name = "DIR")]
    pub data: PathBuf,
    /// The judges' folder
    #[arg(long, default_value = "../shared/judges", value_name = "DIR")]
    pub judges: PathBuf,
    /// Where the report goes [default: runs/evaluate-NAME]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Why a bundle is not evaluated.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    #[error(transparent)]
    Bundle(#[from] BundleError),
    #[error(transparent)]
    Ager(#[from] AgerError),
    #[error(transparent)]
    NoData(#[from] PrepareError),
    #[error(transparent)]
    Layout(#[from] LayoutError),
    #[error("{}: nobody to judge; the val part needs faces of the decades 10s to 60s", .0.display())]
    Nobody(PathBuf),
    #[error(transparent)]
    Face(#[from] FaceError),
    #[error(transparent)]
    Judge(#[from] JudgeError),
    #[error(transparent)]
    Photo(#[from] PhotoError),
    #[error(transparent)]
    Photograph(#[from] PhotographError),
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    #[error("a face's points cannot be aligned: {0}")]
    Points(#[from] FitError),
    #[error("the portraits are not framed as expected; this build is broken")]
    Framing,
    #[error("{}: {reason}; get the file again, or remove it to do without the comparison", path.display())]
    Reference { path: PathBuf, reason: String },
    #[error("cannot write {}: {reason}", path.display())]
    Write { path: PathBuf, reason: String },
}

/// Everything measured on one bundle.
#[derive(Clone, Debug, Serialize)]
pub struct Evaluation {
    pub bundle: Named,
    pub people: usize,
    /// Real faces that they are held against, these people among them.
    pub real_faces: usize,
    /// People in whose photograph the mirror found no face.
    pub not_found: usize,
    pub goals: Vec<goals::Goal>,
    pub ages: Vec<age::Ages>,
    pub identity: Option<identity::Identity>,
    pub realism: Vec<realism::Realism>,
    pub limits: limits::Limits,
    pub shape: Option<shape::Shape>,
    pub groups: Vec<Group>,
    /// Of frames aged as photographs, each by itself.
    pub steadiness: Option<steady::Steadiness>,
    /// Of the living mirror.
    pub living: Option<living::Living>,
}

/// Which bundle.
#[derive(Clone, Debug, Serialize)]
pub struct Named {
    /// As the manifest names it; with its folder where two of one name are compared.
    pub name: String,
    pub recipe: String,
    pub quantization: shared::manifest::Quantization,
    pub bytes: usize,
    pub sha256: String,
}

/// A bundle, its numbers, and the people they are from.
struct Judged {
    bundle: Bundle,
    evaluation: Evaluation,
    subjects: Vec<Subject>,
}

/// The content of `evaluation.json`.
#[derive(Serialize)]
struct Results<'a> {
    judges: &'a [Agreement],
    bundles: Vec<&'a Evaluation>,
    people: Vec<report::Life<'a>>,
    real: Vec<report::Look<'a>>,
}

/// Evaluates, prints the tables and writes the report.
pub fn run(args: &Args) -> Result<(), EvaluateError> {
    let folders = [Some(&args.bundle), args.against.as_ref()].into_iter().flatten();
    let bundles = folders.map(|folder| Ok((folder, Bundle::read(folder)?))).collect::<Result<Vec<_>, BundleError>>()?;
    if args.data == Path::new(DEFAULT_DATASET) && !args.data.is_dir() {
        return Err(PrepareError::NoData.into());
    }
    let out =
        args.out.clone().unwrap_or_else(|| Path::new("runs").join(format!("evaluate-{}", bundles[0].1.manifest.name)));
    let failed = |path: &Path, reason: String| EvaluateError::Write { path: path.to_owned(), reason };
    std::fs::create_dir_all(&out).map_err(|error| failed(&out, error.to_string()))?;
    tch::set_num_threads(1);
    for missing in Judges::missing(&args.judges) {
        println!("{missing}");
    }
    let judges = Judges::load(&args.judges)?;
    let everybody = sample::people(&args.data, args.faces.max(args.real) as usize)?;
    let people = sample::first(&everybody, args.faces as usize);
    println!("{} people of {}, beside {} real faces", people.len(), args.data.display(), everybody.len());
    let agreements = reference::compare(&args.judges, &args.data, &judges)?;
    print!("{}", tables::agreement(&agreements).to_text());

    let progress = progress("real faces", "people", everybody.len());
    let real = each(&bundles[0].1, &everybody, |device, person| {
        let face = device.look(&judges, person)?;
        progress.inc(1);
        Ok(face)
    })?;
    progress.finish_and_clear();
    let real: Vec<RealFace> = real.into_iter().flatten().collect();

    let mut judged = Vec::new();
    let alike =
        bundles.iter().all(|(_, bundle)| bundle.manifest.name == bundles[0].1.manifest.name) && bundles.len() > 1;
    for (folder, bundle) in bundles {
        let name = bundle.manifest.name.as_str();
        let name = if alike { format!("{name} ({})", folder.display()) } else { name.to_owned() };
        let (evaluation, subjects) = evaluate(name, &bundle, &judges, (&people, &real), args.steady)?;
        for table in tables::all(&evaluation) {
            print!("\n{}", table.to_text());
        }
        judged.push(Judged { bundle, evaluation, subjects });
    }
    let lives = judged
        .iter()
        .flat_map(|judged| judged.subjects.iter().map(|subject| report::life(&judged.evaluation, subject)));
    let bundles = judged.iter().map(|judged| &judged.evaluation).collect();
    let results = Results {
        judges: &agreements,
        bundles,
        people: lives.collect(),
        real: real.iter().map(report::look).collect(),
    };
    let json =
        serde_json::to_vec_pretty(&results).map_err(|error| failed(&out.join(report::JSON), error.to_string()))?;
    let sheets = judged.iter().map(|judged| sheet::write(&out, judged)).collect::<Result<Vec<_>, _>>()?;
    let page = report::page(&agreements, &judged, &sheets)?;
    let card =
        judged.iter().map(|judged| card::card(&judged.bundle.manifest, &judged.evaluation)).next().unwrap_or_default();
    for (name, bytes) in [(report::JSON, &json[..]), (report::PAGE, page.as_bytes()), (card::FILE, card.as_bytes())] {
        let path = out.join(name);
        write_atomic(&path, bytes).map_err(|error| failed(&path, error.to_string()))?;
    }
    println!("\n{}: {}, {}, {}, contact sheets", out.display(), report::PAGE, report::JSON, card::FILE);
    Ok(())
}

/// All measures of one bundle: of `people`, who are among the `real` faces if found.
fn evaluate(
    name: String,
    bundle: &Bundle,
    judges: &Judges,
    (people, real): (&[Person], &[RealFace]),
    steady: usize,
) -> Result<(Evaluation, Vec<Subject>), EvaluateError> {
    let manifest = &bundle.manifest;
    let progress = progress(&name, "people", people.len());
    let sources: Vec<&RealFace> = real.iter().filter(|face| people.contains(&face.person)).collect();
    let found = each(bundle, &sources, |device, source| {
        let measured = device.measure(judges, source)?;
        progress.inc(1);
        Ok(measured)
    })?;
    progress.finish_and_clear();
    let subjects: Vec<Subject> = found.into_iter().flatten().collect();
    if subjects.is_empty() {
        return Err(EvaluateError::Nobody(people.first().map_or_else(PathBuf::new, |person| person.path.clone())));
    }

    let chosen = steady::chosen(people, steady);
    let progress = self::progress(&name, "frames", chosen.len() * (steady::FRAMES + living::ALL_FRAMES));
    let faces = each(bundle, &chosen, |device, person| steady::face(device, judges, person, || progress.inc(1)))?;
    let visitors = each(bundle, &chosen, |device, person| living::face(device, judges, person, || progress.inc(1)))?;
    progress.finish_and_clear();

    let all: Vec<&Subject> = subjects.iter().collect();
    let mut evaluation = Evaluation {
        bundle: Named {
            name,
            recipe: manifest.recipe.as_str().to_owned(),
            quantization: manifest.quantization,
            bytes: bundle.generator.len(),
            sha256: bundle.hash().to_owned(),
        },
        people: all.len(),
        real_faces: real.len(),
        not_found: people.len() - all.len(),
        goals: Vec::new(),
        ages: age::measure(&all, &age::real(real)),
        identity: identity::measure(&all),
        realism: realism::measure(&all, real),
        limits: limits::measure(&all),
        shape: shape::measure(&all, &shape::RealShapes::of(real)),
        groups: fairness::measure(&all, real),
        steadiness: steady::summary(faces.into_iter().flatten().collect()),
        living: living::summary(visitors.into_iter().flatten().collect()),
    };
    evaluation.goals = goals::goals(&evaluation);
    Ok((evaluation, subjects))
}

/// What `work` finds of each of `people`, in their order, on all cores, each with a device of its own.
fn each<P: Sync, T: Send>(
    bundle: &Bundle,
    people: &[P],
    work: impl Fn(&mut Device, &P) -> Result<T, EvaluateError> + Sync,
) -> Result<Vec<T>, EvaluateError> {
    // A few parts a core, as some people take longer than others and every part builds its device anew.
    let part = people.len().div_ceil(4 * rayon::current_num_threads()).max(1);
    let parts = people.par_chunks(part).map(|people| {
        let mut device = Device::new(bundle)?;
        people.iter().map(|person| work(&mut device, person)).collect::<Result<Vec<T>, EvaluateError>>()
    });
    Ok(parts.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

fn progress(name: &str, what: &str, length: usize) -> ProgressBar {
    let style =
        ProgressStyle::with_template(&format!("{name}, {what} {{wide_bar}} {{pos}}/{{len}} {{per_sec}}, {{eta}} left"));
    let progress = ProgressBar::new(length as u64);
    match style {
        Ok(style) => progress.with_style(style),
        Err(_) => progress,
    }
}
