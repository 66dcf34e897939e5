//! `losses.csv`: a line a step. A run that is killed and resumed has each step once.

use super::losses::{COLUMNS, StepLosses};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;

pub const FILE_NAME: &str = "losses.csv";

/// The open file, at its end.
#[derive(Debug)]
pub struct LossLog {
    file: File,
}

/// One line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Counted from 1.
    pub step: u64,
    pub learning_rate: f64,
    pub seconds: f64,
    /// In the order of [`COLUMNS`].
    pub losses: [f64; COLUMNS.len()],
}

impl LossLog {
    /// Opens a run's log to go on after `done` steps: later lines, and a line cut off in the middle, are removed.
    pub fn open(run: &Path, done: u64) -> io::Result<Self> {
        let mut file =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(run.join(FILE_NAME))?;
        let mut kept = 0;
        let mut reader = BufReader::new(&file);
        let mut line = String::new();
        while reader.read_line(&mut line)? > 0 {
            let header = kept == 0 && line.starts_with("step,") && line.ends_with('\n');
            let wanted = line.ends_with('\n') && Row::parse(line.trim_end()).is_some_and(|row| row.step <= done);
            if !header && !wanted {
                break;
            }
            kept += line.len() as u64;
            line.clear();
        }
        drop(reader);
        file.set_len(kept)?;
        file.seek(SeekFrom::Start(kept))?;
        if kept == 0 {
            writeln!(file, "step,learning_rate,seconds,{}", COLUMNS.join(","))?;
        }
        Ok(Self { file })
    }

    /// Adds the line of a step, counted from 1, that took so many seconds.
    pub fn push(&mut self, step: u64, learning_rate: f64, seconds: f64, losses: &StepLosses) -> io::Result<()> {
        let values: Vec<_> = losses.values().iter().map(|value| format!("{value:.6}")).collect();
        let line = format!("{step},{learning_rate},{seconds:.3},{}\n", values.join(","));
        self.file.write_all(line.as_bytes())
    }

    /// Puts all lines on disk, so that a checkpoint never knows more steps than the log.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

impl Row {
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split(',');
        let step = fields.next()?.parse().ok()?;
        let numbers: Vec<f64> = fields.map(|field| field.parse().ok()).collect::<Option<_>>()?;
        let [learning_rate, seconds, ref losses @ ..] = numbers[..] else { return None };
        Some(Self { step, learning_rate, seconds, losses: losses.try_into().ok()? })
    }
}

/// All lines of a run's log.
pub fn read(run: &Path) -> io::Result<Vec<Row>> {
    let text = std::fs::read_to_string(run.join(FILE_NAME))?;
    Ok(text.lines().skip(1).filter_map(Row::parse).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn losses(step: u64) -> StepLosses {
        StepLosses { d_y: step as f64 / 8.0, ..StepLosses::default() }
    }

    fn fill(run: &Path, done: u64, steps: std::ops::RangeInclusive<u64>) {
        let mut log = LossLog::open(run, done).unwrap();
        for step in steps {
            log.push(step, 0.002, 1.5, &losses(step)).unwrap();
        }
    }

    #[test]
    fn a_line_survives() {
        let folder = tempfile::tempdir().unwrap();
        fill(folder.path(), 0, 1..=2);
        let rows = read(folder.path()).unwrap();
        assert_eq!(rows[1], Row { step: 2, learning_rate: 0.002, seconds: 1.5, losses: losses(2).values() });
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn after_a_kill_anywhere_each_step_is_there_once(steps in 1u64..20, checkpoint in 0u64..20, lost in 0u64..80) {
            let folder = tempfile::tempdir().unwrap();
            let checkpoint = checkpoint.min(steps);
            fill(folder.path(), 0, 1..=checkpoint);
            let path = folder.path().join(FILE_NAME);
            let safe = std::fs::metadata(&path).unwrap().len();
            fill(folder.path(), checkpoint, checkpoint + 1..=steps);
            // The end of the file may be lost, but not what was there at the checkpoint.
            let whole = std::fs::metadata(&path).unwrap().len();
            File::options().write(true).open(&path).unwrap().set_len(whole.saturating_sub(lost).max(safe)).unwrap();
            fill(folder.path(), checkpoint, checkpoint + 1..=20);
            let seen: Vec<_> = read(folder.path()).unwrap().iter().map(|row| row.step).collect();
            prop_assert_eq!(seen, (1..=20).collect::<Vec<_>>());
        }
    }
}
