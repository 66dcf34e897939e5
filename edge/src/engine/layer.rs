//! What the engine computes: layers between maps of bytes. [`super::pattern`] finds them in a graph, [`super::plan`] lays
//! out their memory and runs them.

/// How a byte stands for a number: `scale · (byte − zero)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// Positive and finite.
    pub scale: f32,
    pub zero: u8,
}

/// A quantized tensor, `[1, C, H, W]` in the graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// The tensor's name in the graph.
    pub name: String,
    pub scale: Scale,
}

/// One layer and the graph's nodes that it stands for.
#[derive(Clone, Debug)]
pub struct Layer {
    pub nodes: Vec<usize>,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub enum Kind {
    /// Numbers of the graph become bytes: `QuantizeLinear`.
    Enter {
        from: String,
        to: Map,
    },
    Convolve(Box<Convolution>),
    /// The mean of 2×2 places: `AveragePool` between bytes.
    Halve {
        source: Map,
        to: Map,
    },
    /// Bytes become numbers of the graph: `DequantizeLinear`.
    Leave {
        map: Map,
        to: String,
    },
}

/// A convolution and all that is done to its result before the next one: in this order.
#[derive(Clone, Debug)]
pub struct Convolution {
    pub source: Map,
    pub filter: Filter,
    pub geometry: Geometry,
    pub end: End,
}

/// A convolution's weights.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Output channels.
    pub channels: usize,
    /// Input channels.
    pub depth: usize,
    /// Rows and columns.
    pub kernel: [usize; 2],
    /// `[channels][rows][columns][depth]`, −127 to 127.
    pub weights: Vec<i8>,
    /// A step of each output channel's weights.
    pub scales: Vec<f32>,
    /// In steps of (a weight's step times a step of the source).
    pub bias: Vec<i32>,
}

/// Where a convolution looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    pub stride: usize,
    /// Rows above and columns to the left of the source.
    pub before: [usize; 2],
    /// Rows below and columns to the right.
    pub after: [usize; 2],
    pub border: Border,
    /// A transposed convolution, and the rows and columns that it adds (`output_padding`).
    pub transposed: Option<[usize; 2]>,
}

/// What lies around a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Border {
    Zero,
    Reflect,
}

/// What becomes of a convolution's result.
#[derive(Clone, Debug)]
pub enum End {
    /// Numbers, as they are.
    Numbers { to: String },
    /// Rounded to bytes, changed, and rounded to bytes again.
    Bytes { middle: Scale, finish: Finish, to: Map },
}

/// From a convolution's bytes to the next map: norm, condition, sum, activation.
#[derive(Clone, Debug, Default)]
pub struct Finish {
    pub norm: Option<Norm>,
    /// In the graph's order.
    pub steps: Vec<Step>,
    pub activation: Activation,
}

/// `InstanceNormalization`.
#[derive(Clone, Debug)]
pub struct Norm {
    pub scale: Vec<f32>,
    pub shift: Vec<f32>,
    pub epsilon: f32,
}

#[derive(Clone, Debug)]
pub enum Step {
    /// Times a number a channel.
    Scale(Operand),
    /// Plus a number a channel, or a number a place and channel.
    Shift(Operand),
    /// Plus another map.
    Join(Map),
}

/// What a step takes from the graph.
#[derive(Clone, Debug)]
pub enum Operand {
    Constant {
        shape: Vec<usize>,
        values: Vec<f32>,
    },
    /// The name of a tensor of numbers.
    Tensor(String),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    #[default]
    None,
    Relu,
    Silu,
}

impl Layer {
    /// The maps that must be there first.
    pub fn sources(&self) -> Vec<&Map> {
        match &self.kind {
            Kind::Enter { .. } => vec![],
            Kind::Halve { source, .. } | Kind::Leave { map: source, .. } => vec![source],
            Kind::Convolve(convolution) => {
                let mut sources = vec![&convolution.source];
                if let End::Bytes { finish, .. } = &convolution.end {
                    sources.extend(finish.steps.iter().filter_map(|step| match step {
                        Step::Join(map) => Some(map),
                        Step::Scale(_) | Step::Shift(_) => None,
                    }));
                }
                sources
            }
        }
    }

    /// The map that it makes.
    pub fn target(&self) -> Option<&Map> {
        match &self.kind {
            Kind::Enter { to, .. } | Kind::Halve { to, .. } => Some(to),
            Kind::Convolve(convolution) => match &convolution.end {
                End::Bytes { to, .. } => Some(to),
                End::Numbers { .. } => None,
            },
            Kind::Leave { .. } => None,
        }
    }

    /// The graph's tensors of numbers that it reads.
    pub fn inputs(&self) -> Vec<&str> {
        match &self.kind {
            Kind::Enter { from, .. } => vec![from],
            Kind::Convolve(convolution) => match &convolution.end {
                End::Bytes { finish, .. } => finish.steps.iter().filter_map(Step::input).collect(),
                End::Numbers { .. } => vec![],
            },
            Kind::Halve { .. } | Kind::Leave { .. } => vec![],
        }
    }

    /// The tensor of numbers that it gives to the graph.
    pub fn output(&self) -> Option<&str> {
        match &self.kind {
            Kind::Leave { to, .. } => Some(to),
            Kind::Convolve(convolution) => match &convolution.end {
                End::Numbers { to } => Some(to),
                End::Bytes { .. } => None,
            },
            Kind::Enter { .. } | Kind::Halve { .. } => None,
        }
    }
}

impl Step {
    fn input(&self) -> Option<&str> {
        match self {
            Self::Scale(Operand::Tensor(name)) | Self::Shift(Operand::Tensor(name)) => Some(name),
            Self::Scale(_) | Self::Shift(_) | Self::Join(_) => None,
        }
    }
}
