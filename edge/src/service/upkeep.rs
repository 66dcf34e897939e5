//! What the main loop does for the house once in a while: feeds the watchdog, feels the temperature, writes the health file.
//! Only the main loop calls it: a mirror that no longer draws is started anew.

use super::{Health, HealthFile, Heat, Thermometer, Watchdog};
use std::sync::Arc;
use std::time::Duration;

/// The temperature is felt so often.
const PERIOD: Duration = Duration::from_secs(5);

/// Everything that has to be looked after.
pub struct Upkeep {
    watchdog: Watchdog,
    thermometer: Thermometer,
    heat: Heat,
    health: Arc<Health>,
    file: Option<HealthFile>,
    felt: Option<Duration>,
    ready: bool,
}

impl Upkeep {
    /// `hottest` in °C; without a `file` nothing is written.
    pub fn new(hottest: f32, file: Option<HealthFile>, health: Arc<Health>) -> Self {
        let (watchdog, thermometer) = (Watchdog::new(), Thermometer::find());
        Self { watchdog, thermometer, heat: Heat::new(hottest), health, file, felt: None, ready: false }
    }

    /// The loop has turned, at `now`. Says whether it is too hot.
    pub fn turn(&mut self, now: Duration) -> bool {
        if !self.ready {
            self.ready = true;
            self.watchdog.ready();
        }
        self.watchdog.alive();
        if self.felt.is_none_or(|felt| now.saturating_sub(felt) >= PERIOD || felt > now) {
            self.felt = Some(now);
            let celsius = self.thermometer.read();
            let pace = self.heat.feel(celsius);
            self.health.felt(celsius, pace);
        }
        if let Some(file) = &mut self.file
            && let Err(error) = file.write_when_due(&self.health, now)
        {
            tracing::warn!("{}: the health file cannot be written ({error})", file.path().display());
        }
        self.heat.is_hot()
    }

    /// What the mirror does, in a few words.
    pub fn status(&mut self, words: &str) {
        self.watchdog.status(words);
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.watchdog.stopping();
    }
}
