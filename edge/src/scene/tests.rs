use super::*;
use crate::ager::Ager;
use crate::bundle::Bundle;
use crate::demo::VISITORS;
use crate::face::FaceFinder;
use crate::mirror::Mirror;
use crate::texts;
use crate::view::{Code, Inside, Notice, Page, Picture};
use image::RgbImage;
use shared::{Condition, Decade};
use std::sync::OnceLock;
use std::time::Duration;

/// What the pages show.
struct Props {
    picture: RgbImage,
    portraits: [Option<RgbImage>; Decade::ALL.len()],
    code: Code,
    inside: Inside,
}

const TOUCHABLE: [Button; 6] =
    [Button::Younger, Button::Older, Button::Hold, Button::Inside, Button::Language, Button::OptOut];

const PAGES: [&str; 12] = [
    "attract", "found", "ageing", "turned", "strip", "farewell", "opted-out", "plain", "no-camera", "rest", "closed", "inside",
];

fn page<'a>(name: &str, props: &'a Props) -> (Page<'a>, &'static [Button]) {
    let picture = Picture::whole(&props.picture);
    match name {
        "attract" => (Page::Attract { picture, age: Some(44.0) }, &[Button::Language]),
        "found" => (Page::Found { picture, waiting: true }, &[Button::OptOut, Button::Language]),
        "ageing" => (Page::Ageing { picture, age: 44.0, held: true, limit: (15.0, 65.0), countdown: None }, &TOUCHABLE),
        "turned" => (Page::Turned { picture, countdown: Some(17) }, &[Button::Done]),
        "strip" => {
            let (portraits, code) = (&props.portraits, Some(&props.code));
            (Page::Strip { portraits, code, countdown: Some(28) }, &[Button::Done])
        }
        "farewell" => (Page::Farewell { countdown: Some(4) }, &[]),
        "opted-out" => (Page::OptedOut { picture }, &[]),
        "plain" => (Page::Plain { picture }, &[]),
        "no-camera" => (Page::NoCamera, &[]),
        "rest" => (Page::Rest, &[]),
        "closed" => (Page::Closed, &[]),
        _ => (Page::Inside { picture, age: 65.0, inside: &props.inside }, &[Button::Inside, Button::Older, Button::Younger]),
    }
}

/// A demo visitor, with the real net's features.
fn visitor() -> &'static Props {
    static PROPS: OnceLock<Props> = OnceLock::new();
    PROPS.get_or_init(|| {
        let mut picture = VISITORS[1].read().unwrap();
        let face = FaceFinder::embedded().unwrap().find(&picture).unwrap().remove(0);
        let bundle = Bundle::embedded().unwrap();
        let mut mirror = Mirror::new(Ager::new(&bundle).unwrap());
        let alignment = mirror.look(&picture, &face.landmarks).unwrap();
        let mut net = Ager::with_features(&bundle).unwrap();
        let side = net.size();
        let mut square = vec![0; 3 * side * side];
        let pixels = shared::crop::Picture::new(&picture, picture.width() as usize, picture.height() as usize).unwrap();
        shared::crop::cut(&pixels, &alignment, side, &mut square).unwrap();
        let mut crop = vec![0.0; square.len()];
        shared::pixel::to_planar(&square, &mut crop).unwrap();
        let (edit, features) = net.look_inside(&crop, &Condition::one_hot(Decade::Sixties)).unwrap();
        let portraits = Decade::ALL.map(|decade| {
            let mut portrait = picture.clone();
            let edit = mirror.age(&Condition::one_hot(decade)).unwrap();
            mirror.compose(&mut portrait, &alignment, &edit).unwrap();
            Some(portrait)
        });
        mirror.compose(&mut picture, &alignment, &edit).unwrap();
        Props { picture, portraits, code: code(), inside: Inside { crop, edit, features } }
    })
}

fn code() -> Code {
    let code = qrcode::QrCode::new("BEGIN:VCARD of one possible future, without the internet").unwrap();
    let dark = code.to_colors().into_iter().map(|colour| colour == qrcode::Color::Dark).collect();
    Code { side: code.width(), dark }
}

fn view<'a>(name: &str, props: &'a Props, language: usize) -> View<'a> {
    let (page, buttons) = page(name, props);
    View { now: Duration::from_millis(1000), page, language, buttons, notice: None }
}

fn drawn(size: Size, mm: Option<u32>, view: &View) -> (Scene, RgbImage) {
    let mut canvas = Canvas::new(size);
    let mut scene = Scene::new(size, mm);
    scene.draw(&mut canvas, view, &texts::embedded().unwrap());
    (scene, canvas.into_picture())
}

#[test]
fn look() {
    let Ok(folder) = std::env::var("LOOK") else { return };
    let _ = Notice::Hot;
    for name in PAGES {
        for (size, mm, tag) in [
            (Size::new(1080, 1920), None, "upright"),
            (Size::new(1920, 1080), None, "wide"),
            (Size::new(320, 240), None, "small"),
        ] {
            for language in [0usize, 1, 4, 5] {
                let started = std::time::Instant::now();
                let view = view(name, visitor(), language);
                let mut canvas = Canvas::new(size);
                let mut scene = Scene::new(size, mm);
                let languages = texts::embedded().unwrap();
                scene.draw(&mut canvas, &view, &languages);
                let first = started.elapsed();
                let started = std::time::Instant::now();
                scene.draw(&mut canvas, &view, &languages);
                if language == 0 { println!("{name} {tag} first {first:?} then {:?}", started.elapsed()); }
                canvas.picture().save(format!("{folder}/{name}-{tag}-{language}.png")).unwrap();
            }
        }
    }
}
