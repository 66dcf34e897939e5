//! Which of a camera's modes is used. What it offers and what the settings ask for come in; one mode goes out.

use super::{CameraSettings, Format};

/// A format, size and rate that a camera offers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mode {
    pub format: Format,
    pub width: u32,
    pub height: u32,
    /// Highest rate in frames a second; `None` where the camera does not say.
    pub rate: Option<f32>,
}

/// Sizes between these are a mirror: less shows no wrinkle, more costs time that the ageing needs.
const SMALLEST: (u32, u32) = (640, 480);
const LARGEST: (u32, u32) = (1920, 1080);
/// Pixels of the size that is liked best, 1280×720.
const LIKED: f32 = 1280.0 * 720.0;
/// Frames a second from which movement looks smooth.
const SMOOTH: f32 = 25.0;
/// Frames a second that are asked for where there are more: the screen shows no more than that of a face.
pub const ENOUGH: u32 = 30;

/// The best of `modes`; `None` if none fits the settings.
pub fn choose(modes: &[Mode], settings: &CameraSettings) -> Option<Mode> {
    let fits = |mode: &&Mode| {
        settings.format.is_none_or(|format| mode.format == format)
            && settings.size.is_none_or(|size| (mode.width, mode.height) == size)
    };
    modes.iter().filter(fits).min_by(|a, b| rank(a, settings).total_cmp(&rank(b, settings))).copied()
}

/// Smaller is better: first a rate that is smooth, then a size near the one that is liked, then the cheapest format.
fn rank(mode: &Mode, settings: &CameraSettings) -> f32 {
    let rate = mode.rate.unwrap_or(ENOUGH as f32);
    let wanted = settings.rate.map_or(SMOOTH, |rate| rate as f32 - 0.5);
    let slow = if rate >= wanted { 0.0 } else { 100.0 + 100.0 * (1.0 - rate / wanted) };
    let inside = (SMALLEST.0..=LARGEST.0).contains(&mode.width) && (SMALLEST.1..=LARGEST.1).contains(&mode.height);
    let excess = (mode.width as f32 * mode.height as f32 / LIKED).max(1e-6).ln();
    // Too large costs more than too small.
    let distance = if excess > 0.0 { 2.0 * excess } else { -excess };
    let format = match mode.format {
        Format::Yuyv => 0.0,
        Format::Mjpg => 0.01,
        Format::Nv12 => 0.02,
    };
    slow + if inside { 0.0 } else { 1000.0 } + distance + format
}

#[cfg(test)]
mod tests {
    use super::*;
    use Format::*;

    fn mode(format: Format, width: u32, height: u32, rate: f32) -> Mode {
        Mode { format, width, height, rate: Some(rate) }
    }

    /// A usual USB 2 camera: large raw pictures come slowly.
    fn usual() -> Vec<Mode> {
        vec![
            mode(Yuyv, 320, 240, 30.0),
            mode(Yuyv, 640, 480, 30.0),
            mode(Yuyv, 1280, 720, 10.0),
            mode(Yuyv, 1920, 1080, 5.0),
            mode(Mjpg, 640, 480, 30.0),
            mode(Mjpg, 1280, 720, 30.0),
            mode(Mjpg, 1920, 1080, 30.0),
        ]
    }

    #[test]
    fn a_usual_camera_gives_720_lines_at_full_rate() {
        let best = |modes: &[Mode]| choose(modes, &CameraSettings::default()).unwrap();
        assert_eq!(best(&usual()), mode(Mjpg, 1280, 720, 30.0));
        let mut fast = usual();
        fast.push(mode(Yuyv, 1280, 720, 30.0));
        assert_eq!(best(&fast), mode(Yuyv, 1280, 720, 30.0));
        let raw: Vec<_> = usual().into_iter().filter(|mode| mode.format == Yuyv).collect();
        assert_eq!(best(&raw), mode(Yuyv, 640, 480, 30.0));
        assert_eq!(best(&[mode(Nv12, 640, 480, 30.0), mode(Nv12, 1920, 1080, 30.0)]), mode(Nv12, 640, 480, 30.0));
        let unknown = Mode { rate: None, ..mode(Yuyv, 1280, 720, 0.0) };
        assert_eq!(best(&[mode(Yuyv, 640, 480, 30.0), unknown]), unknown);
    }

    #[test]
    fn what_lies_outside_is_the_last_resort() {
        let modes = [mode(Yuyv, 320, 240, 30.0), mode(Yuyv, 3840, 2160, 30.0)];
        assert!(choose(&modes, &CameraSettings::default()).is_some());
        let modes = [mode(Yuyv, 320, 240, 30.0), mode(Yuyv, 1920, 1080, 5.0)];
        assert_eq!(choose(&modes, &CameraSettings::default()), Some(modes[1]));
        assert_eq!(choose(&[], &CameraSettings::default()), None);
    }

    #[test]
    fn the_settings_have_the_last_word() {
        let ask =
            |size, format, rate| choose(&usual(), &CameraSettings { size, format, rate, ..CameraSettings::default() });
        assert_eq!(ask(Some((1920, 1080)), None, None), Some(mode(Mjpg, 1920, 1080, 30.0)));
        assert_eq!(ask(Some((1920, 1080)), Some(Yuyv), None), Some(mode(Yuyv, 1920, 1080, 5.0)));
        assert_eq!(ask(None, Some(Yuyv), Some(10)), Some(mode(Yuyv, 1280, 720, 10.0)));
        assert_eq!(ask(Some((800, 600)), None, None), None);
        assert_eq!(ask(None, Some(Nv12), None), None);
    }
}
