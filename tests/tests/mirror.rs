//! `edge run`: still pictures as the camera, PNG files as the screen. And the commands that a technician types first.

use std::fs;
use std::path::{Path, PathBuf};
use tests::binaries::edge;
use tests::{folder, pictures};

fn frames(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut frames: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "png")).collect();
    frames.sort();
    frames
}

#[test]
fn the_plain_call_shows_the_demo_visitors_and_names_the_folder() {
    let work = folder();
    let outcome = edge().within(work.path()).run().succeeded();
    let screen = work.path().join("as-time-goes-by");
    assert!(outcome.said().contains("as-time-goes-by"), "{}", outcome.said());
    let frames = frames(&screen);
    assert!(frames.len() >= pictures::visitors().len(), "{} frames", frames.len());
    let size = pictures::open(&frames[0]).dimensions();
    assert!(size.0 >= 320 && size.1 >= 240, "{size:?}");
}

#[test]
fn still_pictures_are_a_camera_and_a_folder_is_a_screen() {
    let work = folder();
    let (camera, screen) = (work.path().join("camera"), work.path().join("screen"));
    fs::create_dir(&camera).unwrap();
    for index in 0..2 {
        let photo = pictures::gallery(640, 480, &[(&pictures::visitor(index), 120, 20, 440)]);
        pictures::save(&photo, &camera.join(format!("{index}.png")));
    }
    edge()
        .args(["run", "--for", "2"])
        .arg("--camera")
        .arg(format!("stills:{}", camera.display()))
        .arg("--screen")
        .arg(format!("png:{}", screen.display()))
        .run()
        .succeeded();
    let frames = frames(&screen);
    let first = pictures::open(&frames[0]);
    assert!(frames.iter().any(|frame| pictures::open(frame) != first), "nothing moves in {} frames", frames.len());
}

#[test]
fn a_camera_that_cannot_be_is_named() {
    let work = folder();
    fs::create_dir(work.path().join("empty")).unwrap();
    fs::create_dir(work.path().join("texts")).unwrap();
    fs::write(work.path().join("texts/a.jpg"), "not a picture").unwrap();
    for camera in ["stills:missing", "stills:empty", "stills:texts", "teapot"] {
        let outcome = edge().within(work.path()).args(["run", "--for", "1", "--camera", camera]).run();
        outcome.refused(&[camera.trim_start_matches("stills:")]);
    }
}

#[test]
fn a_screen_that_cannot_be_is_named() {
    let work = folder();
    fs::write(work.path().join("file"), "keep me").unwrap();
    for screen in ["png:file", "png:file/below", "teapot"] {
        let outcome = edge().within(work.path()).args(["run", "--for", "1", "--screen", screen]).run();
        outcome.refused(&[screen.trim_start_matches("png:")]);
    }
    assert_eq!(fs::read_to_string(work.path().join("file")).unwrap(), "keep me");
}

#[test]
fn the_time_must_be_a_number_that_can_be() {
    for time in ["-1", "soon", "nan", "inf"] {
        edge().arg("run").arg(format!("--for={time}")).run().refused(&["--for"]);
    }
}

#[test]
fn the_doctor_speaks_of_each_part() {
    let said = edge().arg("doctor").run().succeeded().said().to_lowercase();
    let parts = [
        "settings",
        "camera",
        "display",
        "input",
        "rights",
        "languages",
        "languages",
        "bundle",
        "face",
        "heat",
        "memory",
        "clock",
        "service",
    ];
    for part in parts {
        assert!(said.contains(part), "{part} is missing in: {said}");
    }
}

#[test]
fn the_doctor_finds_the_mistake_in_the_settings() {
    let work = folder();
    let settings = work.path().join("kiosk.toml");
    fs::write(&settings, "# ours\n[screen]\nrotatoin = 90\n").unwrap();
    let doctor = || edge().within(work.path()).arg("doctor");
    for doctor in [doctor(), doctor().arg("--config").arg(&settings)] {
        let outcome = doctor.run();
        assert_eq!(outcome.code, Some(1), "{}", outcome.said());
        for words in ["kiosk.toml, line 3", "screen.rotatoin", "do you mean `rotation`?"] {
            assert!(outcome.said().contains(words), "{words} is missing in: {}", outcome.said());
        }
    }
    let outcome = doctor().args(["--config", "no-such.toml"]).run();
    assert!(outcome.code == Some(1) && outcome.said().contains("no-such.toml"), "{}", outcome.said());
    assert_eq!(fs::read_dir(work.path()).unwrap().count(), 1, "the doctor leaves nothing behind");
}

#[test]
fn the_bench_measures_each_stage() {
    let outcome = edge().args(["bench", "--json"]).run().succeeded();
    let report: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    for stage in ["decode", "find", "age", "compose"] {
        assert!(report.to_string().contains(stage), "{stage} is missing in {report}");
    }
}

#[test]
fn broken_settings_and_a_broken_generator_leave_a_mirror_that_says_so() {
    let work = folder();
    let (settings, bundle) = (work.path().join("kiosk.toml"), work.path().join("bundle"));
    fs::write(&settings, "[visit]\nsweep_seconds = 5\n[screen]\nrotation = 45\n").unwrap();
    fs::create_dir(&bundle).unwrap();
    fs::write(bundle.join("manifest.json"), "{}").unwrap();
    let shown = |screen: &str, more: &[&Path]| {
        let folder = work.path().join(screen);
        let mut program = edge().within(work.path()).args(["run", "--for", "8", "--screen"]);
        program = program.arg(format!("png:{}", folder.display()));
        for (name, path) in ["--config", "--model"].into_iter().zip(more) {
            program = program.arg(name).arg(path);
        }
        (program.run().succeeded().said(), pictures::open(&folder.join("frame-0006.png")))
    };
    let (said, broken) = shown("broken", &[&settings, &bundle]);
    for words in ["kiosk.toml, line 4", "screen.rotation", "goes on without ageing"] {
        assert!(said.contains(words), "{words} is missing in: {said}");
    }
    fs::write(&settings, "").unwrap();
    let (_, plain) = shown("plain", &[&settings, &bundle]);
    let (_, aged) = shown("aged", &[&settings]);
    assert_ne!(broken, plain, "the corner tells staff of the settings");
    assert_ne!(plain, aged, "without a generator nobody is aged");
}
