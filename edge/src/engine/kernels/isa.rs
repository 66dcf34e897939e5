//! The instruction sets that there are kernels for, and which of them this processor runs.

/// An instruction set with kernels of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// Plain loops, the reference.
    Portable,
    /// x86: products of 16-bit pairs.
    Avx2,
    /// x86: dot products of four bytes, without AVX-512.
    AvxVnni,
    /// x86: AVX-512 with dot products of four bytes.
    Vnni,
    /// x86: matrix tiles, beside AVX-512.
    Amx,
    /// Any 64-bit ARM: long multiplication and pairwise sums.
    Smlal,
    /// 64-bit ARM with dot products of four bytes.
    Dot,
}

impl Isa {
    const ALL: [Self; 7] = [Self::Portable, Self::Avx2, Self::AvxVnni, Self::Vnni, Self::Amx, Self::Smlal, Self::Dot];

    /// The fastest that this processor runs.
    pub fn best() -> Self {
        Self::ALL.into_iter().rfind(|isa| isa.is_available()).unwrap_or(Self::Portable)
    }

    /// All that this processor runs, from the slowest, [`Isa::Portable`], to the fastest.
    pub fn available() -> Vec<Self> {
        Self::ALL.into_iter().filter(|isa| isa.is_available()).collect()
    }

    /// Whether this processor and its system run it.
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => std::arch::is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => {
                std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("avxvnni")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Vnni => has_vnni(),
            #[cfg(target_arch = "x86_64")]
            Self::Amx => has_vnni() && super::amx::is_granted(),
            #[cfg(target_arch = "aarch64")]
            Self::Smlal => std::arch::is_aarch64_feature_detected!("neon"),
            #[cfg(target_arch = "aarch64")]
            Self::Dot => std::arch::is_aarch64_feature_detected!("dotprod"),
            #[allow(unreachable_patterns)]
            _ => false,
        }
    }

    /// What an unsigned byte is xor-ed with to become this instruction set's activation: 0x80 where those are signed.
    pub fn flip(self) -> u8 {
        match self {
            Self::Portable | Self::Avx2 | Self::AvxVnni | Self::Vnni | Self::Amx => 0,
            Self::Smlal | Self::Dot => 0x80,
        }
    }

    /// Whether tiles ([`super::winograd`]) are faster than multiplying pixel by pixel.
    pub fn prefers_tiles(self) -> bool {
        // Eight products of bytes or four of their transforms a cycle; dot products are four times as many.
        self == Self::Smlal
    }

    /// A short name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::AvxVnni => "avx-vnni",
            Self::Vnni => "avx512-vnni",
            Self::Amx => "amx-int8",
            Self::Smlal => "neon",
            Self::Dot => "neon-dotprod",
        }
    }
}

/// The features that the AVX-512 kernels and passes are compiled with.
#[cfg(target_arch = "x86_64")]
fn has_vnni() -> bool {
    std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("avx512vl")
        && std::arch::is_x86_feature_detected!("avx512dq")
        && std::arch::is_x86_feature_detected!("avx512vnni")
}
