//! No byte of a picture reaches a disk or a network: the whole process is watched, through a visit, and every file that it
//! opens for writing and every socket counts. The watcher itself is shown to see both.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use tests::binaries::{Outcome, Program, edge, other};
use tests::watch::{Deed, Watcher};
use tests::{folder, pictures};

/// A visitor, before a camera that is a folder.
fn visit(work: &Path) -> Program {
    let camera = work.join("camera");
    fs::create_dir(&camera).unwrap();
    let photo = pictures::gallery(640, 480, &[(&pictures::visitor(0), 120, 20, 440)]);
    pictures::save(&photo, &camera.join("visitor.png"));
    let camera = format!("stills:{}", camera.display());
    edge().within(work).env("STATE_DIRECTORY", work.join("state")).args(["run", "--camera", &camera])
}

/// Watches a mirror whose screen is nowhere, as systemd starts it. Gives what it did, and what it told systemd that it did.
fn unseen(work: &Path, program: Program) -> (Outcome, Vec<Deed>, String) {
    let path = work.join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let listening = scope.spawn(|| {
            let (mut told, mut buffer) = (String::new(), [0; 500]);
            loop {
                match socket.recv(&mut buffer) {
                    Ok(length) => told += &String::from_utf8_lossy(&buffer[..length]),
                    Err(_) if over.load(Ordering::Relaxed) => return told,
                    Err(_) => {}
                }
            }
        });
        let (outcome, deeds) = Watcher::best().watch(program.args(["--screen", "none"]).env("NOTIFY_SOCKET", &path));
        over.store(true, Ordering::Relaxed);
        (outcome.succeeded(), deeds, listening.join().unwrap())
    })
}

#[test]
fn a_visit_writes_no_file_and_opens_no_socket() {
    let work = folder();
    let program = visit(work.path()).args(["--for", "15"]);
    let (outcome, deeds, told) = unseen(work.path(), program);
    assert!(told.contains("READY=1") && told.contains("STATUS=ageing"), "{told}");
    assert_eq!(deeds, []);
    // Nor does it tell a picture by its words.
    assert!(outcome.said().len() < 10_000, "{}", outcome.said());
    assert!(!work.path().join("state").exists());
}

#[test]
fn only_the_health_file_and_the_copy_of_the_settings_are_written_when_asked_for() {
    let work = folder();
    let settings = work.path().join("kiosk.toml");
    fs::write(&settings, "[visit]\nsweep_seconds = 5\nlongest_seconds = 30\n[service]\nhealth = \"health.prom\"\n")
        .unwrap();
    let program = visit(work.path()).args(["--for", "45", "--config"]).arg(&settings);
    let (_, deeds, told) = unseen(work.path(), program);
    assert!(told.contains("STATUS=ageing") && told.contains("STATUS=showing the strip"), "{told}");
    let state = work.path().join("state");
    let is = |path: &Path, folder: &Path, name: &str| {
        let file = path.file_name().map(|file| file.to_string_lossy().into_owned()).unwrap_or_default();
        path.parent() == Some(folder) && (file == name || file.starts_with(&format!(".{name}.")))
    };
    let allowed =
        |path: &Path| path == state || is(path, &state, "last-good-kiosk.toml") || is(path, work.path(), "health.prom");
    let others: Vec<_> = deeds.iter().filter(|deed| !matches!(deed, Deed::Writes(path) if allowed(path))).collect();
    assert!(others.is_empty(), "{others:?}");
    let health = fs::read_to_string(work.path().join("health.prom")).unwrap();
    assert!(health.contains("as_time_goes_by_frames_shown_total"), "{health}");
    assert_eq!(fs::read(state.join("last-good-kiosk.toml")).unwrap(), fs::read(&settings).unwrap());
}

#[test]
fn the_watcher_sees_pictures_that_are_written() {
    for watcher in [Watcher::best(), Watcher::Polling] {
        let work = folder();
        let screen = work.path().join("screen");
        let visit = visit(work.path()).args(["--for", "20", "--screen"]).arg(format!("png:{}", screen.display()));
        let (outcome, deeds) = watcher.watch(visit);
        outcome.succeeded();
        let seen = deeds.iter().any(|deed| matches!(deed, Deed::Writes(path) if path.starts_with(&screen)));
        assert!(seen, "{watcher:?} saw {deeds:?}");
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
