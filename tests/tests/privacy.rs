//! No byte of a picture reaches a disk or a network: the whole process is watched, through a visit, and every file that it
//! opens for writing and every socket counts. The watcher itself is shown to see both.

use std::fs;
use std::path::Path;
use tests::binaries::{Program, edge, other};
use tests::watch::{Deed, Watcher};
use tests::{folder, pictures};

/// A visitor, before a camera that is a folder, on a screen that is nowhere.
fn visit(work: &Path) -> Program {
    let camera = work.join("camera");
    fs::create_dir(&camera).unwrap();
    let photo = pictures::gallery(640, 480, &[(&pictures::visitor(0), 120, 20, 440)]);
    pictures::save(&photo, &camera.join("visitor.png"));
    // What the program says is read by the test; a state folder that it must leave alone, too.
    edge()
        .within(work)
        .env("STATE_DIRECTORY", work.join("state"))
        .arg("run")
        .arg("--camera")
        .arg(format!("stills:{}", camera.display()))
}

fn writes(deeds: &[Deed]) -> Vec<&Path> {
    deeds.iter().filter_map(|deed| if let Deed::Writes(path) = deed { Some(path.as_path()) } else { None }).collect()
}

#[test]
fn a_visit_writes_no_file_and_opens_no_socket() {
    let work = folder();
    let (outcome, deeds) = Watcher::best().watch(visit(work.path()).args(["--screen", "none", "--for", "60"]));
    let outcome = outcome.succeeded();
    assert_eq!(deeds, []);
    // Nor does it tell a picture by its words.
    assert!(outcome.said().len() < 10_000, "{}", outcome.said());
    assert!(!work.path().join("state").exists());
}

#[test]
fn only_the_health_file_and_the_copy_of_the_settings_are_written_when_asked_for() {
    let work = folder();
    let settings = work.path().join("kiosk.toml");
    fs::write(&settings, "[service]\nhealth = \"health.prom\"\n").unwrap();
    let visit = visit(work.path()).args(["--screen", "none", "--for", "20", "--config"]).arg(&settings);
    let (outcome, deeds) = Watcher::best().watch(visit);
    outcome.succeeded();
    let allowed = |path: &Path| {
        let is = |folder: &Path, name: &str| {
            let file = path.file_name().map(|file| file.to_string_lossy().into_owned()).unwrap_or_default();
            path.parent() == Some(folder) && (file == name || file.starts_with(&format!(".{name}.")))
        };
        let state = work.path().join("state");
        path == state || is(&state, "last-good-kiosk.toml") || is(work.path(), "health.prom")
    };
    let other: Vec<_> = deeds.iter().filter(|deed| !matches!(deed, Deed::Writes(path) if allowed(path))).collect();
    assert!(other.is_empty(), "{other:?}");
    let health = fs::read_to_string(work.path().join("health.prom")).unwrap();
    assert!(health.contains("as_time_goes_by_frames_shown_total"), "{health}");
}

#[test]
fn the_watcher_sees_pictures_that_are_written() {
    for watcher in [Watcher::best(), Watcher::Polling] {
        let work = folder();
        let screen = work.path().join("screen");
        let visit = visit(work.path()).args(["--for", "20", "--screen"]).arg(format!("png:{}", screen.display()));
        let (outcome, deeds) = watcher.watch(visit);
        outcome.succeeded();
        let written = writes(&deeds);
        assert!(written.iter().any(|path| path.starts_with(&screen)), "{watcher:?} saw {deeds:?}");
    }
}

#[test]
fn the_watcher_sees_sockets() {
    for watcher in [Watcher::best(), Watcher::Polling] {
        let script = "exec 3<>/dev/udp/127.0.0.1/9; sleep 0.5";
        let (_, deeds) = watcher.watch(other("bash").args(["-c", script]));
        assert!(deeds.iter().any(|deed| matches!(deed, Deed::Socket(_))), "{watcher:?} saw {deeds:?}");
    }
}
