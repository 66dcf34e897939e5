//! Matrix tiles: `tdpbusd` multiplies 16 pixels × 64 bytes by 64 bytes × 16 channels. Two tiles of pixels and two of
//! weights are held at once, so that each is used twice. Pixels are read straight from the map: a tile's rows need
//! only be equally spaced.

use super::packed::{LANES, Packed, Row};
use std::arch::asm;
use std::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
use std::sync::OnceLock;

/// Pixels of a tile.
const PIXELS: usize = 16;

/// Whether the processor has tiles of int8 and the system lets this process use them; asks it once.
pub(super) fn is_granted() -> bool {
    static GRANTED: OnceLock<bool> = OnceLock::new();
    *GRANTED.get_or_init(|| {
        // SAFETY: every 64-bit x86 processor has `cpuid`.
        #[allow(unused_unsafe)]
        let (leaves, one) = unsafe { (__cpuid(0).eax, __cpuid(1)) };
        const OSXSAVE: u32 = 1 << 27;
        if leaves < 7 || one.ecx & OSXSAVE == 0 {
            return false;
        }
        // SAFETY: as above; and the system has enabled `xgetbv`.
        #[allow(unused_unsafe)]
        let (seven, states) = unsafe { (__cpuid_count(7, 0), xcr0()) };
        const TILE_AND_INT8: u32 = 1 << 24 | 1 << 25;
        const TILE_STATES: u64 = 1 << 17 | 1 << 18;
        seven.edx & TILE_AND_INT8 == TILE_AND_INT8 && states & TILE_STATES == TILE_STATES && ask()
    })
}

/// The register states that the system saves.
///
/// # Safety
///
/// The system has set OSXSAVE.
#[target_feature(enable = "xsave")]
unsafe fn xcr0() -> u64 {
    // SAFETY: as the caller's.
    unsafe { _xgetbv(0) }
}

/// Asks the kernel for the tile registers, for all threads of this process.
#[cfg(target_os = "linux")]
fn ask() -> bool {
    const ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: i64 = 0x1023;
    const XTILEDATA: i64 = 18;
    let mut result = ARCH_PRCTL;
    // SAFETY: a system call of two numbers, which writes no memory.
    unsafe {
        asm!("syscall", inlateout("rax") result, in("rdi") ARCH_REQ_XCOMP_PERM, in("rsi") XTILEDATA,
             lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result == 0
}

#[cfg(not(target_os = "linux"))]
fn ask() -> bool {
    false
}

/// Up to 16 equally spaced pixels, the rows of a tile.
#[derive(Clone, Copy)]
struct Span {
    first: usize,
    length: usize,
    /// Bytes from a pixel to the next.
    step: isize,
}

/// The next equally spaced pixels from `first` on.
fn span(bases: &[u32], first: usize) -> Span {
    let gap = |i: usize| bases[i + 1] as isize - bases[i] as isize;
    let end = bases.len().min(first + PIXELS);
    let mut last = first;
    while last + 1 < end && gap(last) == gap(first) {
        last += 1;
    }
    let step = if last > first { gap(first) } else { 0 };
    Span { first, length: last + 1 - first, step }
}

/// See [`super::accumulate`].
///
/// # Safety
///
/// [`is_granted`]; runs, their slack and `acc` are as [`super::accumulate`] checks them.
pub(super) unsafe fn accumulate(input: &[u8], bases: &[u32], runs: &[u32], weights: &Packed, acc: &mut [i32]) {
    let mut configured = (0, 0);
    let mut from = 0;
    while from < bases.len() {
        let upper = span(bases, from);
        from += upper.length;
        let lower = (from < bases.len()).then(|| span(bases, from));
        from += lower.map_or(0, |span| span.length);
        let tiles = Tiles { input, bases, runs, weights, upper, lower };
        let shape = (upper.length, lower.map_or(upper.length, |span| span.length));
        // SAFETY: as this function's; the tiles are configured before they are used and given back after.
        unsafe {
            if configured != shape {
                tiles.configure(shape);
                configured = shape;
            }
            for block in (0..weights.blocks()).step_by(2) {
                tiles.sums(block, acc);
            }
        }
    }
    // SAFETY: gives the registers back, so that a task switch has nothing to save.
    unsafe { asm!("tilerelease", options(nomem, nostack, preserves_flags)) };
}

struct Tiles<'a> {
    input: &'a [u8],
    bases: &'a [u32],
    runs: &'a [u32],
    weights: &'a Packed,
    upper: Span,
    lower: Option<Span>,
}

/// `ldtilecfg`'s operand.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    bytes: [u16; 16],
    rows: [u8; 16],
}

