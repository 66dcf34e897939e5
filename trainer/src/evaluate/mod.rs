//! `trainer evaluate BUNDLE`: is a bundle worth showing? People of the val part go through the device's own code, judges that never
//! taught look at what comes out: numbers, a report page, contact sheets and a model card go out.

pub mod card;
mod curves;
pub mod goals;
pub mod judges;
pub mod measures;
pub mod panel;
pub mod report;
pub mod sample;
mod sheet;
pub mod subject;
pub mod tables;

use crate::data::layouts::LayoutError;
use crate::data::prepare::{DEFAULT_DATASET, PrepareError};
use edge::ager::AgerError;
use edge::bundle::{Bundle, BundleError};
use edge::face::FaceError;
use edge::files::write_atomic;
use edge::mirror::MirrorError;
use edge::photo::PhotoError;
use edge::photograph::PhotographError;
use judges::net::JudgeError;
use judges::reference::Agreement;
use measures::fairness::Group;
use measures::{age, identity, limits, living, realism, shape, steady};
use panel::Panel;
use serde::Serialize;
use shared::geometry::FitError;
use std::path::{Path, PathBuf};
use subject::Subject;

/// What `trainer evaluate` takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The bundle's folder
    pub bundle: PathBuf,
    /// Another bundle (or the same with float weights), judged on the same people and shown beside it
    #[arg(long, value_name = "BUNDLE")]
    pub against: Option<PathBuf>,
    /// People of each decade
    #[arg(long, default_value_t = 95, value_parser = clap::value_parser!(u32).range(1..))]
    pub faces: u32,
    /// Real faces of each decade that aged ones are held against, the same people among them
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u32).range(1..))]
    pub real: u32,
    /// People of whom 90 photographs and 90 frames of the living mirror tell how steady the aged face is
    #[arg(long, default_value_t = 48)]
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
    panel::need(&args.data)?;
    let out =
        args.out.clone().unwrap_or_else(|| Path::new("runs").join(format!("evaluate-{}", bundles[0].1.manifest.name)));
    let failed = |path: &Path, reason: String| EvaluateError::Write { path: path.to_owned(), reason };
    std::fs::create_dir_all(&out).map_err(|error| failed(&out, error.to_string()))?;
    let panel = Panel::gather(&args.judges, &args.data, args.faces, args.real)?;
    let agreements = panel.agreement(&args.judges, &args.data)?;
    print!("{}", tables::agreement(&agreements).to_text());

    let mut judged = Vec::new();
    let alike =
        bundles.iter().all(|(_, bundle)| bundle.manifest.name == bundles[0].1.manifest.name) && bundles.len() > 1;
    for (folder, bundle) in bundles {
        let name = bundle.manifest.name.as_str();
        let name = if alike { format!("{name} ({})", folder.display()) } else { name.to_owned() };
        let (evaluation, subjects) = panel.judge(name, &bundle, args.steady)?;
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
        real: panel.real.iter().map(report::look).collect(),
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
