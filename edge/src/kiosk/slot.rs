//! What one thread leaves for others: the newest only. Nobody who puts waits, and nothing piles up.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A place for one value, counted by how often it was put.
#[derive(Debug)]
pub struct Slot<T> {
    place: Mutex<(u64, Option<T>)>,
    changed: Condvar,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { place: Mutex::new((0, None)), changed: Condvar::new() }
    }
}

/// A lock that a thread broke off under holds whole values all the same: each is put in one step.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T: Clone> Slot<T> {
    /// Replaces whatever is there.
    pub fn put(&self, value: T) {
        let mut place = locked(&self.place);
        *place = (place.0 + 1, Some(value));
        drop(place);
        self.changed.notify_all();
    }

    /// A value newer than the `after`th, and its count; waits for one for so long at most.
    pub fn newer(&self, after: u64, patience: Duration) -> Option<(u64, T)> {
        let place = locked(&self.place);
        let (place, _) = self
            .changed
            .wait_timeout_while(place, patience, |place| place.0 <= after)
            .unwrap_or_else(PoisonError::into_inner);
        if place.0 <= after { None } else { place.1.clone().map(|value| (place.0, value)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn only_the_newest_is_kept_and_given_once() {
        let slot = Slot::default();
        assert_eq!(slot.newer(0, Duration::ZERO), None);
        (1..=5).for_each(|value| slot.put(value));
        assert_eq!(slot.newer(0, Duration::ZERO), Some((5, 5)));
        assert_eq!(slot.newer(5, Duration::from_millis(1)), None);
    }

    #[test]
    fn who_waits_is_woken() {
        let slot = Arc::new(Slot::default());
        let other = slot.clone();
        let waiting = std::thread::spawn(move || other.newer(0, Duration::from_secs(60)));
        slot.put("here");
        assert_eq!(waiting.join().unwrap(), Some((1, "here")));
    }
}
