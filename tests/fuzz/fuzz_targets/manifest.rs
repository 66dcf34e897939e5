//! Any bytes are a manifest or an error; a manifest that was read survives the round trip.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shared::manifest::Manifest;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(manifest) = Manifest::from_json(bytes) {
        let text = manifest.to_json().expect("what was read can be written");
        assert_eq!(Manifest::from_json(text.as_bytes()), Ok(manifest));
    }
});
