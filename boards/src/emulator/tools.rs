//! The test's own drive: the hand, the virtual camera's modules, and pictures to hold before it. No image holds any of it.

use super::EmulatorError;
use crate::cross;
use crate::host::{process, tools};
use std::path::Path;
use std::process::Command;

/// Makes the drive. `pictures` are PNG or JPEG files; in the machine they are `/run/tools/pictures/NAME`.
pub fn drive(
    camera: &Path,
    hardware: &Path,
    pictures: &[&Path],
    work: &Path,
    image: &Path,
) -> Result<(), EmulatorError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| EmulatorError::Io { path, source }
    };
    let shelf = work.join("pictures");
    std::fs::create_dir_all(&shelf).map_err(io(&shelf))?;
    process::run(Command::new("tar").arg("--extract").arg("--file").arg(camera).arg("--directory").arg(work))?;
    let agent = Path::new(env!("CARGO_MANIFEST_DIR")).join("emulator/agent");
    std::fs::copy(&agent, work.join("agent")).map_err(io(&agent))?;
    // Symbols would only be carried about.
    tools::need(&[cross::strip()])?;
    process::run(Command::new(cross::strip().program).arg("-o").arg(work.join("hardware")).arg(hardware))?;
    for picture in pictures {
        std::fs::copy(picture, shelf.join(picture.file_name().unwrap_or_default())).map_err(io(picture))?;
    }
    let mut pack = Command::new("mksquashfs");
    pack.arg(work).arg(image).args([
        "-noappend",
        "-no-progress",
        "-quiet",
        "-all-root",
        "-comp",
        "gzip",
        "-Xcompression-level",
        "1",
    ]);
    process::run(&mut pack)?;
    Ok(())
}

/// Words for the kernel that start the hand: a unit as a systemd credential (systemd-debug-generator(8)).
pub fn words() -> String {
    let unit = include_str!("../../emulator/agent.service");
    format!(
        "systemd.set_credential_binary=systemd.extra-unit.agent.service:{} systemd.wants=agent.service",
        base64(unit.as_bytes())
    )
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= three.len() { letter.into() } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_what_everybody_calls_so() {
        for (plain, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn the_words_fit_on_a_kernels_line() {
        assert!(words().len() < 900, "{}", words().len());
    }
}
