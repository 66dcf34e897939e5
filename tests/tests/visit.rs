//! A whole visit by the real program, in each language, on screens of every shape that hang every way round: a still visitor,
//! written presses, a clock that is moved by hand. The pictures are compared with ones that were looked at
//! (`GOLDEN=write` writes them anew).

use image::{GenericImage, RgbImage, imageops};
use std::fs;
use std::path::{Path, PathBuf};
use tests::binaries::edge;
use tests::{folder, pictures};

/// Seconds at which the visit is looked at: by itself, at a chosen age, inside, the strip, farewell, the next round.
const MOMENTS: [usize; 6] = [3, 9, 11, 18, 22, 32];
const PRESSES: &str = "7:older,10:inside,12:inside,13:younger,16:done,20:done";
const SECONDS: usize = 34;
/// Side of the square that each picture is shrunk into.
const SIDE: u32 = 300;

/// One visit on a screen of `mode` that hangs `rotation`; gives its pictures, one a second.
fn visit(language: &str, mode: (u32, u32), rotation: u32) -> Vec<PathBuf> {
    let work = folder().keep();
    let (camera, screen, config) = (work.join("camera"), work.join("screen"), work.join("kiosk.toml"));
    fs::create_dir(&camera).unwrap();
    pictures::save(&pictures::gallery(960, 720, &[(&pictures::visitor(3), 230, 110, 500)]), &camera.join("a.png"));
    let (width, height) = mode;
    let settings = format!(
        "[screen]\nmode = \"{width}x{height}\"\nrotation = {rotation}\n[visit]\nsweep_seconds = 6\nlanguages = [\"{language}\"]\n"
    );
    fs::write(&config, settings).unwrap();
    edge()
        .within(&work)
        .args(["run", "--for", &SECONDS.to_string(), "--press", PRESSES])
        .arg("--config")
        .arg(&config)
        .arg("--camera")
        .arg(format!("stills:{}", camera.display()))
        .arg("--screen")
        .arg(format!("png:{}", screen.display()))
        .run()
        .succeeded();
    (0..SECONDS).map(|second| screen.join(format!("frame-{second:04}.png"))).collect()
}

/// The moments side by side, each shrunk to fit its square.
fn sheet(frames: &[PathBuf], size: (u32, u32)) -> RgbImage {
    let mut sheet = RgbImage::from_pixel(MOMENTS.len() as u32 * SIDE, SIDE, image::Rgb([255; 3]));
    for (i, moment) in MOMENTS.into_iter().enumerate() {
        let picture = pictures::open(&frames[moment]);
        assert_eq!(picture.dimensions(), size);
        let scale = f64::from(SIDE) / f64::from(size.0.max(size.1));
        let fitted = |length: u32| ((f64::from(length) * scale) as u32).clamp(1, SIDE);
        let small = imageops::thumbnail(&picture, fitted(size.0), fitted(size.1));
        sheet.copy_from(&small, i as u32 * SIDE, 0).unwrap();
    }
    sheet
}

/// Rounding differs between processors: a level on average, and a few pixels of outlines.
fn assert_like_golden(name: &str, found: &RgbImage) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(format!("{name}.png"));
    if std::env::var_os("GOLDEN").is_some_and(|value| value == "write") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        found.save(&path).unwrap();
        return;
    }
    let expected = pictures::open(&path);
    assert_eq!(expected.dimensions(), found.dimensions(), "{name}");
    let apart: Vec<u8> = expected.iter().zip(found.iter()).map(|(a, b)| a.abs_diff(*b)).collect();
    let mean = apart.iter().map(|&level| f64::from(level)).sum::<f64>() / apart.len() as f64;
    let far = apart.iter().filter(|&&level| level > 40).count() as f64 / apart.len() as f64;
    if mean > 1.0 || far > 0.002 {
        let seen = std::env::temp_dir().join(format!("{name}-found.png"));
        found.save(&seen).unwrap();
        panic!("{name}: {mean:.2} levels apart, {:.3} % far; look at {}", 100.0 * far, seen.display());
    }
}

fn check(language: &str, mode: (u32, u32), rotation: u32) {
    let frames = visit(language, mode, rotation);
    assert_like_golden(&format!("visit-{language}-{}x{}-{rotation}", mode.0, mode.1), &sheet(&frames, mode));
    let pictures: Vec<RgbImage> = MOMENTS.iter().map(|&moment| pictures::open(&frames[moment])).collect();
    for (i, picture) in pictures.iter().enumerate() {
        assert!(pictures[..i].iter().all(|other| other != picture), "moment {i} looks like another one");
    }
    fs::remove_dir_all(frames[0].parent().unwrap().parent().unwrap()).unwrap();
}

#[test]
fn english_on_full_hd() {
    check("en", (1920, 1080), 0);
}

#[test]
fn german_upright() {
    check("de", (1920, 1080), 90);
}

#[test]
fn french_on_a_tiny_panel_upside_down() {
    check("fr", (320, 240), 180);
}

#[test]
fn spanish_on_4k() {
    check("es", (3840, 2160), 0);
}

#[test]
fn chinese_upright_the_other_way() {
    check("zh", (1280, 800), 270);
}

#[test]
fn arabic_from_right_to_left() {
    check("ar", (800, 480), 0);
}
