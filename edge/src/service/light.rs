//! The light behind a display, where the kernel can set it (`/sys/class/backlight`: panels that are built in; most monitors
//! on a cable have none).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A display's light.
#[derive(Debug)]
pub struct Backlight {
    folder: PathBuf,
    /// What the kernel calls full.
    full: u32,
}

/// Why the light stays as it is.
#[derive(Debug, thiserror::Error)]
#[error("{}: the light cannot be set ({source}); install the udev rules, or add the user to the group `video`", path.display())]
pub struct LightError {
    path: PathBuf,
    source: io::Error,
}

impl Backlight {
    /// The first light that can be set, if there is any.
    pub fn find() -> Option<Self> {
        Self::within(Path::new("/sys/class/backlight"))
    }

    fn within(class: &Path) -> Option<Self> {
        let mut folders: Vec<_> = fs::read_dir(class).ok()?.flatten().map(|entry| entry.path()).collect();
        folders.sort();
        folders.into_iter().find_map(|folder| {
            let full: u32 = fs::read_to_string(folder.join("max_brightness")).ok()?.trim().parse().ok()?;
            (full > 0).then_some(Self { folder, full })
        })
    }

    /// Sets the brightness in percent of what the display can; above 0 never quite dark.
    pub fn set(&self, percent: u32) -> Result<(), LightError> {
        let level = (u64::from(self.full) * u64::from(percent.min(100))).div_ceil(100);
        let path = self.folder.join("brightness");
        fs::write(&path, level.to_string()).map_err(|source| LightError { path, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_are_of_what_the_display_can() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Backlight::within(folder.path()).is_none());
        let panel = folder.path().join("panel");
        fs::create_dir(&panel).unwrap();
        fs::write(panel.join("max_brightness"), "0\n").unwrap();
        assert!(Backlight::within(folder.path()).is_none());
        fs::write(panel.join("max_brightness"), "31\n").unwrap();
        let light = Backlight::within(folder.path()).unwrap();
        for (percent, level) in [(0, "0"), (1, "1"), (10, "4"), (50, "16"), (100, "31"), (900, "31")] {
            light.set(percent).unwrap();
            assert_eq!(fs::read_to_string(panel.join("brightness")).unwrap(), level);
        }
        fs::remove_dir_all(&panel).unwrap();
        assert!(light.set(50).unwrap_err().to_string().contains("video"));
    }
}
