//! A word of A64 code comes in, what kind of work it is for a processor's units goes out. Only what the cost of an instruction
//! depends on in [`super::core`] is told apart (Arm Architecture Reference Manual for A-profile, C4.1 "A64 instruction set
//! encoding").

/// What an instruction asks of a core. `Q`: a vector of 128 bits in place of 64 or one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Branch,
    /// Integers: add, logic, moves, compares.
    Alu,
    /// The same with an operand shifted or extended first.
    AluShifted,
    Multiply,
    Divide,
    Load,
    LoadPair,
    Store,
    StorePair,
    /// One vector or number.
    VectorLoad,
    VectorLoadPair {
        q: bool,
    },
    /// `ld1` of several registers.
    VectorLoadMany(u8),
    /// `ld1r`, or one lane.
    VectorLoadLane,
    /// `ld2` to `ld4`: taken apart on the way.
    VectorLoadApart(u8),
    VectorStore {
        q: bool,
    },
    VectorStorePair {
        q: bool,
    },
    VectorStoreMany(u8),
    /// Integers: add, compare, logic, minimum, narrowing.
    Vector,
    VectorShift,
    /// `sadalp`, `saba`, `ssra` and saturating narrowing.
    VectorAccumulate,
    VectorMultiply {
        q: bool,
    },
    /// `smull`, `smlal`.
    VectorMultiplyLong,
    /// `sdot`, `udot`.
    Dot,
    /// Zip, unzip, transpose, table.
    Permute {
        q: bool,
    },
    /// Floats: add, compare, minimum.
    Float {
        q: bool,
    },
    FloatMultiply {
        q: bool,
    },
    /// With an addition.
    FloatFused {
        q: bool,
    },
    FloatDivide {
        q: bool,
    },
    /// To and from integers, and rounding.
    Convert {
        q: bool,
    },
    /// Sums and extremes across a vector.
    Reduce,
    /// From a general register to a vector.
    ToVector,
    /// And back.
    FromVector,
}

impl Kind {
    /// The kind of a word. What no program of a compiler holds is [`Kind::Alu`].
    pub fn of(word: u32) -> Self {
        match bits(word, 25, 4) {
            0b1010 | 0b1011 => Self::Branch,
            0b0101 | 0b1101 => registers(word),
            0b0111 | 0b1111 => floats(word),
            op if op & 0b0101 == 0b0100 => memory(word),
            _ => Self::Alu,
        }
    }

    /// Whether it computes on vectors or floats (loads and stores aside).
    pub fn is_vector(self) -> bool {
        self >= Self::Vector
    }

    /// Whether it reads or writes memory.
    pub fn is_memory(self) -> bool {
        (Self::Load..Self::Vector).contains(&self)
    }
}

/// `count` bits of a word from bit `from` on.
const fn bits(word: u32, from: u32, count: u32) -> u32 {
    word >> from & ((1 << count) - 1)
}

const fn bit(word: u32, at: u32) -> bool {
    word >> at & 1 == 1
}

/// "Data Processing -- Register"
fn registers(word: u32) -> Kind {
    if !bit(word, 28) {
        let extended = bit(word, 24) && bit(word, 21);
        let amount = if extended { bits(word, 10, 3) } else { bits(word, 10, 6) };
        return if amount == 0 { Kind::Alu } else { Kind::AluShifted };
    }
    match (bit(word, 24), bits(word, 21, 4), bits(word, 10, 6)) {
        (true, ..) => Kind::Multiply,
        (false, 0b0110, 0b000010 | 0b000011) if !bit(word, 30) => Kind::Divide,
        _ => Kind::Alu,
    }
}

