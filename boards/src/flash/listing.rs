//! A disk comes in; what will be lost on it goes out, in words for the person before the screen.

use super::device::{Disk, Size};
use crate::host::process;
use serde::Deserialize;
use std::collections::HashMap;
use std::process::Command;

/// `lsblk --json`, as far as it is read (lsblk(8)).
#[derive(Deserialize)]
struct Listing {
    blockdevices: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    name: String,
    fstype: Option<String>,
    label: Option<String>,
    #[serde(default)]
    children: Vec<Node>,
}

/// The disk and its partitions, a line each.
pub fn of(disk: &Disk) -> String {
    let mut command = Command::new("lsblk");
    command.args(["--json", "--output", "NAME,FSTYPE,LABEL"]).arg(format!("/dev/{}", disk.name));
    // Without lsblk the kernel's own list says enough.
    let json = process::run(&mut command).unwrap_or_default();
    lines(disk, &json)
}

fn lines(disk: &Disk, json: &[u8]) -> String {
    let mut known = HashMap::new();
    let mut open = serde_json::from_slice::<Listing>(json).map_or(Vec::new(), |listing| listing.blockdevices);
    while let Some(node) = open.pop() {
        open.extend(node.children);
        known.insert(node.name, (node.fstype, node.label));
    }
    let words = |name: &str| match known.get(name) {
        Some((Some(system), Some(label))) => format!("{system} \"{label}\""),
        Some((Some(system), None)) => system.clone(),
        _ => "no known file system".into(),
    };
    let mut text = format!("/dev/{}: {}, {}\n", disk.name, disk.model, Size(disk.size));
    for part in &disk.partitions {
        text += &format!("  {:<12}{:>10}  {}\n", part.name, Size(part.size).to_string(), words(&part.name));
    }
    if disk.partitions.is_empty() {
        text += &format!("  no partitions; {}\n", words(&disk.name));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::device::{Bus, Partition};
    use super::*;

    #[test]
    fn partitions_are_listed_with_what_is_on_them_or_without() {
        let mut disk = Disk {
            name: "sda".into(),
            model: "SanDisk Ultra".into(),
            bus: Bus::Usb,
            size: 31_914_983_424,
            removable: true,
            read_only: false,
            partitions: vec![Partition { name: "sda1".into(), size: 268_435_456 }],
            uses: Vec::new(),
        };
        let json = br#"{"blockdevices":[{"name":"sda","fstype":null,"label":null,
            "children":[{"name":"sda1","fstype":"vfat","label":"HOLIDAYS"}]}]}"#;
        assert_eq!(
            lines(&disk, json),
            "/dev/sda: SanDisk Ultra, 31.9 GB\n  sda1          268.4 MB  vfat \"HOLIDAYS\"\n"
        );
        assert!(lines(&disk, b"").contains("sda1          268.4 MB  no known file system"));
        disk.partitions.clear();
        assert!(lines(&disk, b"").contains("no partitions"));
    }
}
