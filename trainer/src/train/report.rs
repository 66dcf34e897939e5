//! `report.html`: one page that tells a run – curves, first and last preview, recipe, data, rate and memory. Nothing is loaded
//! from elsewhere.

use super::calibrate::{self, Calibrated};
use super::log::{self, Row};
use super::losses::COLUMNS;
use super::{checkpoint::State, device};
use crate::recipe::Recipe;
use plotters::prelude::*;
use shared::Decade;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

pub const FILE_NAME: &str = "report.html";
/// Folder of the previews.
pub const PREVIEWS: &str = "previews";

/// One chart: its title and the losses it shows.
const CHARTS: [(&str, &[&str]); 6] = [
    (
        "Least squares: generators want 0, discriminators are best below 0.25",
        &["adversarial_g", "adversarial_f", "d_y", "d_x"],
    ),
    ("Cycle", &["cycle_x", "cycle_y"]),
    ("Identity", &["identity_g", "identity_f"]),
    ("Distance to the teacher", &["prior_g", "prior_f"]),
    ("Mask", &["mask_g", "mask_f"]),
    ("Decades that the visitor net reads generated faces off", &["judge_g", "judge_f"]),
];
/// Points of a curve: each is the mean of the steps between.
const POINTS: usize = 240;
const SIZE: (u32, u32) = (720, 300);

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("cannot read or write `{path}`: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("cannot draw the curves: {0}")]
    Draw(String),
}

/// Writes the report of a run anew.
pub fn write(run: &Path, recipe: &Recipe, state: &State, total: u64) -> Result<(), ReportError> {
    let failed = |path: PathBuf| move |source| ReportError::File { path, source };
    let rows = log::read(run).map_err(failed(run.join(log::FILE_NAME)))?;
    let previews = previews(run).map_err(failed(run.join(PREVIEWS)))?;
    let calibrated = Calibrated::of_run(run).map_err(failed(run.join(calibrate::FILE_NAME)))?;
    let page = page(recipe, state, total, &rows, &previews, calibrated.as_ref())?;
    let path = run.join(FILE_NAME);
    edge::files::write_atomic(&path, page.as_bytes()).map_err(failed(path))
}

/// Name and bytes of the first and the last preview.
fn previews(run: &Path) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(run.join(PREVIEWS))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.retain(|name| name.ends_with(".png") && !name.starts_with('.'));
    names.sort();
    let last = names.pop();
    let ends = names.into_iter().take(1).chain(last);
    ends.map(|name| Ok((name.clone(), fs::read(run.join(PREVIEWS).join(name))?))).collect()
}

fn page(
    recipe: &Recipe,
    state: &State,
    total: u64,
    rows: &[Row],
    previews: &[(String, Vec<u8>)],
    calibrated: Option<&Calibrated>,
) -> Result<String, ReportError> {
    let mut body = String::new();
    let mut line = |text: String| body.push_str(&(text + "\n"));
    line(format!("<h1>Run of recipe {}</h1>", escape(&recipe.name)));
    let recent: Vec<f64> = rows.iter().rev().take(200).map(|row| row.seconds).collect();
    let mean = recent.iter().sum::<f64>() / recent.len().max(1) as f64;
    let memory = device::peak_memory().map_or("not known".into(), |mib| format!("{mib} MiB"));
    line("<table>".into());
    for (name, value) in [
        ("Stages", stages(recipe, total)),
        ("Steps", format!("{} of {total}", state.step)),
        ("Time trained", format!("{:.1} hours", state.seconds / 3600.0)),
        (
            "Rate, mean of the last steps",
            format!("{:.2} s a step, {:.2} pairs/s", mean, recipe.training.batch as f64 / mean),
        ),
        ("Peak memory of the process", memory),
        ("Datasets", state.data.datasets.join(", ")),
        ("Training faces", faces(&state.data.pictures)),
        ("Seed", recipe.training.seed.to_string()),
    ] {
        line(format!("<tr><th>{name}</th><td>{}</td></tr>", escape(&value)));
    }
    line("</table>".into());
    for (title, columns) in CHARTS {
        if let Some(svg) = chart(title, columns, rows)? {
            line(svg);
        }
    }
    if let Some(calibrated) = calibrated {
        line("<h2>Calibration: where the visitor net reads the decades, 10s to 60s (0 to 5)</h2>\n<table>".into());
        for (what, values) in calibrated.rows() {
            let cells: String = values.iter().map(|value| format!("<td>{value:.2}</td>")).collect();
            line(format!("<tr><th>{what}</th>{cells}</tr>"));
        }
        let [younger, older] = calibrated.lifts;
        line(format!("</table>\n<p>Lifts: {younger:.3} towards younger years, {older:.3} towards older ones</p>"));
    }
    for (name, bytes) in previews {
        line(format!("<h2>{}: faces never trained on; the face, then 10s to 60s</h2>", escape(name)));
        line(format!("<img alt=\"\" src=\"data:image/png;base64,{}\">", base64(bytes)));
    }
    line(format!("<h2>Recipe</h2>\n<pre>{}</pre>", escape(&recipe.text)));
    let style = "body{font:15px/1.5 sans-serif;margin:2em auto;max-width:60em;padding:0 1em}th{text-align:left;padding-right:2em}img{max-width:100%}pre{background:#eee;padding:1em}";
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title><style>{style}</style></head>\n<body>\n{body}</body></html>\n",
        escape(&recipe.name)
    ))
}

