//! What the tests of this folder share: a tiny seeded net, faces and conditions.

use super::faces;
use crate::nets::{ConditionMode, Generator, GeneratorConfig, Head, Precision};
use shared::{Condition, Decade};
use tch::{Device, nn};

/// 32×32, width 8, three blocks, fresh weights, always the same ones. Tests that run beside this one draw from the same
/// source of chance: two nets that are alike were not disturbed.
pub fn generator(head: Head, condition: ConditionMode) -> Generator {
    let skips = condition == ConditionMode::Film;
    let config = GeneratorConfig { size: 32, width: 8, blocks: 3, head, condition, skips, precision: Precision::F32 };
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
