//! What the mirror says, in each language. TOML files come in, the ones inside this program (`edge/languages`) and those that
//! staff added; checked [`Language`]s go out. Next: the scene sets them in type.

use serde::{Deserialize, Serialize};
use shared::Decade;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Everything that is read in one language.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Language {
    /// What settings call it: `en`, `pt-BR`.
    pub code: String,
    /// What its speakers call it.
    pub name: String,
    pub direction: Direction,
    pub invitation: String,
    /// Said before anything is analysed: what happens, and that nothing is kept.
    pub notice: String,
    /// How to say no where buttons are, and where none are.
    pub decline_button: String,
    pub decline_leaving: String,
    pub found: String,
    pub waiting: String,
    /// Youngest first.
    pub decades: [String; Decade::ALL.len()],
    pub future: String,
    pub held: String,
    pub turned: String,
    pub strip: String,
    pub erase: String,
    pub farewell: String,
    pub opted_out: String,
    pub plain: String,
    pub no_camera: String,
    pub rest: String,
    pub closed: String,
    /// Holds [`SECONDS`] where the number belongs.
    pub countdown: String,
    /// The mark of every aged picture.
    pub synthetic: String,
    pub take_home: String,
    pub buttons: Buttons,
    pub inside: Inside,
    pub staff: Staff,
}

/// Where reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    LeftToRight,
    RightToLeft,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Buttons {
    pub younger: String,
    pub older: String,
    pub hold: String,
    /// After [`Self::hold`].
    pub go_on: String,
    pub language: String,
    pub opt_out: String,
    pub look_inside: String,
    /// After [`Self::look_inside`].
    pub look_back: String,
    pub take_home: String,
    pub done: String,
}

/// Captions of the educator's view.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Inside {
    pub title: String,
    /// Under the picture of how strongly each place is changed.
    pub strength: String,
    /// Beside the layers, in the order in which the net computes them.
    pub layers: [String; LAYERS],
}

/// How many layers the educator's view explains at most.
pub const LAYERS: usize = 4;

/// Notices for the people who look after the mirror.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Staff {
    pub settings: String,
    pub generator: String,
    pub hot: String,
}

/// Stands for the number in [`Language::countdown`].
pub const SECONDS: &str = "{seconds}";

/// Why a language is refused.
#[derive(Debug, thiserror::Error)]
pub enum TextsError {
    #[error("{}: cannot be read ({source}); check the folder of languages and its rights", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}: {message}; compare it with en.toml", path.display())]
    Parse { path: PathBuf, message: String },
    #[error("{}: `{key}` is empty; write its text", path.display())]
    Empty { path: PathBuf, key: String },
    #[error("{}: `{key}` is \"{found}\", which {expected}", path.display())]
    Text { path: PathBuf, key: &'static str, found: String, expected: &'static str },
    #[error("`{found}` is no language of this mirror; use one of {known}")]
    Unknown { found: String, known: String },
}

const EMBEDDED: [(&str, &str); 6] = [
    ("en.toml", include_str!("../../languages/en.toml")),
    ("de.toml", include_str!("../../languages/de.toml")),
    ("fr.toml", include_str!("../../languages/fr.toml")),
    ("es.toml", include_str!("../../languages/es.toml")),
    ("zh.toml", include_str!("../../languages/zh.toml")),
    ("ar.toml", include_str!("../../languages/ar.toml")),
];

/// The languages inside this program, English first.
pub fn embedded() -> Result<Vec<Language>, TextsError> {
    EMBEDDED.iter().map(|(name, text)| Language::parse(name.as_ref(), text)).collect()
}

/// The embedded languages and those in the `.toml` files of a folder; a file takes the place of the embedded language whose
/// code it has.
pub fn with_folder(folder: &Path) -> Result<Vec<Language>, TextsError> {
    let mut languages = embedded()?;
    let failed = |source| TextsError::Read { path: folder.to_owned(), source };
    let entries = std::fs::read_dir(folder).map_err(failed)?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>().map_err(failed)?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    for path in files {
        let text = std::fs::read_to_string(&path).map_err(|source| TextsError::Read { path: path.clone(), source })?;
        let language = Language::parse(&path, &text)?;
        match languages.iter_mut().find(|known| known.code == language.code) {
            Some(known) => *known = language,
            None => languages.push(language),
        }
    }
    Ok(languages)
}

/// The languages with these codes, in this order.
pub fn chosen(languages: &[Language], codes: &[String]) -> Result<Vec<Language>, TextsError> {
    codes.iter().map(|code| Ok(languages[index(languages, code)?].clone())).collect()
}

/// Puts a museum's own invitations, by language code, in place of the usual ones.
pub fn invite(languages: &mut [Language], invitations: &BTreeMap<String, String>) -> Result<(), TextsError> {
    for (code, text) in invitations {
        languages[index(languages, code)?].invitation.clone_from(text);
    }
    Ok(())
}

fn index(languages: &[Language], code: &str) -> Result<usize, TextsError> {
    languages.iter().position(|language| language.code == code).ok_or_else(|| {
        let known: Vec<&str> = languages.iter().map(|language| &*language.code).collect();
        TextsError::Unknown { found: code.into(), known: known.join(", ") }
    })
}

