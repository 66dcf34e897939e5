use super::layout::area;
use super::*;
use crate::ager::{Ager, Edit, Feature};
use crate::bundle::Bundle;
use crate::demo::VISITORS;
use crate::testing::luminance;
use crate::texts;
use crate::view::{Code, Inside, Notice, Page, Picture};
use embedded_graphics::pixelcolor::Rgb888;
use image::RgbImage;
use proptest::prelude::*;
use shared::{Condition, Decade};
use std::sync::LazyLock;
use std::time::Duration;

/// What the pages show.
struct Props {
    picture: RgbImage,
    portraits: [Option<RgbImage>; Decade::ALL.len()],
    code: Code,
    inside: Inside,
}

const UPRIGHT: Size = Size::new(270, 480);
const WIDE: Size = Size::new(480, 270);
const SMALL: Size = Size::new(320, 240);

const PAGES: [&str; 14] = [
    "attract",
    "found",
    "ageing",
    "turned",
    "strip",
    "strip-code",
    "farewell",
    "opted-out",
    "plain",
    "no-camera",
    "rest",
    "closed",
    "inside",
    "gentle",
];

static LANGUAGES: LazyLock<Vec<Language>> = LazyLock::new(|| texts::embedded().unwrap());

/// The demo visitors, and patterns in place of what a net would see: these are the same on every machine.
static PROPS: LazyLock<Props> = LazyLock::new(|| Props {
    picture: VISITORS[1].read().unwrap(),
    portraits: std::array::from_fn(|i| VISITORS.get(i).map(|visitor| visitor.read().unwrap())),
    code: code("the visit, without the internet"),
    inside: patterns(),
});

fn code(text: &str) -> Code {
    let code = qrcode::QrCode::new(text).unwrap();
    Code {
        side: code.width(),
        dark: code.to_colors().into_iter().map(|colour| colour == qrcode::Color::Dark).collect(),
    }
}

fn patterns() -> Inside {
    let side = 32;
    let mut edit = Edit::none(side);
    let wave = |i: usize, plane: usize| ((i % side * (plane + 1)) as f32 / 7.0).sin() * ((i / side) as f32 / 5.0).cos();
    let plane = side * side;
    edit.change = (0..3 * plane).map(|i| 0.2 * wave(i % plane, i / plane)).collect();
    edit.flow.iter_mut().enumerate().for_each(|(i, flow)| *flow = 0.03 * (i as f32).sin());
    let feature = |n: usize| Feature {
        name: format!("layer{n}"),
        shape: [9, 8 * n, 8 * n],
        values: (0..9 * 64 * n * n).map(|i| wave(i, n) * (1.0 + (i / (64 * n * n)) as f32)).collect(),
    };
    let crop = (0..3 * plane).map(|i| 0.5 * wave(i % plane, 0)).collect();
    Inside { crop, edit, features: (1..5).map(feature).collect() }
}

fn page<'a>(name: &str, props: &'a Props) -> (Page<'a>, &'static [Button]) {
    use Button::{Done, Hold, Language, Older, OptOut, Younger};
    let Props { portraits, code, inside, .. } = props;
    let picture = Picture::whole(&props.picture);
    let limit = (15.0, 65.0);
    match name {
        "attract" => (Page::Attract { picture, age: Some(44.0) }, &[Language]),
        "found" => (Page::Found { picture, waiting: true }, &[OptOut, Language]),
        "ageing" => (
            Page::Ageing { picture, age: 44.0, held: true, limit, countdown: Some(29) },
            &[Younger, Older, Hold, Button::Inside, Language, OptOut],
        ),
        "gentle" => {
            (Page::Ageing { picture, age: 31.0, held: false, limit: (15.0, 39.0), countdown: None }, &[Younger, Older])
        }
        "turned" => (Page::Turned { picture, countdown: Some(17) }, &[Done]),
        "strip" => (Page::Strip { portraits, code: None, countdown: Some(28) }, &[Done, Button::TakeHome]),
        "strip-code" => (Page::Strip { portraits, code: Some(code), countdown: Some(28) }, &[Done]),
        "farewell" => (Page::Farewell { countdown: Some(4) }, &[]),
        "opted-out" => (Page::OptedOut { picture }, &[]),
        "plain" => (Page::Plain { picture }, &[]),
        "no-camera" => (Page::NoCamera, &[]),
        "rest" => (Page::Rest, &[]),
        "closed" => (Page::Closed, &[]),
        _ => (Page::Inside { picture, age: 65.0, inside }, &[Button::Inside, Younger, Older]),
    }
}

fn view<'a>(name: &str, props: &'a Props, language: usize) -> View<'a> {
    let (page, buttons) = page(name, props);
    let notice = (name == "plain").then_some(Notice::Generator);
    View { now: Duration::from_secs(1), page, language, buttons, notice }
}

fn drawn(size: Size, width_mm: Option<u32>, view: &View, blind: bool) -> (Scene, RgbImage) {
    let mut canvas = Canvas::new(size);
    let mut scene = Scene::new(size, width_mm);
    scene.proof.blind = blind;
    scene.draw(&mut canvas, view, &LANGUAGES);
    (scene, canvas.into_picture())
}

