//! The image end to end on an emulated board: it boots, a face goes through V4L2 and comes out aged on KMS, things are pulled
//! out and put back, the power goes at any moment, systems are exchanged. A list of checks goes out.

mod judge;
mod life;
mod power;
mod report;
mod updates;

use crate::emulator::{self, Card, EmulatorError, Machine, Parts, tools};
use crate::host::place::{self, PlaceError};
use crate::host::process::ProcessError;
use crate::host::tools::{self as host, ToolsError};
use crate::image::Image;
use crate::update::keys::Keys;
use judge::Judge;
use report::Report;
use std::path::{Path, PathBuf};

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// A day of a mirror, from power on to the evening.
    pub life: bool,
    /// How often the power is cut while the settings are written.
    pub cuts: u32,
    /// Whether systems are exchanged: a good update, and one that does not start.
    pub updates: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum QemuError {
    #[error(transparent)]
    Emulator(#[from] EmulatorError),
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error(transparent)]
    Tools(#[from] ToolsError),
    #[error(transparent)]
    Update(#[from] crate::update::UpdateError),
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{} of {} checks failed: {}", failed.len(), passed + failed.len(), failed.join("; "))]
    Failed { passed: usize, failed: Vec<String> },
}

/// Runs all checks of a plan. Screenshots and the serial line's log stay in `folder`.
pub fn test(image: &Image, keys: &Keys, hardware: &Path, plan: Plan, folder: &Path) -> Result<(), QemuError> {
    host::need(&emulator::TOOLS)?;
    place::room(folder, 2000)?;
    let io = |source| QemuError::Io { path: folder.to_owned(), source };
    let judge = Judge::ready(folder)?;
    let work = tempfile::tempdir_in(folder).map_err(io)?;
    let _ = std::fs::remove_file(folder.join("serial.log"));

    let demo = place::source().join("edge/demo");
    let pictures = [demo.join("visitor1.png"), demo.join("visitor2.png")];
    let drive = work.path().join("tools.img");
    tools::drive(
        &image.camera,
        hardware,
        &pictures.each_ref().map(|path| path.as_path()),
        &work.path().join("tools"),
        &drive,
    )?;

    let card = Card::of(&image.card, work.path().join("card.img"))?;
    card.write("kernel.txt", &format!("extra={}\n", tools::words()))?;
    card.put(&Path::new(env!("CARGO_MANIFEST_DIR")).join("emulator/kiosk.toml"), "kiosk.toml")?;
    let parts = Parts {
        card: card.path.clone(),
        u_boot: image.u_boot.clone(),
        tools: drive,
        folder: folder.to_owned(),
        window: false,
    };

    let mut report = Report::default();
    if plan.life {
        life::check(&mut report, &card, &parts, &judge)?;
    }
    power::check(&mut report, &card, &parts, plan.cuts)?;
    if plan.updates {
        updates::check(&mut report, &card, &parts, image, keys, work.path())?;
    }
    println!(
        "{} passed, {} failed; screenshots and serial.log in {}",
        report.passed,
        report.failed.len(),
        folder.display()
    );
    match report.failed.is_empty() {
        true => Ok(()),
        false => Err(QemuError::Failed { passed: report.passed, failed: report.failed }),
    }
}

/// True when the line of shell succeeds in the machine.
fn holds(machine: &mut Machine, command: &str) -> Result<bool, EmulatorError> {
    Ok(machine.ask(command)?.status == 0)
}

/// The mirror's service has told systemd that it draws pictures.
fn runs(machine: &mut Machine) -> Result<bool, EmulatorError> {
    holds(machine, "systemctl is-active --quiet as-time-goes-by")
}
