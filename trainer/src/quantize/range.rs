//! What a byte stands for: how often each value came → the range with the least mean squared error → scale and zero point.

const BINS: usize = 2048;
/// Steps of a byte.
const STEPS: f32 = 255.0;

/// `value = (byte − zero) · scale`. Zero is a byte, so that a zero around a picture is exact.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// Above 0.
    pub scale: f32,
    pub zero: u8,
}

impl Scale {
    /// The finest one that reaches `low` and `high`; both are moved to 0 if they lie beyond it.
    pub fn covering(low: f32, high: f32) -> Self {
        let (low, high) = (low.min(0.0), high.max(0.0));
        // A value just above or below the byte's ends would be clipped by half a step, and all between shifted by as much.
        let needed = |zero: f32| (-low / zero.max(f32::MIN_POSITIVE)).max(high / (STEPS - zero).max(f32::MIN_POSITIVE));
        let middle = (-low * STEPS / (high - low)).round();
        let zeros = [middle, middle - 1.0, middle + 1.0].into_iter().filter(|zero| (0.0..=STEPS).contains(zero));
        let finest = zeros.map(|zero| (needed(zero), zero)).min_by(|a, b| a.0.total_cmp(&b.0));
        match finest {
            Some((scale, zero)) if scale.is_normal() => Self { scale, zero: zero as u8 },
            _ => Self { scale: 1.0, zero: 0 },
        }
    }

    /// As ONNX's QuantizeLinear does it: to the nearest, half to even, held at the ends.
    pub fn byte(&self, value: f32) -> u8 {
        ((value / self.scale).round_ties_even() + f32::from(self.zero)).clamp(0.0, STEPS) as u8
    }

    pub fn value(&self, byte: u8) -> f32 {
        (f32::from(byte) - f32::from(self.zero)) * self.scale
    }
}

/// How often values came, in equal bins between two ends.
#[derive(Clone, Debug)]
pub struct Histogram {
    low: f32,
    high: f32,
    counts: Vec<u64>,
}

impl Histogram {
    /// `low` below or at 0, `high` above or at it: the range of a byte holds zero.
    pub fn new(low: f32, high: f32) -> Self {
        Self { low: low.min(0.0), high: high.max(0.0), counts: vec![0; BINS] }
    }

    /// Values beyond the ends count as the ends.
    pub fn add(&mut self, values: &[f32]) {
        let width = (self.high - self.low).max(f32::MIN_POSITIVE);
        let factor = BINS as f32 / width;
        for value in values {
            let bin = ((value - self.low) * factor) as usize; // below 0 is 0
            self.counts[bin.min(BINS - 1)] += 1;
        }
    }

    /// The scale with the least mean squared error: finer steps inside are weighed against what is cut off outside.
    pub fn scale(&self) -> Scale {
        let (mut low, mut high) = (self.low, self.high);
        for _ in 0..3 {
            high = self.least(|share| (low, self.high * share)).1;
            low = self.least(|share| (self.low * share, high)).0;
        }
        Scale::covering(low, high)
    }

    /// The best range of those that `range` makes of shares from 1 down to 0.2.
    fn least(&self, range: impl Fn(f32) -> (f32, f32)) -> (f32, f32) {
        let ranges = (0..=80).map(|i| range(1.0 - 0.01 * i as f32));
        let judged = ranges.map(|range| (self.error(range), range));
        judged.min_by(|a, b| a.0.total_cmp(&b.0)).map_or((self.low, self.high), |(_, range)| range)
    }

    /// Sum of squared errors when rounded to 256 steps of `low` to `high`: a twelfth of a step's square inside, the distance's square
    /// outside.
    fn error(&self, (low, high): (f32, f32)) -> f64 {
        let width = f64::from(self.high - self.low) / BINS as f64;
        let inside = f64::from((high - low) / STEPS).powi(2) / 12.0;
        let (low, high) = (f64::from(low), f64::from(high));
        let bins = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        bins.map(|(bin, &count)| {
            let centre = f64::from(self.low) + (bin as f64 + 0.5) * width;
            let beyond = (centre - high).max(low - centre).max(0.0);
            count as f64 * if beyond > 0.0 { beyond * beyond } else { inside }
        })
        .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_picture_keeps_its_levels_apart() {
        let scale = Scale::covering(-1.0, 1.0);
        let bytes: std::collections::BTreeSet<u8> = (0..=255).map(|v| scale.byte(shared::pixel::to_value(v))).collect();
        assert!(bytes.len() >= 254, "{} of 256 levels", bytes.len());
    }

    #[test]
    fn few_outliers_are_cut_off_and_many_are_not() {
        let of = |outliers: usize| {
            let mut histogram = Histogram::new(0.0, 100.0);
            histogram.add(&(0..100_000).map(|i| (i % 1000) as f32 / 1000.0).collect::<Vec<_>>());
            histogram.add(&vec![100.0; outliers]);
            histogram.scale().value(255)
        };
        assert!(of(50_000) > 99.0, "{}", of(50_000));
        let mut histogram = Histogram::new(0.0, 4.0);
        histogram.add(&(0..1_000_000).map(|i| (i % 1000) as f32 / 1000.0).collect::<Vec<_>>());
        histogram.add(&[4.0]);
        let reach = histogram.scale().value(255);
        assert!((0.9..2.0).contains(&reach), "{reach}");
    }

    #[test]
    fn a_map_of_nothing_but_zeros_has_a_scale() {
        let mut histogram = Histogram::new(0.0, 0.0);
        histogram.add(&[0.0; 9]);
        assert_eq!(histogram.scale(), Scale { scale: 1.0, zero: 0 });
    }

    proptest! {
        #[test]
        fn both_ends_are_reached_and_zero_is_exact(a in -1e3f32..1e3, b in -1e3f32..1e3) {
            let (low, high) = (a.min(b), a.max(b));
            let scale = Scale::covering(low, high);
            prop_assert_eq!(scale.value(scale.byte(0.0)), 0.0);
            for value in [low, high, 0.5 * (low + high)] {
                let held = scale.value(scale.byte(value));
                prop_assert!((held - value).abs() <= 0.5001 * scale.scale, "{} {} {:?}", value, held, scale);
            }
            // No more than a step coarser than the ideal, in which zero need not be a byte.
            prop_assert!(scale.scale * 253.0 <= (high.max(0.0) - low.min(0.0)).max(1e-30), "{:?}", scale);
        }

        #[test]
        fn bytes_survive_the_round_trip(low in -9.0f32..0.0, high in 0.01f32..9.0, byte: u8) {
            let scale = Scale::covering(low, high);
            prop_assert_eq!(scale.byte(scale.value(byte)), byte);
        }
    }
}
