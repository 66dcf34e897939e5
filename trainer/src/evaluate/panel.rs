//! Who judges and who is judged: judges, people of the val part and real faces to hold them against come in once, for all the
//! bundles that are judged after that.

use super::goals;
use super::judges::Judges;
use super::judges::reference::{self, Agreement};
use super::measures::{age, fairness, identity, limits, living, realism, shape, steady};
use super::sample::{self, Person};
use super::subject::{Device, RealFace, Subject};
use super::{EvaluateError, Evaluation, Named};
use crate::data::prepare::{DEFAULT_DATASET, PrepareError};
use edge::bundle::Bundle;
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// The same judges and people for every bundle.
pub struct Panel {
    judges: Judges,
    /// Those who are aged.
    pub people: Vec<Person>,
    /// Of all of whom a face was found, the people among them.
    pub real: Vec<RealFace>,
}

impl Panel {
    /// Judges of a folder; of each decade of a labelled dataset's val part, `faces` people and `real` real faces.
    pub fn gather(judges: &Path, data: &Path, faces: u32, real: u32) -> Result<Self, EvaluateError> {
        need(data)?;
        let threads = one_thread();
        for missing in Judges::missing(judges) {
            println!("{missing}");
        }
        let judges = Judges::load(judges)?;
        let everybody = sample::people(data, faces.max(real) as usize)?;
        let people = sample::first(&everybody, faces as usize);
        println!("{} people of {}, beside {} real faces", people.len(), data.display(), everybody.len());
        let progress = progress("real faces", "people", everybody.len());
        let real = each(&Bundle::embedded()?, &everybody, |device, person| {
            let face = device.look(&judges, person)?;
            progress.inc(1);
            Ok(face)
        })?;
        progress.finish_and_clear();
        tch::set_num_threads(threads);
        Ok(Self { judges, people, real: real.into_iter().flatten().collect() })
    }

    /// How the judges here agree with their reference.
    pub fn agreement(&self, judges: &Path, data: &Path) -> Result<Vec<Agreement>, EvaluateError> {
        reference::compare(judges, data, &self.judges)
    }

    /// All measures of one bundle, `steady` people's steadiness among them.
    pub fn judge(
        &self,
        name: String,
        bundle: &Bundle,
        steady: usize,
    ) -> Result<(Evaluation, Vec<Subject>), EvaluateError> {
        let Self { judges, people, real } = self;
        let manifest = &bundle.manifest;
        let threads = one_thread();
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
        let visitors =
            each(bundle, &chosen, |device, person| living::face(device, judges, person, || progress.inc(1)))?;
        progress.finish_and_clear();
        tch::set_num_threads(threads);

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
            shape: shape::measure(&all, &shape::RealShapes::of(&real.iter().collect::<Vec<_>>())),
            groups: fairness::measure(&all, real),
            steadiness: steady::summary(faces.into_iter().flatten().collect()),
            living: living::summary(visitors.into_iter().flatten().collect()),
        };
        evaluation.goals = goals::goals(&evaluation);
        Ok((evaluation, subjects))
    }
}

/// Says where the faces come from if the default dataset is not there.
pub fn need(data: &Path) -> Result<(), PrepareError> {
    if data == Path::new(DEFAULT_DATASET) && !data.is_dir() { Err(PrepareError::NoData) } else { Ok(()) }
}

/// Each judge has one thread, as people are judged side by side; gives how many there were.
fn one_thread() -> i32 {
    let threads = tch::get_num_threads();
    tch::set_num_threads(1);
    threads
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
