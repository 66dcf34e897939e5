//! Touch screens, keyboards, presenters and button boxes as Linux shows them (evdev). They may come and go; what was
//! pressed goes out.

use super::touch::Touch;
use super::{Input, Keys, Press};
use crate::screen::Rotation;
use evdev::{AbsoluteAxisCode, Device, EventSummary, KeyCode, PropType};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often new devices are looked for.
const SEARCH: Duration = Duration::from_secs(2);
/// Value of a key that went down; it is 0 when it goes up and 2 while it repeats.
const DOWN: i32 = 1;

/// All devices that can press something.
pub struct Devices {
    keys: Keys,
    rotation: Rotation,
    open: Vec<(PathBuf, Option<Pressable>)>,
    search: Instant,
}

struct Pressable {
    device: Device,
    touch: Option<Touch>,
}

impl Devices {
    /// `rotation` as the screen's, to which touch screens are glued.
    pub fn new(keys: Keys, rotation: Rotation) -> Self {
        Self { keys, rotation, open: Vec::new(), search: Instant::now() }
    }

    /// Opens what is new and forgets what is gone. Nodes that press nothing are kept, so that they are not opened again.
    fn look(&mut self) {
        let mut nodes = nodes();
        self.open.retain(|(path, _)| nodes.contains(path));
        nodes.retain(|path| self.open.iter().all(|(known, _)| known != path));
        for path in nodes {
            match pressable(&path, &self.keys, self.rotation) {
                Ok(pressable) => {
                    if let Some(Pressable { device, touch }) = &pressable {
                        let kind = if touch.is_some() { "touch screen" } else { "keys" };
                        tracing::info!("{kind} {}: {}", path.display(), device.name().unwrap_or("without a name"));
                    }
                    self.open.push((path, pressable));
                }
                // Permissions are given a moment after the node is there.
                Err(error) => tracing::debug!("{}: cannot be opened ({error})", path.display()),
            }
        }
    }
}

impl Input for Devices {
    fn poll(&mut self, presses: &mut Vec<Press>) {
        if Instant::now() >= self.search {
            self.search = Instant::now() + SEARCH;
            self.look();
        }
        let keys = &self.keys;
        self.open.retain_mut(|(path, pressable)| {
            let Some(Pressable { device, touch }) = pressable else { return true };
            loop {
                match device.fetch_events() {
                    Ok(events) => {
                        for event in events {
                            let event = event.destructure();
                            if let EventSummary::Key(_, key, DOWN) = event {
                                presses.extend(keys.button(key).map(Press::Key));
                            }
                            if let Some(touch) = touch {
                                touch.take(event, presses);
                            }
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        tracing::warn!("{}: is gone ({error})", path.display());
                        return false;
                    }
                }
            }
        });
    }
}

fn nodes() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/dev/input").into_iter().flatten().flatten();
    let events = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("event"));
    events.map(|entry| entry.path()).collect()
}

/// `None` for mice, touchpads, lids and whatever else presses nothing.
fn pressable(path: &Path, keys: &Keys, rotation: Rotation) -> io::Result<Option<Pressable>> {
    let device = Device::open(path)?;
    let has = |key| device.supported_keys().is_some_and(|keys| keys.contains(key));
    let touch = has(KeyCode::BTN_TOUCH) && !device.properties().contains(PropType::POINTER);
    let touch = if touch { panel(&device, rotation)? } else { None };
    if touch.is_none() && !keys.codes().any(has) {
        return Ok(None);
    }
    device.set_nonblocking(true)?;
    Ok(Some(Pressable { device, touch }))
}

fn panel(device: &Device, rotation: Rotation) -> io::Result<Option<Touch>> {
    let axes: Vec<_> = device.get_absinfo()?.collect();
    let range = |wanted| {
        let axis = axes.iter().find(|(code, _)| *code == wanted);
        axis.map(|(_, info)| (info.minimum(), info.maximum()))
    };
    let many = range(AbsoluteAxisCode::ABS_MT_SLOT).is_some();
    let (x, y) = match many {
        true => (AbsoluteAxisCode::ABS_MT_POSITION_X, AbsoluteAxisCode::ABS_MT_POSITION_Y),
        false => (AbsoluteAxisCode::ABS_X, AbsoluteAxisCode::ABS_Y),
    };
    Ok(range(x).zip(range(y)).map(|(x, y)| Touch::new([x, y], rotation, many)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_devices_presses_nothing() {
        let mut devices = Devices::new(Keys::default(), Rotation::None);
        let mut presses = Vec::new();
        devices.poll(&mut presses);
        devices.poll(&mut presses);
        assert!(pressable(Path::new("/dev/null"), &Keys::default(), Rotation::None).is_err());
    }
}
