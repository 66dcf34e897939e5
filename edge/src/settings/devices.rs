//! The settings of what is plugged in: `[camera]`, `[screen]` and `[input]`.

use super::SettingsError;
use super::table::Table;
use super::values::{auto_or, flag, number, pair, path, text, whole, word};
use crate::frames::camera::{Flicker, Format};
use crate::input::Button;
use crate::screen::{BadWiring, Rotation, Wiring};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;
use toml::de::DeValue;

/// `[camera]`. `None` is what the mirror chooses by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Camera {
    pub device: Device,
    /// Width and height in pixels.
    pub size: Option<(u32, u32)>,
    pub format: Option<Format>,
    /// Pictures a second.
    pub rate: Option<u32>,
    /// Left and right as in a mirror.
    pub mirror: bool,
    /// How far its pictures are turned clockwise.
    pub rotation: Rotation,
    pub flicker: Flicker,
    /// How long a picture is exposed.
    pub exposure: Option<Duration>,
}

/// Where pictures come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// The first camera that gives pictures, else the demo visitors.
    #[default]
    Auto,
    Path(PathBuf),
    /// The pictures of a folder.
    Stills(PathBuf),
}

/// `[screen]`
#[derive(Clone, Debug, PartialEq)]
pub struct Screen {
    pub output: Output,
    /// A display's socket, such as `HDMI-A-1`; `None`: the first with a display.
    pub connector: Option<String>,
    /// `None`: the display's own.
    pub mode: Option<Mode>,
    /// How far the picture is turned clockwise.
    pub rotation: Rotation,
    /// Width of the visible area as the viewer sees it, in millimetres; `None`: what the display says.
    pub width_mm: Option<u32>,
    /// Percent, 10 to 100.
    pub brightness: u32,
}

/// Where pictures go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// A display if one is free, which a service waits for; else a window, else files.
    #[default]
    Auto,
    /// A display, through this card or the first that has one.
    Kms(Option<PathBuf>),
    /// On a developer's desktop.
    Window,
    /// A small panel on the SPI bus.
    Spi(Wiring),
    /// Files in a folder.
    Png(PathBuf),
}

/// Pixels and pictures a second of a display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    pub width: u32,
    pub height: u32,
    /// `None`: the display's highest.
    pub hertz: Option<u32>,
}

/// `[input]`
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    pub touch: bool,
    /// What the kernel's keys (`KEY_A`, `BTN_SOUTH`) do, beside the usual ones.
    pub keys: BTreeMap<String, Button>,
    pub gpio: Option<Gpio>,
}

/// `[input.gpio]`: buttons wired to the board.
#[derive(Clone, Debug, PartialEq)]
pub struct Gpio {
    pub chip: PathBuf,
    /// A pressed button pulls its line to ground.
    pub active_low: bool,
    /// What each line of the chip does.
    pub lines: BTreeMap<u32, Button>,
}

/// Lines that a chip may have.
const LINES: u32 = 1024;
const BUTTONS: &str = "younger, older, hold, language, opt-out, inside, take-home or done";
const TURNS: &str = "0, 90, 180 or 270";

impl Default for Camera {
    fn default() -> Self {
        Self {
            device: Device::Auto,
            size: None,
            format: None,
            rate: None,
            mirror: true,
            rotation: Rotation::None,
            flicker: Flicker::Auto,
            exposure: None,
        }
    }
}

impl Default for Screen {
    fn default() -> Self {
        Self {
            output: Output::Auto,
            connector: None,
            mode: None,
            rotation: Rotation::None,
            width_mm: None,
            brightness: 100,
        }
    }
}

impl Default for Input {
    fn default() -> Self {
        Self { touch: true, keys: BTreeMap::new(), gpio: None }
    }
}

impl Camera {
    pub(super) fn read(mut table: Table) -> Result<Self, SettingsError> {
        let (default, folder) = (Self::default(), table.folder());
        let devices = "\"auto\", a device such as \"/dev/video0\", or a folder of pictures as \"stills:DIR\"";
        let sizes = "\"auto\", or width and height such as [1280, 720], each from 160 to 4096";
        let lamps = "\"auto\", \"off\", 50 or 60";
        let times = "\"auto\", or milliseconds from 0.1 to 1000";
        let camera = Self {
            device: table.value("device", default.device, devices, |value| {
                Device::from_str(value.as_str()?).ok().map(|device| device.beside(folder))
            })?,
            size: table.value("size", None, sizes, |value| auto_or(value, |value| pair(value, 160..=4096)))?,
            format: table.value("format", None, "\"auto\", \"yuyv\", \"mjpg\" or \"nv12\"", |v| auto_or(v, word))?,
            rate: table.value("rate", None, "\"auto\", or pictures a second from 5 to 120", |value| {
                auto_or(value, |value| whole(value, 5..=120))
            })?,
            mirror: table.value("mirror", default.mirror, "true or false", flag)?,
            rotation: table.value("rotation", default.rotation, TURNS, turn)?,
            flicker: table.value("flicker", default.flicker, lamps, flicker)?,
            exposure: table.value("exposure", default.exposure, times, |value| {
                auto_or(value, |value| number(value, 0.1..=1000.0).map(|time| Duration::from_secs_f64(time / 1e3)))
            })?,
        };
        table.finish()?;
        Ok(camera)
    }
}

