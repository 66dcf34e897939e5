//! What was checked on the machine, as it is found.

use crate::emulator::EmulatorError;
use std::time::{Duration, Instant};

/// Counts checks and says each on a line of its own.
#[derive(Debug, Default)]
pub struct Report {
    pub passed: usize,
    pub failed: Vec<String>,
}

impl Report {
    pub fn part(&self, name: &str) {
        println!("-- {name}");
    }

    /// Enters what was found; an answer that the machine does not give is a failed check too.
    pub fn check(&mut self, what: &str, found: Result<bool, EmulatorError>) {
        let start = Instant::now();
        self.enter(what, found, start);
    }

    /// Asks again until the check holds or its time is over.
    pub fn within(&mut self, seconds: u64, what: &str, mut found: impl FnMut() -> Result<bool, EmulatorError>) {
        let start = Instant::now();
        let end = start + Duration::from_secs(seconds);
        loop {
            let result = found();
            if !matches!(result, Ok(false)) || Instant::now() > end {
                return self.enter(what, result, start);
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// Says whether something was seen that depends on the emulator's speed: it counts neither way.
    pub fn observe(
        &self,
        seconds: u64,
        what: &str,
        mut seen: impl FnMut() -> Result<bool, EmulatorError>,
    ) -> Result<(), EmulatorError> {
        let start = Instant::now();
        while start.elapsed().as_secs() < seconds {
            if seen()? {
                println!("seen     {what} ({} s)", start.elapsed().as_secs());
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(500));
        }
        println!("unseen   {what} ({seconds} s)");
        Ok(())
    }

    fn enter(&mut self, what: &str, found: Result<bool, EmulatorError>, start: Instant) {
        let took = match start.elapsed().as_secs() {
            0 => String::new(),
            seconds => format!(" ({seconds} s)"),
        };
        match found {
            Ok(true) => {
                self.passed += 1;
                println!("ok       {what}{took}");
                return;
            }
            Ok(false) => println!("FAILED   {what}{took}"),
            Err(error) => println!("FAILED   {what}{took}: {error}"),
        }
        self.failed.push(what.to_owned());
    }
}
