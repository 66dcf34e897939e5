//! Proofs that the mirror works on the boards' processor: its unit tests.

pub mod arm;
mod processor;
mod selection;

pub use processor::Processor;
