//! A display that shows pictures: two dumb buffers, one on the screen and one to draw into, exchanged by page flips. A
//! canvas comes in; the display shows it from its next refresh on.

use super::card::{Card, Display};
use crate::canvas::Canvas;
use crate::screen::Rotation;
use crate::turning::turn;
use drm::buffer::{Buffer as _, DrmFourcc};
use drm::control::dumbbuffer::{DumbBuffer, DumbMapping};
use drm::control::{Device as _, Event, PageFlipFlags, framebuffer};
use std::io;
use std::time::{Duration, Instant};

/// A page flip takes one refresh; a display that needs longer than this is started again.
const FLIP: Duration = Duration::from_millis(500);
/// How often it is asked whether a flip is done.
const NAP: Duration = Duration::from_millis(1);

/// A display with its buffers, driven by this program.
pub struct Output {
    card: Card,
    display: Display,
    rotation: Rotation,
    pixels: Pixels,
    buffers: [Buffer; 2],
    /// Index of the buffer that is not on the screen.
    back: usize,
    flipping: bool,
    lit: bool,
}

struct Buffer {
    dumb: DumbBuffer,
    frame: framebuffer::Handle,
    /// `None` only while it is given back.
    rows: Option<DumbMapping<'static>>,
}

/// How a pixel lies in memory.
#[derive(Clone, Copy, Debug)]
enum Pixels {
    /// Blue, green, red and a spare byte.
    Xrgb8888,
    /// Five bits of red, six of green, five of blue; small panels know nothing else.
    Rgb565,
}

impl Output {
    /// Takes the display over and shows black.
    pub fn start(card: Card, display: Display, rotation: Rotation) -> io::Result<Self> {
        let (pixels, buffers) = match buffers(&card, &display, Pixels::Xrgb8888) {
            Ok(buffers) => (Pixels::Xrgb8888, buffers),
            Err(_) => (Pixels::Rgb565, buffers(&card, &display, Pixels::Rgb565)?),
        };
        let mut output = Self { card, display, rotation, pixels, buffers, back: 1, flipping: false, lit: false };
        output.light(true)?;
        Ok(output)
    }

    pub const fn display(&self) -> &Display {
        &self.display
    }

    pub fn is_plugged(&self) -> bool {
        self.card.is_plugged(&self.display)
    }

    /// Size of the canvas: already turned.
    pub fn size(&self) -> (u32, u32) {
        let (width, height) = self.display.mode.size();
        self.rotation.turned((width.into(), height.into()))
    }

    /// Width of the canvas in millimetres.
    pub fn width_mm(&self) -> Option<u32> {
        self.display.millimetres.map(|size| self.rotation.turned(size).0)
    }

    /// Draws into the buffer behind and asks for the exchange; waits only for the exchange before.
    pub fn show(&mut self, canvas: &Canvas) -> io::Result<()> {
        if !self.lit {
            return Ok(());
        }
        self.wait_for_flip()?;
        let buffer = &mut self.buffers[self.back];
        let pitch = buffer.dumb.pitch() as usize;
        let Some(rows) = &mut buffer.rows else { return Ok(()) };
        match self.pixels {
            Pixels::Xrgb8888 => {
                turn(canvas.picture(), false, self.rotation, rows, pitch, |[r, g, b]| [b, g, r, 0]);
            }
            Pixels::Rgb565 => turn(canvas.picture(), false, self.rotation, rows, pitch, rgb565),
        }
        match self.card.page_flip(self.display.crtc, buffer.frame, PageFlipFlags::EVENT, None) {
            Ok(()) => self.flipping = true,
            // Some drivers cannot flip.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => self.set(Some(self.back))?,
            Err(error) => return Err(error),
        }
        self.back = 1 - self.back;
        Ok(())
    }

    /// Lets the display sleep, or shows the last picture again.
    pub fn light(&mut self, on: bool) -> io::Result<()> {
        if on != self.lit {
            self.wait_for_flip()?;
            self.set(on.then_some(1 - self.back))?;
            self.lit = on;
        }
        Ok(())
    }

    fn set(&self, shown: Option<usize>) -> io::Result<()> {
        let Some(shown) = shown else { return self.card.set_crtc(self.display.crtc, None, (0, 0), &[], None) };
        let (connectors, mode) = ([self.display.connector], Some(self.display.mode));
        self.card.set_crtc(self.display.crtc, Some(self.buffers[shown].frame), (0, 0), &connectors, mode)
    }

    fn wait_for_flip(&mut self) -> io::Result<()> {
        let end = Instant::now() + FLIP;
        while self.flipping {
            match self.card.receive_events() {
                Ok(mut events) => self.flipping = !events.any(|event| matches!(event, Event::PageFlip(_))),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                    if Instant::now() >= end {
                        return Err(io::Error::new(io::ErrorKind::TimedOut, "it does not refresh"));
                    }
                    std::thread::sleep(NAP);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        for buffer in &mut self.buffers {
            buffer.rows = None;
            // The card may be gone, and all of this with it.
            let _ = self.card.destroy_framebuffer(buffer.frame);
            let _ = self.card.destroy_dumb_buffer(buffer.dumb);
        }
    }
}

fn buffers(card: &Card, display: &Display, pixels: Pixels) -> io::Result<[Buffer; 2]> {
    let first = buffer(card, display, pixels)?;
    match buffer(card, display, pixels) {
        Ok(second) => Ok([first, second]),
        Err(error) => {
            let _ = card.destroy_framebuffer(first.frame);
            let _ = card.destroy_dumb_buffer(first.dumb);
            Err(error)
        }
    }
}

fn buffer(card: &Card, display: &Display, pixels: Pixels) -> io::Result<Buffer> {
    let (width, height) = display.mode.size();
    let (format, depth, bits) = match pixels {
        Pixels::Xrgb8888 => (DrmFourcc::Xrgb8888, 24, 32),
        Pixels::Rgb565 => (DrmFourcc::Rgb565, 16, 16),
    };
    let dumb = card.create_dumb_buffer((width.into(), height.into()), format, bits)?;
    let made = card.add_framebuffer(&dumb, depth, bits).and_then(|frame| {
        // The mapping lives as long as this program wants it and never looks at the buffer again, but is bound to a
        // borrow of it: a copy of its few numbers is given away, once a display.
        let rows = card.map_dumb_buffer(Box::leak(Box::new(dumb))).inspect_err(|_| {
            let _ = card.destroy_framebuffer(frame);
        })?;
        Ok(Buffer { dumb, frame, rows: Some(rows) })
    });
    let mut made = made.inspect_err(|_| {
        let _ = card.destroy_dumb_buffer(dumb);
    })?;
    if let Some(rows) = &mut made.rows {
        rows.fill(0);
    }
    Ok(made)
}

const fn rgb565([red, green, blue]: [u8; 3]) -> [u8; 2] {
    let word = (red as u16 >> 3) << 11 | (green as u16 >> 2) << 5 | blue as u16 >> 3;
    word.to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pixels_keep_the_high_bits() {
        assert_eq!(rgb565([255, 0, 0]), 0xf800u16.to_le_bytes());
        assert_eq!(rgb565([0, 255, 0]), 0x07e0u16.to_le_bytes());
        assert_eq!(rgb565([0, 0, 255]), 0x001fu16.to_le_bytes());
        assert_eq!(rgb565([7, 3, 7]), [0, 0]);
    }
}
