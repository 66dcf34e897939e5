//! The generator at work. A bundle comes in once and is checked; then an aligned crop and an age come in, and what has to
//! be added to the face goes out. Next: [`crate::compose`].

use crate::bundle::Bundle;
use crate::engine::{self, Options};
use shared::Condition;
use shared::decade;
use shared::manifest::{Kind, Manifest};
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tract_onnx::data_resolver::MmapDataResolver;
use tract_onnx::pb::{GraphProto, ModelProto};
use tract_onnx::prelude::*;
use tract_onnx::tensor::load_tensor;

/// A generator that is ready to run.
pub struct Ager {
    state: TypedSimpleState,
    kind: Kind,
    size: usize,
    features: Vec<String>,
    face: Arc<Tensor>,
    age: Arc<Tensor>,
}

/// What to do to a face, as [`Kind::Edit`] defines it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edit {
    /// `[3, S, S]`, planar RGB to be added, in units of the crop's values (2 is the whole range).
    pub change: Vec<f32>,
    /// `[S, S]`: how much more of the finest detail.
    pub detail: Vec<f32>,
    /// `[S, S]`: brightness without the finest detail, in −1..1.
    pub smooth: Vec<f32>,
    /// `[2, S/8, S/8]`: x and y of the displacement, in crop sides.
    pub flow: Vec<f32>,
}

/// One middle layer's output.
#[derive(Clone, Debug, PartialEq)]
pub struct Feature {
    pub name: String,
    /// `[C, H, W]`
    pub shape: [usize; 3],
    pub values: Vec<f32>,
}

/// Why a generator is refused or a face not aged.
#[derive(Debug, thiserror::Error)]
pub enum AgerError {
    #[error("the generator cannot be loaded ({0}); export the bundle again")]
    Load(String),
    #[error("the generator's {side} are {found}, expected {expected}; export the bundle again")]
    Contract { side: &'static str, found: String, expected: String },
    #[error("the generator holds a number that is not finite in `{node}`; train or export it again")]
    Constant { node: String },
    #[error("the crop holds {found} values, expected {expected}")]
    Crop { found: usize, expected: usize },
    #[error("the crop holds a value that is not finite")]
    NotFinite,
    #[error("the generator failed ({0})")]
    Run(String),
    #[error("the generator drew a value that is not finite; train or export it again")]
    Output,
}

impl Ager {
    /// A generator that gives edits only: whatever serves features alone is cut out of the graph.
    pub fn new(bundle: &Bundle) -> Result<Self, AgerError> {
        Self::with(bundle, false, Options::default())
    }

    /// A generator that gives the middle layers' features too.
    pub fn with_features(bundle: &Bundle) -> Result<Self, AgerError> {
        Self::with(bundle, true, Options::default())
    }

    /// A generator with or without features, computed as the options say.
    pub fn with(bundle: &Bundle, features: bool, options: Options) -> Result<Self, AgerError> {
        // The loader panics on some graphs that no exporter writes; such a graph is refused like any other.
        catch_unwind(AssertUnwindSafe(|| Self::load(bundle, features, options)))
            .unwrap_or_else(|_| Err(AgerError::Load("the graph is malformed".into())))
    }

    /// Loads the generator and ages a grey face once.
    fn load(bundle: &Bundle, features: bool, options: Options) -> Result<Self, AgerError> {
        let manifest = &bundle.manifest;
        let named = manifest.features.iter().filter(|_| features);
        let features = named.map(|name| name.as_str().to_owned()).collect::<Vec<_>>();
        let size = manifest.size as usize;
        let state = plan(bundle, &features, options)?;
        let zeros = |shape: &[usize]| Tensor::zero::<f32>(shape).map(Arc::new).map_err(run_error);
        let face = zeros(&[1, 3, size, size])?;
        let age = zeros(&[1, decade::COUNT])?;
        let mut ager = Self { state, kind: manifest.kind, size, features, face, age };
        ager.look_inside(&vec![0.0; 3 * size * size], &Condition::one_hot(shared::Decade::Sixties))?;
        Ok(ager)
    }

    /// Side S of the crop in pixels.
    pub const fn size(&self) -> usize {
        self.size
    }

    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Ages a crop, `[3, S, S]` planar in −1..1.
    pub fn age(&mut self, crop: &[f32], condition: &Condition) -> Result<Edit, AgerError> {
        Ok(self.look_inside(crop, condition)?.0)
    }

