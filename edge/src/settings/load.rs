//! Which settings the mirror starts with. The settings file is looked for and read; what goes out are its settings or, if it
//! is broken, the last good ones, and a warning. Nothing here stops the mirror but a `--config` that names no file.
//!
//! Whenever a file was read without an error, a copy of it is kept in the state folder, so that a later typo costs nothing
//! but a notice. On a system that cannot be written to there is no copy, and a broken file means the defaults.

use super::{FILE_NAME, Settings, SettingsError, TakeHome};
use crate::files::write_atomic;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Settings to start with.
#[derive(Debug)]
pub struct Loaded {
    pub settings: Settings,
    /// The file that was found, whether or not it could be used.
    pub file: Option<PathBuf>,
    /// What is wrong with the file; then the settings are the last good ones.
    pub warning: Option<SettingsError>,
}

/// Where a settings file is looked for, in this order: beside the caller, on the card's first partition, in the system.
const PLACES: [&str; 4] =
    [FILE_NAME, "/boot/firmware/kiosk.toml", "/boot/kiosk.toml", "/etc/as-time-goes-by/kiosk.toml"];
/// The copy in the state folder.
const LAST_GOOD: &str = "last-good-kiosk.toml";
/// Larger files are not read; the documented one has some thousand bytes.
const LARGEST: u64 = 1 << 20;

/// The settings file: the one given, which must be there, or the first in the places where it is looked for.
pub fn find(given: Option<&Path>) -> Result<Option<PathBuf>, SettingsError> {
    match given {
        Some(file) => match std::fs::metadata(file) {
            Ok(_) => Ok(Some(file.to_owned())),
            Err(source) => Err(SettingsError::Read { file: file.to_owned(), source }),
        },
        None => Ok(PLACES.iter().map(PathBuf::from).find(|file| file.is_file())),
    }
}

/// Reads the settings in `file`; without a file, the defaults. `languages` are the codes of the languages that there are
/// texts for.
pub fn load(file: Option<&Path>, languages: &[&str]) -> Loaded {
    load_with(file, languages, state_folder().as_deref())
}

/// Reads the settings like [`load`], but neither keeps nor uses a copy.
pub fn check(file: Option<&Path>, languages: &[&str]) -> Loaded {
    load_with(file, languages, None)
}

fn load_with(file: Option<&Path>, languages: &[&str], state: Option<&Path>) -> Loaded {
    let Some(file) = file else { return Loaded { settings: Settings::default(), file: None, warning: None } };
    let copy = state.map(|folder| folder.join(LAST_GOOD));
    let bytes = read(file);
    let result = bytes.and_then(|bytes| Ok((Settings::read(file, &bytes, languages)?, bytes)));
    let (mut settings, mut warning) = match result {
        Ok((settings, bytes)) => {
            if let Some(copy) = &copy {
                keep(copy, &bytes);
            }
            (settings, None)
        }
        Err(error) => (last_good(copy.as_deref(), file, languages).unwrap_or_default(), Some(error)),
    };
    if let TakeHome::File(folder) = &settings.take_home
        && !folder.is_dir()
    {
        let missing = SettingsError::Folder { file: file.to_owned(), folder: folder.clone() };
        warning.get_or_insert(missing);
        settings.take_home = TakeHome::Off;
    }
    Loaded { settings, file: Some(file.to_owned()), warning }
}

fn read(file: &Path) -> Result<Vec<u8>, SettingsError> {
    let error = |source| SettingsError::Read { file: file.to_owned(), source };
    let about = std::fs::metadata(file).map_err(error)?;
    if !about.is_file() || about.len() > LARGEST {
        return Err(error(std::io::Error::other("not a file of at most 1 MiB")));
    }
    std::fs::read(file).map_err(error)
}

/// Copies the file, unless the copy is the same already: flash memory wears.
fn keep(copy: &Path, bytes: &[u8]) {
    if std::fs::read(copy).is_ok_and(|kept| kept == bytes) {
        return;
    }
    let folder = copy.parent().map_or(Ok(()), std::fs::create_dir_all);
    if let Err(error) = folder.and_then(|()| write_atomic(copy, bytes)) {
        tracing::debug!("{}: no copy of the settings is kept ({error})", copy.display());
    }
}

