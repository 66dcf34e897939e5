//! A small data set in FairFace's own layout: a part of FairFace where it lies beside the repository, else pictures that
//! are made from the demo visitors.

use crate::pictures::{self, Dice};
use image::{Rgb, RgbImage, imageops};
use std::fs;
use std::path::{Path, PathBuf};

/// Pictures a decade: to train on, and to validate.
const PICTURES: [(&str, usize); 2] = [("train", 8), ("val", 3)];
/// FairFace's names of the six decades.
const AGES: [&str; 6] = ["10-19", "20-29", "30-39", "40-49", "50-59", "60-69"];

/// Where FairFace may lie.
pub fn fairface() -> Option<PathBuf> {
    let folder = crate::root().join("../shared/data/fairface");
    folder.join("fairface_label_train.csv").is_file().then_some(folder)
}

/// Fills a folder with 66 pictures and their label files, and says on stderr where they come from.
pub fn write(folder: &Path) {
    match fairface() {
        Some(fairface) => {
            eprintln!("data: a part of FairFace");
            copy_part(&fairface, folder);
        }
        None => {
            eprintln!("data: FairFace is not there; pictures made from the demo visitors take its place");
            make(folder);
        }
    }
}

/// The first pictures of each decade in both lists.
fn copy_part(fairface: &Path, folder: &Path) {
    for (split, count) in PICTURES {
        let name = format!("fairface_label_{split}.csv");
        let list = fs::read_to_string(fairface.join(&name)).expect("FairFace's list");
        let mut lines = list.lines();
        let mut part = vec![lines.next().expect("a heading")];
        let rows: Vec<_> = lines.collect();
        for age in AGES {
            part.extend(rows.iter().filter(|row| row.split(',').nth(1) == Some(age)).take(count));
        }
        fs::create_dir_all(folder.join(split)).expect("a temporary folder");
        for row in &part[1..] {
            let file = row.split(',').next().expect("a file's name");
            fs::copy(fairface.join(file), folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        }
        fs::write(folder.join(name), part.join("\n") + "\n").expect("a temporary file");
    }
}

/// Pictures of which no two are alike: each shows a mix of two visitors under another light.
fn make(folder: &Path) {
    let mut dice = Dice::new(7);
    let mut number = 0;
    for (split, count) in PICTURES {
        fs::create_dir_all(folder.join(split)).expect("a temporary folder");
        let mut list = String::from("file,age,gender,race,service_test\n");
        for (decade, age) in AGES.into_iter().enumerate() {
            for _ in 0..count {
                number += 1;
                let file = format!("{split}/{number}.jpg");
                pictures::save(&variation(number, decade, &mut dice), &folder.join(&file));
                let gender = ["Female", "Male"][number % 2];
                list += &format!("{file},{age},{gender},White,FALSE\n");
            }
        }
        fs::write(folder.join(format!("fairface_label_{split}.csv")), list).expect("a temporary file");
    }
}

/// One visitor, mixed with the next, in another light, colour and place, each other one mirrored; 224×224. From decade
/// to decade the colours go from warm to cool, so that there is something to learn.
fn variation(number: usize, decade: usize, dice: &mut Dice) -> RgbImage {
    let square = |picture: &RgbImage| imageops::resize(picture, 224, 224, imageops::FilterType::Triangle);
    let (one, other) = (square(&pictures::visitor(number)), square(&pictures::visitor(number + 1)));
    let share = dice.between(0.0, 0.4);
    let warmth = 0.2 - 0.08 * decade as f32;
    let tint = [1.0 + warmth, 1.0, 1.0 - warmth].map(|tint| tint * dice.between(0.93, 1.07));
    let (angle, wave, phase) = (dice.between(0.0, 6.3), dice.between(0.02, 0.05), dice.between(0.0, 6.3));
    let lit = RgbImage::from_fn(224, 224, |x, y| {
        let along = x as f32 * angle.cos() + y as f32 * angle.sin();
        let light = 1.0 + 0.4 * (along * wave + phase).sin();
        let (a, b) = (one.get_pixel(x, y), other.get_pixel(x, y));
        Rgb(std::array::from_fn(|c| {
            let mixed = f32::from(a[c]) * (1.0 - share) + f32::from(b[c]) * share;
            (mixed * light * tint[c]).clamp(0.0, 255.0) as u8
        }))
    });
    let mut picture = pictures::noise(224, 224, number as u64);
    picture.enumerate_pixels_mut().for_each(|(_, _, pixel)| pixel.0 = pixel.0.map(|value| 110 + value / 16));
    let lit = if number.is_multiple_of(2) { lit } else { imageops::flip_horizontal(&lit) };
    let side = dice.between(200.0, 224.0) as u32;
    let scaled = imageops::resize(&lit, side, side, imageops::FilterType::Triangle);
    let (x, y) = (dice.between(0.0, (224 - side) as f32), dice.between(0.0, (224 - side) as f32));
    imageops::overlay(&mut picture, &scaled, x as i64, y as i64);
    picture
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_data_set_has_every_decade_in_both_lists() {
        let folder = crate::folder();
        make(folder.path());
        for (split, count) in PICTURES {
            let list = fs::read_to_string(folder.path().join(format!("fairface_label_{split}.csv"))).unwrap();
            for age in AGES {
                assert_eq!(list.matches(age).count(), count, "{split} {age}");
            }
            for row in list.lines().skip(1) {
                assert!(folder.path().join(row.split(',').next().unwrap()).is_file(), "{row}");
            }
        }
    }
}
