//! An ablation as a page, a table to paste and numbers: rows that are done come in, each with its last preview.

use super::found::Found;
use super::rows::{Row, TAUGHT, WHOLE};
use crate::evaluate::report::STYLE;
use crate::evaluate::tables::{Table, escape, number};
use crate::train::report::PREVIEWS;
use std::fmt::Write as _;
use std::path::Path;

pub const PAGE: &str = "report.html";
pub const MARKDOWN: &str = "ablation.md";
pub const JSON: &str = "ablation.json";

const HEADER: [&str; 12] = [
    "",
    "10s, years",
    "60s, years",
    "off real at most",
    "least step",
    "distance 10s / 60s",
    "verified",
    "sharpness 10s / 60s",
    "kernel distance",
    "shape",
    "size",
    "a decade",
];
const NOTE: &str = "Judged ages, one judge after the other: means in the 10s and the 60s, how far the mean of a decade is from real \
                    faces' at most, and the share that rises from a decade to the next where it is least. Distance of the recognition \
                    net (0.6 is somebody else), and the share below that in the decade where it is least. Sharpness over the source's. \
                    Kernel distance to real faces of the decade × 1000, mean of the decades. Shape: cosine of the displacement from the \
                    10s to the 60s with real faces'. A decade: by the mirror's engine on one thread of this machine, \
                    the fastest of 60 rounds by turns. A few people only: differences of half a year or 0.005 of distance mean little.";

/// A row that is done.
pub type Done<'a> = (&'a Row, Found);

/// Rows that end with the teacher, and rows of the whole training, each below the unchanged recipe.
pub fn tables(done: &[Done]) -> Vec<Table> {
    let of = |ends: bool| done.iter().filter(move |(row, _)| row.steps.is_some() == ends);
    let tables = [true, false].map(|ends| {
        let steps = of(ends).find_map(|(row, _)| row.steps);
        let title =
            steps.map_or_else(|| "The whole training".to_owned(), |steps| format!("After the teacher, {steps} steps"));
        let mut table = Table::new(title, NOTE, &HEADER);
        if let Some((_, found)) = of(ends).next() {
            let real = |end: usize| years(found, |ages| ages.real[end]);
            table.row("real faces", [real(0), real(1)].into_iter().chain(vec![String::new(); HEADER.len() - 3]));
        }
        of(ends).for_each(|(row, found)| table.row(&row.says, cells(found)));
        table
    });
    tables.into_iter().filter(|table| !table.rows.is_empty()).collect()
}

fn cells(found: &Found) -> [String; HEADER.len() - 1] {
    let pair = |pair: [f64; 2], digits: usize| pair.map(|value| number(value, digits)).join(" / ");
    let off = found.ages.iter().map(|ages| format!("{:+.1}", ages.off)).collect::<Vec<_>>();
    let rises = found.ages.iter().map(|ages| format!("{:.0} %", 100.0 * ages.rises)).collect::<Vec<_>>();
    [
        years(found, |ages| ages.aged[0]),
        years(found, |ages| ages.aged[1]),
        off.join(" / "),
        rises.join(" / "),
        found.distance.map_or_else(|| "–".to_owned(), |distance| pair(distance, 3)),
        found.verified.map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", 100.0 * share)),
        pair(found.sharpness, 2),
        number(found.kernel.unwrap_or(f64::NAN), 1),
        number(found.shape.unwrap_or(f64::NAN), 2),
        format!("{:.1} MB", found.bytes as f64 / 1e6),
        found.milliseconds.map_or_else(|| "–".to_owned(), |milliseconds| format!("{milliseconds:.2} ms")),
    ]
}

fn years(found: &Found, of: impl Fn(&super::found::Ages) -> f64) -> String {
    found.ages.iter().map(|ages| number(of(ages), 1)).collect::<Vec<_>>().join(" / ")
}

