//! The visitor, from frame to frame. Frames come in; who stands there, where their face is (steadied), how far it is turned
//! away and what each decade does to it go out. Next: [`crate::visit`] decides what to show.

mod pose;
mod steady;
mod tracker;
mod years;

pub use pose::facing;
pub use steady::Steady;
pub use tracker::{Seen, Tracker};
pub use years::Years;
