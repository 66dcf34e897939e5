//! Random numbers as a function of seed, purpose and place: nothing to save, nothing that a resumed run could draw otherwise.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What a stream of random numbers is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The order of one decade's source faces in one pass.
    Order,
    /// Target faces and mirrors of one step.
    Partners,
    /// What the pool of D_Y gives back in one step.
    PoolY,
    /// What the pool of D_X gives back in one step.
    PoolX,
    /// Faces and variations of one step of the visitor net's training.
    Visitor,
    /// How faces are varied before the visitor net judges them, in one step.
    Judge,
    /// How real faces of a decade are varied before the visitor net reads them.
    Readings,
    /// How faces aged to a decade are varied before the visitor net reads them.
    Calibration,
}

/// The stream for a purpose at a place (a step, or a pass); places stay below 2^56.
pub fn stream(seed: u64, purpose: Purpose, place: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream((purpose as u64) << 56 | place);
    rng
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn streams_repeat_and_differ() {
        let draw = |seed, purpose, place| stream(seed, purpose, place).random::<u64>();
        assert_eq!(draw(1, Purpose::Order, 7), draw(1, Purpose::Order, 7));
        assert_ne!(draw(1, Purpose::Order, 7), draw(2, Purpose::Order, 7));
        assert_ne!(draw(1, Purpose::Order, 7), draw(1, Purpose::PoolY, 7));
        assert_ne!(draw(1, Purpose::Order, 7), draw(1, Purpose::Order, 8));
    }
}