impl Tiles<'_> {
    /// Shapes: tmm0, tmm1 sums of the upper pixels (two blocks), tmm2, tmm3 of the lower; tmm4, tmm5 pixels; tmm6,
    /// tmm7 weights.
    ///
    /// # Safety
    ///
    /// [`is_granted`].
    unsafe fn configure(&self, (upper, lower): (usize, usize)) {
        let (_, chunk) = self.weights.tiles();
        let [upper, lower] = [upper as u8, lower as u8];
        let [depth, full] = [4 * chunk as u16, 4 * LANES as u16];
        let mut shapes = Configuration { palette: 1, start_row: 0, reserved: [0; 14], bytes: [0; 16], rows: [0; 16] };
        shapes.rows[..8].copy_from_slice(&[upper, upper, lower, lower, upper, lower, chunk as u8, chunk as u8]);
        shapes.bytes[..8].copy_from_slice(&[full, full, full, full, depth, depth, full, full]);
        // SAFETY: a valid configuration of palette 1: rows 1..=16, 4..=64 bytes each.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &shapes, options(readonly, nostack, preserves_flags)) };
    }

    /// The sums of one or two blocks.
    ///
    /// # Safety
    ///
    /// As [`accumulate`], and configured. No code between the `asm!` blocks touches tiles: the compiler never does by
    /// itself.
    unsafe fn sums(&self, block: usize, acc: &mut [i32]) {
        let two = block + 1 < self.weights.blocks();
        // SAFETY: zeroes sums only.
        unsafe {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                options(nomem, nostack, preserves_flags)
            );
        }
        for (r, &run) in self.runs.iter().enumerate() {
            let rows = self.weights.run(block, r).as_ptr();
            let next = if two { self.weights.run(block + 1, r).as_ptr() } else { rows };
            // SAFETY: the runs of all these pixels lie within `input` with their slack, which covers the padding of
            // the last tile; the rows are those of the two blocks.
            unsafe {
                let pixel = |span: Span| self.input.as_ptr().add(self.bases[span.first] as usize + run as usize);
                let upper = (pixel(self.upper), self.upper.step);
                match (self.lower.map(|span| (pixel(span), span.step)), two) {
                    (Some(lower), true) => self.two_by_two(upper, lower, rows, next),
                    (Some(lower), false) => self.two_by_one(upper, lower, rows),
                    (None, true) => self.one_by_two(upper, rows, next),
                    (None, false) => self.one_by_one(upper, rows),
                }
            }
        }
        let stride = self.weights.blocks() * LANES;
        let upper = &mut acc[self.upper.first * stride + block * LANES..];
        // SAFETY: rows of 64 bytes, `stride` sums apart, within `acc`: its last pixel's last block ends it.
        unsafe {
            asm!("tilestored [{0} + {1}], tmm0", in(reg) upper.as_mut_ptr(), in(reg) 4 * stride, options(nostack));
            if two {
                let next = upper[LANES..].as_mut_ptr();
                asm!("tilestored [{0} + {1}], tmm1", in(reg) next, in(reg) 4 * stride, options(nostack));
            }
        }
        let Some(lower) = self.lower else { return };
        let lower = &mut acc[lower.first * stride + block * LANES..];
        // SAFETY: as above.
        unsafe {
            asm!("tilestored [{0} + {1}], tmm2", in(reg) lower.as_mut_ptr(), in(reg) 4 * stride, options(nostack));
            if two {
                let next = lower[LANES..].as_mut_ptr();
                asm!("tilestored [{0} + {1}], tmm3", in(reg) next, in(reg) 4 * stride, options(nostack));
            }
        }
    }

    /// # Safety
    ///
    /// As [`Self::sums`]: `upper` and `lower` (first byte, step) and `rows` and `next` reach over a whole run.
    unsafe fn two_by_two(
        &self,
        upper: (*const u8, isize),
        lower: (*const u8, isize),
        rows: *const Row,
        next: *const Row,
    ) {
        let (chunks, chunk) = self.weights.tiles();
        // SAFETY: as the caller's.
        unsafe {
            asm!(
                "2:",
                "tileloadd tmm6, [{rows} + {row}]",
                "tileloadd tmm4, [{upper} + {upper_step}]",
                "tileloadd tmm7, [{next} + {row}]",
                "tdpbusd tmm0, tmm4, tmm6",
                "tileloadd tmm5, [{lower} + {lower_step}]",
                "tdpbusd tmm1, tmm4, tmm7",
                "tdpbusd tmm2, tmm5, tmm6",
                "tdpbusd tmm3, tmm5, tmm7",
                "add {upper}, {depth}",
                "add {lower}, {depth}",
                "add {rows}, {size}",
                "add {next}, {size}",
                "dec {chunks}",
                "jnz 2b",
                upper = inout(reg) upper.0 => _, upper_step = in(reg) upper.1,
                lower = inout(reg) lower.0 => _, lower_step = in(reg) lower.1,
                rows = inout(reg) rows => _, next = inout(reg) next => _,
                row = in(reg) size_of::<Row>(), size = in(reg) chunk * size_of::<Row>(), depth = in(reg) 4 * chunk,
                chunks = inout(reg) chunks => _, options(readonly, nostack),
            );
        }
    }

    /// # Safety
    ///
    /// As [`Self::two_by_two`].
    unsafe fn two_by_one(&self, upper: (*const u8, isize), lower: (*const u8, isize), rows: *const Row) {
        let (chunks, chunk) = self.weights.tiles();
        // SAFETY: as the caller's.
        unsafe {
            asm!(
                "2:",
                "tileloadd tmm6, [{rows} + {row}]",
                "tileloadd tmm4, [{upper} + {upper_step}]",
                "tileloadd tmm5, [{lower} + {lower_step}]",
                "tdpbusd tmm0, tmm4, tmm6",
                "tdpbusd tmm2, tmm5, tmm6",
                "add {upper}, {depth}",
                "add {lower}, {depth}",
                "add {rows}, {size}",
                "dec {chunks}",
                "jnz 2b",
                upper = inout(reg) upper.0 => _, upper_step = in(reg) upper.1,
                lower = inout(reg) lower.0 => _, lower_step = in(reg) lower.1,
                rows = inout(reg) rows => _,
                row = in(reg) size_of::<Row>(), size = in(reg) chunk * size_of::<Row>(), depth = in(reg) 4 * chunk,
                chunks = inout(reg) chunks => _, options(readonly, nostack),
            );
        }
    }

    /// # Safety
    ///
    /// As [`Self::two_by_two`].
    unsafe fn one_by_two(&self, upper: (*const u8, isize), rows: *const Row, next: *const Row) {
        let (chunks, chunk) = self.weights.tiles();
        // SAFETY: as the caller's.
        unsafe {
            asm!(
                "2:",
                "tileloadd tmm6, [{rows} + {row}]",
                "tileloadd tmm4, [{upper} + {upper_step}]",
                "tileloadd tmm7, [{next} + {row}]",
                "tdpbusd tmm0, tmm4, tmm6",
                "tdpbusd tmm1, tmm4, tmm7",
                "add {upper}, {depth}",
                "add {rows}, {size}",
                "add {next}, {size}",
                "dec {chunks}",
                "jnz 2b",
                upper = inout(reg) upper.0 => _, upper_step = in(reg) upper.1,
                rows = inout(reg) rows => _, next = inout(reg) next => _,
                row = in(reg) size_of::<Row>(), size = in(reg) chunk * size_of::<Row>(), depth = in(reg) 4 * chunk,
                chunks = inout(reg) chunks => _, options(readonly, nostack),
            );
        }
    }

    /// # Safety
    ///
    /// As [`Self::two_by_two`].
    unsafe fn one_by_one(&self, upper: (*const u8, isize), rows: *const Row) {
        let (chunks, chunk) = self.weights.tiles();
        // SAFETY: as the caller's.
        unsafe {
            asm!(
                "2:",
                "tileloadd tmm6, [{rows} + {row}]",
                "tileloadd tmm4, [{upper} + {upper_step}]",
                "tdpbusd tmm0, tmm4, tmm6",
                "add {upper}, {depth}",
                "add {rows}, {size}",
                "dec {chunks}",
                "jnz 2b",
                upper = inout(reg) upper.0 => _, upper_step = in(reg) upper.1,
                rows = inout(reg) rows => _,
                row = in(reg) size_of::<Row>(), size = in(reg) chunk * size_of::<Row>(), depth = in(reg) 4 * chunk,
                chunks = inout(reg) chunks => _, options(readonly, nostack),
            );
        }
    }
}
