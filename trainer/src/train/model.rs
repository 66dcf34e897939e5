//! The players of a run: generators and discriminators, each side with its weights and its optimizer, and the averaged
//! generator that is shown and exported.
//!
//! In the paper's pair G and F, D_Y and D_X are four nets; with a single generator F is G and D_X is D_Y, and the rest of the
//! code does not need to know.

use super::optimizer::{Method, Optimizer};
use crate::nets::{Discriminator, DiscriminatorConfig, Generator};
use crate::recipe::{Recipe, Topology};
use tch::nn::VarStore;
use tch::{Device, no_grad};

/// One or two nets that are stepped together.
#[derive(Debug)]
pub struct Side<N> {
    pub store: VarStore,
    pub optimizer: Optimizer,
    first: N,
    second: Option<N>,
}

/// All that is trained.
#[derive(Debug)]
pub struct Model {
    pub topology: Topology,
    pub generators: Side<Generator>,
    pub discriminators: Side<Discriminator>,
    pub average: Option<Average>,
}

/// G with weights averaged over the last steps (exponential moving average), steadier than those of any one step.
#[derive(Debug)]
pub struct Average {
    pub store: VarStore,
    pub net: Generator,
    decay: f64,
}

impl Model {
    /// Fresh weights from the recipe's seed. Draws from libtorch's global generator: the same weights again only if nothing
    /// else draws from it meanwhile.
    pub fn new(recipe: &Recipe, device: Device) -> Self {
        tch::manual_seed(recipe.training.seed as i64);
        let topology = recipe.training.topology;
        let pair = topology == Topology::Pair;
        let method = recipe.training.optimizer;

        let store = VarStore::new(device);
        let generator = |name: &str| Generator::new(&(store.root() / name), recipe.generator);
        let (first, second) = (generator("G"), pair.then(|| generator("F")));
        let generators = Side::new(store, first, second, method);

        let store = VarStore::new(device);
        let discriminator = |name: &str, conditioned| {
            Discriminator::new(&(store.root() / name), DiscriminatorConfig { conditioned, ..recipe.discriminator })
        };
        let (first, second) =
            (discriminator("D_Y", recipe.discriminator.conditioned), pair.then(|| discriminator("D_X", false)));
        let discriminators = Side::new(store, first, second, method);

        let average = (recipe.training.average > 0.0).then(|| Average::new(recipe, &generators.store, device));
        Self { topology, generators, discriminators, average }
    }

    /// G: x → y. Young to old in the paper's pair.
    pub const fn g(&self) -> &Generator {
        &self.generators.first
    }

    /// F: y → x.
    pub fn f(&self) -> &Generator {
        self.generators.second()
    }

    /// D_Y, the judge of target faces.
    pub const fn d_y(&self) -> &Discriminator {
        &self.discriminators.first
    }

    /// D_X, the judge of source faces.
    pub fn d_x(&self) -> &Discriminator {
        self.discriminators.second()
    }

    /// The generator to look at and to export: the averaged one where there is one.
    pub fn shown(&self) -> &Generator {
        self.average.as_ref().map_or(self.g(), |average| &average.net)
    }
}

impl<N> Side<N> {
    fn new(store: VarStore, first: N, second: Option<N>, method: Method) -> Self {
        let optimizer = Optimizer::new(&store, method);
        Self { store, optimizer, first, second }
    }

    fn second(&self) -> &N {
        self.second.as_ref().unwrap_or(&self.first)
    }
}

impl Average {
    fn new(recipe: &Recipe, generators: &VarStore, device: Device) -> Self {
        let mut store = VarStore::new(device);
        let net = Generator::new(&(store.root() / "G"), recipe.generator);
        store.freeze();
        let mut average = Self { store, net, decay: recipe.training.average };
        average.follow(generators, 0.0);
        average
    }

    /// Moves towards the weights after `step` steps. Young averages move faster, so that the start is soon forgotten.
    pub fn update(&mut self, generators: &VarStore, step: u64) {
        let young = (1.0 + step as f64) / (10.0 + step as f64);
        self.follow(generators, self.decay.min(young));
    }

    fn follow(&mut self, generators: &VarStore, decay: f64) {
        let weights = generators.variables();
        no_grad(|| {
            for (name, mut mean) in self.store.variables() {
                if let Some(weight) = weights.get(&name) {
                    let _ = mean.lerp_(weight, 1.0 - decay);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::batches::tests::recipe;

    #[test]
    fn a_single_generator_plays_both_parts() {
        let model = Model::new(&recipe(|text| text), Device::Cpu);
        assert!(std::ptr::eq(model.g(), model.f()) && std::ptr::eq(model.d_y(), model.d_x()));
        assert!(!std::ptr::eq(model.g(), model.shown()));
    }

    #[test]
    fn a_pair_has_four_nets_and_only_the_judge_of_older_faces_is_told_the_decade() {
        let paper = recipe(|_| crate::recipe::EMBEDDED[0].1.replace("width = 64", "width = 4"));
        let model = Model::new(&paper, Device::Cpu);
        assert!(!std::ptr::eq(model.g(), model.f()));
        assert!(model.d_y().config.conditioned && !model.d_x().config.conditioned);
        assert!(std::ptr::eq(model.g(), model.shown()));
    }

    #[test]
    fn the_average_starts_at_the_weights_and_follows_them() {
        let mut model = Model::new(&recipe(|text| text), Device::Cpu);
        let bias = |store: &VarStore| store.variables()["G.stem.bias"].get(0).double_value(&[]);
        let average = model.average.as_mut().unwrap();
        assert_eq!(bias(&average.store), 0.0);
        let mut weight = model.generators.store.variables().remove("G.stem.bias").unwrap();
        let _ = no_grad(|| weight.fill_(1.0));
        average.update(&model.generators.store, 1_000_000);
        assert!((bias(&average.store) - 0.1).abs() < 1e-6);
        for step in 0..100 {
            average.update(&model.generators.store, step);
        }
        assert!(bias(&average.store) > 0.99);
    }
}
