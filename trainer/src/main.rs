use clap::Parser;
#[derive(Parser)]
enum Cli {
    Prior(trainer::prior::sheet::Args),
    Composites(trainer::prior::composite::Args),
}
fn main() -> anyhow::Result<()> {
    trainer::memory::keep_freed_tensors();
    match Cli::parse() {
        Cli::Prior(a) => trainer::prior::sheet::run(&a)?,
        Cli::Composites(a) => trainer::prior::composite::run(&a)?,
    }
    Ok(())
}
