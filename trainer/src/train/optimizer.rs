//! SGD with momentum and Adam over a `VarStore`. Written here because tch cannot save its optimizers' state, and a run that
//! resumes must reach the same weights as an unbroken one.

use serde::{Deserialize, Serialize};
use tch::nn::VarStore;
use tch::{Kind, TchError, Tensor, no_grad};

/// How a gradient becomes a step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "method", deny_unknown_fields)]
pub enum Method {
    /// The paper's (section 4.1), with its learning rate of 0.002.
    Sgd { momentum: f64 },
    /// Kingma and Ba 2015.
    Adam { beta1: f64, beta2: f64 },
}

const ADAM_EPSILON: f64 = 1e-8;

/// One parameter with what its method remembers of earlier gradients.
#[derive(Debug)]
struct Slot {
    name: String,
    weight: Tensor,
    memory: Memory,
}

#[derive(Debug)]
enum Memory {
    /// SGD without momentum.
    Nothing,
    /// SGD with momentum.
    Velocity(Tensor),
    /// Adam: mean and uncentred variance of the gradient.
    Moments(Tensor, Tensor),
}

/// Steps all trainable variables of one store.
#[derive(Debug)]
pub struct Optimizer {
    method: Method,
    slots: Vec<Slot>,
    steps: i64,
}

impl Optimizer {
    pub fn new(store: &VarStore, method: Method) -> Self {
        let mut named: Vec<_> = store.variables().into_iter().filter(|(_, t)| t.requires_grad()).collect();
        named.sort_by(|a, b| a.0.cmp(&b.0));
        let memory = |weight: &Tensor| match method {
            Method::Sgd { momentum: 0.0 } => Memory::Nothing,
            Method::Sgd { .. } => Memory::Velocity(weight.zeros_like()),
            Method::Adam { .. } => Memory::Moments(weight.zeros_like(), weight.zeros_like()),
        };
        let slot = |(name, weight): (String, Tensor)| Slot { memory: memory(&weight), name, weight };
        Self { method, slots: named.into_iter().map(slot).collect(), steps: 0 }
    }

    pub fn zero_grad(&mut self) {
        for slot in &mut self.slots {
            slot.weight.zero_grad();
        }
    }

    /// One step along the gradients that `backward` left; parameters without a gradient stay.
    pub fn step(&mut self, learning_rate: f64) {
        self.steps += 1;
        no_grad(|| {
            for slot in &mut self.slots {
                let gradient = slot.weight.grad();
                if gradient.defined() {
                    slot.step(&gradient, self.method, learning_rate, self.steps);
                }
            }
        });
    }

    /// Largest absolute gradient sum, to see whether it is finite: the L2 norm over all parameters.
    pub fn gradient_norm(&self) -> f64 {
        let squares = self.slots.iter().map(|slot| slot.weight.grad()).filter(Tensor::defined);
        squares.map(|g| g.square().sum(Kind::Double).double_value(&[])).sum::<f64>().sqrt()
    }

    /// Everything a checkpoint must hold, by name.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let mut state = vec![("steps".to_owned(), Tensor::from(self.steps))];
        for slot in &self.slots {
            let parts = ["first", "second"].into_iter().zip(slot.memory.parts());
            state.extend(parts.map(|(part, tensor)| (format!("{part}.{}", slot.name), tensor.shallow_clone())));
        }
        state
    }

    /// Takes back what [`Self::state`] gave; names and shapes must be those of this optimizer.
    pub fn load_state(&mut self, state: &[(String, Tensor)]) -> Result<(), TchError> {
        let find = |name: &str| {
            let found = state.iter().find(|(other, _)| other == name).map(|(_, tensor)| tensor);
            found.ok_or_else(|| TchError::FileFormat(format!("the optimizer's state holds no `{name}`")))
        };
        let steps = i64::try_from(find("steps")?)?;
        no_grad(|| {
            for slot in &mut self.slots {
                for (part, tensor) in ["first", "second"].into_iter().zip(slot.memory.parts()) {
                    tensor.shallow_clone().f_copy_(find(&format!("{part}.{}", slot.name))?)?;
                }
            }
            Ok::<_, TchError>(())
        })?;
        self.steps = steps;
        Ok(())
    }
}

