//! A V4L2 camera. The settings come in; the newest picture goes out, mirrored and turned, as long as there is a camera,
//! and again as soon as there is one: an unplugged, silent or broken camera is opened again by itself.

mod choice;
mod convert;
mod device;
mod pool;

pub use choice::{Mode, choose};
pub use convert::{ConvertError, Converter, Layout};
pub use pool::Pool;

use super::{Frame, FrameError, FrameSource};
use crate::screen::Rotation;
use device::{Opened, ReadError};
use serde::Deserialize;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What is asked of the camera. The defaults suit a USB camera above an upright screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameraSettings {
    pub device: Device,
    /// Width and height in pixels, as the camera gives them; `None`: about 1280×720.
    pub size: Option<(u32, u32)>,
    pub format: Option<Format>,
    /// Frames a second; `None`: 30, or what there is.
    pub rate: Option<u32>,
    /// Left stays left, as in a mirror.
    pub mirror: bool,
    /// How far the picture is turned clockwise, after mirroring, so that heads are upright.
    pub rotation: Rotation,
    pub flicker: Flicker,
    /// `None`: the camera's own.
    pub exposure: Option<Exposure>,
}

/// Which camera.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// The first one that gives pictures.
    #[default]
    Auto,
    /// `/dev/v4l/by-id/…` stays the same over reboots and replugs, `/dev/video0` may not.
    Path(PathBuf),
}

/// How a camera codes its pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Two pixels in four bytes.
    Yuyv,
    /// A JPEG picture a frame.
    Mjpg,
    /// A plane of brightness, then one of colour at half the size.
    Nv12,
}

/// The mains frequency whose flicker the camera avoids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flicker {
    #[default]
    Auto,
    Off,
    Hz50,
    Hz60,
}

/// How long the camera looks at a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    Auto,
    /// Microseconds; cameras know steps of 100.
    Micros(u32),
}

/// A camera, plugged in or not.
pub struct Camera {
    settings: CameraSettings,
    state: State,
    converter: Converter,
    pool: Pool,
    /// The camera that was silent last: others are tried first.
    silent: Option<PathBuf>,
    scene: u64,
    given: u64,
}

enum State {
    Closed { retry: Instant, pause: Duration },
    Open { camera: Opened, good: Instant, first: bool },
}

/// One call waits no longer than this.
const PATIENCE: Duration = Duration::from_millis(900);
/// A camera that gives no whole picture for so long is opened again; after starting it may take longer.
const SILENCE: Duration = Duration::from_secs(2);
const FIRST_SILENCE: Duration = Duration::from_secs(5);
/// Pauses between attempts to open a camera: the first, doubled until the last.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(800));

/// A video node and whether it serves as the mirror's camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub path: PathBuf,
    /// What the camera calls itself.
    pub name: String,
    /// The mode that would be used, or why not, in plain words.
    pub usable: Result<String, String>,
}

/// Tries every video node: a camera is usable once it gave a picture. Takes up to five seconds for each that is silent.
pub fn list(settings: &CameraSettings) -> Vec<Found> {
    let mut nodes = match &settings.device {
        Device::Auto => device::candidates(&Device::Auto),
        Device::Path(path) => vec![path.clone()],
    };
    nodes.dedup();
    let found = nodes.into_iter().map(|path| Found {
        name: device::name(&path).unwrap_or_default(),
        usable: try_out(&path, settings).map_err(|error| error.to_string()),
        path,
    });
    found.collect()
}

fn try_out(path: &std::path::Path, settings: &CameraSettings) -> Result<String, FrameError> {
    let (mut camera, mode) = device::open(path, settings)?;
    let end = Instant::now() + FIRST_SILENCE;
    while Instant::now() < end {
        match camera.read(PATIENCE, |_, _| Ok(())) {
            Ok(Some(())) => return Ok(mode.to_string()),
            Ok(None) | Err(ReadError::Frame(_)) => {}
            Err(ReadError::Camera(source)) => return Err(FrameError::Camera { path: path.to_owned(), source }),
        }
    }
    Err(FrameError::Silent(path.to_owned()))
}

impl Camera {
    /// A camera that is looked for when the first picture is asked for.
    pub fn new(settings: CameraSettings) -> Self {
        let converter = Converter::new(settings.mirror, settings.rotation);
        let state = State::Closed { retry: Instant::now(), pause: PAUSES.0 };
        Self { settings, state, converter, pool: Pool::default(), silent: None, scene: 0, given: 0 }
    }

