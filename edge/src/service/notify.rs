//! What systemd is told: that the mirror is ready, what it does, and that its main loop still turns. Without systemd nothing
//! is told to nobody.

use sd_notify::NotifyState;
use std::time::{Duration, Instant};

/// The service's line to systemd. It belongs to the main loop and to nothing else: a thread of its own would go on telling
/// that all is well while the screen stands still.
#[derive(Debug)]
pub struct Watchdog {
    /// Half of the time after which systemd gives the service up; `None` where it does not watch.
    every: Option<Duration>,
    last: Option<Instant>,
    status: String,
}

impl Watchdog {
    /// Reads from the environment what systemd expects.
    #[expect(clippy::new_without_default, reason = "it depends on the environment")]
    pub fn new() -> Self {
        Self { every: sd_notify::watchdog_enabled().map(|time| time / 2), last: None, status: String::new() }
    }

    /// The first picture is on the screen.
    pub fn ready(&mut self) {
        tell(NotifyState::Ready);
    }

    /// What the mirror does, in a few words; told when it changes.
    pub fn status(&mut self, words: &str) {
        if self.status != words {
            words.clone_into(&mut self.status);
            tell(NotifyState::Status(words));
        }
    }

    /// The main loop has turned. To be called each time; told at half the interval.
    pub fn alive(&mut self) {
        let now = Instant::now();
        if is_due(self.every, self.last, now) {
            self.last = Some(now);
            tell(NotifyState::Watchdog);
        }
    }

    /// The mirror ends because it was asked to.
    pub fn stopping(&mut self) {
        tell(NotifyState::Stopping);
    }
}

/// Whether systemd started this program as a service and waits to hear of it.
pub fn is_service() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some_and(|socket| !socket.is_empty())
}

fn is_due(every: Option<Duration>, last: Option<Instant>, now: Instant) -> bool {
    every.is_some_and(|every| last.is_none_or(|last| now.saturating_duration_since(last) >= every))
}

/// A message that does not arrive is no reason to stop: if systemd misses it, it starts the mirror again.
fn tell(state: NotifyState) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!("systemd cannot be told ({error})");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;
    use std::process::Command;

    #[test]
    fn systemd_is_told_at_half_of_its_interval() {
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let every = Some(Duration::from_millis(500));
        assert!(is_due(every, None, start));
        assert!(!is_due(every, Some(start), after(499)));
        assert!(is_due(every, Some(start), after(500)));
        assert!(!is_due(None, None, start));
    }

    /// Sets the environment for a second run of this test's program: a process cannot safely change its own.
    #[test]
    fn each_message_arrives_once() {
        if std::env::var_os("NOTIFY_SOCKET").is_some_and(|socket| socket.to_string_lossy().contains("atgb-notify")) {
            let mut watchdog = Watchdog::new();
            watchdog.ready();
            for words in ["shows a visitor", "shows a visitor", "rests"] {
                watchdog.status(words);
                watchdog.alive();
            }
            watchdog.stopping();
            return;
        }
        let folder = tempfile::Builder::new().prefix("atgb-notify").tempdir().unwrap();
        let path = folder.path().join("socket");
        let socket = UnixDatagram::bind(&path).unwrap();
        let mut test = Command::new(std::env::current_exe().unwrap());
        test.args(["--exact", "service::notify::tests::each_message_arrives_once"]);
        test.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "60000000").env_remove("WATCHDOG_PID");
        assert!(test.output().unwrap().status.success());
        socket.set_nonblocking(true).unwrap();
        let mut told = Vec::new();
        let mut buffer = [0; 200];
        while let Ok(length) = socket.recv(&mut buffer) {
            told.push(String::from_utf8(buffer[..length].to_vec()).unwrap().trim_end().to_owned());
        }
        assert_eq!(told, ["READY=1", "STATUS=shows a visitor", "WATCHDOG=1", "STATUS=rests", "STOPPING=1"]);
    }
}
