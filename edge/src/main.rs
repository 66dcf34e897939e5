use clap::Parser;
use edge::cli::{Cli, Command};
use edge::commands::{age, bench, doctor, run};
use std::process::ExitCode;

/// Some photographs were refused; the others are done.
const REFUSED: u8 = 2;

fn main() -> anyhow::Result<ExitCode> {
    Ok(match Cli::parse().command() {
        Command::Run(args) => run::run(&args).map(|()| ExitCode::SUCCESS)?,
        Command::Age(args) => match age::run(&args)? {
            0 => ExitCode::SUCCESS,
            _ => ExitCode::from(REFUSED),
        },
        Command::Doctor(args) => match doctor::run(&args) {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        },
        Command::Bench(args) => bench::run(&args).map(|()| ExitCode::SUCCESS)?,
    })
}
