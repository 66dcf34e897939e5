//! What one core could do at most: multiplications with additions a second of its own instructions, measured in loops that
//! touch no memory. Operands are zeros, which no processor here multiplies faster than other numbers.

use serde::Serialize;
use std::time::{Duration, Instant};

/// How long a loop is measured.
const LENGTH: Duration = Duration::from_millis(120);
/// Rounds of a loop between two looks at the clock.
const ROUNDS: u64 = 20_000;

/// The numbers that are multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Numbers {
    F32,
    Bf16,
    Int8,
}

/// A kind of instruction at its measured best.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Peak {
    pub numbers: Numbers,
    pub instruction: &'static str,
    /// 10⁹ multiplications with additions a second on one core.
    pub gmacs_per_second: f64,
}

/// A loop of one kind of instruction.
struct Loop {
    numbers: Numbers,
    instruction: &'static str,
    /// Multiplications with additions a round.
    macs: u64,
    /// Runs so many rounds.
    run: fn(u64),
}

/// Every kind of instruction that this processor has, measured now.
pub fn measure() -> Vec<Peak> {
    loops().iter().map(Loop::measure).collect()
}

/// The best of the instructions for such numbers; bf16 and int8 fall back to f32.
pub fn best(peaks: &[Peak], numbers: Numbers) -> Option<f64> {
    let of = |numbers| peaks.iter().filter(move |peak| peak.numbers == numbers).map(|peak| peak.gmacs_per_second);
    of(numbers).reduce(f64::max).or_else(|| of(Numbers::F32).reduce(f64::max))
}

impl Loop {
    fn measure(&self) -> Peak {
        let begin = Instant::now();
        let mut fastest = f64::INFINITY;
        while begin.elapsed() < LENGTH {
            let start = Instant::now();
            (self.run)(ROUNDS);
            fastest = fastest.min(start.elapsed().as_secs_f64());
        }
        let gmacs_per_second = (self.macs * ROUNDS) as f64 / fastest / 1e9;
        Peak { numbers: self.numbers, instruction: self.instruction, gmacs_per_second }
    }
}

/// One instruction a listed register: as many sums at once as hide the latency.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! each {
    ($before:literal, $after:literal, $($register:literal)*) => { concat!($($before, $register, $after, "\n"),*) };
}

#[cfg(target_arch = "x86_64")]
fn loops() -> Vec<Loop> {
    use crate::engine::Isa;
    use std::arch::is_x86_feature_detected as has;
    let mut loops = Vec::new();
    let mut add = |numbers, instruction, macs, run| loops.push(Loop { numbers, instruction, macs, run });
    // SAFETY (all): the processor has what the function needs.
    if has!("avx512f") {
        add(Numbers::F32, "AVX-512 FMA", 12 * 16, |rounds| unsafe { x86::fma_zmm(rounds) });
    } else if has!("avx2") && has!("fma") {
        add(Numbers::F32, "AVX2 FMA", 12 * 8, |rounds| unsafe { x86::fma_ymm(rounds) });
    }
    if has!("avx512vnni") && has!("avx512f") {
        add(Numbers::Int8, "AVX-512 VNNI", 12 * 64, |rounds| unsafe { x86::dot_zmm(rounds) });
    } else if has!("avx2") {
        add(Numbers::Int8, "AVX2 pairs", 6 * 16, |rounds| unsafe { x86::pairs_ymm(rounds) });
    }
    if Isa::Amx.is_available() {
        add(Numbers::Int8, "AMX", 4 * 16 * 16 * 64, |rounds| unsafe { x86::tiles_int8(rounds) });
        if x86::has_bf16_tiles() {
            add(Numbers::Bf16, "AMX", 4 * 16 * 16 * 32, |rounds| unsafe { x86::tiles_bf16(rounds) });
        }
    }
    if loops.is_empty() {
        loops = portable();
    }
    loops
}

