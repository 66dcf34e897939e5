use clap::Parser;

#[derive(Parser)]
enum Command {
    /// Trains the landmark net
    Landmarks(trainer::landmarks::Args),
    Prior(trainer::prior::sheet::Args),
    Composites(trainer::prior::composite::Args),
}

fn main() -> anyhow::Result<()> {
    trainer::memory::keep_freed_tensors();
    match Command::parse() {
        Command::Landmarks(args) => trainer::landmarks::run(&args)?,
        Command::Prior(args) => trainer::prior::sheet::run(&args)?,
        Command::Composites(args) => trainer::prior::composite::run(&args)?,
    }
    Ok(())
}
