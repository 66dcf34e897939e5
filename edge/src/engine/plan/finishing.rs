//! What a convolution's bytes go through before they are a map again, brought into the form
//! `activation(factor[c] · byte + term[c] + other)`, with the factors and terms of each frame.

use super::{Places, PlanError, Planner, shape_error};
use crate::engine::layer::{Activation, Finish, Norm, Operand, Scale, Step};

#[derive(Debug)]
pub struct Finishing {
    pub norm: Option<Norm>,
    pub affine: Vec<Affine>,
    pub other: Other,
    pub activation: Activation,
    /// Of the map that comes out.
    pub scale: Scale,
}

/// A number a channel.
#[derive(Debug)]
pub enum Affine {
    Scale(Vector),
    Shift(Vector),
}

#[derive(Debug)]
pub enum Vector {
    Constant(Vec<f32>),
    /// Which of the region's inputs, `[1, C, 1, 1]`.
    Input(usize),
}

/// What is added place by place.
#[derive(Debug)]
pub enum Other {
    None,
    /// Which of the region's inputs, `[1, C, H, W]`.
    Input(usize),
    /// Which map; one pixel of it everywhere where it has only one.
    Map {
        map: usize,
        scale: Scale,
        is_pixel: bool,
    },
}

/// Sums of a channel's bytes and of their squares.
pub type Moments = (u64, u64);

impl Finishing {
    /// `shape`: channels, rows and columns.
    pub fn new(
        finish: &Finish,
        shape: [usize; 3],
        scale: Scale,
        planner: &Planner<'_>,
        places: &Places,
    ) -> Result<Self, PlanError> {
        let mut affine = Vec::new();
        let mut other = Other::None;
        for step in &finish.steps {
            let vector = match step {
                Step::Scale(operand) | Step::Shift(operand) => vector(operand, shape, planner)?,
                Step::Join(map) => {
                    let sides = planner.sides(map)?;
                    let is_pixel = sides == [shape[0], 1, 1];
                    if sides != shape && !is_pixel {
                        return Err(shape_error(&map.name, &sides, &format!("{shape:?} or one pixel of it")));
                    }
                    other.set(Other::Map { map: places.any(map), scale: map.scale, is_pixel }, &map.name)?;
                    continue;
                }
            };
            match (step, vector, &other) {
                (Step::Scale(_), Some(vector), Other::None) => affine.push(Affine::Scale(vector)),
                (Step::Shift(_), Some(vector), _) => affine.push(Affine::Shift(vector)),
                (Step::Shift(Operand::Tensor(name)), None, _) => {
                    let (input, found) = planner.input(name)?;
                    if found != [1, shape[0], shape[1], shape[2]] {
                        return Err(shape_error(
                            name,
                            found,
                            &format!("[1, {0}, 1, 1] or [1] and {shape:?}", shape[0]),
                        ));
                    }
                    other.set(Other::Input(input), name)?;
                }
                _ => return Err(shape_error("a factor", &shape, "a number a channel, before anything is added")),
            }
        }
        Ok(Self { norm: finish.norm.clone(), affine, other, activation: finish.activation, scale })
    }

    /// Factors and terms of each channel, out of the statistics of this frame and the numbers that came in; repeated for as
    /// many pixels as there is room.
    pub fn parameters(
        &self,
        middle: Scale,
        places: usize,
        moments: &[Moments],
        inputs: &[&[f32]],
        factors: &mut [f32],
        terms: &mut [f32],
    ) {
        let (step, zero) = (f64::from(middle.scale), f64::from(middle.zero));
        for (channel, ((factor, term), (sum, square))) in
            factors.iter_mut().zip(terms.iter_mut()).zip(moments).enumerate()
        {
            let (mut a, mut b) = (step, -step * zero);
            if let Some(norm) = &self.norm {
                let mean = *sum as f64 / places as f64;
                let variance = (*square as f64 / places as f64 - mean * mean).max(0.0) * step * step;
                let scale = f64::from(norm.scale[channel]) / (variance + f64::from(norm.epsilon)).sqrt();
                (a, b) = (step * scale, f64::from(norm.shift[channel]) - mean * step * scale);
            }
            for affine in &self.affine {
                match affine {
                    Affine::Scale(vector) => {
                        let by = vector.at(channel, inputs);
                        (a, b) = (a * by, b * by);
                    }
                    Affine::Shift(vector) => b += vector.at(channel, inputs),
                }
            }
            (*factor, *term) = (a as f32, b as f32);
        }
        for repeated in [factors, terms] {
            for from in moments.len()..repeated.len() {
                repeated[from] = repeated[from - moments.len()];
            }
        }
    }
}

impl Vector {
    fn at(&self, channel: usize, inputs: &[&[f32]]) -> f64 {
        f64::from(match self {
            Self::Constant(values) => values[channel],
            Self::Input(input) => inputs[*input][channel],
        })
    }
}

impl Other {
    fn set(&mut self, other: Self, name: &str) -> Result<(), PlanError> {
        if !matches!(self, Self::None) {
            return Err(shape_error(name, &[], "one sum place by place, not two"));
        }
        *self = other;
        Ok(())
    }
}

/// An operand that is a number a channel; none where it has another shape.
fn vector(operand: &Operand, [channels, ..]: [usize; 3], planner: &Planner<'_>) -> Result<Option<Vector>, PlanError> {
    Ok(match operand {
        Operand::Constant { values, .. } if values.len() == 1 => Some(Vector::Constant(vec![values[0]; channels])),
        Operand::Constant { shape, values } => {
            let along_channels = shape.len() >= 3 && shape[shape.len() - 3..] == [channels, 1, 1];
            (along_channels && values.len() == channels).then(|| Vector::Constant(values.clone()))
        }
        Operand::Tensor(name) => {
            let (input, shape) = planner.input(name)?;
            (shape == [1, channels, 1, 1]).then_some(Vector::Input(input))
        }
    })
}
