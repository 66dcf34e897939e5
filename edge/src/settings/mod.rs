//! What a museum can set: `kiosk.toml` comes in, checked [`Settings`] go out, and what was wrong with the file, if anything
//! was. Each key is optional. Next: the commands build the device's parts from them.
//!
//! A file is read whole or not at all: one wrong value, and the last good settings are used ([`load`]), so that a typo never
//! leaves half of a change on the wall.

mod devices;
mod house;
mod load;
mod table;
mod values;
mod visit;

pub use devices::{Camera, Device, Gpio, Input, Mode, Output, Screen};
pub use house::{Health, Model, Service};
pub use load::{Loaded, check, find, load};
pub use table::Place;
pub use visit::{Children, LANGUAGES, TakeHome, Visit};

use crate::service::Hours;
use std::io;
use std::path::{Path, PathBuf};
use table::{Source, Table};

/// The documented default file: every key, what it means, and its default.
pub const DEFAULT_FILE: &str = include_str!("../../kiosk.toml");
/// What the file is called, wherever it lies.
pub const FILE_NAME: &str = "kiosk.toml";

/// Everything that can be set. No value in here is impossible.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    pub camera: Camera,
    pub screen: Screen,
    pub visit: Visit,
    pub take_home: TakeHome,
    pub hours: Hours,
    pub input: Input,
    pub model: Model,
    pub service: Service,
}

/// Why a settings file is not used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("{}: cannot be read ({source}); name a file that is there, or leave --config out", file.display())]
    Read { file: PathBuf, source: io::Error },
    #[error("{place}: not TOML ({reason}); compare the line with the documented file")]
    Syntax { place: Place, reason: String },
    #[error("{place}: `{key}` is no setting; {}", suggest(nearest.as_deref(), known))]
    UnknownKey { place: Place, key: String, nearest: Option<String>, known: Vec<&'static str> },
    #[error("{place}: `{key}` is {found}; allowed: {allowed}")]
    Value { place: Place, key: String, found: String, allowed: String },
    #[error("{}: the folder {} of `take_home` is not there, and nothing is given to take home; create it or plug it in, then start again", file.display(), folder.display())]
    Folder { file: PathBuf, folder: PathBuf },
}

fn suggest(nearest: Option<&str>, known: &[&str]) -> String {
    match nearest {
        Some(nearest) => format!("do you mean `{nearest}`?"),
        None => format!("there are: {}", known.join(", ")),
    }
}

impl Settings {
    /// Reads a file's bytes. `file` names it in messages, and is where relative paths begin; `languages` are the codes of
    /// the languages that there are texts for.
    pub fn read(file: &Path, bytes: &[u8], languages: &[&str]) -> Result<Self, SettingsError> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let text = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let place = Source { file, text: &text }.place(text.len());
            SettingsError::Syntax { place, reason: "a character that is not UTF-8".into() }
        })?;
        // Editors on Windows begin a file with this mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let source = Source { file, text };
        let document = toml::de::DeTable::parse(text).map_err(|error| SettingsError::Syntax {
            place: source.place(error.span().map_or(0, |span| span.start)),
            reason: error.message().to_owned(),
        })?;
        let mut root = Table::root(source, document.get_ref());
        let settings = Self {
            camera: Camera::read(root.section("camera")?)?,
            screen: Screen::read(root.section("screen")?)?,
            visit: Visit::read(root.section("visit")?, languages)?,
            take_home: TakeHome::read(root.section("take_home")?)?,
            hours: house::hours(root.section("hours")?)?,
            input: Input::read(root.section("input")?)?,
            model: Model::read(root.section("model")?)?,
            service: Service::read(root.section("service")?)?,
        };
        root.finish()?;
        Ok(settings)
    }
}

#[cfg(test)]
mod tests;
