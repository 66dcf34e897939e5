//! A settings file and a card with an image come in; the file is `kiosk.toml` on the card's first partition afterwards.

use crate::host::process::{self, ProcessError};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The name that the mirror looks for.
const NAME: &str = "kiosk.toml";
/// The mirror reads no larger file.
const LARGEST: usize = 1 << 20;
/// Types of FAT partitions in the table.
const FAT: [u8; 4] = [0x06, 0x0B, 0x0C, 0x0E];

#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: {message}", path.display())]
    Form { path: PathBuf, message: String },
    #[error("the image's first partition is no FAT file system (type {kind:#04x}); copy {NAME} by hand")]
    NoFat { kind: u8 },
    #[error("{NAME} does not get onto the card: {0}")]
    Copy(#[from] ProcessError),
    #[error("{NAME} reads otherwise from the card than it was written; the card is worn: take another")]
    Differs,
}

/// Reads a settings file. What its keys mean is the mirror's business, but TOML it must be.
pub fn read(path: &Path) -> Result<Vec<u8>, SettingsError> {
    let form = |message| SettingsError::Form { path: path.to_owned(), message };
    let bytes = std::fs::read(path).map_err(|source| SettingsError::Io { path: path.to_owned(), source })?;
    if bytes.len() > LARGEST {
        return Err(form(format!("larger than {LARGEST} bytes")));
    }
    let text = std::str::from_utf8(&bytes).map_err(|error| form(format!("not text ({error})")))?;
    match text.parse::<toml::Table>() {
        Ok(_) => Ok(bytes),
        Err(error) => Err(form(error.to_string())),
    }
}

/// Puts settings onto a card (or a file with its content), and reads them back.
pub fn put(settings: &[u8], card: &Path) -> Result<(), SettingsError> {
    let io_at = |path: &Path| {
        let path = path.to_owned();
        move |source| SettingsError::Io { path, source }
    };
    let place = format!("{}@@{}", card.display(), first_fat(card)?);
    let folder = tempfile::tempdir().map_err(io_at(card))?;
    let file = folder.path().join(NAME);
    std::fs::write(&file, settings).map_err(io_at(&file))?;
    process::run(Command::new("mcopy").args(["-o", "-i", &place]).arg(&file).arg(format!("::{NAME}")))?;
    let device = File::options().read(true).write(true).open(card).map_err(io_at(card))?;
    device.sync_all().map_err(io_at(card))?;
    rustix::fs::fadvise(&device, 0, None, rustix::fs::Advice::DontNeed).map_err(|errno| io_at(card)(errno.into()))?;
    match process::run(Command::new("mtype").args(["-i", &place]).arg(format!("::{NAME}")))? == settings {
        true => Ok(()),
        false => Err(SettingsError::Differs),
    }
}

/// Where the first partition begins, bytes.
fn first_fat(card: &Path) -> Result<u64, SettingsError> {
    // The first entry of a master boot record: at 446, its type 4 bytes further, its first sector 8 bytes further.
    let mut entry = [0; 16];
    let read = File::open(card).and_then(|file| file.read_exact_at(&mut entry, 446));
    read.map_err(|source| SettingsError::Io { path: card.to_owned(), source })?;
    let [.., kind, _, _, _, a, b, c, d, _, _, _, _] = entry;
    match FAT.contains(&kind) {
        true => Ok(u64::from(u32::from_le_bytes([a, b, c, d])) * 512),
        false => Err(SettingsError::NoFat { kind }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::process::Stdio;

    /// A card with one partition of a type, a FAT file system in it.
    fn card(folder: &Path, kind: &str) -> PathBuf {
        let (card, fat) = (folder.join("card"), folder.join("fat"));
        File::create(&card).unwrap().set_len(8 << 20).unwrap();
        File::create(&fat).unwrap().set_len(4 << 20).unwrap();
        let mut sfdisk = Command::new("sfdisk").arg("-q").arg(&card).stdin(Stdio::piped()).spawn().unwrap();
        let table = format!("label: dos\nstart=2MiB, size=4MiB, type={kind}\n");
        sfdisk.stdin.take().unwrap().write_all(table.as_bytes()).unwrap();
        assert!(sfdisk.wait().unwrap().success());
        process::run(Command::new("mkfs.vfat").arg(&fat)).unwrap();
        let bytes = std::fs::read(&fat).unwrap();
        File::options().write(true).open(&card).unwrap().write_all_at(&bytes, 2 << 20).unwrap();
        card
    }

    #[test]
    fn settings_replace_those_of_the_image() {
        let folder = tempfile::tempdir().unwrap();
        let card = card(folder.path(), "c");
        put(b"# the image's own", &card).unwrap();
        put(b"[visit]\ninvitation = 'Come'\n", &card).unwrap();
        let place = format!("{}@@2M", card.display());
        let text = process::run(Command::new("mtype").args(["-i", &place, "::kiosk.toml"])).unwrap();
        assert_eq!(text, b"[visit]\ninvitation = 'Come'\n");
    }

    #[test]
    fn a_card_without_fat_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = put(b"", &card(folder.path(), "83")).unwrap_err().to_string();
        assert!(error.contains("0x83"), "{error}");
    }

    #[test]
    fn a_typo_is_found_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        let refused = |bytes: &[u8], words: &str| {
            std::fs::write(&path, bytes).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains("mine.toml") && error.contains(words), "{error}");
        };
        refused(b"[visit]\ninvitation = Come\n", "line 2");
        refused(b"\xFF\xFE", "not text");
        refused(&vec![b'#'; LARGEST + 1], "larger");
        assert!(read("/no/kiosk.toml".as_ref()).is_err());
        assert!(!read(concat!(env!("CARGO_MANIFEST_DIR"), "/../edge/kiosk.toml").as_ref()).unwrap().is_empty());
    }
}
