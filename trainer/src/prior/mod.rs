//! What is known of ageing before any generator is trained: how the decades differ on average, in a frame in which every
//! face has the same shape.
//!
//! Faces with landmarks come in and are [registered](registration) to the mean shape; per decade and gender a [`bank`]
//! of colour, contrast and wrinkle texture is averaged; the [`teacher`] draws what a face of one decade would look like in
//! another. The kiosk recipe takes it as a warm start; the adversarial and cycle losses do the rest. Labels of gender and
//! group serve here only: nothing of them enters the generator.

mod bank;
pub mod composite;
mod filters;
mod masks;
mod registration;
pub mod sheet;
mod teacher;

pub use bank::Bank;
pub use registration::Registration;
pub use teacher::{Prior, PriorError, Strengths};
