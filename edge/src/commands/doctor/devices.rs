//! What the doctor finds plugged in, and whether it may be used.

use super::Finding;
use crate::commands::assemble;
use crate::commands::run::RunError;
use crate::frames::camera;
use crate::screen::kms;
use crate::settings::{self, Device, Input, Output};
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

pub(super) fn cameras(settings: &settings::Camera) -> Finding {
    if let Device::Stills(folder) = &settings.device {
        return Finding::Good(format!("The pictures in {} take its place.", folder.display()));
    }
    let found = camera::list(&assemble::camera(settings));
    let found = found.into_iter().map(|found| (format!("{} ({})", found.name, found.path.display()), found.usable));
    let nothing =
        "No camera found; plug in a USB camera. Until then a service waits, and `edge run` shows demo visitors.";
    parts(found, nothing)
}

pub(super) fn displays(settings: &settings::Screen) -> Finding {
    let card = match &settings.output {
        Output::Auto | Output::Kms(None) => None,
        Output::Kms(Some(card)) => Some(card.as_path()),
        Output::Window if cfg!(feature = "window") => {
            return Finding::Good("A window on a desktop takes its place.".into());
        }
        Output::Window => return Finding::Bad(RunError::NoWindow.to_string()),
        Output::Spi(wiring) if cfg!(feature = "spi") => {
            return Finding::Good(format!("The panel at {} takes its place.", wiring.device.display()));
        }
        Output::Spi(_) => return Finding::Bad(RunError::NoPanel.to_string()),
        Output::Png(folder) => return Finding::Good(format!("Files in {} take its place.", folder.display())),
    };
    let found = kms::list(&assemble::display(settings, card));
    let found =
        found.into_iter().map(|found| (format!("{} ({})", found.connector, found.card.display()), found.usable));
    let nothing =
        "No display found; connect one and enable KMS. Until then a service waits, and `edge run` writes pictures.";
    parts(found, nothing)
}

/// Each part with its mode, or why it cannot be used.
fn parts(found: impl Iterator<Item = (String, Result<String, String>)>, nothing: &str) -> Finding {
    let (usable, refused): (Vec<_>, Vec<_>) = found.partition(|(_, usable)| usable.is_ok());
    let line = |(name, Ok(words) | Err(words)): (String, Result<String, String>)| format!("{name}: {words}");
    match (usable.is_empty(), refused.is_empty()) {
        (true, true) => Finding::Note(nothing.into()),
        (true, false) => Finding::Note(refused.into_iter().map(line).collect::<Vec<_>>().join("; ")),
        (false, _) => Finding::Good(usable.into_iter().map(line).collect::<Vec<_>>().join("; ")),
    }
}

/// What can be touched or pressed, by the names that the kernel has for it.
pub(super) fn inputs(class: &Path) -> Finding {
    let name = |node: &PathBuf| {
        let name = fs::read_to_string(node.join("device/name")).ok()?;
        let properties = fs::read_to_string(node.join("device/properties")).unwrap_or_default();
        // INPUT_PROP_DIRECT: what is touched is what is seen (linux/input-event-codes.h).
        let direct = u64::from_str_radix(properties.split_whitespace().last()?, 16).is_ok_and(|bits| bits & 2 != 0);
        Some(format!("{}{}", name.trim(), if direct { " (touch)" } else { "" }))
    };
    let names: Vec<String> = nodes(class, "event").iter().filter_map(name).collect();
    if names.is_empty() {
        return Finding::Note("No touch screen, keyboard or button box found. The mirror runs by itself.".into());
    }
    Finding::Good(format!("{}.", names.join(", ")))
}

/// Which of the devices may not be opened, and the group that would help.
pub(super) fn rights(dev: &Path, input: &Input) -> Finding {
    let mut wanted = nodes(dev, "video");
    wanted.extend(nodes(&dev.join("dri"), "card"));
    wanted.extend(nodes(&dev.join("input"), "event"));
    wanted.extend(input.gpio.iter().map(|gpio| gpio.chip.clone()));
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    let trouble: Vec<String> = wanted.iter().filter_map(|node| refusal(node, &groups)).collect();
    match (wanted.len(), trouble.is_empty()) {
        (0, _) => Finding::Good("There is no device to open.".into()),
        (1, true) => Finding::Good("The one device may be opened.".into()),
        (count, true) => Finding::Good(format!("All {count} devices may be opened.")),
        (_, false) => Finding::Note(trouble.join(" ")),
    }
}

/// Why a device cannot be opened, and what to do; `None` where it can. `groups` is `/etc/group`.
fn refusal(node: &Path, groups: &str) -> Option<String> {
    let write = !node.starts_with("/dev/input");
    let error = OpenOptions::new().read(true).write(write).open(node).err()?;
    let owner = fs::metadata(node).ok().and_then(|about| group(groups, about.gid()));
    advice(node, &error, owner)
}

