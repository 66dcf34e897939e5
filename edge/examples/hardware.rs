//! Hands and eyes for the emulated machine (`tests/emulated.sh`). In it, `feed` holds a picture before the kernel's virtual
//! camera and `look` is a mirror without a visit, slow as it may be. Outside, `face` and `aged` judge screenshots. Anywhere,
//! `features` tells what a board's processor can do, and what of it tract uses.

use anyhow::{Context, bail, ensure};
use edge::ager::Ager;
use edge::bundle::Bundle;
use edge::canvas::Canvas;
use edge::face::FaceFinder;
use edge::frames::{Camera, CameraSettings, FrameSource};
use edge::input::{Button, Devices, Input, Keys, Press};
use edge::mirror::Mirror;
use edge::screen::{Kms, KmsSettings, Screen};
use image::RgbImage;
use image::imageops::{self, FilterType};
use shared::{Condition, Decade};
use std::time::{Duration, Instant};
use v4l::buffer::Type;
use v4l::control::{Control, Value};
use v4l::io::mmap::Stream;
use v4l::io::traits::{CaptureStream, OutputStream};
use v4l::video::Output;
use v4l::{Device, FourCC};

/// vivid's controls "HDMI 000-0 Is Connected To" (the first output is entry 2) and, up to Linux 6.10, "Loop Video", by which
/// what goes out comes in again; and "OSD Text Mode".
const CONNECTED_TO: u32 = 0x00f0_f000 + 113;
const FIRST_OUTPUT: i64 = 2;
const LOOP_VIDEO: u32 = 0x00f0_f000 + 37;
const OSD_TEXT_MODE: u32 = 0x00f0_f000 + 1;
const NO_TEXT: i64 = 2;
/// How much of the camera's height the picture fills: as much as a head before a mirror.
const SHARE: f32 = 0.7;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["feed", picture, output, camera] => feed(picture, output, camera),
        ["look"] => look(),
        ["face", screenshot] => face(screenshot),
        ["aged", plain, screenshot] => aged(plain, screenshot),
        ["features"] => features(),
        _ => bail!(
            "use: hardware feed PICTURE OUTPUT CAMERA | look | face SCREENSHOT | aged PLAIN SCREENSHOT | features"
        ),
    }
}

#[cfg(target_arch = "aarch64")]
fn features() -> anyhow::Result<()> {
    use std::arch::is_aarch64_feature_detected as has;
    use tract_onnx::tract_core::tract_linalg::arm64;
    let listed = |all: &[(&str, bool)]| {
        all.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
    };
    let (neon, fp16, dotprod, i8mm) = (has!("neon"), has!("fp16"), has!("dotprod"), has!("i8mm"));
    println!("processor: {}", listed(&[("neon", neon), ("fp16", fp16), ("dotprod", dotprod), ("i8mm", i8mm)]));
    println!("tract: {}", listed(&[("fp16", arm64::has_fp16()), ("dotprod", arm64::has_dotprod())]));
    Ok(())
}

#[cfg(not(target_arch = "aarch64"))]
fn features() -> anyhow::Result<()> {
    bail!("the boards' processors are aarch64, this one is not")
}

