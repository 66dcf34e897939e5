//! The quantized generator at the speed of the processor: an ONNX file is read by tract as any other, but the layers that
//! compute on bytes are cut out first and become one operator a region, with memory, weights and kernels of its own.
//!
//! The walk: ONNX graph → [`pattern`] (which layers are there) → [`region`] (what hangs together becomes a node) →
//! [`operator`] (the node, as tract sees it) → [`plan`] (laid out for this processor) → [`kernels`] (arithmetic). Beside
//! that, [`planes`] takes the float filters that enlarge planes at the end of an edit.
//!
//! Looking at the ONNX graph and not at tract's typed model has a reason: there an instance norm is one node and a scale
//! belongs to its tensor; tract takes both apart before any pass can see them. What the patterns do not know stays in the
//! graph, and tract computes it as before: any valid file runs.

mod graph;
pub mod kernels;
mod layer;
mod operator;
mod pattern;
mod plan;
mod planes;
mod region;
#[cfg(test)]
mod tests;

pub use kernels::Isa;

use operator::{INSTRUCTIONS, THREADS};
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, ModelProto};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::format_err;

/// How a graph is to be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Threads for one frame, at least one.
    pub threads: usize,
    /// Other instructions than the best that this processor has.
    pub isa: Option<Isa>,
}

impl Default for Options {
    fn default() -> Self {
        Self { threads: 1, isa: None }
    }
}

/// A graph with its quantized regions as single nodes, cut down to the named outputs.
pub fn model(mut proto: ModelProto, outputs: &[&str], options: Options) -> TractResult<InferenceModel> {
    let graph = proto.graph.take().ok_or_else(|| format_err!("the file holds no graph"))?;
    let mut graph = planes::fuse(region::fuse(graph, outputs));
    for node in graph.node.iter_mut().filter(|node| node.op_type == region::OPERATOR) {
        node.attribute.push(AttributeProto {
            name: THREADS.into(),
            r#type: AttributeType::Int as i32,
            i: options.threads as i64,
            ..Default::default()
        });
        node.attribute.extend(options.isa.map(|isa| AttributeProto {
            name: INSTRUCTIONS.into(),
            r#type: AttributeType::String as i32,
            s: isa.name().into(),
            ..Default::default()
        }));
    }
    proto.graph = Some(graph);
    let mut reader = tract_onnx::onnx();
    reader.op_register.insert(region::OPERATOR, operator::build);
    reader.op_register.insert(planes::OPERATOR, planes::build);
    reader.model_for_proto_model(&proto)
}
