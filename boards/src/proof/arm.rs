//! The unit and agreement tests of `shared` and `edge` on emulated processors of boards: processors come in, libtest's own
//! reports go out, and an error if anything failed.

use super::Processor;
use super::selection::{self, Stale};
use crate::cross::{self, CrossError, Job, TestProgram};
use crate::host::process::{self, ProcessError};
use crate::host::tools::{self, Tool, ToolsError};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Where Debian's cross packages have the C library.
const LIBRARIES: &str = "/usr/aarch64-linux-gnu/lib";
const QEMU: Tool = Tool { program: "qemu-aarch64-static", package: "qemu-user-static" };

#[derive(Debug, thiserror::Error)]
pub enum ArmError {
    #[error(transparent)]
    Cross(#[from] CrossError),
    #[error(transparent)]
    Tools(#[from] ToolsError),
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Stale(#[from] Stale),
    #[error("the emulated machine's folder cannot be made: {0}")]
    Folder(#[from] std::io::Error),
    #[error(
        "{processor}: `hardware features` says `{found}`, expected `{expected}`; is this QEMU able to be a {processor}?"
    )]
    Features { processor: &'static str, found: String, expected: String },
    #[error("tests failed on {}; their reports are above", .0.join(", "))]
    Tests(Vec<&'static str>),
}

/// Builds the tests and runs them on each processor. All run, even if one fails.
pub fn test(processors: &[Processor], quick: bool) -> Result<(), ArmError> {
    let qemu = match tools::find("qemu-aarch64") {
        Some(qemu) => qemu,
        None => {
            tools::need(&[QEMU])?;
            QEMU.program.into()
        }
    };
    let job = Job::default();
    let hardware = cross::build(&job)?.hardware;
    let programs = cross::tests(&job)?;
    let mut failed = Vec::new();
    for &processor in processors {
        let machine = Machine::new(&qemu, processor)?;
        machine.check(&hardware)?;
        let start = Instant::now();
        let mut sound = true;
        for program in &programs {
            sound &= machine.test(program, quick)?;
        }
        println!("{}: {:.0} s\n", processor.name(), start.elapsed().as_secs_f32());
        if !sound {
            failed.push(processor.name());
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(ArmError::Tests(failed)) }
}

/// One emulated processor, with a folder of what it finds under `/` in place of this machine's files.
struct Machine {
    qemu: PathBuf,
    processor: Processor,
    root: tempfile::TempDir,
}

impl Machine {
    fn new(qemu: &Path, processor: Processor) -> Result<Self, ArmError> {
        let root = tempfile::tempdir()?;
        if !cfg!(target_arch = "aarch64") {
            std::os::unix::fs::symlink(LIBRARIES, root.path().join("lib"))?;
        }
        let proc = root.path().join("proc");
        std::fs::create_dir(&proc)?;
        std::fs::write(proc.join("cpuinfo"), processor.cpuinfo())?;
        Ok(Self { qemu: qemu.to_owned(), processor, root })
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(&self.qemu);
        command.args(["-cpu", self.processor.name(), "-L"]).arg(self.root.path()).arg(program);
        command
    }

    /// The processor itself and tract must see its features, no more and no less.
    fn check(&self, hardware: &Path) -> Result<(), ArmError> {
        let features = self.processor.features();
        let used: Vec<_> = features.split(' ').filter(|&feature| feature == "fp16" || feature == "dotprod").collect();
        let expected = format!("processor: {features}\ntract: {}", used.join(" ")).trim_end().to_owned();
        let found = process::text(process::run(self.command(hardware).arg("features"))?);
        if found != expected {
            return Err(ArmError::Features { processor: self.processor.name(), found, expected });
        }
        println!("{}: {}", self.processor.name(), found.replace('\n', "; "));
        Ok(())
    }

    /// Whether all chosen tests of a program pass.
    fn test(&self, program: &TestProgram, quick: bool) -> Result<bool, ArmError> {
        let listing = process::text(process::run(self.command(&program.path).args(["--list", "--format", "terse"]))?);
        let names: Vec<_> = listing.lines().filter_map(|line| line.strip_suffix(": test")).collect();
        let chosen = selection::choose(&program.name, &names, self.processor, quick)?;
        if chosen.is_empty() {
            return Ok(true);
        }
        println!("{}: {} of {} tests of {}", self.processor.name(), chosen.len(), names.len(), program.name);
        // Only the agreement tests have something to tell: how far they are.
        let (telling, silent): (Vec<_>, Vec<_>) = chosen.into_iter().partition(|name| name.starts_with("agreement::"));
        Ok(self.run(program, "--nocapture", &telling)? & self.run(program, "--quiet", &silent)?)
    }

    fn run(&self, program: &TestProgram, option: &str, names: &[&str]) -> Result<bool, ArmError> {
        if names.is_empty() {
            return Ok(true);
        }
        let mut run = self.command(&program.path);
        run.current_dir(&program.folder).args([option, "--exact"]).args(names);
        match process::show(&mut run) {
            Ok(()) => Ok(true),
            Err(ProcessError::Failed { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
