//! One camera as Linux shows it: found, set up and read. A path and the settings come in; the bytes of the newest frame
//! go out. Next: [`super::convert`].

use super::choice::{ENOUGH, Mode, choose};
use super::convert::{ConvertError, Layout};
use super::{CameraSettings, Device, Exposure, Flicker, Format};
use crate::frames::FrameError;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use v4l::buffer::{Flags, Type};
use v4l::capability::Flags as Can;
use v4l::control::{Control, Value};
use v4l::device::Handle;
use v4l::format::{Colorspace, Quantization};
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::{FrameSizeEnum, Stepwise};
use v4l::io::mmap::Stream;
use v4l::io::traits::{CaptureStream, Stream as _};
use v4l::video::Capture;
use v4l::video::capture::Parameters;
use v4l::{FourCC, Fraction};

/// Frames that the kernel may fill while one is being read.
const BUFFERS: u32 = 4;
/// `POLLIN` of poll(2).
const READABLE: i16 = 1;
/// `EBUSY` and `ENODEV` of errno(3).
const BUSY: i32 = 16;
const GONE: i32 = 19;

/// Control numbers of linux/v4l2-controls.h.
const POWER_LINE_FREQUENCY: u32 = 0x0098_0918;
const EXPOSURE_AUTO: u32 = 0x009a_0901;
const EXPOSURE_ABSOLUTE: u32 = 0x009a_0902;

/// A camera that streams. It belongs into the thread that captures.
pub struct Opened {
    /// `None` only while it is given back.
    stream: Option<Stream<'static>>,
    handle: Arc<Handle>,
    pub path: PathBuf,
    pub layout: Layout,
    /// The kernel owns the buffer that the stream would give back.
    lost: bool,
}

/// Why no frame was read.
#[derive(Debug)]
pub enum ReadError {
    /// The camera has to be opened again.
    Camera(io::Error),
    /// The next frame may be whole.
    Frame(ConvertError),
}

/// The cameras that there may be, the most lasting name first, each camera once.
pub fn candidates(device: &Device) -> Vec<PathBuf> {
    if let Device::Path(path) = device {
        return vec![path.clone()];
    }
    let mut found: Vec<(PathBuf, PathBuf)> = Vec::new();
    let lasting = ["/dev/v4l/by-id", "/dev/v4l/by-path"].into_iter().flat_map(|folder| entries(Path::new(folder), ""));
    for path in lasting.chain(nodes()) {
        let Ok(node) = path.canonicalize() else { continue };
        if found.iter().all(|(_, known)| *known != node) {
            found.push((path, node));
        }
    }
    found.into_iter().map(|(path, _)| path).collect()
}

/// All video nodes, cameras or not.
pub fn nodes() -> Vec<PathBuf> {
    let mut nodes = entries(Path::new("/dev"), "video");
    nodes.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
    nodes
}

