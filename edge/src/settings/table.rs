//! The text of a settings file comes in and is read key by key: each value is checked where it is asked for, and whatever
//! nobody asked for is refused. What goes out are values that cannot be wrong, or the [`SettingsError`] that names the place.

use super::SettingsError;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub file: PathBuf,
    /// From 1.
    pub line: usize,
}

/// A file's text and where it came from.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub file: &'a Path,
    pub text: &'a str,
}

/// A section of the file: its values, each to be asked for once.
pub(super) struct Table<'a> {
    source: Source<'a>,
    /// Keys on the way to this section, with a dot after each.
    path: String,
    /// The byte where it begins.
    start: usize,
    /// `None` where the file does not have this section.
    entries: Option<&'a DeTable<'a>>,
    known: Vec<&'static str>,
}

/// Characters of a value that a message repeats.
const QUOTED: usize = 60;

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}, line {}", self.file.display(), self.line)
    }
}

impl Source<'_> {
    /// The line in which a byte lies.
    pub fn place(&self, byte: usize) -> Place {
        let before = &self.text.as_bytes()[..byte.min(self.text.len())];
        Place { file: self.file.to_owned(), line: 1 + before.iter().filter(|&&byte| byte == b'\n').count() }
    }

    /// A value as it is written, at most its first line.
    fn quote(&self, span: Range<usize>) -> String {
        let line = self.text.get(span).and_then(|text| text.lines().next()).unwrap_or_default();
        let mut quoted: String = line.chars().take(QUOTED).collect();
        if quoted.len() < line.len() {
            quoted.push('…');
        }
        quoted
    }
}

impl<'a> Table<'a> {
    /// The whole file.
    pub fn root(source: Source<'a>, entries: &'a DeTable<'a>) -> Self {
        Self { source, path: String::new(), start: 0, entries: Some(entries), known: Vec::new() }
    }

    /// A section under this one; without entries where the file does not have it.
    pub fn section(&mut self, key: &'static str) -> Result<Self, SettingsError> {
        let (source, path) = (self.source, format!("{}{key}.", self.path));
        let Some(value) = self.take(key) else {
            return Ok(Self { source, path, start: 0, entries: None, known: Vec::new() });
        };
        let entries = value.get_ref().as_table().ok_or_else(|| self.refuse(key, value.span(), "a section"))?;
        Ok(Self { source, path, start: value.span().start, entries: Some(entries), known: Vec::new() })
    }

    /// Whether the file has this section.
    pub fn is_there(&self) -> bool {
        self.entries.is_some()
    }

