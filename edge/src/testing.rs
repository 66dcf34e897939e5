//! What tests share: an upright face drawn from the template, and tiny generators that do a known sum.

use crate::ager::Edit;
use crate::bundle::{Bundle, sha256};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::RgbColor;
use shared::alignment::TEMPLATE;
use shared::decade::{self, Decade};
use shared::manifest::{self, DataSummary, FileEntry, Kind, Manifest, Quantization};
use shared::{Condition, Landmarks, Point};
use std::path::Path;
use tract_onnx::pb;

/// Crop side of the tiny generators.
pub const SIDE: usize = 32;

/// An upright face in crop units, with the template's five points.
pub fn landmarks() -> Landmarks {
    let ring = |centre: Point, rx: f32, ry: f32, from: f32, to: f32, n: usize, i: usize| {
        let angle = (from + (to - from) * i as f32 / (n - 1) as f32).to_radians();
        centre + Point::new(rx * angle.cos(), ry * angle.sin())
    };
    let mouth = (TEMPLATE.mouth_left + TEMPLATE.mouth_right) * 0.5;
    let half_mouth = TEMPLATE.mouth_right.x - mouth.x;
    Landmarks(core::array::from_fn(|i| match i {
        0..17 => ring(Point::new(0.5, 0.35), 0.36, 0.6, 180.0, 0.0, 17, i),
        17..22 => ring(TEMPLATE.left_eye, 0.11, 0.1, 200.0, 340.0, 5, i - 17),
        22..27 => ring(TEMPLATE.right_eye, 0.11, 0.1, 200.0, 340.0, 5, i - 22),
        27..31 => TEMPLATE.nose + Point::new(0.0, (i as f32 - 30.0) * 0.06),
        31..36 => TEMPLATE.nose + Point::new((i as f32 - 33.0) * 0.04, 0.04),
        36..42 => ring(TEMPLATE.left_eye, 0.06, 0.025, 180.0, 480.0, 6, i - 36),
        42..48 => ring(TEMPLATE.right_eye, 0.06, 0.025, 180.0, 480.0, 6, i - 42),
        48..60 => ring(mouth, half_mouth, 0.05, 180.0, 510.0, 12, i - 48),
        _ => ring(mouth, half_mouth * 0.8, 0.02, 180.0, 495.0, 8, i - 60),
    }))
}

/// An edit that is the same all over: so much to add, so much more detail about a middle grey.
pub fn edit(side: usize, change: f32, detail: f32) -> Edit {
    let mut edit = Edit::none(side);
    edit.change.fill(change);
    edit.detail.fill(detail);
    edit
}

/// What the tiny generators answer: a darker crop and a shift that grows with the decade; an `edit` also has more detail
/// about the crop's own luma, and moves everything the same way.
pub fn expected(kind: Kind, crop: &[f32], condition: &Condition) -> Edit {
    let shift: f32 = condition.weights().iter().zip(SHIFTS).map(|(weight, shift)| weight * shift).sum();
    let mut edit = Edit::none(SIDE);
    edit.change = crop.iter().map(|value| value * GAIN + shift).collect();
    if kind == Kind::Edit {
        edit.detail.fill(DETAIL);
        let plane = SIDE * SIDE;
        edit.smooth =
            (0..plane).map(|i| (0..3).map(|channel| LUMA[channel] * crop[channel * plane + i]).sum()).collect();
        let cells = edit.flow.len() / 2;
        let (x, y) = edit.flow.split_at_mut(cells);
        x.fill(FLOW[0]);
        y.fill(FLOW[1]);
    }
    edit
}

const GAIN: f32 = -0.125;
const DETAIL: f32 = 0.5;
const FLOW: [f32; 2] = [0.02, -0.01];
/// ITU-R BT.601.
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];
const SHIFTS: [f32; decade::COUNT] = [0.0, 0.025, 0.05, 0.075, 0.1, 0.15];

/// A bundle around a tiny generator; its one feature is `shift`, `[1, 3, 1, 1]`.
pub fn bundle(kind: Kind) -> Bundle {
    bundle_of(kind, generator(kind, GAIN))
}

