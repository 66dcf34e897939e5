//! The typefaces inside this program (`edge/fonts`), and which letters they have. Fonts of the system are never read, so
//! that a text looks the same everywhere.

use cosmic_text::FontSystem;
use cosmic_text::fontdb::{Database, Source};
use std::sync::Arc;

/// The typeface of all texts; letters that it does not have come from the others.
pub const FAMILY: &str = "Noto Sans";

const FILES: [&[u8]; 4] = [
    include_bytes!("../../fonts/NotoSans-Regular.ttf"),
    include_bytes!("../../fonts/NotoSansArabic-Regular.ttf"),
    include_bytes!("../../fonts/NotoSansHebrew-Regular.ttf"),
    include_bytes!("../../fonts/NotoSansSC-Regular.otf"),
];

/// The embedded fonts alone.
pub fn embedded() -> FontSystem {
    let mut fonts = Database::new();
    for file in FILES {
        fonts.load_font_source(Source::Binary(Arc::new(file)));
    }
    FontSystem::new_with_locale_and_db("en".into(), fonts)
}

/// The letters of `text` that none of the fonts has, each once.
pub fn missing(fonts: &mut FontSystem, text: &str) -> Vec<char> {
    let faces: Vec<_> = fonts.db().faces().map(|face| (face.id, face.weight)).collect();
    let faces: Vec<_> = faces.into_iter().filter_map(|(id, weight)| fonts.get_font(id, weight)).collect();
    let drawn = |letter: &char| !letter.is_whitespace() && !letter.is_control();
    let known = |letter: char| faces.iter().any(|face| face.as_swash().charmap().map(letter) != 0);
    let mut missing: Vec<char> = text.chars().filter(drawn).filter(|&letter| !known(letter)).collect();
    missing.sort_unstable();
    missing.dedup();
    missing
}
