//! A board that does not exist: QEMU starts the card's own U-Boot, with a display, a keyboard, a watchdog, and a hand inside.

mod card;
mod hand;
mod qmp;
pub mod session;
pub mod tools;

use crate::host::process::ProcessError;
use crate::host::tools::{Tool, ToolsError};
pub use card::Card;
pub use hand::Answer;
use hand::Hand;
use qmp::Qmp;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What the emulator needs.
pub const TOOLS: [Tool; 4] = [
    Tool { program: "qemu-system-aarch64", package: "qemu-system-arm" },
    Tool { program: "mksquashfs", package: "squashfs-tools" },
    Tool { program: "mcopy", package: "mtools" },
    Tool { program: "tar", package: "tar" },
];

/// Emulation is a hundred times slower than a board: that long a machine may take to come up.
const PATIENCE: Duration = Duration::from_secs(420);

#[derive(Debug, thiserror::Error)]
pub enum EmulatorError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("the emulated machine ended: {words}")]
    Ended { words: String },
    #[error("the emulated machine does not answer: {words}")]
    Silent { words: String },
    #[error("QEMU refuses `{command}`: {error}")]
    Refused { command: String, error: String },
    #[error("in the emulated machine, `{command}` ended with {status}:\n{words}")]
    Failed { command: String, status: i32, words: String },
    #[error("{} holds no picture (.png, .jpg)", path.display())]
    NoPicture { path: PathBuf },
    #[error("a {board} cannot be emulated; `qemu` can")]
    NotEmulated { board: String },
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Tools(#[from] ToolsError),
}

/// What a machine is made of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The card; the machine writes to it.
    pub card: PathBuf,
    pub u_boot: PathBuf,
    /// The test's drive (`tools::drive`).
    pub tools: PathBuf,
    /// Folder for sockets and the serial line's log.
    pub folder: PathBuf,
    /// A window on this machine's desktop.
    pub window: bool,
}

/// A running machine; dropping it pulls its plug.
pub struct Machine {
    qemu: Child,
    qmp: Qmp,
    hand: Hand,
}

impl Machine {
    /// Power on, until the hand answers.
    pub fn start(parts: &Parts) -> Result<Self, EmulatorError> {
        let Parts { card, u_boot, tools, folder, window } = parts;
        let [qmp, hand, serial, log] = ["qmp", "hand", "serial.log", "qemu.log"].map(|name| folder.join(name));
        for stale in [&qmp, &hand] {
            let _ = std::fs::remove_file(stale);
        }
        let io = |source| EmulatorError::Io { path: log.clone(), source };
        let mut command = Command::new("qemu-system-aarch64");
        command.args(["-M", "virt", "-cpu", "cortex-a72", "-smp", "2", "-m", "1G", "-accel", "tcg,thread=multi"]);
        command.args(["-nic", "none", "-action", "watchdog=reset"]);
        command.args(if *window { ["-display", "gtk"] } else { ["-display", "none"] });
        command.arg("-bios").arg(u_boot);
        for (name, file, access) in [("card", card, ""), ("tools", tools, ",readonly=on")] {
            command.arg("-drive").arg(format!("if=none,id={name},file={},format=raw{access}", file.display()));
            command.arg("-device").arg(format!("virtio-blk-pci,drive={name}"));
        }
        for device in [
            "virtio-gpu-pci",
            "virtio-keyboard-pci",
            "virtio-rng-pci",
            "i6300esb",
            "virtio-serial-pci",
            "virtserialport,chardev=hand,name=hand",
        ] {
            command.args(["-device", device]);
        }
        command.arg("-chardev").arg(format!("socket,id=hand,path={},server=on,wait=off", hand.display()));
        command.arg("-qmp").arg(format!("unix:{},server=on,wait=off", qmp.display()));
        command.arg("-chardev").arg(format!("file,id=serial,path={},append=on", serial.display()));
        command.args(["-serial", "chardev:serial"]);
        let output = std::fs::File::create(&log).map_err(io)?;
        let errors = output.try_clone().map_err(io)?;
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        let mut qemu =
            command.spawn().map_err(|source| ProcessError::Start { program: "qemu-system-aarch64".into(), source })?;
        let up = || -> Result<(Qmp, Hand), EmulatorError> {
            let end = Instant::now() + Duration::from_secs(30);
            while !(qmp.exists() && hand.exists()) {
                if Instant::now() > end || qemu.try_wait().is_ok_and(|status| status.is_some()) {
                    return Err(EmulatorError::Ended { words: std::fs::read_to_string(&log).unwrap_or_default() });
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            Ok((Qmp::connect(&qmp)?, Hand::connect(&hand, PATIENCE)?))
        }();
        match up {
            Ok((qmp, hand)) => Ok(Self { qemu, qmp, hand }),
            Err(error) => {
                let _ = qemu.kill();
                let _ = qemu.wait();
                Err(error)
            }
        }
    }

    /// Runs a line of shell inside; a status other than 0 is an answer too.
    pub fn ask(&mut self, command: &str) -> Result<Answer, EmulatorError> {
        self.hand.run(command)
    }

    /// Runs a line of shell inside, which must succeed.
    pub fn run(&mut self, command: &str) -> Result<String, EmulatorError> {
        let Answer { text, status } = self.ask(command)?;
        if status == 0 { Ok(text) } else { Err(EmulatorError::Failed { command: command.into(), status, words: text }) }
    }

    /// What the display shows, as a PNG file.
    pub fn screenshot(&mut self, path: &Path) -> Result<(), EmulatorError> {
        self.qmp.screenshot(path)
    }

    /// Presses a key, by QEMU's name for it.
    pub fn key(&mut self, name: &str) -> Result<(), EmulatorError> {
        self.qmp.key(name)
    }

    /// Waits until the machine has started again by itself, after whatever it does before, and its hand answers.
    pub fn restarted(&mut self) -> Result<(), EmulatorError> {
        self.hand.hello(3 * PATIENCE)
    }

    /// Pulls the plug: nothing inside has a chance to finish.
    pub fn unplug(mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}
