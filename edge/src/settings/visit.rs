//! The settings of what a visitor goes through: `[visit]` and `[take_home]`.

use super::SettingsError;
use super::table::Table;
use super::values::{flag, list, path, seconds, text, word};
use crate::kiosk::Cut;
use serde::Deserialize;
use shared::Decade;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// `[visit]`
#[derive(Clone, Debug, PartialEq)]
pub struct Visit {
    /// What is shown of a visitor.
    pub cut: Cut,
    /// From the youngest decade to the oldest.
    pub sweep: Duration,
    /// After this, the next visitor is greeted.
    pub longest: Duration,
    /// Without a press or a face, the visit ends after this; at least 30 s.
    pub patience: Duration,
    pub children: Children,
    /// The oldest decade that children are shown in the gentle range.
    pub oldest_for_children: Decade,
    /// Codes of the languages that can be chosen; the first is the one to begin with. At least one.
    pub languages: Vec<String>,
    /// In place of the language's own invitation.
    pub invitation: BTreeMap<String, String>,
    /// Ends with the strip of the decades.
    pub strip: bool,
    /// The educator's view can be asked for.
    pub look_inside: bool,
    /// Buttons are drawn on the screen.
    pub buttons: bool,
}

/// What children are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Children {
    /// No older than [`Visit::oldest_for_children`].
    #[default]
    Gentle,
    /// All decades.
    Full,
}

/// `[take_home]`: how a visitor keeps the strip.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TakeHome {
    #[default]
    Off,
    /// As a QR code.
    Code,
    /// As a file in this folder, for a printer.
    File(PathBuf),
}

/// The languages that the mirror comes with.
pub const LANGUAGES: [&str; 6] = ["en", "de", "fr", "es", "zh", "ar"];
const YES_OR_NO: &str = "true or false";

impl Default for Visit {
    fn default() -> Self {
        Self {
            cut: Cut::Portrait,
            sweep: Duration::from_secs(11),
            longest: Duration::from_secs(90),
            patience: Duration::from_secs(30),
            children: Children::Gentle,
            oldest_for_children: Decade::Thirties,
            languages: LANGUAGES.map(str::to_owned).to_vec(),
            invitation: BTreeMap::new(),
            strip: true,
            look_inside: true,
            buttons: true,
        }
    }
}

impl Visit {
    pub(super) fn read(mut table: Table, known: &[&str]) -> Result<Self, SettingsError> {
        let default = Self::default();
        let decades = "\"10s\", \"20s\", \"30s\", \"40s\", \"50s\" or \"60s\"";
        let codes = known.join(", ");
        let lists = format!("a list of at least one of {codes}, none twice");
        let code = |code: &str| known.contains(&code).then(|| code.to_owned());
        let visit = Self {
            cut: table.value("view", default.cut, "\"portrait\" or \"mirror\"", word)?,
            sweep: table.value("sweep_seconds", default.sweep, "seconds from 5 to 60", |v| seconds(v, 5.0..=60.0))?,
            longest: table.value("longest_seconds", default.longest, "seconds from 30 to 600", |value| {
                seconds(value, 30.0..=600.0)
            })?,
            patience: table.value(
                "patience_seconds",
                default.patience,
                "seconds from 30 (a slower visitor must have the time) to 600",
                |value| seconds(value, 30.0..=600.0),
            )?,
            children: table.value("children", default.children, "\"gentle\" or \"full\"", word)?,
            oldest_for_children: table.value("oldest_for_children", default.oldest_for_children, decades, word)?,
            languages: table.value("languages", default.languages, &lists, |value| {
                list(value, |value| code(value.as_str()?)).filter(|list| !list.is_empty())
            })?,
            invitation: table
                .section("invitation")?
                .all(&format!("a text for one of the languages {codes}"), |key, value| code(key).zip(text(value)))?
                .into_iter()
                .collect(),
            strip: table.value("strip", default.strip, YES_OR_NO, flag)?,
            look_inside: table.value("look_inside", default.look_inside, YES_OR_NO, flag)?,
            buttons: table.value("buttons", default.buttons, YES_OR_NO, flag)?,
        };
        table.finish()?;
        Ok(visit)
    }
}

impl TakeHome {
    pub(super) fn read(mut table: Table) -> Result<Self, SettingsError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Way {
            Off,
            Code,
            File,
        }
        let base = table.folder();
        let way = table.value("way", Way::Off, "\"off\", \"code\" or \"file\"", word)?;
        let folders = "the folder that the printer takes its files from";
        let folder = table.value("folder", None, folders, |value| path(value, base).map(Some))?;
        let take_home = match way {
            Way::Off => Self::Off,
            Way::Code => Self::Code,
            Way::File => Self::File(table.needed(folder, "folder", folders)?),
        };
        table.finish()?;
        Ok(take_home)
    }
}