    /// Ages a crop and gives the features that [`Self::with_features`] asked for, in the manifest's order.
    pub fn look_inside(&mut self, crop: &[f32], condition: &Condition) -> Result<(Edit, Vec<Feature>), AgerError> {
        let expected = 3 * self.size * self.size;
        if crop.len() != expected {
            return Err(AgerError::Crop { found: crop.len(), expected });
        }
        // A NaN would come out as a plausible face.
        if !crop.iter().all(|value| value.is_finite()) {
            return Err(AgerError::NotFinite);
        }
        fill(&mut self.face, crop)?;
        fill(&mut self.age, condition.weights())?;
        let inputs = tvec![TValue::from_const(self.face.clone()), TValue::from_const(self.age.clone())];
        let outputs = self.state.run(inputs).map_err(run_error)?;
        let edit = match self.kind {
            Kind::Rgb => {
                let aged = values(&outputs[0])?.iter();
                Edit { change: aged.zip(crop).map(|(aged, face)| aged - face).collect(), ..Edit::none(self.size) }
            }
            Kind::Edit => Edit {
                change: values(&outputs[0])?.to_vec(),
                detail: values(&outputs[1])?.to_vec(),
                smooth: values(&outputs[2])?.to_vec(),
                flow: values(&outputs[3])?.to_vec(),
            },
        };
        if !edit.is_finite() {
            return Err(AgerError::Output);
        }
        let skipped = contract(self.kind, self.size).len();
        let features = self.features.iter().zip(&outputs[skipped..]);
        let features = features.map(|(name, value)| feature(name, value)).collect::<Result<_, _>>()?;
        Ok((edit, features))
    }
}

impl Edit {
    /// The edit of side `size` that changes nothing.
    pub fn none(size: usize) -> Self {
        let (plane, cells) = (size * size, size / FLOW_CELL);
        Self {
            change: vec![0.0; 3 * plane],
            detail: vec![0.0; plane],
            smooth: vec![0.0; plane],
            flow: vec![0.0; 2 * cells * cells],
        }
    }

    /// Leaves a share (0..1) of what the edit does. The smooth brightness is a reference, not a change: it stays.
    pub fn fade(&mut self, share: f32) {
        for values in [&mut self.change, &mut self.detail, &mut self.flow] {
            values.iter_mut().for_each(|value| *value *= share);
        }
    }

