//! One moment on the screen. A [`View`] comes in, and the languages that it may speak; drawn pixels go out. The picture has
//! a part of the screen to itself, and type stands on plain ground beside or below it, so that its contrast never depends on
//! what the camera sees. Next: the screen.

mod brush;
mod buttons;
mod inside;
mod layout;
mod pages;
mod palette;
mod scale;
mod strip;

use crate::canvas::Canvas;
use crate::cover::Cover;
use crate::input::Button;
use crate::lettering::Typesetter;
use crate::texts::Language;
use crate::view::View;
use brush::Brush;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;
use inside::Lens;
use layout::Layout;

/// Draws views for one size of screen.
pub struct Scene {
    layout: Layout,
    typesetter: Typesetter,
    cover: Cover,
    lens: Lens,
    /// The buttons that were drawn last, and where.
    buttons: Vec<(Rectangle, Button)>,
    /// A text with a number in it.
    line: String,
    #[cfg(test)]
    proof: brush::Proof,
}

impl Scene {
    /// For canvases of `size` pixels. `width_mm` is how wide they are for the viewer; where the display does not say, it is
    /// taken to be a desktop monitor.
    pub fn new(size: Size, width_mm: Option<u32>) -> Self {
        Self {
            layout: Layout::new(size, width_mm),
            typesetter: Typesetter::new(),
            cover: Cover::default(),
            lens: Lens::default(),
            buttons: Vec::new(),
            line: String::new(),
            #[cfg(test)]
            proof: brush::Proof::default(),
        }
    }

    /// Draws all of the canvas, which has the scene's size. Without languages the canvas stays as it is.
    pub fn draw(&mut self, canvas: &mut Canvas, view: &View, languages: &[Language]) {
        self.buttons.clear();
        let Some(language) = languages.get(view.language).or(languages.first()) else { return };
        #[cfg(test)]
        self.proof.texts.clear();
        let brush = Brush {
            canvas,
            typesetter: &mut self.typesetter,
            cover: &mut self.cover,
            right_to_left: language.is_right_to_left(),
            #[cfg(test)]
            proof: &mut self.proof,
        };
        pages::Drawing {
            brush,
            layout: &self.layout,
            lens: &mut self.lens,
            buttons: &mut self.buttons,
            line: &mut self.line,
            view,
            language,
            languages,
        }
        .draw();
    }

    /// The button at a point of the canvas, among those that were drawn last.
    pub fn button_at(&self, point: Point) -> Option<Button> {
        self.buttons.iter().find(|(area, _)| area.contains(point)).map(|(_, button)| *button)
    }
}

#[cfg(test)]
mod tests;
