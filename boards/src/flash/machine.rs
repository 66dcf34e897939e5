//! A made-up machine for tests: what its kernel says of its one disk lies in a folder.

use super::device::{Disk, Kernel};
use std::path::{Path, PathBuf};

/// A kernel with one disk of two partitions on a bus; 8:0 is the disk, 8:1 and 8:2 are the partitions.
pub struct Machine {
    _folder: tempfile::TempDir,
    pub kernel: Kernel,
    disk: PathBuf,
}

impl Machine {
    pub fn with(bus: &str, name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let kernel = Kernel { sys: folder.path().join("sys"), proc: folder.path().join("proc") };
        let disk = kernel.sys.join("devices").join(bus).join("block").join(name);
        let machine = Self { _folder: folder, kernel, disk };
        for (path, minor, sectors) in [("", 0, 62_333_952), ("1", 1, 524_288), ("2", 2, 8_388_608)] {
            let folder = if path.is_empty() { String::new() } else { format!("{name}{path}/") };
            machine.put(&format!("{folder}dev"), &format!("8:{minor}\n"));
            machine.put(&format!("{folder}size"), &format!("{sectors}\n"));
            if !path.is_empty() {
                machine.put(&format!("{folder}partition"), path);
            }
            let links = machine.kernel.sys.join("dev/block");
            std::fs::create_dir_all(&links).unwrap();
            std::os::unix::fs::symlink(machine.disk.join(&folder), links.join(format!("8:{minor}"))).unwrap();
        }
        std::fs::create_dir_all(machine.kernel.sys.join("block")).unwrap();
        std::os::unix::fs::symlink(&machine.disk, machine.kernel.sys.join("block").join(name)).unwrap();
        machine.put("removable", "1\n");
        machine.put("ro", "0\n");
        machine.put("device/vendor", "SanDisk \n");
        machine.put("device/model", "Ultra           \n");
        machine
    }

    pub fn usb() -> Self {
        Self::with("pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0/host4/target4:0:0/4:0:0:0", "sda")
    }

    pub fn card() -> Self {
        let machine = Self::with("platform/soc/mmc_host/mmc0/mmc0:aaaa", "mmcblk0");
        machine.put("removable", "0\n");
        machine.put("device/type", "SD\n");
        machine
    }

    pub fn put(&self, path: &str, text: &str) {
        write(&self.disk.join(path), text);
    }

    pub fn proc(&self, path: &str, text: &str) {
        write(&self.kernel.proc.join(path), text);
    }

    pub fn read(&self) -> Disk {
        self.kernel.disk("/dev/sda".as_ref(), 8, 0).unwrap()
    }
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}
