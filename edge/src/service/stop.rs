//! How the mirror is asked to end: SIGTERM (systemd), SIGINT (Ctrl-C) or SIGHUP (the terminal is gone) raise a flag, which
//! the main loop reads once a frame.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the mirror should end. Clones are the same flag.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// A flag that the signals raise. A second signal ends the program at once, even if nothing reads the flag.
    pub fn on_signals() -> io::Result<Self> {
        let stop = Self::default();
        for signal in [SIGTERM, SIGINT, SIGHUP] {
            flag::register_conditional_shutdown(signal, 128 + signal, stop.0.clone())?;
            flag::register(signal, stop.0.clone())?;
        }
        Ok(stop)
    }

    pub fn is_asked_for(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Asks for the end from inside: another thread cannot go on.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    const CHILD: &str = "ATGB_STOP_TEST";

    /// Raises the signals in a second run of this test's program.
    #[test]
    fn the_first_signal_asks_and_the_second_ends() {
        if let Some(signal) = std::env::var_os(CHILD).and_then(|signal| signal.to_string_lossy().parse().ok()) {
            let stop = Stop::on_signals().unwrap();
            assert!(!stop.is_asked_for());
            signal_hook::low_level::raise(signal).unwrap();
            assert!(stop.clone().is_asked_for());
            signal_hook::low_level::raise(signal).unwrap();
            panic!("still here");
        }
        for signal in [SIGTERM, SIGINT, SIGHUP] {
            let mut test = Command::new(std::env::current_exe().unwrap());
            test.args(["--exact", "service::stop::tests::the_first_signal_asks_and_the_second_ends"]);
            let outcome = test.env(CHILD, signal.to_string()).output().unwrap();
            assert_eq!(outcome.status.code(), Some(128 + signal), "{outcome:?}");
        }
    }
}
