//! Updates: a signed bundle that RAUC on the card writes into the system that does not run.

pub mod keys;
