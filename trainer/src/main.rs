use clap::Parser;
use std::process::ExitCode;
use trainer::cli::{self, Cli};

fn main() -> ExitCode {
    trainer::memory::keep_freed_tensors();
    match cli::run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
