//! Runs the mirror for a long time with faults all along, and says what came of it. Fails if memory, files or threads grow,
//! or if a fault is not recovered from within five seconds.
//!
//! ```sh
//! cargo run --release -p tests --bin soak -- --frames 200000
//! ```

use clap::Parser;
use std::path::PathBuf;
use tests::soak::{Plan, Report, run};

#[derive(Debug, Parser)]
struct Args {
    /// Pictures to show
    #[arg(long, default_value_t = 200_000)]
    frames: u64,
    /// Pictures between two faults; 0: none
    #[arg(long, default_value_t = 1500)]
    between: u64,
    /// Width and height of the screen
    #[arg(long, num_args = 2, default_values_t = [320, 240], value_names = ["WIDTH", "HEIGHT"])]
    screen: Vec<u32>,
    /// Where the whole report goes, as JSON
    #[arg(long)]
    json: Option<PathBuf>,
}

/// Every recovery takes less, in milliseconds.
const LONGEST: f64 = 5000.0;
/// Memory may be so much larger at the end than after the first fifth, in which every fault has happened, in MiB.
const GROWTH: f64 = 8.0;

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    edge::service::write_journal();
    // A broken-off thread is part of the plan, and its backtrace would fill memory with debugging symbols.
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
    let plan = Plan { frames: args.frames, between: args.between, screen: (args.screen[0], args.screen[1]) };
    let report = run(plan, |shown, usage| {
        eprintln!(
            "{shown} of {} shown; {:.1} MiB, {} files, {} threads",
            plan.frames, usage.resident_mib, usage.files, usage.threads
        );
    })?;
    print(&report);
    if let Some(path) = &args.json {
        edge::files::write_atomic(path, &serde_json::to_vec_pretty(&report)?)?;
    }
    let bad = judge(&report);
    anyhow::ensure!(bad.is_empty(), "{}", bad.join("; "));
    Ok(())
}

fn print(report: &Report) {
    let Report { shown, captured, aged, seconds, .. } = report;
    println!("{shown} pictures shown in {seconds:.0} s, {captured} frames captured, {aged} edits drawn");
    println!("{:<10} {:>9} {:>9} {:>9}", "ms", "50 %", "95 %", "99 %");
    for (stage, [half, most, nearly_all]) in &report.stages {
        println!("{stage:<10} {half:>9.2} {most:>9.2} {nearly_all:>9.2}");
    }
    let mut names: Vec<&str> = report.faults.iter().map(|fault| fault.what).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let times: Vec<f64> =
            report.faults.iter().filter(|fault| fault.what == name).filter_map(|fault| fault.recovered_ms).collect();
        let longest = times.iter().copied().fold(0.0, f64::max);
        println!("{name:<26} {:>4} times, recovered within {longest:.0} ms", times.len());
    }
    for (page, count) in &report.pages {
        println!("{count:>8} pictures: {page}");
    }
}

/// What must not be.
fn judge(report: &Report) -> Vec<String> {
    let mut bad: Vec<String> = Vec::new();
    let slow = |ms: Option<f64>| ms.is_none_or(|ms| ms > LONGEST);
    // The last one may have begun just before the end.
    let faults = &report.faults[..report.faults.len().saturating_sub(1)];
    bad.extend(
        faults
            .iter()
            .filter(|f| slow(f.recovered_ms))
            .map(|f| format!("{} at {}: {:?} ms", f.what, f.at_frame, f.recovered_ms)),
    );
    let settled = &report.usage[report.usage.len() / 5..];
    if let (Some(first), Some(last)) = (settled.first(), settled.last()) {
        if last.resident_mib > first.resident_mib + GROWTH {
            bad.push(format!("memory grew from {:.1} to {:.1} MiB", first.resident_mib, last.resident_mib));
        }
        if last.files > first.files || last.threads > first.threads {
            bad.push(format!("files {} → {}, threads {} → {}", first.files, last.files, first.threads, last.threads));
        }
    }
    bad
}
