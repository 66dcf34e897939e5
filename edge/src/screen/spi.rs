//! A small panel on the SPI bus that the kernel does not drive. Canvases come in; their rows that changed go over the wire, as
//! RGB of 5, 6 and 5 bits.

use super::{Controller, Rotation, Screen, ScreenError, Wiring};
use crate::canvas::Canvas;
use crate::turning::turn;
use embedded_graphics::pixelcolor::raw::{RawU16, ToBytes};
use embedded_graphics::pixelcolor::{Rgb565, Rgb888};
use embedded_graphics::prelude::*;
use embedded_hal::delay::DelayNs;
use embedded_hal::digital::OutputPin;
use linux_embedded_hal::gpio_cdev::{Chip, LineRequestFlags};
use linux_embedded_hal::spidev::{SpiModeFlags, SpidevOptions};
use linux_embedded_hal::{CdevPin, Delay, SpidevDevice};
use mipidsi::interface::{Interface, SpiInterface};
use mipidsi::models::{ILI9341Rgb565, Model, ST7789};
use mipidsi::options::{ColorInversion, ColorOrder};
use mipidsi::{Builder, Display, NoResetPin};
use std::error::Error;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Bits a second: what the Raspberry Pi's overlays for such panels set, 26 whole pictures a second.
const SPEED: u32 = 32_000_000;
/// Bytes a transfer; the kernel's `spidev` refuses more than 4096 unless it is told otherwise.
const TRANSFER: usize = 4096;
/// The chip that the lines belong to, and whom the kernel names as their user.
const CHIP: &str = "/dev/gpiochip0";
const USER: &str = "as-time-goes-by";

/// A panel. `I` is the bus with its command line, `M` the controller, `R` the reset line.
pub struct Panel<I, M, R>
where
    I: Interface<Word = u8>,
    M: Model<ColorFormat = Rgb565>,
    R: OutputPin,
{
    display: Display<I, M, R>,
    device: PathBuf,
    rotation: Rotation,
    /// Rows of the panel, each pixel's high byte first: what it shows, and what it will show.
    shown: Vec<u8>,
    next: Vec<u8>,
    /// Whether the panel has `shown` for certain.
    known: bool,
}

/// Starts the panel of this wiring.
pub fn open(wiring: &Wiring, rotation: Rotation) -> Result<Box<dyn Screen>, ScreenError> {
    let (bus, reset) = reach(wiring)
        .map_err(|error| ScreenError::NoPanel { device: wiring.device.clone(), reason: error.to_string() })?;
    let device = &wiring.device;
    Ok(match wiring.controller {
        // Panels with this controller are IPS: their liquid crystals are dark where others are bright.
        Controller::St7789 => {
            let panel = Builder::new(ST7789, bus).invert_colors(ColorInversion::Inverted);
            Box::new(Panel::start(panel, reset, &mut Delay, device, rotation)?)
        }
        Controller::Ili9341 => {
            let panel = Builder::new(ILI9341Rgb565, bus).color_order(ColorOrder::Bgr);
            Box::new(Panel::start(panel, reset, &mut Delay, device, rotation)?)
        }
    })
}

type Bus = SpiInterface<'static, SpidevDevice, CdevPin>;

/// The bus and the reset line. They are held until the program ends, and so is the buffer.
fn reach(wiring: &Wiring) -> Result<(Bus, CdevPin), Box<dyn Error>> {
    let mut spi = SpidevDevice::open(&wiring.device)?;
    spi.configure(&SpidevOptions::new().bits_per_word(8).max_speed_hz(SPEED).mode(SpiModeFlags::SPI_MODE_0).build())?;
    let mut chip = Chip::new(CHIP)?;
    let mut line =
        |number, level| CdevPin::new(chip.get_line(number)?.request(LineRequestFlags::OUTPUT, level, USER)?);
    let (command, reset) = (line(wiring.command, 0)?, line(wiring.reset, 1)?);
    Ok((SpiInterface::new(spi, command, Box::leak(Box::new([0; TRANSFER]))), reset))
}

