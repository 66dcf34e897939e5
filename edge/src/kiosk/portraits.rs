//! The strip of a visit: one moment of the visitor, and their decades. A moment and edits come in; portraits go out.

use super::eyes::Moment;
use crate::ager::Edit;
use crate::compose::Composer;
use crate::portrait::Framing;
use crate::visit::Limit;
use crate::visitor::{Seen, Years};
use image::RgbImage;
use shared::{Alignment, Decade};

/// One a decade; `None` beyond the visitor's range, and where an edit is missing.
pub type Portraits = [Option<RgbImage>; Decade::ALL.len()];

/// The visitor of a moment in each decade of their range, all framed alike.
pub fn draw(moment: &Moment, seen: &Seen, years: &Years, limit: Limit, composer: &mut Composer) -> Portraits {
    let Ok(alignment) = Alignment::of(&seen.landmarks) else { return Portraits::default() };
    let picture = &moment.frame.picture;
    let framing = Framing::around(alignment.to_upright_picture(), picture.width(), picture.height());
    let portrait = framing.cut(picture);
    let Ok(alignment) = Alignment::of(&seen.landmarks.map(&framing.to_portrait())) else { return Portraits::default() };
    let mut edit = Edit::default();
    Decade::ALL.map(|decade| {
        let age = decade.middle();
        let wanted = (limit.youngest..=limit.oldest).contains(&age) && years.at(age, 1.0, &mut edit);
        let mut aged = wanted.then(|| portrait.clone())?;
        composer.apply(&mut aged, &alignment, &edit).ok()?;
        Some(aged)
    })
}
