//! The mirror, in the order of the data's walk: frame → face → aligned crop → aged crop → composed picture → screen.
//!
//! The trainer uses this library too, so that faces are found, cut and aged by the same code on both sides.

pub mod ager;
#[cfg(test)]
mod agreement;
pub mod bundle;
pub mod canvas;
pub mod clarity;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod compose;
pub mod cover;
pub mod demo;
pub mod engine;
pub mod face;
pub mod files;
pub mod frames;
pub mod input;
pub mod kiosk;
pub mod lettering;
pub mod mask;
pub mod mirror;
pub mod photo;
pub mod photograph;
pub mod portrait;
pub mod scene;
pub mod screen;
pub mod service;
pub mod settings;
pub mod strip;
pub mod synthetic;
pub mod takehome;
#[cfg(test)]
mod testing;
pub mod texts;
pub mod timing;
pub mod tint;
pub mod turning;
pub mod view;
pub mod visit;
pub mod visitor;
