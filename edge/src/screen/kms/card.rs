//! A graphics card and what is plugged into it. The settings come in; the display to use goes out. Next:
//! [`super::output`].

use super::KmsSettings;
use super::choice::{Offer, choose};
use drm::control::{Device as _, Mode, ModeFlags, ModeTypeFlags, connector, crtc};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// `O_NONBLOCK` of open(2): events are read without waiting.
const NONBLOCK: i32 = 0o4000;

/// A card's device file.
#[derive(Debug)]
pub struct Card(File);

/// A display that is plugged in, and how to drive it.
#[derive(Clone, Debug)]
pub struct Display {
    pub connector: connector::Handle,
    /// The connector as the kernel names it, `HDMI-A-1` for instance.
    pub name: String,
    pub crtc: crtc::Handle,
    pub mode: Mode,
    /// Width and height in millimetres, if the display says.
    pub millimetres: Option<(u32, u32)>,
}

impl AsFd for Card {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl drm::Device for Card {}
impl drm::control::Device for Card {}

impl Card {
    pub fn open(path: &Path) -> io::Result<Self> {
        OpenOptions::new().read(true).write(true).custom_flags(NONBLOCK).open(path).map(Self)
    }

    /// All connectors, asked anew what is plugged in. That may take tens of milliseconds.
    pub fn connectors(&self) -> io::Result<Vec<connector::Info>> {
        let handles = self.resource_handles()?;
        handles.connectors().iter().map(|&connector| self.get_connector(connector, true)).collect()
    }

    /// The largest display that is plugged in and that the settings allow.
    pub fn display(&self, settings: &KmsSettings) -> io::Result<Option<Display>> {
        let connectors = self.connectors()?;
        let plugged = connectors.iter().filter(|connector| {
            connector.state() == connector::State::Connected
                && settings.connector.as_ref().is_none_or(|name| *name == connector.to_string())
        });
        let displays = plugged.filter_map(|connector| self.drive(connector, settings));
        Ok(displays.max_by_key(|display| {
            let (width, height) = display.mode.size();
            u32::from(width) * u32::from(height)
        }))
    }

    fn drive(&self, connector: &connector::Info, settings: &KmsSettings) -> Option<Display> {
        let mode = *connector.modes().get(choose(&offers(connector), settings)?)?;
        let current = connector.current_encoder().and_then(|encoder| self.get_encoder(encoder).ok()?.crtc());
        let resources = self.resource_handles().ok()?;
        let possible = || {
            let encoders = connector.encoders().iter().filter_map(|&encoder| self.get_encoder(encoder).ok());
            encoders.flat_map(|encoder| resources.filter_crtcs(encoder.possible_crtcs())).next()
        };
        Some(Display {
            connector: connector.handle(),
            name: connector.to_string(),
            crtc: current.or_else(possible)?,
            mode,
            millimetres: connector.size(),
        })
    }

    /// Whether the display is still plugged in, as far as the kernel has noticed; cheap.
    pub fn is_plugged(&self, display: &Display) -> bool {
        let connector = self.get_connector(display.connector, false);
        connector.is_ok_and(|connector| connector.state() == connector::State::Connected)
    }
}

/// All cards, in the order of their numbers.
pub fn cards() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/dev/dri").into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("card"));
    let mut paths: Vec<_> = named.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// The modes of a connector.
pub fn offers(connector: &connector::Info) -> Vec<Offer> {
    let offer = |mode: &Mode| Offer {
        width: mode.size().0.into(),
        height: mode.size().1.into(),
        rate: mode.vrefresh(),
        preferred: mode.mode_type().contains(ModeTypeFlags::PREFERRED),
        interlaced: mode.flags().contains(ModeFlags::INTERLACE),
    };
    connector.modes().iter().map(offer).collect()
}
