//! The middle of the walk, for one face: a picture and its landmarks come in, an aligned crop is cut and aged, and the edit
//! is composed into a picture. The trainer measures through this very path.

use crate::ager::{Ager, AgerError, Edit, Feature};
use crate::clarity::Clarity;
use crate::compose::{ComposeError, Composer};
use crate::tint::Tint;
use image::RgbImage;
use shared::crop::{CropError, Picture, cut};
use shared::geometry::FitError;
use shared::manifest::Kind;
use shared::pixel::{self, SizeMismatch};
use shared::{Alignment, Condition, Landmarks};

/// A generator with the buffers of one face.
pub struct Mirror {
    ager: Ager,
    composer: Composer,
    clarity: Clarity,
    tint: Tint,
    square: Vec<u8>,
    crop: Vec<f32>,
}

/// Why a face is not aged. The frame is shown as it is; the next one may do better.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    #[error("the face cannot be aligned ({0})")]
    Align(#[from] FitError),
    #[error("the face cannot be cut out ({0})")]
    Crop(#[from] CropError),
    #[error(transparent)]
    Pixels(#[from] SizeMismatch),
    #[error(transparent)]
    Age(#[from] AgerError),
    #[error(transparent)]
    Compose(#[from] ComposeError),
}

impl Mirror {
    pub fn new(ager: Ager) -> Self {
        let values = 3 * ager.size() * ager.size();
        Self {
            ager,
            composer: Composer::default(),
            clarity: Clarity::default(),
            tint: Tint::default(),
            square: vec![0; values],
            crop: vec![0.0; values],
        }
    }

    /// Cuts the crop of the face with `landmarks` (the picture's pixels), to be aged next. Gives its alignment.
    pub fn look(&mut self, picture: &RgbImage, landmarks: &Landmarks) -> Result<Alignment, MirrorError> {
        let alignment = Alignment::of(landmarks)?;
        let picture = Picture::new(picture, picture.width() as usize, picture.height() as usize)?;
        cut(&picture, &alignment, self.ager.size(), &mut self.square)?;
        pixel::to_planar(&self.square, &mut self.crop)?;
        self.clarity.look(&self.crop, self.ager.size());
        self.tint.look(&self.crop, self.ager.size());
        Ok(alignment)
    }

    /// Ages the face that was looked at last.
    pub fn age(&mut self, condition: &Condition) -> Result<Edit, MirrorError> {
        Ok(self.look_inside(condition)?.0)
    }

    /// As [`Self::age`], with the middle layers' outputs, if its generator gives them.
    pub fn look_inside(&mut self, condition: &Condition) -> Result<(Edit, Vec<Feature>), MirrorError> {
        let (mut edit, features) = self.ager.look_inside(&self.crop, condition)?;
        if self.ager.kind() == Kind::Edit {
            self.clarity.suit(&mut edit, self.ager.size());
            self.tint.suit(&mut edit, self.ager.size());
        }
        Ok((edit, features))
    }

    /// The crop that was looked at last, `[3, S, S]` in −1..1.
    pub fn crop(&self) -> &[f32] {
        &self.crop
    }

    /// Lays an edit onto a picture; the alignment is that of the face in that picture's pixels.
    pub fn compose(&mut self, picture: &mut RgbImage, alignment: &Alignment, edit: &Edit) -> Result<(), MirrorError> {
        Ok(self.composer.apply(picture, alignment, edit)?)
    }

    /// Where [`Self::compose`] moves a face's landmarks, in the picture's pixels.
    pub fn moved(&self, landmarks: &Landmarks, alignment: &Alignment, edit: &Edit) -> Result<Landmarks, MirrorError> {
        Ok(self.composer.moved(landmarks, alignment, edit)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use shared::{Decade, Point, Similarity};

    fn mirror() -> Mirror {
        Mirror::new(Ager::new(&testing::bundle(Kind::Edit)).unwrap())
    }

    #[test]
    fn turning_the_picture_turns_the_aged_picture() {
        let side = 160;
        let to_picture = Similarity { shift: Point::new(50.0, 40.0), ..Similarity::scaling(90.0) };
        let upright = RgbImage::from_fn(side, side, |x, y| image::Rgb([(x / 2) as u8, (y / 2) as u8, 120]));
        let landmarks = testing::landmarks().map(&to_picture);
        // A quarter clockwise: (x, y) → (side − y, x).
        let quarter = Similarity { a: 0.0, b: 1.0, shift: Point::new(side as f32, 0.0) };
        let sixties = Condition::one_hot(Decade::Sixties);
        let aged = |mut picture: RgbImage, landmarks: Landmarks| {
            let mut mirror = mirror();
            let alignment = mirror.look(&picture, &landmarks).unwrap();
            let edit = mirror.age(&sixties).unwrap();
            mirror.compose(&mut picture, &alignment, &edit).unwrap();
            picture
        };
        let turned = aged(image::imageops::rotate90(&upright), landmarks.map(&quarter));
        let expected = image::imageops::rotate90(&aged(upright.clone(), landmarks));
        assert_ne!(expected, image::imageops::rotate90(&upright));
        for (found, expected) in turned.pixels().zip(expected.pixels()) {
            for channel in 0..3 {
                assert!(found.0[channel].abs_diff(expected.0[channel]) <= 1);
            }
        }
    }

    #[test]
    fn landmarks_that_are_no_face_are_refused() {
        let picture = RgbImage::new(64, 64);
        let spot = Landmarks([Point::new(9.0, 9.0); 68]);
        assert!(matches!(mirror().look(&picture, &spot), Err(MirrorError::Align(_))));
        let broken = Landmarks([Point::new(f32::NAN, 9.0); 68]);
        assert!(matches!(mirror().look(&picture, &broken), Err(MirrorError::Align(_))));
    }
}
