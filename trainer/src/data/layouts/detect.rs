//! Which layout a folder has: its tables tell, else the layout that can read the most of its names, else its folders.

use super::files::{find, tables};
use super::{Label, Layout, LayoutError, adience, agedb, cacd, fairface, fgnet, folders, imdb_wiki, morph, utkface};
use std::path::{Path, PathBuf};

/// Names that are looked at, spread over the whole folder.
const SAMPLE: usize = 1000;

type Reader = fn(&str) -> Option<Label>;
const BY_NAME: [(Layout, Reader); 6] = [
    (Layout::Utkface, utkface::label),
    (Layout::Fgnet, fgnet::label),
    (Layout::Morph, morph::label),
    (Layout::Cacd, cacd::label),
    (Layout::Agedb, agedb::label),
    (Layout::ImdbWiki, imdb_wiki::label),
];

pub fn detect(dir: &Path) -> Result<Layout, LayoutError> {
    let found = find(dir)?;
    if !tables(dir, fairface::is_table).is_empty() {
        return Ok(Layout::Fairface);
    }
    if !tables(dir, adience::is_table).is_empty() {
        return Ok(Layout::Adience);
    }
    let step = found.pictures.len().div_ceil(SAMPLE);
    let sample: Vec<&PathBuf> = found.pictures.iter().step_by(step).collect();
    let half = sample.len().div_ceil(2);
    let read_by = |label: Reader| {
        sample.iter().filter(|file| file.file_name().and_then(|name| name.to_str()).and_then(label).is_some()).count()
    };
    let most = BY_NAME.into_iter().map(|(layout, label)| (layout, read_by(label))).max_by_key(|&(_, count)| count);
    match most {
        Some((layout, count)) if count >= half => Ok(layout),
        _ if sample.iter().filter(|file| folders::label(file).is_some()).count() >= half => Ok(Layout::Folders),
        _ => Err(LayoutError::Unknown {
            dir: dir.to_owned(),
            example: sample.first().map(|&file| file.clone()).unwrap_or_default(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::tree;
    use super::*;

    #[test]
    fn each_layout_is_known_by_its_names_tables_or_folders() {
        for (files, layout) in [
            (["fairface_label_train.csv", "train/1.jpg", "val/1.jpg"], Layout::Fairface),
            (["fairface/fairface_label_val.csv", "fairface/val/1.jpg", "x.jpg"], Layout::Fairface),
            (["fold_0_data.txt", "fold_1_data.txt", "faces/u/coarse_tilt_aligned_face.1.a.jpg"], Layout::Adience),
            (
                ["part1/25_0_2_20170116174525125.jpg", "part1/1_1_20170116174525125.jpg.chip.jpg", "odd.jpg"],
                Layout::Utkface,
            ),
            (["images/001A02.JPG", "images/001A43a.JPG", "points/001a02.pts"], Layout::Fgnet),
            (["Album2/00001_0M54.JPG", "Album2/00001_1M55.JPG", "read me.txt"], Layout::Morph),
            (["16_Jane_Doe_0001.jpg", "17_John_Doe_0002.jpg", "18_John_Doe_0003.jpg"], Layout::Cacd),
            (["0_JaneDoe_35_f.jpg", "1_JaneDoe_36_f.jpg", "2_John_Doe_35_m.jpg"], Layout::Agedb),
            (["01/nm01_rm1_1899-5-10_1968.jpg", "02/23300_1962-06-19_2011.jpg", "wiki.mat"], Layout::ImdbWiki),
            (["10-14/a.jpg", "20s/b.png", "60+/c.webp"], Layout::Folders),
            (["AGFW/male/age_20_24/001.jpg", "AGFW/female/age_20_24/002.jpg", "list.txt"], Layout::Folders),
        ] {
            let dir = tree(&files);
            assert_eq!(detect(dir.path()).unwrap(), layout, "{files:?}");
        }
    }

    #[test]
    fn a_folder_of_holiday_pictures_is_not_taken_for_a_dataset() {
        let dir = tree(&["IMG_0001.jpg", "IMG_0002.jpg", "20s/c.jpg", "beach/d.jpg"]);
        let error = detect(dir.path()).unwrap_err();
        assert!(error.to_string().contains("--layout"), "{error}");
    }
}
