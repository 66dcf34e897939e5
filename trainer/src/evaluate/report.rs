//! `report.html`: tables, curves and contact sheets of one bundle, or of two side by side. Loads nothing but the sheets beside it.

use super::judges::AGE_JUDGES;
use super::judges::reference::Agreement;
use super::measures::{age, identity};
use super::sample::Person;
use super::sheet::Sheet;
use super::subject::{RealFace, Subject};
use super::tables::{self, escape};
use super::{EvaluateError, Evaluation, Judged, curves};
use serde::Serialize;
use std::fmt::Write as _;

pub const PAGE: &str = "report.html";
pub const JSON: &str = "evaluation.json";

pub const STYLE: &str = "body{font:15px/1.5 sans-serif;margin:2em auto;max-width:110em;padding:0 1em}\
table{border-collapse:collapse;font-size:13px}th,td{text-align:right;padding:.1em .7em;border-bottom:1px solid #ddd}\
th:first-child,td:first-child{text-align:left}.missed{background:#fbe3df}img{max-width:100%}\
.beside{display:flex;gap:3em;flex-wrap:wrap;align-items:flex-start}";

/// One person's numbers, for `evaluation.json`.
#[derive(Serialize)]
pub struct Life<'a> {
    bundle: &'a str,
    #[serde(flatten)]
    person: &'a Person,
    /// Judged ages, by judge: the source's, then those of the six decades.
    ages: Vec<(&'static str, f64, [f64; 6])>,
    distance: Option<[f64; 6]>,
    cosine: Option<[f64; 6]>,
    sharpness: [f64; 6],
    outside: [f64; 6],
}

/// One real face's, for `evaluation.json`.
#[derive(Serialize)]
pub struct Look<'a> {
    #[serde(flatten)]
    person: &'a Person,
    /// Judged age, by judge.
    ages: Vec<(&'static str, f64)>,
}

/// What `evaluation.json` tells of a real face.
pub fn look(face: &RealFace) -> Look<'_> {
    let ages = AGE_JUDGES.into_iter().zip(face.seen.opinion.ages);
    Look { person: &face.person, ages: ages.filter_map(|(judge, age)| Some((judge, age?))).collect() }
}

/// What `evaluation.json` tells of a person.
pub fn life<'a>(evaluation: &'a Evaluation, subject: &'a Subject) -> Life<'a> {
    let ages = AGE_JUDGES.into_iter().enumerate();
    let ages = ages.filter_map(|(i, judge)| Some((judge, subject.source.opinion.ages[i]?, age::life(subject, i)?)));
    let pairs = identity::pairs(subject);
    Life {
        bundle: &evaluation.bundle.name,
        person: &subject.person,
        ages: ages.collect(),
        distance: pairs.map(|pairs| pairs.map(|pair| pair.1)),
        cosine: pairs.map(|pairs| pairs.map(|pair| pair.0)),
        sharpness: subject.kept.map(|kept| kept.energy),
        outside: subject.kept.map(|kept| kept.outside),
    }
}

/// The page; `sheets` are those of each bundle.
pub(super) fn page(
    agreements: &[Agreement],
    judged: &[Judged],
    sheets: &[Vec<Sheet>],
) -> Result<String, EvaluateError> {
    let names: Vec<&str> = judged.iter().map(|judged| judged.evaluation.bundle.name.as_str()).collect();
    let title = escape(&format!("Evaluation of {}", names.join(" against ")));
    let mut body = format!(
        "<h1>{title}</h1>\n<p>Faces never trained on, aged by the device's own code. Where a number and the eye disagree, the eye decides.</p>\n"
    );
    let mut line = |text: &str| {
        let _ = writeln!(body, "{text}");
    };
    line("<div class=\"beside\">");
    for Judged { evaluation, .. } in judged {
        let bundle = &evaluation.bundle;
        line("<div>");
        line(&format!(
            "<p>{}: recipe {}, {} bytes, SHA-256 {}…; {} people, {} not found; held against {} real faces</p>",
            escape(&bundle.name),
            escape(&bundle.recipe),
            bundle.bytes,
            bundle.sha256.get(..12).unwrap_or_default(),
            evaluation.people,
            evaluation.not_found,
            evaluation.real_faces
        ));
        line(&tables::goals(evaluation).to_html());
        line("</div>");
    }
    line("</div>");
    line(&tables::agreement(agreements).to_html());
    line("<div class=\"beside\">");
    for Judged { evaluation, .. } in judged {
        line(&format!("<div><h2>{}</h2>", escape(&evaluation.bundle.name)));
        tables::all(evaluation).iter().skip(1).for_each(|table| line(&table.to_html()));
        curves::all(evaluation)?.iter().for_each(|curve| line(curve));
        line("</div>");
    }
    line("</div>");
    line("<div class=\"beside\">");
    for (judged, sheets) in judged.iter().zip(sheets) {
        line(&format!(
            "<div><h2>{}: contact sheets</h2><p>The source, then 10s to 60s.</p>",
            escape(&judged.evaluation.bundle.name)
        ));
        for sheet in sheets {
            line(&format!(
                "<h3>{}</h3><img loading=\"lazy\" alt=\"\" src=\"{}\">",
                escape(&sheet.title),
                escape(&sheet.file)
            ));
        }
        line("</div>");
    }
    line("</div>");
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title><style>{STYLE}</style></head>\n<body>\n{body}</body></html>\n"
    ))
}
