//! Type at any size. A text and the room that it has come in; a [`Block`] to be laid onto a canvas goes out, shaped, broken
//! into lines and set from right to left where the letters ask for it. Blocks are kept, so that a text that stays costs
//! nothing but its pixels. Next: the scene lays them out.

mod block;
mod fonts;

pub use block::{Align, Block, mix};

use cosmic_text::{Attrs, Buffer, Family, FontSystem, Metrics, Shaping, SwashCache, Wrap};

/// The room that a text has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// The largest type, in pixels an em. It is set smaller where it would not fit.
    pub size: u32,
    /// The block is at most so wide and so high, in pixels, and has at most so many lines.
    pub width: u32,
    pub height: u32,
    pub lines: usize,
    pub align: Align,
}

/// Sets texts, and keeps the ones that were asked for last.
pub struct Typesetter {
    fonts: FontSystem,
    glyphs: SwashCache,
    buffer: Buffer,
    kept: Vec<Kept>,
    /// Counts the calls.
    turn: u64,
}

#[derive(Debug)]
struct Kept {
    text: String,
    fit: Fit,
    block: Block,
    used: u64,
}

/// From one line to the next, in ems.
pub const LINE: f32 = 1.3;
/// Type is never set smaller than this, in pixels an em.
const SMALLEST: u32 = 4;
/// More texts than any page has in all languages of a day.
const CAPACITY: usize = 256;

impl Default for Typesetter {
    fn default() -> Self {
        Self::new()
    }
}

impl Typesetter {
    /// With the embedded fonts.
    pub fn new() -> Self {
        let mut buffer = Buffer::new_empty(Metrics::relative(SMALLEST as f32, LINE));
        buffer.set_wrap(Wrap::Word);
        Self { fonts: fonts::embedded(), glyphs: SwashCache::new(), buffer, kept: Vec::new(), turn: 0 }
    }

    /// The letters of `text` that the fonts do not have, if any: those would be boxes.
    pub fn covers(&mut self, text: &str) -> Result<(), Vec<char>> {
        let missing = fonts::missing(&mut self.fonts, text);
        if missing.is_empty() { Ok(()) } else { Err(missing) }
    }

    /// The text in the largest type that fits; nothing is ever cut off, unless the room has no place for the smallest type.
    pub fn set(&mut self, text: &str, fit: Fit) -> &Block {
        self.turn += 1;
        let found = self.kept.iter().position(|kept| kept.fit == fit && kept.text == text);
        let index = found.unwrap_or_else(|| {
            let block = self.lay_out(text, fit);
            self.keep(Kept { text: text.to_owned(), fit, block, used: 0 })
        });
        let kept = &mut self.kept[index];
        kept.used = self.turn;
        &kept.block
    }

    /// Keeps one more, in place of the one that was used longest ago if there are too many.
    fn keep(&mut self, new: Kept) -> usize {
        if self.kept.len() < CAPACITY {
            self.kept.push(new);
            return self.kept.len() - 1;
        }
        let oldest = (0..self.kept.len()).min_by_key(|&i| self.kept[i].used).unwrap_or(0);
        self.kept[oldest] = new;
        oldest
    }

    fn lay_out(&mut self, text: &str, fit: Fit) -> Block {
        let attrs = Attrs::new().family(Family::Name(fonts::FAMILY));
        self.buffer.set_text(text, &attrs, Shaping::Advanced, None);
        let size = largest(SMALLEST, fit.size, |size| {
            let lines = self.measure(size, fit.width);
            let (width, height) = block::extent(&self.buffer);
            lines <= fit.lines && width <= fit.width as f32 && height <= fit.height as f32
        });
        let lines = self.measure(size, fit.width);
        if fit.align == Align::Centre && lines > 1 {
            self.balance(size, fit.width, lines);
        }
        Block::draw_of(&self.buffer, size, fit.align, &mut self.fonts, &mut self.glyphs)
    }

    /// Lays the lines out anew and counts them.
    fn measure(&mut self, size: u32, width: u32) -> usize {
        let metrics = Metrics::relative(size as f32, LINE);
        self.buffer.set_metrics_and_size(metrics, Some(width as f32), None);
        self.buffer.shape_until_scroll(&mut self.fonts, false);
        self.buffer.layout_runs().count()
    }

    /// Makes the lines about equally long, without making them more.
    fn balance(&mut self, size: u32, width: u32, lines: usize) {
        let least = largest(0, width, |less| {
            let count = self.measure(size, width - less);
            count <= lines && block::extent(&self.buffer).0 <= (width - less) as f32
        });
        self.measure(size, width - least);
    }
}

/// The largest number of `low..=high` that `fits`; `low` if none does. What fits is taken to be a beginning of the range.
fn largest(low: u32, high: u32, mut fits: impl FnMut(u32) -> bool) -> u32 {
    let (mut low, mut beyond) = (low, high.max(low) + 1);
    while beyond - low > 1 {
        let middle = low + (beyond - low) / 2;
        if fits(middle) { low = middle } else { beyond = middle }
    }
    low
}

#[cfg(test)]
mod tests;
