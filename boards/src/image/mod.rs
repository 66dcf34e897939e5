//! Images of whole cards, and what is told about them: a block map and checksums.

pub mod blockmap;
pub mod checksums;
