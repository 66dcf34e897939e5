//! The mirror, in the order of the data's walk: frame → face → aligned crop → aged crop → composed picture → screen.
//!
//! The trainer uses this library too, so that faces are found, cut and aged by the same code on both sides.

pub mod ager;
pub mod bundle;
pub mod compose;
pub mod face;
pub mod files;
pub mod mask;
pub mod photo;
#[cfg(test)]
mod testing;
