//! Milliseconds: how long a step took, and what many of them look like.

use serde::Serialize;
use std::time::Instant;

/// Runs `work` and says how many milliseconds it took.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed().as_secs_f64() * 1000.0)
}

/// Median, fastest and slowest of some measurements, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Spread {
    /// `None` of nothing.
    pub fn of(milliseconds: &[f64]) -> Option<Self> {
        let mut sorted = milliseconds.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (&min, &max) = sorted.first().zip(sorted.last())?;
        Some(Self { median: sorted[sorted.len() / 2], min, max })
    }
}

/// The middle half of some measurements, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quartiles {
    pub lower: f64,
    pub median: f64,
    pub upper: f64,
}

impl Quartiles {
    /// `None` of nothing.
    pub fn of(milliseconds: &[f64]) -> Option<Self> {
        let mut sorted = milliseconds.to_vec();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        // Between two measurements where a quarter of the way ends there.
        let at = |quarter: usize| {
            let (i, rest) = (last * quarter / 4, (last * quarter % 4) as f64 / 4.0);
            sorted[i] + (sorted[(i + 1).min(last)] - sorted[i]) * rest
        };
        Some(Self { lower: at(1), median: at(2), upper: at(3) })
    }
}

/// The most memory that this process has held so far, in MiB; `None` where the system does not say.
pub fn peak_memory() -> Option<f64> {
    memory("VmHWM:")
}

/// The memory that this process holds now, in MiB; `None` where the system does not say.
pub fn resident_memory() -> Option<f64> {
    memory("VmRSS:")
}

fn memory(field: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kibibytes: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes / 1024.0)
}

/// Seconds of processor time that this process has used, of all threads; `None` where the system does not say.
pub fn processor_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name in brackets may hold spaces: count from behind it. Times are the 14th and 15th entries, in USER_HZ.
    let mut entries = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks: f64 = entries.next()?.parse::<f64>().ok()? + entries.next()?.parse::<f64>().ok()?;
    Some(ticks / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_names_middle_and_ends() {
        assert_eq!(Spread::of(&[3.0, 1.0, 9.0]), Some(Spread { median: 3.0, min: 1.0, max: 9.0 }));
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn quartiles_hold_the_middle_half() {
        let quartiles = Quartiles::of(&[5.0, 1.0, 4.0, 2.0, 3.0]).unwrap();
        assert_eq!((quartiles.lower, quartiles.median, quartiles.upper), (2.0, 3.0, 4.0));
        assert_eq!(Quartiles::of(&[2.0, 4.0]), Some(Quartiles { lower: 2.5, median: 3.0, upper: 3.5 }));
        assert_eq!(Quartiles::of(&[7.0]), Some(Quartiles { lower: 7.0, median: 7.0, upper: 7.0 }));
        assert_eq!(Quartiles::of(&[]), None);
    }

    #[test]
    fn a_process_that_works_uses_the_processor() {
        let before = processor_seconds();
        let begin = Instant::now();
        while begin.elapsed().as_millis() < 60 {
            std::hint::spin_loop();
        }
        assert!(before.zip(processor_seconds()).is_none_or(|(before, after)| (0.0..60.0).contains(&(after - before))));
    }

    #[test]
    fn a_process_has_held_some_memory() {
        assert!(peak_memory().is_none_or(|mebibytes| mebibytes > 0.5));
        assert!(resident_memory().zip(peak_memory()).is_none_or(|(now, peak)| now > 0.5 && now <= peak + 1.0));
    }
}
