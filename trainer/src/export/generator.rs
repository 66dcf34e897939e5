//! A trained [`Generator`] → the ONNX graph of the bundle: inputs `face` `[1, 3, S, S]` in −1..1 and `age` `[1, 6]`; outputs
//! those of its kind ([`Kind`]), then the asked middle-layer features under their stages' names.

use super::edit;
use super::onnx::{GraphBuilder, GraphError};
use super::operators::{Walk, values};
use crate::nets::{
    AGE_MAPS, CONDITION, Conv, DRAWN, Film, Generator, GeneratorConfig, Head, Padding, ResidualBlock, Stage,
    TransposedConv,
};
use shared::decade;
use shared::manifest::{Kind, Quantization};
use tch::Tensor;

/// The middle layers that a bundle shows unless told otherwise: before the age, with it, in the middle, on the way back.
pub fn default_features(generator: &Generator) -> Vec<Stage> {
    let middle = generator.blocks.len().div_ceil(2).checked_sub(1).map(Stage::Block);
    [Stage::Down(1), Stage::Join].into_iter().chain(middle).chain([Stage::Up(0)]).collect()
}

/// What the outputs of a generator with this head mean.
pub const fn kind(head: Head) -> Kind {
    match head {
        Head::Rgb => Kind::Rgb,
        Head::Edit => Kind::Edit,
    }
}

/// The bytes of `generator.onnx`.
pub fn graph(generator: &Generator, quantization: Quantization, features: &[Stage]) -> Result<Vec<u8>, GraphError> {
    let config = generator.config;
    let size = config.size;
    let mut graph = GraphBuilder::new("generator", quantization);
    let face = graph.input("face", &[1, 3, size, size]);
    let age = graph.input("age", &[1, decade::COUNT as i64]);
    let told = generator.edit.as_ref().map(|head| edit::condition(&mut graph, &head.visitor, &face, &age));
    let condition = told.as_ref().map_or(age, |told| told.condition.clone());
    let mut writer = Writer { graph, condition, config };
    let drawn = generator.stages().into_iter().fold(face.clone(), |x, stage| writer.stage(generator, stage, &x));
    let mut graph = writer.graph;
    if let (Some(head), Some(told)) = (&generator.edit, &told) {
        edit::outputs(&mut graph, head, &config, &face, told, &drawn, &generator.middle().name());
    } else {
        graph.tanh("aged", &drawn);
        graph.output("aged", &[1, 3, size, size]);
    }
    for &stage in features {
        graph.output(&stage.name(), &feature_dims(&config, stage));
    }
    graph.finish()
}

/// `[1, C, H, W]` after `stage`.
pub fn feature_dims(config: &GeneratorConfig, stage: Stage) -> [i64; 4] {
    let (size, width) = (config.features(), config.width);
    let (channels, side) = match stage {
        Stage::Stem => (width, size),
        Stage::Down(n) => (width << (n + 1), size >> (n + 1)),
        Stage::Join | Stage::Block(_) => (4 * width, size / 4),
        Stage::Up(n) => ((4 * width) >> (n + 1), (size / 4) << (n + 1)),
        Stage::Head => (if config.head == Head::Edit { DRAWN * config.patch() * config.patch() } else { 3 }, size),
    };
    [1, channels, side, side]
}

/// Writes the stages in order; the last node of each bears the stage's name.
struct Writer {
    graph: GraphBuilder,
    /// `[1, C]`: the age, or with it what the face looks like.
    condition: String,
    config: GeneratorConfig,
}

impl Writer {
    fn stage(&mut self, generator: &Generator, stage: Stage, x: &str) -> String {
        let name = &stage.name();
        let channels = feature_dims(&self.config, stage)[1];
        match stage {
            Stage::Stem => self.conv_norm_relu(name, &generator.stem, x),
            Stage::Down(n) => self.conv_norm_relu(name, &generator.downs[n], x),
            Stage::Join => {
                let features = self.conv(&format!("{name}.features"), &generator.join.features, x);
                let planes = self.planes(name, generator.join.maps.as_ref());
                let walk = Walk::padded(0);
                let shift = self.graph.conv(&format!("{name}.age"), &planes, &generator.join.age, None, walk);
                let sum = self.graph.add(&format!("{name}.sum"), &features, &shift);
                self.graph.relu(name, &sum)
            }
            Stage::Block(n) => self.block(name, &generator.blocks[n], x, channels),
            Stage::Up(n) => {
                let TransposedConv { weight, bias, .. } = &generator.ups[n];
                let y = self.graph.conv_transpose(&format!("{name}.conv"), x, weight, Some(bias));
                let y = self.graph.instance_norm(&format!("{name}.norm"), &y, channels);
                let mut y = self.film(&format!("{name}.film"), generator.up_films[n].as_ref(), y, channels);
                if self.config.skips {
                    let skip = [Stage::Down(0), Stage::Stem][n].name();
                    y = self.graph.add(&format!("{name}.skip"), &y, &skip);
                }
                self.graph.relu(name, &y)
            }
            Stage::Head => self.conv(name, &generator.head, x),
        }
    }

