//! A region laid out for this processor, once, when a generator is loaded: every buffer, every offset, every weight in its
//! place. [`run`] then does nothing but arithmetic.
//!
//! The walk of a convolution: source map → kernels (exact sums) → rounded to bytes, with each channel's statistics gathered
//! on the way → norm, condition, sum and activation in one pass → next map, with the border that its readers want.

mod convolution;
mod edges;
mod finishing;
mod layout;
mod memory;
mod run;
mod threads;

pub use memory::Memory;

use super::kernels::Isa;
use super::layer::{Border, Convolution, End, Kind, Layer, Map, Scale};
use convolution::Part;
use finishing::Finishing;
use layout::Layout;
use std::collections::HashMap;

/// A region that can be run, on as many threads as it was made for.
#[derive(Debug)]
pub struct Plan {
    isa: Isa,
    threads: usize,
    /// Shapes of the tensors of numbers that go out.
    outputs: Vec<[usize; 4]>,
    layouts: Vec<Layout>,
    actions: Vec<Action>,
}

#[derive(Debug)]
enum Action {
    Enter {
        input: usize,
        to: usize,
    },
    /// The same map with another border.
    Copy {
        from: usize,
        to: usize,
    },
    Convolve(Box<Convolve>),
    Halve {
        from: usize,
        to: usize,
    },
    Leave {
        from: usize,
        output: usize,
    },
}

#[derive(Debug)]
struct Convolve {
    source: usize,
    parts: Vec<Part>,
    rows: usize,
    columns: usize,
    channels: usize,
    ending: Ending,
}

#[derive(Debug)]
enum Ending {
    /// `scales`: what a unit of the kernel's sums is worth, for each channel.
    Numbers { output: usize, scales: Vec<f32> },
    /// `scales`: the same in steps of `middle`.
    Bytes { scales: Vec<f32>, middle: Scale, finishing: Finishing, to: usize },
}

/// Why a region is left to tract.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error("a convolution's kernel is larger than its source of {0:?} rows and columns")]
    TooSmall([usize; 2]),
    #[error("a map without pixels")]
    Empty,
    #[error("a transposed convolution whose stride is larger than its kernel")]
    Holes,
    #[error("`{tensor}` is {found:?}, expected {expected}")]
    Shape { tensor: String, found: Vec<usize>, expected: String },
    #[error("a border of {margin:?} pixels reflects a map of {sides:?}")]
    Reflection { margin: [usize; 4], sides: [usize; 2] },
    #[error("nothing makes the tensor `{0}`")]
    Missing(String),
}

/// Names and shapes of a region's tensors of numbers, in their order.
pub struct Interface<'a> {
    pub inputs: &'a [(String, Vec<usize>)],
    pub outputs: &'a [String],
}

impl Plan {
    pub fn new(layers: &[Layer], interface: &Interface<'_>, isa: Isa, threads: usize) -> Result<Self, PlanError> {
        let planner = Planner::new(layers, interface)?;
        let (layouts, places) = planner.layouts(layers)?;
        let mut plan =
            Self { isa, threads: threads.max(1), outputs: planner.outputs.clone(), layouts, actions: Vec::new() };
        for layer in layers {
            plan.add(layer, &planner, &places)?;
        }
        Ok(plan)
    }

    /// Shapes of what would go out, without laying anything out.
    pub fn shapes(layers: &[Layer], interface: &Interface<'_>) -> Result<Vec<[usize; 4]>, PlanError> {
        Ok(Planner::new(layers, interface)?.outputs)
    }

    /// Shapes of what goes out, `[1, C, H, W]`.
    pub fn outputs(&self) -> &[[usize; 4]] {
        &self.outputs
    }

    fn add(&mut self, layer: &Layer, planner: &Planner<'_>, places: &Places) -> Result<(), PlanError> {
        match &layer.kind {
            Kind::Enter { from, to } => {
                self.actions.push(Action::Enter { input: planner.input(from)?.0, to: places.any(to) });
            }
            Kind::Halve { source, to } => {
                self.actions.push(Action::Halve { from: places.any(source), to: places.any(to) });
            }
            Kind::Leave { map, to } => {
                let (from, output) = (places.any(map), planner.output(to)?);
                self.actions.push(Action::Leave { from, output });
            }
            Kind::Convolve(convolution) => {
                let convolve = self.convolve(convolution, planner, places)?;
                self.actions.push(Action::Convolve(Box::new(convolve)));
            }
        }
        if let Some(map) = layer.target() {
            let all = &places.0[&map.name];
            self.actions.extend(all[1..].iter().map(|&(_, to)| Action::Copy { from: all[0].1, to }));
        }
        Ok(())
    }

    fn convolve(
        &self,
        convolution: &Convolution,
        planner: &Planner<'_>,
        places: &Places,
    ) -> Result<Convolve, PlanError> {
        let Convolution { source, filter, geometry, end } = convolution;
        let source = places.with(source, geometry.border);
        let layout = &self.layouts[source];
        let size = [layout.rows, layout.columns];
        let [rows, columns] = convolution::output(filter, geometry, size).ok_or(PlanError::TooSmall(size))?;
        let unit = filter.scales.iter().map(|scale| scale * layout.scale.scale);
        let ending = match end {
            End::Numbers { to } => Ending::Numbers { output: planner.output(to)?, scales: unit.collect() },
            End::Bytes { middle, finish, to } => Ending::Bytes {
                scales: unit.map(|unit| unit / middle.scale).collect(),
                middle: *middle,
                finishing: Finishing::new(finish, [filter.channels, rows, columns], to.scale, planner, places)?,
                to: places.any(to),
            },
        };
        let joins = matches!(ending, Ending::Numbers { .. });
        let parts = convolution::parts(filter, geometry, layout, self.isa, joins)?;
        Ok(Convolve { source, parts, rows, columns, channels: filter.channels, ending })
    }
}

