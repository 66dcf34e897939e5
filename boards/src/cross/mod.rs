//! The mirror for the boards' processor: the source tree comes in, aarch64 programs (or test programs) go out.
//!
//! Every build selects the same crates and targets, so that cargo finds its work of last time: another selection means
//! other features for shared dependencies, and minutes of building `tract` anew.

pub mod glibc;
mod messages;
mod toolchain;

use crate::host::place;
use crate::host::process::{self, ProcessError};
use crate::host::tools::{self, Tool, ToolsError};
pub use messages::TestProgram;
use std::path::PathBuf;
use std::process::Command;

/// The boards' processor, as Rust calls it.
pub const TARGET: &str = "aarch64-unknown-linux-gnu";

const LINKER: &str = "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER";
const TOOLS: [Tool; 3] = [
    Tool { program: "aarch64-linux-gnu-gcc", package: "gcc-aarch64-linux-gnu" },
    // What a C library's development files begin with.
    Tool { program: "/usr/aarch64-linux-gnu/lib/crt1.o", package: "libc6-dev-arm64-cross" },
    READELF,
];
const READELF: Tool = Tool { program: "readelf", package: "binutils" };

/// The program that takes symbols out of an arm64 binary.
pub fn strip() -> Tool {
    match cfg!(target_arch = "aarch64") {
        true => Tool { program: "strip", package: "binutils" },
        false => Tool { program: "aarch64-linux-gnu-strip", package: "binutils-aarch64-linux-gnu" },
    }
}

/// Which tree is built, and where cargo keeps its work.
#[derive(Clone, Debug)]
pub struct Job {
    pub source: PathBuf,
    pub target: PathBuf,
}

impl Default for Job {
    /// This tree, in the folder where its other builds are.
    fn default() -> Self {
        Self { source: place::source().to_owned(), target: place::target() }
    }
}

/// Programs for a board, with their symbols.
#[derive(Clone, Debug, PartialEq)]
pub struct Built {
    /// The mirror.
    pub edge: PathBuf,
    /// Hands and eyes for an emulated machine (`edge/examples/hardware.rs`).
    pub hardware: PathBuf,
    /// One net in this mirror's engine or in tract (`edge/examples/net.rs`).
    pub net: PathBuf,
    /// The oldest GNU C library that can run `edge`.
    pub glibc: glibc::Version,
}

#[derive(Debug, thiserror::Error)]
pub enum CrossError {
    #[error(transparent)]
    Tools(#[from] ToolsError),
    #[error(transparent)]
    Toolchain(#[from] toolchain::ToolchainError),
    #[error("the mirror was not built for {TARGET}: {0}")]
    Cargo(ProcessError),
    #[error(
        "cargo built for {TARGET}, but no program `{0}` was among its artifacts; is this the mirror's source tree?"
    )]
    NotBuilt(&'static str),
    #[error(transparent)]
    Glibc(#[from] glibc::GlibcError),
}

/// Builds the mirror and its helpers for a board, optimised. Cargo talks to the user meanwhile.
pub fn build(job: &Job) -> Result<Built, CrossError> {
    let words = ["build", "-p", "shared", "-p", "edge", "--bins", "--examples"];
    let artifacts = messages::programs(&cargo(job, &words)?);
    let program = |name| artifacts.iter().find(|(it, _)| it == name).map(|(_, path)| path.clone());
    let edge = program("edge").ok_or(CrossError::NotBuilt("edge"))?;
    let hardware = program("hardware").ok_or(CrossError::NotBuilt("hardware"))?;
    let net = program("net").ok_or(CrossError::NotBuilt("net"))?;
    let glibc = glibc::needed(&edge)?;
    Ok(Built { edge, hardware, net, glibc })
}

/// Builds the unit tests of `shared` and `edge` for a board, optimised as the mirror is.
pub fn tests(job: &Job) -> Result<Vec<TestProgram>, CrossError> {
    let tests = messages::tests(&cargo(job, &["test", "-p", "shared", "-p", "edge", "--no-run"])?);
    if tests.is_empty() { Err(CrossError::NotBuilt("tests")) } else { Ok(tests) }
}

/// Runs cargo for the target and returns its messages, one JSON object a line.
fn cargo(job: &Job, words: &[&str]) -> Result<Vec<u8>, CrossError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(&job.source).args(words);
    command.args(["--release", "--locked", "--target", TARGET, "--message-format", "json-render-diagnostics"]);
    command.env("CARGO_TARGET_DIR", &job.target);
    if cfg!(all(target_arch = "aarch64", target_os = "linux")) {
        tools::need(&[READELF])?;
    } else {
        // Who has named a linker of their own also has its C library.
        if std::env::var_os(LINKER).is_none() {
            tools::need(&TOOLS)?;
        }
        for (name, value) in [
            (LINKER, "aarch64-linux-gnu-gcc"),
            ("CC_aarch64_unknown_linux_gnu", "aarch64-linux-gnu-gcc"),
            ("AR_aarch64_unknown_linux_gnu", "aarch64-linux-gnu-ar"),
        ] {
            command.env(name, std::env::var_os(name).unwrap_or_else(|| value.into()));
        }
    }
    if let Some(rustc) = toolchain::ready(&job.source)? {
        command.env("RUSTC", rustc);
    }
    process::listen(&mut command).map_err(CrossError::Cargo)
}
