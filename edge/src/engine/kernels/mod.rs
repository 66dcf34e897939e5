//! Int8 arithmetic of a convolution, one file for each instruction set: bytes and packed weights in, exact sums out;
//! then the [`passes`] over those sums.
//!
//! A map is `[rows][columns][channels]` bytes, padded already, so that the taps of a filter's row are one *run* of
//! contiguous bytes and no patch is ever copied:
//!
//! `acc[p][c] = Σ_run Σ_d input[bases[p] + runs[run] + d] · weight[c][run][d]`

mod aligned;
mod arithmetic;
mod features;
mod isa;
mod packed;
mod passes;
mod planes;
mod portable;

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avxvnni;
#[cfg(target_arch = "aarch64")]
mod dot;
#[cfg(target_arch = "aarch64")]
mod smlal;
#[cfg(target_arch = "x86_64")]
mod vnni;
mod winograd;
#[cfg(target_arch = "aarch64")]
mod winograd_neon;

#[cfg(test)]
mod tests;

pub use aligned::Aligned;
pub use isa::Isa;
pub use packed::{LANES, Packed, SLACK};
pub use passes::{Finish, Other, quantize, requantize};
pub use planes::filter;
pub use winograd::{Scratch, TILE, Tiles, Transformed};

/// Sums of products, exact in `i32`: `acc` is `[bases.len()][16 · weights.blocks()]` and is overwritten.
///
/// `bases` are the byte offsets of the output pixels, `runs` those of the filter's runs relative to them. Bytes are
/// unsigned, or signed where [`Isa::flip`] is 0x80. Equal steps between bases are fastest; strips of 32 to 128 pixels,
/// the fewer the more channels, keep `acc` in the first cache.
///
/// # Panics
///
/// Where `isa` is not one of this processor's, where a run could end less than [`SLACK`] bytes before the end of
/// `input`, or where `runs` or `acc` have not the length that `weights` and `bases` ask for.
pub fn accumulate(isa: Isa, input: &[u8], bases: &[u32], runs: &[u32], weights: &Packed, acc: &mut [i32]) {
    let last = |offsets: &[u32]| offsets.iter().fold(0, |a, &b| a.max(b)) as usize;
    let end = last(bases) + last(runs) + weights.depth() + SLACK;
    assert!(end <= input.len(), "a run ends at byte {end} with its slack, the input has {}", input.len());
    assert_eq!(runs.len(), weights.runs(), "offsets of runs against runs of the weights");
    assert_eq!(acc.len(), bases.len() * weights.blocks() * LANES, "sums against pixels × padded channels");
    assert!(isa.is_available(), "this processor has no {}", isa.name());
    if bases.is_empty() {
        return;
    }
    match isa {
        // SAFETY (all): the processor has the instructions, and the lengths are those that each kernel asks for.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { avx2::accumulate(input, bases, runs, weights, acc) },
        #[cfg(target_arch = "x86_64")]
        Isa::AvxVnni => unsafe { avxvnni::accumulate(input, bases, runs, weights, acc) },
        #[cfg(target_arch = "x86_64")]
        Isa::Vnni => unsafe { vnni::accumulate(input, bases, runs, weights, acc) },
        #[cfg(target_arch = "x86_64")]
        Isa::Amx => unsafe { amx::accumulate(input, bases, runs, weights, acc) },
        #[cfg(target_arch = "aarch64")]
        Isa::Smlal => unsafe { smlal::accumulate(input, bases, runs, weights, acc) },
        #[cfg(target_arch = "aarch64")]
        Isa::Dot => unsafe { dot::accumulate(input, bases, runs, weights, acc) },
        _ => portable::accumulate(isa.flip(), input, bases, runs, weights, acc),
    }
}

/// The sums of a 3×3 convolution of stride 1, tile by tile: `acc` is `[rows of tiles · 4][tiles.columns · 4][channels, padded to
/// whole blocks]` and is overwritten. The same sums as [`accumulate`]'s.
///
/// # Panics
///
/// Where `isa` is not one of this processor's, where a patch could end behind `tiles.input`, or where `scratch` or `acc` have
/// not the length for so many tiles.
pub fn winograd(isa: Isa, tiles: &Tiles<'_>, weights: &Transformed, scratch: &mut Scratch, acc: &mut [i32]) {
    let count = tiles.bases.len();
    assert!(weights.fits(tiles), "a patch ends behind the input's {} bytes", tiles.input.len());
    assert!(tiles.columns > 0 && count.is_multiple_of(tiles.columns), "{count} tiles in rows of {}", tiles.columns);
    assert_eq!(acc.len(), count * TILE * TILE * weights.blocks() * LANES, "sums against pixels × padded channels");
    assert!(scratch.holds(count, weights), "{count} tiles in the memory for fewer");
    assert!(isa.is_available(), "this processor has no {}", isa.name());
    match isa {
        // SAFETY: the processor has the instructions, patches lie within the input, and lengths are as they should be.
        #[cfg(target_arch = "aarch64")]
        Isa::Smlal | Isa::Dot => unsafe { winograd_neon::accumulate(tiles, weights, scratch, acc) },
        _ => winograd::accumulate(isa.flip(), tiles, weights, acc),
    }
}
