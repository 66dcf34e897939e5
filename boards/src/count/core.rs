//! Cortex-A72 and Cortex-A76 as far as throughput goes: blocks of instructions and how often they ran come in, the fewest
//! cycles in which the core's units can do them go out.
//!
//! Sources: Arm's "Cortex-A72 Software Optimization Guide" (UAN 0016A) and "Cortex-A76 Software Optimization Guide" (PJDOC
//! 466751330-7215), the tables of "instruction characteristics", read beside LLVM's models of the same cores (those of
//! Cortex-A57, which LLVM also uses for the A72, and Neoverse N1, which is an A76).
//!
//! What is assumed: no instruction waits for another one's result, for memory, or for a mispredicted branch; work of a block
//! overlaps with itself but not with the next block; every load hits the first cache. A real core is slower: these are the
//! fewest cycles, the same for every engine, and good for comparing them.

use super::instruction::Kind;
use crate::proof::Processor;
use std::ops::{Add, Mul};

/// Micro-operations by the unit that has to do them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Work {
    /// Instructions that are decoded.
    decode: f64,
    branch: f64,
    /// Any of the units for integers.
    integer: f64,
    /// The one of them that shifts, multiplies and divides.
    multi: f64,
    load: f64,
    store: f64,
    /// Either of the two vector units, then the first one only, then the second one only.
    vector: f64,
    first: f64,
    second: f64,
}

impl Add for Work {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            decode: self.decode + other.decode,
            branch: self.branch + other.branch,
            integer: self.integer + other.integer,
            multi: self.multi + other.multi,
            load: self.load + other.load,
            store: self.store + other.store,
            vector: self.vector + other.vector,
            first: self.first + other.first,
            second: self.second + other.second,
        }
    }
}

impl Mul<f64> for Work {
    type Output = Self;

    fn mul(self, times: f64) -> Self {
        Self {
            decode: self.decode * times,
            branch: self.branch * times,
            integer: self.integer * times,
            multi: self.multi * times,
            load: self.load * times,
            store: self.store * times,
            vector: self.vector * times,
            first: self.first * times,
            second: self.second * times,
        }
    }
}

/// A core that cycles are told for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Core {
    A72,
    A76,
}

impl Core {
    /// The one that an emulated processor stands for.
    pub fn of(processor: Processor) -> Option<Self> {
        match processor {
            Processor::CortexA72 => Some(Self::A72),
            Processor::CortexA76 => Some(Self::A76),
            Processor::Max => None,
        }
    }

    /// The fewest cycles of a block that runs once.
    pub fn cycles(self, block: &[Kind]) -> f64 {
        let work = block.iter().map(|&kind| self.work(kind)).fold(Work::default(), Add::add);
        // Decoders and integer units, then units for loads; stores have one.
        let (width, integers, loads) = match self {
            Self::A72 => (3.0, 2.0, 1.0),
            // Its third integer unit is the one that also shifts and multiplies.
            Self::A76 => (4.0, 3.0, 2.0),
        };
        let integer = match self {
            Self::A72 => work.integer / integers,
            Self::A76 => (work.integer + work.multi) / integers,
        };
        [
            work.decode / width,
            work.branch,
            integer,
            work.multi,
            work.load / loads,
            work.store,
            work.first,
            work.second,
            (work.vector + work.first + work.second) / 2.0,
        ]
        .into_iter()
        .fold(0.0, f64::max)
    }

