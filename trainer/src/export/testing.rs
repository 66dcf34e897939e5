//! What the tests of this folder share: a tiny seeded net, faces and conditions.

use super::faces;
use crate::nets::{ConditionMode, Generator, GeneratorConfig, Head, Precision};
use shared::{Condition, Decade};
use tch::{Device, nn};

/// 32×32, width 8, three blocks, fresh weights.
pub fn generator(head: Head, condition: ConditionMode) -> Generator {
    let store = nn::VarStore::new(Device::Cpu);
    tch::manual_seed(7);
    let skips = condition == ConditionMode::Film;
    let config = GeneratorConfig { size: 32, width: 8, blocks: 3, head, condition, skips, precision: Precision::F32 };
    Generator::new(&store.root(), config)
}

pub fn face(size: usize) -> Vec<f32> {
    faces::synthetic(size, 11)
}

/// Each decade and one between two.
pub fn conditions() -> Vec<Condition> {
    let between = Condition::at_age(42.0).unwrap();
    Decade::ALL.into_iter().map(Condition::one_hot).chain([between]).collect()
}