    /// The age as constant planes, or as the learned ones.
    fn planes(&mut self, name: &str, maps: Option<&Tensor>) -> String {
        let planes = format!("{name}.planes");
        let Some(maps) = maps else {
            let entries = if self.config.head == Head::Edit { CONDITION } else { decade::COUNT as i64 };
            return self.graph.reshape(&planes, &self.condition, &[1, entries, 1, 1]);
        };
        let table = self.graph.weight(&format!("{name}.maps.table"), &maps.size(), &values(maps), 0);
        let row = self.graph.node("MatMul", &[&self.condition, &table], &format!("{name}.maps.row"), &[]);
        let side = self.config.features() / 4;
        self.graph.reshape(&planes, &row, &[1, AGE_MAPS, side, side])
    }

    fn block(&mut self, name: &str, block: &ResidualBlock, x: &str, channels: i64) -> String {
        let mut y = self.conv_norm_relu(&format!("{name}.first"), &block.first, x);
        if let Some(between) = &block.between {
            y = self.conv_norm_relu(&format!("{name}.between"), between, &y);
        }
        let y = self.conv(&format!("{name}.second"), &block.second, &y);
        let y = self.graph.instance_norm(&format!("{name}.second.norm"), &y, channels);
        let y = self.film(&format!("{name}.film"), block.film.as_ref(), y, channels);
        self.graph.add(name, x, &y)
    }

    fn conv_norm_relu(&mut self, name: &str, conv: &Conv, x: &str) -> String {
        let channels = conv.bias.size()[0];
        let y = self.conv(&format!("{name}.conv"), conv, x);
        let y = self.graph.instance_norm(&format!("{name}.norm"), &y, channels);
        self.graph.relu(name, &y)
    }

    fn conv(&mut self, name: &str, conv: &Conv, x: &str) -> String {
        let (x, zeros) = match conv.padding {
            Padding::Zeros(n) => (x.to_owned(), n),
            Padding::Reflect(n) => (self.graph.reflect(&format!("{name}.pad"), x, n), 0),
        };
        let walk = Walk { stride: conv.stride, zeros, groups: conv.groups };
        self.graph.conv(name, &x, &conv.weight, Some(&conv.bias), walk)
    }

    /// `y · (1 + scale(age)) + shift(age)`; the 1 is the bias of the product with the table.
    fn film(&mut self, name: &str, film: Option<&Film>, y: String, channels: i64) -> String {
        let Some(film) = film else { return y };
        let scale_table = self.graph.constant(&format!("{name}.scale.table"), &film.scale);
        let shift_table = self.graph.constant(&format!("{name}.shift.table"), &film.shift);
        let one = self.graph.floats(&format!("{name}.one"), &[1], &[1.0]);
        let scale = self.graph.node("MatMul", &[&self.condition, &scale_table], &format!("{name}.scale.row"), &[]);
        let scale = self.graph.add(&format!("{name}.scale.one"), &scale, &one);
        let shift = self.graph.node("MatMul", &[&self.condition, &shift_table], &format!("{name}.shift.row"), &[]);
        let scale = self.graph.reshape(&format!("{name}.scale"), &scale, &[1, channels, 1, 1]);
        let shift = self.graph.reshape(&format!("{name}.shift"), &shift, &[1, channels, 1, 1]);
        let y = self.graph.multiply(&format!("{name}.scaled"), &y, &scale);
        self.graph.add(name, &y, &shift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::bundle::{Origin, manifest};
    use crate::export::engine::{Engine, MirrorEngine, TchEngine};
    use crate::export::testing::{conditions, face, generator, shaped, shapes};
    use crate::nets::{ConditionMode, Prototypes};

    #[test]
    fn the_float_graph_in_tract_is_the_net_in_tch() {
        for config in shapes() {
            let generator = shaped(config);
            fill_prototypes(&generator);
            let stages = default_features(&generator);
            let onnx = graph(&generator, Quantization::None, &stages).unwrap();
            let manifest = manifest(&Origin::untrained(), &config, Quantization::None, &stages, &onnx).unwrap();
            let mut tract = MirrorEngine::new(&manifest, &onnx).unwrap();
            let mut tch = TchEngine::new(&generator, &stages);
            let face = face(config.size as usize);
            for age in conditions() {
                let (a, b) = (tract.run(&face, &age).unwrap(), tch.run(&face, &age).unwrap());
                assert!(largest(&a.aged, &b.aged) < 1e-4, "{config:?}");
                let all = stages.len() + usize::from(config.head == Head::Edit); // with the flow
                assert_eq!((a.features.len(), b.features.len()), (all, all));
                for ((name, a), (other, b)) in a.features.iter().zip(&b.features) {
                    assert!(name == other && largest(a, b) < 1e-4, "{config:?} {name}");
                }
            }
        }
    }

    /// Fresh prototypes are zero: how the graph mixes them would not be seen.
    fn fill_prototypes(generator: &Generator) {
        let Some(head) = &generator.edit else { return };
        let Prototypes { colour, gains, wrinkles, flow, spared, .. } = &head.prototypes;
        tch::no_grad(|| {
            for (tensor, reach) in [(colour, 0.1), (gains, 0.3), (wrinkles, 0.1), (flow, 0.02)] {
                let _ = tensor.shallow_clone().uniform_(-reach, reach);
            }
            let _ = spared.shallow_clone().uniform_(0.0, 1.0);
        });
    }

    fn largest(a: &[f32], b: &[f32]) -> f32 {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_feature_that_the_generator_does_not_have_is_refused() {
        let generator = generator(Head::Edit, ConditionMode::Film);
        assert!(graph(&generator, Quantization::None, &[Stage::Block(9)]).is_err());
    }
}
