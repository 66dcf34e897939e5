//! One net in this mirror's engine or in tract, as a worker of `edge bench --peers` that needs no Python: on an emulated board
//! `boards count` counts what a run costs.
//!
//! Arguments: `ours|tract PRECISION 1 MODEL FOLDER`; the folder holds `NAME.f32` for each input. Each line on the standard input is
//! answered: `run` computes once, between two calls of `getppid` that mark it for the counter; any other line is a path, to
//! which the outputs are written as raw little-endian floats.

use anyhow::{Context, bail, ensure};
use edge::engine::{self, Options};
use std::io::BufRead;
use std::os::unix::process::parent_id;
use std::path::Path;
use std::time::Instant;
use tract_onnx::prelude::*;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [engine, _, threads, model, folder] = &arguments[..] else {
        bail!("use: net ours|tract PRECISION 1 MODEL FOLDER");
    };
    ensure!(threads == "1", "{threads} threads: runs are counted on one");
    let proto = tract_onnx::onnx().proto_model_for_path(model).with_context(|| format!("{model} is no ONNX file"))?;
    let graph = proto.graph.as_ref().context("the file holds no graph")?;
    let outputs: Vec<_> = graph.output.iter().map(|output| output.name.clone()).collect();
    let outputs: Vec<_> = outputs.iter().map(String::as_str).collect();
    let net = match engine.as_str() {
        "ours" => engine::model(proto.clone(), &outputs, Options::default())?,
        "tract" => {
            let mut net = tract_onnx::onnx().model_for_proto_model(&proto)?;
            net.select_outputs_by_name(&outputs)?;
            net
        }
        other => bail!("{other}: expected ours or tract"),
    };
    let names: Vec<_> = net.input_outlets()?.iter().map(|outlet| net.node(outlet.node).name.clone()).collect();
    let net = net.into_optimized()?;
    let inputs = names.iter().enumerate().map(|(i, name)| input(&net, i, Path::new(folder), name));
    let inputs = inputs.collect::<anyhow::Result<TVec<_>>>()?;
    let mut net = net.into_runnable()?.spawn()?;
    let mut results = net.run(inputs.clone())?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if line == "run" {
            let _mark = parent_id();
            let start = Instant::now();
            results = net.run(inputs.clone())?;
            let milliseconds = start.elapsed().as_secs_f64() * 1000.0;
            let _mark = parent_id();
            println!("{milliseconds}");
            continue;
        }
        let mut bytes = Vec::new();
        for result in &results {
            let plain = result.try_as_plain_ram()?;
            bytes.extend(plain.as_slice::<f32>()?.iter().flat_map(|value| value.to_le_bytes()));
        }
        std::fs::write(&line, bytes).with_context(|| line.clone())?;
        println!("written");
    }
    Ok(())
}

/// An input's values, from the file that is named as it is.
fn input(net: &TypedModel, i: usize, folder: &Path, name: &str) -> anyhow::Result<TValue> {
    let path = folder.join(format!("{name}.f32"));
    let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
    let values: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    let shape = net.input_fact(i)?.shape.as_concrete().context("an input's shape is not fixed")?.to_vec();
    let tensor = Tensor::from_shape(&shape, &values).with_context(|| format!("{}: {shape:?}", path.display()))?;
    Ok(tensor.into_tvalue())
}
