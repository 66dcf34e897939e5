//! What a visitor takes home, where the museum allows it: the strip's portraits come in; a QR code that needs no internet, or a
//! file for a printer, goes out. Both say that they are synthetic, in the picture and in its metadata, and neither outlives
//! the visit on the mirror.

mod code;
mod file;

pub use code::{CodeError, encode};
pub use file::{PrintError, PrintFolder};
