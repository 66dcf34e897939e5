//! What stands on the screen at one moment, in words rather than pixels. The visit decides on it, the scene draws it.

use crate::ager::{Edit, Feature};
use crate::input::Button;
use image::RgbImage;
use shared::{Decade, Point};
use std::time::Duration;

/// Everything that a scene needs to draw one moment.
#[derive(Debug)]
pub struct View<'a> {
    /// Since the mirror began; what moves by itself (a waiting sign, a fading hint) follows it.
    pub now: Duration,
    pub page: Page<'a>,
    /// Index into the settings' languages.
    pub language: usize,
    /// Buttons that can be pressed now, in the order in which they should stand. Empty where nothing can be touched.
    pub buttons: &'a [Button],
    /// Something that staff should know, in a corner, small.
    pub notice: Option<Notice>,
}

/// One page of the visit.
#[derive(Debug)]
pub enum Page<'a> {
    /// Nobody is there: a demo face ages, an invitation, the notice of what happens, the languages.
    Attract { picture: Picture<'a>, age: Option<f32> },
    /// Somebody was found and nothing is aged yet. `waiting` after three seconds: a sign of patience.
    Found { picture: Picture<'a>, waiting: bool },
    /// The visitor's face at an age. `held`: it stays there. `limit`: the ages that this visitor is shown, in years.
    Ageing { picture: Picture<'a>, age: f32, held: bool, limit: (f32, f32), countdown: Option<u32> },
    /// The visitor looks away or stands too far: the mirror waits.
    Turned { picture: Picture<'a>, countdown: Option<u32> },
    /// The strip of the visitor's decades; the ones beyond their range are `None`.
    Strip { portraits: &'a [Option<RgbImage>; Decade::ALL.len()], code: Option<&'a Code>, countdown: Option<u32> },
    /// Good-bye: "step away to erase".
    Farewell { countdown: Option<u32> },
    /// The visitor does not want it: a plain mirror.
    OptedOut { picture: Picture<'a> },
    /// There is no generator: a plain mirror.
    Plain { picture: Picture<'a> },
    /// No camera, or one that is silent: calm, "back in a moment".
    NoCamera,
    /// Between two visitors.
    Rest,
    /// Outside of the opening hours: dark.
    Closed,
    /// What the layers see.
    Inside { picture: Picture<'a>, age: f32, inside: &'a Inside },
}

/// A camera picture and the part of it to show.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    pub pixels: &'a RgbImage,
    /// Centre of what is shown, in the picture's pixels.
    pub centre: Point,
    /// How high the part is that is shown, in the picture's pixels; at most its height. The scene cuts as wide a part as
    /// its area asks for, and never shows what lies outside of the picture.
    pub height: f32,
}

/// A QR code: `side · side` modules, row by row; `true` is dark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    pub side: usize,
    pub dark: Vec<bool>,
}

/// What the educator's view shows.
#[derive(Clone, Debug, Default)]
pub struct Inside {
    /// The crop that the net saw, `[3, S, S]` in −1..1.
    pub crop: Vec<f32>,
    pub edit: Edit,
    /// The middle layers' outputs, in the order in which the net computes them.
    pub features: Vec<Feature>,
}

/// What staff should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The settings file is broken; the last good settings are in use.
    Settings,
    /// The generator is refused; the mirror does not age.
    Generator,
    /// Too hot: fewer ageing frames.
    Hot,
}

impl<'a> Picture<'a> {
    /// All of it.
    pub fn whole(pixels: &'a RgbImage) -> Self {
        let (width, height) = (pixels.width() as f32, pixels.height() as f32);
        Self { pixels, centre: Point::new(width / 2.0, height / 2.0), height }
    }
}
