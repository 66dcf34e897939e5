//! A picture comes in, the faces in it go out: 68 landmarks each, largest face first.
//!
//! A [`detector`] proposes boxes; the landmark [`net`] looks at the [`crop`] of each and says where the points are and
//! whether that is a face at all; the [`finder`] repeats it from the points found, and follows a face without the detector.

pub mod crop;
pub mod detector;
pub mod finder;
pub mod net;

pub use finder::{Face, FaceError, FaceFinder};