    /// The value of a key, or `default` where the file does not have it. `read` gives `None` for what cannot be, `allowed`
    /// says in plain words what can.
    pub fn value<T>(
        &mut self,
        key: &'static str,
        default: T,
        allowed: &str,
        read: impl FnOnce(&DeValue<'a>) -> Option<T>,
    ) -> Result<T, SettingsError> {
        match self.take(key) {
            Some(value) => read(value.get_ref()).ok_or_else(|| self.refuse(key, value.span(), allowed)),
            None => Ok(default),
        }
    }

    /// A value that is needed because of another one.
    pub fn needed<T>(&self, value: Option<T>, key: &str, allowed: &str) -> Result<T, SettingsError> {
        value.ok_or_else(|| SettingsError::Value {
            place: self.source.place(self.start),
            key: format!("{}{key}", self.path),
            found: "nothing".into(),
            allowed: allowed.to_owned(),
        })
    }

    /// Each section of an array of sections, through `read`.
    pub fn each<T>(
        &mut self,
        key: &'static str,
        allowed: &str,
        mut read: impl FnMut(&mut Self) -> Result<T, SettingsError>,
    ) -> Result<Vec<T>, SettingsError> {
        let Some(array) = self.take(key) else { return Ok(Vec::new()) };
        let refuse = |span| self.refuse(key, span, allowed);
        let sections = array.get_ref().as_array().ok_or_else(|| refuse(array.span()))?;
        let (source, path) = (self.source, format!("{}{key}.", self.path));
        let read_one = |section: &'a Spanned<DeValue<'a>>| {
            let entries = section.get_ref().as_table().ok_or_else(|| refuse(section.span()))?;
            let start = section.span().start;
            let mut table = Self { source, path: path.clone(), start, entries: Some(entries), known: Vec::new() };
            let read = read(&mut table)?;
            table.finish()?;
            Ok(read)
        };
        sections.iter().map(read_one).collect()
    }

    /// All entries of a section whose keys are the museum's own, through `read`.
    pub fn all<T>(
        self,
        allowed: &str,
        mut read: impl FnMut(&str, &DeValue<'a>) -> Option<T>,
    ) -> Result<Vec<T>, SettingsError> {
        let entries = self.entries.into_iter().flatten();
        let read_one = |(key, value): (&Spanned<Cow<'a, str>>, &Spanned<DeValue<'a>>)| {
            read(key.get_ref(), value.get_ref()).ok_or_else(|| self.refuse(key.get_ref(), value.span(), allowed))
        };
        entries.map(read_one).collect()
    }

    /// Refuses the keys that nobody asked for.
    pub fn finish(self) -> Result<(), SettingsError> {
        let unknown = |(key, _): &(&Spanned<Cow<'a, str>>, _)| !self.known.contains(&key.get_ref().as_ref());
        let first = self.entries.into_iter().flatten().filter(unknown).min_by_key(|(key, _)| key.span().start);
        let Some((key, _)) = first else { return Ok(()) };
        Err(SettingsError::UnknownKey {
            place: self.source.place(key.span().start),
            key: format!("{}{}", self.path, key.get_ref()),
            nearest: nearest(key.get_ref(), &self.known).map(str::to_owned),
            known: self.known,
        })
    }

    /// Where a relative path in this file begins: at the file itself.
    pub fn folder(&self) -> &'a Path {
        self.source.file.parent().unwrap_or(Path::new(""))
    }

    fn take(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.push(key);
        self.entries?.iter().find(|(entry, _)| entry.get_ref() == key).map(|(_, value)| value)
    }

    fn refuse(&self, key: &str, span: Range<usize>, allowed: &str) -> SettingsError {
        SettingsError::Value {
            place: self.source.place(span.start),
            key: format!("{}{key}", self.path),
            found: self.source.quote(span),
            allowed: allowed.to_owned(),
        }
    }
}

/// The known key that needs the fewest letters changed; `None` where it would have to be mostly another word.
fn nearest<'k>(found: &str, known: &[&'k str]) -> Option<&'k str> {
    let near = known.iter().map(|key| (distance(found, key), *key)).min()?;
    (near.0 <= 1 + found.chars().count() / 3).then_some(near.1)
}

/// Letters to insert, remove or replace to come from one word to the other (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, letter) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_is_recognized_and_another_word_is_not() {
        let known = ["rotation", "rate", "mirror", "flicker"];
        assert_eq!(nearest("rotaton", &known), Some("rotation"));
        assert_eq!(nearest("rat", &known), Some("rate"));
        assert_eq!(nearest("miror", &known), Some("mirror"));
        assert_eq!(nearest("elephant", &known), None);
        assert_eq!(nearest("x", &[]), None);
        assert_eq!((distance("", "abc"), distance("abc", ""), distance("kitten", "sitting")), (3, 3, 3));
    }

    #[test]
    fn long_values_are_cut_in_messages() {
        let text = format!("a = \"{}\"\nb", "é".repeat(200));
        let source = Source { file: Path::new("k"), text: &text };
        assert_eq!(source.quote(4..text.len()).chars().count(), QUOTED + 1);
        assert_eq!(source.quote(5..6), "é".repeat(0));
        assert_eq!(source.place(text.len() + 9), Place { file: "k".into(), line: 2 });
    }
}
