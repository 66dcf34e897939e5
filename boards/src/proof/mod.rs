//! Proofs that the mirror works on the boards' processor: its unit tests.

pub mod arm;
mod processor;
pub mod qemu;
mod selection;

pub use processor::Processor;
