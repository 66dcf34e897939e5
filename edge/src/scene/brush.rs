//! What draws on the canvas: plates, type and pictures, mirrored where reading runs from right to left. Places come in as
//! the layout gives them; pixels go out.

use super::palette::{FAINT, GROUND, INK};
use crate::canvas::Canvas;
use crate::cover::Cover;
use crate::lettering::{Align, Fit, LINE, Typesetter, mix};
use crate::view::Picture;
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;

/// Draws on one canvas.
pub struct Brush<'a> {
    pub canvas: &'a mut Canvas,
    pub typesetter: &'a mut Typesetter,
    pub cover: &'a mut Cover,
    pub right_to_left: bool,
    #[cfg(test)]
    pub proof: &'a mut Proof,
}

/// What tests measure type by.
#[cfg(test)]
#[derive(Debug, Default)]
pub struct Proof {
    /// Draws everything but type.
    pub blind: bool,
    /// Where type was drawn, in which ink and size.
    pub texts: Vec<(Rectangle, Rgb888, u32)>,
}

/// How a text is set: its largest size in pixels an em, how many lines it may have, and its colour.
#[derive(Clone, Copy, Debug)]
pub struct Type {
    pub size: u32,
    pub lines: usize,
    pub ink: Rgb888,
}

impl Type {
    pub const fn new(size: u32, lines: usize) -> Self {
        Self { size, lines, ink: INK }
    }

    pub const fn faint(size: u32, lines: usize) -> Self {
        Self { size, lines, ink: FAINT }
    }
}

impl Brush<'_> {
    /// Where a rectangle of the layout stands on the canvas.
    pub fn place(&self, area: Rectangle) -> Rectangle {
        if !self.right_to_left {
            return area;
        }
        let x = self.canvas.size().width as i32 - area.top_left.x - area.size.width as i32;
        Rectangle::new(Point::new(x, area.top_left.y), area.size)
    }

    pub fn fill(&mut self, area: Rectangle, colour: Rgb888) {
        let Ok(()) = self.canvas.fill_solid(&self.place(area), colour);
    }

    /// A rectangle with round corners, smooth at its edge.
    pub fn rounded(&mut self, area: Rectangle, radius: u32, colour: Rgb888) {
        let area = self.place(area);
        let (width, height) = (area.size.width, area.size.height);
        let radius = radius.min(width / 2).min(height / 2) as f32;
        for n in 0..height {
            let from_edge = (n.min(height - 1 - n) as f32 + 0.5).min(radius);
            let rise = radius - from_edge;
            let inset = radius - (radius * radius - rise * rise).max(0.0).sqrt();
            let whole = inset.ceil() as u32;
            let y = area.top_left.y + n as i32;
            let row = Rectangle::new(
                Point::new(area.top_left.x + whole as i32, y),
                Size::new(width.saturating_sub(2 * whole), 1),
            );
            let Ok(()) = self.canvas.fill_solid(&row, colour);
            let edge = ((whole as f32 - inset) * 255.0) as u8;
            if whole > 0 && edge > 0 {
                self.mix(Point::new(area.top_left.x + whole as i32 - 1, y), colour, edge);
                self.mix(Point::new(area.top_left.x + (width - whole) as i32, y), colour, edge);
            }
        }
    }

    fn mix(&mut self, at: Point, colour: Rgb888, alpha: u8) {
        let (Ok(x), Ok(y)) = (u32::try_from(at.x), u32::try_from(at.y)) else { return };
        if let Some(pixel) = self.canvas.row_mut(x, y, 1) {
            mix(pixel, [colour.r(), colour.g(), colour.b()], alpha);
        }
    }

    /// Covers an area with a picture.
    pub fn picture(&mut self, picture: &Picture, area: Rectangle) {
        let area = self.place(area);
        self.cover.draw(picture, self.canvas, area);
    }

    /// Sets a text at the top of `room`; gives the height that it takes.
    pub fn text(&mut self, text: &str, room: Rectangle, kind: Type, align: Align) -> u32 {
        let fit = Fit { size: kind.size, width: room.size.width, height: room.size.height, lines: kind.lines, align };
        let size = self.typesetter.set(text, fit).size;
        let aside = if align == Align::Centre { (room.size.width.saturating_sub(size.width) / 2) as i32 } else { 0 };
        let area = self.place(Rectangle::new(room.top_left + Point::new(aside, 0), size));
        self.ink(text, fit, area.top_left, kind.ink);
        size.height
    }

    /// Sets a text in the middle of `room`.
    pub fn label(&mut self, text: &str, room: Rectangle, kind: Type) -> Rectangle {
        let fit = in_the_middle(room, kind);
        let size = self.typesetter.set(text, fit).size;
        let room = self.place(room);
        let at = room.top_left
            + Point::new(room.size.width as i32 - size.width as i32, room.size.height as i32 - size.height as i32) / 2;
        self.ink(text, fit, at, kind.ink);
        Rectangle::new(at, size)
    }

    /// The size in which [`Self::label`] sets a text.
    pub fn type_size(&mut self, text: &str, room: Rectangle, kind: Type) -> u32 {
        self.typesetter.set(text, in_the_middle(room, kind)).type_size
    }

    /// A text on a plate of its own, so that it can be read over any picture. `corner` is the plate's corner at the start,
    /// below or above the plate.
    pub fn tag(&mut self, text: &str, corner: Point, upwards: bool, width: u32, kind: Type) {
        let (aside, above) = (kind.size * 3 / 5, kind.size / 4);
        let inner = width.saturating_sub(2 * aside);
        let height = (kind.size as f32 * LINE * kind.lines as f32).ceil() as u32;
        let fit = Fit { size: kind.size, width: inner, height, lines: kind.lines, align: Align::Start };
        let size = self.typesetter.set(text, fit).size;
        let plate = size + Size::new(2 * aside, 2 * above);
        let lift = if upwards { plate.height as i32 } else { 0 };
        let area = Rectangle::new(corner - Point::new(0, lift), plate);
        self.rounded(area, kind.size / 3, GROUND);
        let room = self.place(Rectangle::new(area.top_left + Size::new(aside, above), size));
        self.ink(text, fit, room.top_left, kind.ink);
    }

    fn ink(&mut self, text: &str, fit: Fit, at: Point, ink: Rgb888) {
        let block = self.typesetter.set(text, fit);
        #[cfg(test)]
        {
            self.proof.texts.push((block.inked(at), ink, block.type_size));
            if self.proof.blind {
                return;
            }
        }
        block.draw(self.canvas, at, ink);
    }
}

fn in_the_middle(room: Rectangle, kind: Type) -> Fit {
    let Size { width, height } = room.size;
    Fit { size: kind.size, width, height, lines: kind.lines, align: Align::Centre }
}

/// Texts that stand one below the other.
pub struct Stack {
    pub room: Rectangle,
    pub align: Align,
    pub gap: u32,
}

impl Stack {
    /// Sets the next text, in at most `share` of the room that is left.
    pub fn text(&mut self, brush: &mut Brush, text: &str, kind: Type, share: f32) {
        let height = (self.room.size.height as f32 * share) as u32;
        let room = Rectangle::new(self.room.top_left, Size::new(self.room.size.width, height));
        let used = brush.text(text, room, kind, self.align) + self.gap;
        self.skip(used);
    }

    /// Leaves so many pixels free.
    pub fn skip(&mut self, height: u32) {
        self.room = super::layout::cut_top(self.room, height).1;
    }
}