    fn is_finite(&self) -> bool {
        let planes = [&self.change, &self.detail, &self.smooth, &self.flow];
        planes.into_iter().flatten().all(|value| value.is_finite())
    }
}

/// Pixels of the crop a cell of the flow, in each direction.
const FLOW_CELL: usize = 8;

/// Names and shapes of the outputs that come before the features.
fn contract(kind: Kind, size: usize) -> Vec<(&'static str, [usize; 4])> {
    match kind {
        Kind::Rgb => vec![("aged", [1, 3, size, size])],
        Kind::Edit => vec![
            ("change", [1, 3, size, size]),
            ("detail", [1, 1, size, size]),
            ("smooth", [1, 1, size, size]),
            ("flow", [1, 2, size / FLOW_CELL, size / FLOW_CELL]),
        ],
    }
}

fn plan(bundle: &Bundle, features: &[String], options: Options) -> Result<TypedSimpleState, AgerError> {
    let Manifest { kind, size, .. } = bundle.manifest;
    let size = size as usize;
    if kind == Kind::Edit && !size.is_multiple_of(FLOW_CELL) {
        let expected = format!("a multiple of {FLOW_CELL} pixels, for an edit");
        return Err(AgerError::Contract { side: "crop sides", found: format!("{size} pixels"), expected });
    }
    let proto = tract_onnx::onnx().proto_model_for_read(&mut Cursor::new(&bundle.generator)).map_err(load_error)?;
    let graph = proto.graph.as_ref().ok_or_else(|| AgerError::Load("the file holds no graph".into()))?;
    let own = contract(kind, size);
    check_graph(graph, &own, &bundle.manifest)?;

    let wanted: Vec<&str> =
        own.iter().map(|(name, _)| *name).chain(features.iter().map(|name| name.as_str())).collect();
    let model = match fused(&proto, &wanted, size, options) {
        // Whatever the engine cannot do, tract can.
        Err(AgerError::Load(error)) => {
            tracing::warn!("the generator runs without the engine of its own, and slowly: {error}");
            plain(&proto, &wanted, size)?
        }
        fused => fused?,
    };
    for (i, (name, shape)) in own.iter().enumerate() {
        check_fact("outputs", name, model.output_fact(i).cloned(), shape)?;
    }
    model.into_runnable().and_then(|plan| plan.spawn()).map_err(load_error)
}

/// Names of what goes in and out, and that every constant is a number.
fn check_graph(graph: &GraphProto, own: &[(&str, [usize; 4])], manifest: &Manifest) -> Result<(), AgerError> {
    let constants = graph.initializer.iter();
    for constant in constants.clone() {
        let finite =
            load_tensor(&MmapDataResolver, constant, None).map(|tensor| is_finite(&tensor)).map_err(load_error)?;
        if !finite {
            return Err(AgerError::Constant { node: constant.name.clone() });
        }
    }
    let inputs = graph.input.iter().map(|value| value.name.clone());
    let inputs = inputs.filter(|name| constants.clone().all(|constant| constant.name != *name)).collect::<Vec<_>>();
    expect("inputs", &inputs, &["face", "age"])?;
    let outputs = graph.output.iter().map(|value| value.name.clone()).collect::<Vec<_>>();
    let all = own.iter().map(|(name, _)| *name).chain(manifest.features.iter().map(|name| name.as_str()));
    expect("outputs", &outputs, &all.collect::<Vec<_>>())
}

fn fused(proto: &ModelProto, outputs: &[&str], size: usize, options: Options) -> Result<TypedModel, AgerError> {
    let model = engine::model(proto.clone(), outputs, options).map_err(load_error)?;
    optimized(model, size)
}

fn plain(proto: &ModelProto, outputs: &[&str], size: usize) -> Result<TypedModel, AgerError> {
    let mut model = tract_onnx::onnx().model_for_proto_model(proto).map_err(load_error)?;
    model.select_outputs_by_name(outputs).map_err(load_error)?;
    optimized(model, size)
}

fn optimized(model: InferenceModel, size: usize) -> Result<TypedModel, AgerError> {
    let faces = [1, 3, size, size];
    check_fact("inputs", "face", model.input_fact(0).and_then(TypedFact::try_from), &faces)?;
    check_fact("inputs", "age", model.input_fact(1).and_then(TypedFact::try_from), &[1, decade::COUNT])?;
    model.into_optimized().map_err(load_error)
}

fn load_error(error: TractError) -> AgerError {
    AgerError::Load(format!("{error:#}"))
}

fn expect(side: &'static str, found: &[String], expected: &[&str]) -> Result<(), AgerError> {
    if found == expected {
        return Ok(());
    }
    Err(AgerError::Contract { side, found: found.join(", "), expected: expected.join(", ") })
}

fn check_fact(side: &'static str, name: &str, fact: TractResult<TypedFact>, shape: &[usize]) -> Result<(), AgerError> {
    let fits = |fact: &TypedFact| fact.datum_type == f32::datum_type() && fact.shape.as_concrete() == Some(shape);
    if fact.as_ref().is_ok_and(fits) {
        return Ok(());
    }
    let found = fact.map_or_else(|error| format!("{error:#}"), |fact| format!("{fact:?}"));
    Err(AgerError::Contract { side, found: format!("`{name}` {found}"), expected: format!("`{name}` {shape:?} f32") })
}

fn is_finite(tensor: &Tensor) -> bool {
    let float = tensor.datum_type().is_float();
    !float || tensor.cast_to::<f32>().is_ok_and(|tensor| values(&tensor).is_ok_and(|v| v.iter().all(|x| x.is_finite())))
}

fn fill(tensor: &mut Arc<Tensor>, values: &[f32]) -> Result<(), AgerError> {
    let mut plain = Arc::make_mut(tensor).try_as_plain_ram_mut().map_err(run_error)?;
    plain.as_slice_mut().map_err(run_error)?.copy_from_slice(values);
    Ok(())
}

fn values(tensor: &Tensor) -> Result<&[f32], AgerError> {
    tensor.try_as_plain_ram().and_then(|plain| plain.as_slice::<f32>()).map_err(run_error)
}

fn feature(name: &str, value: &Tensor) -> Result<Feature, AgerError> {
    match *value.shape() {
        [1, channels, height, width] => {
            Ok(Feature { name: name.into(), shape: [channels, height, width], values: values(value)?.to_vec() })
        }
        ref other => Err(AgerError::Contract {
            side: "outputs",
            found: format!("`{name}` {other:?}"),
            expected: format!("`{name}` [1, C, H, W]"),
        }),
    }
}

fn run_error(error: TractError) -> AgerError {
    AgerError::Run(format!("{error:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, SIDE};
    use shared::Decade;

    fn crop() -> Vec<f32> {
        (0..3 * SIDE * SIDE).map(|i| (i % 17) as f32 / 8.5 - 1.0).collect()
    }

    #[test]
    fn a_faded_edit_does_less_of_everything_and_keeps_its_reference() {
        let mut edit = testing::edit(SIDE, 0.4, -0.2);
        edit.smooth.fill(0.3);
        edit.flow.fill(0.01);
        edit.fade(0.5);
        assert_eq!((edit.change[7], edit.detail[7], edit.smooth[7], edit.flow[3]), (0.2, -0.1, 0.3, 0.005));
        edit.fade(0.0);
        assert_eq!(edit, Edit { smooth: edit.smooth.clone(), ..testing::edit(SIDE, 0.0, -0.0) });
    }

    #[test]
    fn both_kinds_of_generator_give_the_known_edit() {
        for kind in [Kind::Rgb, Kind::Edit] {
            let mut ager = Ager::new(&testing::bundle(kind)).unwrap();
            for decade in Decade::ALL {
                let condition = Condition::one_hot(decade);
                let found = ager.age(&crop(), &condition).unwrap();
                let expected = testing::expected(kind, &crop(), &condition);
                let planes = [
                    (found.change, expected.change),
                    (found.detail, expected.detail),
                    (found.smooth, expected.smooth),
                    (found.flow, expected.flow),
                ];
                for (found, expected) in planes {
                    assert_eq!(found.len(), expected.len());
                    for (found, expected) in found.iter().zip(&expected) {
                        assert!((found - expected).abs() < 1e-5, "{kind:?} {decade}");
                    }
                }
            }
        }
    }

    #[test]
    fn features_are_given_to_who_asks() {
        let bundle = testing::bundle(Kind::Edit);
        let sixties = Condition::one_hot(Decade::Sixties);
        let (edit, features) = Ager::with_features(&bundle).unwrap().look_inside(&crop(), &sixties).unwrap();
        assert_eq!(edit, Ager::new(&bundle).unwrap().age(&crop(), &sixties).unwrap());
        assert_eq!(features, [Feature { name: "shift".into(), shape: [3, 1, 1], values: vec![0.15; 3] }]);
        assert!(Ager::new(&bundle).unwrap().look_inside(&crop(), &sixties).unwrap().1.is_empty());
    }

    #[test]
    fn a_crop_of_another_size_or_without_numbers_is_refused() {
        let mut ager = Ager::new(&testing::bundle(Kind::Edit)).unwrap();
        let condition = Condition::one_hot(Decade::Tens);
        assert!(matches!(ager.age(&[0.0; 7], &condition), Err(AgerError::Crop { found: 7, .. })));
        for value in [f32::NAN, f32::INFINITY] {
            let mut crop = crop();
            crop[100] = value;
            assert!(matches!(ager.age(&crop, &condition), Err(AgerError::NotFinite)));
        }
        ager.age(&crop(), &condition).unwrap();
    }

    #[test]
    fn a_generator_that_does_not_keep_the_contract_is_refused() {
        let refused = |change: fn(&mut Bundle)| {
            let mut bundle = testing::bundle(Kind::Edit);
            change(&mut bundle);
            Ager::new(&bundle).err().unwrap()
        };
        assert!(matches!(refused(|b| b.manifest.kind = Kind::Rgb), AgerError::Contract { side: "outputs", .. }));
        assert!(matches!(refused(|b| b.manifest.features.clear()), AgerError::Contract { side: "outputs", .. }));
        assert!(matches!(refused(|b| b.manifest.size = 64), AgerError::Contract { side: "inputs", .. }));
        assert!(matches!(refused(|b| b.manifest.size = 36), AgerError::Contract { side: "crop sides", .. }));
        assert!(matches!(refused(|b| b.generator = b"no graph".as_slice().into()), AgerError::Load(_)));
        assert!(matches!(
            refused(|b| b.generator = b"".as_slice().into()),
            AgerError::Load(_) | AgerError::Contract { .. }
        ));
        assert!(matches!(Ager::new(&testing::broken_bundle()), Err(AgerError::Constant { .. })));
    }
}
