//! The training loop: batches in, checkpoints out.

pub mod optimizer;
