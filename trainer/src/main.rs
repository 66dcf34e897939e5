use clap::Parser;

#[derive(Parser)]
enum Command {
    /// Trains the landmark net
    Landmarks(trainer::landmarks::Args),
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Landmarks(args) => trainer::landmarks::run(&args)?,
    }
    Ok(())
}