    fn work(self, kind: Kind) -> Work {
        let (one, none) = (Work { decode: 1.0, ..Work::default() }, Work::default());
        let branch = Work { branch: 1.0, ..none };
        let integer = Work { integer: 1.0, ..none };
        let multi = Work { multi: 1.0, ..none };
        let load = Work { load: 1.0, ..none };
        let store = Work { store: 1.0, ..none };
        let vector = Work { vector: 1.0, ..none };
        let first = Work { first: 1.0, ..none };
        let second = Work { second: 1.0, ..none };
        let halves = |q: bool| if q { 2.0 } else { 1.0 };
        let old = self == Self::A72;
        // The A72 computes floats in halves of 64 bits; both cores convert and multiply integers so.
        let float = |q: bool| if old { vector * halves(q) } else { vector };
        // An A76 stores through a load unit, and a vector's bytes pass a vector unit.
        let out = |registers: f64| if old { store * registers } else { (load + vector) * registers };
        one + match kind {
            Kind::Branch => branch,
            Kind::Alu => integer,
            Kind::AluShifted | Kind::Multiply => multi,
            Kind::Divide => multi * 12.0,
            Kind::Load => load,
            Kind::LoadPair => load * if old { 2.0 } else { 1.0 },
            Kind::Store => {
                if old {
                    store
                } else {
                    load + store
                }
            }
            Kind::StorePair => {
                if old {
                    store * 2.0
                } else {
                    load * 2.0 + store
                }
            }
            Kind::VectorLoad => load,
            Kind::VectorLoadPair { q } => load * if q { 2.0 } else { 1.0 },
            Kind::VectorLoadMany(registers) => load * f64::from(registers),
            Kind::VectorLoadLane => load + vector,
            Kind::VectorLoadApart(registers) => (load + vector) * f64::from(registers),
            Kind::VectorStore { q } => out(halves(q)),
            Kind::VectorStorePair { q } => out(2.0 * halves(q)),
            Kind::VectorStoreMany(registers) => out(2.0 * f64::from(registers)),
            Kind::Vector => vector,
            Kind::VectorShift | Kind::VectorAccumulate => second,
            Kind::VectorMultiply { q } => first * halves(q),
            Kind::VectorMultiplyLong => first,
            Kind::Dot => vector,
            Kind::Permute { q } => {
                if old && q {
                    vector * 3.0
                } else {
                    vector
                }
            }
            Kind::Float { q } | Kind::FloatMultiply { q } | Kind::FloatFused { q } => float(q),
            Kind::FloatDivide { q } => first * if old { 17.0 * halves(q) } else { 7.0 },
            Kind::Convert { q } => {
                if old {
                    vector * halves(q)
                } else {
                    first * halves(q)
                }
            }
            Kind::Reduce => second * 2.0,
            Kind::ToVector => {
                if old {
                    load + vector
                } else {
                    multi
                }
            }
            Kind::FromVector => {
                if old {
                    load + integer
                } else {
                    second
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FUSED: Kind = Kind::FloatFused { q: true };

    #[test]
    fn peaks_are_those_of_the_data_sheets() {
        // Multiplications with additions a cycle.
        let peak = |core: Core, kind, macs: f64| 60.0 * macs / core.cycles(&[kind; 60]);
        assert_eq!(peak(Core::A72, FUSED, 4.0), 4.0);
        assert_eq!(peak(Core::A76, FUSED, 4.0), 8.0);
        assert_eq!(peak(Core::A72, Kind::VectorMultiplyLong, 8.0), 8.0);
        assert_eq!(peak(Core::A76, Kind::Dot, 16.0), 32.0);
    }

    #[test]
    fn the_busiest_unit_decides() {
        assert_eq!(Core::A72.cycles(&[Kind::VectorLoad; 6]), 6.0);
        assert_eq!(Core::A76.cycles(&[Kind::VectorLoad; 6]), 3.0);
        // Work for one vector unit leaves the other one to its neighbours.
        let mixed = [Kind::VectorMultiplyLong, Kind::VectorMultiplyLong, Kind::VectorAccumulate, Kind::Vector];
        assert_eq!(Core::A72.cycles(&mixed), 2.0);
        assert_eq!(Core::A72.cycles(&[Kind::Alu; 9]), 4.5);
        assert_eq!(Core::A76.cycles(&[Kind::Alu; 9]), 3.0);
        assert_eq!(Core::A76.cycles(&[]), 0.0);
    }
}
