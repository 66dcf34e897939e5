//! How hot the machine is, and how fast it may go on ageing faces. The kernel's sensors come in; a [`Pace`] for the ageing
//! workers goes out. The screen is never slowed down: a hot mirror shows the camera as smoothly as a cool one.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The share of time in which faces are aged: 1.0 when cool, never below [`Pace::LOWEST`].
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Pace(f32);

/// Slows the ageing down above a temperature and lets it go on below.
#[derive(Clone, Copy, Debug)]
pub struct Heat {
    /// °C
    hottest: f32,
    pace: Pace,
}

/// The sensors that tell how hot the processor is.
#[derive(Clone, Debug)]
pub struct Thermometer {
    sensors: Vec<PathBuf>,
}

/// Below `hottest` by this many °C, the ageing goes faster again.
const GAP: f32 = 4.0;
/// What a reading that is too hot leaves of the pace, and what one that is cool adds to it.
const SLOWER: f32 = 0.7;
const FASTER: f32 = 0.1;
/// Readings outside of this are of a broken sensor, in °C.
const PLAUSIBLE: std::ops::RangeInclusive<f32> = -40.0..=150.0;
/// The processor's own sensors under `hwmon`; others tell of disks, radios and batteries.
const PROCESSORS: [&str; 4] = ["coretemp", "k10temp", "zenpower", "cpu_thermal"];

impl Pace {
    pub const FULL: Self = Self(1.0);
    pub const LOWEST: Self = Self(0.1);

    /// A share, within what a pace can be.
    pub fn of(share: f32) -> Self {
        Self(share.clamp(Self::LOWEST.0, Self::FULL.0))
    }

    /// How long a worker rests after an ageing that took `work`.
    pub fn rest(self, work: Duration) -> Duration {
        work.mul_f32(1.0 / self.0 - 1.0)
    }

    /// 0.1..=1.0
    pub const fn share(self) -> f32 {
        self.0
    }
}

impl Heat {
    /// `hottest` in °C.
    pub const fn new(hottest: f32) -> Self {
        Self { hottest, pace: Pace::FULL }
    }

    /// Takes in a reading in °C, to be made every few seconds. Without one the pace stays.
    pub fn feel(&mut self, celsius: Option<f32>) -> Pace {
        let Some(celsius) = celsius else { return self.pace };
        if celsius >= self.hottest {
            self.pace = Pace((self.pace.0 * SLOWER).max(Pace::LOWEST.0));
        } else if celsius < self.hottest - GAP {
            self.pace = Pace((self.pace.0 + FASTER).min(Pace::FULL.0));
        }
        self.pace
    }

    /// Whether staff should know.
    pub fn is_hot(&self) -> bool {
        self.pace < Pace::FULL
    }
}

impl Thermometer {
    /// The sensors of this machine.
    pub fn find() -> Self {
        Self::within(Path::new("/sys/class"))
    }

    fn within(class: &Path) -> Self {
        let zones = entries(&class.join("thermal"), "thermal_zone").into_iter().map(|zone| zone.join("temp"));
        let is_processor =
            |chip: &PathBuf| fs::read_to_string(chip.join("name")).is_ok_and(|name| PROCESSORS.contains(&name.trim()));
        let chips = entries(&class.join("hwmon"), "hwmon").into_iter().filter(is_processor);
        let inputs =
            chips.flat_map(|chip| entries(&chip, "temp")).filter(|file| file.to_string_lossy().ends_with("_input"));
        Self { sensors: zones.chain(inputs).collect() }
    }

    /// The hottest sensor now, in °C; `None` where there is none.
    pub fn read(&self) -> Option<f32> {
        let celsius = |sensor: &PathBuf| {
            let thousandths: f32 = fs::read_to_string(sensor).ok()?.trim().parse().ok()?;
            Some(thousandths / 1000.0).filter(|celsius| PLAUSIBLE.contains(celsius))
        };
        self.sensors.iter().filter_map(celsius).reduce(f32::max)
    }
}

/// The entries of a folder that begin with `start`.
fn entries(folder: &Path, start: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(start)).map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_hot_machine_slows_down_and_a_cool_one_recovers() {
        let mut heat = Heat::new(80.0);
        assert_eq!(heat.feel(Some(79.9)), Pace::FULL);
        assert!(!heat.is_hot());
        assert!((heat.feel(Some(80.0)).share() - 0.7).abs() < 1e-6 && heat.is_hot());
        assert!((heat.feel(Some(77.0)).share() - 0.7).abs() < 1e-6, "between the two nothing changes");
        assert!((heat.feel(None).share() - 0.7).abs() < 1e-6);
        for _ in 0..50 {
            heat.feel(Some(95.0));
        }
        assert_eq!(heat.feel(Some(95.0)), Pace::LOWEST);
        for _ in 0..9 {
            heat.feel(Some(70.0));
        }
        assert_eq!(heat.feel(Some(70.0)), Pace::FULL);
    }

    #[test]
    fn a_worker_rests_in_proportion() {
        let work = Duration::from_millis(20);
        assert_eq!(Pace::FULL.rest(work), Duration::ZERO);
        assert_eq!(Pace(0.5).rest(work), work);
        assert!((Pace::LOWEST.rest(work).as_secs_f32() - 0.18).abs() < 1e-4);
    }

    #[test]
    fn the_hottest_sensor_of_the_processor_counts() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Thermometer::within(folder.path()).read(), None);
        let put = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("thermal/thermal_zone0/temp", "51500\n");
        put("thermal/thermal_zone1/temp", "-274000\n");
        put("thermal/thermal_zone2/temp", "?\n");
        put("thermal/cooling_device0/temp", "99000\n");
        assert_eq!(Thermometer::within(folder.path()).read(), Some(51.5));
        put("hwmon/hwmon0/name", "nvme\n");
        put("hwmon/hwmon0/temp1_input", "90000\n");
        put("hwmon/hwmon1/name", "k10temp\n");
        put("hwmon/hwmon1/temp1_input", "62250\n");
        put("hwmon/hwmon1/temp1_max", "70000\n");
        assert_eq!(Thermometer::within(folder.path()).read(), Some(62.25));
    }

    proptest! {
        #[test]
        fn no_weather_stops_the_ageing(readings in proptest::collection::vec(proptest::option::of(-50.0f32..200.0), 0..100)) {
            let mut heat = Heat::new(80.0);
            for reading in readings {
                let pace = heat.feel(reading);
                prop_assert!(pace >= Pace::LOWEST && pace <= Pace::FULL);
            }
        }
    }
}
