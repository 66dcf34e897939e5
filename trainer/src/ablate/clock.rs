//! How fast rows are where they will run: bundles come in; how long each needs for a decade of a visitor, by the mirror's own engine
//! on one thread, goes out. They take turns, so that a busy moment of the machine is everybody's.

use crate::export::faces::synthetic;
use edge::ager::{Ager, AgerError};
use edge::bundle::Bundle;
use edge::timing::{Spread, timed};
use shared::{Condition, Decade};

/// Turns of each; the fastest counts, which is what a machine with nothing beside would need.
const ROUNDS: usize = 60;

/// Milliseconds of each bundle's net, in their order.
pub fn by_turns(bundles: &[Bundle]) -> Result<Vec<f64>, AgerError> {
    let mut runners = Vec::new();
    for bundle in bundles {
        runners.push((Ager::new(bundle)?, synthetic(bundle.manifest.size as usize, 1), Vec::new()));
    }
    let condition = Condition::one_hot(Decade::Sixties);
    for round in 0..=ROUNDS {
        for (ager, face, milliseconds) in &mut runners {
            let (edit, took) = timed(|| ager.age(face, &condition));
            edit?;
            // The first one makes what is kept.
            if round > 0 {
                milliseconds.push(took);
            }
        }
    }
    Ok(runners.iter().filter_map(|(.., milliseconds)| Some(Spread::of(milliseconds)?.min)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::bundle::{Origin, manifest};
    use crate::export::generator::graph;
    use crate::export::testing::{shaped, shapes};
    use shared::manifest::Quantization;
    use std::borrow::Cow;

    #[test]
    fn nets_of_any_size_take_turns() {
        let bundles = shapes().into_iter().map(|config| {
            let onnx = graph(&shaped(config), Quantization::None, &[]).unwrap();
            let manifest = manifest(&Origin::untrained(), &config, Quantization::None, &[], &onnx).unwrap();
            Bundle { manifest, generator: Cow::Owned(onnx) }
        });
        let bundles: Vec<Bundle> = bundles.collect();
        let milliseconds = by_turns(&bundles).unwrap();
        assert!(milliseconds.len() == bundles.len() && milliseconds.iter().all(|&took| took > 0.0));
    }
}
