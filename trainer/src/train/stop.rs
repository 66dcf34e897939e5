//! Stopping on request: while somebody listens, Ctrl-C or a polite request to end sets a flag, so that a step is finished and saved; a
//! second one ends the program at once, and so does the first when nobody listens (any more).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

const SIGNALS: [i32; 2] = [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM];

/// A training that can be stopped; signals end the program again once all of these are dropped.
#[derive(Debug)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn listen() -> Self {
        let flag = flag();
        let mut listening = listening();
        if *listening == 0 {
            flag.store(false, Ordering::Relaxed);
        }
        *listening += 1;
        Self(flag)
    }

    /// Set when the training should save and leave.
    pub fn flag(&self) -> &AtomicBool {
        &self.0
    }

    pub fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        let mut listening = listening();
        *listening -= 1;
        if *listening == 0 {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

/// How many listen.
fn listening() -> MutexGuard<'static, usize> {
    static LISTENING: Mutex<usize> = Mutex::new(0);
    LISTENING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the next signal ends the program. A handler stays for as long as the program runs, so that there is one for all.
fn flag() -> Arc<AtomicBool> {
    static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    let register = || {
        let flag = Arc::new(AtomicBool::new(true));
        for signal in SIGNALS {
            // Without a handler the signal ends the program, and the last checkpoint is there.
            let _ = signal_hook::flag::register_conditional_default(signal, Arc::clone(&flag));
            let _ = signal_hook::flag::register(signal, Arc::clone(&flag));
        }
        flag
    };
    Arc::clone(FLAG.get_or_init(register))
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal_hook::consts::SIGTERM;
    use signal_hook::low_level::raise;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, ExitStatus};

    const WHAT: &str = "ATGB_TEST_STOP";
    const LEFT: i32 = 7;

    /// Runs `signalled` once more as a program of its own.
    fn ended(what: &str) -> ExitStatus {
        let mut again = Command::new(std::env::current_exe().unwrap());
        again.args(["--exact", "train::stop::tests::signalled"]).env(WHAT, what).status().unwrap()
    }

    /// Does nothing unless [`ended`] called it: a signal that ends the program would end all tests.
    #[test]
    fn signalled() {
        let Ok(what) = std::env::var(WHAT) else { return };
        let stop = Stop::listen();
        let other = Stop::listen();
        if what == "while one listens" || what == "twice" {
            drop(other);
            raise(SIGTERM).unwrap();
            assert!(stop.asked());
            if what == "twice" {
                raise(SIGTERM).unwrap();
            }
        } else {
            drop((stop, other));
            if what == "again" {
                let again = Stop::listen();
                assert!(!again.asked());
                raise(SIGTERM).unwrap();
                assert!(again.asked());
            } else {
                raise(SIGTERM).unwrap();
            }
        }
        std::process::exit(LEFT);
    }

    #[test]
    fn a_signal_asks_while_somebody_listens_and_ends_the_program_otherwise() {
        for asked in ["while one listens", "again"] {
            assert_eq!(ended(asked).code(), Some(LEFT), "{asked}");
        }
        for over in ["twice", "afterwards"] {
            assert_eq!(ended(over).signal(), Some(SIGTERM), "{over}");
        }
    }
}
