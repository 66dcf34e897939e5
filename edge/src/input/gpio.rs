//! Buttons that are wired to the board's own pins (GPIO). Numbers of lines come in from the settings; what was pressed
//! goes out. The kernel debounces.

use super::{Button, Input, Press};
use gpiocdev::Request;
use gpiocdev::line::{Bias, EdgeDetection, EdgeEvent, EdgeKind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Pins with buttons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpioSettings {
    /// `/dev/gpiochip0` for instance.
    pub chip: PathBuf,
    /// Number of a line on the chip, and what its button asks for.
    pub lines: Vec<(u32, Button)>,
    /// Buttons connect their pin to ground; the pin is pulled up.
    pub active_low: bool,
}

/// Buttons on pins, there or not.
pub struct Gpio {
    settings: GpioSettings,
    request: Option<Request>,
    search: Instant,
    told: bool,
}

/// Contacts bounce for a few milliseconds, and no finger presses faster than this.
const BOUNCE: Duration = Duration::from_millis(15);
/// How often a chip that is not there is looked for.
const SEARCH: Duration = Duration::from_secs(2);

impl Gpio {
    pub fn new(settings: GpioSettings) -> Self {
        Self { settings, request: None, search: Instant::now(), told: false }
    }

    fn ask(&self, bias: Option<Bias>) -> gpiocdev::Result<Request> {
        let lines: Vec<_> = self.settings.lines.iter().map(|(line, _)| *line).collect();
        let mut builder = Request::builder();
        builder.on_chip(&self.settings.chip).with_consumer("mirror").with_lines(&lines).as_input().with_bias(bias);
        if self.settings.active_low {
            builder.as_active_low();
        }
        builder.with_debounce_period(BOUNCE).with_edge_detection(EdgeDetection::RisingEdge).request()
    }

    fn look(&mut self) {
        self.search = Instant::now() + SEARCH;
        let bias = if self.settings.active_low { Bias::PullUp } else { Bias::PullDown };
        // Some chips have no pull resistors: the wiring must have them.
        match self.ask(Some(bias)).or_else(|_| self.ask(None)) {
            Ok(request) => self.request = Some(request),
            Err(error) if !self.told => {
                self.told = true;
                tracing::warn!("{}: its buttons cannot be used ({error})", self.settings.chip.display());
            }
            Err(_) => {}
        }
    }
}

impl Input for Gpio {
    fn poll(&mut self, presses: &mut Vec<Press>) {
        if self.settings.lines.is_empty() {
            return;
        }
        if self.request.is_none() && Instant::now() >= self.search {
            self.look();
        }
        while let Some(request) = &self.request {
            match next(request) {
                Ok(Some(event)) => presses.extend(pressed(&self.settings.lines, event.offset, event.kind)),
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!("{}: its buttons are gone ({error})", self.settings.chip.display());
                    self.request = None;
                }
            }
        }
    }
}

fn next(request: &Request) -> gpiocdev::Result<Option<EdgeEvent>> {
    if request.has_edge_event()? { request.read_edge_event().map(Some) } else { Ok(None) }
}

fn pressed(lines: &[(u32, Button)], offset: u32, kind: EdgeKind) -> Option<Press> {
    let line = lines.iter().find(|(line, _)| *line == offset && kind == EdgeKind::Rising);
    line.map(|&(_, button)| Press::Key(button))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_its_button_and_releasing_is_no_press() {
        let lines = [(17, Button::Younger), (27, Button::Older)];
        assert_eq!(pressed(&lines, 27, EdgeKind::Rising), Some(Press::Key(Button::Older)));
        assert_eq!(pressed(&lines, 27, EdgeKind::Falling), None);
        assert_eq!(pressed(&lines, 4, EdgeKind::Rising), None);
    }

    #[test]
    fn a_chip_that_is_missing_presses_nothing() {
        let chip = "/dev/a-chip-that-is-not-there".into();
        let mut gpio = Gpio::new(GpioSettings { chip, lines: vec![(17, Button::Older)], active_low: true });
        let mut presses = Vec::new();
        gpio.poll(&mut presses);
        gpio.poll(&mut presses);
        assert_eq!(presses, []);
    }
}