impl Language {
    /// Reads a file's text; `path` is for messages only.
    pub fn parse(path: &Path, text: &str) -> Result<Self, TextsError> {
        let failed = |error: toml::de::Error| TextsError::Parse {
            path: path.to_owned(),
            message: error.to_string().trim_end().to_owned(),
        };
        let language: Self = toml::from_str(text).map_err(failed)?;
        let table: toml::Table = toml::from_str(text).map_err(failed)?;
        if let Some(key) = empty(&table, "") {
            return Err(TextsError::Empty { path: path.to_owned(), key });
        }
        let Self { code, countdown, .. } = &language;
        let refuse = |key, found: &str, expected| {
            Err(TextsError::Text { path: path.to_owned(), key, found: found.into(), expected })
        };
        if !code.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-') {
            return refuse("code", code, "is no language code; use letters, as in `en` or `pt-BR`");
        }
        if countdown.matches(SECONDS).count() != 1 {
            return refuse("countdown", countdown, "must hold {seconds} once");
        }
        Ok(language)
    }

    pub fn is_right_to_left(&self) -> bool {
        self.direction == Direction::RightToLeft
    }

    /// Puts the countdown's text into `line`, which keeps its memory.
    pub fn count_down(&self, seconds: u32, line: &mut String) {
        use std::fmt::Write;
        let (before, after) = self.countdown.split_once(SECONDS).unwrap_or((&self.countdown, ""));
        line.clear();
        // Writing into a string does not fail.
        let _ = write!(line, "{before}{seconds}{after}");
    }

    /// All texts in one, for a check of their letters.
    pub fn all(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }
}

/// The first key whose text is empty.
fn empty(table: &toml::Table, within: &str) -> Option<String> {
    let blank = |value: &toml::Value| value.as_str().is_some_and(|text| text.trim().is_empty());
    table.iter().find_map(|(key, value)| match value {
        toml::Value::Table(table) => empty(table, &format!("{within}{key}.")),
        toml::Value::Array(texts) => texts.iter().any(blank).then(|| format!("{within}{key}")),
        value => blank(value).then(|| format!("{within}{key}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lettering::Typesetter;

    fn refused(text: &str) -> String {
        Language::parse("xx.toml".as_ref(), text).unwrap_err().to_string()
    }

    #[test]
    fn every_language_is_whole_named_and_within_the_fonts() {
        let mut typesetter = Typesetter::new();
        let languages = embedded().unwrap();
        let codes: Vec<&str> = languages.iter().map(|language| &*language.code).collect();
        assert_eq!(codes, ["en", "de", "fr", "es", "zh", "ar"]);
        for language in &languages {
            assert!(language.all().contains(&language.staff.hot));
            assert_eq!(typesetter.covers(&language.all()), Ok(()), "{}", language.code);
            assert!(language.is_right_to_left() == (language.code == "ar"));
        }
        let distinct: std::collections::BTreeSet<&str> = languages.iter().map(|language| &*language.future).collect();
        assert_eq!(distinct.len(), languages.len());
        assert!(!languages[0].all().to_lowercase().contains("your future"));
    }

    #[test]
    fn a_file_with_a_mistake_is_refused_by_its_key() {
        let english = EMBEDDED[0].1;
        assert!(refused(&english.replace("held =", "hold =")).contains("hold"));
        let missing = refused(&english.replace("held = \"Paused\"\n", ""));
        assert!(missing.contains("xx.toml") && missing.contains("held"), "{missing}");
        assert!(refused(&english.replace("\"Younger\"", "\" \"")).contains("`buttons.younger` is empty"));
        assert!(refused(&english.replace("\"30s\"", "\"\"")).contains("`decades` is empty"));
        assert!(refused(&english.replace("{seconds}", "some")).contains("countdown"));
        assert!(refused(&english.replace("\"en\"", "\"e n\"")).contains("language code"));
        assert!(refused(&english.replace("\"30s\", ", "")).contains("decades"));
        assert!(refused(&english.replace("left-to-right", "sideways")).contains("sideways"));
    }

    #[test]
    fn staff_add_and_replace_languages() {
        let folder = tempfile::tempdir().unwrap();
        let english = EMBEDDED[0].1;
        std::fs::write(folder.path().join("en.toml"), english.replace("\"Hello!\"", "\"Hi!\"")).unwrap();
        std::fs::write(folder.path().join("cy.toml"), english.replace("\"en\"", "\"cy\"")).unwrap();
        std::fs::write(folder.path().join("notes.txt"), "no language").unwrap();
        let languages = with_folder(folder.path()).unwrap();
        assert_eq!(languages.len(), EMBEDDED.len() + 1);
        assert_eq!(languages[0].found, "Hi!");
        let some = chosen(&languages, &["cy".into(), "ar".into()]).unwrap();
        assert_eq!((some.len(), &*some[0].code, &*some[1].code), (2, "cy", "ar"));
        assert!(matches!(chosen(&languages, &["tlh".into()]), Err(TextsError::Unknown { .. })));
        assert!(matches!(with_folder(&folder.path().join("none")), Err(TextsError::Read { .. })));
    }

    #[test]
    fn a_museum_invites_in_its_own_words() {
        let mut languages = embedded().unwrap();
        invite(&mut languages, &BTreeMap::from([("de".into(), "Komm her".into())])).unwrap();
        assert_eq!(languages[1].invitation, "Komm her");
        assert!(invite(&mut languages, &BTreeMap::from([("xx".into(), "x".into())])).is_err());
    }

    #[test]
    fn the_countdown_holds_its_number_where_the_language_wants_it() {
        let mut line = String::from("old");
        let languages = embedded().unwrap();
        languages[0].count_down(12, &mut line);
        assert_eq!(line, "ends in 12 s");
        languages[4].count_down(3, &mut line);
        assert_eq!(line, "3 秒后结束");
    }
}
