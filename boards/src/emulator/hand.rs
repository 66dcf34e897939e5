//! A hand inside the machine (`boards/emulator/agent`): sends a line for its shell, returns what it prints.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use super::EmulatorError;

pub struct Hand {
    reader: BufReader<UnixStream>,
}

/// What a line in the machine came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub text: String,
    /// The exit status; 0 is success.
    pub status: i32,
}

impl Hand {
    /// Connects, and waits until the machine has come that far.
    pub fn connect(socket: &Path, patience: Duration) -> Result<Self, EmulatorError> {
        let stream = UnixStream::connect(socket).map_err(|error| silent(&error.to_string()))?;
        let mut hand = Self { reader: BufReader::new(stream) };
        hand.hello(patience)?;
        Ok(hand)
    }

    /// Waits until a hand introduces itself, at first or after a new start.
    pub fn hello(&mut self, patience: Duration) -> Result<(), EmulatorError> {
        self.line(Instant::now() + patience, &|line| line == "hello")?;
        Ok(())
    }

    /// Runs a line of shell in the machine, as root.
    pub fn run(&mut self, command: &str) -> Result<Answer, EmulatorError> {
        let end = Instant::now() + Duration::from_secs(180);
        writeln!(self.reader.get_mut(), "{command}").map_err(|error| silent(&error.to_string()))?;
        let lines = self.line(end, &|line| line.starts_with("done ") && line[5..].parse::<i32>().is_ok())?;
        let (last, text) = lines.split_last().map_or(("", [].as_slice()), |(last, text)| (last.as_str(), text));
        Ok(Answer { text: text.join("\n"), status: last.trim_start_matches("done ").parse().unwrap_or(-1) })
    }

    /// Reads lines until one is the last.
    fn line(&mut self, end: Instant, is_last: &dyn Fn(&str) -> bool) -> Result<Vec<String>, EmulatorError> {
        let mut lines = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(silent(&lines.join("\n")));
            }
            self.reader.get_ref().set_read_timeout(Some(left)).map_err(|error| silent(&error.to_string()))?;
            let mut line = String::new();
            match self.reader.read_line(&mut line) {
                Ok(0) => return Err(silent("it hung up")),
                Ok(_) => lines.push(line.trim_end().to_owned()),
                Err(error) => return Err(silent(&error.to_string())),
            }
            if lines.last().is_some_and(|line| is_last(line)) {
                return Ok(lines);
            }
        }
    }
}

fn silent(words: &str) -> EmulatorError {
    EmulatorError::Silent { words: words.to_owned() }
}
