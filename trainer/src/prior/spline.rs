//! Where `shared`'s matrix of the registration comes from: the equations of a smoothed thin-plate spline (Bookstein 1989) from
//! the mean shape's landmarks to the nodes of the displacement field, solved here; the test holds the file to them.
#![cfg(test)]

use shared::Point;
use shared::landmarks::COUNT;
use shared::registration::{MEAN, NODES, SPLINE};
use tch::{Device, Kind, Tensor};

/// The spline is solved in a crop of this side, whose smoothing was found by trial.
const REFERENCE_SIDE: f64 = 128.0;
/// How far points may miss their target for a smoother field; the border holds ten times tighter.
const SMOOTHING: f64 = 300.0;
const BORDER_SMOOTHING: f64 = 30.0;

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

/// With `GOLDEN=write` in the environment the file is written anew.
#[test]
fn the_matrix_in_shared_solves_the_splines_equations() {
    let solved = spline_matrix(&MEAN.0.map(|p| p * REFERENCE_SIDE as f32)).contiguous();
    let solved = Vec::<f32>::try_from(solved.view([-1])).unwrap();
    if std::env::var("GOLDEN").is_ok_and(|word| word == "write") {
        let bytes: Vec<u8> = solved.iter().flat_map(|value| value.to_le_bytes()).collect();
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/src/registration.bin"), bytes).unwrap();
    }
    let stored = SPLINE.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    assert_eq!(stored.len(), solved.len());
    for (a, b) in stored.zip(solved) {
        assert!((a - b).abs() < 1e-4, "{a} {b}");
    }
}
