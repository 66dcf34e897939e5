//! Kernel modules: which of them an image keeps. A few folders are chosen, and all that they depend on stays with them.

use super::ImageError;
use crate::host::process;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The modules of one kernel in a tree of files.
pub struct Modules {
    tree: PathBuf,
    pub version: String,
    /// Module → what must be loaded before it; paths such as `kernel/fs/squashfs/squashfs.ko.xz`.
    needs: BTreeMap<String, Vec<String>>,
}

impl Modules {
    /// Reads what is in `TREE/usr/lib/modules`, which must hold one kernel.
    pub fn read(tree: &Path) -> Result<Self, ImageError> {
        let folder = tree.join("usr/lib/modules");
        let io = |source| ImageError::Io { path: folder.clone(), source };
        let mut versions = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(io)? {
            versions.push(entry.map_err(io)?.file_name().to_string_lossy().into_owned());
        }
        let [version] = versions.as_slice() else { return Err(ImageError::Kernels { found: versions }) };
        depmod(tree, version)?;
        let path = folder.join(version).join("modules.dep");
        let text = std::fs::read_to_string(&path).map_err(|source| ImageError::Io { path, source })?;
        Ok(Self { tree: tree.to_owned(), version: version.clone(), needs: parse(&text) })
    }

    pub fn folder(&self) -> PathBuf {
        self.tree.join("usr/lib/modules").join(&self.version)
    }

    /// All modules whose path begins with one of these (below `kernel/`), and what they need. A beginning that matches
    /// nothing is an error: the kernel has changed, and somebody must look.
    pub fn chosen(&self, beginnings: &[String]) -> Result<BTreeSet<String>, ImageError> {
        choose(&self.needs, beginnings)
            .map_err(|beginning| ImageError::NoModule { beginning, kernel: self.version.clone() })
    }

    /// Deletes all modules but these.
    pub fn keep(&self, chosen: &BTreeSet<String>) -> Result<(), ImageError> {
        for module in self.needs.keys().filter(|module| !chosen.contains(*module)) {
            let path = self.folder().join(module);
            std::fs::remove_file(&path).map_err(|source| ImageError::Io { path, source })?;
        }
        depmod(&self.tree, &self.version)
    }

    /// Copies modules to the same places of another tree.
    pub fn copy(&self, chosen: &BTreeSet<String>, to: &Path) -> Result<(), ImageError> {
        let target = to.join("usr/lib/modules").join(&self.version);
        for name in chosen.iter().map(String::as_str).chain(["modules.builtin", "modules.order"]) {
            super::copy(&self.folder().join(name), &target.join(name))?;
        }
        depmod(to, &self.version)
    }
}

/// Writes the lists by which modules are found.
fn depmod(tree: &Path, version: &str) -> Result<(), ImageError> {
    process::run(Command::new("depmod").arg("--basedir").arg(tree).arg(version))?;
    Ok(())
}

fn parse(text: &str) -> BTreeMap<String, Vec<String>> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.map(|(module, needs)| (module.to_owned(), needs.split_whitespace().map(str::to_owned).collect())).collect()
}

fn choose(needs: &BTreeMap<String, Vec<String>>, beginnings: &[String]) -> Result<BTreeSet<String>, String> {
    let mut chosen = BTreeSet::new();
    for beginning in beginnings {
        let matches = |module: &&String| {
            let path = module.strip_prefix("kernel/").and_then(|path| path.strip_prefix(beginning.as_str()));
            path.is_some_and(|rest| rest.starts_with('/') || rest.starts_with(".ko"))
        };
        let mut found = needs.iter().filter(|(module, _)| matches(module)).peekable();
        if found.peek().is_none() {
            return Err(beginning.clone());
        }
        for (module, before) in found {
            chosen.insert(module.clone());
            chosen.extend(before.iter().cloned());
        }
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEP: &str = "kernel/fs/fat/vfat.ko.xz: kernel/fs/fat/fat.ko.xz\nkernel/fs/fat/fat.ko.xz:\nkernel/fs/fatter/x.ko.xz:\n\
                       kernel/drivers/media/uvc.ko.xz: kernel/lib/videobuf.ko.xz\nkernel/lib/videobuf.ko.xz:\n";

    fn chosen(beginnings: &[&str]) -> Result<Vec<String>, String> {
        let beginnings: Vec<_> = beginnings.iter().map(|text| text.to_string()).collect();
        choose(&parse(DEP), &beginnings).map(|set| set.into_iter().collect())
    }

    #[test]
    fn a_folder_stays_with_all_that_it_needs_and_no_other() {
        assert_eq!(
            chosen(&["drivers/media"]).unwrap(),
            ["kernel/drivers/media/uvc.ko.xz", "kernel/lib/videobuf.ko.xz"]
        );
        assert_eq!(chosen(&["fs/fat"]).unwrap().len(), 2);
        assert_eq!(chosen(&["fs/fat/vfat"]).unwrap().len(), 2);
    }

    #[test]
    fn a_folder_that_the_kernel_no_longer_has_is_named() {
        assert_eq!(chosen(&["fs/fat", "fs/minix"]).unwrap_err(), "fs/minix");
    }
}
