//! Where to compute: a CUDA device if there is one, else the CPU with its cores.

use tch::Device;

/// Where and how a run computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compute {
    pub device: Device,
    /// Each direction of the cycle in its own thread (CPU only).
    pub parallel: bool,
}

impl Compute {
    /// The best there is; `threads` limits the cores in use on a CPU. With two or more, each direction of the cycle gets a
    /// thread and half of the cores, which is faster than all cores for one direction after the other.
    pub fn pick(threads: Option<usize>) -> Self {
        load_cuda();
        let device = Device::cuda_if_available();
        if device.is_cuda() {
            return Self { device, parallel: false };
        }
        let cores = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).max(1);
        // The user's own choice for libtorch wins.
        if threads.is_some() || std::env::var_os("OMP_NUM_THREADS").is_none() {
            tch::set_num_threads((cores / 2).max(1) as i32);
        }
        Self { device, parallel: cores > 1 }
    }
}

/// Loads libtorch's CUDA part if there is one. The trainer is linked against the CPU part only, so that it runs anywhere;
/// on a CUDA machine `LD_LIBRARY_PATH` names the folder of a libtorch that has both.
fn load_cuda() {
    // SAFETY: the name is a C string; the library's initialisers register CUDA with libtorch and touch nothing of ours.
    unsafe {
        libc::dlopen(c"libtorch_cuda.so".as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL);
    }
}

/// The most memory that this process has held so far, in MiB; `None` where the system does not say.
pub fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_peak_of_memory_grows_with_what_is_held() {
        let before = peak_memory().unwrap();
        let held = vec![1u8; 64 << 20];
        assert!(peak_memory().unwrap() >= before && held.len() >> 20 == 64);
        assert!(peak_memory().unwrap() >= 64);
    }
}
