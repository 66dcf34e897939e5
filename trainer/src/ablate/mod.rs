//! `trainer ablate`: what does each part of a recipe give? The recipe is trained, exported and judged once as it is and once a row
//! with one thing left out or changed ([`rows`]), and all are timed by turns ([`clock`]); a page with tables and previews goes out
//! ([`page`]). What is done already is left out, so that the same command goes on after an interruption.

mod clock;
mod found;
mod page;
mod rows;

use crate::data::prepare::DEFAULT_DATASET;
use crate::evaluate::{EvaluateError, panel::Panel};
use crate::export::command as export;
use crate::pipeline::{PipelineError, prepared, stage};
use crate::recipe::{Recipe, RecipeError};
use crate::train::checkpoint::{Checkpoint, FOLDER};
use crate::train::{self, TrainError, visitor};
use edge::ager::AgerError;
use edge::bundle::{Bundle, BundleError};
use edge::files::write_atomic;
use found::Found;
use page::{Done, tables};
use rows::{Row, TAUGHT, rows};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{fs, io};

/// What `trainer ablate` takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// paper, kiosk, smoke, or the path of a TOML file
    #[arg(long, default_value = "kiosk")]
    pub recipe: String,
    /// Where caches and runs lie; the ablation goes into RUNS/NAME-ablation
    #[arg(long, default_value = "runs")]
    pub runs: PathBuf,
    /// Makes only these rows, by their names, and what they are compared with; all unless given
    #[arg(long, value_name = "ROW", num_args = 1..)]
    pub only: Vec<String>,
    /// People of each decade
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub faces: u32,
    /// Real faces of each decade that aged ones are held against
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub real: u32,
    /// A labelled dataset with a train and a val part
    #[arg(long, default_value = DEFAULT_DATASET, value_name = "DIR")]
    pub data: PathBuf,
    /// The judges' folder
    #[arg(long, default_value = "../shared/judges", value_name = "DIR")]
    pub judges: PathBuf,
    /// CPU cores to train with; all unless given
    #[arg(long)]
    pub threads: Option<usize>,
}

/// Why an ablation ends early.
#[derive(Debug, thiserror::Error)]
pub enum AblateError {
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    #[error("no row `{name}`; this recipe has: {known}")]
    NoRow { name: String, known: String },
    #[error(transparent)]
    Stage(#[from] PipelineError),
    #[error(
        "`{0}` was made by another recipe; remove it to make it anew, or keep the ablation of each recipe in other --runs"
    )]
    Stale(PathBuf),
    #[error("row {row}: {source}")]
    Train { row: String, source: TrainError },
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    #[error(transparent)]
    Bundle(#[from] BundleError),
    #[error(transparent)]
    Ager(#[from] AgerError),
    #[error("cannot write `{path}`: {source}")]
    Write { path: PathBuf, source: io::Error },
}

/// Trains, exports and judges what is still to be done, row by row, and writes the page after each.
pub fn run(args: &Args) -> Result<(), AblateError> {
    let base = Recipe::find(&args.recipe)?;
    let rows = rows(&base)?;
    let mut missing = wanted(&rows, &args.only)?;
    let out = args.runs.join(format!("{}-ablation", base.name));
    let panel = Panel::gather(&args.judges, &args.data, args.faces, args.real)?;
    let ablation = Ablation { args, base: &base, out: &out, panel: &panel };
    missing.retain(|row| ablation.found(row).is_none());
    let started = Instant::now();
    for (i, row) in missing.iter().enumerate() {
        println!("row {} of {} that are not there yet: {} ({})", i + 1, missing.len(), row.name, row.says);
        ablation.make(row)?;
        ablation.write(&ablation.done(&rows))?;
        let minutes = started.elapsed().as_secs_f64() / 60.0 / (i + 1) as f64;
        println!("about {:.0} minutes left", minutes * (missing.len() - i - 1) as f64);
    }
    let mut done = ablation.done(&rows);
    ablation.time(&mut done)?;
    ablation.write(&done)?;
    tables(&done).iter().for_each(|table| print!("\n{}", table.to_text()));
    println!("\n{}: {}, {}, {}", out.display(), page::PAGE, page::MARKDOWN, page::JSON);
    Ok(())
}

/// The rows that are asked for, and those that they stand on.
fn wanted<'a>(rows: &'a [Row], only: &[String]) -> Result<Vec<&'a Row>, AblateError> {
    if let Some(name) = only.iter().find(|name| !rows.iter().any(|row| row.name == **name)) {
        let known = rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>().join(", ");
        return Err(AblateError::NoRow { name: name.clone(), known });
    }
    let wanted = |row: &&Row| only.is_empty() || row.is_unchanged() || only.contains(&row.name);
    Ok(rows.iter().filter(wanted).collect())
}