fn entries(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
    let mut paths: Vec<_> = named.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// What the camera calls itself.
pub fn name(path: &Path) -> Option<String> {
    let node = path.canonicalize().ok()?;
    let name = Path::new("/sys/class/video4linux").join(node.file_name()?).join("name");
    Some(String::from_utf8_lossy(&std::fs::read(name).ok()?).trim().to_owned())
}

/// Sets a camera up and starts it.
pub fn open(path: &Path, settings: &CameraSettings) -> Result<(Opened, Mode), FrameError> {
    let failed = |source: io::Error| match source.raw_os_error() {
        Some(BUSY) => FrameError::CameraBusy(path.to_owned()),
        _ => FrameError::Camera { path: path.to_owned(), source },
    };
    let device = calmly(|| v4l::Device::with_path(path)).map_err(failed)?;
    let can = calmly(|| device.query_caps()).map_err(failed)?.capabilities;
    if !can.contains(Can::VIDEO_CAPTURE | Can::STREAMING) || can.contains(Can::VIDEO_M2M) {
        return Err(FrameError::NotACamera(path.to_owned()));
    }
    let modes = modes(&device, settings).map_err(failed)?;
    let unsuited = || FrameError::Unsuited { path: path.to_owned(), offered: describe(&modes) };
    let mode = choose(&modes, settings).ok_or_else(unsuited)?;

    let wanted = v4l::Format::new(mode.width, mode.height, mode.format.fourcc());
    let given = calmly(|| device.set_format(&wanted)).map_err(failed)?;
    if given.fourcc != wanted.fourcc || given.width == 0 || given.height == 0 {
        return Err(unsuited());
    }
    let rate = settings.rate.unwrap_or_else(|| mode.rate.map_or(ENOUGH, |rate| (rate.round() as u32).clamp(1, ENOUGH)));
    if let Err(error) = calmly(|| device.set_params(&Parameters::with_fps(rate))) {
        tracing::debug!("{}: keeps its own rate ({error})", path.display());
    }
    set_controls(&device, path, settings);

    let mut stream = calmly(|| Stream::with_buffers(&device, Type::VideoCapture, BUFFERS)).map_err(failed)?;
    // The stream gives back its current buffer, at first number 0, whenever it is asked for the next: all others are
    // handed over here, as many as there are.
    for index in 1.. {
        if CaptureStream::queue(&mut stream, index).is_err() {
            break;
        }
    }
    let layout = Layout {
        format: mode.format,
        width: given.width,
        height: given.height,
        stride: given.stride,
        full_range: matches!(given.quantization, Quantization::FullRange)
            || matches!((given.quantization, given.colorspace), (Quantization::Default, Colorspace::JPEG)),
        bt709: matches!(given.colorspace, Colorspace::Rec709),
    };
    let handle = device.handle();
    let started = stream.start();
    let opened = Opened { stream: Some(stream), handle, path: path.to_owned(), layout, lost: false };
    started.map_err(failed)?;
    Ok((opened, Mode { width: given.width, height: given.height, rate: Some(rate as f32), ..mode }))
}

impl Opened {
    /// Waits for a frame, `patience` at most, and reads the newest one there is; `None` where none came.
    pub fn read<T>(
        &mut self,
        patience: Duration,
        read: impl FnOnce(&[u8], &Layout) -> Result<T, ConvertError>,
    ) -> Result<Option<T>, ReadError> {
        if !is_readable(&self.handle, patience).map_err(ReadError::Camera)? {
            return Ok(None);
        }
        let Some(stream) = &mut self.stream else { return Ok(None) };
        if self.lost {
            match stream.dequeue() {
                Ok(_) => self.lost = false,
                Err(error) if comes_back(&error) => return Ok(None),
                Err(error) => return Err(ReadError::Camera(error)),
            }
        }
        for _ in 0..BUFFERS {
            let (bytes, meta) = match CaptureStream::next(stream) {
                Ok(frame) => frame,
                Err(error) if comes_back(&error) => {
                    self.lost = true;
                    return Ok(None);
                }
                Err(error) => return Err(ReadError::Camera(error)),
            };
            if is_readable(&self.handle, Duration::ZERO).map_err(ReadError::Camera)? {
                continue;
            }
            if meta.flags.contains(Flags::ERROR) {
                return Err(ReadError::Frame(ConvertError::Marked));
            }
            let bytes = &bytes[..bytes.len().min(meta.bytesused as usize)];
            return read(bytes, &self.layout).map(Some).map_err(ReadError::Frame);
        }
        Ok(None)
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        let Some(mut stream) = self.stream.take() else { return };
        match stream.stop() {
            // v4l panics where a driver fails to stop; better to lose one mapping.
            Err(error) if error.raw_os_error() != Some(GONE) => std::mem::forget(stream),
            _ => {
                let _ = calmly(|| {
                    drop(stream);
                    Ok(())
                });
            }
        }
    }
}

fn is_readable(handle: &Handle, patience: Duration) -> io::Result<bool> {
    match handle.poll(READABLE, patience.as_millis().min(1000) as i32) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
        other => other.map(|ready| ready > 0),
    }
}

