//! A block device's number comes in; what the kernel says of the disk goes out, and whether it may be overwritten: it must be
//! whole, made to be unplugged, large enough, and in use by nobody.

use std::fmt;
use std::path::{Path, PathBuf};

/// Where the kernel tells of its devices.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// `/sys`
    pub sys: PathBuf,
    /// `/proc`
    pub proc: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Such as `sda`.
    pub name: String,
    pub model: String,
    pub bus: Bus,
    /// Bytes; 0 for a reader without a card.
    pub size: u64,
    /// The kernel's word for a medium that can be taken out.
    pub removable: bool,
    pub read_only: bool,
    pub partitions: Vec<Partition>,
    /// Who uses the disk or a part of it, such as `sda1 is mounted at /media/card`.
    pub uses: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    pub name: String,
    /// Bytes.
    pub size: u64,
}

/// How a disk is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bus {
    Usb,
    /// A card in a reader of its own.
    Sd,
    /// A file that acts as a disk.
    Loop,
    /// Soldered, screwed in, or not a disk.
    BuiltIn,
}

#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    #[error("{}: {source}; is it plugged in? {hint}", path.display())]
    Absent { path: PathBuf, source: std::io::Error, hint: String },
    #[error("{}: not a disk but a {kind}; name a device such as /dev/sda. {hint}", path.display())]
    NoDisk { path: PathBuf, kind: &'static str, hint: String },
    #[error("{}: the kernel says nothing of it ({source})", path.display())]
    Unknown { path: PathBuf, source: std::io::Error },
    #[error("{name} is a partition; the image is for a whole disk: name /dev/{disk}")]
    Partition { name: String, disk: String },
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

/// Bytes as the makers of cards count them.
pub struct Size(pub u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes < 1_000_000 => write!(f, "{bytes} bytes"),
            bytes if bytes < 1_000_000_000 => write!(f, "{:.1} MB", bytes as f64 / 1e6),
            bytes => write!(f, "{:.1} GB", bytes as f64 / 1e9),
        }
    }
}

impl Default for Kernel {
    fn default() -> Self {
        Self { sys: "/sys".into(), proc: "/proc".into() }
    }
}

impl Kernel {
    /// All that is said of the disk that a path names. The path may be a link, as in `/dev/disk/by-id`.
    pub fn disk_at(&self, path: &Path) -> Result<Disk, DeviceError> {
        use std::os::unix::fs::{FileTypeExt, MetadataExt};
        let absent = |source| DeviceError::Absent { path: path.to_owned(), source, hint: self.hint() };
        let metadata = path.metadata().map_err(absent)?;
        let kind = metadata.file_type();
        if !kind.is_block_device() {
            let kind = if kind.is_dir() {
                "folder"
            } else if kind.is_file() {
                "file"
            } else {
                "device of another kind"
            };
            return Err(DeviceError::NoDisk { path: path.to_owned(), kind, hint: self.hint() });
        }
        let number = metadata.rdev();
        self.disk(path, rustix::fs::major(number), rustix::fs::minor(number))
    }

    /// All that is said of a disk by its number.
    fn disk(&self, path: &Path, major: u32, minor: u32) -> Result<Disk, DeviceError> {
        let folder = self.sys.join(format!("dev/block/{major}:{minor}")).canonicalize();
        let folder = folder.map_err(|source| DeviceError::Unknown { path: path.to_owned(), source })?;
        if folder.join("partition").exists() {
            let disk = folder.parent().map(name).unwrap_or_default();
            return Err(DeviceError::Partition { name: name(&folder), disk });
        }
        let mut folders: Vec<_> = list(&folder).into_iter().filter(|path| path.join("partition").exists()).collect();
        folders.sort_by_key(|path| number(&path.join("partition")));
        let partitions = folders.iter().map(|path| Partition { name: name(path), size: sectors(path) }).collect();
        let uses = std::iter::once(&folder).chain(&folders).flat_map(|folder| self.uses(folder)).collect();
        let words =
            ["device/vendor", "device/model", "device/name", "loop/backing_file"].map(|file| text(&folder.join(file)));
        let model = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        Ok(Disk {
            name: name(&folder),
            model: if model.is_empty() { "of unknown make".into() } else { model },
            bus: bus(&folder),
            size: sectors(&folder),
            removable: number(&folder.join("removable")) == 1,
            read_only: number(&folder.join("ro")) == 1,
            partitions,
            uses,
        })
    }

