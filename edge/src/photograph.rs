//! One photograph through the six decades: a picture comes in; the portrait of the largest face in it and its six aged
//! portraits go out, with what each stage cost. Next: the files that `edge age` writes.

use crate::face::{Face, FaceError, FaceFinder};
use crate::mirror::{Mirror, MirrorError};
use crate::portrait::Framing;
use crate::timing::timed;
use crate::visitor::facing;
use image::RgbImage;
use serde::Serialize;
use shared::{Alignment, Condition, Decade, Landmarks};

/// Share of the edit that even a head looking away gets. In the mirror it gets none, since the visitor will look back; a photograph
/// was chosen, and six portraits that are all the same would puzzle.
const LEAST_TURNED: f32 = 0.5;

/// A face through the decades.
#[derive(Clone, Debug)]
pub struct Aged {
    /// The face that was aged, in pixels of the photograph.
    pub face: Face,
    /// How many faces there were.
    pub faces: usize,
    /// The portrait as the photograph has it.
    pub source: RgbImage,
    /// The six decades, youngest first, framed like `source`.
    pub decades: [RgbImage; Decade::ALL.len()],
    /// The face's landmarks in `source`, and where each decade moves them; in pixels.
    pub landmarks: Landmarks,
    pub moved: [Landmarks; Decade::ALL.len()],
    pub cost: Cost,
}

/// Milliseconds a stage.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Cost {
    pub find: f64,
    pub crop: f64,
    /// The generator, for each decade.
    pub age: [f64; Decade::ALL.len()],
    /// Laying the edit onto the portrait, for each decade.
    pub compose: [f64; Decade::ALL.len()],
}

/// Why a photograph is not aged.
#[derive(Debug, thiserror::Error)]
pub enum PhotographError {
    #[error("no face found; give a photograph in which a face looks into the camera, lit and at least 40 pixels wide")]
    NoFace,
    #[error(transparent)]
    Face(#[from] FaceError),
    #[error(transparent)]
    Mirror(#[from] MirrorError),
}

/// Ages the largest face of `photo` to each decade.
pub fn age(finder: &mut FaceFinder, mirror: &mut Mirror, photo: &RgbImage) -> Result<Aged, PhotographError> {
    let mut cost = Cost::default();
    let (found, milliseconds) = timed(|| finder.find(photo));
    cost.find = milliseconds;
    let found = found?;
    let faces = found.len();
    let face = found.into_iter().next().ok_or(PhotographError::NoFace)?;

    let (alignment, milliseconds) = timed(|| mirror.look(photo, &face.landmarks));
    cost.crop = milliseconds;
    let framing = Framing::around(alignment?.to_upright_picture(), photo.width(), photo.height());
    let source = framing.cut(photo);
    let landmarks = face.landmarks.map(&framing.to_portrait());
    let alignment = Alignment::of(&landmarks).map_err(MirrorError::Align)?;

    let share = carried(&face.landmarks);
    let mut decades = std::array::from_fn(|_| source.clone());
    let mut moved = [landmarks; Decade::ALL.len()];
    for (decade, portrait) in Decade::ALL.into_iter().zip(&mut decades) {
        let (edit, milliseconds) = timed(|| mirror.age(&Condition::one_hot(decade)));
        cost.age[decade.index()] = milliseconds;
        let mut edit = edit?;
        edit.fade(share);
        let (composed, milliseconds) = timed(|| mirror.compose(portrait, &alignment, &edit));
        cost.compose[decade.index()] = milliseconds;
        composed?;
        moved[decade.index()] = mirror.moved(&landmarks, &alignment, &edit)?;
    }
    Ok(Aged { face, faces, source, decades, landmarks, moved, cost })
}

/// How much of an edit a photographed face carries: the whole where it looks ahead.
fn carried(landmarks: &Landmarks) -> f32 {
    LEAST_TURNED + (1.0 - LEAST_TURNED) * facing(landmarks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::Point;

    #[test]
    fn a_head_that_looks_away_is_aged_less_and_still_aged() {
        assert_eq!(carried(&crate::testing::landmarks()), 1.0);
        // The nose at the right cheek.
        let mut away = crate::testing::landmarks();
        let cheek = Point::mean(&away.0[13..16]);
        away.0[27..36].fill(cheek);
        assert_eq!(carried(&away), LEAST_TURNED);
    }
}
