//! Arithmetic that every processor does alike, bit for bit: sums and products in their written order, no fused ones, and no
//! function of the C library.

/// 1.5 · 2²³: a number below 2²² added to it leaves its whole part, rounded half to even, in the last bits.
const MAGIC: f32 = 12_582_912.0;
/// Beyond this nothing rounds to a byte.
const FAR: f32 = 1_000_000.0;

/// The nearest whole number, halves to the even one; at most a million away from zero.
#[inline(always)]
pub fn round_to_int(x: f32) -> i32 {
    ((x.clamp(-FAR, FAR) + MAGIC).to_bits() as i32).wrapping_sub(MAGIC.to_bits() as i32)
}

/// The same as a number.
#[inline(always)]
pub fn round(x: f32) -> f32 {
    (x.clamp(-FAR, FAR) + MAGIC) - MAGIC
}

/// `x · sigmoid(x)`
#[inline(always)]
pub fn silu(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

/// eˣ for −87 to 87 and the nearest of these beyond, to a relative 3e-7: 2ⁿ, and a polynomial of the rest.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let x = x.clamp(-87.0, 87.0);
    let n = round(x * core::f32::consts::LOG2_E);
    // ln 2 in two parts, so that n times the first is exact (Cody and Waite).
    let rest = (x - n * 0.693_359_4) - n * -2.121_944_4e-4;
    let tail = 8.333_453e-3 + rest * (1.388_853_8e-3 + rest * 1.984_2e-4);
    let series = 1.0 + rest * (1.0 + rest * (0.5 + rest * (0.166_666_67 + rest * (4.166_662_4e-2 + rest * tail))));
    let power = f32::from_bits((((n as i32) + 127) as u32) << 23);
    series * power
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn halves_go_to_the_even_neighbour(x in -400.0f32..400.0, half in -300i32..300) {
            prop_assert_eq!(round(x), x.round_ties_even());
            prop_assert_eq!(round_to_int(x), x.round_ties_even() as i32);
            prop_assert_eq!(round(half as f32 / 2.0), (half as f32 / 2.0).round_ties_even());
        }

        #[test]
        fn exp_is_close(x in -87.0f32..87.0) {
            let exact = f64::from(x).exp();
            prop_assert!((f64::from(exp(x)) / exact - 1.0).abs() < 3e-7, "{} {}", exp(x), exact);
        }
    }

    #[test]
    fn silu_is_zero_far_left_and_x_far_right() {
        assert_eq!(silu(0.0), 0.0);
        assert!(silu(-100.0).abs() < 1e-30);
        assert_eq!(silu(100.0), 100.0);
    }
}
