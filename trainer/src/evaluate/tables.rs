//! The numbers as tables, for the terminal, the report page and the model card alike.

use super::Evaluation;
use super::judges::reference::Agreement;
use super::measures::fairness::{Flag, UNFAIR};
use super::measures::{Decades, age::Ages, living::Living, steady::Steadiness};
use shared::Decade;
use std::fmt::Write as _;

/// A table with a title and, below it, a line on how to read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub title: String,
    pub note: &'static str,
    pub header: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(title: impl Into<String>, note: &'static str, header: &[&str]) -> Self {
        Self {
            title: title.into(),
            note,
            header: header.iter().map(|&cell| cell.to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// A table with a column a decade.
    fn by_decade(title: impl Into<String>, note: &'static str) -> Self {
        let header: Vec<&str> = std::iter::once("").chain(Decade::ALL.map(Decade::name)).collect();
        Self::new(title, note, &header)
    }

    pub fn row(&mut self, name: &str, cells: impl IntoIterator<Item = String>) {
        self.rows.push(std::iter::once(name.to_owned()).chain(cells).collect());
    }

    /// Columns padded with blanks; nothing for a table without rows.
    pub fn to_text(&self) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let lines: Vec<&Vec<String>> = std::iter::once(&self.header).chain(&self.rows).collect();
        let width =
            |column: usize| lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max();
        let mut text = format!("{}\n", self.title);
        for line in &lines {
            for (column, cell) in line.iter().enumerate() {
                let width = width(column).unwrap_or_default();
                let _ = if column == 0 { write!(text, "  {cell:<width$}") } else { write!(text, "  {cell:>width$}") };
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text
    }

    pub fn to_html(&self) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let cells = |tag: &str, line: &[String]| {
            line.iter().map(|cell| format!("<{tag}>{}</{tag}>", escape(cell))).collect::<String>()
        };
        let mut html = format!("<h3>{}</h3>\n", escape(&self.title));
        if !self.note.is_empty() {
            let _ = writeln!(html, "<p>{}</p>", escape(self.note));
        }
        let _ = writeln!(html, "<table>\n<tr>{}</tr>", cells("th", &self.header));
        for row in &self.rows {
            let missed = row.last().is_some_and(|cell| cell == MISSED) || row.iter().any(|cell| cell.ends_with(FLAG));
            let class = if missed { " class=\"missed\"" } else { "" };
            let _ = writeln!(html, "<tr{class}>{}</tr>", cells("td", row));
        }
        html + "</table>\n"
    }

    pub fn to_markdown(&self) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let line = |cells: &[String]| {
            format!("| {} |\n", cells.iter().map(|cell| cell.replace('|', "\\|")).collect::<Vec<_>>().join(" | "))
        };
        let mut text = format!("**{}**\n\n", self.title);
        text += &line(&self.header);
        text += &format!("|{}\n", "---|".repeat(self.header.len()));
        self.rows.iter().for_each(|row| text += &line(row));
        text + "\n"
    }
}

const MISSED: &str = "missed";
const FLAG: &str = " !";
const UNSURE: &str = " ?";

/// For text in HTML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// `digits` after the point; a dash for what could not be measured.
pub fn number(value: f64, digits: usize) -> String {
    if value.is_finite() { format!("{value:.digits$}") } else { "–".into() }
}

fn numbers(values: &[f64], digits: usize) -> Vec<String> {
    values.iter().map(|&value| number(value, digits)).collect()
}

fn signed(values: &Decades) -> Vec<String> {
    values.iter().map(|&value| if value.is_finite() { format!("{value:+.1}") } else { number(value, 1) }).collect()
}

fn percent(values: &[f64]) -> Vec<String> {
    values
        .iter()
        .map(|&value| if value.is_finite() { format!("{:.1} %", 100.0 * value) } else { number(value, 1) })
        .collect()
}

/// How the judges here agree with their reference.
pub fn agreement(agreements: &[Agreement]) -> Table {
    let note = "Another implementation's numbers for the same pictures, found with another detector.";
    let mut table = Table::new(
        "Judges against their reference",
        note,
        &["judge", "pictures", "bias", "median difference", "within tolerance"],
    );
    for a in agreements {
        let digits = if a.tolerance < 1.0 { 3 } else { 1 };
        let within = format!("{:.0} % within {}", 100.0 * a.within, a.tolerance);
        table
            .row(a.what, [a.pictures.to_string(), number(a.bias, digits), number(a.median_difference, digits), within]);
    }
    table
}

/// Goals and what was found.
pub fn goals(evaluation: &Evaluation) -> Table {
    let mut table = Table::new(format!("{}: goals", evaluation.bundle.name), "", &["goal", "wanted", "found", ""]);
    for goal in &evaluation.goals {
        let met = if goal.met { "met" } else { MISSED };
        table.row(&goal.what, [goal.wanted.clone(), goal.found.clone(), met.into()]);
    }
    table
}

/// Everything measured.
pub fn all(evaluation: &Evaluation) -> Vec<Table> {
    let mut tables = vec![goals(evaluation)];
    tables.extend(evaluation.ages.iter().map(ages));
    tables.extend(identity(evaluation));
    tables.push(realism(evaluation));
    tables.push(limits(evaluation));
    tables.push(groups(evaluation));
    tables.extend(evaluation.steadiness.as_ref().map(|measured| steadiness(measured, "as photographs", PHOTOGRAPHS)));
    tables.extend(evaluation.living.as_ref().map(living));
    tables.retain(|table| !table.rows.is_empty());
    tables
}

fn ages(ages: &Ages) -> Table {
    let note = "A judge compresses ages, so aged faces are held against what it says of real faces of the decade.";
    let mut table = Table::by_decade(format!("Age, judge {}", ages.judge), note);
    table.row("real faces, mean years", numbers(&ages.real, 1));
    table.row("aged faces, mean years", numbers(&ages.aged, 1));
    table.row("aged − real", signed(&ages.gap));
    table.row("one face off by, years", numbers(&ages.error, 1));
    table.row("one real face off by", numbers(&ages.error_real, 1));
    table.row("inside the decade", percent(&ages.inside));
    table.row("real faces inside it", percent(&ages.inside_real));
    let steps = std::iter::once("–".to_owned()).chain(percent(&ages.rises_each_step));
    table.row("rises from the decade before", steps);
    table.row("rises from 10s to 60s", std::iter::repeat_n("–".to_owned(), 5).chain(percent(&[ages.rises])));
    table
}

fn identity(evaluation: &Evaluation) -> Option<Table> {
    let identity = evaluation.identity.as_ref()?;
    let mut table = Table::by_decade(
        "Identity",
        "Recognition embeddings, source against decade; the lower rows by how many decades were bridged (0 to 5).",
    );
    table.row("cosine", numbers(&identity.cosine, 3));
    table.row("distance", numbers(&identity.distance, 3));
    table.row("verified (below 0.6)", percent(&identity.verified));
    table.row("verified strictly (below 0.47)", percent(&identity.verified_strictly));
    table.row("cosine, 0 to 5 decades bridged", numbers(&identity.cosine_by_step, 3));
    table.row("verified, 0 to 5 decades bridged", percent(&identity.verified_by_step));
    Some(table)
}

fn realism(evaluation: &Evaluation) -> Table {
    let note = "Kernel distance (KID) × 1000 of MobileNetV2 features to real faces of the decade: faces of other decades aged to it, \
                the same faces as they are, and two halves of the real faces. Women count as much among the aged as among the real ones.";
    let mut table = Table::new("Realism", note, &["decade", "aged to it", "as they are", "two halves", "aged faces"]);
    for row in &evaluation.realism {
        let thousandths = [row.aged, row.source, row.halves].map(|value| number(1000.0 * value, 2));
        table.row(row.decade.name(), thousandths.into_iter().chain([row.faces.to_string()]));
    }
    table
}

fn limits(evaluation: &Evaluation) -> Table {
    let note = "Sharpness is the Laplacian's energy inside the face over the source's, detail its mean magnitude. Shape shifts are mean \
                lengths over 68 points in hundredths of the eye distance, cosines are of their directions and real faces'. Points \
                are found again in the aged faces, where paint moves them too, or taken along by the displacement alone.";
    let mut table = Table::by_decade("Limits of the paper", note);
    let limits = &evaluation.limits;
    table.row("sharpness kept", numbers(&limits.energy, 3));
    table.row("detail kept", numbers(&limits.detail, 3));
    table.row("change outside the face, of 255", numbers(&limits.outside, 3));
    if let Some(shape) = &evaluation.shape {
        table.row("shape differs, real", numbers(&shape.real, 2));
        for (moved, how) in [(&shape.found, "found again"), (&shape.displaced, "displaced")] {
            table.row(&format!("shape moved, {how}"), numbers(&moved.by, 2));
            table.row("cosine with real", numbers(&moved.cosine, 2));
            let whole = numbers(&[moved.whole, shape.whole_real, moved.whole_cosine], 2);
            table.row(&format!("10s to 60s: {how}, real, cosine"), whole.into_iter().chain(vec![String::new(); 3]));
        }
    }
    table
}

fn groups(evaluation: &Evaluation) -> Table {
    let note = "Errors by gender and group, smaller is better; in brackets the ratio to the mean of the groups. Above 1.2: ! surely, ? \
                perhaps by chance (within a standard error, or too few people to tell). The kernel distance here is the mean \
                over the decades, to real faces of the group; how sure it and shape are counts those faces as a sample too.";
    let what = evaluation.groups.first().map_or(&[][..], |group| &group.errors);
    let header: Vec<&str> = ["group", "people"].into_iter().chain(what.iter().map(|error| error.what)).collect();
    let mut table = Table::new(format!("Fairness (flagged above {UNFAIR} times)"), note, &header);
    for group in &evaluation.groups {
        let errors = group.errors.iter().map(|error| {
            let flag = match error.flag {
                Flag::None => "",
                Flag::Unsure => UNSURE,
                Flag::Worse => FLAG,
            };
            format!("{} ({}){flag}", number(error.error, 3), number(error.ratio, 2))
        });
        table.row(&group.name, std::iter::once(group.people.to_string()).chain(errors));
    }
    table
}

const PHOTOGRAPHS: &str = "Standard deviations over 90 frames of a face that moves a little, each found and aged by itself, in years and \
                           in levels of 255.";
const MIRROR: &str = "Standard deviations over 90 frames of a camera before which a face sways a little, followed and aged as the mirror \
                      does it live, in years and in levels of 255. Flicker is the mean change from frame to frame inside the face; \
                      that of what was added without the camera's noise; unsteadied: landmarks as found and each frame's own edit.";

fn steadiness(steadiness: &Steadiness, how: &str, note: &'static str) -> Table {
    let mut table = Table::new(format!("Steadiness, {how}"), note, &["", "aged to 60s", "source"]);
    for judged in &steadiness.judged {
        table.row(&format!("{}, years", judged.judge), numbers(&[judged.aged, judged.source], 2));
        table.row("its standard error", [number(judged.standard_error, 2), "–".into()]);
    }
    table.row("pixels inside the face", numbers(&[steadiness.pixels, steadiness.pixels_source], 2));
    table.row("what was added to the face", [number(steadiness.pixels_edit, 2), "–".into()]);
    table.row("frames without a face", percent(&[steadiness.lost]).into_iter().chain(["–".into()]));
    let faces = &steadiness.faces;
    table.row("faces", [faces.len().to_string(), faces.len().to_string()]);
    table
}

fn living(living: &Living) -> Table {
    let mut table = steadiness(&living.steadiness, "as a mirror", MIRROR);
    let flicker = &living.flicker;
    table.row("flicker", numbers(&[flicker.flicker, flicker.flicker_source], 2));
    table.row("flicker of what was added", [number(flicker.flicker_edit, 2), "–".into()]);
    table.row("the same, unsteadied", [number(flicker.flicker_unsteadied, 2), "–".into()]);
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_table_reads_well_in_each_form() {
        let mut table = Table::by_decade("Age <judged>", "a note");
        table.row("a|b", numbers(&[1.0, 2.25, f64::NAN, 4.0, 5.0, 6.0], 1));
        table.row("longer", percent(&[0.5; 6]));
        assert!(table.to_text().contains("\n  a|b        1.0     2.2       –"), "{}", table.to_text());
        assert!(table.to_html().contains("<h3>Age &lt;judged&gt;</h3>") && table.to_html().contains("<td>50.0 %</td>"));
        assert!(table.to_markdown().contains("| a\\|b | 1.0 | 2.2 | – |") && table.to_markdown().contains("|---|---|"));
        let empty = Table::by_decade("Nothing", "");
        assert_eq!(
            (empty.to_text(), empty.to_html(), empty.to_markdown()),
            (String::new(), String::new(), String::new())
        );
    }
}
