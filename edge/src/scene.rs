//! One frame on the screen: the visitor's picture, and below it the decade in large type with a caption. A picture and what
//! to say come in; drawn pixels go out. Type stands on plain ground, so that its contrast never depends on the picture.

use crate::canvas::Canvas;
use crate::cover::Cover;
use crate::lettering::Lettering;
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{PrimitiveStyle, Rectangle};
use image::RgbImage;
use shared::Decade;
use std::convert::Infallible;

/// What the mirror says under every aged face.
pub const CAPTION: &str = "One possible future";
/// What it says while it cannot age anybody.
pub const PLAIN_CAPTION: &str = "A mirror, for now";

const GROUND: Rgb888 = Rgb888::new(16, 16, 18);
const INK: Rgb888 = Rgb888::new(245, 245, 240);
const FAINT: Rgb888 = Rgb888::new(185, 185, 180);
const LIT: Rgb888 = Rgb888::new(232, 163, 61);

/// Draws frames for one size of screen.
#[derive(Debug)]
pub struct Scene {
    size: Size,
    /// Height of the ground that type stands on.
    plate: u32,
    labels: [Lettering; Decade::ALL.len()],
    caption: Lettering,
    plain_caption: Lettering,
    cover: Cover,
    row: Vec<u8>,
}

impl Scene {
    pub fn new(size: Size) -> Self {
        Self {
            size,
            plate: size.height / 5,
            labels: Decade::ALL.map(|decade| Lettering::new(decade.name())),
            caption: Lettering::new(CAPTION),
            plain_caption: Lettering::new(PLAIN_CAPTION),
            cover: Cover::new((1, 1), (1, 1)),
            row: vec![0; size.width as usize * 3],
        }
    }

    pub fn size(&self) -> Size {
        self.size
    }
    pub fn resize(&mut self, size: Size, _: Option<u32>) {
        *self = Self::new(size);
    }
    pub fn button_at(&self, _: Point) -> Option<crate::input::Button> {
        None
    }
    pub fn draw_view(&mut self, screen: &mut Canvas, view: &crate::view::View) {
        use crate::view::Page::*;
        match &view.page {
            Ageing { picture, age, .. } => self.draw(screen, picture.pixels, Some(*age)),
            Attract { picture, age } => self.draw(screen, picture.pixels, *age),
            Found { picture, .. } | Turned { picture, .. } | OptedOut { picture } | Plain { picture } => {
                self.draw(screen, picture.pixels, None)
            }
            _ => {}
        }
    }

    /// Draws `picture`; `age` in years is where the face stands, `None` while nothing is aged.
    pub fn draw(&mut self, screen: &mut Canvas, picture: &RgbImage, age: Option<f32>) {
        self.draw_picture(screen, picture);
        let Ok(()) = self.draw_plate(screen, age);
    }

    /// Scaled to cover the part above the plate.
    fn draw_picture(&mut self, screen: &mut Canvas, picture: &RgbImage) {
        let (from, area) = (picture.dimensions(), (self.size.width, self.size.height - self.plate));
        if !self.cover.fits(from, area) {
            self.cover = Cover::new(from, area);
        }
        for y in 0..area.1 {
            self.cover.row(picture, y, &mut self.row);
            screen.put_row(0, y, &self.row);
        }
    }

    fn draw_plate(&self, screen: &mut Canvas, age: Option<f32>) -> Result<(), Infallible> {
        let top = (self.size.height - self.plate) as i32;
        screen.fill_solid(&Rectangle::new(Point::new(0, top), Size::new(self.size.width, self.plate)), GROUND)?;
        let caption = if age.is_some() { &self.caption } else { &self.plain_caption };
        let small = fitting(caption, self.plate / 4, self.size.width * 9 / 10);
        let below = self.size.height as i32 - small as i32 - (self.plate / 16) as i32;
        self.centred(screen, caption, below, small, FAINT)?;
        let Some(age) = age else { return Ok(()) };
        self.draw_scale(screen, top, age)?;
        let Some(decade) = Decade::from_age(age.round() as u32) else { return Ok(()) };
        self.centred(screen, &self.labels[decade.index()], top + (self.plate / 10) as i32, self.plate * 3 / 5, INK)
    }

    /// A line along the plate's upper edge that grows from the first decade to the last.
    fn draw_scale(&self, screen: &mut Canvas, top: i32, age: f32) -> Result<(), Infallible> {
        let (youngest, oldest) = (Decade::Tens.middle(), Decade::Sixties.middle());
        let share = ((age - youngest) / (oldest - youngest)).clamp(0.0, 1.0);
        let length = (self.size.width as f32 * share) as u32;
        let thickness = (self.plate / 24).max(1);
        let line = Rectangle::new(Point::new(0, top), Size::new(length, thickness));
        line.into_styled(PrimitiveStyle::with_fill(LIT)).draw(screen)
    }

    fn centred(
        &self,
        screen: &mut Canvas,
        text: &Lettering,
        top: i32,
        height: u32,
        ink: Rgb888,
    ) -> Result<(), Infallible> {
        let left = (self.size.width as i32 - text.width(height) as i32) / 2;
        text.draw(screen, Point::new(left, top), height, ink, GROUND)
    }
}

/// The type's height, at most `height`, at which the text is no wider than `width`.
fn fitting(text: &Lettering, height: u32, width: u32) -> u32 {
    height.min(height * width / text.width(height).max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::sha256;

    fn drawn(width: u32, height: u32, age: Option<f32>) -> RgbImage {
        let mut screen = Canvas::new(Size::new(width, height));
        let picture = RgbImage::from_fn(64, 64, |x, y| image::Rgb([200, (x * 4) as u8, (y * 4) as u8]));
        Scene::new(screen.size()).draw(&mut screen, &picture, age);
        screen.into_picture()
    }

    #[test]
    fn the_picture_covers_all_but_the_plate() {
        for (width, height) in [(320, 240), (240, 320), (720, 960), (1920, 1080)] {
            let screen = drawn(width, height, Some(25.0));
            let plate = height / 5;
            assert!(
                screen.rows().take((height - plate) as usize).flatten().all(|pixel| pixel.0[0] == 200),
                "{width}×{height}"
            );
            assert!(screen.rows().skip((height - plate) as usize).flatten().all(|pixel| pixel.0 != [200, 0, 0]));
        }
    }

    #[test]
    fn each_decade_has_its_own_label_and_none_without_ageing() {
        let mut pictures: Vec<String> =
            Decade::ALL.iter().map(|d| sha256(&drawn(320, 400, Some(d.middle())))).collect();
        pictures.push(sha256(&drawn(320, 400, None)));
        pictures.sort();
        pictures.dedup();
        assert_eq!(pictures.len(), 7);
    }

    #[test]
    fn a_frame_looks_as_it_did() {
        crate::testing::assert_golden("scene", &drawn(180, 240, Some(44.0)));
    }

    #[test]
    fn type_has_contrast_of_at_least_four_and_a_half() {
        let luminance = |colour: Rgb888| {
            let linear = |byte: u8| ((f32::from(byte) / 255.0 + 0.055) / 1.055).powf(2.4);
            0.2126 * linear(colour.r()) + 0.7152 * linear(colour.g()) + 0.0722 * linear(colour.b())
        };
        for ink in [INK, FAINT] {
            assert!((luminance(ink) + 0.05) / (luminance(GROUND) + 0.05) > 4.5);
        }
    }
}