    /// Who uses a disk or partition: mounts, swap, and devices that are built on it.
    fn uses(&self, folder: &Path) -> Vec<String> {
        let (own, number) = (name(folder), text(&folder.join("dev")));
        let node = format!("/dev/{own}");
        let mut uses = Vec::new();
        // proc(5): ID, parent, device number, root, mount point, options, …, "-", type, source, options.
        for line in text(&self.proc.join("self/mountinfo")).lines() {
            let fields: Vec<_> = line.split(' ').collect();
            let source = fields.iter().skip_while(|field| **field != "-").nth(2);
            let (Some(device), Some(at)) = (fields.get(2), fields.get(4)) else { continue };
            if *device == number || source.is_some_and(|source| **source == node) {
                uses.push(match *at {
                    "/" => format!("{own} holds the running system"),
                    at => format!("{own} is mounted at {}", at.replace("\\040", " ")),
                });
            }
        }
        let swaps = text(&self.proc.join("swaps"));
        if swaps.lines().any(|line| line.split_whitespace().next() == Some(&*node)) {
            uses.push(format!("{own} is swap space"));
        }
        for holder in list(&folder.join("holders")) {
            uses.push(format!("{own} is a part of {} (RAID, LVM or encryption)", name(&holder)));
        }
        uses
    }

    /// The disks that could be written, as a sentence.
    fn hint(&self) -> String {
        let number = |path: &PathBuf| {
            let (major, minor) = text(&path.join("dev")).split_once(':').map(|(a, b)| (a.parse(), b.parse()))?;
            self.disk(path, major.ok()?, minor.ok()?).ok()
        };
        let disks = list(&self.sys.join("block"));
        let fit = disks.iter().filter_map(number).filter(|disk| disk.may_be_unplugged() && disk.bus != Bus::Loop);
        let words: Vec<_> = fit
            .filter(|disk| disk.size > 0)
            .map(|disk| format!("/dev/{} ({}, {})", disk.name, disk.model, Size(disk.size)))
            .collect();
        match words.is_empty() {
            true => "No card or USB disk is plugged in".into(),
            false => format!("Plugged in: {}", words.join(", ")),
        }
    }
}

impl Disk {
    fn may_be_unplugged(&self) -> bool {
        self.removable || self.bus != Bus::BuiltIn
    }

    /// Refuses a disk that must not or cannot be overwritten with an image of `need` bytes.
    pub fn check(&self, kernel: &Kernel, need: u64) -> Result<(), DeviceError> {
        let (name, model) = (self.name.clone(), self.model.clone());
        if !self.may_be_unplugged() {
            return Err(DeviceError::BuiltIn { name, model, hint: kernel.hint() });
        }
        if !self.uses.is_empty() {
            let mounted = self.uses.iter().filter_map(|using| using.split_once(" is mounted at "));
            let nodes: Vec<_> = mounted.map(|(node, _)| format!(" /dev/{node}")).collect();
            let hint = match nodes.len() == self.uses.len() {
                true => format!("if nothing on it is needed: sudo umount{}", nodes.concat()),
                false => "it is left alone".into(),
            };
            return Err(DeviceError::InUse { name, model, uses: self.uses.clone(), hint });
        }
        if self.size == 0 {
            return Err(DeviceError::Empty { name, model });
        }
        if self.read_only {
            return Err(DeviceError::ReadOnly { name, model });
        }
        if self.size < need {
            return Err(DeviceError::Small { name, model, size: self.size, need });
        }
        Ok(())
    }
}

