//! What the tests of this folder share: a tiny seeded net, faces and conditions.

use super::faces;
use crate::nets::{BlockKind, ConditionMode, Generator, GeneratorConfig, Head, Precision};
use shared::{Condition, Decade};
use tch::{Device, nn};

/// 32×32, width 8, three blocks.
pub fn config(head: Head, condition: ConditionMode) -> GeneratorConfig {
    let (block, stem_stride, skips) = (BlockKind::Dense, head.stem_stride(), condition == ConditionMode::Film);
    let (size, width, blocks, precision) = (32, 8, 3, Precision::F32);
    GeneratorConfig { size, width, blocks, block, stem_stride, head, condition, skips, precision }
}

/// Small ones of every kind; whose first layer strides by 4 is as large in the middle as the others.
pub fn shapes() -> Vec<GeneratorConfig> {
    let edit = config(Head::Edit, ConditionMode::Film);
    let inverted = |config| GeneratorConfig { block: BlockKind::Inverted, ..config };
    let mut shapes = vec![inverted(edit), inverted(config(Head::Rgb, ConditionMode::Join))];
    shapes.push(GeneratorConfig { size: 64, stem_stride: 4, ..edit });
    for head in [Head::Rgb, Head::Edit] {
        shapes.extend([ConditionMode::Join, ConditionMode::Film].map(|condition| config(head, condition)));
    }
    shapes
}

pub fn generator(head: Head, condition: ConditionMode) -> Generator {
    shaped(config(head, condition))
}

/// Fresh weights, always the same ones. Tests that run beside this one draw from the same source of chance: two nets that are
/// alike were not disturbed.
pub fn shaped(config: GeneratorConfig) -> Generator {
    let fresh = || {
        let store = nn::VarStore::new(Device::Cpu);
        tch::manual_seed(7);
        (Generator::new(&store.root(), config), store.variables())
    };
    loop {
        let ((generator, one), (_, other)) = (fresh(), fresh());
        if one.iter().all(|(name, weights)| other[name] == *weights) {
            return generator;
        }
    }
}

pub fn face(size: usize) -> Vec<f32> {
    faces::synthetic(size, 11)
}

/// Each decade and one between two.
pub fn conditions() -> Vec<Condition> {
    let between = Condition::at_age(42.0).unwrap();
    Decade::ALL.into_iter().map(Condition::one_hot).chain([between]).collect()
}