fn comes_back(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// v4l panics on names and numbers that it does not know.
fn calmly<T>(call: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let strange = |_| Err(io::Error::other("it describes itself in a way that is not understood"));
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(strange)
}

fn modes(device: &v4l::Device, settings: &CameraSettings) -> io::Result<Vec<Mode>> {
    let mut modes = Vec::new();
    for description in calmly(|| device.enum_formats())? {
        let Some(format) = Format::ALL.into_iter().find(|format| format.fourcc() == description.fourcc) else {
            continue;
        };
        for (width, height) in sizes(device, format, settings) {
            modes.push(Mode { format, width, height, rate: rate(device, format, width, height) });
        }
    }
    Ok(modes)
}

/// Sizes that a camera offers in a format; where it names none, the one that it has.
fn sizes(device: &v4l::Device, format: Format, settings: &CameraSettings) -> Vec<(u32, u32)> {
    let mut sizes = Vec::new();
    for size in calmly(|| device.enum_framesizes(format.fourcc())).unwrap_or_default() {
        match size.size {
            FrameSizeEnum::Discrete(size) => sizes.push((size.width, size.height)),
            FrameSizeEnum::Stepwise(range) => {
                let usual = [(1280, 720), (640, 480), (1920, 1080)].into_iter().chain(settings.size);
                sizes.extend(usual.filter(|&size| reaches(&range, size)));
            }
        }
    }
    if sizes.is_empty() {
        sizes.extend(calmly(|| device.format()).map(|format| (format.width, format.height)));
    }
    sizes
}

fn reaches(range: &Stepwise, (width, height): (u32, u32)) -> bool {
    let on = |value: u32, least: u32, most: u32, step: u32| {
        (least..=most).contains(&value) && (value - least).is_multiple_of(step.max(1))
    };
    on(width, range.min_width, range.max_width, range.step_width)
        && on(height, range.min_height, range.max_height, range.step_height)
}

/// Highest rate in frames a second.
fn rate(device: &v4l::Device, format: Format, width: u32, height: u32) -> Option<f32> {
    let intervals = calmly(|| device.enum_frameintervals(format.fourcc(), width, height)).ok()?;
    let shortest = intervals.into_iter().map(|interval| match interval.interval {
        FrameIntervalEnum::Discrete(interval) => interval,
        FrameIntervalEnum::Stepwise(range) => range.min,
    });
    let rates = shortest.filter(|interval| interval.numerator > 0);
    rates.map(|Fraction { numerator, denominator }| denominator as f32 / numerator as f32).max_by(f32::total_cmp)
}

fn describe(modes: &[Mode]) -> String {
    let mut offered: Vec<_> =
        modes.iter().map(|mode| format!("{}×{} {}", mode.width, mode.height, mode.format)).collect();
    offered.dedup();
    if offered.is_empty() { "neither YUYV, MJPG nor NV12".into() } else { offered.join(", ") }
}

/// Sets what the camera has; what it has not is no reason to stop.
fn set_controls(device: &v4l::Device, path: &Path, settings: &CameraSettings) {
    let set = |name: &str, id: u32, value: i64| {
        let done = calmly(|| device.set_control(Control { id, value: Value::Integer(value) }));
        if let Err(error) = &done {
            tracing::debug!("{}: has no {name} of {value} ({error})", path.display());
        }
        done.is_ok()
    };
    let frequency = match settings.flicker {
        Flicker::Off => 0,
        Flicker::Hz50 => 1,
        Flicker::Hz60 => 2,
        Flicker::Auto => 3,
    };
    set("power line frequency", POWER_LINE_FREQUENCY, frequency);
    match settings.exposure {
        None => {}
        // UVC cameras call it "aperture priority" (3), others "auto" (0).
        Some(Exposure::Auto) => {
            let _ = set("automatic exposure", EXPOSURE_AUTO, 3) || set("automatic exposure", EXPOSURE_AUTO, 0);
        }
        Some(Exposure::Micros(micros)) => {
            set("manual exposure", EXPOSURE_AUTO, 1);
            set("exposure time", EXPOSURE_ABSOLUTE, i64::from(micros.div_ceil(100)));
        }
    }
}

impl Format {
    fn fourcc(self) -> FourCC {
        FourCC::new(match self {
            Self::Yuyv => b"YUYV",
            Self::Mjpg => b"MJPG",
            Self::Nv12 => b"NV12",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_a_range_lie_on_its_steps() {
        let range = Stepwise {
            min_width: 16,
            max_width: 1920,
            step_width: 16,
            min_height: 16,
            max_height: 1088,
            step_height: 16,
        };
        assert!(reaches(&range, (1280, 720)));
        assert!(!reaches(&range, (1920, 1080)));
        assert!(!reaches(&range, (8, 16)));
        assert!(reaches(&Stepwise { step_width: 0, step_height: 0, ..range }, (1919, 1080)));
    }

    #[test]
    fn a_path_that_is_no_camera_is_told_from_one_that_is_missing() {
        let settings = CameraSettings::default();
        let refused = |path: &str| open(Path::new(path), &settings).err().unwrap();
        assert!(matches!(refused("/dev/null"), FrameError::Camera { .. }));
        assert!(matches!(refused("/dev/a-camera-that-is-not-there"), FrameError::Camera { .. }));
        assert!(matches!(refused("/dev/nul\0l"), FrameError::Camera { .. }));
        assert!(refused("/dev/null").is_passing());
    }

    #[test]
    fn panics_of_the_library_become_errors() {
        assert!(calmly::<()>(|| panic!("unknown control")).is_err());
        assert_eq!(calmly(|| Ok(3)).unwrap(), 3);
    }
}
