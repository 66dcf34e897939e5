//! Any bytes are an upright RGB picture within the limits, or an error that says what was seen.
#![no_main]

use libfuzzer_sys::fuzz_target;

// The file alone, so that a fuzzer need not build the whole mirror with its network engine.
#[allow(dead_code)]
#[path = "../../../edge/src/photo.rs"]
mod photo;

fuzz_target!(|bytes: &[u8]| match photo::read_bytes(bytes, "bytes") {
    Ok(picture) => {
        let sides = photo::MIN_SIDE..=photo::MAX_SIDE;
        assert!(sides.contains(&picture.width()) && sides.contains(&picture.height()));
    }
    Err(error) => assert!(error.to_string().contains("bytes")),
});