/// Hands the picture over; the last one stays in the virtual cable as long as this runs.
fn feed(picture: &str, output: &str, camera: &str) -> anyhow::Result<()> {
    let device = Device::with_path(output).with_context(|| format!("{output} cannot be opened"))?;
    let mut format = Output::format(&device)?;
    format.fourcc = FourCC::new(b"YUYV");
    let format = Output::set_format(&device, &format)?;
    let input = Device::with_path(camera).with_context(|| format!("{camera} cannot be opened"))?;
    let set = |id, value| input.set_control(Control { id, value });
    set(CONNECTED_TO, Value::Integer(FIRST_OUTPUT))
        .or_else(|_| set(LOOP_VIDEO, Value::Boolean(true)))
        .with_context(|| format!("{camera} cannot be connected to {output}"))?;
    set(OSD_TEXT_MODE, Value::Integer(NO_TEXT)).with_context(|| format!("{camera} writes into its pictures"))?;
    let bytes = yuyv(&letterboxed(&image::open(picture)?.into_rgb8(), format.width, format.height));
    println!("feeding {}×{} {}", format.width, format.height, format.fourcc);

    let mut stream = Stream::with_buffers(&device, Type::VideoOutput, 2)?;
    let (buffer, _) = OutputStream::next(&mut stream)?;
    for (row, pixels) in buffer.chunks_mut(format.stride as usize).zip(bytes.chunks(format.width as usize * 2)) {
        row[..pixels.len()].copy_from_slice(pixels);
    }
    // Queueing as an output would wait for a frame that went out, which none has yet.
    CaptureStream::queue(&mut stream, 0)?;
    CaptureStream::queue(&mut stream, 1)?;
    while OutputStream::dequeue(&mut stream).is_err() {
        std::thread::sleep(Duration::from_millis(20));
    }
    CaptureStream::queue(&mut stream, 0)?;
    println!("fed");
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

fn letterboxed(picture: &RgbImage, width: u32, height: u32) -> RgbImage {
    let scale = SHARE * (width as f32 / picture.width() as f32).min(height as f32 / picture.height() as f32);
    let inner = |side: u32| ((side as f32 * scale) as u32).max(1);
    let small = imageops::resize(picture, inner(picture.width()), inner(picture.height()), FilterType::Triangle);
    let mut whole = RgbImage::from_pixel(width, height, image::Rgb([90, 90, 90]));
    let (left, top) = ((width - small.width()) / 2, (height - small.height()) / 2);
    imageops::replace(&mut whole, &small, left.into(), top.into());
    whole
}

/// BT.709, 16..=235, as televisions expect it.
fn yuyv(picture: &RgbImage) -> Vec<u8> {
    let coded = |rgb: &[u8]| {
        let [r, g, b] = [0, 1, 2].map(|channel| f32::from(rgb[channel]) / 255.0);
        let y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
        [16.0 + 219.0 * y, 128.0 + 224.0 * (b - y) / 1.8556, 128.0 + 224.0 * (r - y) / 1.5748].map(|v| v.round() as u8)
    };
    let pairs = picture.as_raw().chunks_exact(6);
    pairs.map(|pair| (coded(&pair[..3]), coded(&pair[3..]))).flat_map(|([y, u, v], [z, ..])| [y, u, z, v]).collect()
}

/// The mirror without a visit, at any pace: plain, or aged as soon as somebody asks for older.
fn look() -> anyhow::Result<()> {
    edge::service::write_journal();
    let (mut camera, mut screen) = (Camera::new(CameraSettings::default()), Kms::new(KmsSettings::default()));
    let mut devices = Devices::new(Keys::default(), None);
    let (mut finder, mut mirror) = (FaceFinder::embedded()?, mirror()?);
    let (mut older, mut dark, mut presses) = (false, false, Vec::new());
    let start = Instant::now();
    loop {
        let at = start.elapsed();
        devices.poll(at, &mut presses);
        for press in presses.drain(..) {
            println!("{at:.1?} {press:?}");
            older = press == Press::Key(Button::Older);
        }
        let mut canvas = Canvas::new(screen.size());
        match camera.next(at) {
            Ok(Some(frame)) => {
                let mut picture = frame.picture.as_ref().clone();
                if older {
                    age(&mut finder, &mut mirror, &mut picture)?;
                }
                for (y, row) in picture.as_raw().chunks(picture.width() as usize * 3).enumerate() {
                    canvas.put_row(0, y as u32, row);
                }
                println!("{at:.1?} picture {} scene {} older {older}", frame.number, frame.scene);
            }
            Ok(None) => bail!("a camera never ends"),
            Err(error) => println!("{at:.1?} {error}"),
        }
        let shown = screen.present(&canvas);
        match &shown {
            Ok(()) if dark => println!("{at:.1?} shown again"),
            Ok(()) => {}
            Err(error) => println!("{at:.1?} {error}"),
        }
        dark = shown.is_err();
    }
}

fn mirror() -> anyhow::Result<Mirror> {
    Ok(Mirror::new(Ager::new(&Bundle::embedded()?)?))
}

fn age(finder: &mut FaceFinder, mirror: &mut Mirror, picture: &mut RgbImage) -> anyhow::Result<bool> {
    let Some(face) = finder.find(picture)?.into_iter().next() else { return Ok(false) };
    let alignment = mirror.look(picture, &face.landmarks)?;
    let edit = mirror.age(&Condition::one_hot(Decade::Sixties))?;
    mirror.compose(picture, &alignment, &edit)?;
    Ok(true)
}

fn face(screenshot: &str) -> anyhow::Result<()> {
    match FaceFinder::embedded()?.find(&image::open(screenshot)?.into_rgb8())?.len() {
        0 => bail!("{screenshot}: no face"),
        count => println!("{screenshot}: faces: {count}"),
    }
    Ok(())
}

/// This machine ages the plain screenshot itself: the aged one must be that, not the plain one.
fn aged(plain: &str, aged: &str) -> anyhow::Result<()> {
    let (plain, aged) = (image::open(plain)?.into_rgb8(), image::open(aged)?.into_rgb8());
    let mut expected = plain.clone();
    ensure!(age(&mut FaceFinder::embedded()?, &mut mirror()?, &mut expected)?, "no face");
    let change = |a: &RgbImage, b: &RgbImage| {
        let sum: u64 = a.iter().zip(b.iter()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        sum as f64 / a.len() as f64
    };
    let (off, done) = (change(&aged, &expected), change(&aged, &plain));
    println!("mean change by ageing {done:.3}, from what this machine draws {off:.3} (of 255)");
    ensure!(aged.dimensions() == plain.dimensions() && done > 0.2 && off < done / 4.0, "not the aged face");
    Ok(())
}
