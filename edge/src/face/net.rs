//! The landmark net, run by tract: a grey square comes in, 68 points and a score go out.

use std::sync::Arc;

use shared::landmarks::COUNT;
use shared::{Landmarks, Point};
use tract_onnx::prelude::*;

use super::crop::SIDE;

/// The net that ships, trained by `trainer landmarks`; see landmarks.json beside it.
pub const EMBEDDED: &[u8] = include_bytes!("../../models/landmarks.onnx");

/// What keeps a landmark net from being used.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    #[error("the landmark net cannot be loaded ({0:#}); use one that `trainer landmarks` wrote")]
    Load(TractError),
    #[error(
        "the landmark net should take [1,1,{SIDE},{SIDE}] and give [1,{points}] and [1,1], but {found}; \
         use one that `trainer landmarks` wrote",
        points = 2 * COUNT
    )]
    Shape { found: String },
    #[error("the landmark net failed on a picture: {0:#}")]
    Run(TractError),
    #[error("the landmark net gave values that are not finite; its file is damaged")]
    NotFinite,
}

/// What the net says of one square.
#[derive(Clone, Debug)]
pub struct Look {
    /// In units of the square.
    pub points: Landmarks,
    /// Whether a face is there, placed as expected, 0..1.
    pub score: f32,
}

impl Look {
    /// Halfway between two looks at one square.
    pub fn mean(&self, other: &Self) -> Self {
        let points = Landmarks(std::array::from_fn(|i| Point::mean(&[self.points.0[i], other.points.0[i]])));
        Self { points, score: (self.score + other.score) / 2.0 }
    }
}

/// A net ready to run.
#[derive(Debug)]
pub struct Net {
    plan: Arc<TypedRunnableModel>,
}

impl Net {
    /// Checks inputs and outputs by name and shape, and that a look at an empty square gives finite values.
    pub fn new(onnx: &[u8]) -> Result<Self, NetError> {
        let load = || {
            let model = tract_onnx::onnx().model_for_read(&mut &*onnx)?;
            model.with_outputs_by_name(["points", "score"])?.into_optimized()?.into_runnable()
        };
        let mut net = Self { plan: load().map_err(NetError::Load)? };
        net.check_input()?;
        net.look(&[0.0; SIDE * SIDE])?;
        Ok(net)
    }

    fn check_input(&self) -> Result<(), NetError> {
        let model = self.plan.model();
        let inputs = model.input_outlets().map_err(NetError::Load)?.len();
        let fact = model.input_fact(0).map_err(NetError::Load)?;
        if inputs == 1 && fact.shape.as_concrete() == Some(&[1, 1, SIDE, SIDE]) {
            return Ok(());
        }
        Err(NetError::Shape { found: format!("it takes {inputs} inputs, the first {fact:?}") })
    }

    /// One look at `square` (`[SIDE, SIDE]` in −1..1).
    pub fn look(&mut self, square: &[f32]) -> Result<Look, NetError> {
        let input = Tensor::from_shape(&[1, 1, SIDE, SIDE], square).map_err(NetError::Run)?;
        let outputs = self.plan.run(tvec!(input.into())).map_err(NetError::Run)?;
        let [points, score] = &outputs[..] else {
            return Err(NetError::Shape { found: format!("it gives {} outputs", outputs.len()) });
        };
        let (points, score) = (values(points)?, values(score)?);
        if points.len() != 2 * COUNT || score.len() != 1 {
            return Err(NetError::Shape { found: format!("it gives {} and {} values", points.len(), score.len()) });
        }
        if points.iter().chain(&score).any(|v| !v.is_finite()) {
            return Err(NetError::NotFinite);
        }
        let points = Landmarks(std::array::from_fn(|i| Point::new(points[2 * i], points[2 * i + 1])));
        Ok(Look { points, score: score[0] })
    }
}

fn values(output: &TValue) -> Result<Vec<f32>, NetError> {
    let view = output.to_plain_array_view::<f32>().map_err(NetError::Run)?;
    Ok(view.iter().copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_net_that_ships_loads() {
        let look = Net::new(EMBEDDED).unwrap().look(&[0.3; SIDE * SIDE]).unwrap();
        assert!(look.points.is_finite() && (0.0..=1.0).contains(&look.score));
    }

    #[test]
    fn damaged_and_foreign_files_are_refused() {
        assert!(matches!(Net::new(b"no net at all"), Err(NetError::Load(_))));
        assert!(matches!(Net::new(&[]), Err(NetError::Load(_))));
        assert!(Net::new(&EMBEDDED[..EMBEDDED.len() / 2]).is_err());
    }

    #[test]
    fn a_square_of_another_size_is_an_error() {
        assert!(matches!(Net::new(EMBEDDED).unwrap().look(&[0.0; 7]), Err(NetError::Run(_))));
    }
}
