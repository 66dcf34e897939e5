//! A model bundle that is broken in any way: `edge age` says why, `edge run` goes on without ageing.

use std::fs;
use tests::binaries::edge;
use tests::{bad, folder, pictures};

#[test]
fn a_sound_copy_of_the_bundle_that_ships_gives_what_the_embedded_one_gives() {
    let work = folder();
    let bundle = work.path().join("bundle");
    bad::shipped_bundle(&bundle);
    let photo = &pictures::visitors()[0];
    let stem = photo.file_stem().unwrap();
    let (own, given) = (work.path().join("own"), work.path().join("given"));
    edge().arg("age").arg(photo).arg("--out").arg(&own).run().succeeded();
    edge().arg("age").arg(photo).arg("--out").arg(&given).arg("--model").arg(&bundle).run().succeeded();
    for decade in shared::Decade::ALL {
        let name = format!("{decade}.png");
        let [own, given] = [&own, &given].map(|out| fs::read(out.join(stem).join(&name)).unwrap());
        assert!(own == given, "{name} differs");
    }
}

#[test]
fn each_broken_bundle_is_refused_with_its_reason() {
    let mut flaws = Vec::new();
    for broken in bad::BUNDLES {
        eprintln!("{}", broken.what);
        let work = folder();
        let bundle = work.path().join("bundle");
        bad::shipped_bundle(&bundle);
        (broken.make)(&bundle);
        let out = work.path().join("out");
        let photo = &pictures::visitors()[0];
        let outcome = edge().arg("age").arg(photo).arg("--out").arg(&out).arg("--model").arg(&bundle).run();
        let words = [&[bundle.to_str().unwrap()], broken.says].concat();
        flaws.extend(outcome.flaw(&words).map(|flaw| format!("{}: {flaw}", broken.what)));
        if out.exists() && fs::read_dir(&out).unwrap().next().is_some() {
            flaws.push(format!("{}: something was written", broken.what));
        }
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}

#[test]
fn the_mirror_goes_on_without_ageing_when_its_bundle_is_refused() {
    let work = folder();
    let bundle = work.path().join("bundle");
    bad::shipped_bundle(&bundle);
    bad::edit(&bundle, "\"format\": ", "\"format\": 9");
    let screen = work.path().join("screen");
    let outcome = edge()
        .args(["run", "--for", "1", "--screen"])
        .arg(format!("png:{}", screen.display()))
        .arg("--model")
        .arg(&bundle)
        .run()
        .succeeded();
    assert!(outcome.said().contains("without ageing"), "{}", outcome.said());
    assert!(fs::read_dir(&screen).unwrap().next().is_some(), "nothing was shown");
}
