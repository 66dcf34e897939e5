//! How a small panel is wired to the board. A text such as `st7789:/dev/spidev0.0:25:27` comes in from the settings, and
//! goes out in parts. Next: the feature `spi` drives the panel.

use std::path::PathBuf;
use std::str::FromStr;

/// A panel of 240×320 pixels on the SPI bus, and the two lines beside the bus, on the board's first GPIO chip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wiring {
    pub controller: Controller,
    pub device: PathBuf,
    /// Number of the line that tells commands (low) from data (high).
    pub command: u32,
    /// Number of the line that resets the panel while it is low.
    pub reset: u32,
}

/// The chip on the panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Controller {
    St7789,
    Ili9341,
}

/// A wiring that no panel has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no panel; write st7789 or ili9341, and where it is wired otherwise CONTROLLER:DEVICE:DC:RESET, such as st7789:/dev/spidev0.0:25:27"
)]
pub struct BadWiring(pub String);

/// The wiring of panels that are made for the Raspberry Pi's header (Waveshare's "2inch LCD Module" for instance).
const DEVICE: &str = "/dev/spidev0.0";
const COMMAND: u32 = 25;
const RESET: u32 = 27;

impl FromStr for Wiring {
    type Err = BadWiring;

    fn from_str(text: &str) -> Result<Self, BadWiring> {
        let read = || {
            let parts: Vec<&str> = text.split(':').collect();
            let (controller, device, command, reset) = match *parts {
                [controller] => (controller, DEVICE, COMMAND, RESET),
                [controller, device, command, reset] => {
                    (controller, device, command.parse().ok()?, reset.parse().ok()?)
                }
                _ => return None,
            };
            let controller = match controller {
                "st7789" => Controller::St7789,
                "ili9341" => Controller::Ili9341,
                _ => return None,
            };
            let possible = device.starts_with('/') && command != reset;
            possible.then(|| Self { controller, device: device.into(), command, reset })
        };
        read().ok_or_else(|| BadWiring(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_wiring_needs_no_words() {
        let usual = Wiring { controller: Controller::St7789, device: DEVICE.into(), command: 25, reset: 27 };
        assert_eq!("st7789".parse(), Ok(usual.clone()));
        assert_eq!("st7789:/dev/spidev0.0:25:27".parse(), Ok(usual));
        let other = Wiring { controller: Controller::Ili9341, device: "/dev/spidev1.2".into(), command: 5, reset: 6 };
        assert_eq!("ili9341:/dev/spidev1.2:5:6".parse(), Ok(other));
    }

    #[test]
    fn a_wiring_that_cannot_be_is_named() {
        for text in ["", "st7735", "st7789:", "st7789:/dev/spidev0.0", "st7789:spidev0.0:25:27"] {
            assert_eq!(text.parse::<Wiring>(), Err(BadWiring(text.into())));
        }
        for text in ["st7789:/dev/spidev0.0:25:-1", "st7789:/dev/spidev0.0:25:25", "st7789:/dev/spidev0.0:25:27:18"] {
            assert_eq!(text.parse::<Wiring>(), Err(BadWiring(text.into())));
        }
    }
}
