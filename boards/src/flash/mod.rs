//! A board's image and a card come in; the card with the image on it, read back and compared, goes out.
//!
//! image found and checked → disk looked at, refused if it may be anything but a spare card → question → written → read back

mod device;
mod listing;
#[cfg(test)]
mod machine;
mod settings;
mod source;
mod spare;
mod write;

use crate::host::tools::{self, Tool, ToolsError};
use crate::image::blockmap::BlockMap;
use device::{DeviceError, Disk, Kernel, Size};
use indicatif::{ProgressBar, ProgressStyle};
use rustix::fs::OFlags;
use settings::SettingsError;
use source::{Image, ImageError, Voucher};
use spare::SpareError;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, IsTerminal, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use write::WriteError;

pub struct Job<'a> {
    /// A board's id.
    pub board: &'a str,
    /// Such as `/dev/sda`.
    pub device: &'a Path,
    /// In place of the board's image in `folder`.
    pub image: Option<PathBuf>,
    /// Where finished images lie.
    pub folder: PathBuf,
    /// A `kiosk.toml` to put onto the card's first partition.
    pub settings: Option<PathBuf>,
    /// Asks nothing.
    pub yes: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum FlashError {
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error(transparent)]
    Spare(#[from] SpareError),
    #[error(transparent)]
    Settings(SettingsError),
    #[error(transparent)]
    Tools(#[from] ToolsError),
    #[error("{device} cannot be opened: {source}{}", help(source))]
    Open { device: String, source: io::Error },
    #[error("{device} is not as it was before the question: another disk, or in use; nothing was written. Start again")]
    Changed { device: String },
    #[error("nobody can be asked here whether {device} may be overwritten; nothing was written. Say --yes if it may")]
    NobodyThere { device: String },
    #[error("nothing was written")]
    Declined,
    #[error("interrupts cannot be caught: {0}")]
    Signals(io::Error),
    #[error("{0}\nThe card is NOT usable. Run the same command again")]
    Unfinished(WriteError),
    #[error("{0}\nThe card holds the image, but not your settings")]
    WithoutSettings(SettingsError),
}

/// The usual reasons why a disk that was looked at does not open.
fn help(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "; disks are written as root: put sudo before the command",
        io::ErrorKind::ResourceBusy => "; a program uses it at this moment",
        io::ErrorKind::ReadOnlyFilesystem => "; is the card's lock at its side on?",
        _ => "",
    }
}

pub fn flash(job: Job) -> Result<(), FlashError> {
    let image = job.image.map_or_else(|| Image::find(&job.folder, job.board), Image::at)?;
    let settings = job.settings.as_deref().map(settings::read).transpose().map_err(FlashError::Settings)?;
    if settings.is_some() {
        tools::need(&[Tool { program: "mcopy", package: "mtools" }])?;
    }
    let kernel = Kernel::default();
    // Before the image, which takes longer.
    let disk = kernel.disk_at(job.device)?;
    spare::check(&disk, &kernel, 0)?;
    let (map, voucher) = checked(&image)?;
    spare::check(&disk, &kernel, map.size)?;
    let node = PathBuf::from(format!("/dev/{}", disk.name));

    eprint!("\n{}", listing::of(&disk));
    let (whole, full) = (Size(map.size), Size(map.mapped()));
    eprintln!(
        "ALL OF THIS WILL BE LOST. It is overwritten with {} ({whole}, {full} not empty).\n",
        image.path.display()
    );
    if voucher == Voucher::Nothing {
        eprintln!("Neither a block map nor SHA256SUMS lies beside the image: nobody says whether it is whole.\n");
    }
    if !job.yes {
        ask(&disk)?;
    }
    // Disks may have been exchanged meanwhile.
    if kernel.disk_at(job.device)? != disk {
        return Err(FlashError::Changed { device: node.display().to_string() });
    }
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, stop.clone()).map_err(FlashError::Signals)?;
    }
    // Most readers cannot tell a card that its content is unused; it is cleared all the same.
    let _ = crate::host::process::run(Command::new("blkdiscard").arg("--quiet").arg(&node));
    let device = open(&node, job.device)?;
    put(&image, &map, &device, disk.size, &stop).map_err(FlashError::Unfinished)?;
    drop(device);
    if let Some(settings) = settings {
        settings::put(&settings, &node).map_err(FlashError::WithoutSettings)?;
    }
    eprintln!("{} holds the image of {}, and was read back. It may be pulled out now.", node.display(), job.board);
    Ok(())
}

