//! What the doctor says of the machine and of the service that runs on it.

use super::Finding;
use crate::service::{Hours, Standing, Thermometer};
use crate::settings::Health;
use jiff::civil::DateTime;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// MiB that should be free for the mirror.
const ENOUGH: u64 = 256;
/// A running mirror writes its health file four times as often.
const STALE: Duration = Duration::from_secs(60);
/// Where the service's health file lies, for whoever is not the service.
const SERVICE_HEALTH: &str = "/run/as-time-goes-by/health.prom";

pub(super) fn heat(hottest: f32) -> Finding {
    match Thermometer::find().read() {
        None => Finding::Note("This machine does not tell its temperature; the mirror cannot slow down for it.".into()),
        Some(celsius) if celsius >= hottest => Finding::Note(format!(
            "{celsius:.0} °C, and from {hottest:.0} °C on fewer faces are aged: clean the fan, give it air."
        )),
        Some(celsius) => Finding::Good(format!("{celsius:.0} °C; from {hottest:.0} °C on fewer faces are aged.")),
    }
}

pub(super) fn memory(meminfo: &Path) -> Finding {
    let text = fs::read_to_string(meminfo).unwrap_or_default();
    let mebibytes = |field: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(field))?;
        line.split_whitespace().next()?.parse().ok().map(|kibibytes: u64| kibibytes / 1024)
    };
    match mebibytes("MemAvailable:").zip(mebibytes("MemTotal:")) {
        None => Finding::Note("This machine does not tell its memory.".into()),
        Some((free, all)) if free < ENOUGH => Finding::Bad(format!(
            "{free} of {all} MiB are free, and the mirror needs {ENOUGH}: end other programs, or take a larger board."
        )),
        Some((free, all)) => Finding::Good(format!("{free} of {all} MiB are free.")),
    }
}

pub(super) fn clock(hours: &Hours) -> Finding {
    let now = hours.local_time();
    clock_at(now, hours.at(now), hours.open.is_empty())
}

fn clock_at(now: DateTime, standing: Standing, always: bool) -> Finding {
    let time = now.strftime("%A %Y-%m-%d %H:%M");
    if !Hours::is_set(now) {
        let words =
            "the clock was never set, and opening hours cannot be kept: connect a network once, or add a clock.";
        return if always {
            Finding::Good(format!("{time}: the clock was never set; without opening hours it is not needed."))
        } else {
            Finding::Note(format!("{time}: {words}"))
        };
    }
    let state = if standing.open { "open" } else { "closed" };
    Finding::Good(match standing.changes {
        Some(changes) => format!("{time}; {state} until {}.", changes.strftime("%A %H:%M")),
        None => format!("{time}; always {state}."),
    })
}

pub(super) fn service(health: &Health) -> Finding {
    let file = match health {
        Health::Auto => PathBuf::from(SERVICE_HEALTH),
        Health::File(file) => file.clone(),
        Health::Off => {
            return Finding::Good("The health file is off; `systemctl status as-time-goes-by` tells more.".into());
        }
    };
    service_by(&file, SystemTime::now())
}

fn service_by(file: &Path, now: SystemTime) -> Finding {
    let name = file.display();
    let Ok(text) = fs::read_to_string(file) else {
        return Finding::Note(format!("No mirror runs as a service here: there is no {name}."));
    };
    let written = fs::metadata(file).and_then(|about| about.modified());
    // A clock that was set since then makes no mirror stand still.
    let age = written.ok().and_then(|written| now.duration_since(written).ok()).unwrap_or_default();
    if age > STALE {
        let seconds = age.as_secs();
        return Finding::Bad(format!(
            "The mirror has stood still for {seconds} s ({name}): systemctl restart as-time-goes-by."
        ));
    }
    let value = |metric: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix("as_time_goes_by_")?.strip_prefix(metric));
        line.and_then(|value| value.trim().parse().ok()).unwrap_or(0.0)
    };
    let started = Duration::try_from_secs_f64(value("start_time_seconds ")).unwrap_or_default();
    let hours = now.duration_since(SystemTime::UNIX_EPOCH + started).unwrap_or_default().as_secs_f64() / 3600.0;
    let (shown, aged) = (value("frames_shown_total "), value("frames_aged_total "));
    Finding::Good(format!("The mirror has run for {hours:.1} hours: {shown} frames shown, {aged} faces aged."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::{Day, HealthFile, Opening};
    use jiff::civil::date;

    #[test]
    fn memory_is_read_as_the_kernel_writes_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("meminfo");
        let finding = |text: &str| {
            fs::write(&file, text).unwrap();
            memory(&file)
        };
        let plenty = finding("MemTotal:        3884024 kB\nMemFree:  1 kB\nMemAvailable:    2097152 kB\n");
        assert_eq!(plenty, Finding::Good("2048 of 3792 MiB are free.".into()));
        assert!(matches!(finding("MemTotal: 500000 kB\nMemAvailable: 100000 kB\n"), Finding::Bad(_)));
        assert!(matches!(finding("nothing"), Finding::Note(_)));
    }

    #[test]
    fn the_clock_says_until_when_it_is_open_and_whether_it_was_set() {
        let opening = Opening { days: vec![Day::Tue], from: 9 * 60, to: 17 * 60 };
        let hours = Hours { zone: None, open: vec![opening] };
        let at = |now: DateTime| clock_at(now, hours.at(now), false);
        let open = at(date(2026, 11, 24).at(15, 0, 0, 0));
        assert_eq!(open, Finding::Good("Tuesday 2026-11-24 15:00; open until Tuesday 17:00.".into()));
        assert!(
            matches!(at(date(2026, 11, 25).at(0, 0, 0, 0)), Finding::Good(words) if words.contains("closed until"))
        );
        assert!(matches!(at(date(1970, 1, 1).at(0, 0, 0, 0)), Finding::Note(_)));
        assert!(matches!(clock(&Hours::default()), Finding::Good(_)));
    }

    #[test]
    fn a_mirror_that_stands_still_is_told_by_its_health_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("health.prom");
        assert!(matches!(service_by(&path, SystemTime::now()), Finding::Note(_)));
        let health = crate::service::Health::default();
        (0..250).for_each(|_| health.frames_shown.bump());
        HealthFile::new(path.clone()).write_when_due(&health, Duration::ZERO).unwrap();
        let now = SystemTime::now();
        assert!(
            matches!(service_by(&path, now), Finding::Good(words) if words.contains("0.0 hours: 250 frames shown"))
        );
        assert!(matches!(service_by(&path, now + STALE * 2), Finding::Bad(words) if words.contains("restart")));
        assert!(matches!(service(&Health::Off), Finding::Good(_)));
    }

    #[test]
    fn any_machine_tells_how_warm_it_is_or_that_it_cannot() {
        let known = Thermometer::find().read().is_some();
        assert_eq!(matches!(heat(1000.0), Finding::Good(_)), known);
        assert!(matches!(heat(-100.0), Finding::Note(_)));
    }
}
