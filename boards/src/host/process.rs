//! Another program: it runs in silence, and if it fails, its own last words go into the error.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::process::{Command, ExitStatus, Output, Stdio};

#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    #[error("`{program}` cannot be started ({source}); is it installed?")]
    Start { program: String, source: std::io::Error },
    #[error("`{command}` failed ({status}):\n{words}")]
    Failed { command: String, status: ExitStatus, words: String },
}

/// How many lines of a program's last words an error carries.
const LINES: usize = 20;

/// Runs a program to its end, without input, and returns what it wrote to its standard output.
pub fn run(command: &mut Command) -> Result<Vec<u8>, ProcessError> {
    finished(command.stdin(Stdio::null()).output(), command)
}

fn finished(output: io::Result<Output>, command: &Command) -> Result<Vec<u8>, ProcessError> {
    let output = output.map_err(|source| start(command, source))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let words = if output.stderr.is_empty() { &output.stdout } else { &output.stderr };
    Err(ProcessError::Failed { command: line(command), status: output.status, words: tail(words) })
}

/// The same for a program that reads its standard input.
pub fn fed(command: &mut Command, input: File) -> Result<Vec<u8>, ProcessError> {
    finished(command.stdin(input).output(), command)
}

/// Runs a program that talks to the user itself: its output goes where ours goes.
pub fn show(command: &mut Command) -> Result<(), ProcessError> {
    let status = command.stdin(Stdio::null()).status().map_err(|source| start(command, source))?;
    succeeded(command, status)
}

/// Runs a program that talks to the user on its standard error, and returns what it wrote to its standard output.
pub fn listen(command: &mut Command) -> Result<Vec<u8>, ProcessError> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|source| start(command, source))?;
    succeeded(command, output.status).map(|()| output.stdout)
}

/// Output as text, without the end of the last line.
pub fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).trim_end().to_owned()
}

fn succeeded(command: &Command, status: ExitStatus) -> Result<(), ProcessError> {
    match status.success() {
        true => Ok(()),
        false => Err(ProcessError::Failed { command: line(command), status, words: "its messages are above".into() }),
    }
}

fn start(command: &Command, source: std::io::Error) -> ProcessError {
    ProcessError::Start { program: command.get_program().to_string_lossy().into_owned(), source }
}

fn line(command: &Command) -> String {
    let words: Vec<_> =
        std::iter::once(command.get_program()).chain(command.get_args()).map(OsStr::to_string_lossy).collect();
    words.join(" ")
}

fn tail(words: &[u8]) -> String {
    let words = String::from_utf8_lossy(words);
    let lines: Vec<_> = words.trim_end().lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_programs_output_comes_back() {
        assert_eq!(text(run(Command::new("echo").arg("seven")).unwrap()), "seven");
    }

    #[test]
    fn a_failure_carries_the_last_words() {
        let error = run(Command::new("sh").args(["-c", "seq 100 >&2; exit 3"])).unwrap_err().to_string();
        assert!(error.contains("sh -c") && error.ends_with("100") && !error.contains("\n80\n"), "{error}");
    }

    #[test]
    fn what_is_said_to_the_user_is_not_what_comes_back() {
        let words = |script: &str| listen(Command::new("sh").args(["-c", script]));
        assert_eq!(text(words("echo aside >&2; echo seven").unwrap()), "seven");
        assert!(words("exit 3").unwrap_err().to_string().contains("above"));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = run(&mut Command::new("no-such-program")).unwrap_err().to_string();
        assert!(error.contains("`no-such-program`"), "{error}");
    }
}
