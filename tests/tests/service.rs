//! The systemd unit: what systemd itself says of it.

use std::fs;
use std::process::Command;
use tests::binaries::other;
use tests::{folder, root};

/// The first version of systemd that judges a unit that is not loaded.
const OFFLINE: u32 = 250;

/// The version of systemd that this machine has.
fn systemd() -> Option<u32> {
    let said = Command::new("systemd-analyze").arg("--version").output().ok()?.stdout;
    String::from_utf8_lossy(&said).split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn the_unit_is_sound_and_leaves_the_mirror_few_rights() {
    if systemd().is_none_or(|version| version < OFFLINE) {
        eprintln!("skipped: there is no systemd here, or too old a one, to judge the unit");
        return;
    }
    let work = folder();
    let unit = work.path().join("as-time-goes-by.service");
    let text = fs::read_to_string(root().join("edge/service/as-time-goes-by.service")).unwrap();
    assert!(text.contains("ExecStart=/usr/bin/edge run\n"));
    // The program need not be installed here.
    fs::write(&unit, text.replace("/usr/bin/edge run", "/bin/true")).unwrap();
    let outcome = other("systemd-analyze").arg("verify").arg(&unit).run().succeeded();
    assert_eq!(outcome.said().trim(), "");
    // Exposure of at most 1.0 out of 10.
    let judge = other("systemd-analyze").args(["security", "--offline=true", "--threshold=10"]).arg(&unit).run();
    assert_eq!(judge.code, Some(0), "{}", judge.said());
}
