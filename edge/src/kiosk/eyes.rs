//! What the kiosk's main loop looks through: the newest frame with who is in it, and what the generator makes of them.
//! [`Together`](super::Together) does all of it in turn, for pictures that must not depend on how fast the machine is;
//! [`Threads`](super::Threads) does each at its own pace.

use crate::ager::{Ager, AgerError, Edit};
use crate::bundle::Bundle;
use crate::compose::Composer;
use crate::engine::Options;
use crate::face::{FaceError, FaceFinder};
use crate::frames::{Frame, FrameError};
use crate::mirror::{Mirror, MirrorError};
use crate::view::Inside;
use crate::visitor::{Seen, Years};
use image::RgbImage;
use shared::geometry::FitError;
use shared::{Alignment, Condition, Decade};
use std::sync::Arc;

/// A frame, and the visitor in it.
#[derive(Clone, Debug)]
pub struct Moment {
    pub frame: Frame,
    pub seen: Option<Seen>,
}

/// What a look gives.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart at once, and a box would be taken from the heap each frame"
)]
pub enum Look {
    Moment(Moment),
    /// Nothing new yet; `camera`: whether pictures come at all.
    Nothing {
        camera: bool,
    },
    /// There will be no more.
    End,
}

/// What the main loop would like next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wish {
    /// In years.
    pub age: f32,
    /// What the layers see, too.
    pub inside: bool,
}

/// What ends the looking.
#[derive(Debug, thiserror::Error)]
pub enum EyesError {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Face(#[from] FaceError),
    #[error(transparent)]
    Generator(#[from] AgerError),
    #[error("a thread of the mirror cannot be started ({0}); free some memory")]
    Thread(#[from] std::io::Error),
}

/// Camera, finder and generator, however they are arranged.
pub trait Eyes {
    /// The newest moment; waits for about a frame.
    fn look(&mut self, now: std::time::Duration) -> Result<Look, EyesError>;

    /// What to work at from now on.
    fn want(&mut self, wish: Wish);

    /// Does something with a visitor's edits; `None` if they are not this visitor's.
    fn with_years<T>(&mut self, visitor: u64, work: impl FnOnce(&Years) -> T) -> Option<T>;

    /// Fills in what the layers saw last of this visitor.
    fn inside(&mut self, visitor: u64, inside: &mut Inside) -> bool;

    /// The `number`th demo face, counted round and round; `None` while it is not ready.
    fn demo(&mut self, number: usize) -> Option<Arc<DemoFace>>;

    /// How long ago a frame came, by the clock that it was given its time by. `now` is the main loop's.
    fn age_of(&self, frame: &Frame, now: std::time::Duration) -> std::time::Duration {
        now.saturating_sub(frame.at)
    }

    /// Nobody's visit is on: what is known of the last visitor is erased.
    fn forget(&mut self);

    /// The visitor's turn is over.
    fn next_please(&mut self);

    fn has_generator(&self) -> bool;
}

/// The edits of whoever stands there.
#[derive(Clone, Debug, Default)]
pub struct Aged {
    pub visitor: u64,
    pub years: Years,
}

impl Aged {
    /// The edits of a visitor; nothing of another one stays.
    pub fn of(&mut self, visitor: u64) -> &mut Years {
        if self.visitor != visitor {
            self.visitor = visitor;
            self.years.clear();
        }
        &mut self.years
    }
}

/// The generator at work on moments.
pub struct Worker {
    mirror: Mirror,
    /// With the middle layers' outputs; slower.
    inside: Option<Mirror>,
}

impl Worker {
    /// The generator of a bundle, ready to run on so many threads.
    pub fn of(bundle: &Bundle, threads: usize) -> Result<Self, EyesError> {
        let mirror = |ager: Result<Ager, AgerError>| ager.map(Mirror::new);
        let inside = (!bundle.manifest.features.is_empty()).then(|| mirror(Ager::with_features(bundle))).transpose()?;
        Ok(Self { mirror: mirror(Ager::with(bundle, false, Options { threads, ..Options::default() }))?, inside })
    }

    /// Ages the visitor of a moment once.
    pub fn age(&mut self, moment: &Moment, seen: &Seen, decade: Decade) -> Result<Edit, MirrorError> {
        self.mirror.look(&moment.frame.picture, &seen.landmarks)?;
        self.mirror.age(&Condition::one_hot(decade))
    }

    /// Looks at what the layers see at an age.
    pub fn look_inside(&mut self, moment: &Moment, seen: &Seen, age: f32) -> Result<Option<Inside>, MirrorError> {
        let Some(mirror) = &mut self.inside else { return Ok(None) };
        mirror.look(&moment.frame.picture, &seen.landmarks)?;
        let condition = Condition::at_age(age).unwrap_or(Condition::one_hot(Decade::Tens));
        let (edit, features) = mirror.look_inside(&condition)?;
        Ok(Some(Inside { crop: mirror.crop().to_vec(), edit, features }))
    }

    /// A demo visitor with all their edits; `None` if there is no face in the picture.
    pub fn demo(&mut self, picture: RgbImage, finder: &mut FaceFinder) -> Result<Option<DemoFace>, DemoError> {
        let Some(face) = finder.find(&picture)?.into_iter().next() else { return Ok(None) };
        let alignment = self.mirror.look(&picture, &face.landmarks)?;
        let mut years = Years::default();
        for decade in Decade::ALL {
            years.take(decade, &self.mirror.age(&Condition::one_hot(decade))?);
        }
        Ok(Some(DemoFace { picture, alignment, years }))
    }
}

/// What keeps a demo face from being aged.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error(transparent)]
    Face(#[from] FaceError),
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    #[error(transparent)]
    Align(#[from] FitError),
}

/// A face that ages while nobody is there.
#[derive(Debug)]
pub struct DemoFace {
    picture: RgbImage,
    alignment: Alignment,
    years: Years,
}

impl DemoFace {
    pub const fn picture(&self) -> &RgbImage {
        &self.picture
    }

    /// Draws the face at an age into `picture`.
    pub fn draw(&self, age: f32, composer: &mut Composer, edit: &mut Edit, picture: &mut RgbImage) {
        picture.clone_from(&self.picture);
        if self.years.at(age, 1.0, edit) {
            // An edit that was drawn once fits the picture it was drawn for.
            let _ = composer.apply(picture, &self.alignment, edit);
        }
    }
}