/// What to do about an error; `None` where the device is only in use. `owner` is the group of the device.
fn advice(node: &Path, error: &io::Error, owner: Option<&str>) -> Option<String> {
    let name = node.display();
    match error.kind() {
        ErrorKind::PermissionDenied => Some(match owner {
            Some("root") | None => format!("{name} belongs to root alone: install the mirror's udev rules."),
            Some(group) => format!("{name} may not be opened: add this user to the group `{group}` and log in again."),
        }),
        ErrorKind::NotFound => Some(format!("{name} is not there: correct the settings.")),
        ErrorKind::ResourceBusy => None,
        _ => Some(format!("{name} cannot be opened ({error}): unplug it and plug it in again.")),
    }
}

/// A group's name by its number.
fn group(groups: &str, id: u32) -> Option<&str> {
    let mut lines = groups.lines().map(|line| line.split(':'));
    lines.find_map(|mut fields| {
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then_some(name)
    })
}

/// The entries of a folder that are called `start` and a number, in its order.
fn nodes(folder: &Path, start: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let numbered = entries.filter_map(|entry| {
        let name = entry.file_name();
        let number: u32 = name.to_str()?.strip_prefix(start)?.parse().ok()?;
        Some((number, entry.path()))
    });
    let mut nodes: Vec<_> = numbered.collect();
    nodes.sort();
    nodes.into_iter().map(|(_, path)| path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Gpio;

    #[test]
    fn what_can_be_used_is_named_before_what_cannot() {
        let found = |usable: &[bool]| {
            let name = |(i, &usable): (usize, &bool)| {
                (format!("part {i}"), if usable { Ok("640×480".to_owned()) } else { Err("busy".to_owned()) })
            };
            parts(usable.iter().enumerate().map(name).collect::<Vec<_>>().into_iter(), "nothing")
        };
        assert_eq!(found(&[]), Finding::Note("nothing".into()));
        assert_eq!(found(&[false, false]), Finding::Note("part 0: busy; part 1: busy".into()));
        assert_eq!(found(&[false, true]), Finding::Good("part 1: 640×480".into()));
    }

    #[test]
    fn what_takes_the_place_of_a_device_is_named() {
        let stills = settings::Camera { device: Device::Stills("faces".into()), ..settings::Camera::default() };
        assert!(matches!(cameras(&stills), Finding::Good(words) if words.contains("faces")));
        let files = settings::Screen { output: Output::Png("files".into()), ..settings::Screen::default() };
        assert!(matches!(displays(&files), Finding::Good(words) if words.contains("files")));
    }

    #[test]
    fn devices_can_be_looked_for_on_any_machine() {
        let absent = settings::Camera { device: Device::Path("/dev/video-none".into()), ..settings::Camera::default() };
        assert!(matches!(cameras(&absent), Finding::Note(_)));
        let absent = Output::Kms(Some("/dev/dri/card-none".into()));
        let screen = settings::Screen { output: absent, ..settings::Screen::default() };
        assert!(matches!(displays(&screen), Finding::Note(_)));
    }

    #[test]
    fn a_touch_screen_is_told_from_a_keyboard() {
        let class = tempfile::tempdir().unwrap();
        assert!(matches!(inputs(class.path()), Finding::Note(_)));
        for (node, name, properties) in [("event0", "Keys", "0"), ("event1", "Panel", "2"), ("mouse0", "Mouse", "0")] {
            let device = class.path().join(node).join("device");
            fs::create_dir_all(&device).unwrap();
            fs::write(device.join("name"), format!("{name}\n")).unwrap();
            fs::write(device.join("properties"), format!("{properties}\n")).unwrap();
        }
        assert_eq!(inputs(class.path()), Finding::Good("Keys, Panel (touch).".into()));
    }

    #[test]
    fn a_device_that_is_not_there_is_named() {
        let dev = tempfile::tempdir().unwrap();
        let nothing = rights(dev.path(), &Input::default());
        assert!(matches!(nothing, Finding::Good(_)));
        fs::write(dev.path().join("video0"), b"").unwrap();
        assert!(matches!(rights(dev.path(), &Input::default()), Finding::Good(words) if words.contains("one device")));
        let gpio = Gpio { chip: "/dev/gpiochip99".into(), active_low: true, lines: [].into() };
        let missing = rights(dev.path(), &Input { gpio: Some(gpio), ..Input::default() });
        assert!(matches!(missing, Finding::Note(words) if words.contains("/dev/gpiochip99 is not there")));
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        let advice = |kind: ErrorKind, owner| advice(Path::new("/dev/video0"), &kind.into(), owner);
        assert!(advice(ErrorKind::PermissionDenied, Some("video")).unwrap().contains("group `video`"));
        assert!(advice(ErrorKind::PermissionDenied, Some("root")).unwrap().contains("udev rules"));
        assert!(advice(ErrorKind::InvalidInput, Some("video")).unwrap().contains("plug it in again"));
        assert_eq!(advice(ErrorKind::ResourceBusy, Some("video")), None);
    }

    #[test]
    fn groups_are_found_by_their_number() {
        let groups = "root:x:0:\nvideo:x:44:a,b\n\nbroken\ngpio:x:997:\n";
        assert_eq!((group(groups, 44), group(groups, 997), group(groups, 5)), (Some("video"), Some("gpio"), None));
    }
}