fn plain(colour: impl Fn(u32, u32) -> u8) -> Props {
    let picture = RgbImage::from_fn(64, 48, |x, y| image::Rgb([colour(x, y); 3]));
    let portraits = std::array::from_fn(|_| Some(picture.clone()));
    Props { picture, portraits, code: code("x"), inside: patterns() }
}

#[test]
fn every_page_looks_as_it_did() {
    for (i, name) in PAGES.into_iter().enumerate() {
        for (layout, size, first) in [("upright", UPRIGHT, 0), ("wide", WIDE, 4), ("small", SMALL, 5)] {
            let language = (first + i) % LANGUAGES.len();
            let (_, picture) = drawn(size, None, &view(name, &PROPS, language), false);
            let name = format!("{name}-{layout}-{}", LANGUAGES[language].code);
            crate::testing::assert_golden(&name, &picture);
        }
    }
}

#[test]
fn type_can_be_read_over_any_picture() {
    let contrast = |a: Rgb888, b: Rgb888| {
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        a.max(b) / a.min(b)
    };
    let noise = |x: u32, y: u32| (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503).wrapping_mul(x + 7)) as u8;
    for props in [plain(|_, _| 255), plain(|_, _| 0), plain(noise)] {
        for name in PAGES {
            for (size, language) in [(UPRIGHT, 0), (WIDE, 5), (SMALL, 1), (Size::new(1080, 1920), 4)] {
                let view = View { notice: Some(Notice::Settings), ..view(name, &props, language) };
                let (scene, seen) = drawn(size, None, &view, false);
                let (_, bare) = drawn(size, None, &view, true);
                let at = |picture: &RgbImage, p: Point| {
                    let [r, g, b] = picture.get_pixel(p.x as u32, p.y as u32).0;
                    Rgb888::new(r, g, b)
                };
                assert!(!scene.proof.texts.is_empty());
                for &(area, ink, _) in scene.proof.texts.iter().filter(|(area, ..)| !area.is_zero_sized()) {
                    let worst = area.points().map(|p| contrast(ink, at(&bare, p))).fold(f32::MAX, f32::min);
                    let best = area.points().map(|p| contrast(at(&seen, p), at(&bare, p))).fold(0.0, f32::max);
                    assert!(worst >= 4.5 && best >= 4.5, "{name} {size} {area:?}: {worst} {best}");
                }
            }
        }
    }
}

#[test]
fn no_language_is_set_in_tiny_type() {
    for name in PAGES {
        for size in [UPRIGHT, WIDE, SMALL, Size::new(1080, 1920), Size::new(1920, 1080)] {
            let least = Layout::new(size, None).em / 2;
            for language in 0..LANGUAGES.len() {
                let (scene, _) = drawn(size, None, &view(name, &PROPS, language), false);
                for (area, _, type_size) in scene.proof.texts.iter().filter(|(area, ..)| !area.is_zero_sized()) {
                    assert!(*type_size >= least, "{name} {size} {language} {area:?}: type of {type_size} pixels");
                }
            }
        }
    }
}

#[test]
fn buttons_are_where_they_are_drawn_and_large_enough() {
    for (size, mm) in
        [(UPRIGHT, 70), (WIDE, 127), (SMALL, 85), (Size::new(1080, 1920), 300), (Size::new(3840, 2160), 708)]
    {
        for name in PAGES {
            for language in [0, 5] {
                let view = view(name, &PROPS, language);
                let (scene, _) = drawn(size, Some(mm), &view, false);
                assert_eq!(scene.buttons.is_empty(), view.buttons.is_empty(), "{name}");
                for &(area, button) in &scene.buttons {
                    let side = area.size.width.min(area.size.height) as f32 * mm as f32 / size.width as f32;
                    assert!(side >= 15.0, "{name} {size} {button:?}: {side} mm");
                    assert_eq!(scene.button_at(area.center()), Some(button));
                    assert_eq!(area.intersection(&super::layout::area(0, 0, size.width, size.height)), area);
                }
                assert_eq!(scene.button_at(Point::new(1, 1)), None);
            }
        }
    }
}

#[test]
fn all_is_mirrored_where_reading_runs_from_right_to_left_but_no_picture_is() {
    let props = plain(|x, _| if x < 32 { 250 } else { 5 });
    let (english, left) = drawn(WIDE, None, &view("ageing", &props, 0), false);
    let (arabic, right) = drawn(WIDE, None, &view("ageing", &props, 5), false);
    for ((ltr, button), (rtl, mirrored)) in english.buttons.iter().zip(&arabic.buttons) {
        assert_eq!(button, mirrored);
        assert_eq!(ltr.top_left.x + ltr.size.width as i32 + rtl.top_left.x, WIDE.width as i32);
    }
    let panel = WIDE.width - english.layout.split(false).0.size.width;
    let level = |picture: &RgbImage, x: u32| picture.get_pixel(x, 30).0[0];
    assert_eq!((level(&left, 5), level(&left, WIDE.width - panel - 5)), (250, 5));
    assert_eq!((level(&right, panel + 5), level(&right, WIDE.width - 5)), (250, 5));
}

