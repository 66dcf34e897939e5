//! Systems are exchanged: a good update is installed from the first partition and stays; one that cannot start is given up
//! by U-Boot after three tries.

use super::report::Report;
use super::{QemuError, holds, runs};
use crate::emulator::{Card, Machine, Parts};
use crate::image::Image;
use crate::update::{self, Bundle, keys::Keys};
use std::path::Path;

pub fn check(
    report: &mut Report,
    card: &Card,
    parts: &Parts,
    image: &Image,
    keys: &Keys,
    work: &Path,
) -> Result<(), QemuError> {
    report.part("updates");
    let good = work.join("good.raucb");
    update::bundle(&Bundle { board: "qemu", version: "test-good", boot: &image.boot, root: &image.root, keys }, &good)?;
    card.put(&good, "update.raucb")?;
    let settings = card.read("kiosk.toml")?;
    let mut machine = Machine::start(parts)?;
    let slot = |name: &str| format!("grep -q rauc.slot={name} /proc/cmdline");
    report.check("system A runs before the update", holds(&mut machine, &slot("A")));
    machine.restarted()?;
    report.check(
        "the update was installed from the first partition, and system B starts",
        holds(&mut machine, &slot("B")),
    );
    report.within(240, "the mirror draws", || runs(&mut machine));
    report.within(300, "a system that draws is marked good", || {
        holds(&mut machine, "test \"$(fw_printenv -n BOOT_B_LEFT)\" = 3")
    });
    report.check(
        "it is not installed again",
        holds(&mut machine, "! systemctl is-failed --quiet mirror-update && grep -q rauc.slot=B /proc/cmdline"),
    );
    machine.run("sync")?;
    drop(machine);
    report.check("the settings are what they were", card.read("kiosk.toml").map(|after| after == settings));

    let (bad, junk) = (work.join("bad.raucb"), work.join("junk.img"));
    std::fs::write(&junk, vec![0xa5; 1 << 20]).map_err(|source| QemuError::Io { path: junk.clone(), source })?;
    update::bundle(&Bundle { board: "qemu", version: "test-bad", boot: &image.boot, root: &junk, keys }, &bad)?;
    card.put(&bad, "update.raucb")?;
    let mut machine = Machine::start(parts)?;
    report.check("system B runs", holds(&mut machine, &slot("B")));
    machine.restarted()?;
    report.check(
        "an update that cannot start is tried three times; then system B is back",
        holds(&mut machine, &slot("B")),
    );
    report.check("and A is given up", holds(&mut machine, "test \"$(fw_printenv -n BOOT_A_LEFT)\" = 0"));
    report.within(240, "the mirror draws", || runs(&mut machine));

    let foreign = work.join("foreign.raucb");
    let strangers = work.join("strangers");
    let others = update::keys::ready(&strangers).map_err(update::UpdateError::from)?;
    update::bundle(
        &Bundle { board: "qemu", version: "test-foreign", boot: &image.boot, root: &image.root, keys: &others },
        &foreign,
    )?;
    drop(machine);
    card.put(&foreign, "update.raucb")?;
    let mut machine = Machine::start(parts)?;
    report.within(240, "an update signed by a stranger is refused", || {
        holds(&mut machine, "systemctl is-failed --quiet mirror-update")
    });
    report.check("and system B runs on", holds(&mut machine, &slot("B")));
    Ok(())
}