impl Memory {
    fn parts(&self) -> Vec<&Tensor> {
        match self {
            Self::Nothing => vec![],
            Self::Velocity(velocity) => vec![velocity],
            Self::Moments(mean, variance) => vec![mean, variance],
        }
    }
}

impl Slot {
    fn step(&mut self, gradient: &Tensor, method: Method, learning_rate: f64, steps: i64) {
        match (method, &mut self.memory) {
            (Method::Adam { beta1, beta2 }, Memory::Moments(mean, variance)) => {
                let _ = mean.lerp_(gradient, 1.0 - beta1);
                let _ = variance.lerp_(&gradient.square(), 1.0 - beta2);
                let correction = |beta: f64| 1.0 - beta.powi(steps.min(i32::MAX.into()) as i32);
                let spread = (&*variance / correction(beta2)).sqrt() + ADAM_EPSILON;
                let _ = self.weight.g_sub_(&(&*mean / spread * (learning_rate / correction(beta1))));
            }
            (Method::Sgd { momentum }, Memory::Velocity(velocity)) => {
                let _ = velocity.g_mul_scalar_(momentum);
                let _ = velocity.g_add_(gradient);
                descend(&mut self.weight, velocity, learning_rate);
            }
            (_, _) => descend(&mut self.weight, gradient, learning_rate),
        }
    }
}

/// `weight − learning_rate · direction` in one pass over memory, which is what a step of SGD costs.
fn descend(weight: &mut Tensor, direction: &Tensor, learning_rate: f64) {
    let rate = Tensor::from(-learning_rate as f32).to_device(weight.device());
    let _ = weight.addcmul_(direction, &rate);
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, nn};

    fn descend(method: Method, rate: f64, steps: usize) -> (Tensor, Vec<(String, Tensor)>) {
        let store = nn::VarStore::new(Device::Cpu);
        let weight = store.root().var("w", &[3], nn::Init::Const(5.0));
        let mut optimizer = Optimizer::new(&store, method);
        for _ in 0..steps {
            optimizer.zero_grad();
            (&weight - 2.0).square().sum(Kind::Float).backward();
            optimizer.step(rate);
        }
        (weight.detach().copy(), optimizer.state())
    }

    #[test]
    fn both_methods_find_the_bottom_of_a_bowl() {
        for (method, rate) in [
            (Method::Sgd { momentum: 0.0 }, 0.05),
            (Method::Sgd { momentum: 0.5 }, 0.05),
            (Method::Adam { beta1: 0.9, beta2: 0.99 }, 0.1),
        ] {
            let (weight, _) = descend(method, rate, 300);
            assert!((weight - 2.0).abs().max().double_value(&[]) < 1e-2, "{method:?}");
        }
    }

    #[test]
    fn the_first_adam_step_has_the_length_of_the_learning_rate() {
        let (weight, _) = descend(Method::Adam { beta1: 0.5, beta2: 0.999 }, 0.1, 1);
        assert!((weight - 4.9).abs().max().double_value(&[]) < 1e-5);
    }

    #[test]
    fn a_state_survives_saving() {
        let method = Method::Adam { beta1: 0.9, beta2: 0.99 };
        let (_, state) = descend(method, 0.1, 7);
        let store = nn::VarStore::new(Device::Cpu);
        let _ = store.root().var("w", &[3], nn::Init::Const(5.0));
        let mut optimizer = Optimizer::new(&store, method);
        assert!(optimizer.load_state(&state[1..]).is_err());
        optimizer.load_state(&state).unwrap();
        for ((name, a), (_, b)) in state.iter().zip(optimizer.state()) {
            assert_eq!(a, &b, "{name}");
        }
    }
}