/// The image's map, after the image was read to its end.
fn checked(image: &Image) -> Result<(BlockMap, Voucher), ImageError> {
    let bar = ProgressBar::new_spinner().with_message("checking");
    bar.set_style(style("{msg:<10}{spinner} {bytes} of the image"));
    let result = image.checked(|bytes| bar.inc(bytes));
    bar.finish_and_clear();
    result
}

/// Has the person type the disk's name.
fn ask(disk: &Disk) -> Result<(), FlashError> {
    let node = format!("/dev/{}", disk.name);
    if !io::stdin().is_terminal() {
        return Err(FlashError::NobodyThere { device: node });
    }
    eprint!("If that is right, type the name of the disk ({}): ", disk.name);
    let _ = io::stderr().flush();
    let mut line = String::new();
    match io::stdin().lock().read_line(&mut line) {
        Ok(_) if [&*disk.name, &*node].contains(&line.trim()) => Ok(()),
        _ => Err(FlashError::Declined),
    }
}

/// Opens a disk for nobody else to mount or write meanwhile. The kernel refuses if it is in use after all.
fn open(node: &Path, asked: &Path) -> Result<File, FlashError> {
    let failed = |source| FlashError::Open { device: node.display().to_string(), source };
    let device = OpenOptions::new().read(true).write(true).custom_flags(OFlags::EXCL.bits() as i32).open(node);
    let device = device.map_err(failed)?;
    let same = || Ok(device.metadata()?.rdev() == asked.metadata()?.rdev());
    match same().map_err(failed)? {
        true => Ok(device),
        false => Err(FlashError::Changed { device: node.display().to_string() }),
    }
}

/// Writes and reads back, with a bar for each.
fn put(image: &Image, map: &BlockMap, device: &File, size: u64, stop: &AtomicBool) -> Result<(), WriteError> {
    let bar = ProgressBar::new(map.size);
    bar.set_style(style("{msg:<10}{bar:40} {bytes} of {total_bytes}, {binary_bytes_per_sec}, {eta} left"));
    let mut step = |bytes| match stop.load(Ordering::Relaxed) {
        true => Err(WriteError::Stopped),
        false => {
            bar.inc(bytes);
            Ok(())
        }
    };
    bar.set_message("writing");
    let mut input = image.open().map_err(|source| WriteError::Image { at: 0, source })?;
    write::write(&mut input, map, device, size, &mut step)?;
    bar.reset();
    bar.set_message("checking");
    write::verify(|| image.open(), map, device, &mut step)?;
    bar.finish_and_clear();
    Ok(())
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::process::{run, text};

    #[test]
    #[ignore = "needs root and a free loop device"]
    fn a_real_block_device_gets_the_image_and_is_refused_while_it_is_mounted() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let mut image = vec![0; 24 << 20];
        image[510] = 0x55;
        image[20 << 20..21 << 20].fill(3);
        std::fs::write(path("qemu.img"), &image).unwrap();
        std::fs::write(path("card"), vec![0xA5; 32 << 20]).unwrap();
        let node = PathBuf::from(text(run(Command::new("losetup").args(["--show", "-f"]).arg(path("card"))).unwrap()));
        let job = || Job {
            board: "qemu",
            device: &node,
            image: None,
            folder: folder.path().into(),
            settings: None,
            yes: true,
        };
        let first = flash(job());
        let card = std::fs::read(path("card")).unwrap();
        run(Command::new("mke2fs").args(["-q", "-F"]).arg(&node)).unwrap();
        std::fs::create_dir(path("mount")).unwrap();
        run(Command::new("mount").arg(&node).arg(path("mount"))).unwrap();
        let second = flash(job());
        run(Command::new("umount").arg(path("mount"))).unwrap();
        run(Command::new("losetup").arg("-d").arg(&node)).unwrap();
        first.unwrap();
        assert!(card[..image.len()] == image, "the card holds the image");
        assert!(second.unwrap_err().to_string().contains("is mounted at"));
    }
}
