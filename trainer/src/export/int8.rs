//! A weight in int8: float values come in, small integers and their scales go out.

/// Largest magnitude of a symmetric int8 weight; −128 is not used.
const INT8_MAX: f32 = 127.0;

/// A weight in int8 with a scale per channel: `w ≈ value · scale`, off by at most half a scale.
#[derive(Clone, Debug, PartialEq)]
pub struct Int8Weights {
    /// −127..127, in the order of the float weights.
    pub values: Vec<i8>,
    /// One per index of the channels' axis, above 0.
    pub scales: Vec<f32>,
}

impl Int8Weights {
    /// Symmetric: a channel's scale is its largest magnitude over 127; a channel of zeros has scale 1. `data` is row-major
    /// and fills `dims`.
    pub fn quantize(dims: &[i64], data: &[f32], axis: usize) -> Self {
        let mut largest = vec![0.0f32; dims[axis] as usize];
        for (value, channel) in data.iter().zip(channels(dims, axis)) {
            largest[channel] = largest[channel].max(value.abs());
        }
        let scale = |max: f32| if max / INT8_MAX > 0.0 { max / INT8_MAX } else { 1.0 };
        Self::with_scales(dims, data, axis, largest.into_iter().map(scale).collect())
    }

    /// With given scales, one per index of `axis`; what they do not reach is held at ±127.
    pub fn with_scales(dims: &[i64], data: &[f32], axis: usize, scales: Vec<f32>) -> Self {
        let rounded = |(v, channel): (&f32, usize)| (v / scales[channel]).round().clamp(-INT8_MAX, INT8_MAX) as i8;
        Self { values: data.iter().zip(channels(dims, axis)).map(rounded).collect(), scales }
    }
}

/// The index along `axis` of each value of a row-major tensor, without end.
pub fn channels(dims: &[i64], axis: usize) -> impl Iterator<Item = usize> {
    let (channels, inner) = (dims[axis] as usize, dims[axis + 1..].iter().product::<i64>().max(1) as usize);
    (0..).map(move |i: usize| i / inner % channels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn int8_is_off_by_at_most_half_a_scale(
            data in proptest::collection::vec(prop_oneof![-1e3f32..1e3, -1e-3f32..1e-3, Just(0.0)], 24), axis in 0usize..3,
        ) {
            let dims = [2, 3, 4];
            let int8 = Int8Weights::quantize(&dims, &data, axis);
            prop_assert_eq!(int8.scales.len(), dims[axis] as usize);
            let inner: usize = dims[axis + 1..].iter().map(|&d| d as usize).product();
            for (i, (w, q)) in data.iter().zip(&int8.values).enumerate() {
                let scale = int8.scales[i / inner % dims[axis] as usize];
                prop_assert!(scale > 0.0);
                prop_assert!((w - f32::from(*q) * scale).abs() <= scale * 0.5001, "{} {} {}", w, q, scale);
            }
        }
    }
}
