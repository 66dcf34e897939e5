//! What this process holds: memory, files, threads. Read from `/proc`.

use serde::Serialize;
use std::fs;

/// At one moment.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Usage {
    pub at_frame: u64,
    pub resident_mib: f64,
    pub files: usize,
    pub threads: usize,
}

impl Usage {
    pub fn now(at_frame: u64) -> Self {
        let entries = |folder: &str| fs::read_dir(folder).map_or(0, Iterator::count);
        Self {
            at_frame,
            resident_mib: edge::timing::resident_memory().unwrap_or(f64::NAN),
            files: entries("/proc/self/fd"),
            threads: entries("/proc/self/task"),
        }
    }
}
