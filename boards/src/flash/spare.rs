//! What is known of a disk comes in; whether it may be overwritten goes out: only a disk that is made to be unplugged, is large
//! enough, and is in use by nobody.

use super::device::{Disk, Kernel, Size};

#[derive(Debug, thiserror::Error)]
pub enum SpareError {
    #[error("{name} ({model}) is built into this machine; only USB disks and SD cards are written. {hint}")]
    BuiltIn { name: String, model: String, hint: String },
    #[error("{name} ({model}) is in use: {}; {hint}", uses.join(", "))]
    InUse { name: String, model: String, uses: Vec<String>, hint: String },
    #[error("{name} ({model}) has no card in it; is it pushed in as far as it goes?")]
    Empty { name: String, model: String },
    #[error("{name} ({model}) cannot be written; is the card's lock at its side on?")]
    ReadOnly { name: String, model: String },
    #[error("{name} ({model}) has {} and the image needs {}; take a larger card", Size(*size), Size(*need))]
    Small { name: String, model: String, size: u64, need: u64 },
}

/// Refuses a disk that must not or cannot be overwritten with an image of `need` bytes.
pub fn check(disk: &Disk, kernel: &Kernel, need: u64) -> Result<(), SpareError> {
    let (name, model) = (disk.name.clone(), disk.model.clone());
    if !disk.may_be_unplugged() {
        return Err(SpareError::BuiltIn { name, model, hint: kernel.hint() });
    }
    if !disk.uses.is_empty() {
        let mounted = disk.uses.iter().filter_map(|using| using.split_once(" is mounted at "));
        let nodes: Vec<_> = mounted.map(|(node, _)| format!(" /dev/{node}")).collect();
        let hint = match nodes.len() == disk.uses.len() {
            true => format!("if nothing on it is needed: sudo umount{}", nodes.concat()),
            false => "it is left alone".into(),
        };
        return Err(SpareError::InUse { name, model, uses: disk.uses.clone(), hint });
    }
    if disk.size == 0 {
        return Err(SpareError::Empty { name, model });
    }
    if disk.read_only {
        return Err(SpareError::ReadOnly { name, model });
    }
    if disk.size < need {
        return Err(SpareError::Small { name, model, size: disk.size, need });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::machine::Machine;
    use super::*;

    impl Machine {
        fn refused(&self, words: &str) {
            let error = check(&self.read(), &self.kernel, 1 << 30).unwrap_err().to_string();
            assert!(error.contains(words), "{words} in: {error}");
        }
    }

    #[test]
    fn usb_disks_and_cards_are_written_and_a_soldered_memory_is_not() {
        let usb = Machine::usb();
        usb.put("removable", "0\n");
        check(&usb.read(), &usb.kernel, 1 << 30).unwrap();
        let card = Machine::card();
        check(&card.read(), &card.kernel, 1 << 30).unwrap();
        card.put("device/type", "MMC\n");
        card.refused("built into this machine");
    }

    #[test]
    fn a_built_in_disk_is_refused_and_what_would_fit_is_named() {
        let machine = Machine::with("pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0", "sda");
        machine.put("removable", "0\n");
        machine.refused("No card or USB disk is plugged in");
        machine.put("removable", "1\n");
        assert!(machine.kernel.hint().contains("/dev/sda (SanDisk Ultra, 31.9 GB)"), "{}", machine.kernel.hint());
    }

    #[test]
    fn a_disk_in_use_is_refused_whoever_uses_it() {
        let machine = Machine::usb();
        let mounts = "21 1 8:2 / /media/my\\040card rw,relatime shared:1 - ext4 /dev/sda2 rw\n";
        machine.proc("self/mountinfo", mounts);
        machine.refused("sda2 is mounted at /media/my card; if nothing on it is needed: sudo umount /dev/sda2");
        machine.proc("self/mountinfo", "22 1 0:33 /@ / rw - btrfs /dev/sda1 rw\n");
        machine.refused("sda1 holds the running system");
        machine.proc("self/mountinfo", "22 1 254:0 / / rw - ext4 /dev/vda rw\n");
        machine.proc("swaps", "Filename Type Size Used Priority\n/dev/sda2 partition 4 0 -2\n");
        machine.refused("sda2 is swap space");
        machine.proc("swaps", "Filename Type Size Used Priority\n/dev/sda22 partition 4 0 -2\n");
        check(&machine.read(), &machine.kernel, 1).unwrap();
        machine.put("sda1/holders/dm-0/dev", "253:0\n");
        machine.refused("sda1 is a part of dm-0");
    }

    #[test]
    fn an_empty_reader_a_locked_card_and_a_small_one_are_refused() {
        let machine = Machine::usb();
        machine.put("ro", "1\n");
        machine.refused("is the card's lock");
        machine.put("ro", "0\n");
        machine.put("size", "1000000\n");
        machine.refused("has 512.0 MB and the image needs 1.1 GB");
        machine.put("size", "0\n");
        machine.refused("no card in it");
    }
}