/// An ablation under way.
struct Ablation<'a> {
    args: &'a Args,
    base: &'a Recipe,
    out: &'a Path,
    panel: &'a Panel,
}

impl Ablation<'_> {
    /// The rows whose numbers are there.
    fn done<'a>(&self, rows: &'a [Row]) -> Vec<Done<'a>> {
        rows.iter().filter_map(|row| Some((row, self.found(row)?))).collect()
    }

    /// A row's numbers, where they are there already.
    fn found(&self, row: &Row) -> Option<Found> {
        let found: Found = serde_json::from_slice(&fs::read(self.numbers(row)).ok()?).ok()?;
        let asked = (row.recipe.text.as_str(), self.panel.people.len(), self.panel.real.len());
        ((found.recipe.as_str(), found.people, found.real_faces) == asked).then_some(found)
    }

    fn bundle(&self, row: &Row) -> PathBuf {
        self.out.join(&row.name).join("bundle")
    }

    fn numbers(&self, row: &Row) -> PathBuf {
        self.out.join(&row.name).join("found.json")
    }

    /// Trains, exports and judges a row.
    fn make(&self, row: &Row) -> Result<(), AblateError> {
        let run = self.out.join(&row.name);
        let cache = self.args.runs.join(format!("faces-{}", row.recipe.data.side));
        prepared(&cache, row.recipe.data.side, std::slice::from_ref(&self.args.data))?;
        self.begin(row, &run)?;
        let recipe = self.out.join(format!("{}.toml", row.name));
        put(&recipe, row.recipe.text.as_bytes())?;
        let training = train::Args {
            recipe: recipe.display().to_string(),
            cache: cache.clone(),
            out: run.clone(),
            steps: row.steps,
            resume: true,
            threads: self.args.threads,
        };
        train::run(&training).map_err(|source| AblateError::Train { row: row.name.clone(), source })?;
        let bundle = self.bundle(row);
        let words =
            [run.as_os_str(), OsStr::new("--out"), bundle.as_os_str(), OsStr::new("--cache"), cache.as_os_str()];
        let words = stage(words).map_err(PipelineError::from)?;
        export::run(&words).map_err(PipelineError::from)?;
        let (evaluation, _) = self.panel.judge(row.name.clone(), &Bundle::read(&bundle)?, 0)?;
        put_json(&self.numbers(row), &Found::of(&row.recipe.text, &evaluation))
    }

    /// Lays into a row's folder what it need not learn: the teacher's part, and the visitor net.
    fn begin(&self, row: &Row, run: &Path) -> Result<(), AblateError> {
        let taught = self.out.join(TAUGHT);
        if Checkpoint::exists(run) {
            self.refuse_stale(row, run)?;
        } else if row.taught {
            let from = Checkpoint::find(&taught).map_err(PipelineError::from)?.path;
            let name = from.file_name().unwrap_or_default();
            copy(&from, &run.join(FOLDER).join(name))?;
        }
        if row.recipe.data != self.base.data || run.join(visitor::FILE_NAME).exists() {
            return Ok(());
        }
        let runs = [self.args.runs.join(&self.base.name), taught, self.out.join(rows::WHOLE)];
        match runs.iter().find(|from| self.reads_alike(from)) {
            Some(from) => copy(&from.join(visitor::FILE_NAME), &run.join(visitor::FILE_NAME)),
            None => Ok(()),
        }
    }

    /// A run goes on with other numbers of a recipe than it began with; a row must not.
    fn refuse_stale(&self, row: &Row, run: &Path) -> Result<(), AblateError> {
        let checkpoint = Checkpoint::find(run).map_err(PipelineError::from)?;
        let copied = row.taught && checkpoint.state.step == self.base.training.warm_up;
        let made_by = Recipe { text: row.recipe.text.clone(), ..checkpoint.recipe()? };
        if copied || made_by == row.recipe { Ok(()) } else { Err(AblateError::Stale(run.to_owned())) }
    }

    /// Whether a run's visitor net was trained as this recipe's is.
    fn reads_alike(&self, run: &Path) -> bool {
        let alike = |recipe: Recipe| {
            let of = |recipe: &Recipe| (recipe.data.clone(), recipe.visitor, recipe.training.seed);
            of(&recipe) == of(self.base)
        };
        let recipe = Recipe::find(&run.join("recipe.toml").display().to_string());
        run.join(visitor::FILE_NAME).exists() && recipe.is_ok_and(alike)
    }

    /// Times all rows together.
    fn time(&self, done: &mut [Done]) -> Result<(), AblateError> {
        let bundles: Result<Vec<_>, _> = done.iter().map(|(row, _)| Bundle::read(&self.bundle(row))).collect();
        let all = clock::by_turns(&bundles?)?;
        done.iter_mut().zip(all).for_each(|((_, found), milliseconds)| found.milliseconds = Some(milliseconds));
        Ok(())
    }

    /// Writes the page, the tables and the numbers.
    fn write(&self, done: &[Done]) -> Result<(), AblateError> {
        let markdown: String = tables(done).iter().map(|table| table.to_markdown()).collect();
        put(&self.out.join(page::MARKDOWN), markdown.as_bytes())?;
        let numbers: Vec<_> = done.iter().map(|(row, found)| (&row.name, &row.says, found)).collect();
        put_json(&self.out.join(page::JSON), &numbers)?;
        put(&self.out.join(page::PAGE), page::page(&self.base.name, done, self.out).as_bytes())
    }
}

