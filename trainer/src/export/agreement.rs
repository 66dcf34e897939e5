//! The agreement suite: the same faces and ages through every engine, and the differences between them as a table.
//!
//! The float net in tch is the truth that training measured; the int8 graph in tract is what visitors see.

use super::engine::{Engine, EngineError, Seen};
use super::faces::inside;
use shared::manifest::Quantization;
use shared::{Condition, Decade, decade};
use std::fmt;

/// Cosine of pictures that int8 weights must reach against float ones.
const WEIGHTS_COSINE: f64 = 0.999;
/// Cosine of pictures, and of what ageing does, that int8 convolutions must reach, against float and in another engine.
const INT8_COSINE: f64 = 0.98;
/// Cosine of features between two engines that compute the same graph.
const SAME_COSINE: f64 = 0.9999;
/// Largest difference of pictures (in −1..1) between two engines that compute the same graph: a quarter of a grey level.
const SAME_MAX: f64 = 0.002;
/// Least mean change inside the face (in grey levels of 255) between any two decades.
pub const LEAST_CHANGE: f64 = 0.1;
/// A value in −1..1 is this many grey levels.
const LEVELS: f64 = 127.5;

/// One engine with one graph.
pub struct Contestant<'a> {
    /// Such as `int8 in tract`.
    pub name: String,
    pub engine: Box<dyn Engine + 'a>,
    /// What it computes with.
    pub quantization: Quantization,
}

/// What two series of values differ by, as more of them come in.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Difference {
    largest: f64,
    sum: f64,
    count: usize,
    products: [f64; 3],
}

impl Difference {
    pub fn add(&mut self, a: &[f32], b: &[f32]) {
        for (&a, &b) in a.iter().zip(b) {
            let (a, b) = (f64::from(a), f64::from(b));
            let difference = (a - b).abs();
            // A NaN must show, and `max` would drop it.
            self.largest = if difference.is_nan() { difference } else { self.largest.max(difference) };
            self.sum += difference;
            for (sum, product) in self.products.iter_mut().zip([a * b, a * a, b * b]) {
                *sum += product;
            }
        }
        self.count += a.len().min(b.len());
    }

    /// Largest absolute difference.
    pub const fn largest(&self) -> f64 {
        self.largest
    }

    /// Mean absolute difference.
    pub fn mean(&self) -> f64 {
        self.sum / self.count.max(1) as f64
    }

    /// 1 for the same direction; 1 for two series of zeros.
    pub fn cosine(&self) -> f64 {
        let [ab, aa, bb] = self.products;
        if aa == 0.0 && bb == 0.0 { 1.0 } else { ab / (aa * bb).sqrt() }
    }
}

/// How far two contestants may be apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tolerance {
    /// The same float arithmetic: a quarter of a grey level.
    Same,
    /// Different weights: by the direction of the pictures.
    Weights,
    /// Convolutions in int8 on a side or both: by the direction of what ageing does too. In two engines a value that falls between two
    /// bytes may be rounded either way, and all that follows differs.
    Int8,
}

impl Tolerance {
    const fn between(a: Quantization, b: Quantization) -> Self {
        use Quantization::{Int8, Int8Weights, None};
        match (a, b) {
            (Int8, _) | (_, Int8) => Self::Int8,
            (None, None) | (Int8Weights, Int8Weights) => Self::Same,
            (None, Int8Weights) | (Int8Weights, None) => Self::Weights,
        }
    }
}

/// Two contestants over all faces.
#[derive(Clone, Debug)]
pub struct Row {
    pub left: String,
    pub right: String,
    /// What the left and the right side compute with.
    pub between: (Quantization, Quantization),
    /// Aged faces.
    pub picture: Difference,
    /// Aged faces less the faces: what ageing does.
    pub change: Difference,
    /// The middle layers.
    pub features: Difference,
    /// Share of the pictures' bytes that differ by more than one grey level.
    pub visible: f64,
}

impl Row {
    /// What is wrong, if something is.
    pub fn flaw(&self) -> Option<String> {
        match Tolerance::between(self.between.0, self.between.1) {
            Tolerance::Same => self.not_the_same(),
            Tolerance::Weights => self.below("the pictures", self.picture.cosine(), WEIGHTS_COSINE),
            Tolerance::Int8 => self
                .below("the pictures", self.picture.cosine(), INT8_COSINE)
                .or_else(|| self.below("the change", self.change.cosine(), INT8_COSINE)),
        }
    }