impl<I, M, R> Panel<I, M, R>
where
    I: Interface<Word = u8>,
    M: Model<ColorFormat = Rgb565>,
    R: OutputPin,
{
    /// Bytes a row of the panel.
    const PITCH: usize = 2 * M::FRAMEBUFFER_SIZE.0 as usize;
    const HEIGHT: usize = M::FRAMEBUFFER_SIZE.1 as usize;

    fn start(
        panel: Builder<I, M, NoResetPin>,
        reset: R,
        delay: &mut impl DelayNs,
        device: &Path,
        rotation: Rotation,
    ) -> Result<Self, ScreenError> {
        let failed = |error| ScreenError::NoPanel { device: device.to_owned(), reason: format!("{error:?}") };
        let display = panel.reset_pin(reset).init(delay).map_err(failed)?;
        let black = vec![0; Self::PITCH * Self::HEIGHT];
        Ok(Self { display, device: device.to_owned(), rotation, shown: black.clone(), next: black, known: false })
    }

    /// The next rows from `start` on that the panel does not show yet.
    fn changed(&self, start: usize) -> Option<Range<usize>> {
        let differs = |row: &usize| {
            let bytes = row * Self::PITCH..(row + 1) * Self::PITCH;
            !self.known || self.shown[bytes.clone()] != self.next[bytes]
        };
        let first = (start..Self::HEIGHT).find(differs)?;
        Some(first..(first..Self::HEIGHT).find(|row| !differs(row)).unwrap_or(Self::HEIGHT))
    }

    fn send(&mut self, rows: Range<usize>) -> Result<(), I::Error> {
        let bytes = &self.next[rows.start * Self::PITCH..rows.end * Self::PITCH];
        let pixels = bytes.as_chunks::<2>().0.iter().map(|&pixel| RawU16::new(u16::from_be_bytes(pixel)).into());
        let (top, bottom) = (rows.start as u16, rows.end as u16 - 1);
        self.display.set_pixels(0, top, M::FRAMEBUFFER_SIZE.0 - 1, bottom, pixels)
    }
}

