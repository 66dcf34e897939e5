//! Threads that compute one frame together, from its first layer to its last.

use rayon::{ThreadPool, ThreadPoolBuilder, Yield};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::hint;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// So often a thread without work looks for some before it lets others have its core.
const PATIENCE: u32 = 64;

/// So many threads, each on a core of its own; none where one is enough, or where the system refuses: the result is the same.
pub fn pool(threads: usize) -> Option<Arc<ThreadPool>> {
    if threads < 2 {
        return None;
    }
    let named = ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("ageing-{i}"));
    named.start_handler(stay).build().map(Arc::new).ok()
}

/// Runs `frame` on the first thread, while the others look for pieces of it. They stay awake from layer to layer: waking a thread
/// takes as long as a small layer.
pub fn together(pool: &ThreadPool, frame: impl FnOnce() + Send) {
    let frame = Mutex::new(Some(frame));
    let done = AtomicBool::new(false);
    pool.broadcast(|thread| {
        let own = if thread.index() == 0 { frame.lock().ok().and_then(|mut frame| frame.take()) } else { None };
        match own {
            Some(frame) => {
                let _finally = Finally(&done);
                frame();
            }
            None => help(&done),
        }
    });
}

/// Lets the other threads go, even if the frame panics.
struct Finally<'a>(&'a AtomicBool);

impl Drop for Finally<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn help(done: &AtomicBool) {
    let mut idle = 0;
    while !done.load(Ordering::Acquire) {
        if rayon::yield_now() == Some(Yield::Executed) {
            idle = 0;
            continue;
        }
        idle = (idle + 1) % PATIENCE;
        // Others may want this core.
        if idle == 0 { thread::yield_now() } else { hint::spin_loop() }
    }
}

/// Keeps a thread on a core of its own, the last ones first: the threads of a frame wait for each other many times, and the
/// kernel puts two of them on one core for as long as a frame takes. The first core is left to whoever draws. Where the
/// kernel refuses, the thread goes where it is sent.
fn stay(thread: usize) {
    let Ok(allowed) = sched_getaffinity(None) else { return };
    let cores: Vec<_> = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core)).collect();
    if let Some(core) = cores.iter().rev().nth(thread) {
        let mut own = CpuSet::new();
        own.set(*core);
        let _ = sched_setaffinity(None, &own);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rayon::prelude::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn all_threads_work_on_one_frame() {
        assert!(pool(0).is_none() && pool(1).is_none());
        let pool = pool(3).unwrap();
        let mut squares = vec![0_usize; 1000];
        for _ in 0..20 {
            together(&pool, || {
                squares.par_iter_mut().enumerate().for_each(|(i, square)| *square = i * i);
                assert_eq!(rayon::current_thread_index(), Some(0));
            });
        }
        assert!(squares.iter().enumerate().all(|(i, &square)| square == i * i));
    }

    #[test]
    fn a_frame_that_panics_lets_all_go() {
        let pool = pool(2).unwrap();
        let broken = catch_unwind(AssertUnwindSafe(|| together(&pool, || panic!("a broken frame"))));
        assert!(broken.is_err());
        let mut ran = false;
        together(&pool, || ran = true);
        assert!(ran);
    }
}