/// Where each map lies: a buffer for each kind of border that its readers want.
struct Places(HashMap<String, Vec<(Border, usize)>>);

impl Places {
    /// The buffer that is written first.
    fn any(&self, map: &Map) -> usize {
        self.0[&map.name][0].1
    }

    fn with(&self, map: &Map, border: Border) -> usize {
        let all = &self.0[&map.name];
        all.iter().find(|(own, _)| *own == border).unwrap_or(&all[0]).1
    }
}

struct Planner<'a> {
    interface: &'a Interface<'a>,
    /// Channels, rows and columns of each map.
    sides: HashMap<String, [usize; 3]>,
    /// How far beyond a map's edges its readers look.
    margins: HashMap<(String, Border), [usize; 4]>,
    outputs: Vec<[usize; 4]>,
}

impl<'a> Planner<'a> {
    fn new(layers: &[Layer], interface: &'a Interface<'a>) -> Result<Self, PlanError> {
        let outputs = vec![[0; 4]; interface.outputs.len()];
        let mut planner = Self { interface, sides: HashMap::new(), margins: HashMap::new(), outputs };
        for layer in layers {
            planner.measure(layer)?;
        }
        Ok(planner)
    }

    fn measure(&mut self, layer: &Layer) -> Result<(), PlanError> {
        let sides = match &layer.kind {
            Kind::Enter { from, .. } => {
                let (_, shape) = self.input(from)?;
                let &[1, channels, rows, columns] = shape else {
                    return Err(shape_error(from, shape, "[1, C, H, W]"));
                };
                [channels, rows, columns]
            }
            Kind::Halve { source, .. } => {
                let [channels, rows, columns] = self.sides(source)?;
                [channels, rows / 2, columns / 2]
            }
            Kind::Leave { map, .. } => self.sides(map)?,
            Kind::Convolve(convolution) => {
                let Convolution { source, filter, geometry, .. } = convolution.as_ref();
                let [channels, rows, columns] = self.sides(source)?;
                if channels != filter.depth {
                    let expected = format!("{} channels", filter.depth);
                    return Err(shape_error(&source.name, &[channels, rows, columns], &expected));
                }
                let margin = convolution::margin(filter, geometry, [rows, columns])?;
                if margin != [0; 4] {
                    let reflects = [0, 1].iter().all(|&i| margin[i].max(margin[i + 2]) < [rows, columns][i]);
                    if geometry.border == Border::Reflect && !reflects {
                        return Err(PlanError::Reflection { margin, sides: [rows, columns] });
                    }
                    let own = self.margins.entry((source.name.clone(), geometry.border)).or_default();
                    own.iter_mut().zip(margin).for_each(|(own, wanted)| *own = (*own).max(wanted));
                }
                let size = [rows, columns];
                let [rows, columns] = convolution::output(filter, geometry, size).ok_or(PlanError::TooSmall(size))?;
                [filter.channels, rows, columns]
            }
        };
        if sides.contains(&0) {
            return Err(PlanError::Empty);
        }
        if let Some(map) = layer.target() {
            self.sides.insert(map.name.clone(), sides);
        }
        if let Some(tensor) = layer.output() {
            let output = self.output(tensor)?;
            self.outputs[output] = [1, sides[0], sides[1], sides[2]];
        }
        Ok(())
    }

    fn layouts(&self, layers: &[Layer]) -> Result<(Vec<Layout>, Places), PlanError> {
        let (mut layouts, mut places) = (Vec::new(), HashMap::new());
        for map in layers.iter().filter_map(Layer::target) {
            let [channels, rows, columns] = self.sides(map)?;
            let mut own = Vec::new();
            for border in [Border::Zero, Border::Reflect] {
                if let Some(margin) = self.margins.get(&(map.name.clone(), border)) {
                    let mut layout = Layout::new(rows, columns, channels, map.scale);
                    layout.border = border;
                    layout.margin = *margin;
                    own.push((border, layouts.len()));
                    layouts.push(layout);
                }
            }
            if own.is_empty() {
                own.push((Border::Zero, layouts.len()));
                layouts.push(Layout::new(rows, columns, channels, map.scale));
            }
            places.insert(map.name.clone(), own);
        }
        Ok((layouts, Places(places)))
    }

    fn sides(&self, map: &Map) -> Result<[usize; 3], PlanError> {
        self.sides.get(&map.name).copied().ok_or_else(|| PlanError::Missing(map.name.clone()))
    }

    /// Place and shape of a tensor that comes in.
    fn input(&self, tensor: &str) -> Result<(usize, &[usize]), PlanError> {
        let named = self.interface.inputs.iter().enumerate().find(|(_, (name, _))| name == tensor);
        named.map(|(i, (_, shape))| (i, shape.as_slice())).ok_or_else(|| PlanError::Missing(tensor.into()))
    }

    fn output(&self, tensor: &str) -> Result<usize, PlanError> {
        let place = self.interface.outputs.iter().position(|name| name == tensor);
        place.ok_or_else(|| PlanError::Missing(tensor.into()))
    }
}

fn shape_error(tensor: &str, found: &[usize], expected: &str) -> PlanError {
    PlanError::Shape { tensor: tensor.into(), found: found.into(), expected: expected.into() }
}
