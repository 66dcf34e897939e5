//! The nets that this program computes itself: with the engine of its own, and with tract alone.

use crate::engine::{self, Options};
use crate::timing::timed;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::Cost;
use tract_onnx::tract_core::ops::cnn::Deconv;

/// What a net is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Net {
    /// Name, shape and values of each input, in the graph's order.
    pub inputs: Vec<(String, Vec<usize>, Vec<f32>)>,
    /// Names of the outputs, in the graph's order.
    pub outputs: Vec<String>,
}

/// A net that is ready to run.
pub struct Inside {
    state: TypedSimpleState,
    inputs: TVec<TValue>,
    results: TVec<TValue>,
}

impl Inside {
    /// With the engine of this program; what it does not know is left to tract.
    pub fn ours(model: ModelProto, net: &Net, options: Options) -> Result<Self, String> {
        Self::ready(net, || engine::model(model, &names(net), options))
    }

    /// With tract alone, on one thread.
    pub fn tract(model: ModelProto, net: &Net) -> Result<Self, String> {
        Self::ready(net, || plain(&model, net))
    }

    fn ready(net: &Net, load: impl FnOnce() -> TractResult<InferenceModel>) -> Result<Self, String> {
        // The loader panics on some graphs that no exporter writes.
        let state = catch_unwind(AssertUnwindSafe(|| load()?.into_optimized()?.into_runnable()?.spawn()))
            .map_err(|_| "the graph is malformed".to_owned())?
            .map_err(|error| format!("{error:#}"))?;
        let input = |(_, shape, values): &(String, Vec<usize>, Vec<f32>)| Tensor::from_shape(shape, values);
        let inputs = net.inputs.iter().map(|one| input(one).map(IntoTValue::into_tvalue));
        let inputs = inputs.collect::<TractResult<_>>().map_err(|error| format!("{error:#}"))?;
        let mut inside = Self { state, inputs, results: tvec![] };
        inside.run()?;
        Ok(inside)
    }

    /// Computes once; the milliseconds of that.
    pub fn run(&mut self) -> Result<f64, String> {
        let inputs = self.inputs.clone();
        let (results, milliseconds) = timed(|| self.state.run(inputs));
        self.results = results.map_err(|error| format!("{error:#}"))?;
        Ok(milliseconds)
    }

    /// The outputs of the last run, one after the other.
    pub fn outputs(&self) -> Result<Vec<f32>, String> {
        let mut all = Vec::new();
        for result in &self.results {
            let plain = result.try_as_plain_ram().map_err(|error| format!("{error:#}"))?;
            all.extend_from_slice(plain.as_slice::<f32>().map_err(|error| format!("{error:#}"))?);
        }
        Ok(all)
    }
}

/// Multiplications with additions of one run of a float net, and the shapes of its outputs.
pub fn size(model: &ModelProto, net: &Net) -> Result<(u64, Vec<Vec<usize>>), String> {
    let typed = catch_unwind(AssertUnwindSafe(|| plain(model, net)?.into_typed()))
        .map_err(|_| "the graph is malformed".to_owned())?
        .map_err(|error| format!("{error:#}"))?;
    let total = macs(&typed).map_err(|error| format!("{error:#}"))?;
    let shape = |i: usize| Some(typed.output_fact(i).ok()?.shape.as_concrete()?.to_vec());
    let shapes = (0..net.outputs.len()).map(shape).collect::<Option<Vec<_>>>();
    Ok((total, shapes.ok_or("an output's shape is not fixed")?))
}

fn plain(model: &ModelProto, net: &Net) -> TractResult<InferenceModel> {
    let mut model = tract_onnx::onnx().model_for_proto_model(model)?;
    model.select_outputs_by_name(names(net))?;
    Ok(model)
}

fn names(net: &Net) -> Vec<&str> {
    net.outputs.iter().map(String::as_str).collect()
}

fn macs(model: &TypedModel) -> TractResult<u64> {
    let mut total = 0;
    for node in &model.nodes {
        let facts = model.node_input_facts(node.id)?;
        if let Some(deconv) = node.op_as::<Deconv>() {
            // Every input pixel meets the whole filter once.
            let shape = facts[0].shape.as_concrete().unwrap_or(&[]);
            let taps: usize = deconv.pool_spec.kernel_shape.iter().product();
            let pixels: usize = shape.iter().product();
            total += (pixels * taps * deconv.pool_spec.output_channels / deconv.group) as u64;
        }
        for (cost, amount) in node.op.cost(&facts)? {
            if matches!(cost, Cost::FMA(_)) {
                total += amount.to_i64()? as u64;
            }
        }
    }
    Ok(total)
}