/// An eMMC has the bus of a card but is soldered; its type is `MMC`, a card's is `SD`.
fn bus(folder: &Path) -> Bus {
    let numbered = |word: &str, kind: &str| word.strip_prefix(kind).is_some_and(|rest| rest.parse::<u32>().is_ok());
    let words: Vec<_> = folder.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    if folder.join("loop").is_dir() {
        Bus::Loop
    } else if words.iter().any(|word| numbered(word, "usb")) {
        Bus::Usb
    } else if words.iter().any(|word| numbered(word, "mmc")) && text(&folder.join("device/type")) == "SD" {
        Bus::Sd
    } else {
        Bus::BuiltIn
    }
}

fn name(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn text(path: &Path) -> String {
    std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned()).unwrap_or_default()
}

fn number(path: &Path) -> u64 {
    text(path).parse().unwrap_or(0)
}

/// The kernel counts in sectors of 512 bytes, whatever the disk does.
fn sectors(folder: &Path) -> u64 {
    number(&folder.join("size")) * 512
}

fn list(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kernel with one disk of two partitions on a bus; 8:0 is the disk, 8:1 and 8:2 are the partitions.
    struct Machine {
        _folder: tempfile::TempDir,
        kernel: Kernel,
        disk: PathBuf,
    }

    impl Machine {
        fn with(bus: &str, name: &str) -> Self {
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

        fn usb() -> Self {
            Self::with("pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0/host4/target4:0:0/4:0:0:0", "sda")
        }

        fn put(&self, path: &str, text: &str) {
            write(&self.disk.join(path), text);
        }

        fn proc(&self, path: &str, text: &str) {
            write(&self.kernel.proc.join(path), text);
        }

        fn read(&self) -> Disk {
            self.kernel.disk("/dev/sda".as_ref(), 8, 0).unwrap()
        }

        fn refused(&self, words: &str) {
            let error = self.read().check(&self.kernel, 1 << 30).unwrap_err().to_string();
            assert!(error.contains(words), "{words} in: {error}");
        }
    }

    fn write(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn a_usb_disk_is_known_and_may_be_written() {
        let machine = Machine::usb();
        let disk = machine.read();
        assert_eq!(
            (&*disk.name, &*disk.model, disk.bus, disk.size),
            ("sda", "SanDisk Ultra", Bus::Usb, 31_914_983_424)
        );
        let part = |name: &str, size| Partition { name: name.into(), size };
        assert_eq!(disk.partitions, [part("sda1", 268_435_456), part("sda2", 4_294_967_296)]);
        disk.check(&machine.kernel, 1 << 30).unwrap();
        machine.put("removable", "0\n");
        machine.read().check(&machine.kernel, 1 << 30).unwrap();
    }

    #[test]
    fn a_card_is_told_from_a_soldered_memory() {
        let machine = Machine::with("platform/soc/mmc_host/mmc0/mmc0:aaaa", "mmcblk0");
        machine.put("removable", "0\n");
        machine.put("device/type", "SD\n");
        assert_eq!(machine.read().bus, Bus::Sd);
        machine.read().check(&machine.kernel, 1).unwrap();
        machine.put("device/type", "MMC\n");
        machine.refused("built into this machine");
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
    fn a_partition_points_to_its_disk() {
        let error = Machine::usb().kernel.disk("/dev/sda1".as_ref(), 8, 1).unwrap_err().to_string();
        assert!(error.contains("sda1 is a partition") && error.contains("name /dev/sda"), "{error}");
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
        machine.read().check(&machine.kernel, 1).unwrap();
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

    #[test]
    fn what_is_no_disk_is_refused_by_its_kind() {
        let machine = Machine::usb();
        let refused = |path: &Path, words: &str| {
            let error = machine.kernel.disk_at(path).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        };
        refused("/dev/no-such-disk".as_ref(), "is it plugged in?");
        refused("/dev".as_ref(), "but a folder");
        refused(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml").as_ref(), "but a file");
        refused("/dev/null".as_ref(), "device of another kind");
    }
}
