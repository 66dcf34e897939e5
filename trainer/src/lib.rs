//! From a folder of faces to a quantized, verified generator, in the order of the data's walk:
//! [`data`] → [`nets`] → [`train`] (helped by [`prior`]) → [`export`] → [`quantize`] → [`inspect`]
//! and [`evaluate`]; [`ablate`] walks it again with one thing after the other left out.
//! [`landmarks`] trains the little net that finds the points of a face, for the trainer and the device alike.

pub mod ablate;
pub mod cli;
pub mod data;
pub mod evaluate;
pub mod export;
pub mod inspect;
pub mod landmarks;
pub mod memory;
pub mod nets;
pub mod pipeline;
pub mod prior;
pub mod quantize;
pub mod recipe;
pub mod train;
