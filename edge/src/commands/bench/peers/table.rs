//! What came of it: rows of engines, for people and as JSON.

use super::peak::Peak;
use crate::timing::Quartiles;
use serde::Serialize;
use std::collections::BTreeSet;

#[derive(Debug, Serialize)]
pub struct Report {
    pub rounds: usize,
    pub peaks: Vec<Peak>,
    /// Peers that are not there, with the reason.
    pub missing: Vec<(String, String)>,
    pub models: Vec<Table>,
}

/// The rows of one net.
#[derive(Debug, Serialize)]
pub struct Table {
    pub model: String,
    /// 10⁹ multiplications with additions a run.
    pub gmacs: f64,
    pub rows: Vec<Row>,
}

/// One engine with one kind of numbers and so many threads.
#[derive(Debug, Serialize)]
pub struct Row {
    pub engine: &'static str,
    pub version: Option<String>,
    pub numbers: &'static str,
    pub threads: usize,
    pub milliseconds: Option<Quartiles>,
    pub rounds: usize,
    pub gmacs_per_second: Option<f64>,
    /// Of the measured peak of its numbers, for so many cores.
    pub share_of_peak: Option<f64>,
    /// Against tract's floats.
    pub to_float: Option<Agreement>,
    /// Against our engine.
    pub to_ours: Option<Agreement>,
    /// Why it is not measured, or what else is to be known.
    pub note: Option<String>,
}

/// How near the outputs of two engines are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Agreement {
    /// Of the first output.
    pub cosine: f64,
    /// Over all outputs.
    pub largest_difference: f64,
}

impl Agreement {
    /// Of all outputs, one after the other, of which the first has so many values.
    pub fn of(a: &[f32], b: &[f32], first: usize) -> Option<Self> {
        if a.len() != b.len() || first > a.len() {
            return None;
        }
        let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
        let (x, y) = (&a[..first], &b[..first]);
        let lengths = (product(x, x) * product(y, y)).sqrt();
        let cosine = if lengths > 0.0 { product(x, y) / lengths } else { 1.0 };
        let largest = a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max);
        Some(Self { cosine, largest_difference: largest })
    }
}

impl Report {
    pub fn print(&self) {
        for Peak { numbers, instruction, gmacs_per_second } in &self.peaks {
            println!(
                "peak of a core, {}: {gmacs_per_second:.0} GMAC/s ({instruction})",
                format!("{numbers:?}").to_lowercase()
            );
        }
        for (peer, reason) in &self.missing {
            println!("{peer}: not measured ({reason})");
        }
        let rows = self.models.iter().flat_map(|table| &table.rows);
        let versions: BTreeSet<_> = rows.filter_map(|row| Some((row.engine, row.version.as_deref()?))).collect();
        versions.iter().for_each(|(engine, version)| println!("{engine} {version}"));
        self.models.iter().for_each(Table::print);
        println!("\nms: the median of at most {} rounds in which all take turns, and its quartiles.", self.rounds);
        println!("cos: cosine of the first output; diff: largest difference over all outputs.");
    }
}

impl Table {
    fn print(&self) {
        println!("\n{}: {:.3} GMAC", self.model, self.gmacs);
        let heads = [
            "engine",
            "numbers",
            "threads",
            "ms",
            "(quartiles)",
            "GMAC/s",
            "of peak",
            "cos float",
            "cos ours",
            "diff ours",
        ];
        println!("{}", line(heads.map(str::to_owned)));
        for row in &self.rows {
            let Some(ms) = row.milliseconds else {
                let note = row.note.as_deref().unwrap_or("not measured");
                println!("{:<12} {:<9} {:>7}   {note}", row.engine, row.numbers, row.threads);
                continue;
            };
            let number =
                |value: Option<f64>, digits: usize| value.map_or("–".into(), |value| format!("{value:.digits$}"));
            let cells = [
                row.engine.to_owned(),
                row.numbers.to_owned(),
                row.threads.to_string(),
                format!("{:.2}", ms.median),
                format!("({:.2}–{:.2})", ms.lower, ms.upper),
                number(row.gmacs_per_second, 1),
                row.share_of_peak.map_or("–".into(), |share| format!("{:.1} %", share * 100.0)),
                number(row.to_float.map(|agreement| agreement.cosine), 5),
                number(row.to_ours.map(|agreement| agreement.cosine), 5),
                number(row.to_ours.map(|agreement| agreement.largest_difference), 4),
            ];
            println!("{}{}", line(cells), row.note.as_ref().map_or(String::new(), |note| format!("  {note}")));
        }
    }
}

fn line([engine, numbers, threads, ms, quartiles, gmacs, share, float, ours, difference]: [String; 10]) -> String {
    format!(
        "{engine:<12} {numbers:<9} {threads:>7} {ms:>9} {quartiles:>17} {gmacs:>8} {share:>8} {float:>10} {ours:>9} {difference:>9}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreement_is_of_the_first_output_and_of_all() {
        let agreement = Agreement::of(&[3.0, 4.0, 1.0], &[6.0, 8.0, 1.5], 2).unwrap();
        assert!((agreement.cosine - 1.0).abs() < 1e-12 && agreement.largest_difference == 4.0);
        let opposite = Agreement::of(&[1.0, 0.0], &[-1.0, 0.0], 2).unwrap();
        assert!((opposite.cosine + 1.0).abs() < 1e-12);
        assert_eq!(Agreement::of(&[0.0], &[0.0], 1).unwrap().cosine, 1.0);
        assert_eq!(Agreement::of(&[1.0], &[1.0, 2.0], 1), None);
    }
}
