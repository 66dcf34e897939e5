//! How the mirror is, for the house's own monitoring. Every thread counts what it does in a [`Health`]; the main loop writes
//! it as a text file in Prometheus' format, which a node exporter or a script picks up. No port is open, and nothing in it is
//! tied to a person: frames and milliseconds are counted, visitors are not.

use super::heat::Pace;
use crate::files::write_atomic;
use crate::timing::resident_memory;
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What the mirror counts since it began. Shared by all threads.
#[derive(Debug)]
pub struct Health {
    started: SystemTime,
    pub frames_captured: Counter,
    pub frames_shown: Counter,
    /// Frames of which a face was aged.
    pub frames_aged: Counter,
    /// Frames in which a face was found, one of them or many.
    pub frames_with_face: Counter,
    stages: [Latency; Stage::ALL.len()],
    recoveries: [Counter; Part::ALL.len()],
    /// Thousandths of a °C; the least number: not known.
    temperature: AtomicI32,
    /// Thousandths.
    pace: AtomicU32,
    settings_ok: AtomicBool,
    generator_ok: AtomicBool,
}

/// Something that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

/// Microseconds of a stage.
#[derive(Debug, Default)]
struct Latency {
    sum: AtomicU64,
    count: AtomicU64,
    /// Since the file was last written.
    longest: AtomicU64,
    /// How many times fell between one power of [`STEP`] and the next.
    counts: Counts,
}

/// One count for each step of a logarithmic scale: a microsecond to two minutes.
#[derive(Debug)]
struct Counts([AtomicU64; 108]);

impl Default for Counts {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Counts {
    fn count(&self, micros: u64) {
        let step = (STEPS * (micros.max(1) as f64).log2()) as usize;
        self.0[step.min(self.0.len() - 1)].fetch_add(1, Relaxed);
    }

    /// The time in microseconds that a share of all times does not exceed, to within a step of 19 %.
    fn percentile(&self, share: f64) -> f64 {
        let all: u64 = self.0.iter().map(|count| count.load(Relaxed)).sum();
        let wanted = (all as f64 * share).ceil().max(1.0) as u64;
        let mut below = 0;
        let step = self.0.iter().position(|count| {
            below += count.load(Relaxed);
            below >= wanted
        });
        step.map_or(0.0, |step| ((step + 1) as f64 / STEPS).exp2())
    }
}

/// A step of a frame's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The camera's bytes become a picture.
    Decode,
    /// The face is found or followed.
    Find,
    /// The generator ages it.
    Age,
    /// The edit is laid onto the picture.
    Compose,
    /// The scene is drawn.
    Draw,
    /// The canvas goes to the screen.
    Present,
    /// From a frame's arrival to its pixels on the screen.
    Whole,
}

/// Something that can fail and come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Camera,
    Screen,
    Ageing,
}

/// The file that tells it.
#[derive(Debug)]
pub struct HealthFile {
    path: PathBuf,
    written: Option<Duration>,
    text: String,
}

/// The file is written at most this often.
const PERIOD: Duration = Duration::from_secs(15);
/// Steps of the scale of times for each doubling.
const STEPS: f64 = 4.0;
/// Percentiles that the file tells.
const PERCENTILES: [f64; 3] = [0.5, 0.95, 0.99];
const PREFIX: &str = "as_time_goes_by";
const UNKNOWN: i32 = i32::MIN;

impl Counter {
    pub fn bump(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Stage {
    pub const ALL: [Self; 7] =
        [Self::Decode, Self::Find, Self::Age, Self::Compose, Self::Draw, Self::Present, Self::Whole];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Find => "find",
            Self::Age => "age",
            Self::Compose => "compose",
            Self::Draw => "draw",
            Self::Present => "present",
            Self::Whole => "whole",
        }
    }
}

impl Part {
    pub const ALL: [Self; 3] = [Self::Camera, Self::Screen, Self::Ageing];

    const fn name(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Screen => "screen",
            Self::Ageing => "ageing",
        }
    }
}

impl Default for Health {
    fn default() -> Self {
        Self {
            started: SystemTime::now(),
            frames_captured: Counter::default(),
            frames_shown: Counter::default(),
            frames_aged: Counter::default(),
            frames_with_face: Counter::default(),
            stages: Default::default(),
            recoveries: Default::default(),
            temperature: AtomicI32::new(UNKNOWN),
            pace: AtomicU32::new(1000),
            settings_ok: AtomicBool::new(true),
            generator_ok: AtomicBool::new(true),
        }
    }
}

impl Health {
    /// A stage took so long, once.
    pub fn took(&self, stage: Stage, time: Duration) {
        let latency = &self.stages[stage as usize];
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        latency.sum.fetch_add(micros, Relaxed);
        latency.count.fetch_add(1, Relaxed);
        latency.longest.fetch_max(micros, Relaxed);
        latency.counts.count(micros);
    }

