//! Time, as the loop sees it: read once a frame, and waited for. The real clock runs by itself; the other one is moved by
//! hand, so that pictures written to files do not depend on how fast the machine is.

use std::time::{Duration, Instant};

/// Time since the loop began.
pub trait Clock {
    fn now(&self) -> Duration;

    /// Returns once `moment` has come.
    fn wait_until(&mut self, moment: Duration);
}

/// The machine's monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Monotonic(Instant);

impl Monotonic {
    #[expect(clippy::new_without_default, reason = "a clock that starts is not a value by default")]
    pub fn new() -> Self {
        Self::since(Instant::now())
    }

    pub const fn since(start: Instant) -> Self {
        Self(start)
    }
}

impl Clock for Monotonic {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn wait_until(&mut self, moment: Duration) {
        std::thread::sleep(moment.saturating_sub(self.now()));
    }
}

/// A clock that moves only when it is waited for.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByHand(Duration);

impl Clock for ByHand {
    fn now(&self) -> Duration {
        self.0
    }

    fn wait_until(&mut self, moment: Duration) {
        self.0 = self.0.max(moment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_clock_comes_back_before_its_moment_or_runs_backwards() {
        let clocks: [&mut dyn Clock; 2] = [&mut Monotonic::new(), &mut ByHand::default()];
        for clock in clocks {
            clock.wait_until(Duration::from_millis(3));
            assert!(clock.now() >= Duration::from_millis(3));
            clock.wait_until(Duration::ZERO);
            assert!(clock.now() >= Duration::from_millis(3));
        }
    }
}
