//! A display on the kernel's own graphics (DRM/KMS), without a desktop: HDMI, DisplayPort, DSI, and the small SPI panels
//! that the kernel drives. It may be absent at the start, switched off, or exchanged for another one at any time.

mod card;
mod choice;
mod output;

pub use choice::{Offer, choose};

use super::{Rotation, Screen, ScreenError};
use crate::canvas::Canvas;
use card::{Card, cards, offers};
use drm::control::connector;
use embedded_graphics::prelude::Size;
use output::Output;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What is asked of the display. The defaults take what is plugged in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KmsSettings {
    /// `/dev/dri/card0` for instance; `None`: the first one with a display.
    pub card: Option<PathBuf>,
    /// `HDMI-A-1` for instance; `None`: the largest display.
    pub connector: Option<String>,
    /// Width, height and hertz; `None`: the display's own, at most about full HD.
    pub mode: Option<(u32, u32, Option<u32>)>,
    pub rotation: Rotation,
}

/// A display, plugged in or not.
pub struct Kms {
    settings: KmsSettings,
    output: Option<Output>,
    size: (u32, u32),
    lit: bool,
    look: Instant,
}

/// Canvas before there ever was a display: full HD.
const ABSENT: (u32, u32) = (1920, 1080);
/// How often an absent display is looked for, and a present one asked whether it still is.
const SEARCH: Duration = Duration::from_secs(1);
const CHECK: Duration = Duration::from_secs(2);
/// `EACCES` and `EPERM` of errno(3).
const FORBIDDEN: [i32; 2] = [13, 1];

/// A connector and what is plugged into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub card: PathBuf,
    pub connector: String,
    /// The mode that would be used, or why not, in plain words.
    pub usable: Result<String, String>,
}

/// Looks at every connector; changes nothing.
pub fn list(settings: &KmsSettings) -> Vec<Found> {
    let look = |card: PathBuf| {
        let connectors = Card::open(&card).and_then(|card| card.connectors()).unwrap_or_default();
        connectors.into_iter().map(move |connector| {
            let offers = offers(&connector);
            let chosen = choose(&offers, settings).map(|index| offers[index]);
            let usable = match (connector.state(), chosen) {
                (connector::State::Connected, Some(offer)) => {
                    Ok(format!("{}×{} at {} Hz", offer.width, offer.height, offer.rate))
                }
                (connector::State::Connected, None) => Err("the display names no mode".into()),
                _ => Err("nothing is plugged in, or it is switched off".into()),
            };
            Found { card: card.clone(), connector: connector.to_string(), usable }
        })
    };
    settings.card.clone().map_or_else(cards, |card| vec![card]).into_iter().flat_map(look).collect()
}

impl Kms {
    /// A display that may come later.
    pub fn new(settings: KmsSettings) -> Self {
        let size = settings.rotation.turned(ABSENT);
        let mut kms = Self { settings, output: None, size, lit: true, look: Instant::now() };
        if let Err(error) = kms.find() {
            tracing::warn!("{error}");
        }
        kms
    }

    fn find(&mut self) -> Result<(), ScreenError> {
        self.look = Instant::now() + SEARCH;
        let cards = self.settings.card.clone().map_or_else(cards, |card| vec![card]);
        let mut problem = None;
        for path in cards {
            let failed = |source| problem_of(&path, source);
            match self.start(&path).map_err(failed) {
                Ok(Some(output)) => {
                    let found = output.display();
                    let (width, height) = found.mode.size();
                    tracing::info!("display {}: {width}×{height} at {} Hz", found.name, found.mode.vrefresh());
                    self.size = output.size();
                    self.output = Some(output);
                    self.look = Instant::now() + CHECK;
                    return Ok(());
                }
                Ok(None) => {}
                // A card that only computes has no displays.
                Err(error) => problem = problem.or(Some(error)),
            }
        }
        Err(problem.unwrap_or(ScreenError::NoDisplay))
    }

    fn start(&self, path: &Path) -> io::Result<Option<Output>> {
        let card = Card::open(path)?;
        let Some(display) = card.display(&self.settings)? else { return Ok(None) };
        let mut output = Output::start(card, display, self.settings.rotation)?;
        if !self.lit {
            output.light(false)?;
        }
        Ok(Some(output))
    }

    fn look_again(&mut self) -> Result<(), ScreenError> {
        if Instant::now() < self.look {
            return if self.output.is_some() { Ok(()) } else { Err(ScreenError::NoDisplay) };
        }
        if let Some(output) = &self.output {
            self.look = Instant::now() + CHECK;
            if !self.lit || output.is_plugged() {
                return Ok(());
            }
            tracing::warn!("display {}: is gone", output.display().name);
            self.output = None;
        }
        self.find()
    }

    /// An error of the display closes it: it is looked for anew.
    fn closed(&mut self, source: io::Error) -> ScreenError {
        let name = self.output.take().map_or_else(PathBuf::new, |output| output.display().name.clone().into());
        self.look = Instant::now() + SEARCH;
        problem_of(&name, source)
    }
}

fn problem_of(path: &Path, source: io::Error) -> ScreenError {
    match source.raw_os_error() {
        Some(code) if FORBIDDEN.contains(&code) => ScreenError::Taken(path.to_owned()),
        _ => ScreenError::Display { path: path.to_owned(), source },
    }
}

impl Screen for Kms {
    fn size(&self) -> Size {
        Size::new(self.size.0, self.size.1)
    }

    fn width_mm(&self) -> Option<u32> {
        self.output.as_ref()?.width_mm()
    }

    fn present(&mut self, canvas: &Canvas) -> Result<(), ScreenError> {
        self.look_again()?;
        if canvas.picture().dimensions() != self.size {
            return Err(ScreenError::Exchanged { width: self.size.0, height: self.size.1 });
        }
        let shown = self.output.as_mut().map_or(Ok(()), |output| output.show(canvas));
        shown.map_err(|source| self.closed(source))
    }

    fn light(&mut self, on: bool) -> Result<(), ScreenError> {
        self.lit = on;
        let changed = self.output.as_mut().map_or(Ok(()), |output| output.light(on));
        changed.map_err(|source| self.closed(source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_display_may_be_absent() {
        let card = Some("/dev/dri/a-card-that-is-not-there".into());
        let mut kms = Kms::new(KmsSettings { card, rotation: Rotation::Quarter, ..KmsSettings::default() });
        assert_eq!((kms.size(), kms.width_mm()), (Size::new(1080, 1920), None));
        let error = kms.present(&Canvas::new(kms.size())).unwrap_err();
        assert!(matches!(error, ScreenError::NoDisplay), "{error}");
        assert!(error.is_passing());
        kms.light(false).unwrap();
        assert_eq!(list(&kms.settings), []);
    }
}
