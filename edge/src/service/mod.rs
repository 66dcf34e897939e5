//! The mirror as a service that nobody has to touch: when it is open, how hot it is, how it tells that it lives, and how it
//! ends.

mod hours;

pub use hours::{Day, Hours, Opening, Standing};
