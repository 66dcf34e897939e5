//! A region as an operator of tract: it reads the layers out of its part of the graph, has them planned once the shapes are
//! known, and keeps the plan's memory between frames.

use super::graph::{Graph, attribute};
use super::kernels::Isa;
use super::layer::Layer;
use super::pattern;
use super::plan::{Interface, Memory, Plan};
use super::region::BODY;
use std::sync::Arc;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_hir::internal::*;

/// The attribute with the number of threads.
pub const THREADS: &str = "threads";
/// The attribute with the name of the instruction set; the best one where it is missing.
pub const INSTRUCTIONS: &str = "instructions";

/// Builds the operator out of its node, as tract asks while it reads a graph.
pub fn build(_: &ParsingContext<'_>, node: &NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let body = attribute(node, BODY).and_then(|body| body.g.as_ref());
    let body = body.with_context(|| format!("`{}` has no graph of its own", node.name))?;
    let name = attribute(node, INSTRUCTIONS).map(|name| String::from_utf8_lossy(&name.s).into_owned());
    let isa = match &name {
        None => Isa::best(),
        Some(name) => Isa::available()
            .into_iter()
            .find(|isa| isa.name() == name)
            .with_context(|| format!("this processor has no instructions `{name}`"))?,
    };
    let region = Region {
        layers: Arc::new(pattern::layers(&Graph::new(body))),
        inputs: node.input.clone(),
        outputs: node.output.clone(),
        isa,
        threads: attribute(node, THREADS).map_or(1, |threads| threads.i.max(1) as usize),
    };
    Ok((expand(region), vec![]))
}

/// A region before its shapes are known.
#[derive(Clone, Debug)]
struct Region {
    layers: Arc<Vec<Layer>>,
    inputs: Vec<String>,
    outputs: Vec<String>,
    isa: Isa,
    threads: usize,
}

impl Region {
    fn plan(&self, shapes: Vec<Vec<usize>>) -> TractResult<Plan> {
        let inputs: Vec<_> = self.inputs.iter().cloned().zip(shapes).collect();
        let interface = Interface { inputs: &inputs, outputs: &self.outputs };
        Ok(Plan::new(&self.layers, &interface, self.isa, self.threads)?)
    }

    fn shapes(&self, shapes: Vec<Vec<usize>>) -> TractResult<Vec<[usize; 4]>> {
        let inputs: Vec<_> = self.inputs.iter().cloned().zip(shapes).collect();
        Ok(Plan::shapes(&self.layers, &Interface { inputs: &inputs, outputs: &self.outputs })?)
    }
}

impl Expansion for Region {
    fn name(&self) -> StaticName {
        "QuantizedRegion".into()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(self.outputs.len())
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, self.inputs.len())?;
        check_output_arity(outputs, self.outputs.len())?;
        for proxy in inputs.iter().chain(outputs) {
            solver.equals(&proxy.datum_type, f32::datum_type())?;
        }
        for output in outputs {
            solver.equals(&output.rank, 4)?;
        }
        let shapes: Vec<_> = inputs.iter().map(|input| &input.shape).collect();
        solver.given_all(shapes, move |solver, shapes| {
            let concrete: Option<Vec<Vec<usize>>> =
                shapes.iter().map(|shape| shape.iter().map(|dim| dim.to_usize().ok()).collect()).collect();
            let Some(concrete) = concrete else { return Ok(()) };
            for (output, shape) in outputs.iter().zip(self.shapes(concrete)?) {
                for (i, dim) in shape.into_iter().enumerate() {
                    solver.equals(&output.shape[i], dim.to_dim())?;
                }
            }
            Ok(())
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let shape = |&outlet: &OutletId| {
            let fact = model.outlet_fact(outlet)?;
            let shape = fact.shape.as_concrete().map(<[usize]>::to_vec);
            shape.with_context(|| format!("the shape of an input of `{prefix}` is not known: {fact:?}"))
        };
        let shapes = inputs.iter().map(shape).collect::<TractResult<Vec<_>>>()?;
        let plan = Arc::new(self.plan(shapes)?);
        model.wire_node(prefix, Planned { plan }, inputs)
    }
}

/// A region that is ready to run.
#[derive(Clone, Debug)]
struct Planned {
    plan: Arc<Plan>,
}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.plan, &other.plan)
    }
}

impl Eq for Planned {}

impl Op for Planned {
    fn name(&self) -> StaticName {
        "QuantizedRegion".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Planned {
    not_out_of_plan!();

    fn state(&self, _: &EvalContext) -> TractResult<Option<Box<dyn OpState>>> {
        Ok(Some(Box::new(Running { plan: self.plan.clone(), memory: self.plan.memory() })))
    }
}

impl TypedOp for Planned {
    fn output_facts(&self, _: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(self.plan.outputs().iter().map(f32::fact).collect())
    }

    as_op!();
}

/// A region with the memory that it computes in.
#[derive(Clone, Debug)]
struct Running {
    plan: Arc<Plan>,
    memory: Memory,
}

impl OpState for Running {
    fn eval(&mut self, _: &EvalContext, _: &dyn Op, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let plain = inputs.iter().map(|input| input.try_as_plain_ram()).collect::<TractResult<TVec<_>>>()?;
        let numbers = plain.iter().map(|plain| plain.as_slice::<f32>()).collect::<TractResult<TVec<_>>>()?;
        let mut outputs = TVec::new();
        for shape in self.plan.outputs() {
            outputs.push(Tensor::zero::<f32>(shape)?);
        }
        {
            let mut plain =
                outputs.iter_mut().map(|output| output.try_as_plain_ram_mut()).collect::<TractResult<TVec<_>>>()?;
            let mut slices =
                plain.iter_mut().map(|plain| plain.as_slice_mut::<f32>()).collect::<TractResult<TVec<_>>>()?;
            self.plan.run(&mut self.memory, &numbers, &mut slices);
        }
        Ok(outputs.into_iter().map(|output| output.into_tvalue()).collect())
    }

    fn reset_lanes(&mut self, _: &[LaneId]) -> TractResult<()> {
        // Nothing is carried from frame to frame.
        Ok(())
    }
}
