//! What the trainer and the mirror must agree on, in the order of the data's walk:
//! a [`decade`] becomes a [`condition`] vector, [`landmarks`] become an [`alignment`] and a [`crop`],
//! [`pixel`]s become tensors, and a [`manifest`] says what a generator was made for.
//!
//! The core needs neither heap nor operating system; the `std` feature adds reading and writing of manifests.
#![cfg_attr(not(any(test, feature = "std")), no_std)]

pub mod alignment;
pub mod condition;
pub mod crop;
pub mod decade;
pub mod geometry;
pub mod landmarks;
pub mod manifest;
pub mod pixel;
pub mod registration;

pub use alignment::{Alignment, align};
pub use condition::Condition;
pub use decade::Decade;
pub use geometry::{Point, Similarity};
pub use landmarks::{FivePoints, Landmarks};
pub use manifest::Manifest;