/// "Loads and Stores"
fn memory(word: u32) -> Kind {
    let (vector, load, size) = (bit(word, 26), bit(word, 22), bits(word, 30, 2));
    match (bits(word, 28, 2), vector) {
        (0b00, true) => structures(word, load),
        (0b00, false) => [Kind::Store, Kind::Load][usize::from(load)],
        (0b01, false) => Kind::Load,
        (0b01, true) => Kind::VectorLoad,
        (0b10, false) => [Kind::StorePair, Kind::LoadPair][usize::from(load)],
        (0b10, true) if load => Kind::VectorLoadPair { q: size == 0b10 },
        (0b10, true) => Kind::VectorStorePair { q: size == 0b10 },
        (_, true) if load => Kind::VectorLoad,
        (_, true) => Kind::VectorStore { q: size == 0 && bit(word, 23) },
        // Opcode 0 stores; 1, 2 and 3 load, with or without a sign, or prefetch.
        (_, false) => [Kind::Store, Kind::Load][usize::from(bits(word, 22, 2) != 0)],
    }
}

/// "Advanced SIMD load/store", `ld1` to `st4`.
fn structures(word: u32, load: bool) -> Kind {
    if bit(word, 24) {
        return if load { Kind::VectorLoadLane } else { Kind::VectorStore { q: false } };
    }
    // Halves count as whole registers: compilers write whole ones.
    let (together, count) = match bits(word, 12, 4) {
        0b0111 => (true, 1),
        0b1010 => (true, 2),
        0b0110 => (true, 3),
        0b0010 => (true, 4),
        0b1000 => (false, 2),
        0b0100 => (false, 3),
        _ => (false, 4),
    };
    match (load, together) {
        (true, true) => Kind::VectorLoadMany(count),
        (true, false) => Kind::VectorLoadApart(count),
        (false, _) => Kind::VectorStoreMany(count),
    }
}

/// "Data Processing -- Scalar Floating-Point and Advanced SIMD"
fn floats(word: u32) -> Kind {
    match (bit(word, 28), bit(word, 30)) {
        (true, false) => scalar(word),
        // One lane of what follows.
        (true, true) => vector(word, false),
        (false, q) => vector(word, q),
    }
}

fn scalar(word: u32) -> Kind {
    if bit(word, 24) {
        return Kind::FloatFused { q: false };
    }
    if !bit(word, 21) {
        return Kind::Convert { q: false };
    }
    match bits(word, 10, 2) {
        0b00 if bits(word, 10, 6) == 0 => match bits(word, 16, 3) {
            0b111 => Kind::ToVector,
            0b110 => Kind::FromVector,
            _ => Kind::Convert { q: false },
        },
        0b00 if bits(word, 10, 5) == 0b10000 && bits(word, 15, 6) > 3 => Kind::Convert { q: false },
        0b10 => match bits(word, 12, 4) {
            0b0000 | 0b1000 => Kind::FloatMultiply { q: false },
            0b0001 => Kind::FloatDivide { q: false },
            _ => Kind::Float { q: false },
        },
        _ => Kind::Float { q: false },
    }
}

fn vector(word: u32, q: bool) -> Kind {
    let (high, low) = (bit(word, 21), bits(word, 10, 2));
    match (bit(word, 24), high, low) {
        (true, _, 0b00 | 0b10) => element(word, q),
        (true, ..) => immediate(word, q),
        (false, true, 0b00) => long(word),
        (false, true, 0b10) if bit(word, 20) => Kind::Reduce,
        (false, true, 0b10) => one(word, q),
        (false, true, _) => two(word, q),
        (false, false, _) => rest(word, q),
    }
}

/// "Three same"
fn two(word: u32, q: bool) -> Kind {
    let unsigned = bit(word, 29);
    match (bits(word, 11, 5), unsigned) {
        (0b11001, _) => Kind::FloatFused { q },
        (0b11011, _) => Kind::FloatMultiply { q },
        (0b11111, true) => Kind::FloatDivide { q },
        (0b11000.., _) => Kind::Float { q },
        (0b10010 | 0b10011 | 0b10110, _) => Kind::VectorMultiply { q },
        (0b01111, _) => Kind::VectorAccumulate,
        (0b01000..=0b01011, _) => Kind::VectorShift,
        _ => Kind::Vector,
    }
}

/// "Three different"
fn long(word: u32) -> Kind {
    match bits(word, 12, 4) {
        0b0101 => Kind::VectorAccumulate,
        0b1000.. => Kind::VectorMultiplyLong,
        _ => Kind::Vector,
    }
}

