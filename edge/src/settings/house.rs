//! The settings of the house and the machine: `[hours]`, `[model]` and `[service]`.

use super::SettingsError;
use super::table::Table;
use super::values::{auto_or, list, number, path, text, whole, word};
use crate::service::{Day, Hours, Opening};
use jiff::tz::TimeZone;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use toml::de::DeValue;

/// `[model]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    /// Folder of a generator bundle, in place of the one inside the program.
    pub bundle: Option<PathBuf>,
}

/// `[service]`
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// How many age a face together; `None`: as many as the machine can spare.
    pub threads: Option<NonZeroUsize>,
    /// °C; from here on faces are aged less often.
    pub hottest: f32,
    pub health: Health,
}

/// Where the mirror tells how it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// A file in the folder that systemd gives to the service; nowhere without one.
    #[default]
    Auto,
    Off,
    File(PathBuf),
}

impl Health {
    /// The file to write; `None` where there is none to write.
    pub fn file(&self) -> Option<PathBuf> {
        match self {
            Self::Auto => {
                let folder = std::env::var_os("RUNTIME_DIRECTORY").filter(|folder| !folder.is_empty())?;
                Some(PathBuf::from(folder).join("health.prom"))
            }
            Self::Off => None,
            Self::File(file) => Some(file.clone()),
        }
    }
}

const TIMES: &str = "a time such as \"09:30\"";

impl Default for Service {
    fn default() -> Self {
        Self { threads: None, hottest: 80.0, health: Health::Auto }
    }
}

impl Model {
    pub(super) fn read(mut table: Table) -> Result<Self, SettingsError> {
        let folder = table.folder();
        let bundle = table.value("bundle", None, "\"auto\", or the folder of a bundle", |value| {
            auto_or(value, |value| path(value, folder))
        })?;
        table.finish()?;
        Ok(Self { bundle })
    }
}

impl Service {
    pub(super) fn read(mut table: Table) -> Result<Self, SettingsError> {
        let (default, folder) = (Self::default(), table.folder());
        let service = Self {
            threads: table.value("threads", None, "\"auto\", or a number from 1 to 64", |value| {
                auto_or(value, |value| NonZeroUsize::new(whole(value, 1..=64)? as usize))
            })?,
            hottest: table.value("hottest", default.hottest, "°C from 40 to 110", |value| {
                number(value, 40.0..=110.0).map(|celsius| celsius as f32)
            })?,
            health: table.value("health", default.health, "\"auto\", \"off\" or a file", |value| {
                match value.as_str()? {
                    "auto" => Some(Health::Auto),
                    "off" => Some(Health::Off),
                    _ => path(value, folder).map(Health::File),
                }
            })?,
        };
        table.finish()?;
        Ok(service)
    }
}

/// `[hours]`
pub(super) fn hours(mut table: Table) -> Result<Hours, SettingsError> {
    let zones = "\"auto\" (the system's), or a time zone such as \"Europe/Berlin\"";
    let zone = table.value("zone", None, zones, |value| auto_or(value, |value| TimeZone::get(&text(value)?).ok()))?;
    let entry = "a list of entries such as { days = [\"tue\", \"sun\"], from = \"09:30\", to = \"17:00\" }";
    let open = table.each("open", entry, opening)?;
    table.finish()?;
    Ok(Hours { zone, open })
}

fn opening(table: &mut Table) -> Result<Opening, SettingsError> {
    let days = "a list of at least one of \"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\" and \"sun\", none twice";
    let list =
        table.value("days", None, days, |value| list(value, word::<Day>).filter(|days| !days.is_empty()).map(Some))?;
    let from =
        table.value("from", None, TIMES, |value| clock_time(value).filter(|&from| from < Opening::DAY).map(Some))?;
    let until =
        "a time such as \"17:00\" or \"24:00\", not the one of `from`; before that of `from` it is the next day's";
    let to = table.value("to", None, until, |value| match (from, clock_time(value)?) {
        (Some(from), to) if from == to => None,
        (Some(from), to) if to < from => Some(Some(to + Opening::DAY)),
        (_, to) => Some(Some(to)),
    })?;
    Ok(Opening {
        days: table.needed(list, "days", days)?,
        from: table.needed(from, "from", TIMES)?,
        to: table.needed(to, "to", until)?,
    })
}

/// Minutes since midnight, at most those of a day.
fn clock_time(value: &DeValue) -> Option<u32> {
    let (hours, minutes) = value.as_str()?.split_once(':')?;
    let two_digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    let (hours, minutes): (u32, u32) = match two_digits(hours) && two_digits(minutes) {
        true => (hours.parse().ok()?, minutes.parse().ok()?),
        false => return None,
    };
    (minutes < 60).then_some(hours * 60 + minutes).filter(|&time| time <= Opening::DAY)
}
