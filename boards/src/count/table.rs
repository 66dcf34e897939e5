//! Counts become tables: a net and a processor each, and what a board's clock makes of them.

use super::core::Core;
use super::instruction::Kind;
use super::plugin::Counts;
use crate::board::{self, Board};
use serde::Serialize;
use std::fmt::{self, Display, Formatter};

/// Everything that was counted.
#[derive(Debug, Serialize)]
pub struct Report {
    pub tables: Vec<Table>,
    pub boards: Vec<Expected>,
}

/// A net on a processor.
#[derive(Debug, Serialize)]
pub struct Table {
    pub net: String,
    pub processor: &'static str,
    #[serde(skip)]
    pub core: Core,
    pub rows: Vec<Row>,
}

/// One run of a net in an engine.
#[derive(Debug, Serialize)]
pub struct Row {
    pub engine: &'static str,
    pub numbers: &'static str,
    pub counted: Result<Counted, String>,
}

/// What one run costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Counted {
    pub instructions: u64,
    /// Of these: arithmetic on vectors and floats.
    pub vector: u64,
    /// Of these: loads and stores.
    pub memory: u64,
    /// The fewest cycles of the core's model.
    pub cycles: f64,
    /// Cosine of its outputs to ours.
    pub cosine: Option<f64>,
}

/// What a board's clock makes of our engine's cycles.
#[derive(Debug, Serialize)]
pub struct Expected {
    pub board: String,
    pub net: String,
    pub megahertz: u32,
    /// Milliseconds on one core, at least.
    pub milliseconds: f64,
    /// Frames a second on one core, at most.
    pub frames: f64,
    /// The same on as many cores as the board's file gives the generator, each with a frame of its own.
    pub threads: u32,
    pub frames_together: f64,
}

impl Row {
    pub fn new(engine: &'static str, numbers: &'static str, counts: &Counts, core: Core, cosine: Option<f64>) -> Self {
        let counted = Counted {
            instructions: counts.instructions(|_| true),
            vector: counts.instructions(Kind::is_vector),
            memory: counts.instructions(Kind::is_memory),
            cycles: counts.cycles(core),
            cosine,
        };
        Self { engine, numbers, counted: Ok(counted) }
    }

    pub fn failed(engine: &'static str, numbers: &'static str, reason: String) -> Self {
        Self { engine, numbers, counted: Err(reason) }
    }
}

impl Table {
    fn ours(&self) -> Option<&Counted> {
        self.rows.iter().find(|row| row.engine == "ours")?.counted.as_ref().ok()
    }
}

impl Report {
    pub fn new(tables: Vec<Table>, boards: &[Board]) -> Self {
        let pairs = boards.iter().flat_map(|board| tables.iter().map(move |table| (board, table)));
        let expected = pairs.filter_map(|(board, table)| Expected::of(board, table)).collect();
        Self { tables, boards: expected }
    }
}

impl Expected {
    /// Nothing for a board with another core or without a clock.
    fn of(board: &Board, table: &Table) -> Option<Self> {
        // The A57 is the A72's elder sister, the A78AE a wider A76.
        let core = match board.cpu.core {
            board::Core::A57 | board::Core::A72 => Core::A72,
            board::Core::A76 | board::Core::A78ae => Core::A76,
        };
        let (megahertz, counted) = (board.cpu.clock_mhz?, table.ours().filter(|_| core == table.core)?);
        let milliseconds = counted.cycles / f64::from(megahertz) / 1000.0;
        let threads = board.generator.threads;
        let frames = 1000.0 / milliseconds;
        Some(Self {
            board: board.id.clone(),
            net: table.net.clone(),
            megahertz,
            milliseconds,
            frames,
            threads,
            frames_together: frames * f64::from(threads),
        })
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.tables.iter().try_for_each(|table| write!(f, "{table}"))?;
        if !self.boards.is_empty() {
            writeln!(
                f,
                "{:<20}{:<22}{:>8}{:>10}{:>12}{:>16}",
                "board", "net", "MHz", "ms", "frames/s", "on its threads"
            )?;
        }
        for Expected { board, net, megahertz, milliseconds, frames, threads, frames_together } in &self.boards {
            let together = format!("{frames_together:.0} on {threads}");
            writeln!(f, "{board:<20}{net:<22}{megahertz:>8}{milliseconds:>10.1}{frames:>12.0}{together:>16}")?;
        }
        Ok(())
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} on {}: millions, one run on one thread", self.net, self.processor)?;
        let heads = ["instructions", "vector", "memory", "cycles", "× ours", "cosine"];
        writeln!(f, "{:<14}{:<7}{}", "engine", "numbers", heads.map(|head| format!("{head:>13}")).concat())?;
        let ours = self.ours().map(|ours| ours.cycles);
        for Row { engine, numbers, counted } in &self.rows {
            write!(f, "{engine:<14}{numbers:<7}")?;
            match counted {
                Ok(Counted { instructions, vector, memory, cycles, cosine }) => {
                    for count in [*instructions as f64, *vector as f64, *memory as f64, *cycles] {
                        write!(f, "{:>13.1}", count / 1e6)?;
                    }
                    let times = ours.map_or(String::new(), |ours| format!("{:.2}", cycles / ours));
                    let cosine = cosine.map_or(String::new(), |cosine| format!("{cosine:.5}"));
                    writeln!(f, "{times:>13}{cosine:>13}")?;
                }
                Err(reason) => writeln!(f, "  {reason}")?,
            }
        }
        writeln!(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let counted = |cycles, cosine| {
            Ok(Counted { instructions: 9_000_000, vector: 5_000_000, memory: 2_000_000, cycles, cosine })
        };
        let rows = vec![
            Row { engine: "ours", numbers: "int8", counted: counted(15e6, None) },
            Row { engine: "ncnn", numbers: "f32", counted: counted(30e6, Some(0.99)) },
            Row::failed("ncnn", "int8", "no such layer".into()),
        ];
        Table { net: "tiny".into(), processor: "cortex-a72", core: Core::A72, rows }
    }

    #[test]
    fn a_clock_turns_cycles_into_frames() {
        let boards = board::all(env!("CARGO_MANIFEST_DIR").as_ref()).unwrap();
        let report = Report::new(vec![table()], &boards);
        let names: Vec<_> = report.boards.iter().map(|expected| &*expected.board).collect();
        assert_eq!(names, ["jetson-nano", "raspberry-pi-4"], "boards with such a core");
        let pi = &report.boards[1];
        assert_eq!(
            (pi.megahertz, pi.milliseconds, pi.frames.round(), pi.frames_together.round()),
            (1500, 10.0, 100.0, 300.0)
        );
    }

    #[test]
    fn a_report_says_what_failed_and_how_others_compare() {
        let text = Report::new(vec![table()], &[]).to_string();
        assert!(text.contains("no such layer") && text.contains("2.00") && text.contains("0.99000"), "{text}");
        let json = serde_json::to_value(Report::new(vec![table()], &[])).unwrap();
        assert_eq!(json["tables"][0]["rows"][0]["counted"]["Ok"]["instructions"], 9_000_000);
    }
}