/// "Two-register miscellaneous"
fn one(word: u32, q: bool) -> Kind {
    let saturating = bits(word, 12, 5) == 0b10100 || bits(word, 12, 5) == 0b10010 && bit(word, 29);
    match bits(word, 12, 5) {
        _ if saturating => Kind::VectorAccumulate,
        0b00110 => Kind::VectorAccumulate,
        0b10011 => Kind::VectorShift,
        0b01100..=0b01111 => Kind::Float { q },
        0b10110.. => Kind::Convert { q },
        _ => Kind::Vector,
    }
}

/// "Vector x indexed element"
fn element(word: u32, q: bool) -> Kind {
    match (bits(word, 12, 4), bit(word, 29)) {
        (0b0001 | 0b0101, _) => Kind::FloatFused { q },
        (0b1001, _) => Kind::FloatMultiply { q },
        (0b1110, _) => Kind::Dot,
        (0b0000 | 0b0100, true) | (0b1000 | 0b1100 | 0b1101, _) => Kind::VectorMultiply { q },
        (0b0000 | 0b0100, false) => Kind::FloatFused { q },
        _ => Kind::VectorMultiplyLong,
    }
}

/// "Shift by immediate" and "Modified immediate"
fn immediate(word: u32, q: bool) -> Kind {
    if bits(word, 19, 5) == 0 {
        return Kind::Vector;
    }
    match bits(word, 11, 5) {
        0b11100 | 0b11111 => Kind::Convert { q },
        0b00010 | 0b00110 | 0b10001..=0b10011 => Kind::VectorAccumulate,
        _ => Kind::VectorShift,
    }
}