/// The copy's settings; paths in it begin where they did in `file`.
fn last_good(copy: Option<&Path>, file: &Path, languages: &[&str]) -> Option<Settings> {
    let bytes = read(copy?).ok()?;
    Settings::read(file, &bytes, languages).ok()
}

/// What systemd gives to the service, else the user's own.
fn state_folder() -> Option<PathBuf> {
    let folder = |name| std::env::var_os(name).filter(|folder: &OsString| !folder.is_empty()).map(PathBuf::from);
    folder("STATE_DIRECTORY")
        .or_else(|| folder("XDG_STATE_HOME").map(|home| home.join("as-time-goes-by")))
        .or_else(|| folder("HOME").map(|home| home.join(".local/state/as-time-goes-by")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::Rotation;

    const GOOD: &str = "[screen]\nrotation = 90\n";
    const BROKEN: &str = "[screen]\nrotation = 45\n";

    #[test]
    fn a_broken_file_means_the_last_good_settings_and_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let (file, state) = (folder.path().join("kiosk.toml"), folder.path().join("state/deep"));
        let load = |text: &str| {
            std::fs::write(&file, text).unwrap();
            load_with(Some(&file), &["en"], Some(&state))
        };
        let broken = load(BROKEN);
        assert_eq!(broken.settings, Settings::default());
        assert!(matches!(broken.warning, Some(SettingsError::Value { .. })));
        assert!(!state.exists());

        let good = load(GOOD);
        assert!(good.warning.is_none() && good.settings.screen.rotation == Rotation::Quarter);
        let broken = load(BROKEN);
        assert_eq!(broken.settings, good.settings);
        assert!(broken.warning.is_some() && broken.file.as_ref() == Some(&file));

        std::fs::write(state.join(LAST_GOOD), "rubbish").unwrap();
        assert_eq!(load(BROKEN).settings, Settings::default());
        std::fs::remove_file(&file).unwrap();
        let gone = load_with(Some(&file), &["en"], Some(&state));
        assert!(matches!(gone.warning, Some(SettingsError::Read { .. })));
    }

    #[test]
    fn a_state_folder_that_cannot_be_written_is_no_reason_to_fail() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kiosk.toml");
        std::fs::write(&file, GOOD).unwrap();
        for state in [None, Some(file.as_path()), Some(Path::new("/proc/no/such"))] {
            let loaded = load_with(Some(&file), &["en"], state);
            assert!(loaded.warning.is_none() && loaded.settings.screen.rotation == Rotation::Quarter);
        }
    }

    #[test]
    fn the_copy_is_written_only_when_the_file_changed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kiosk.toml");
        std::fs::write(&file, GOOD).unwrap();
        let copy = folder.path().join(LAST_GOOD);
        let identity = || std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(&copy).unwrap());
        load_with(Some(&file), &["en"], Some(folder.path()));
        let first = identity();
        load_with(Some(&file), &["en"], Some(folder.path()));
        assert_eq!(identity(), first);
        assert_eq!(std::fs::read(&copy).unwrap(), GOOD.as_bytes());
    }

    #[test]
    fn a_printers_folder_that_is_not_there_costs_only_the_take_home() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kiosk.toml");
        std::fs::write(&file, "[screen]\nrotation = 90\n[take_home]\nway = \"file\"\nfolder = \"strips\"\n").unwrap();
        let missing = load_with(Some(&file), &["en"], None);
        assert!(matches!(missing.warning, Some(SettingsError::Folder { .. })));
        assert_eq!((missing.settings.take_home, missing.settings.screen.rotation), (TakeHome::Off, Rotation::Quarter));
        std::fs::create_dir(folder.path().join("strips")).unwrap();
        let there = load_with(Some(&file), &["en"], None);
        assert_eq!(there.settings.take_home, TakeHome::File(folder.path().join("strips")));
        assert!(there.warning.is_none());
    }

    #[test]
    fn a_file_that_was_asked_for_must_be_there() {
        assert!(matches!(find(Some(Path::new("no/such.toml"))), Err(SettingsError::Read { .. })));
        let nothing = load(None, &[]);
        assert!(nothing.warning.is_none() && nothing.file.is_none() && nothing.settings == Settings::default());
    }
}