/// The same with a gain that is not finite.
pub fn broken_bundle() -> Bundle {
    bundle_of(Kind::Edit, generator(Kind::Edit, f32::NAN))
}

/// A valid manifest around any bytes.
pub fn bundle_of(kind: Kind, generator: Vec<u8>) -> Bundle {
    fn text<const N: usize>(s: &str) -> heapless::String<N> {
        s.try_into().expect("short enough")
    }
    let entry = FileEntry {
        name: text(manifest::GENERATOR_FILE),
        bytes: generator.len() as u64,
        sha256: text(&sha256(&generator)),
    };
    let manifest = Manifest {
        format: manifest::FORMAT,
        name: text("tiny"),
        kind,
        size: SIDE as u32,
        decades: Decade::ALL,
        template: text(shared::alignment::TEMPLATE_NAME),
        quantization: Quantization::None,
        features: core::iter::once(text("shift")).collect(),
        files: core::iter::once(entry).collect(),
        licence: text("none"),
        attribution: text("made in a test"),
        recipe: text("none"),
        seed: 0,
        data: DataSummary { dataset: text("none"), pictures: [0; decade::COUNT] },
        quality: core::iter::empty().collect(),
    };
    Bundle { manifest, generator: generator.into() }
}

/// Compares a picture with `golden/NAME.png`, to two levels a channel: machines round differently. With `GOLDEN=write` in
/// the environment the picture is written instead, to be looked at.
pub fn assert_golden(name: &str, picture: &image::RgbImage) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(format!("{name}.png"));
    if std::env::var("GOLDEN").is_ok_and(|word| word == "write") {
        picture.save(&path).unwrap();
    }
    let golden = crate::photo::read(&path).unwrap();
    assert_eq!(golden.dimensions(), picture.dimensions());
    let furthest = golden.iter().zip(picture.iter()).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(furthest <= Some(2), "{} is not what is drawn: {furthest:?} levels apart", path.display());
}

/// Compares numbers with those in `golden/NAME.txt`, one a line, to `tolerance`; says how far the furthest is. `GOLDEN=write`
/// is as for pictures.
pub fn assert_golden_values(name: &str, values: &[f32], tolerance: f32) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(format!("{name}.txt"));
    if std::env::var("GOLDEN").is_ok_and(|word| word == "write") {
        std::fs::write(&path, values.iter().map(|value| format!("{value:.6}\n")).collect::<String>()).unwrap();
    }
    let golden: Vec<f32> = std::fs::read_to_string(&path).unwrap().lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(golden.len(), values.len(), "{}", path.display());
    assert!(values.iter().all(|value| value.is_finite()));
    let furthest = golden.iter().zip(values).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    println!("{name}: {} values, the furthest {furthest:.1e} away", values.len());
    assert!(furthest <= tolerance, "{name}: {furthest} from {}, allowed are {tolerance}", path.display());
}

/// Relative luminance of a colour in 0..1, as WCAG 2 defines it.
pub fn luminance(colour: Rgb888) -> f32 {
    let linear = |byte: u8| ((f32::from(byte) / 255.0 + 0.055) / 1.055).powf(2.4);
    0.2126 * linear(colour.r()) + 0.7152 * linear(colour.g()) + 0.0722 * linear(colour.b())
}

/// Writes a bundle's folder.
pub fn write(bundle: &Bundle, folder: &Path) {
    std::fs::write(folder.join(manifest::FILE_NAME), bundle.manifest.to_json().unwrap()).unwrap();
    std::fs::write(folder.join(manifest::GENERATOR_FILE), &bundle.generator).unwrap();
}

