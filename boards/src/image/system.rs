//! The root of the system: packages, the mirror, and our own settings become a tree of files that nobody will ever write to.
//!
//! No package's script has run, so what they would have set up is set up here: by the packages' own programs, emulated.

use super::modules::Modules;
use super::packages::Packages;
use super::{ImageError, Parts, copy, layout};
use crate::host::process;
use std::path::Path;
use std::process::Command;

/// Folders and files that a mirror does not need, from the top of the tree.
const NEEDLESS: [&str; 19] = [
    "boot/initrd.img",
    "etc/cron.daily",
    "etc/dpkg",
    "etc/init.d",
    "etc/kernel",
    "etc/logrotate.d",
    "usr/games",
    "usr/lib/raspi-firmware",
    "usr/lib/u-boot",
    "usr/lib/udev/hwdb.d",
    "usr/share/bash-completion",
    "usr/share/bug",
    "usr/share/info",
    "usr/share/initramfs-tools",
    "usr/share/lintian",
    "usr/share/locale",
    "usr/share/man",
    "usr/share/tiny-initramfs",
    "usr/src",
];

/// Units that must not start even when something asks for them: no login on the screen, nothing that writes to the root.
const MASKED: [&str; 8] = [
    "getty.target",
    "getty@.service",
    "serial-getty@.service",
    "console-getty.service",
    "systemd-firstboot.service",
    "systemd-update-done.service",
    "systemd-networkd.service",
    "systemd-networkd-wait-online.service",
];

/// Fills an unpacked tree until it is a system that starts the mirror. Kernel, U-Boot and firmware must have been taken out of it.
pub fn finish(tree: &Path, parts: &Parts, packages: &Packages, modules: &Modules) -> Result<(), ImageError> {
    modules.keep(&modules.chosen(&packages.modules)?)?;
    for name in ["passwd", "group"] {
        copy(&tree.join(format!("usr/share/base-passwd/{name}.master")), &tree.join("etc").join(name))?;
    }
    process::run(Command::new("dpkg-deb").arg("--extract").arg(parts.package).arg(tree))?;
    super::copy_tree(&super::files().join("system"), tree, &|text| layout::fill(text, &parts.board.id, 0, ""))?;
    super::write(&tree.join("usr/lib/as-time-goes-by/version"), &format!("{}\n", parts.version))?;
    super::write(&tree.join("etc/hostname"), "mirror\n")?;
    // Empty: systemd makes one up for each start.
    super::write(&tree.join("etc/machine-id"), "")?;
    copy(parts.keyring, &tree.join("etc/rauc/keyring.pem"))?;
    for folder in ["boot/firmware", "proc", "sys", "run", "tmp", "var", "root", "dev"] {
        let path = tree.join(folder);
        std::fs::create_dir_all(&path).map_err(|source| ImageError::Io { path, source })?;
    }

    let root = format!("--root={}", tree.display());
    emulate(tree, "usr/bin/systemd-sysusers", &[&root])?;
    emulate(tree, "usr/bin/systemd-hwdb", &["update", "--usr", &root])?;
    emulate(tree, "usr/bin/systemctl", &[&root, "preset-all"])?;
    let units = tree.join("etc/systemd/system");
    for unit in MASKED {
        link("/dev/null", &units.join(unit))?;
    }

    for name in NEEDLESS {
        super::remove_tree(&tree.join(name))?;
    }
    let doc = tree.join("usr/share/doc");
    keep_licences(&doc).map_err(|source| ImageError::Io { path: doc, source })
}

/// Packs a tree as the file system that the card holds; all files belong to root.
pub fn pack(tree: &Path, image: &Path, epoch: u64) -> Result<(), ImageError> {
    let mut command = Command::new("mksquashfs");
    command.arg(tree).arg(image);
    command.args([
        "-noappend",
        "-no-progress",
        "-quiet",
        "-all-root",
        "-no-xattrs",
        "-comp",
        "zstd",
        "-Xcompression-level",
        "9",
    ]);
    command.args(["-all-time", &epoch.to_string(), "-mkfs-time", &epoch.to_string()]).env_remove("SOURCE_DATE_EPOCH");
    process::run(&mut command)?;
    Ok(())
}

/// Runs a program of the tree by user emulation; the tree's own libraries are found below it.
fn emulate(tree: &Path, program: &str, arguments: &[&str]) -> Result<(), ImageError> {
    let mut command = Command::new("qemu-aarch64-static");
    command.arg("-L").arg(tree).arg(tree.join(program)).args(arguments);
    process::run(&mut command)?;
    Ok(())
}

fn link(target: &str, path: &Path) -> Result<(), ImageError> {
    let io = |source| ImageError::Io { path: path.to_owned(), source };
    super::remove_tree(path)?;
    std::os::unix::fs::symlink(target, path).map_err(io)
}

/// Of the packages' documentation only the licences stay, and the mirror's own.
fn keep_licences(doc: &Path) -> std::io::Result<()> {
    for package in std::fs::read_dir(doc)? {
        let package = package?.path();
        if package.is_symlink() || !package.is_dir() || package.ends_with("as-time-goes-by") {
            continue;
        }
        for file in std::fs::read_dir(&package)? {
            let file = file?.path();
            match (file.file_name().is_some_and(|name| name == "copyright"), file.is_dir() && !file.is_symlink()) {
                (true, _) => {}
                (false, true) => std::fs::remove_dir_all(file)?,
                (false, false) => std::fs::remove_file(file)?,
            }
        }
    }
    Ok(())
}
