//! Where things lie on the card. Two systems, of which one runs while the other can be replaced.
//!
//! ```text
//! 0        partition table (MBR: every bootloader of the boards reads it)
//! 1 MiB    what U-Boot and RAUC tell each other, 4 KiB with a check sum
//! 4 MiB    1: FAT, "MIRROR": the board's firmware, U-Boot, kiosk.toml, updates
//! …        2, 3: FAT, kernel and first steps of system A and of system B
//! …        5, 6: squashfs, root of system A and of system B (4 holds both)
//! ```

pub const MIB: u64 = 1 << 20;
/// Bytes of a block of the partition table.
pub const BLOCK: u64 = 512;

/// The disk's identifier in the partition table, and the partitions' `PARTUUID=41544742-0N`: "ATGB".
pub const DISK: &str = "41544742";

/// Where the two systems' order and counts lie, and how many bytes they have.
pub const STATE_OFFSET: u64 = MIB;
pub const STATE_BYTES: u64 = 4096;

/// The most that U-Boot unpacks as a kernel, bytes.
pub const KERNEL: u64 = 64 * MIB;

/// A partition: its number, first byte and size in bytes, both multiples of 1 MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    pub number: u32,
    pub start: u64,
    pub size: u64,
}

/// Firmware, settings and an update or two.
pub const FIRST: Partition = Partition { number: 1, start: 4 * MIB, size: 512 * MIB };
pub const BOOT: [Partition; 2] = [
    Partition { number: 2, start: 516 * MIB, size: 64 * MIB },
    Partition { number: 3, start: 580 * MIB, size: 64 * MIB },
];
/// Holds the roots; each of them has its own small table in the MiB before it.
pub const EXTENDED: Partition = Partition { number: 4, start: 644 * MIB, size: 770 * MIB };
pub const ROOT: [Partition; 2] = [
    Partition { number: 5, start: 645 * MIB, size: 384 * MIB },
    Partition { number: 6, start: 1030 * MIB, size: 384 * MIB },
];
/// The whole card, bytes.
pub const CARD: u64 = EXTENDED.start + EXTENDED.size;

/// The table in sfdisk(8)'s own words.
pub fn table() -> String {
    let mut table = format!("label: dos\nlabel-id: 0x{DISK}\nunit: sectors\n");
    let kinds =
        [(FIRST, "c, bootable"), (BOOT[0], "c"), (BOOT[1], "c"), (EXTENDED, "5"), (ROOT[0], "83"), (ROOT[1], "83")];
    for (Partition { number, start, size }, kind) in kinds {
        table += &format!("{number}: start={}, size={}, type={kind}\n", start / BLOCK, size / BLOCK);
    }
    table
}

/// Fills in the words in @ that files of the image may hold. Addresses are those of the board's memory.
pub fn fill(text: &str, board: &str, ram_start: u64, arguments: &str) -> String {
    let words = [
        ("board", board.to_owned()),
        ("disk", DISK.to_owned()),
        ("arguments", arguments.to_owned()),
        ("state_offset", format!("{STATE_OFFSET:#x}")),
        ("state_bytes", format!("{STATE_BYTES:#x}")),
        ("state_block", format!("{:#x}", STATE_OFFSET / BLOCK)),
        ("state_blocks", format!("{:#x}", STATE_BYTES / BLOCK)),
        ("boot_a", BOOT[0].number.to_string()),
        ("boot_b", BOOT[1].number.to_string()),
        ("root_a", ROOT[0].number.to_string()),
        ("root_b", ROOT[1].number.to_string()),
        // Between two of these there is room for the kernel and what it clears behind itself.
        ("state_address", format!("{:#x}", ram_start + 16 * MIB)),
        ("kernel_address", format!("{:#x}", ram_start + 64 * MIB)),
        ("unpack_address", format!("{:#x}", ram_start + 160 * MIB)),
        ("unpack_bytes", format!("{KERNEL:#x}")),
        ("steps_address", format!("{:#x}", ram_start + 256 * MIB)),
    ];
    words.iter().fold(text.to_owned(), |text, (word, value)| text.replace(&format!("@{word}@"), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_on_the_card_overlaps() {
        const { assert!(BLOCK < STATE_OFFSET && STATE_OFFSET + STATE_BYTES <= FIRST.start) };
        for (before, after) in [(FIRST, BOOT[0]), (BOOT[0], BOOT[1]), (BOOT[1], EXTENDED)] {
            assert!(before.start + before.size <= after.start, "{before:?} {after:?}");
        }
        assert!(EXTENDED.start + MIB <= ROOT[0].start && ROOT[0].start + ROOT[0].size + MIB <= ROOT[1].start);
        assert!(ROOT[1].start + ROOT[1].size <= CARD);
    }

    #[test]
    fn the_card_fits_on_what_is_sold_as_two_gigabytes() {
        const { assert!(CARD < 1_900_000_000) };
    }

    #[test]
    fn every_word_of_the_images_files_is_filled_in() {
        let files = [
            include_str!("../../image/boot.cmd"),
            include_str!("../../image/system/etc/fstab"),
            include_str!("../../image/system/etc/fw_env.config"),
            include_str!("../../image/system/etc/rauc/system.conf"),
            include_str!("../../image/system/usr/lib/udev/rules.d/61-card.rules"),
        ];
        for file in files {
            let filled = fill(file, "qemu", 0x4000_0000, "console=ttyAMA0");
            let left: Vec<_> = filled.lines().filter(|line| !line.starts_with('#') && line.contains('@')).collect();
            assert!(file.contains('@') && left.is_empty(), "{left:?}");
        }
    }
}
