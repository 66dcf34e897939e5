//! What scenes are drawn on: a picture in memory, as the viewer sees it (upright, not yet turned for the screen). Text and
//! shapes come in through embedded-graphics' `DrawTarget`, pictures row by row beside it, since a pixel at a time is too
//! slow for a camera picture. Next: a [`Screen`](crate::screen::Screen) shows it.

use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;
use image::RgbImage;
use std::convert::Infallible;

/// RGB pixels in memory.
#[derive(Clone, Debug)]
pub struct Canvas {
    picture: RgbImage,
}

impl Canvas {
    /// A black canvas.
    pub fn new(size: Size) -> Self {
        Self { picture: RgbImage::new(size.width, size.height) }
    }

    pub const fn picture(&self) -> &RgbImage {
        &self.picture
    }

    pub fn into_picture(self) -> RgbImage {
        self.picture
    }

    /// Copies a row of RGB bytes to `(x, y)` and to the right of it; what does not fit is cut off.
    pub fn put_row(&mut self, x: u32, y: u32, rgb: &[u8]) {
        if let Some(row) = self.row_mut(x, y, rgb.len() as u32 / 3) {
            row.copy_from_slice(&rgb[..row.len()]);
        }
    }

    /// The bytes of at most `width` pixels from `(x, y)` to the right; `None` outside of the canvas.
    pub fn row_mut(&mut self, x: u32, y: u32, width: u32) -> Option<&mut [u8]> {
        let (across, down) = self.picture.dimensions();
        if x >= across || y >= down {
            return None;
        }
        let start = (y as usize * across as usize + x as usize) * 3;
        let length = width.min(across - x) as usize * 3;
        Some(&mut self.picture.as_flat_samples_mut().samples[start..start + length])
    }
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(self.picture.width(), self.picture.height())
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(at, colour) in pixels {
            let place = u32::try_from(at.x).ok().zip(u32::try_from(at.y).ok());
            if let Some(pixel) = place.and_then(|(x, y)| self.picture.get_pixel_mut_checked(x, y)) {
                pixel.0 = [colour.r(), colour.g(), colour.b()];
            }
        }
        Ok(())
    }

    fn fill_solid(&mut self, area: &Rectangle, colour: Rgb888) -> Result<(), Infallible> {
        let area = area.intersection(&self.bounding_box());
        for y in area.rows() {
            if let Some(row) = self.row_mut(area.top_left.x as u32, y as u32, area.size.width) {
                repeat(row, [colour.r(), colour.g(), colour.b()]);
            }
        }
        Ok(())
    }
}

/// Fills a row with one colour, by copying ever longer runs of it.
fn repeat(row: &mut [u8], colour: [u8; 3]) {
    let mut done = colour.len().min(row.len());
    row[..done].copy_from_slice(&colour[..done]);
    while done < row.len() {
        let run = done.min(row.len() - done);
        row.copy_within(..run, done);
        done += run;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use embedded_graphics::primitives::PrimitiveStyle;

    #[test]
    fn what_lies_outside_is_cut_off() {
        let mut canvas = Canvas::new(Size::new(8, 6));
        canvas.put_row(6, 2, &[9; 30]);
        canvas.put_row(8, 2, &[9; 3]);
        canvas.put_row(0, 6, &[9; 3]);
        let red = PrimitiveStyle::with_fill(Rgb888::RED);
        Rectangle::new(Point::new(-3, 4), Size::new(5, 9)).into_styled(red).draw(&mut canvas).unwrap();
        Pixel(Point::new(-1, 99), Rgb888::RED).draw(&mut canvas).unwrap();
        let lit = canvas.picture().enumerate_pixels().filter(|(.., pixel)| pixel.0 != [0; 3]);
        let lit: Vec<_> = lit.map(|(x, y, _)| (x, y)).collect();
        assert_eq!(lit, [(6, 2), (7, 2), (0, 4), (1, 4), (0, 5), (1, 5)]);
    }
}