/// Dot products, copies, permutations and half precision.
fn rest(word: u32, q: bool) -> Kind {
    let copies = bits(word, 21, 3) == 0 && !bit(word, 15);
    match (bit(word, 15), bits(word, 10, 2)) {
        (true, 0b01 | 0b11) if bits(word, 11, 4) == 0b0010 => Kind::Dot,
        (true, 0b01 | 0b11) => Kind::VectorMultiply { q },
        (false, 0b10) if !bit(word, 29) => Kind::Permute { q },
        (false, 0b00) if copies && !bit(word, 29) => Kind::Permute { q },
        // `ins` of an element is like any move; of a register, and `dup`, come from the other side.
        (false, 0b01 | 0b11) if copies => match bits(word, 11, 4) {
            _ if bit(word, 29) => Kind::Vector,
            0b0000 => Kind::Vector,
            0b0001 | 0b0011 => Kind::ToVector,
            _ => Kind::FromVector,
        },
        // Half precision, "Three same (FP16)".
        (false, 0b01 | 0b11) => match bits(word, 11, 3) {
            0b001 => Kind::FloatFused { q },
            0b011 => Kind::FloatMultiply { q },
            0b111 if bit(word, 29) => Kind::FloatDivide { q },
            _ => Kind::Float { q },
        },
        _ => Kind::Vector,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words as the GNU assembler writes them.
    #[test]
    fn instructions_are_told_apart() {
        let q = true;
        let known = [
            ("b.ne .", 0x54000001, Kind::Branch),
            ("ret", 0xd65f03c0, Kind::Branch),
            ("nop", 0xd503201f, Kind::Branch),
            ("add x0, x1, #16", 0x91004020, Kind::Alu),
            ("add x0, x1, x2", 0x8b020020, Kind::Alu),
            ("add x0, x1, x2, lsl #3", 0x8b020c20, Kind::AluShifted),
            ("add x0, x1, w2, sxtw #2", 0x8b22c820, Kind::AluShifted),
            ("movz x3, #5", 0xd28000a3, Kind::Alu),
            ("madd x0, x1, x2, x3", 0x9b020c20, Kind::Multiply),
            ("udiv x0, x1, x2", 0x9ac20820, Kind::Divide),
            ("lsl x0, x1, x2", 0x9ac22020, Kind::Alu),
            ("csel x0, x1, x2, eq", 0x9a820020, Kind::Alu),
            ("ldr x0, [x1, #8]", 0xf9400420, Kind::Load),
            ("ldrb w0, [x1], #1", 0x38401420, Kind::Load),
            ("ldrsw x0, [x1, x2, lsl #2]", 0xb8a27820, Kind::Load),
            ("ldp x0, x1, [sp, #16]", 0xa94107e0, Kind::LoadPair),
            ("str w0, [x1]", 0xb9000020, Kind::Store),
            ("stp x0, x1, [sp, #-16]!", 0xa9bf07e0, Kind::StorePair),
            ("ldxr x0, [x1]", 0xc85f7c20, Kind::Load),
            ("ldr q0, [x1, #32]", 0x3dc00820, Kind::VectorLoad),
            ("ldur d0, [x1, #-8]", 0xfc5f8020, Kind::VectorLoad),
            ("ldr s0, [x1, x2, lsl #2]", 0xbc627820, Kind::VectorLoad),
            ("ldp q0, q1, [x0]", 0xad400400, Kind::VectorLoadPair { q }),
            ("ldp d0, d1, [x0]", 0x6d400400, Kind::VectorLoadPair { q: false }),
            ("ld1 {v0.16b}, [x0]", 0x4c407000, Kind::VectorLoadMany(1)),
            ("ld1 {v0.4s-v3.4s}, [x0], #64", 0x4cdf2800, Kind::VectorLoadMany(4)),
            ("ld1r {v0.4s}, [x0]", 0x4d40c800, Kind::VectorLoadLane),
            ("ld1 {v0.s}[1], [x0]", 0x0d409000, Kind::VectorLoadLane),
            ("ld2 {v0.4s, v1.4s}, [x0]", 0x4c408800, Kind::VectorLoadApart(2)),
            ("ld4 {v0.8h-v3.8h}, [x0]", 0x4c400400, Kind::VectorLoadApart(4)),
            ("str q0, [x1, #16]", 0x3d800420, Kind::VectorStore { q }),
            ("str d0, [x1]", 0xfd000020, Kind::VectorStore { q: false }),
            ("stp q0, q1, [x0]", 0xad000400, Kind::VectorStorePair { q }),
            ("st1 {v0.4s, v1.4s}, [x0]", 0x4c00a800, Kind::VectorStoreMany(2)),
            ("add v0.4s, v1.4s, v2.4s", 0x4ea28420, Kind::Vector),
            ("smax v0.4s, v1.4s, v2.4s", 0x4ea26420, Kind::Vector),
            ("xtn v0.4h, v1.4s", 0x0e612820, Kind::Vector),
            ("and v0.16b, v1.16b, v2.16b", 0x4e221c20, Kind::Vector),
            ("mov v0.16b, v1.16b", 0x4ea11c20, Kind::Vector),
            ("movi v0.4s, #0", 0x4f000400, Kind::Vector),
            ("ext v0.16b, v1.16b, v2.16b, #4", 0x6e022020, Kind::Vector),
            ("dup v0.4s, v1.s[1]", 0x4e0c0420, Kind::Vector),
            ("ins v0.s[1], v1.s[2]", 0x6e0c4420, Kind::Vector),
            ("saddl v0.4s, v1.4h, v2.4h", 0x0e620020, Kind::Vector),
            ("saddlp v0.4s, v1.8h", 0x4e602820, Kind::Vector),
            ("shl v0.4s, v1.4s, #3", 0x4f235420, Kind::VectorShift),
            ("sxtl v0.4s, v1.4h", 0x0f10a420, Kind::VectorShift),
            ("shrn v0.4h, v1.4s, #6", 0x0f1a8420, Kind::VectorShift),
            ("sadalp v0.4s, v1.8h", 0x4e606820, Kind::VectorAccumulate),
            ("sqxtun v0.8b, v1.8h", 0x2e212820, Kind::VectorAccumulate),
            ("ssra v0.4s, v1.4s, #2", 0x4f3e1420, Kind::VectorAccumulate),
            ("mul v0.4s, v1.4s, v2.4s", 0x4ea29c20, Kind::VectorMultiply { q }),
            ("mla v0.4h, v1.4h, v2.h[1]", 0x2f520020, Kind::VectorMultiply { q: false }),
            ("smull v0.8h, v1.8b, v2.8b", 0x0e22c020, Kind::VectorMultiplyLong),
            ("smlal2 v0.8h, v1.16b, v2.16b", 0x4e228020, Kind::VectorMultiplyLong),
            ("smlal v0.4s, v1.4h, v2.h[3]", 0x0f722020, Kind::VectorMultiplyLong),
            ("sdot v0.4s, v1.16b, v2.4b[2]", 0x4f82e820, Kind::Dot),
            ("udot v0.4s, v1.16b, v2.16b", 0x6e829420, Kind::Dot),
            ("zip1 v0.4s, v1.4s, v2.4s", 0x4e823820, Kind::Permute { q }),
            ("tbl v0.16b, {v1.16b}, v2.16b", 0x4e020020, Kind::Permute { q }),
            ("trn2 v0.2s, v1.2s, v2.2s", 0x0e826820, Kind::Permute { q: false }),
            ("fadd v0.4s, v1.4s, v2.4s", 0x4e22d420, Kind::Float { q }),
            ("fmax s0, s1, s2", 0x1e224820, Kind::Float { q: false }),
            ("fabs v0.4s, v1.4s", 0x4ea0f820, Kind::Float { q }),
            ("fmul v0.4s, v1.4s, v2.s[1]", 0x4fa29020, Kind::FloatMultiply { q }),
            ("fmul s0, s1, s2", 0x1e220820, Kind::FloatMultiply { q: false }),
            ("fmla v0.4s, v1.4s, v2.4s", 0x4e22cc20, Kind::FloatFused { q }),
            ("fmla v0.4s, v1.4s, v2.s[3]", 0x4fa21820, Kind::FloatFused { q }),
            ("fmla v0.8h, v1.8h, v2.8h", 0x4e420c20, Kind::FloatFused { q }),
            ("fmla v0.8h, v1.8h, v2.h[1]", 0x4f121020, Kind::FloatFused { q }),
            ("fadd v0.8h, v1.8h, v2.8h", 0x4e421420, Kind::Float { q }),
            ("fmadd s0, s1, s2, s3", 0x1f020c20, Kind::FloatFused { q: false }),
            ("fdiv v0.4s, v1.4s, v2.4s", 0x6e22fc20, Kind::FloatDivide { q }),
            ("fdiv s0, s1, s2", 0x1e221820, Kind::FloatDivide { q: false }),
            ("scvtf v0.4s, v1.4s", 0x4e21d820, Kind::Convert { q }),
            ("fcvtns v0.4s, v1.4s", 0x4e21a820, Kind::Convert { q }),
            ("frintn v0.4s, v1.4s", 0x4e218820, Kind::Convert { q }),
            ("fcvtzs w0, s1", 0x1e380020, Kind::Convert { q: false }),
            ("scvtf s0, w1", 0x1e220020, Kind::Convert { q: false }),
            ("addv s0, v1.4s", 0x4eb1b820, Kind::Reduce),
            ("fmov s0, w1", 0x1e270020, Kind::ToVector),
            ("dup v0.4s, w1", 0x4e040c20, Kind::ToVector),
            ("ins v0.s[1], w2", 0x4e0c1c40, Kind::ToVector),
            ("fmov w0, s1", 0x1e260020, Kind::FromVector),
            ("umov w0, v1.b[3]", 0x0e073c20, Kind::FromVector),
            ("smov x0, v1.h[3]", 0x4e0e2c20, Kind::FromVector),
        ];
        for (text, word, kind) in known {
            assert_eq!(Kind::of(word), kind, "{text}");
        }
    }

    #[test]
    fn no_word_is_too_strange() {
        let mut word = 1_u32;
        for _ in 0..100_000 {
            word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let kind = Kind::of(word);
            assert!(!(kind.is_vector() && kind.is_memory()), "{word:08x}");
        }
    }
}
