//! `edge age`: photographs in, six portraits, a strip and a report a photograph out.

use image::RgbImage;
use shared::Decade;
use std::fs;
use std::path::{Path, PathBuf};
use tests::binaries::edge;
use tests::{bad, folder, pictures};

fn portraits(folder: &Path) -> Vec<RgbImage> {
    Decade::ALL.iter().map(|decade| pictures::open(&folder.join(format!("{decade}.png")))).collect()
}

fn report(folder: &Path) -> serde_json::Value {
    let bytes = fs::read(folder.join("report.json")).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// A visitor before a wall.
fn photograph(path: &Path, index: usize) -> PathBuf {
    let visitor = pictures::visitor(index);
    pictures::save(&pictures::gallery(900, 700, &[(&visitor, 200, 60, 512)]), path);
    path.to_path_buf()
}

#[test]
fn every_demo_visitor_gets_six_portraits_a_strip_and_a_report() {
    let work = folder();
    let out = work.path().join("out");
    edge().arg("age").args(pictures::visitors()).arg("--out").arg(&out).run().succeeded();
    for visitor in pictures::visitors() {
        let folder = out.join(visitor.file_stem().unwrap());
        let portraits = portraits(&folder);
        let (width, height) = portraits[0].dimensions();
        assert!(height >= 384, "{width}×{height}");
        for portrait in &portraits {
            assert_eq!(portrait.dimensions(), (width, height), "the framing is the same");
            for (x, y) in [(0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)] {
                assert_eq!(portrait.get_pixel(x, y), portraits[0].get_pixel(x, y), "the surroundings are the camera's");
            }
        }
        let strip = pictures::open(&folder.join("strip.png"));
        assert!(strip.width() > strip.height() * 3, "{:?}", strip.dimensions());
        assert_eq!(report(&folder)["synthetic"], true);
    }
}

#[test]
fn each_decade_changes_the_face() {
    let work = folder();
    let photo = photograph(&work.path().join("visitor.png"), 0);
    edge().arg("age").arg(photo).arg("--out").arg(work.path().join("out")).run().succeeded();
    let portraits = portraits(&work.path().join("out/visitor"));
    for pair in portraits.windows(2) {
        assert!(pictures::difference(&pair[0], &pair[1]) > 0.0, "two neighbouring decades give the same portrait");
    }
}

#[test]
fn a_photograph_that_was_taken_upright_but_stored_sideways_gives_the_same_portraits() {
    let work = folder();
    let upright = photograph(&work.path().join("upright.png"), 0);
    let sideways = work.path().join("sideways.jpg");
    pictures::save_sideways(&pictures::open(&upright), &sideways);
    let out = work.path().join("out");
    edge().arg("age").args([&upright, &sideways]).arg("--out").arg(&out).run().succeeded();
    for (upright, sideways) in portraits(&out.join("upright")).iter().zip(portraits(&out.join("sideways"))) {
        let same = image::imageops::resize(&sideways, upright.width(), upright.height(), image::imageops::Triangle);
        let difference = pictures::difference(upright, &same);
        assert!(difference < 6.0, "mean difference {difference}");
    }
}

#[test]
fn every_format_is_read_by_its_content_whatever_its_name() {
    let work = folder();
    let photo = pictures::open(&photograph(&work.path().join("visitor.png"), 1));
    let mut photos = Vec::new();
    for end in ["jpg", "png", "webp", "bmp"] {
        let honest = work.path().join(format!("as-{end}.{end}"));
        let named_wrong = work.path().join(format!("{end}-as.photo"));
        pictures::save(&photo, &honest);
        fs::copy(&honest, &named_wrong).unwrap();
        photos.extend([honest, named_wrong]);
    }
    for (name, picture) in [
        ("grey.png", image::DynamicImage::from(photo.clone()).into_luma8().into()),
        ("transparent.png", image::DynamicImage::from(photo.clone()).into_rgba8().into()),
        ("deep.png", image::DynamicImage::from(image::DynamicImage::from(photo.clone()).into_rgb16())),
    ] {
        let path = work.path().join(name);
        let picture: image::DynamicImage = picture;
        picture.save(&path).unwrap();
        photos.push(path);
    }
    let out = work.path().join("out");
    edge().arg("age").args(&photos).arg("--out").arg(&out).run().succeeded();
    assert_eq!(fs::read_dir(&out).unwrap().count(), photos.len());
}

#[test]
fn bad_photographs_are_named_and_the_good_one_among_them_is_still_done() {
    let work = folder();
    let out = work.path().join("out");
    let mut photos = Vec::new();
    for photo in bad::PHOTOS {
        let path = work.path().join(photo.name);
        (photo.make)(&path);
        photos.push(path);
    }
    photos.insert(photos.len() / 2, photograph(&work.path().join("good.png"), 0));
    let outcome = edge().arg("age").args(&photos).arg("--out").arg(&out).run();
    let names: Vec<_> = bad::PHOTOS.iter().map(|photo| photo.name).collect();
    assert_eq!(outcome.code, Some(2), "{}", outcome.said());
    outcome.refused(&names);
    assert_eq!(portraits(&out.join("good")).len(), 6);
    let made: Vec<_> = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(made, ["good"], "a photograph that fails leaves nothing behind");
}

#[test]
fn each_bad_photograph_alone_ends_with_code_two_and_says_why() {
    let work = folder();
    let mut flaws = Vec::new();
    for photo in bad::PHOTOS {
        eprintln!("{}", photo.what);
        let path = work.path().join(photo.name);
        (photo.make)(&path);
        let outcome = edge().arg("age").arg(&path).arg("--out").arg(work.path().join("out")).run();
        if outcome.code != Some(2) {
            flaws.push(format!("{}: code {:?}: {}", photo.what, outcome.code, outcome.said()));
        }
        let words = [&[photo.name], photo.says].concat();
        flaws.extend(outcome.flaw(&words).map(|flaw| format!("{}: {flaw}", photo.what)));
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}

/// Readers of JPEG fill in what is missing, so a face may still be whole.
#[test]
fn a_jpeg_cut_short_is_aged_if_its_face_can_be_seen_and_else_refused() {
    let work = folder();
    for (name, percent) in [("tenth", 10), ("half", 50), ("most", 95)] {
        let path = work.path().join(name).with_extension("jpg");
        bad::cut(&path, image::ImageFormat::Jpeg, |whole| whole * percent / 100);
        let outcome = edge().arg("age").arg(&path).arg("--out").arg(work.path().join("out")).run();
        if outcome.code == Some(0) {
            assert_eq!(portraits(&work.path().join("out").join(name)).len(), 6);
        } else {
            outcome.refused(&[name]);
            assert_eq!(outcome.code, Some(2), "{name}");
        }
    }
}

#[test]
fn of_several_people_the_nearest_ages() {
    let work = folder();
    let (near, far) = (pictures::visitor(0), pictures::visitor(1));
    let photo = work.path().join("people.png");
    pictures::save(&pictures::gallery(1400, 700, &[(&far, 40, 300, 220), (&near, 640, 60, 600)]), &photo);
    edge().arg("age").arg(&photo).arg("--out").arg(work.path().join("out")).run().succeeded();
    let alone = work.path().join("alone.png");
    pictures::save(&pictures::gallery(1400, 700, &[(&near, 640, 60, 600)]), &alone);
    edge().arg("age").arg(&alone).arg("--out").arg(work.path().join("out")).run().succeeded();
    let (people, alone) = (portraits(&work.path().join("out/people")), portraits(&work.path().join("out/alone")));
    assert!(pictures::difference(&people[0], &alone[0]) < 2.0);
}

#[test]
fn two_photographs_of_one_name_do_not_overwrite_each_other() {
    let work = folder();
    let photos = ["a", "b"].map(|name| {
        fs::create_dir(work.path().join(name)).unwrap();
        photograph(&work.path().join(name).join("visitor.png"), usize::from(name == "b"))
    });
    let out = work.path().join("out");
    edge().arg("age").args(&photos).arg("--out").arg(&out).run().succeeded();
    let folders: Vec<_> = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(folders.len(), 2, "{folders:?}");
    assert_ne!(portraits(&folders[0])[0], portraits(&folders[1])[0]);
}

#[test]
fn what_lay_in_the_output_folder_is_still_there() {
    let work = folder();
    let out = work.path().join("out");
    let photo = photograph(&work.path().join("visitor.png"), 0);
    fs::create_dir_all(out.join("visitor")).unwrap();
    for note in [out.join("notes.txt"), out.join("visitor/notes.txt")] {
        fs::write(note, "keep me").unwrap();
    }
    for _ in 0..2 {
        edge().arg("age").arg(&photo).arg("--out").arg(&out).run().succeeded();
    }
    for note in [out.join("notes.txt"), out.join("visitor/notes.txt")] {
        assert_eq!(fs::read_to_string(note).unwrap(), "keep me");
    }
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let work = folder();
    let photo = photograph(&work.path().join("visitor.png"), 0);
    let file = work.path().join("file");
    fs::write(&file, "keep me").unwrap();
    for out in [file.clone(), file.join("below"), PathBuf::from("/proc/out")] {
        let outcome = edge().arg("age").arg(&photo).arg("--out").arg(&out).run();
        outcome.refused(&[out.to_str().unwrap()]);
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "keep me");
}

#[test]
fn a_call_without_photographs_says_how_to_call() {
    edge().args(["age", "--out", "out"]).run().refused(&["Usage"]);
    edge().args(["age", "photo.jpg"]).run().refused(&["--out"]);
    edge().arg("aeg").run().refused(&["age"]);
}
