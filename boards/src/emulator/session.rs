//! An emulated board for a person: a window, a picture (or one after another) before its camera, and screenshots on request.

use super::{Card, EmulatorError, Machine, Parts, TOOLS, tools};
use crate::board::Board;
use crate::host::tools::need;
use crate::image::Image;
use std::io::BufRead;
use std::path::{Path, PathBuf};

/// Modules and settings of the virtual camera: one input, which shows what one output is given.
pub const CAMERA: &str =
    "modprobe -d /run/tools vivid n_devs=1 num_inputs=1 input_types=3 num_outputs=1 output_types=1 node_types=0x101";

const HELP: &str =
    "lines for the machine's shell; or: `shot FILE.png`, `key NAME` (left, right, ret, …), `picture NAME`, `end`";

/// Holds a picture of `/run/tools/pictures` before the camera, whose number changes each time it is plugged in.
pub fn feed(picture: &str) -> String {
    let node = |kind: &str| format!("/dev/$(basename $(dirname $(grep -l {kind} /sys/class/video4linux/*/name)))");
    let (output, input) = (node("vid-out"), node("vid-cap"));
    format!(
        "busybox killall -q hardware; (/run/tools/hardware feed /run/tools/pictures/{picture} {output} {input} > /run/feed.log 2>&1 &)"
    )
}

/// Starts the machine, says how to use it, and does what the lines of standard input ask for, until the window is closed or
/// the input ends. The card is a copy; the image stays as it is.
pub fn run(
    board: &Board,
    image: &Image,
    hardware: &Path,
    camera: Option<&Path>,
    settings: Option<&Path>,
    folder: &Path,
) -> Result<(), EmulatorError> {
    if !board.boot.as_ref().is_some_and(|boot| boot.u_boot.starts_with("qemu")) {
        return Err(EmulatorError::NotEmulated { board: board.id.clone() });
    }
    let pictures = camera.map_or_else(|| Ok(Vec::new()), pictures)?;
    need(&TOOLS)?;
    let io = |source| EmulatorError::Io { path: folder.to_owned(), source };
    let work = tempfile::Builder::new().prefix(".boot-").tempdir_in(folder).map_err(io)?;
    let drive = work.path().join("tools.img");
    let shelf: Vec<&Path> = pictures.iter().map(PathBuf::as_path).collect();
    tools::drive(&image.camera, hardware, &shelf, &work.path().join("tools"), &drive)?;
    let card = Card::of(&image.card, work.path().join("card.img"))?;
    card.write("kernel.txt", &format!("extra={}\n", tools::words()))?;
    if let Some(settings) = settings {
        card.put(settings, "kiosk.toml")?;
    }
    let window = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some());
    let (u_boot, folder) = (image.u_boot.clone(), work.path().to_owned());
    eprintln!("starting; the emulated board takes a minute or two");
    let mut machine = Machine::start(&Parts { card: card.path, u_boot, tools: drive, folder, window })?;
    if let Some(first) = pictures.first() {
        machine.run(CAMERA)?;
        machine.ask(&feed(&name(first)))?;
    }
    eprintln!("{HELP}");
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(io)?;
        let result = match line.trim().split_once(' ') {
            _ if line.trim() == "end" => break,
            Some(("shot", file)) => std::path::absolute(file).map_err(io).and_then(|file| machine.screenshot(&file)),
            Some(("key", name)) => machine.key(name),
            Some(("picture", name)) => machine.ask(&feed(name)).map(drop),
            _ => machine.ask(&line).map(|answer| println!("{}", answer.text)),
        };
        match result {
            Err(EmulatorError::Ended { .. }) => break,
            Err(error) => eprintln!("{error}"),
            Ok(()) => {}
        }
    }
    Ok(())
}

fn name(picture: &Path) -> String {
    picture.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The pictures that a path names: itself, or those in the folder, sorted.
fn pictures(path: &Path) -> Result<Vec<PathBuf>, EmulatorError> {
    let io = |source| EmulatorError::Io { path: path.to_owned(), source };
    if path.metadata().map_err(io)?.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let end = path.extension().unwrap_or_default().to_ascii_lowercase();
        if ["png", "jpg", "jpeg"].iter().any(|known| end == *known) {
            found.push(path);
        }
    }
    found.sort();
    if found.is_empty() { Err(EmulatorError::NoPicture { path: path.to_owned() }) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_pictures_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("notes.txt"), "no face").unwrap();
        assert!(pictures(folder.path()).unwrap_err().to_string().contains("no picture"));
        for name in ["b.PNG", "a.jpg"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let names: Vec<_> = pictures(folder.path()).unwrap().iter().map(|path| name(path)).collect();
        assert_eq!(names, ["a.jpg", "b.PNG"]);
    }
}