    /// The time that a share (0..1) of a stage's times did not exceed, to within 19 %; `None` of a stage that never was.
    pub fn percentile(&self, stage: Stage, share: f64) -> Option<Duration> {
        let latency = &self.stages[stage as usize];
        (latency.count.load(Relaxed) > 0).then(|| Duration::from_secs_f64(latency.counts.percentile(share) / 1e6))
    }

    /// Counts and times begin anew: after a warm-up, for instance.
    pub fn begin_anew(&self) {
        for counter in [&self.frames_captured, &self.frames_shown, &self.frames_aged, &self.frames_with_face] {
            counter.0.store(0, Relaxed);
        }
        for latency in &self.stages {
            let counts = latency.counts.0.iter();
            [&latency.sum, &latency.count, &latency.longest]
                .into_iter()
                .chain(counts)
                .for_each(|number| number.store(0, Relaxed));
        }
    }

    /// How often a part failed and came back.
    pub fn recoveries(&self, part: Part) -> u64 {
        self.recoveries[part as usize].get()
    }

    /// How fast the ageing may go.
    pub fn pace(&self) -> Pace {
        Pace::of(self.pace.load(Relaxed) as f32 / 1000.0)
    }

    /// A part that had failed works again.
    pub fn recovered(&self, part: Part) {
        self.recoveries[part as usize].bump();
    }

    /// A reading in °C, and the pace that it led to.
    pub fn felt(&self, celsius: Option<f32>, pace: Pace) {
        self.temperature.store(celsius.map_or(UNKNOWN, |celsius| (celsius * 1000.0) as i32), Relaxed);
        self.pace.store((pace.share() * 1000.0) as u32, Relaxed);
    }

    pub fn set_settings_ok(&self, ok: bool) {
        self.settings_ok.store(ok, Relaxed);
    }

    pub fn set_generator_ok(&self, ok: bool) {
        self.generator_ok.store(ok, Relaxed);
    }

    /// Appends all of it; the longest times begin anew.
    fn write(&self, text: &mut String) {
        let mut metric = |name: &str, kind: &str, help: &str, samples: &[(String, f64)]| {
            let _ = writeln!(text, "# HELP {PREFIX}_{name} {help}\n# TYPE {PREFIX}_{name} {kind}");
            for (labels, value) in samples {
                let _ = writeln!(text, "{PREFIX}_{name}{labels} {value}");
            }
        };
        let plain = |value: f64| [(String::new(), value)];
        let counters = [
            ("frames_captured_total", "Pictures that came from the camera.", &self.frames_captured),
            ("frames_shown_total", "Pictures that went to the screen.", &self.frames_shown),
            ("frames_aged_total", "Faces that the generator aged.", &self.frames_aged),
            ("frames_with_face_total", "Pictures in which a face was found.", &self.frames_with_face),
        ];
        for (name, help, counter) in counters {
            metric(name, "counter", help, &plain(counter.get() as f64));
        }
        let recoveries = Part::ALL
            .map(|part| (format!("{{part=\"{}\"}}", part.name()), self.recoveries[part as usize].get() as f64));
        metric("recoveries_total", "counter", "Times that a part failed and came back.", &recoveries);

        let seconds = |micros: u64| micros as f64 / 1e6;
        let by_stage = |read: &dyn Fn(&Latency) -> f64| {
            Stage::ALL.map(|stage| (format!("{{stage=\"{}\"}}", stage.name()), read(&self.stages[stage as usize])))
        };
        let help = "Seconds that a stage of a frame's way took, all together.";
        metric("stage_seconds_sum", "counter", help, &by_stage(&|latency| seconds(latency.sum.load(Relaxed))));
        let help = "How often a stage was passed.";
        metric("stage_seconds_count", "counter", help, &by_stage(&|latency| latency.count.load(Relaxed) as f64));
        let quantiles: Vec<_> = Stage::ALL
            .into_iter()
            .flat_map(|stage| PERCENTILES.map(|share| (stage, share)))
            .filter_map(|(stage, share)| {
                let labels = format!("{{stage=\"{}\",quantile=\"{share}\"}}", stage.name());
                Some((labels, self.percentile(stage, share)?.as_secs_f64()))
            })
            .collect();
        metric("stage_seconds", "gauge", "What a share of a stage's times did not exceed.", &quantiles);
        let help = "The longest that a stage took since this was last written.";
        metric("stage_seconds_max", "gauge", help, &by_stage(&|latency| seconds(latency.longest.swap(0, Relaxed))));

        let temperature = self.temperature.load(Relaxed);
        if temperature != UNKNOWN {
            let help = "The processor's hottest sensor.";
            metric("temperature_celsius", "gauge", help, &plain(f64::from(temperature) / 1000.0));
        }
        let pace = f64::from(self.pace.load(Relaxed)) / 1000.0;
        metric("ageing_pace", "gauge", "1 when cool, less when the ageing is slowed down.", &plain(pace));
        if let Some(mebibytes) = resident_memory() {
            metric("resident_memory_bytes", "gauge", "Memory that is in use.", &plain(mebibytes * f64::from(1 << 20)));
        }
        let started = self.started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        metric("start_time_seconds", "gauge", "When the mirror began, since 1970.", &plain(started));
        let flag = |flag: &AtomicBool| plain(f64::from(u8::from(flag.load(Relaxed))));
        metric("settings_ok", "gauge", "0: the settings file is broken.", &flag(&self.settings_ok));
        metric("generator_ok", "gauge", "0: the generator is refused, nobody is aged.", &flag(&self.generator_ok));
    }
}

