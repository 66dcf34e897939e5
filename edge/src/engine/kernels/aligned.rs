//! Memory that begins at a cache line: tiles and registers of 64 bytes then never straddle two.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// A cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// Numbers without padding, for which zero bytes are zero.
pub trait Plain: Copy + sealed::Sealed {}

mod sealed {
    pub trait Sealed {}
}

macro_rules! plain {
    ($($number:ty)*) => { $(impl sealed::Sealed for $number {} impl Plain for $number {})* };
}

plain!(u8 i8 i32 u32 f32);

/// A slice of zeros at first, aligned to 64 bytes. Maps and sums are fastest in such.
#[derive(Clone, Debug)]
pub struct Aligned<T> {
    lines: Vec<Line>,
    length: usize,
    kind: PhantomData<T>,
}

impl<T: Plain> Aligned<T> {
    /// `length` zeros.
    pub fn zeros(length: usize) -> Self {
        let lines = (length * size_of::<T>()).div_ceil(size_of::<Line>());
        Self { lines: vec![Line([0; 64]); lines], length, kind: PhantomData }
    }
}

impl<T: Plain> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the lines hold `length` numbers, aligned more than enough, and any bytes are a number.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.length) }
    }
}

impl<T: Plain> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.length) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begins_at_a_line_and_is_zero() {
        for length in [0, 1, 16, 17, 1000] {
            let mut sums = Aligned::<i32>::zeros(length);
            assert_eq!(sums.as_ptr() as usize % 64, 0);
            assert!(sums.len() == length && sums.iter().all(|&sum| sum == 0));
            sums.fill(7);
            assert!(sums.clone().iter().all(|&sum| sum == 7));
        }
    }
}
