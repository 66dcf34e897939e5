//! From a trained generator to a verified bundle: nets → ONNX graph (weights in int8) → computed in int8 ([`crate::quantize`]) →
//! bundle folder → comparison of every engine that may run it.

pub mod agreement;
pub mod bundle;
pub mod command;
pub mod edit;
pub mod engine;
pub mod faces;
pub mod generator;
pub mod int8;
pub mod onnx;
pub mod onnxruntime;
pub mod operators;
pub mod source;
#[cfg(test)]
pub(crate) mod testing;
pub mod verify;
