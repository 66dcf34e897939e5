//! What is known of ageing before any generator is trained: how the decades differ on average, in the frame of the mean shape
//! that all faces are aligned to.
//!
//! Per decade and gender a [`bank`] of colour, contrast, wrinkle texture and shape is averaged over the training faces and laid
//! into the generator's head; the [`teacher`] adds what a face itself tells of skin and hair. Labels of gender and group
//! serve here and for the visitor net only.

mod bank;
pub mod composite;
pub mod filters;
pub mod masks;
pub mod sheet;
mod spline;
mod teacher;

pub use bank::{Bank, Strengths};
pub use teacher::{PriorError, Teacher};