#[test]
fn nothing_flashes_more_than_twice_a_second() {
    for name in ["found", "no-camera"] {
        let mut scene = Scene::new(SMALL, None);
        let mut canvas = Canvas::new(SMALL);
        let mut turns = vec![(0.0, 0); (SMALL.width * SMALL.height) as usize];
        for tick in 0..100 {
            let view = View { now: Duration::from_millis(50 * tick), ..view(name, &PROPS, 0) };
            scene.draw(&mut canvas, &view, &LANGUAGES);
            for (pixel, (last, changes)) in canvas.picture().pixels().zip(&mut turns) {
                let [r, g, b] = pixel.0;
                let light = luminance(Rgb888::new(r, g, b));
                if tick > 0 && (light - *last).abs() > 0.02 {
                    *changes += 1;
                }
                *last = light;
            }
        }
        let most = turns.iter().map(|(_, changes)| *changes).max().unwrap();
        assert!((1..=2 * 2 * 5).contains(&most), "{name}: {most} changes in five seconds");
    }
}

#[test]
fn a_code_can_be_scanned_from_the_screen() {
    let text = "x".repeat(900);
    let props = Props { code: code(&text), ..plain(|_, _| 128) };
    for (size, language) in [(Size::new(1080, 1920), 5), (Size::new(1920, 1080), 0), (Size::new(640, 480), 5)] {
        let (_, picture) = drawn(size, None, &view("strip-code", &props, language), false);
        let grey = image::imageops::grayscale(&picture);
        let (width, height) = (grey.width() as usize, grey.height() as usize);
        let mut scanned =
            rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| grey.as_raw()[y * width + x]);
        let read = scanned.detect_grids().first().map(|grid| grid.decode().unwrap().1);
        assert_eq!(read.as_deref(), Some(&*text), "{size}");
    }
}

#[test]
fn the_embedded_net_fills_the_educators_view() {
    let mut net = Ager::with_features(&Bundle::embedded().unwrap()).unwrap();
    let side = net.size();
    let picture = image::imageops::thumbnail(&PROPS.picture, side as u32, side as u32);
    let mut crop = vec![0.0; 3 * side * side];
    shared::pixel::to_planar(&picture, &mut crop).unwrap();
    let (edit, features) = net.look_inside(&crop, &Condition::one_hot(Decade::Sixties)).unwrap();
    let inside = Inside { crop, edit, features };
    assert_eq!(inside.features.len(), texts::LAYERS);
    let page = Page::Inside { picture: Picture::whole(&PROPS.picture), age: 65.0, inside: &inside };
    let with = View { page, ..view("rest", &PROPS, 0) };
    let nothing = Inside::default();
    let page = Page::Inside { picture: Picture::whole(&PROPS.picture), age: 65.0, inside: &nothing };
    let without = View { page, ..view("rest", &PROPS, 0) };
    let (_, with) = drawn(Size::new(1280, 720), None, &with, true);
    let (_, without) = drawn(Size::new(1280, 720), None, &without, true);
    let changed = with.pixels().zip(without.pixels()).filter(|(a, b)| a != b).count();
    assert!(changed > 1280 * 720 / 4, "{changed}");
}

#[test]
fn only_decades_that_were_shown_stand_in_the_strip() {
    let mut props = plain(|_, _| 200);
    props.portraits[3..].fill(None);
    let (_, three) = drawn(WIDE, None, &view("strip", &props, 0), true);
    props.portraits.fill(None);
    let (_, none) = drawn(WIDE, None, &view("strip", &props, 0), true);
    let lit = |picture: &RgbImage| picture.pixels().filter(|pixel| pixel.0 == [200; 3]).count();
    assert!(lit(&three) > 3000 && lit(&none) == 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_page_fits_every_screen(
        width in 320u32..4000, height in 240u32..4000, mm in proptest::option::of(40u32..2000), pick in 0..PAGES.len(),
        language in 0..6usize,
    ) {
        let size = Size::new(width, height);
        let view = View { notice: Some(Notice::Hot), ..view(PAGES[pick], &PROPS, language) };
        let (scene, _) = drawn(size, mm, &view, false);
        let canvas = area(0, 0, width, height);
        for (text, _, type_size) in &scene.proof.texts {
            prop_assert!(text.is_zero_sized() || canvas.intersection(text) == *text, "{}: {:?}", PAGES[pick], text);
            prop_assert!(*type_size >= 6, "{}: type of {} pixels", PAGES[pick], type_size);
        }
        for (button, _) in &scene.buttons {
            prop_assert_eq!(canvas.intersection(button), *button);
            for (text, ..) in scene.proof.texts.iter().filter(|(text, ..)| !text.is_zero_sized()) {
                let common = button.intersection(text);
                prop_assert!(common.is_zero_sized() || common == *text, "{}: {:?} on {:?}", PAGES[pick], text, button);
            }
        }
    }
}
