//! The trainer on data, caches, recipes and runs that are not there or broken.

use std::fs;
use tests::binaries::{trainer, without_trainer};
use tests::{bad, folder};

#[test]
fn each_call_that_cannot_work_is_refused_with_its_reason_and_leaves_nothing_behind() {
    if without_trainer() {
        return;
    }
    let mut flaws = Vec::new();
    for call in bad::CALLS {
        eprintln!("{}", call.what);
        let work = folder();
        (call.make)(work.path());
        let names = || {
            let entries = fs::read_dir(work.path()).unwrap().map(|entry| entry.unwrap().file_name());
            entries.collect::<std::collections::BTreeSet<_>>()
        };
        let before = names();
        let outcome = trainer().within(work.path()).args(call.args.split(' ')).run();
        flaws.extend(outcome.flaw(call.says).map(|flaw| format!("{}: {flaw}", call.what)));
        if names() != before {
            flaws.push(format!("{}: something was left behind: {:?}", call.what, names()));
        }
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}

#[test]
fn the_help_names_every_stage() {
    if without_trainer() {
        return;
    }
    let said = trainer().arg("--help").run().succeeded().stdout;
    for stage in
        ["prepare", "landmarks", "train", "export", "verify", "evaluate", "ablate", "layers", "dynamic", "figures"]
    {
        assert!(said.contains(stage), "{stage} is missing in: {said}");
    }
}