impl HealthFile {
    /// A file; it should lie in memory (`/run`), since it is written every 15 s.
    pub const fn new(path: PathBuf) -> Self {
        Self { path, written: None, text: String::new() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the file if 15 s have passed since it was last written, and says whether it did. `now` is the loop's time.
    pub fn write_when_due(&mut self, health: &Health, now: Duration) -> io::Result<bool> {
        if self.written.is_some_and(|written| now.saturating_sub(written) < PERIOD) {
            return Ok(false);
        }
        self.written = Some(now);
        self.text.clear();
        health.write(&mut self.text);
        write_atomic(&self.path, self.text.as_bytes())?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Heat;

    fn text(health: &Health) -> String {
        let mut text = String::new();
        health.write(&mut text);
        text
    }

    /// Each metric has help and type before its samples, each line is `name{labels} value`.
    fn samples(text: &str) -> Vec<(&str, f64)> {
        let mut declared = "";
        let mut samples = Vec::new();
        for line in text.lines() {
            if let Some(comment) = line.strip_prefix("# ") {
                declared = comment.split(' ').nth(1).unwrap();
                continue;
            }
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert_eq!(name.split('{').next().unwrap(), declared);
            samples.push((name, value.parse().unwrap()));
        }
        samples
    }

    #[test]
    fn what_was_counted_is_in_the_text() {
        let health = Health::default();
        let (first, second) = (Duration::from_millis(8), Duration::from_millis(4));
        for time in [first, second] {
            health.took(Stage::Age, time);
            health.frames_aged.bump();
        }
        health.recovered(Part::Camera);
        health.felt(Some(61.5), Heat::new(60.0).feel(Some(61.5)));
        health.set_settings_ok(false);
        let text_now = text(&health);
        let samples_now = samples(&text_now);
        let value = |name: &str| {
            let name = format!("{PREFIX}_{name}");
            samples_now.iter().find(|sample| sample.0 == name).unwrap_or_else(|| panic!("{name}")).1
        };
        assert_eq!(value("frames_aged_total"), 2.0);
        assert_eq!(value("recoveries_total{part=\"camera\"}"), 1.0);
        assert_eq!(value("stage_seconds_sum{stage=\"age\"}"), 0.012);
        assert_eq!(value("stage_seconds_count{stage=\"age\"}"), 2.0);
        assert_eq!(value("stage_seconds_max{stage=\"age\"}"), 0.008);
        assert_eq!((value("temperature_celsius"), value("ageing_pace")), (61.5, 0.7));
        assert_eq!((value("settings_ok"), value("generator_ok")), (0.0, 1.0));
        assert!(value("resident_memory_bytes") > 1e6);

        health.took(Stage::Age, second);
        let later = text(&health);
        assert!(samples(&later).contains(&("as_time_goes_by_stage_seconds_max{stage=\"age\"}", 0.004)));
    }

    #[test]
    fn percentiles_are_within_a_step() {
        let health = Health::default();
        assert_eq!(health.percentile(Stage::Draw, 0.5), None);
        (1..=1000).for_each(|micros| health.took(Stage::Draw, Duration::from_micros(10 * micros)));
        for (share, expected) in [(0.5, 5.0), (0.95, 9.5), (0.99, 9.9)] {
            let found = health.percentile(Stage::Draw, share).unwrap().as_secs_f64() * 1000.0;
            assert!((expected..expected * 1.2).contains(&found), "{share}: {found}");
        }
        health.took(Stage::Draw, Duration::from_secs(100_000));
        assert!(health.percentile(Stage::Draw, 1.0).unwrap() > Duration::from_secs(60));
    }

    #[test]
    fn a_machine_without_sensors_tells_no_temperature() {
        let health = Health::default();
        assert!(!text(&health).contains("temperature"));
        health.felt(None, Pace::FULL);
        assert!(!text(&health).contains("temperature"));
    }

    #[test]
    fn the_file_is_written_every_fifteen_seconds() {
        let folder = tempfile::tempdir().unwrap();
        let (health, path) = (Health::default(), folder.path().join("health.prom"));
        let mut file = HealthFile::new(path.clone());
        let written: Vec<u64> =
            (0..40).filter(|&second| file.write_when_due(&health, Duration::from_secs(second)).unwrap()).collect();
        assert_eq!(written, [0, 15, 30]);
        assert_eq!(std::fs::read_to_string(path).unwrap(), file.text);
        assert!(HealthFile::new("/no/such/health.prom".into()).write_when_due(&health, Duration::ZERO).is_err());
    }
}
