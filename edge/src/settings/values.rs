//! The kinds of values that settings have. A TOML value comes in; the value goes out, or `None` where it cannot be.

use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::de::DeValue;

pub(super) fn flag(value: &DeValue) -> Option<bool> {
    value.as_bool()
}

/// A whole number within a range.
pub(super) fn whole(value: &DeValue, range: RangeInclusive<u32>) -> Option<u32> {
    let number = value.as_integer()?;
    let number = u32::from_str_radix(number.as_str().trim_start_matches('+'), number.radix()).ok()?;
    range.contains(&number).then_some(number)
}

/// A number within a range.
pub(super) fn number(value: &DeValue, range: RangeInclusive<f64>) -> Option<f64> {
    let number = match value {
        DeValue::Float(float) => float.as_str().parse().ok()?,
        DeValue::Integer(_) => f64::from(whole(value, 0..=u32::MAX)?),
        _ => return None,
    };
    range.contains(&number).then_some(number)
}

/// A time within a range of seconds.
pub(super) fn seconds(value: &DeValue, range: RangeInclusive<f64>) -> Option<Duration> {
    number(value, range).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}

/// One of the words of an enum, as serde reads it.
pub(super) fn word<T: for<'w> Deserialize<'w>>(value: &DeValue) -> Option<T> {
    let word = IntoDeserializer::<Error>::into_deserializer(value.as_str()?);
    T::deserialize(word).ok()
}

/// A word that `read` understands, or `"auto"` for `None`.
pub(super) fn auto_or<'a, T>(value: &'a DeValue, read: impl FnOnce(&'a DeValue<'a>) -> Option<T>) -> Option<Option<T>> {
    match value.as_str() {
        Some("auto") => Some(None),
        _ => read(value).map(Some),
    }
}

/// Two whole numbers within a range: `[640, 480]`.
pub(super) fn pair(value: &DeValue, range: RangeInclusive<u32>) -> Option<(u32, u32)> {
    let array = value.as_array()?;
    let mut numbers = array.iter().map(|number| whole(number.get_ref(), range.clone()));
    match (numbers.next(), numbers.next(), numbers.next()) {
        (Some(first), Some(second), None) => first.zip(second),
        _ => None,
    }
}

/// A list without repetitions, each entry through `read`.
pub(super) fn list<T: PartialEq>(value: &DeValue, read: impl Fn(&DeValue) -> Option<T>) -> Option<Vec<T>> {
    let list = value.as_array()?.iter().map(|entry| read(entry.get_ref())).collect::<Option<Vec<T>>>()?;
    let twice = list.iter().enumerate().any(|(i, entry)| list[..i].contains(entry));
    (!twice).then_some(list)
}

/// A text that is not blank.
pub(super) fn text(value: &DeValue) -> Option<String> {
    value.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned)
}

/// A path; a relative one begins in `folder`.
pub(super) fn path(value: &DeValue, folder: &Path) -> Option<PathBuf> {
    text(value).filter(|path| !path.contains('\0')).map(|path| folder.join(path))
}
