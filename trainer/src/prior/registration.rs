//! Faces to one shape and back: a smoothed thin-plate spline (Bookstein 1989) from 68 landmarks to the mean shape, which
//! for fixed mean and smoothing is one constant matrix.

use shared::landmarks::{COUNT, Landmarks};
use shared::{Point, Similarity};
use tch::{Device, Kind, Tensor};

/// Nodes of the displacement field a side; fields are smooth and need no more.
const NODES: i64 = 17;
/// Splines are solved in a crop of this side, whose smoothing was found by trial.
const REFERENCE_SIDE: f64 = 128.0;
/// How far points may miss their target for a smoother field; the border holds ten times tighter.
const SMOOTHING: f64 = 300.0;
const BORDER_SMOOTHING: f64 = 30.0;

/// Takes faces to the mean shape and maps drawn there back to a face.
#[derive(Debug)]
pub struct Registration {
    mean: Landmarks,
    /// `[NODES², 68]`: displacements of the landmarks to displacements of the field's nodes.
    spline: Tensor,
}

impl Registration {
    /// `mean`: the mean shape in crop units (0..1).
    pub fn new(mean: Landmarks) -> Self {
        let pixels = mean.map(&Similarity::scaling(REFERENCE_SIDE as f32));
        Self { mean, spline: spline_matrix(&pixels.0) }
    }

    pub const fn mean(&self) -> &Landmarks {
        &self.mean
    }

    /// `[N, 2, 17, 17]` in crop units: how far from a place of the mean shape the same place of each face lies.
    pub fn flow(&self, landmarks: &[Landmarks]) -> Tensor {
        let offsets: Vec<f32> = landmarks
            .iter()
            .flat_map(|face| face.0.iter().zip(&self.mean.0).flat_map(|(p, q)| [p.x - q.x, p.y - q.y]))
            .collect();
        let offsets = Tensor::from_slice(&offsets).view([-1, COUNT as i64, 2]);
        self.spline.matmul(&offsets).transpose(1, 2).reshape([-1, 2, NODES, NODES])
    }

    /// Pictures `[N, C, S, S]` of faces, drawn in the mean shape.
    pub fn to_mean(&self, pictures: &Tensor, flow: &Tensor) -> Tensor {
        displaced(pictures, flow, 2.0)
    }

    /// Maps `[N, C, S, S]` of the mean shape, drawn in the shape of each face (inverse to first order: the fields are
    /// smooth and a few pixels long).
    pub fn to_face(&self, maps: &Tensor, flow: &Tensor) -> Tensor {
        displaced(maps, flow, -2.0)
    }
}

/// `pictures` sampled at p + `factor`/2 · flow(p).
fn displaced(pictures: &Tensor, flow: &Tensor, factor: f64) -> Tensor {
    const BILINEAR: i64 = 0;
    const BORDER: i64 = 1;
    let [n, _, h, w] = pictures.size()[..] else { unreachable!("pictures are [N, C, H, W]") };
    let identity = Tensor::from_slice(&[1.0f32, 0.0, 0.0, 0.0, 1.0, 0.0]).view([1, 2, 3]).expand([n, 2, 3], false);
    let centres = Tensor::affine_grid_generator(&identity, [n, 1, h, w], false);
    let field = flow.grid_sampler(&centres, BILINEAR, BORDER, true).permute([0, 2, 3, 1]);
    pictures.grid_sampler(&(centres + field * factor), BILINEAR, BORDER, false)
}

