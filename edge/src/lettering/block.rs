//! A text that is laid out and drawn, ready to be laid onto a canvas in any colour.

use crate::canvas::Canvas;
use cosmic_text::{Buffer, FontSystem, LayoutGlyph, SwashCache, SwashContent, SwashImage};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;

/// Where lines begin in a block that is wider than they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// At the side where reading begins.
    Start,
    Centre,
}

/// One or more lines of type as an alpha bitmap.
#[derive(Clone, Debug)]
pub struct Block {
    /// Height of the type in pixels: the em.
    pub type_size: u32,
    /// The lines with the space between them.
    pub size: Size,
    /// Where the ink lies in it. It may reach a little beyond.
    ink: Rectangle,
    /// How much ink a pixel of `ink` has, row by row, 0..=255.
    alpha: Vec<u8>,
}

impl Block {
    /// Draws what is laid out in `buffer`.
    pub(super) fn draw_of(
        buffer: &Buffer,
        type_size: u32,
        align: Align,
        fonts: &mut FontSystem,
        glyphs: &mut SwashCache,
    ) -> Self {
        let (width, height) = extent(buffer);
        let size = Size::new(width.ceil() as u32, height.ceil() as u32);
        let mut images: Vec<(Point, SwashImage)> = Vec::new();
        for run in buffer.layout_runs() {
            let (left, right) = span(run.glyphs);
            let shift = match align {
                Align::Start if run.rtl => width - right,
                Align::Start => -left,
                Align::Centre => (width - right - left) / 2.0,
            };
            for glyph in run.glyphs {
                let glyph = glyph.physical((shift, run.line_y), 1.0);
                if let Some(image) = glyphs.get_image_uncached(fonts, glyph.cache_key) {
                    images.push((Point::new(glyph.x + image.placement.left, glyph.y - image.placement.top), image));
                }
            }
        }
        let mut block = Self { type_size, size, ink: around(&images), alpha: Vec::new() };
        block.alpha = vec![0; block.ink.size.width as usize * block.ink.size.height as usize];
        for (at, image) in &images {
            block.ink_in(*at - block.ink.top_left, image);
        }
        block
    }

    /// Lays one glyph into the bitmap, in which it has room.
    fn ink_in(&mut self, at: Point, image: &SwashImage) {
        let width = image.placement.width as usize;
        if image.content != SwashContent::Mask || width == 0 {
            return;
        }
        let across = self.ink.size.width as usize;
        for (row, ink) in image.data.chunks_exact(width).enumerate() {
            let start = (at.y as usize + row) * across + at.x as usize;
            for (alpha, &ink) in self.alpha[start..start + width].iter_mut().zip(ink) {
                *alpha = (*alpha).max(ink);
            }
        }
    }

    /// The part of a canvas that gets ink when the block's corner stands at `at`.
    pub fn inked(&self, at: Point) -> Rectangle {
        Rectangle::new(at + self.ink.top_left, self.ink.size)
    }

    /// Lays the text onto a canvas, the block's top left corner at `at`; what lies outside is cut off.
    pub fn draw(&self, canvas: &mut Canvas, at: Point, ink: Rgb888) {
        let area = self.inked(at);
        let seen = area.intersection(&canvas.bounding_box());
        let skipped = (seen.top_left.x - area.top_left.x) as usize;
        let colour = [ink.r(), ink.g(), ink.b()];
        for y in seen.rows() {
            let start = (y - area.top_left.y) as usize * area.size.width as usize + skipped;
            let alpha = &self.alpha[start..start + seen.size.width as usize];
            let Some(row) = canvas.row_mut(seen.top_left.x as u32, y as u32, seen.size.width) else { continue };
            for (pixel, &alpha) in row.chunks_exact_mut(3).zip(alpha) {
                match alpha {
                    0 => {}
                    255 => pixel.copy_from_slice(&colour),
                    _ => mix(pixel, colour, alpha),
                }
            }
        }
    }
}

/// Moves a pixel towards a colour by `alpha`/255.
pub fn mix(pixel: &mut [u8], colour: [u8; 3], alpha: u8) {
    let alpha = u32::from(alpha);
    for (byte, colour) in pixel.iter_mut().zip(colour) {
        *byte = ((u32::from(*byte) * (255 - alpha) + u32::from(colour) * alpha + 127) / 255) as u8;
    }
}

/// Width of the longest line and height of all lines, in pixels.
pub(super) fn extent(buffer: &Buffer) -> (f32, f32) {
    buffer.layout_runs().fold((0.0, 0.0), |(width, height): (f32, f32), run| {
        let (left, right) = span(run.glyphs);
        (width.max(right - left), height.max(run.line_top + run.line_height))
    })
}

/// Where a line begins and ends.
fn span(line: &[LayoutGlyph]) -> (f32, f32) {
    let (left, right) = line.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(left, right), glyph| {
        (left.min(glyph.x), right.max(glyph.x + glyph.w))
    });
    if left < right { (left, right) } else { (0.0, 0.0) }
}

fn around(images: &[(Point, SwashImage)]) -> Rectangle {
    images.iter().fold(Rectangle::zero(), |all, (at, image)| {
        let size = Size::new(image.placement.width, image.placement.height);
        match (all.is_zero_sized(), size.width * size.height) {
            (_, 0) => all,
            (true, _) => Rectangle::new(*at, size),
            (false, _) => {
                let corner = all.top_left.component_min(*at);
                let end = (all.top_left + all.size).component_max(*at + size);
                Rectangle::new(corner, Size::new((end.x - corner.x) as u32, (end.y - corner.y) as u32))
            }
        }
    })
}
