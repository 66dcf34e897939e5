//! Debian's packages, without running any of their scripts: `packages.toml` → an archive in the cache → a tree of files.

use crate::host::{place, process};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::ImageError;

/// `boards/image/packages.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Packages {
    pub mirror: String,
    pub security: String,
    pub suite: String,
    pub packages: Vec<String>,
    /// Folders of kernel modules that stay.
    pub modules: Vec<String>,
    /// Those of them that are needed before the root is there.
    pub first_modules: Vec<String>,
}

/// A downloaded archive is used again for that long, so that security updates reach an image.
const FRESH: Duration = Duration::from_hours(24);

impl Packages {
    pub fn read() -> Result<Self, ImageError> {
        let path = super::files().join("packages.toml");
        let text = std::fs::read_to_string(&path).map_err(|source| ImageError::Io { path: path.clone(), source })?;
        toml::from_str(&text).map_err(|error| ImageError::Settings { path, message: error.to_string() })
    }

    /// Unpacks all packages and what they depend on into a new folder.
    pub fn unpack(&self, tree: &Path) -> Result<(), ImageError> {
        let archive = self.archive()?;
        std::fs::create_dir_all(tree).map_err(|source| ImageError::Io { path: tree.to_owned(), source })?;
        // Who owns a file is decided when the root is packed; devices come from the kernel.
        let mut tar = Command::new("tar");
        tar.arg("--extract").arg("--file").arg(&archive).arg("--directory").arg(tree);
        tar.args(["--no-same-owner", "--exclude=./dev/*"]);
        process::run(&mut tar)?;
        Ok(())
    }

    /// The archive of these packages, from the cache or from the mirror.
    fn archive(&self) -> Result<PathBuf, ImageError> {
        let folder = place::cache();
        let sum = Sha256::digest(format!("{} {} {} {:?}", self.mirror, self.security, self.suite, self.packages));
        let name: String = sum.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        let archive = folder.join(format!("packages-{name}.tar"));
        let age = archive.metadata().and_then(|meta| meta.modified()).ok().and_then(|time| time.elapsed().ok());
        if age.is_some_and(|age| age < FRESH) {
            return Ok(archive);
        }
        place::room(&folder, 1500)?;
        eprintln!("fetching Debian {} for arm64", self.suite);
        let partial = archive.with_extension("tar.part");
        let Self { mirror, security, suite, .. } = self;
        let mut command = Command::new("mmdebstrap");
        command.args(["--variant=extract", "--architectures=arm64", "--format=tar"]);
        command.arg(format!("--aptopt=Apt::Default-Release \"{suite}\""));
        command.arg(format!("--include={}", self.packages.join(",")));
        command.arg(suite).arg(&partial);
        command.arg(format!("deb {mirror} {suite} main non-free-firmware"));
        command.arg(format!("deb {mirror} {suite}-updates main"));
        command.arg(format!("deb {mirror} {suite}-backports main"));
        command.arg(format!("deb {security} {suite}-security main"));
        match process::run(&mut command) {
            Ok(_) => {}
            // An archive of yesterday is better than no image.
            Err(error) if archive.exists() => {
                eprintln!("Debian's mirror does not answer; the packages fetched before are used ({error})");
                return Ok(archive);
            }
            Err(source) => return Err(ImageError::Mirror { mirror: mirror.clone(), source }),
        }
        std::fs::rename(&partial, &archive).map_err(|source| ImageError::Io { path: archive.clone(), source })?;
        Ok(archive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_packages_is_sound() {
        let packages = Packages::read().unwrap();
        assert!(packages.packages.iter().any(|name| name == "systemd-sysv"));
        for first in &packages.first_modules {
            let kept = packages.modules.iter().any(|folder| first.starts_with(folder.as_str()));
            assert!(kept, "{first} is needed first and thrown away before");
        }
    }
}
