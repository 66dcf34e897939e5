//! The power goes while somebody writes to the settings, again and again: each time the mirror starts, and the systems on the
//! card stay what they were.

use super::report::Report;
use super::{holds, runs};
use crate::emulator::{Card, EmulatorError, Machine, Parts};
use crate::image::layout;
use std::time::Duration;

/// A careless editor: writes in place, for ever. Each write goes to the card at once, so that the cut comes between two.
const WRITE: &str = "mount -o remount,rw,sync /boot/firmware && (while :; do for n in 1 2 3 4 5 6 7 8; do yes \"# line $n\" | head -c 90000 > /boot/firmware/kiosk.toml; \
     cp /boot/firmware/kiosk.toml /boot/firmware/kiosk$n.new; mv /boot/firmware/kiosk$n.new /boot/firmware/kiosk$n.old; done; done > /dev/null 2>&1 &)";

pub fn check(report: &mut Report, card: &Card, parts: &Parts, cuts: u32) -> Result<(), EmulatorError> {
    if cuts == 0 {
        return Ok(());
    }
    report.part("power cuts");
    let systems = || [card.sum(layout::BOOT[0]), card.sum(layout::ROOT[0])].into_iter().collect::<Result<Vec<_>, _>>();
    let before = systems()?;
    let mut machine = Machine::start(parts)?;
    for cut in 1..=cuts {
        let settled = card.sum(layout::FIRST)?;
        machine.run(WRITE)?;
        report.within(120, "the settings are being written", || card.sum(layout::FIRST).map(|now| now != settled));
        // Not at the same moment each time.
        std::thread::sleep(Duration::from_millis(977 * u64::from(cut) % 4000));
        machine.unplug();
        machine = Machine::start(parts)?;
        report.within(240, &format!("after cut {cut} the mirror draws, whatever is left of its settings"), || {
            runs(&mut machine)
        });
    }
    report.check("the first partition can be read", holds(&mut machine, "ls /boot/firmware/u-boot.bin > /dev/null"));
    machine.run("sync")?;
    drop(machine);
    report.check("both systems on the card are what they were", systems().map(|after| after == before));
    card.put(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("emulator/kiosk.toml"), "kiosk.toml")?;
    Ok(())
}
