//! A source that gives pictures at a camera's rate, for sources that have no rate of their own.

use super::{Frame, FrameError, FrameSource};
use std::thread;
use std::time::{Duration, Instant};

/// Waits before each picture.
pub struct Paced<S> {
    source: S,
    period: Duration,
    next: Option<Instant>,
}

impl<S: FrameSource> Paced<S> {
    /// A picture every `period`; zero is as fast as it goes.
    pub const fn new(source: S, period: Duration) -> Self {
        Self { source, period, next: None }
    }
}

impl<S: FrameSource> FrameSource for Paced<S> {
    fn next(&mut self, now: Duration) -> Result<Option<Frame>, FrameError> {
        let begin = Instant::now();
        let next = self.next.unwrap_or(begin);
        let wait = next.saturating_duration_since(begin);
        thread::sleep(wait);
        self.next = Some(next.max(begin) + self.period);
        self.source.next(now + wait)
    }
}
