//! Two halves of a step in two threads: on small nets faster than one half after the other with all cores on each.

/// A reference that another thread may use. libtorch's tensors may be read, and gradients added to them, by several
/// threads at once (its engine locks each leaf while adding), but `tch` does not say so in its types.
#[derive(Debug)]
pub struct Shared<'a, T>(pub &'a T);

// SAFETY: only forward and backward passes happen behind this reference; both are safe on shared tensors (see PyTorch's
// "Multithreading and autograd"), and nobody replaces a tensor while `both` runs, since the borrow is shared.
unsafe impl<T> Send for Shared<'_, T> {}
unsafe impl<T> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    pub const fn get(&self) -> &'a T {
        self.0
    }
}

/// Both results; `parallel` runs `second` in a thread of its own meanwhile.
pub fn both<A, B: Send>(parallel: bool, first: impl FnOnce() -> A, second: impl FnOnce() -> B + Send) -> (A, B) {
    if !parallel {
        return (first(), second());
    }
    std::thread::scope(|scope| {
        let second = scope.spawn(second);
        let first = first();
        (first, second.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}
