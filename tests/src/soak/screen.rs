//! A screen that is unplugged, and exchanged for another one.

use super::camera::{Script, Trouble};
use edge::canvas::Canvas;
use edge::screen::{Memory, Screen, ScreenError};
use embedded_graphics::prelude::Size;
use std::sync::Arc;

/// In memory.
pub struct Moody {
    memory: Memory,
    sizes: [(u32, u32); 2],
    script: Arc<Script>,
    shows: bool,
}

impl Moody {
    pub fn new(size: (u32, u32), script: Arc<Script>) -> Self {
        Self { memory: Memory::new(size.0, size.1), sizes: [size, (size.1, size.0)], script, shows: false }
    }

    /// Whether the last picture was shown.
    pub const fn shows(&self) -> bool {
        self.shows
    }
}

impl Screen for Moody {
    fn size(&self) -> Size {
        self.memory.size()
    }

    fn present(&mut self, canvas: &Canvas) -> Result<(), ScreenError> {
        self.shows = false;
        if self.script.is(Trouble::Screen) {
            return Err(ScreenError::NoDisplay);
        }
        if self.script.armed(Trouble::OtherScreen) {
            self.sizes.swap(0, 1);
            let (width, height) = self.sizes[0];
            self.memory = Memory::new(width, height);
            return Err(ScreenError::NoDisplay);
        }
        self.memory.present(canvas)?;
        self.shows = true;
        Ok(())
    }
}