/// The page; previews are looked for in the rows' folders below `out`.
pub fn page(recipe: &str, done: &[Done], out: &Path) -> String {
    let title = escape(&format!("What each part of {recipe} does"));
    let mut body = format!("<h1>{title}</h1>\n");
    if let Some((_, found)) = done.first() {
        let judges: Vec<&str> = found.ages.iter().map(|ages| ages.judge.as_str()).collect();
        let _ = writeln!(
            body,
            "<p>Each row is a training of its own with one thing changed; {} people never trained on, {} real faces, judges {}.</p>",
            found.people,
            found.real_faces,
            escape(&judges.join(", "))
        );
    }
    tables(done).iter().for_each(|table| body += &table.to_html());
    for (row, _) in done {
        let Some(preview) = last_preview(&out.join(&row.name)) else { continue };
        let which = match row.name.as_str() {
            TAUGHT => "as it is, after the teacher",
            WHOLE => "as it is, the whole training",
            _ => &row.says,
        };
        let _ = writeln!(
            body,
            "<h2>{}</h2><img loading=\"lazy\" alt=\"\" src=\"{}/{PREVIEWS}/{}\">",
            escape(which),
            escape(&row.name),
            escape(&preview)
        );
    }
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title><style>{STYLE}</style></head>\n<body>\n{body}</body></html>\n"
    )
}

fn last_preview(run: &Path) -> Option<String> {
    let names = std::fs::read_dir(run.join(PREVIEWS)).ok()?.flatten().map(|entry| entry.file_name());
    names
        .filter_map(|name| name.into_string().ok())
        .filter(|name| name.ends_with(".png") && !name.starts_with('.'))
        .max()
}

#[cfg(test)]
mod tests {
    use super::super::found::Ages;
    use super::super::rows::rows;
    use super::*;
    use crate::recipe::Recipe;

    fn found(oldest: f64) -> Found {
        let ages = |judge: &str| Ages {
            judge: judge.to_owned(),
            real: [16.7, 53.0],
            aged: [18.0, oldest],
            off: oldest - 53.0,
            rises: 0.925,
        };
        Found {
            recipe: String::new(),
            people: 60,
            real_faces: 600,
            bytes: 1_500_000,
            milliseconds: Some(3.125),
            ages: vec![ages("one"), ages("other")],
            distance: Some([0.28, 0.31]),
            verified: Some(1.0),
            sharpness: [0.9, 1.2],
            kernel: None,
            shape: None,
        }
    }

    #[test]
    fn the_unchanged_recipe_leads_each_table_and_previews_are_shown() {
        let rows = rows(&Recipe::find("kiosk").unwrap()).unwrap();
        let out = tempfile::tempdir().unwrap();
        let previews = out.path().join(WHOLE).join(PREVIEWS);
        std::fs::create_dir_all(&previews).unwrap();
        for step in [600, 1000] {
            std::fs::write(previews.join(format!("step-{step:08}.png")), b"").unwrap();
        }
        let done: Vec<Done> = rows.iter().map(|row| (row, found(50.25))).collect();
        let tables = tables(&done);
        assert_eq!(tables.len(), 2);
        for table in &tables {
            assert_eq!((table.rows[0][1].as_str(), table.rows[1][0].as_str()), ("16.7 / 16.7", "as it is"));
            assert_eq!(table.rows[1][3..5], ["-2.8 / -2.8", "92 % / 92 %"]);
            assert!(table.rows.iter().all(|row| row.len() == HEADER.len()));
        }
        assert_eq!(tables.iter().map(|table| table.rows.len()).sum::<usize>(), rows.len() + 2);
        let page = page("kiosk", &done, out.path());
        assert!(page.contains("whole/previews/step-00001000.png") && !page.contains("step-00000600.png"));
        assert!(page.contains("60 people"));
    }

    #[test]
    fn found_numbers_are_read_again_as_they_were_written() {
        let found = found(50.25);
        assert_eq!(serde_json::from_slice::<Found>(&serde_json::to_vec(&found).unwrap()).unwrap(), found);
    }
}