#[cfg(target_arch = "aarch64")]
fn loops() -> Vec<Loop> {
    use std::arch::is_aarch64_feature_detected as has;
    let mut loops = Vec::new();
    let mut add = |numbers, instruction, macs, run| loops.push(Loop { numbers, instruction, macs, run });
    // SAFETY (all): NEON is part of every 64-bit ARM, and dot products are asked for.
    add(Numbers::F32, "NEON FMLA", 16 * 4, |rounds| unsafe { arm::fmla(rounds) });
    add(Numbers::Int8, "NEON SMLAL", 16 * 8, |rounds| unsafe { arm::smlal(rounds) });
    if has!("dotprod") {
        add(Numbers::Int8, "NEON SDOT", 16 * 16, |rounds| unsafe { arm::sdot(rounds) });
    }
    loops
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn loops() -> Vec<Loop> {
    portable()
}

/// What the compiler makes of plain Rust.
#[cfg_attr(target_arch = "aarch64", allow(dead_code))]
fn portable() -> Vec<Loop> {
    const SUMS: usize = 64;
    let run = |rounds| {
        let (mut sums, factor) = ([0.0f32; SUMS], std::hint::black_box([0.5f32; SUMS]));
        for _ in 0..rounds {
            for (sum, factor) in sums.iter_mut().zip(factor) {
                *sum = *sum * factor + factor;
            }
        }
        std::hint::black_box(sums);
    };
    vec![Loop { numbers: Numbers::F32, instruction: "plain Rust", macs: SUMS as u64, run }]
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::asm;

    /// Lets a loop of one instruction, on registers of zeros, run so many rounds.
    macro_rules! vectors {
        ($name:ident, $feature:literal, $zero:literal, $zeroed:literal, $body:expr) => {
            /// # Safety
            ///
            /// The processor has the features.
            #[target_feature(enable = $feature)]
            pub unsafe fn $name(rounds: u64) {
                // SAFETY: registers only, all of them named below.
                unsafe {
                    asm!(
                        each!($zero, $zeroed, "0" "1" "2" "3" "4" "5" "6" "7" "8" "9" "10" "11" "12" "13" "14" "15"),
                        "2:", $body, "dec {rounds}", "jnz 2b",
                        rounds = inout(reg) rounds => _,
                        out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _, out("xmm5") _,
                        out("xmm6") _, out("xmm7") _, out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
                        out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
                        options(nomem, nostack),
                    );
                }
            }
        };
    }

    vectors!(
        fma_zmm,
        "avx512f",
        "vpxord zmm",
        ", zmm31, zmm31",
        each!("vfmadd231ps zmm", ", zmm14, zmm15", "0" "1" "2" "3" "4" "5" "6" "7" "8" "9" "10" "11")
    );
    vectors!(
        fma_ymm,
        "avx2,fma",
        "vxorps ymm",
        ", ymm15, ymm15",
        each!("vfmadd231ps ymm", ", ymm14, ymm15", "0" "1" "2" "3" "4" "5" "6" "7" "8" "9" "10" "11")
    );
    vectors!(
        dot_zmm,
        "avx512f,avx512vnni",
        "vpxord zmm",
        ", zmm31, zmm31",
        each!("vpdpbusd zmm", ", zmm14, zmm15", "0" "1" "2" "3" "4" "5" "6" "7" "8" "9" "10" "11")
    );
    vectors!(
        pairs_ymm,
        "avx2",
        "vpxor ymm",
        ", ymm15, ymm15",
        concat!(
            each!("vpmaddwd ymm", ", ymm14, ymm15", "0" "1" "2" "3" "4" "5"),
            each!("vpaddd ymm6, ymm6, ymm", "", "0" "1" "2"),
            each!("vpaddd ymm7, ymm7, ymm", "", "3" "4" "5"),
        )
    );

    /// Palette 1; eight tiles of 16 rows of 64 bytes.
    #[repr(C, align(64))]
    struct Configuration {
        palette: u8,
        start: u8,
        reserved: [u8; 14],
        bytes: [u16; 16],
        rows: [u8; 16],
    }

    /// Four sums of two tiles times two.
    macro_rules! tiles {
        ($name:ident, $instruction:literal) => {
            /// # Safety
            ///
            /// The processor has the instruction, and the system has granted the tiles.
            pub unsafe fn $name(rounds: u64) {
                let (mut bytes, mut rows) = ([0; 16], [0; 16]);
                bytes[..8].fill(64);
                rows[..8].fill(16);
                let tiles = Configuration { palette: 1, start: 0, reserved: [0; 14], bytes, rows };
                // SAFETY: the configuration is read only; the tiles belong to nobody else and are given back.
                unsafe {
                    asm!(
                        "ldtilecfg [{tiles}]",
                        each!("tilezero tmm", "", "0" "1" "2" "3" "4" "5" "6" "7"),
                        "2:",
                        concat!($instruction, " tmm0, tmm4, tmm6"), concat!($instruction, " tmm1, tmm4, tmm7"),
                        concat!($instruction, " tmm2, tmm5, tmm6"), concat!($instruction, " tmm3, tmm5, tmm7"),
                        "dec {rounds}", "jnz 2b",
                        "tilerelease",
                        tiles = in(reg) &raw const tiles,
                        rounds = inout(reg) rounds => _,
                        options(readonly, nostack),
                    );
                }
            }
        };
    }

    tiles!(tiles_int8, "tdpbusd");
    tiles!(tiles_bf16, "tdpbf16ps");

    /// Intel's manual: leaf 7, bit 22 of EDX.
    pub fn has_bf16_tiles() -> bool {
        std::arch::x86_64::__cpuid_count(7, 0).edx >> 22 & 1 == 1
    }
}

#[cfg(target_arch = "aarch64")]
mod arm {
    use std::arch::asm;

    /// Lets a loop of one instruction, on registers of zeros, run so many rounds.
    macro_rules! vectors {
        ($name:ident, $feature:literal, $before:literal, $after:literal) => {
            /// # Safety
            ///
            /// The processor has the features.
            #[target_feature(enable = $feature)]
            pub unsafe fn $name(rounds: u64) {
                // SAFETY: registers only, all of them named below.
                unsafe {
                    asm!(
                        each!("movi v", ".16b, #0", "0" "1" "2" "3" "4" "5" "6" "7" "16" "17" "18" "19" "20" "21" "22" "23" "30" "31"),
                        "2:",
                        each!($before, $after, "0" "1" "2" "3" "4" "5" "6" "7" "16" "17" "18" "19" "20" "21" "22" "23"),
                        "subs {rounds}, {rounds}, #1", "b.ne 2b",
                        rounds = inout(reg) rounds => _,
                        out("v0") _, out("v1") _, out("v2") _, out("v3") _, out("v4") _, out("v5") _, out("v6") _, out("v7") _,
                        out("v16") _, out("v17") _, out("v18") _, out("v19") _, out("v20") _, out("v21") _, out("v22") _,
                        out("v23") _, out("v30") _, out("v31") _,
                        options(nomem, nostack),
                    );
                }
            }
        };
    }

    vectors!(fmla, "neon", "fmla v", ".4s, v30.4s, v31.4s");
    vectors!(smlal, "neon", "smlal v", ".8h, v30.8b, v31.8b");
    vectors!(sdot, "neon,dotprod", "sdot v", ".4s, v30.16b, v31.16b");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_processor_has_a_peak_of_floats() {
        let peaks = measure();
        assert!(peaks.iter().all(|peak| peak.gmacs_per_second.is_finite() && peak.gmacs_per_second > 0.0));
        assert!(best(&peaks, Numbers::F32).is_some());
        assert!(best(&peaks, Numbers::Int8) >= best(&peaks[..0], Numbers::Int8));
    }

    #[test]
    fn plain_rust_is_measured_where_nothing_else_is_known() {
        let peaks: Vec<Peak> = portable().iter().map(Loop::measure).collect();
        assert_eq!(best(&peaks, Numbers::Bf16), best(&peaks, Numbers::F32));
    }
}