    fn not_the_same(&self) -> Option<String> {
        let largest = self.picture.largest();
        if largest.is_nan() || largest > SAME_MAX {
            let pair = self.pair();
            return Some(format!("{pair}: pictures differ by up to {largest:.5}, allowed: {SAME_MAX}"));
        }
        self.below("the features", self.features.cosine(), SAME_COSINE)
    }

    fn below(&self, what: &str, cosine: f64, least: f64) -> Option<String> {
        let reached = cosine >= least; // false for NaN
        (!reached).then(|| format!("{}: cosine of {what} is {cosine:.6}, allowed: {least}", self.pair()))
    }

    fn pair(&self) -> String {
        format!("{} and {}", self.left, self.right)
    }

    /// Whether the two sides hold different numbers.
    pub fn quantizes(&self) -> bool {
        self.between.0 != self.between.1
    }
}

/// Everything that was compared.
#[derive(Clone, Debug, Default)]
pub struct Agreement {
    pub faces: usize,
    pub rows: Vec<Row>,
    /// What was not run, and why.
    pub skipped: Vec<(String, String)>,
    /// Mean change inside the face between two decades, in grey levels, by the last contestant of [`changes`].
    pub changes: [[f64; decade::COUNT]; decade::COUNT],
}

/// Runs all faces through all contestants, face i at decade i mod 6, and compares the named pairs (indices of contestants).
pub fn compare(
    faces: &[Vec<f32>],
    contestants: &mut [Contestant<'_>],
    pairs: &[(usize, usize)],
) -> Result<Vec<Row>, EngineError> {
    let mut rows: Vec<Row> = pairs
        .iter()
        .map(|&(a, b)| Row {
            left: contestants[a].name.clone(),
            right: contestants[b].name.clone(),
            between: (contestants[a].quantization, contestants[b].quantization),
            picture: Difference::default(),
            change: Difference::default(),
            features: Difference::default(),
            visible: 0.0,
        })
        .collect();
    for (face, decade) in faces.iter().zip(Decade::ALL.into_iter().cycle()) {
        let age = Condition::one_hot(decade);
        let mut seen = Vec::with_capacity(contestants.len());
        for contestant in contestants.iter_mut() {
            seen.push(contestant.engine.run(face, &age)?);
        }
        for (row, &(a, b)) in rows.iter_mut().zip(pairs) {
            row.add(face, &seen[a], &seen[b]);
        }
    }
    for row in &mut rows {
        row.visible /= row.picture.count.max(1) as f64;
    }
    Ok(rows)
}

impl Row {
    fn add(&mut self, face: &[f32], a: &Seen, b: &Seen) {
        self.picture.add(&a.aged, &b.aged);
        let change = |seen: &Seen| seen.aged.iter().zip(face).map(|(aged, face)| aged - face).collect::<Vec<_>>();
        self.change.add(&change(a), &change(b));
        let apart = |(a, b): &(&f32, &f32)| f64::from(*a - *b).abs() * LEVELS > 1.0;
        self.visible += a.aged.iter().zip(&b.aged).filter(apart).count() as f64;
        for (name, values) in &a.features {
            if let Some((_, others)) = b.features.iter().find(|(other, _)| other == name) {
                self.features.add(values, others);
            }
        }
    }
}

/// Mean absolute change inside the face, in grey levels, between the pictures of any two decades.
pub fn changes(
    faces: &[Vec<f32>],
    engine: &mut dyn Engine,
) -> Result<[[f64; decade::COUNT]; decade::COUNT], EngineError> {
    let mut changes = [[0.0; decade::COUNT]; decade::COUNT];
    for face in faces {
        let size = (face.len() as f64 / 3.0).sqrt() as usize;
        let within: Vec<usize> = (0..face.len()).filter(|i| inside(size, i % size, i / size % size)).collect();
        let mut pictures = Vec::with_capacity(decade::COUNT);
        for decade in Decade::ALL {
            pictures.push(engine.run(face, &Condition::one_hot(decade))?.aged);
        }
        for (row, a) in changes.iter_mut().zip(&pictures) {
            for (change, b) in row.iter_mut().zip(&pictures) {
                let sum: f64 = within.iter().map(|&i| f64::from((a[i] - b[i]).abs())).sum();
                *change += sum * LEVELS / (within.len() * faces.len()).max(1) as f64;
            }
        }
    }
    Ok(changes)
}

impl Agreement {
    /// All that is out of tolerance.
    pub fn flaws(&self) -> Vec<String> {
        let mut flaws: Vec<String> = self.rows.iter().filter_map(Row::flaw).collect();
        for (i, a) in Decade::ALL.iter().enumerate() {
            for (j, b) in Decade::ALL.iter().enumerate().skip(i + 1) {
                let change = self.changes[i][j];
                let enough = change >= LEAST_CHANGE;
                if !enough {
                    flaws.push(format!(
                        "{a} and {b} differ by {change:.3} grey levels inside the face, least: {LEAST_CHANGE}"
                    ));
                }
            }
        }
        flaws
    }

    /// Numbers for the bundle's manifest.
    pub fn measures(&self) -> Vec<(&'static str, f32)> {
        let ends = self.changes[0][decade::COUNT - 1];
        let least = (1..decade::COUNT).map(|i| self.changes[i - 1][i]).fold(f64::INFINITY, f64::min);
        let mut measures =
            vec![("levels_changed_10s_to_60s", ends as f32), ("levels_changed_least_step", least as f32)];
        if let Some(row) = self.rows.iter().find(|row| row.quantizes()) {
            measures.extend([
                ("int8_faces", self.faces as f32),
                ("int8_cosine", row.picture.cosine() as f32),
                ("int8_cosine_of_change", row.change.cosine() as f32),
                ("int8_mean_levels", (row.picture.mean() * LEVELS) as f32),
                ("int8_largest_levels", (row.picture.largest() * LEVELS) as f32),
            ]);
        }
        measures
    }
}

/// Markdown tables, which read as plain text as well.
impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header =
            ["", "largest difference", "mean difference", "cosine", "cosine of the change", "cosine of features"];
        let mut table = vec![header.map(String::from).to_vec()];
        table[0].extend(["off by more than a level", "verdict"].map(String::from));
        for row in &self.rows {
            table.push(vec![
                format!("{} ↔ {}", row.left, row.right),
                format!("{:.2e}", row.picture.largest()),
                format!("{:.2e}", row.picture.mean()),
                format!("{:.7}", row.picture.cosine()),
                format!("{:.5}", row.change.cosine()),
                format!("{:.6}", row.features.cosine()),
                format!("{:.3} %", row.visible * 100.0),
                if row.flaw().is_none() { "good" } else { "OUT OF TOLERANCE" }.into(),
            ]);
        }
        for (name, reason) in &self.skipped {
            let mut cells = vec![String::new(); table[0].len()];
            cells[0] = name.clone();
            cells[table[0].len() - 1] = format!("not run: {reason}");
            table.push(cells);
        }
        writeln!(f, "Pictures in −1..1, {} faces:\n", self.faces)?;
        write_table(f, &table)?;
        writeln!(f, "\nMean change inside the face from decade to decade, in grey levels of 255:\n")?;
        let mut table =
            vec![std::iter::once(String::new()).chain(Decade::ALL.map(|d| d.to_string())).collect::<Vec<_>>()];
        for (decade, row) in Decade::ALL.iter().zip(&self.changes) {
            table.push(std::iter::once(decade.to_string()).chain(row.map(|change| format!("{change:.2}"))).collect());
        }
        write_table(f, &table)
    }
}

/// The first row is the header; columns are as wide as their widest cell.
fn write_table(f: &mut fmt::Formatter<'_>, rows: &[Vec<String>]) -> fmt::Result {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for (i, row) in rows.iter().enumerate() {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}")).collect();
        writeln!(f, "| {} |", cells.join(" | "))?;
        if i == 0 {
            let rules: Vec<String> = widths.iter().map(|&width| "-".repeat(width.max(1))).collect();
            writeln!(f, "| {} |", rules.join(" | "))?;
        }
    }
    Ok(())
}
