//! One plain loop, compiled once for each instruction set, so that all of them give the same bits.

use super::Isa;

/// A pass over memory. `run` must be `#[inline(always)]`: it takes the features of the function that it lands in.
pub(super) trait Pass {
    fn run(self);
}

/// Runs `pass` with the vectors of `isa`.
///
/// # Panics
///
/// Where `isa` is not one of this processor's.
pub(super) fn run(isa: Isa, pass: impl Pass) {
    assert!(isa.is_available(), "this processor has no {}", isa.name());
    match isa {
        // SAFETY (both): the processor has the features.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::AvxVnni => unsafe { avx2(pass) },
        #[cfg(target_arch = "x86_64")]
        Isa::Vnni | Isa::Amx => unsafe { avx512(pass) },
        // NEON is part of every 64-bit ARM.
        _ => pass.run(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2(pass: impl Pass) {
    pass.run();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn avx512(pass: impl Pass) {
    pass.run();
}
