use clap::Parser;
use trainer::cli::{self, Cli};

fn main() -> anyhow::Result<()> {
    trainer::memory::keep_freed_tensors();
    cli::run(&Cli::parse())
}
