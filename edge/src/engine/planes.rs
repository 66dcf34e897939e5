//! Float convolutions that make a few planes of each, such as the enlargement at the end of an edit, as an operator of ours: tract
//! copies patches and multiplies matrices for them, which takes longer than the sums where a filter has one channel.

use super::graph::{Graph, attribute, input, sizes};
use super::kernels::{Isa, filter};
use std::ops::RangeInclusive;
use std::sync::Arc;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto};
use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_hir::internal::*;

/// The operator of such a node.
pub const OPERATOR: &str = "Planes";
const WEIGHTS: &str = "weights";
const SHAPE: &str = "shape";
const BIAS: &str = "bias";
/// One filter is what tract does well, and for many a matrix product is worth its overhead.
const COUNTS: RangeInclusive<usize> = 2..=8;

/// Replaces convolutions `[N, 1, H, W]` → `[N, M, H', W']` without steps or borders, whose weights are floats.
pub fn fuse(mut graph: GraphProto) -> GraphProto {
    let index = Graph::new(&graph);
    let filters: Vec<_> = graph.node.iter().map(|node| Filters::read(&index, node)).collect();
    for (node, filters) in graph.node.iter_mut().zip(filters) {
        if let Some(filters) = filters {
            node.op_type = OPERATOR.into();
            node.input.truncate(1);
            node.attribute = filters.attributes();
        }
    }
    graph
}

/// `M` filters of one channel.
#[derive(Clone, Debug)]
struct Filters {
    /// `[filter][row][column]`
    weights: Vec<f32>,
    taps: [usize; 2],
    bias: Vec<f32>,
}

impl Filters {
    fn read(graph: &Graph<'_>, node: &NodeProto) -> Option<Self> {
        let all = |name: &str, wanted: usize| {
            attribute(node, name).is_none()
                || sizes(node, name).is_some_and(|sizes| sizes.iter().all(|&it| it == wanted))
        };
        let group = attribute(node, "group").map_or(1, |group| group.i);
        let padded = attribute(node, "auto_pad").is_some_and(|pad| pad.s != b"NOTSET" && pad.s != b"VALID");
        if node.op_type != "Conv" || group != 1 || padded {
            return None;
        }
        if !(all("strides", 1) && all("dilations", 1) && all("pads", 0)) {
            return None;
        }
        let (shape, weights) = graph.constant::<f32>(input(node, 1)?)?;
        let &[count, 1, rows, columns] = shape.as_slice() else { return None };
        let bias = match input(node, 2) {
            Some(bias) => graph.constant::<f32>(bias)?.1,
            None => vec![0.0; count],
        };
        Some(Self { weights, taps: [rows, columns], bias })
            .filter(|filters| COUNTS.contains(&count) && rows * columns > 1 && filters.bias.len() == count)
    }

    fn attributes(self) -> Vec<AttributeProto> {
        let floats = |name: &str, floats: Vec<f32>| AttributeProto {
            name: name.into(),
            r#type: AttributeType::Floats as i32,
            floats,
            ..Default::default()
        };
        let shape = AttributeProto {
            name: SHAPE.into(),
            r#type: AttributeType::Ints as i32,
            ints: self.taps.map(|side| side as i64).to_vec(),
            ..Default::default()
        };
        vec![floats(WEIGHTS, self.weights), floats(BIAS, self.bias), shape]
    }

    /// Rows and columns at which a filter lies within a plane.
    fn sides(&self, rows: usize, columns: usize) -> TractResult<[usize; 2]> {
        let [high, wide] = self.taps;
        ensure!(rows >= high && columns >= wide, "a filter of {high}×{wide} on a plane of {rows}×{columns}");
        Ok([rows + 1 - high, columns + 1 - wide])
    }
}

/// Builds the operator out of its node, as tract asks while it reads a graph.
pub fn build(_: &ParsingContext<'_>, node: &NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let floats = |name| attribute(node, name).map(|attribute| attribute.floats.clone());
    let (weights, bias, taps) = (floats(WEIGHTS), floats(BIAS), sizes(node, SHAPE));
    let (Some(weights), Some(bias), Some(&[rows, columns])) = (weights, bias, taps.as_deref()) else {
        bail!("`{}` has no filters", node.name)
    };
    Ok((expand(Planes { filters: Arc::new(Filters { weights, taps: [rows, columns], bias }) }), vec![]))
}

/// The filters as tract sees them.
#[derive(Clone, Debug)]
struct Planes {
    filters: Arc<Filters>,
}

impl PartialEq for Planes {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.filters, &other.filters)
    }
}

impl Eq for Planes {}

impl Expansion for Planes {
    fn name(&self) -> StaticName {
        OPERATOR.into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        for proxy in [&inputs[0], &outputs[0]] {
            solver.equals(&proxy.datum_type, f32::datum_type())?;
            solver.equals(&proxy.rank, 4)?;
        }
        solver.equals(&inputs[0].shape[1], 1.to_dim())?;
        solver.equals(&outputs[0].shape[0], &inputs[0].shape[0])?;
        solver.equals(&outputs[0].shape[1], self.filters.bias.len().to_dim())?;
        for axis in [2, 3] {
            let less = self.filters.taps[axis - 2] - 1;
            solver.given(&inputs[0].shape[axis], move |solver, side| {
                solver.equals(&outputs[0].shape[axis], side - less.to_dim())
            })?;
        }
        Ok(())
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, self.clone(), inputs)
    }
}

impl Op for Planes {
    fn name(&self) -> StaticName {
        OPERATOR.into()
    }

    op_as_typed_op!();
}

impl EvalOp for Planes {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let source = args_1!(inputs);
        let &[count, 1, rows, columns] = source.shape() else { bail!("planes of shape {:?}", source.shape()) };
        let Filters { weights, taps, bias } = self.filters.as_ref();
        let sides = self.filters.sides(rows, columns)?;
        let mut out = Tensor::zero::<f32>(&[count, bias.len(), sides[0], sides[1]])?;
        {
            let (plain, mut own) = (source.try_as_plain_ram()?, out.try_as_plain_ram_mut()?);
            let (planes, own) = (plain.as_slice::<f32>()?.chunks_exact(rows * columns), own.as_slice_mut::<f32>()?);
            let isa = Isa::best();
            for (plane, own) in planes.zip(own.chunks_exact_mut(bias.len() * sides[0] * sides[1])) {
                let filters = weights.chunks_exact(taps[0] * taps[1]).zip(bias);
                for ((weights, bias), own) in filters.zip(own.chunks_exact_mut(sides[0] * sides[1])) {
                    filter(isa, plane, columns, weights, *taps, *bias, own);
                }
            }
        }
        Ok(tvec![out.into_tvalue()])
    }
}

impl TypedOp for Planes {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let less = |axis: usize| inputs[0].shape[axis].clone() - (self.filters.taps[axis - 2] as i64 - 1);
        Ok(tvec![f32::fact([inputs[0].shape[0].clone(), self.filters.bias.len().to_dim(), less(2), less(3)])])
    }

    as_op!();
}