    fn open(&mut self) -> Result<(), FrameError> {
        let State::Closed { retry, pause } = self.state else { return Ok(()) };
        std::thread::sleep(retry.saturating_duration_since(Instant::now()));
        let mut paths = device::candidates(&self.settings.device);
        paths.sort_by_key(|path| self.silent.as_ref() == Some(path));
        let mut passed_over = Vec::new();
        for path in paths {
            match device::open(&path, &self.settings) {
                Ok((camera, mode)) => {
                    tracing::info!("camera {}: {mode}", path.display());
                    self.state = State::Open { camera, good: Instant::now(), first: true };
                    self.scene += 1;
                    return Ok(());
                }
                Err(error) => passed_over.push(error),
            }
        }
        self.state = State::Closed { retry: Instant::now() + pause, pause: (pause * 2).min(PAUSES.1) };
        Err(match (passed_over.pop(), passed_over.is_empty()) {
            (Some(only), true) => only,
            (last, _) => {
                let reasons: Vec<_> = passed_over.iter().chain(&last).map(FrameError::to_string).collect();
                FrameError::NoCamera(reasons.join("; "))
            }
        })
    }

    fn close(&mut self) {
        self.state = State::Closed { retry: Instant::now() + PAUSES.0, pause: PAUSES.0 };
    }
}

impl FrameSource for Camera {
    fn next(&mut self, now: Duration) -> Result<Option<Frame>, FrameError> {
        let called = Instant::now();
        let mut torn = None;
        loop {
            let State::Open { camera, good, first } = &mut self.state else {
                self.open()?;
                continue;
            };
            let patience = PATIENCE.saturating_sub(called.elapsed());
            let size = self.converter.size(&camera.layout);
            let (converter, pool) = (&mut self.converter, &mut self.pool);
            let read = camera
                .read(patience, |bytes, layout| pool.fill(size, |picture| converter.convert(bytes, layout, picture)));
            match read {
                Ok(Some(picture)) => {
                    (*good, *first) = (Instant::now(), false);
                    self.silent = None;
                    self.given += 1;
                    let at = now + called.elapsed();
                    return Ok(Some(Frame { picture, scene: self.scene, number: self.given, at }));
                }
                Ok(None) => {}
                Err(ReadError::Frame(source)) => torn = Some(source),
                Err(ReadError::Camera(source)) => {
                    let path = camera.path.clone();
                    self.close();
                    return Err(FrameError::Camera { path, source });
                }
            }
            if called.elapsed() < PATIENCE {
                continue;
            }
            let path = camera.path.clone();
            if good.elapsed() >= if *first { FIRST_SILENCE } else { SILENCE } {
                tracing::warn!(
                    "camera {}: no picture for {} s, it is opened again",
                    path.display(),
                    good.elapsed().as_secs()
                );
                self.silent = Some(path.clone());
                self.close();
            }
            return Err(match torn {
                Some(source) => FrameError::Torn { path, source },
                None => FrameError::Silent(path),
            });
        }
    }
}

impl Default for CameraSettings {
    fn default() -> Self {
        Self {
            device: Device::Auto,
            size: None,
            format: None,
            rate: None,
            mirror: true,
            rotation: Rotation::None,
            flicker: Flicker::Auto,
            exposure: None,
        }
    }
}

impl Format {
    pub const ALL: [Self; 3] = [Self::Yuyv, Self::Mjpg, Self::Nv12];
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yuyv => "YUYV",
            Self::Mjpg => "MJPG",
            Self::Nv12 => "NV12",
        })
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}×{} {}", self.width, self.height, self.format)?;
        self.rate.map_or(Ok(()), |rate| write!(f, " at {rate} frames/s"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_that_is_missing_is_looked_for_again_and_again() {
        let device = Device::Path("/dev/a-camera-that-is-not-there".into());
        let mut camera = Camera::new(CameraSettings { device, ..CameraSettings::default() });
        for _ in 0..3 {
            let error = camera.next(Duration::ZERO).unwrap_err();
            assert!(matches!(error, FrameError::Camera { .. }), "{error}");
            assert!(error.is_passing());
        }
        assert_eq!(list(&camera.settings).len(), 1);
    }

    #[test]
    fn a_camera_may_be_made_in_one_thread_and_used_in_another() {
        fn is_send<T: Send>(_: &T) {}
        is_send(&Camera::new(CameraSettings::default()));
    }
}
