//! A plugin for QEMU's user emulation that counts what a program runs between two marks.
//!
//! A mark is the system call `getppid`, which nothing calls by the way and every language can. The first one sets all
//! counters to zero, the second one writes the file of the argument `out=PATH`, and so on by turns. A line of it is a block
//! of instructions without a jump into or out of it: how often it ran, where it lies, and its words, all in hexadecimal.
//! `boards count` reads it.
//!
//! Written against the plugin interface of version 1 (QEMU 4.2 to 8.2, `qemu-plugin.h`), without a line of C. Threads that
//! run the same block at the same time may lose a count: what is counted runs in one thread.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// `__NR_getppid` of arm64, riscv64 and the other architectures with the generic table.
const MARK: i64 = 173;
/// `QEMU_PLUGIN_INLINE_ADD_U64`
const ADD: c_int = 0;

/// The version of the interface that this is written for; QEMU reads it before anything else.
// SAFETY: a name of QEMU's choice, which nothing else here defines.
#[unsafe(no_mangle)]
pub static qemu_plugin_version: c_int = 1;

type Syscall = extern "C" fn(u64, c_uint, i64, u64, u64, u64, u64, u64, u64, u64, u64);

unsafe extern "C" {
    fn qemu_plugin_register_vcpu_tb_trans_cb(plugin: u64, translated: extern "C" fn(u64, *mut c_void));
    fn qemu_plugin_register_vcpu_syscall_cb(plugin: u64, called: Syscall);
    fn qemu_plugin_register_vcpu_tb_exec_inline(block: *mut c_void, operation: c_int, at: *mut c_void, by: u64);
    fn qemu_plugin_tb_vaddr(block: *const c_void) -> u64;
    fn qemu_plugin_tb_n_insns(block: *const c_void) -> usize;
    fn qemu_plugin_tb_get_insn(block: *const c_void, index: usize) -> *mut c_void;
    fn qemu_plugin_insn_data(instruction: *const c_void) -> *const c_void;
}

struct Block {
    /// Emulated code adds to it for as long as QEMU runs.
    runs: &'static AtomicU64,
    address: u64,
    words: Vec<u32>,
}

struct State {
    out: PathBuf,
    counting: bool,
    blocks: Vec<Block>,
}

static STATE: Mutex<State> = Mutex::new(State { out: PathBuf::new(), counting: false, blocks: Vec::new() });

/// QEMU's entry. Returns 0, or 1 with a message where `out=PATH` is missing.
///
/// # Safety
///
/// `arguments` are `count` strings of C, as QEMU promises.
// SAFETY: a name of QEMU's choice, which nothing else here defines.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn qemu_plugin_install(
    plugin: u64,
    _info: *const c_void,
    count: c_int,
    arguments: *const *const c_char,
) -> c_int {
    let mut out = None;
    for i in 0..usize::try_from(count).unwrap_or(0) {
        // SAFETY: the caller's promise.
        let argument = unsafe { CStr::from_ptr(*arguments.add(i)) }.to_string_lossy();
        out = argument.strip_prefix("out=").map(PathBuf::from).or(out);
    }
    let (Some(out), Ok(mut state)) = (out, STATE.lock()) else {
        eprintln!("counter: say where the counts go: -plugin libcounter.so,out=PATH");
        return 1;
    };
    state.out = out;
    // SAFETY: both functions live as long as this library, which QEMU never unloads.
    unsafe {
        qemu_plugin_register_vcpu_tb_trans_cb(plugin, translated);
        qemu_plugin_register_vcpu_syscall_cb(plugin, called);
    }
    0
}

/// A block is about to be translated: from now on its runs are counted.
extern "C" fn translated(_plugin: u64, block: *mut c_void) {
    let runs: &'static AtomicU64 = Box::leak(Box::new(AtomicU64::new(0)));
    // SAFETY: QEMU hands over a block that is valid during this call, with instructions of 4 bytes, and adds to a number
    // that lives for ever.
    let (address, words) = unsafe {
        qemu_plugin_register_vcpu_tb_exec_inline(block, ADD, runs.as_ptr().cast(), 1);
        let word = |i| qemu_plugin_insn_data(qemu_plugin_tb_get_insn(block, i)).cast::<u32>().read_unaligned();
        (qemu_plugin_tb_vaddr(block), (0..qemu_plugin_tb_n_insns(block)).map(word).collect())
    };
    if let Ok(mut state) = STATE.lock() {
        state.blocks.push(Block { runs, address, words });
    }
}

extern "C" fn called(_: u64, _: c_uint, number: i64, _: u64, _: u64, _: u64, _: u64, _: u64, _: u64, _: u64, _: u64) {
    let Ok(mut state) = STATE.lock() else { return };
    if number != MARK {
        return;
    }
    if state.counting {
        if let Err(error) = std::fs::write(&state.out, report(&state.blocks)) {
            eprintln!("counter: {}: {error}", state.out.display());
        }
    } else {
        state.blocks.iter().for_each(|block| block.runs.store(0, Ordering::Relaxed));
    }
    state.counting = !state.counting;
}

/// What has run since the counters were set to zero, a line a block.
fn report(blocks: &[Block]) -> String {
    let mut text = String::new();
    for block in blocks {
        let runs = block.runs.load(Ordering::Relaxed);
        if runs == 0 {
            continue;
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "{runs:x} {:x}", block.address);
        for word in &block.words {
            let _ = write!(text, " {word:08x}");
        }
        text.push('\n');
    }
    text
}
