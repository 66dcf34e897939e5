//! Video4Linux2 bindings, generated once and kept, so that building the mirror needs no libclang.
//!
//! Takes the place of the crate `v4l2-sys-mit` (which runs bindgen at every build) through `[patch.crates-io]`. The
//! layout is that of every 64-bit Linux; x86-64 and aarch64 headers give the same text. To make it again:
//! `bindgen --allowlist-type 'v4l2_.*' --allowlist-var 'V4L2_.*' --no-doc-comments --no-layout-tests videodev2.h`.
#![allow(non_camel_case_types, non_upper_case_globals, non_snake_case)]
#![allow(clippy::all, clippy::pedantic)]

#[cfg(not(target_pointer_width = "64"))]
compile_error!("these bindings were generated for 64-bit Linux; generate them again for this target");

mod bindings;
pub use bindings::*;

/// Seconds since 1970; the v4l crate looks for it here.
pub type time_t = __time_t;

/// Sizes that the kernel's ioctl numbers are made of (linux/videodev2.h on any 64-bit machine).
const _: () = {
    assert!(size_of::<v4l2_capability>() == 104);
    assert!(size_of::<v4l2_format>() == 208);
    assert!(size_of::<v4l2_buffer>() == 88);
    assert!(size_of::<v4l2_queryctrl>() == 68);
    assert!(size_of::<v4l2_streamparm>() == 204);
};