impl Screen {
    pub(super) fn read(mut table: Table) -> Result<Self, SettingsError> {
        let (default, folder) = (Self::default(), table.folder());
        let outputs = "\"auto\", \"kms\", \"kms:/dev/dri/card1\", \"window\", a panel as \"spi:st7789\" or \"spi:ili9341\", or a \
                       folder for files as \"png:DIR\"";
        let modes = "\"auto\", or a size such as \"1920x1080\" or \"1920x1080@60\"";
        let screen = Self {
            output: table.value("output", default.output, outputs, |value| {
                Output::from_str(value.as_str()?).ok().map(|output| output.beside(folder))
            })?,
            connector: table
                .value("connector", None, "\"auto\", or a socket such as \"HDMI-A-1\"", |value| auto_or(value, text))?,
            mode: table.value("mode", None, modes, |v| auto_or(v, |value| value.as_str()?.parse().ok()))?,
            rotation: table.value("rotation", default.rotation, TURNS, turn)?,
            width_mm: table.value("width_mm", None, "\"auto\", or millimetres from 20 to 10000", |value| {
                auto_or(value, |value| whole(value, 20..=10_000))
            })?,
            brightness: table
                .value("brightness", default.brightness, "percent from 10 to 100", |value| whole(value, 10..=100))?,
        };
        table.finish()?;
        Ok(screen)
    }
}

impl Input {
    pub(super) fn read(mut table: Table) -> Result<Self, SettingsError> {
        let default = Self::default();
        let touch = table.value("touch", default.touch, "true or false", flag)?;
        let keys = "a key of the kernel such as KEY_A or BTN_SOUTH, and for it one of ".to_owned() + BUTTONS;
        let keys = table.section("keys")?.all(&keys, |key, value| {
            let key = evdev::KeyCode::from_str(key).ok().map(|_| key.to_owned());
            key.zip(word(value))
        })?;
        let gpio = table.section("gpio")?;
        let gpio = if gpio.is_there() { Some(Gpio::read(gpio)?) } else { None };
        table.finish()?;
        Ok(Self { touch, keys: keys.into_iter().collect(), gpio })
    }
}

impl Gpio {
    fn read(mut table: Table) -> Result<Self, SettingsError> {
        let chips = "a device such as \"/dev/gpiochip0\"";
        let chip = table.value("chip", "/dev/gpiochip0".into(), chips, |value| {
            path(value, Path::new("")).filter(|chip| chip.is_absolute())
        })?;
        let active_low = table.value("active_low", true, "true or false", flag)?;
        let lines = format!("a line from 0 to {}, and for it one of {BUTTONS}", LINES - 1);
        let lines = table.section("lines")?.all(&lines, |line, value| {
            let line = line.parse().ok().filter(|&line: &u32| line < LINES);
            line.zip(word(value))
        })?;
        table.finish()?;
        Ok(Self { chip, active_low, lines: lines.into_iter().collect() })
    }
}

impl FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("stills:")) {
            ("auto", _) => Ok(Self::Auto),
            (_, Some(folder)) if !folder.is_empty() => Ok(Self::Stills(folder.into())),
            (path, None) if path.starts_with('/') => Ok(Self::Path(path.into())),
            _ => Err("use `auto`, a device such as `/dev/video0`, or `stills:DIR`".into()),
        }
    }
}

impl Device {
    fn beside(self, base: &Path) -> Self {
        match self {
            Self::Stills(folder) => Self::Stills(base.join(folder)),
            other => other,
        }
    }
}

impl FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "auto" => Ok(Self::Auto),
            None if text == "kms" => Ok(Self::Kms(None)),
            None if text == "window" => Ok(Self::Window),
            Some(("kms", card)) if card.starts_with('/') => Ok(Self::Kms(Some(card.into()))),
            Some(("spi", wiring)) => wiring.parse().map(Self::Spi).map_err(|error: BadWiring| error.to_string()),
            Some(("png", folder)) if !folder.is_empty() => Ok(Self::Png(folder.into())),
            _ => {
                Err("use `auto`, `kms`, `kms:/dev/dri/card1`, `window`, `spi:st7789`, `spi:ili9341` or `png:DIR`"
                    .into())
            }
        }
    }
}

impl Output {
    fn beside(self, base: &Path) -> Self {
        match self {
            Self::Png(folder) => Self::Png(base.join(folder)),
            other => other,
        }
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str, most| text.parse().ok().filter(|number| (1..=most).contains(number));
        let read = || {
            let (size, hertz) = text.split_once('@').map_or((text, None), |(size, hertz)| (size, Some(hertz)));
            let (width, height) = size.split_once('x')?;
            let hertz = match hertz {
                Some(hertz) => Some(number(hertz, 1000)?),
                None => None,
            };
            Some(Self { width: number(width, 8192)?, height: number(height, 8192)?, hertz })
        };
        read().ok_or_else(|| "use a size such as `1920x1080` or `1920x1080@60`".into())
    }
}

fn turn(value: &DeValue) -> Option<Rotation> {
    Rotation::try_from(whole(value, 0..=270)?).ok()
}

fn flicker(value: &DeValue) -> Option<Flicker> {
    match (value.as_str(), whole(value, 50..=60)) {
        (Some("auto"), _) => Some(Flicker::Auto),
        (Some("off"), _) => Some(Flicker::Off),
        (_, Some(50)) => Some(Flicker::Hz50),
        (_, Some(60)) => Some(Flicker::Hz60),
        _ => None,
    }
}