fn put_json(path: &Path, value: &impl serde::Serialize) -> Result<(), AblateError> {
    let json = serde_json::to_vec_pretty(value);
    put(path, &json.map_err(|error| AblateError::Write { path: path.to_owned(), source: error.into() })?)
}

/// Writes a file, in a folder that is made if need be.
fn put(path: &Path, bytes: &[u8]) -> Result<(), AblateError> {
    let failed = |source| AblateError::Write { path: path.to_owned(), source };
    path.parent().map_or(Ok(()), fs::create_dir_all).map_err(failed)?;
    write_atomic(path, bytes).map_err(failed)
}

fn copy(from: &Path, to: &Path) -> Result<(), AblateError> {
    put(to, &fs::read(from).map_err(|source| AblateError::Write { path: from.to_owned(), source })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_bring_what_they_are_compared_with() {
        let rows = rows(&Recipe::find("kiosk").unwrap()).unwrap();
        let names = |only: &[&str]| {
            let only: Vec<String> = only.iter().map(|&name| name.to_owned()).collect();
            wanted(&rows, &only).map(|rows| rows.into_iter().map(|row| row.name.clone()).collect::<Vec<_>>())
        };
        assert_eq!(names(&[]).unwrap().len(), rows.len());
        assert_eq!(names(&["no-cycle"]).unwrap(), [TAUGHT, rows::WHOLE, "no-cycle"]);
        let error = names(&["no-hair"]).unwrap_err().to_string();
        assert!(error.contains("no-hair") && error.contains("no-wrinkles"), "{error}");
    }
}
