//! A run that is killed without warning, at any moment, goes on from its last checkpoint to the very weights of an unbroken
//! run. Runs the real binary.

use shared::{Decade, Landmarks, Point};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tch::Tensor;
use trainer::data::cache::{CacheWriter, FaceRecord, Split};
use trainer::recipe::EMBEDDED;

const STEPS: usize = 30;

fn cache(dir: &Path) {
    let mut writer = CacheWriter::create(dir, 32).unwrap();
    for i in 0..48 {
        let rgb: Vec<u8> = (0..32 * 32 * 3).map(|k| (k * (i % 7 + 1) / 11 + i * 5) as u8).collect();
        let record = FaceRecord {
            file: format!("{i}.png"),
            decade: Decade::ALL[i % 6],
            age: None,
            split: if i % 8 == 7 { Split::Val } else { Split::Train },
            gender: None,
            group: None,
            sharpness: 1.0,
            landmarks: Landmarks([Point::new(0.5, 0.5); 68]),
        };
        writer.push(&record, &rgb).unwrap();
    }
    writer.finish().unwrap();
}

fn recipe(path: &Path) {
    let mut text = EMBEDDED.iter().find(|(name, _)| *name == "smoke").unwrap().1.to_owned();
    for (from, to) in [
        ("side = 64", "side = 32"),
        ("width = 8", "width = 4"),
        ("steps = 60", &format!("steps = {STEPS}")),
        ("checkpoint_every = 20", "checkpoint_every = 4"),
        ("preview_every = 30", "preview_every = 7"),
    ] {
        assert!(text.contains(from));
        text = text.replace(from, to);
    }
    fs::write(path, text).unwrap();
}

fn train(work: &Path, run: &str, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trainer"));
    command.current_dir(work).env("OMP_NUM_THREADS", "1");
    command.args(["train", "--recipe", "recipe.toml", "--cache", "cache", "--out", run]).args(more);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn finished(work: &Path, run: &str, more: &[&str]) -> Output {
    let output = train(work, run, more).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn rows(work: &Path, run: &str) -> usize {
    fs::read_to_string(work.join(run).join("losses.csv")).map_or(0, |text| text.lines().count().saturating_sub(1))
}

fn wait_for_rows(child: &mut Child, work: &Path, run: &str, count: usize) {
    let started = Instant::now();
    while rows(work, run) < count {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        assert!(started.elapsed() < Duration::from_secs(300), "no progress");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Everything of the last checkpoint but the clock: names and tensors.
fn last(work: &Path, run: &str) -> BTreeMap<String, Tensor> {
    let path = work.join(run).join(format!("checkpoints/step-{STEPS:08}.safetensors"));
    let tensors = Tensor::read_safetensors(path).unwrap();
    tensors.into_iter().filter(|(name, _)| name != "state").collect()
}

#[test]
fn a_killed_run_goes_on_to_the_weights_of_an_unbroken_one() {
    let folder = tempfile::tempdir().unwrap();
    let work = folder.path();
    cache(&work.join("cache"));
    recipe(&work.join("recipe.toml"));
    finished(work, "unbroken", &[]);

    // Killed before the first checkpoint, between two, and right after one.
    for count in [2, 6, 17] {
        let mut child = train(work, "broken", &["--resume"]).spawn().unwrap();
        wait_for_rows(&mut child, work, "broken", count);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    // A kill in the middle of writing leaves such a file; and the last line may be cut.
    fs::create_dir_all(work.join("broken/checkpoints")).unwrap();
    fs::write(work.join("broken/checkpoints/.half.tmp"), b"half").unwrap();
    let log = fs::read(work.join("broken/losses.csv")).unwrap();
    fs::write(work.join("broken/losses.csv"), [&log[..], b"99,0.00"].concat()).unwrap();

    let refused = train(work, "broken", &[]).output().unwrap();
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--resume"));
    finished(work, "broken", &["--resume"]);

    let (unbroken, broken) = (last(work, "unbroken"), last(work, "broken"));
    assert!(unbroken.keys().eq(broken.keys()) && unbroken.len() > 40, "{:?}", unbroken.keys());
    for ((name, a), b) in unbroken.iter().zip(broken.values()) {
        assert_eq!(a, b, "{name}");
    }
    let losses = |run: &str| {
        let text = fs::read_to_string(work.join(run).join("losses.csv")).unwrap();
        let without_seconds = |line: &str| {
            line.split(',').enumerate().filter(|(i, _)| *i != 2).map(|(_, f)| f.to_owned()).collect::<Vec<_>>()
        };
        text.lines().map(without_seconds).collect::<Vec<_>>()
    };
    assert_eq!(losses("unbroken"), losses("broken"));
    assert!(!work.join("broken/checkpoints/.half.tmp").exists());
    for file in ["report.html", "recipe.toml", "previews/step-00000030.png"] {
        assert!(work.join("broken").join(file).is_file(), "{file}");
    }

    // Other data and other nets are refused; nothing of the run changes.
    let text = fs::read_to_string(work.join("recipe.toml")).unwrap();
    fs::write(work.join("recipe.toml"), text.replace("blocks = 2", "blocks = 3")).unwrap();
    let refused = train(work, "broken", &["--resume"]).output().unwrap();
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("another recipe"));
    assert_eq!(last(work, "broken").len(), broken.len());
}

#[test]
#[cfg(unix)]
fn a_polite_signal_finishes_the_step_and_saves() {
    let folder = tempfile::tempdir().unwrap();
    let work = folder.path();
    cache(&work.join("cache"));
    recipe(&work.join("recipe.toml"));
    let text = fs::read_to_string(work.join("recipe.toml")).unwrap();
    let long = text
        .replace(&format!("\nsteps = {STEPS}\noptimizer"), "\nsteps = 100000\noptimizer")
        .replace("every = 4", "every = 90000");
    fs::write(work.join("recipe.toml"), long).unwrap();
    let mut child = train(work, "run", &[]).spawn().unwrap();
    wait_for_rows(&mut child, work, "run", 3);
    // SAFETY: plain system call on a child that was not waited for yet.
    assert_eq!(unsafe { libc::kill(child.id() as i32, libc::SIGINT) }, 0);
    let output = child.wait_with_output().unwrap();
    assert!(!output.status.success() && output.status.code().is_some(), "it ended by itself: {:?}", output.status);
    assert!(String::from_utf8_lossy(&output.stderr).contains("--resume"));
    let saved = fs::read_dir(work.join("run/checkpoints")).unwrap().count();
    assert_eq!(saved, 1);
    let done = rows(work, "run");
    assert!(work.join(format!("run/checkpoints/step-{done:08}.safetensors")).is_file());
}
