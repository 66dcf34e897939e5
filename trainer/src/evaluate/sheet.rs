//! Contact sheets for the eye, which decides where it and a number disagree: people of all kinds, and those with whom it went
//! worst. Each row is a source and its six decades.

use super::measures::{age, identity, mean};
use super::subject::{Device, Subject};
use super::{EvaluateError, Judged};
use crate::evaluate::judges::AGE_JUDGES;
use crate::inspect::canvas::{Canvas, LINE};
use edge::files::write_atomic;
use image::imageops::{self, FilterType};
use image::{ImageFormat, RgbImage};
use rayon::prelude::*;
use shared::decade::COUNT;
use std::io::Cursor;
use std::path::Path;

/// People on the sheets of all kinds, at most, and on one sheet.
const PEOPLE: usize = 72;
const ROWS: usize = 12;
/// People on each sheet of the worst.
const WORST: usize = 10;
/// Height of a portrait on a sheet, and the width that it is cut to.
const HEIGHT: u32 = 224;
const WIDTH: u32 = 180;
const GAP: u32 = 4;

/// A written sheet: its file beside the report and what it shows.
pub struct Sheet {
    pub file: String,
    pub title: String,
}

/// Name and heading of a sheet, and its people with a line about each.
type Plan<'a> = (String, String, Vec<(&'a Subject, String)>);

/// Draws and writes all sheets of a bundle into `out`.
pub fn write(out: &Path, judged: &Judged) -> Result<Vec<Sheet>, EvaluateError> {
    let prefix = file_name(&judged.evaluation.bundle.name);
    let people = from_all_decades(&judged.subjects);
    let mut plans: Vec<Plan> = Vec::new();
    for (i, rows) in people.chunks(ROWS).enumerate() {
        let rows = rows.iter().map(|subject| (*subject, String::new())).collect();
        plans.push((format!("{prefix}-people-{}.png", i + 1), format!("People {}", i + 1), rows));
    }
    let mut worst = |name: &str, title: &str, of: &dyn Fn(&Subject) -> Option<f64>| {
        let mut rows: Vec<(f64, &Subject)> =
            judged.subjects.iter().filter_map(|subject| Some((of(subject)?, subject))).collect();
        rows.retain(|(value, _)| value.is_finite());
        rows.sort_by(|a, b| b.0.total_cmp(&a.0));
        let rows: Vec<_> =
            rows.into_iter().take(WORST).map(|(value, subject)| (subject, format!("{title} {value:.2}"))).collect();
        if !rows.is_empty() {
            plans.push((format!("{prefix}-worst-{name}.png"), format!("The worst ten by {title}"), rows));
        }
    };
    worst("identity", "largest identity distance", &|subject| {
        identity::pairs(subject).map(|pairs| pairs.iter().map(|pair| pair.1).fold(0.0, f64::max))
    });
    let real: Vec<_> = judged.evaluation.ages.iter().map(|ages| (ages.judge, ages.real)).collect();
    worst("age", "mean years off", &|subject| age_error(subject, &real));
    worst("sharpness", "sharpness off by", &|subject| {
        Some(subject.kept.iter().map(|kept| (kept.energy - 1.0).abs()).fold(0.0, f64::max))
    });
    let sheets = plans.into_par_iter().map(|(file, title, rows)| {
        let mut device = Device::new(&judged.bundle)?;
        let path = out.join(&file);
        let failed = |reason: String| EvaluateError::Write { path: path.clone(), reason };
        let mut png = Cursor::new(Vec::new());
        draw(&mut device, &rows)?.write_to(&mut png, ImageFormat::Png).map_err(|error| failed(error.to_string()))?;
        write_atomic(&path, png.get_ref()).map_err(|error| failed(error.to_string()))?;
        Ok(Sheet { file, title })
    });
    sheets.collect()
}

/// A bundle's name as the beginning of a file's.
fn file_name(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

/// Mean distance of a person's judged ages from those of real faces.
fn age_error(subject: &Subject, real: &[(&'static str, super::measures::Decades)]) -> Option<f64> {
    let off = AGE_JUDGES.iter().enumerate().filter_map(|(judge, name)| {
        let real = real.iter().find(|(judge, _)| judge == name)?.1;
        let life = age::life(subject, judge)?;
        Some(mean(&life.iter().zip(real).map(|(age, real)| (age - real).abs()).collect::<Vec<_>>()))
    });
    let off: Vec<f64> = off.collect();
    (!off.is_empty()).then(|| mean(&off))
}

/// People of all decades in turn; within a decade they come in turn of gender and group already.
fn from_all_decades(subjects: &[Subject]) -> Vec<&Subject> {
    let of = |decade: usize| subjects.iter().filter(move |subject| subject.person.decade.index() == decade);
    (0..subjects.len())
        .flat_map(|round| (0..COUNT).filter_map(move |decade| of(decade).nth(round)))
        .take(PEOPLE)
        .collect()
}

fn draw(device: &mut Device, rows: &[(&Subject, String)]) -> Result<RgbImage, EvaluateError> {
    let height = HEIGHT + LINE + GAP;
    let mut canvas = Canvas::new((WIDTH + GAP) * (COUNT as u32 + 1), height * rows.len() as u32);
    for (row, (subject, told)) in rows.iter().enumerate() {
        let (person, top) = (&subject.person, row as u32 * height);
        let gender = person.gender.map(|gender| gender.to_string()).unwrap_or_default();
        let group = person.group.as_deref().unwrap_or_default();
        canvas.text(&format!("{}  {}  {gender}  {group}  {told}", person.file, person.decade), 2, top);
        let Some(aged) = device.age(&edge::photo::read(&person.path)?)? else { continue };
        for (column, portrait) in std::iter::once(&aged.source).chain(&aged.decades).enumerate() {
            canvas.put(&cell(portrait), column as u32 * (WIDTH + GAP), top + LINE);
        }
    }
    Ok(canvas.picture)
}

/// A portrait at the height of a row, its middle.
fn cell(portrait: &RgbImage) -> RgbImage {
    let (width, height) = portrait.dimensions();
    let wide = (HEIGHT * width).div_ceil(height.max(1)).max(1);
    let small = imageops::resize(portrait, wide, HEIGHT, FilterType::CatmullRom);
    imageops::crop_imm(&small, wide.saturating_sub(WIDTH) / 2, 0, WIDTH.min(wide), HEIGHT).to_image()
}

#[cfg(test)]
mod tests {
    use super::super::subject::tests::subject;
    use super::*;

    #[test]
    fn the_sheets_show_all_decades_early() {
        let subjects: Vec<Subject> = (0..200).map(|number| subject(number / 34 + 6 * (number % 34), 0.0)).collect();
        let people = from_all_decades(&subjects);
        assert_eq!(people.len(), PEOPLE);
        assert_eq!(
            people[..6].iter().map(|subject| subject.person.decade.index()).collect::<Vec<_>>(),
            [0, 1, 2, 3, 4, 5]
        );
    }

    #[test]
    fn names_become_files_and_portraits_cells() {
        assert_eq!(file_name("../paper v2"), "___paper_v2");
        for (width, height) in [(384, 384), (20, 400), (1, 1)] {
            let cell = cell(&RgbImage::new(width, height));
            assert_eq!(cell.height(), HEIGHT);
            assert!(cell.width() <= WIDTH);
        }
    }
}
