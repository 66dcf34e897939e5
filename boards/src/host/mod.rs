//! This machine: the programs it has and lacks, how they are run, and where results and downloads lie.

pub mod files;
pub mod place;
pub mod process;
pub mod tools;