/// Rows: the field's nodes; columns: the landmarks. Points along the border stay where they are.
fn spline_matrix(mean: &[Point; COUNT]) -> Tensor {
    let side = REFERENCE_SIDE as f32;
    let rim = |i: usize| {
        let at = side * i as f32 / 4.0;
        [Point::new(at, 0.0), Point::new(side, at), Point::new(side - at, side), Point::new(0.0, side - at)]
    };
    let border = (0..4).flat_map(rim);
    let hair_line = [Point::new(0.236, 0.11), Point::new(0.5, 0.063), Point::new(0.766, 0.11)].map(|p| p * side);
    let anchors: Vec<Point> = mean.iter().copied().chain(border).chain(hair_line).collect();
    let nodes: Vec<Point> = (0..NODES * NODES)
        .map(|i| Point::new((i % NODES) as f32, (i / NODES) as f32) * (side / (NODES - 1) as f32))
        .collect();

    let n = anchors.len() as i64;
    let smoothing: Vec<f64> =
        (0..anchors.len()).map(|i| if i < COUNT { SMOOTHING } else { BORDER_SMOOTHING }).collect();
    let kernel = radial(&anchors, &anchors) + Tensor::from_slice(&smoothing).diag(0);
    let plane = affine(&anchors);
    let zeros = Tensor::zeros([3, 3], (Kind::Double, Device::Cpu));
    let system = Tensor::cat(
        &[Tensor::cat(&[kernel, plane.shallow_clone()], 1), Tensor::cat(&[plane.transpose(0, 1), zeros], 1)],
        0,
    );
    let solution = Tensor::linalg_inv(&system).narrow(1, 0, n);
    let evaluate = Tensor::cat(&[radial(&nodes, &anchors), affine(&nodes)], 1);
    evaluate.matmul(&solution).narrow(1, 0, COUNT as i64).to_kind(Kind::Float)
}

/// r² ln r², the thin-plate kernel, for every pair.
fn radial(to: &[Point], from: &[Point]) -> Tensor {
    let kernel = |p: &Point, q: &Point| {
        let square = f64::from(p.x - q.x).powi(2) + f64::from(p.y - q.y).powi(2);
        if square > 0.0 { square * square.ln() } else { 0.0 }
    };
    let values: Vec<f64> = to.iter().flat_map(|p| from.iter().map(move |q| kernel(p, q))).collect();
    Tensor::from_slice(&values).view([to.len() as i64, from.len() as i64])
}

fn affine(points: &[Point]) -> Tensor {
    let values: Vec<f64> = points.iter().flat_map(|p| [1.0, p.x.into(), p.y.into()]).collect();
    Tensor::from_slice(&values).view([-1, 3])
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Points of a plausible face: enough for the spline, of no particular person.
    pub fn round_face() -> Landmarks {
        Landmarks(std::array::from_fn(|i| {
            let turn = i as f32 * 0.7;
            let radius = 0.05 + 0.3 * (i as f32 / COUNT as f32);
            Point::new(0.5 + radius * turn.cos(), 0.55 + radius * turn.sin())
        }))
    }

    #[test]
    fn the_mean_face_stays_as_it_is() {
        let registration = Registration::new(round_face());
        let flow = registration.flow(&[round_face()]);
        assert_eq!(flow.size(), [1, 2, 17, 17]);
        assert!(flow.abs().max().double_value(&[]) < 1e-6);
        let picture = Tensor::rand([1, 3, 64, 64], (Kind::Float, Device::Cpu));
        let same = registration.to_mean(&picture, &flow);
        assert!((picture - same).abs().max().double_value(&[]) < 1e-4);
    }

    #[test]
    fn a_moved_face_is_brought_back_inside() {
        let registration = Registration::new(round_face());
        let moved = Landmarks(round_face().0.map(|p| Point::new(p.x + 0.04, p.y)));
        let flow = registration.flow(&[moved]);
        let centre = flow.double_value(&[0, 0, 9, 8]);
        assert!((centre - 0.04).abs() < 0.01, "{centre}");
        let corner = flow.double_value(&[0, 0, 0, 0]).abs();
        assert!(corner < 0.01, "{corner}");
    }

    #[test]
    fn there_and_back_is_close_to_the_start() {
        let registration = Registration::new(round_face());
        let wider = Landmarks(round_face().0.map(|p| Point::new(0.5 + (p.x - 0.5) * 1.08, p.y)));
        let flow = registration.flow(&[wider]);
        let ramp =
            Tensor::linspace(0.0, 1.0, 64, (Kind::Float, Device::Cpu)).view([1, 1, 1, 64]).expand([1, 1, 64, 64], true);
        let back = registration.to_face(&registration.to_mean(&ramp, &flow), &flow);
        assert!((ramp - back).abs().max().double_value(&[]) < 0.02);
    }
}
