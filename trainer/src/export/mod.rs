//! From a trained generator to a verified bundle: nets → ONNX graph (weights in int8) → bundle folder → comparison of every
//! engine that may run it.

pub mod agreement;
pub mod bundle;
pub mod command;
pub mod edit;
pub mod engine;
pub mod faces;
pub mod generator;
pub mod onnx;
pub mod onnxruntime;
pub mod operators;
pub mod source;
#[cfg(test)]
mod testing;
pub mod verify;
