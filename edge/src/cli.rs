//! The command line. Without a command the mirror runs.

use crate::commands::{age, bench, doctor, run};
use clap::{Parser, Subcommand};

/// A mirror that shows your own face through the decades. It needs no network and keeps nothing.
#[derive(Debug, Parser)]
#[command(name = "edge", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the mirror (what happens when no command is given)
    Run(run::Args),
    /// Age photographs: six portraits, a strip and a report each
    Age(age::Args),
    /// Say what was found, what is missing and what to do
    Doctor(doctor::Args),
    /// Measure milliseconds, memory and frames a second
    Bench(bench::Args),
}

impl Cli {
    pub fn command(self) -> Command {
        self.command.unwrap_or_else(|| Command::Run(run::Args::default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound_and_the_mirror_is_its_default() {
        <Cli as CommandFactory>::command().debug_assert();
        assert!(matches!(Cli::parse_from(["edge"]).command(), Command::Run(_)));
        assert!(Cli::try_parse_from(["edge", "age", "x.jpg"]).is_err(), "--out is needed");
        assert!(Cli::try_parse_from(["edge", "age", "--out", "x"]).is_err(), "a photograph is needed");
    }
}
