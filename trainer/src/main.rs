use clap::Parser;

#[derive(Parser)]
enum Cli {
    Prior(trainer::prior::sheet::Args),
    Composites(trainer::prior::composite::Args),
    /// Trains the landmark net
    Landmarks(trainer::landmarks::Args),
}

fn main() -> anyhow::Result<()> {
    trainer::memory::keep_freed_tensors();
    match Cli::parse() {
        Cli::Prior(args) => trainer::prior::sheet::run(&args)?,
        Cli::Composites(args) => trainer::prior::composite::run(&args)?,
        Cli::Landmarks(args) => trainer::landmarks::run(&args)?,
    }
    Ok(())
}
