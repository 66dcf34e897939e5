//! The whole path with the smoke recipe: pictures in a folder → cache → training, killed half-way and resumed → bundle →
//! verified → a photograph ages with it.

use shared::Decade;
use std::fs;
use std::path::Path;
use tests::binaries::{Program, edge, trainer, without_trainer};
use tests::{dataset, folder, pictures};

fn train(cache: &Path, run: &Path) -> Program {
    trainer().args(["train", "--recipe", "smoke", "--cache"]).arg(cache).arg("--out").arg(run)
}

/// Lines of losses that are written so far.
fn steps(run: &Path) -> usize {
    fs::read_to_string(run.join("losses.csv")).map_or(0, |losses| losses.lines().count().saturating_sub(1))
}

fn export(run: &Path, cache: &Path, bundle: &Path) -> Vec<u8> {
    trainer().arg("export").arg(run).arg("--cache").arg(cache).arg("--out").arg(bundle).run().succeeded();
    fs::read(bundle.join("generator.onnx")).unwrap()
}

#[test]
fn pictures_become_a_verified_bundle_that_ages_a_photograph() {
    if without_trainer() {
        return;
    }
    let work = folder();
    let path = |name: &str| work.path().join(name);
    let (data, cache, run, whole, bundle) =
        (path("data"), path("faces-64"), path("run"), path("whole"), path("bundle"));
    dataset::write(&data);

    let prepare =
        trainer().arg("prepare").arg(&data).args(["--side", "64", "--min-sharpness", "0", "--out"]).arg(&cache);
    eprintln!("{}", prepare.run().succeeded().stdout);
    let summary: serde_json::Value = serde_json::from_slice(&fs::read(cache.join("summary.json")).unwrap()).unwrap();
    for split in ["train", "val"] {
        let counts = summary[split].as_array().unwrap();
        assert!(counts.len() == 6 && counts.iter().all(|count| count.as_u64() > Some(0)), "{summary}");
    }
    pictures::open(&cache.join("sheet.png"));

    // The power fails between two checkpoints, and comes back.
    let mut training = train(&cache, &run).start();
    training.wait_until("half of the training", || steps(&run) >= 30);
    assert_eq!(training.kill().code, None, "it was killed");
    let half = export(&run, &cache, &path("half"));
    train(&cache, &run).arg("--resume").run().succeeded();
    train(&cache, &whole).run().succeeded();
    assert_eq!(steps(&run), steps(&whole), "no step is missing or twice in the losses");
    assert!(run.join("report.html").is_file());
    let resumed = export(&run, &cache, &bundle);
    assert!(resumed != half, "the rest of the training changed nothing");
    assert!(resumed == export(&whole, &cache, &path("unbroken")), "resuming changed the weights");

    let verified = trainer().arg("verify").arg(&bundle).arg("--run").arg(&run).run().succeeded();
    eprintln!("{}", verified.stdout);

    let (photo, out) = (&pictures::visitors()[0], path("out"));
    edge().arg("age").arg(photo).arg("--out").arg(&out).arg("--model").arg(&bundle).run().succeeded();
    for decade in Decade::ALL {
        pictures::open(&out.join(photo.file_stem().unwrap()).join(format!("{decade}.png")));
    }

    // The pictures of the middle layers.
    for stage in ["layers", "dynamic"] {
        let out = path(stage);
        trainer().arg(stage).arg(photo).arg("--run").arg(&run).arg("--out").arg(&out).run().succeeded();
        assert!(fs::read_dir(&out).unwrap().next().is_some(), "{stage} drew nothing");
    }

    // What the cycle loss gives: the run that is there is taken as it is, the other is trained, and nothing is done twice.
    let ablation = path("smoke-ablation");
    fs::create_dir(&ablation).unwrap();
    fs::rename(&whole, ablation.join("whole")).unwrap();
    let ablate = || {
        let call = trainer().args(["ablate", "--recipe", "smoke", "--only", "no-cycle", "--faces", "1", "--real", "1"]);
        call.args(["--judges", "nobody", "--runs"]).arg(work.path()).arg("--data").arg(&data).run().succeeded().stdout
    };
    let said = ablate();
    assert!(said.contains("without the cycle loss") && said.contains("60 steps done already"), "{said}");
    assert_ne!(fs::read(ablation.join("no-cycle/bundle/generator.onnx")).unwrap(), resumed, "the row is the whole");
    pictures::open(&ablation.join("no-cycle/previews/step-00000060.png"));
    let page = fs::read_to_string(ablation.join("report.html")).unwrap();
    assert!(page.contains("no-cycle/previews/step-00000060.png"), "{page}");
    assert!(!ablate().contains("steps done"), "a row was trained again");
    let recipe = fs::read_to_string(ablation.join("no-cycle.toml")).unwrap();
    let other = path("other.toml");
    fs::write(&other, recipe.replace("cycle = 0.0", "cycle = 0.5")).unwrap();
    let stale = trainer().args(["ablate", "--faces", "1", "--real", "1", "--judges", "nobody", "--only", "no-cycle"]);
    let stale = stale.arg("--recipe").arg(&other).arg("--runs").arg(work.path()).arg("--data").arg(&data).run();
    assert_eq!(stale.flaw(&["smoke-ablation/whole", "another recipe"]), None);

    // Checkpoints that were cut short are no checkpoints.
    for checkpoint in fs::read_dir(run.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path()) {
        let bytes = fs::read(&checkpoint).unwrap();
        fs::write(&checkpoint, &bytes[..bytes.len() / 2]).unwrap();
    }
    let before = fs::read(bundle.join("generator.onnx")).unwrap();
    trainer()
        .arg("export")
        .arg(&run)
        .arg("--cache")
        .arg(&cache)
        .arg("--out")
        .arg(&bundle)
        .run()
        .refused(&["checkpoint"]);
    train(&cache, &run).arg("--resume").run().refused(&["checkpoint"]);
    assert!(fs::read(bundle.join("generator.onnx")).unwrap() == before, "the older bundle is still there");
}
