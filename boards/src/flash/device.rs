//! The path of a block device comes in; what the kernel says of the disk goes out: how it is attached, its size, its parts, and
//! who uses them.

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
    pub fn disk(&self, path: &Path, major: u32, minor: u32) -> Result<Disk, DeviceError> {
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
    pub fn hint(&self) -> String {
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
    /// Whether it is made to be taken out.
    pub fn may_be_unplugged(&self) -> bool {
        self.removable || self.bus != Bus::BuiltIn
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
    use super::super::machine::Machine;
    use super::*;

    #[test]
    fn a_disk_is_known_with_its_partitions() {
        let machine = Machine::usb();
        let disk = machine.read();
        assert_eq!(
            (&*disk.name, &*disk.model, disk.bus, disk.size),
            ("sda", "SanDisk Ultra", Bus::Usb, 31_914_983_424)
        );
        let part = |name: &str, size| Partition { name: name.into(), size };
        assert_eq!(disk.partitions, [part("sda1", 268_435_456), part("sda2", 4_294_967_296)]);
    }

    #[test]
    fn a_card_is_told_from_a_soldered_memory() {
        let machine = Machine::card();
        assert_eq!(machine.read().bus, Bus::Sd);
        machine.put("device/type", "MMC\n");
        assert_eq!(machine.read().bus, Bus::BuiltIn);
    }

    #[test]
    fn a_partition_points_to_its_disk() {
        let error = Machine::usb().kernel.disk("/dev/sda1".as_ref(), 8, 1).unwrap_err().to_string();
        assert!(error.contains("sda1 is a partition") && error.contains("name /dev/sda"), "{error}");
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