fn generator(kind: Kind, gain: f32) -> Vec<u8> {
    let table: Vec<f32> = (0..3).flat_map(|_| SHIFTS).collect();
    let mut nodes = vec![
        node("Reshape", &["age", "age_shape"], "age_column"),
        node("Conv", &["age_column", "table"], "shift"),
        node("Mul", &["face", "gain"], "dark"),
        node("Add", &["dark", "shift"], "drawn"),
    ];
    let mut outputs = match kind {
        Kind::Edit => {
            nodes.push(node("Identity", &["drawn"], "change"));
            nodes.push(node("Conv", &["face", "no_weights", "more"], "detail"));
            nodes.push(node("Conv", &["face", "luma_weights"], "smooth"));
            let mut flow = node("Conv", &["face", "no_cells", "way"], "flow");
            flow.attribute.push(pb::AttributeProto {
                name: "strides".into(),
                r#type: pb::attribute_proto::AttributeType::Ints as i32,
                ints: vec![8, 8],
                ..Default::default()
            });
            nodes.push(flow);
            vec![
                value("change", &[1, 3, SIDE, SIDE]),
                value("detail", &[1, 1, SIDE, SIDE]),
                value("smooth", &[1, 1, SIDE, SIDE]),
                value("flow", &[1, 2, SIDE / 8, SIDE / 8]),
            ]
        }
        Kind::Rgb => {
            nodes.push(node("Add", &["face", "drawn"], "aged"));
            vec![value("aged", &[1, 3, SIDE, SIDE])]
        }
    };
    outputs.push(value("shift", &[1, 3, 1, 1]));
    let graph = pb::GraphProto {
        name: "tiny".into(),
        node: nodes,
        initializer: vec![
            pb::TensorProto {
                name: "age_shape".into(),
                dims: vec![4],
                data_type: pb::tensor_proto::DataType::Int64 as i32,
                int64_data: vec![1, decade::COUNT as i64, 1, 1],
                ..Default::default()
            },
            tensor("table", &[3, decade::COUNT, 1, 1], table),
            tensor("gain", &[1], vec![gain]),
            tensor("no_weights", &[1, 3, 1, 1], vec![0.0; 3]),
            tensor("more", &[1], vec![DETAIL]),
            tensor("luma_weights", &[1, 3, 1, 1], LUMA.to_vec()),
            tensor("no_cells", &[2, 3, 8, 8], vec![0.0; 2 * 3 * 8 * 8]),
            tensor("way", &[2], FLOW.to_vec()),
        ],
        input: vec![value("face", &[1, 3, SIDE, SIDE]), value("age", &[1, decade::COUNT])],
        output: outputs,
        ..Default::default()
    };
    let opset = pb::OperatorSetIdProto { version: 13, ..Default::default() };
    let model = pb::ModelProto { ir_version: 8, opset_import: vec![opset], graph: Some(graph), ..Default::default() };
    prost::Message::encode_to_vec(&model)
}

pub fn node(op: &str, inputs: &[&str], output: &str) -> pb::NodeProto {
    pb::NodeProto {
        op_type: op.into(),
        name: output.into(),
        input: inputs.iter().map(|&name| name.into()).collect(),
        output: vec![output.into()],
        ..Default::default()
    }
}

pub fn tensor(name: &str, shape: &[usize], values: Vec<f32>) -> pb::TensorProto {
    pb::TensorProto {
        name: name.into(),
        dims: shape.iter().map(|&dim| dim as i64).collect(),
        data_type: pb::tensor_proto::DataType::Float as i32,
        float_data: values,
        ..Default::default()
    }
}

pub fn value(name: &str, shape: &[usize]) -> pb::ValueInfoProto {
    use pb::tensor_shape_proto::{Dimension, dimension::Value};
    let dim = |&dim: &usize| Dimension { value: Some(Value::DimValue(dim as i64)), ..Default::default() };
    let tensor = pb::type_proto::Tensor {
        elem_type: pb::tensor_proto::DataType::Float as i32,
        shape: Some(pb::TensorShapeProto { dim: shape.iter().map(dim).collect() }),
    };
    let of = pb::TypeProto { value: Some(pb::type_proto::Value::TensorType(tensor)), ..Default::default() };
    pb::ValueInfoProto { name: name.into(), r#type: Some(of), ..Default::default() }
}
