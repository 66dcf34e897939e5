//! Which key means what. Names of keys come in from the settings; a button for each key goes out.

use super::Button;
use evdev::KeyCode;
use std::collections::BTreeMap;
use std::str::FromStr;

/// Keys of keyboards, presenters and button boxes, with what they ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys(BTreeMap<u16, Button>);

/// A key that no keyboard has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no key; use a name such as KEY_SPACE or BTN_0, as `evtest` shows it")]
pub struct UnknownKey(pub String);

const USUAL: [(KeyCode, Button); 16] = [
    (KeyCode::KEY_LEFT, Button::Younger),
    (KeyCode::KEY_DOWN, Button::Younger),
    (KeyCode::KEY_PAGEDOWN, Button::Younger),
    (KeyCode::KEY_RIGHT, Button::Older),
    (KeyCode::KEY_UP, Button::Older),
    (KeyCode::KEY_PAGEUP, Button::Older),
    (KeyCode::KEY_SPACE, Button::Hold),
    (KeyCode::KEY_ENTER, Button::Hold),
    (KeyCode::KEY_KPENTER, Button::Hold),
    (KeyCode::KEY_L, Button::Language),
    (KeyCode::KEY_I, Button::Inside),
    (KeyCode::KEY_ESC, Button::OptOut),
    (KeyCode::KEY_N, Button::OptOut),
    (KeyCode::KEY_T, Button::TakeHome),
    (KeyCode::KEY_D, Button::Done),
    (KeyCode::KEY_BACKSPACE, Button::Done),
];

impl Default for Keys {
    fn default() -> Self {
        Self(USUAL.into_iter().map(|(key, button)| (key.code(), button)).collect())
    }
}

impl Keys {
    /// The usual keys, and those of `more`, which have the last word: `KEY_SPACE` or just `space`.
    pub fn with(more: &BTreeMap<String, Button>) -> Result<Self, UnknownKey> {
        let mut keys = Self::default();
        for (name, &button) in more {
            keys.0.insert(code(name)?.code(), button);
        }
        Ok(keys)
    }

    pub fn button(&self, key: KeyCode) -> Option<Button> {
        self.0.get(&key.code()).copied()
    }

    /// All keys that mean something.
    pub fn codes(&self) -> impl Iterator<Item = KeyCode> {
        self.0.keys().map(|&code| KeyCode::new(code))
    }
}

fn code(name: &str) -> Result<KeyCode, UnknownKey> {
    let whole = name.trim().to_ascii_uppercase();
    KeyCode::from_str(&whole)
        .or_else(|_| KeyCode::from_str(&format!("KEY_{whole}")))
        .map_err(|_| UnknownKey(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_have_the_last_word() {
        let more = BTreeMap::from([("space".into(), Button::Done), ("BTN_0".into(), Button::Older)]);
        let keys = Keys::with(&more).unwrap();
        assert_eq!(keys.button(KeyCode::KEY_SPACE), Some(Button::Done));
        assert_eq!(keys.button(KeyCode::BTN_0), Some(Button::Older));
        assert_eq!(keys.button(KeyCode::KEY_LEFT), Some(Button::Younger));
        assert_eq!(keys.button(KeyCode::BTN_LEFT), None);
        assert_eq!(keys.codes().count(), USUAL.len() + 1);
    }

    #[test]
    fn a_key_that_does_not_exist_is_named() {
        let more = BTreeMap::from([("spacebar".into(), Button::Done)]);
        assert_eq!(Keys::with(&more), Err(UnknownKey("spacebar".into())));
    }
}
