//! Pictures that are used again, so that a camera allocates nothing once it runs.

use image::RgbImage;
use std::sync::Arc;

/// Pictures of one size. A picture that nobody holds any more is given again.
#[derive(Debug, Default)]
pub struct Pool {
    pictures: Vec<Arc<RgbImage>>,
}

/// More pictures than the threads hold at a time: captured, being searched, being aged, on the screen, in the slots between.
const MOST: usize = 12;

impl Pool {
    /// Fills a free picture of `width`×`height`, or gives what `fill` complains of. What the picture held is arbitrary.
    pub fn fill<E>(
        &mut self,
        (width, height): (u32, u32),
        fill: impl FnOnce(&mut RgbImage) -> Result<(), E>,
    ) -> Result<Arc<RgbImage>, E> {
        let free = self.pictures.iter().position(|picture| Arc::strong_count(picture) == 1);
        let mut picture = free.map(|free| self.pictures.swap_remove(free)).unwrap_or_default();
        let pixels = Arc::make_mut(&mut picture);
        if pixels.dimensions() != (width, height) {
            *pixels = RgbImage::new(width, height);
        }
        let filled = fill(pixels);
        if self.pictures.len() < MOST {
            self.pictures.push(picture.clone());
        }
        filled.map(|()| picture)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(pool: &mut Pool, size: (u32, u32), number: u8) -> Arc<RgbImage> {
        pool.fill(size, |picture| {
            picture.fill(number);
            Ok::<_, ()>(())
        })
        .unwrap()
    }

    #[test]
    fn a_picture_is_given_again_only_when_nobody_holds_it() {
        let mut pool = Pool::default();
        let first = numbered(&mut pool, (4, 3), 1);
        let second = numbered(&mut pool, (4, 3), 2);
        assert!(first.iter().all(|&value| value == 1));
        let place = first.as_ptr();
        drop(first);
        assert_eq!(numbered(&mut pool, (4, 3), 3).as_ptr(), place);
        assert!(second.iter().all(|&value| value == 2));
        assert_eq!(numbered(&mut pool, (8, 6), 4).dimensions(), (8, 6));
    }

    #[test]
    fn a_picture_that_was_not_filled_comes_back() {
        let mut pool = Pool::default();
        assert_eq!(pool.fill((4, 3), |_| Err("torn")).err(), Some("torn"));
        let held: Vec<_> = (0..20).map(|number| numbered(&mut pool, (4, 3), number)).collect();
        assert!(held.iter().enumerate().all(|(i, picture)| picture.iter().all(|&value| value == i as u8)));
        assert!(pool.pictures.len() <= MOST);
    }
}