impl<I, M, R> Screen for Panel<I, M, R>
where
    I: Interface<Word = u8>,
    M: Model<ColorFormat = Rgb565>,
    R: OutputPin,
{
    fn size(&self) -> Size {
        let (width, height) = M::FRAMEBUFFER_SIZE;
        let (width, height) = self.rotation.inverse().turned((width.into(), height.into()));
        Size::new(width, height)
    }

    fn present(&mut self, canvas: &Canvas) -> Result<(), ScreenError> {
        let Size { width, height } = self.size();
        if canvas.size() != self.size() {
            return Err(ScreenError::Exchanged { width, height });
        }
        let pixel = |[r, g, b]: [u8; 3]| Rgb565::from(Rgb888::new(r, g, b)).to_be_bytes();
        turn(canvas.picture(), false, self.rotation, &mut self.next, Self::PITCH, pixel);
        let mut done = 0;
        while let Some(rows) = self.changed(done) {
            done = rows.end;
            self.send(rows).map_err(|error| {
                self.known = false;
                ScreenError::Display { path: self.device.clone(), source: io::Error::other(format!("{error:?}")) }
            })?;
        }
        std::mem::swap(&mut self.shown, &mut self.next);
        self.known = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mipidsi::interface::InterfaceKind;
    use std::cell::RefCell;
    use std::convert::Infallible;
    use std::rc::Rc;

    /// What went over the wire.
    #[derive(Clone, Debug, PartialEq, Eq)]
    enum Sent {
        Reset { high: bool },
        Command(u8, Vec<u8>),
        Pixels(Vec<[u8; 2]>),
    }

    #[derive(Clone, Default)]
    struct Wire {
        sent: Rc<RefCell<Vec<Sent>>>,
        broken: Rc<RefCell<bool>>,
    }

    impl Wire {
        fn put(&self, sent: Sent) -> Result<(), &'static str> {
            self.sent.borrow_mut().push(sent);
            if *self.broken.borrow() { Err("broken") } else { Ok(()) }
        }
    }

    impl Interface for Wire {
        type Word = u8;
        type Error = &'static str;
        const KIND: InterfaceKind = InterfaceKind::Serial4Line;

        fn send_command(&mut self, command: u8, parameters: &[u8]) -> Result<(), Self::Error> {
            self.put(Sent::Command(command, parameters.to_vec()))
        }

        fn send_pixels<const N: usize>(
            &mut self,
            pixels: impl IntoIterator<Item = [u8; N]>,
        ) -> Result<(), Self::Error> {
            let pixels = pixels.into_iter().map(|pixel| [pixel[0], pixel[1]]);
            self.put(Sent::Pixels(pixels.collect()))
        }

        fn send_repeated_pixel<const N: usize>(&mut self, pixel: [u8; N], count: u32) -> Result<(), Self::Error> {
            self.send_pixels((0..count).map(|_| pixel))
        }
    }

    struct Reset(Wire);

    impl embedded_hal::digital::ErrorType for Reset {
        type Error = Infallible;
    }

    impl OutputPin for Reset {
        fn set_low(&mut self) -> Result<(), Infallible> {
            self.0.sent.borrow_mut().push(Sent::Reset { high: false });
            Ok(())
        }

        fn set_high(&mut self) -> Result<(), Infallible> {
            self.0.sent.borrow_mut().push(Sent::Reset { high: true });
            Ok(())
        }
    }

    struct NoDelay;

    impl DelayNs for NoDelay {
        fn delay_ns(&mut self, _: u32) {}
    }

    fn panel(rotation: Rotation) -> (Wire, Panel<Wire, ST7789, Reset>) {
        let wire = Wire::default();
        let builder = Builder::new(ST7789, wire.clone()).invert_colors(ColorInversion::Inverted);
        let panel = Panel::start(builder, Reset(wire.clone()), &mut NoDelay, Path::new("/dev/spidev0.0"), rotation);
        (wire, panel.unwrap())
    }

    /// The rows that were sent, as the controller's address window and memory write (commands 2A, 2B and 2C) say it.
    fn windows(wire: &Wire) -> Vec<(u16, u16, Vec<[u8; 2]>)> {
        let sent = wire.sent.take();
        let window = |sent: &[Sent]| match sent {
            [
                Sent::Command(0x2a, columns),
                Sent::Command(0x2b, rows),
                Sent::Command(0x2c, none),
                Sent::Pixels(pixels),
            ] if *columns == [0, 0, 0, 239] && none.is_empty() => {
                (u16::from_be_bytes([rows[0], rows[1]]), u16::from_be_bytes([rows[2], rows[3]]), pixels.clone())
            }
            other => panic!("{other:?}"),
        };
        sent.chunks(4).map(window).collect()
    }

    #[test]
    fn the_controller_is_reset_and_set_up() {
        let (wire, panel) = panel(Rotation::None);
        assert_eq!(panel.size(), Size::new(240, 320));
        let sent = wire.sent.take();
        assert_eq!(sent[..2], [Sent::Reset { high: false }, Sent::Reset { high: true }]);
        // Sleep out, inverted, 16 bits a pixel, display on (section 9.1 of the controller's data sheet).
        for command in [(0x11, vec![]), (0x21, vec![]), (0x3a, vec![0x55]), (0x29, vec![])] {
            assert!(sent.contains(&Sent::Command(command.0, command.1.clone())), "{command:x?} in {sent:x?}");
        }
    }

    #[test]
    fn only_rows_that_changed_are_sent() {
        let (wire, mut panel) = panel(Rotation::None);
        wire.sent.take();
        let mut canvas = Canvas::new(panel.size());
        canvas.put_row(1, 0, &[255, 0, 0, 0, 255, 0, 0, 0, 255]);
        panel.present(&canvas).unwrap();
        let sent = windows(&wire);
        let [(0, 319, pixels)] = &sent[..] else { panic!("{sent:?}") };
        assert_eq!(pixels.len(), 240 * 320);
        assert_eq!(pixels[..5], [[0, 0], [0xf8, 0], [0x07, 0xe0], [0, 0x1f], [0, 0]]);
        panel.present(&canvas).unwrap();
        assert_eq!(windows(&wire), []);
        for row in [5, 6, 319] {
            canvas.put_row(0, row, &[255; 3 * 240]);
        }
        panel.present(&canvas).unwrap();
        let white = [0xff, 0xff];
        assert_eq!(windows(&wire), [(5, 6, vec![white; 480]), (319, 319, vec![white; 240])]);
    }

    #[test]
    fn pictures_turn_with_the_panel() {
        let (wire, mut panel) = panel(Rotation::Quarter);
        wire.sent.take();
        assert_eq!(panel.size(), Size::new(320, 240));
        let mut canvas = Canvas::new(panel.size());
        canvas.put_row(0, 0, &[255, 0, 0]);
        panel.present(&canvas).unwrap();
        let lit: Vec<_> = windows(&wire)[0].2.iter().map(|pixel| *pixel != [0, 0]).collect();
        assert_eq!(lit.iter().position(|lit| *lit), Some(239));
        assert_eq!(lit.iter().filter(|lit| **lit).count(), 1);
        let other = panel.present(&Canvas::new(Size::new(240, 320)));
        assert!(matches!(other, Err(ScreenError::Exchanged { width: 320, height: 240 })), "{other:?}");
    }

    #[test]
    fn after_a_broken_wire_everything_is_sent_again() {
        let (wire, mut panel) = panel(Rotation::None);
        let canvas = Canvas::new(panel.size());
        panel.present(&canvas).unwrap();
        let mut other = canvas.clone();
        other.put_row(0, 9, &[255; 3]);
        *wire.broken.borrow_mut() = true;
        let error = panel.present(&other).unwrap_err();
        assert!(error.is_passing() && error.to_string().contains("/dev/spidev0.0"), "{error}");
        *wire.broken.borrow_mut() = false;
        wire.sent.take();
        panel.present(&canvas).unwrap();
        assert!(matches!(windows(&wire)[..], [(0, 319, _)]));
    }

    #[test]
    fn a_board_without_the_bus_says_what_to_do() {
        let wiring: Wiring = "ili9341:/dev/a-bus-that-is-not-there:25:27".parse().unwrap();
        let Err(error) = open(&wiring, Rotation::None) else { panic!() };
        assert!(matches!(error, ScreenError::NoPanel { .. }) && !error.is_passing(), "{error}");
    }
}