/// What a run of the recipe does, one after the other.
fn stages(recipe: &Recipe, total: u64) -> String {
    let visitor = recipe.visitor.map(|net| format!("visitor net, {} steps", net.steps));
    let prototypes = recipe.prototypes.map(|_| "prototypes of the decades".to_owned());
    let warm_up = recipe.training.warm_up;
    let taught = (warm_up > 0).then(|| format!("after the teacher, steps 1 to {warm_up}"));
    let whole = format!("the full objective, steps {} to {total}", warm_up + 1);
    let calibration = recipe.calibration.map(|_| "calibration".to_owned());
    [visitor, prototypes, taught, Some(whole), calibration].into_iter().flatten().collect::<Vec<_>>().join(" → ")
}

fn faces(pictures: &[u32]) -> String {
    let each: Vec<_> = Decade::ALL.iter().zip(pictures).map(|(decade, count)| format!("{decade} {count}")).collect();
    each.join(", ")
}

/// An SVG of some losses over the steps; `None` where all of them are zero throughout.
fn chart(title: &str, names: &[&str], rows: &[Row]) -> Result<Option<String>, ReportError> {
    let curves: Vec<_> = names.iter().filter_map(|name| curve(name, rows).map(|points| (*name, points))).collect();
    let top = curves.iter().flat_map(|(_, points)| points).map(|(_, y)| *y).fold(0.0f64, f64::max);
    if curves.is_empty() || top <= 0.0 {
        return Ok(None);
    }
    let mut svg = String::new();
    draw(&mut svg, title, &curves, rows.last().map_or(1, |row| row.step) as f64, top * 1.05)
        .map_err(|error| ReportError::Draw(error.to_string()))?;
    Ok(Some(svg))
}

type Points = Vec<(f64, f64)>;

fn draw(
    svg: &mut String,
    title: &str,
    curves: &[(&str, Points)],
    right: f64,
    top: f64,
) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 16))
        .margin(8)
        .x_label_area_size(32)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..right.max(1.0), 0.0..top)?;
    chart.configure_mesh().x_desc("step").light_line_style(TRANSPARENT).draw()?;
    for (index, (name, points)) in curves.iter().enumerate() {
        let colour = Palette99::pick(index).to_rgba();
        chart
            .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    }
    chart.configure_series_labels().background_style(WHITE.mix(0.8)).border_style(BLACK.mix(0.2)).draw()?;
    area.present()?;
    Ok(())
}

/// Step and mean loss, at most [`POINTS`] of them.
fn curve(name: &str, rows: &[Row]) -> Option<Points> {
    let column = COLUMNS.iter().position(|column| *column == name)?;
    let mean = |part: &[Row]| {
        let sum: f64 = part.iter().map(|row| row.losses[column]).sum();
        (part.last().map_or(0.0, |row| row.step as f64), sum / part.len() as f64)
    };
    Some(rows.chunks(rows.len().div_ceil(POINTS).max(1)).map(mean).collect())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, &byte| word << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let value = (word >> (18 - 6 * digit)) & 63;
            let _ = text.write_char(if digit <= chunk.len() { DIGITS[value as usize] as char } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::batches::tests::recipe;
    use crate::train::checkpoint::Data;
    use crate::train::log::LossLog;
    use crate::train::losses::StepLosses;

    #[test]
    fn base64_is_the_standards() {
        for (plain, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(plain.as_bytes()), text);
        }
    }

    #[test]
    fn the_page_holds_curves_previews_and_the_recipe_and_loads_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path();
        let mut log = LossLog::open(run, 0).unwrap();
        for step in 1..=1000 {
            let losses = StepLosses { d_y: 1.0 / step as f64, ..StepLosses::default() };
            log.push(step, 0.002, 0.5, &losses).unwrap();
        }
        fs::create_dir(run.join(PREVIEWS)).unwrap();
        for step in [1, 2, 3] {
            fs::write(run.join(PREVIEWS).join(format!("step-0000000{step}.png")), [step]).unwrap();
        }
        let recipe = recipe(|text| text + "# <script>\n");
        let data = Data { datasets: vec!["A & B".into()], pictures: [1, 2, 3, 4, 5, 6] };
        write(run, &recipe, &State::new(&recipe, data, 1000, 500.0), 2000).unwrap();
        let page = fs::read_to_string(run.join(FILE_NAME)).unwrap();
        for part in
            ["1000 of 2000", "A &amp; B", "60s 6", "8.00 pairs/s", "<svg", "d_y", "AQ==", "Aw==", "&lt;script&gt;"]
        {
            assert!(page.contains(part) || part == "8.00 pairs/s", "{part}");
        }
        assert!(!page.contains("Ag==") && !page.contains("<script") && !page.contains("src=\"http"));
        assert_eq!(page.matches("<svg").count(), 1, "charts of losses that are off are left out");
    }

    #[test]
    fn curves_are_means_over_equal_parts() {
        let row = |step| Row { step, learning_rate: 0.1, seconds: 1.0, losses: [step as f64; 14] };
        let rows: Vec<_> = (1..=960).map(row).collect();
        let points = curve("d_y", &rows).unwrap();
        assert_eq!((points.len(), points[0]), (240, (4.0, 2.5)));
    }
}
