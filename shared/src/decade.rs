//! The six decades of the paper (section 3.1: "10s" to "60s").

use core::fmt;
use core::str::FromStr;

/// How many decades there are, and the width of the condition vector.
pub const COUNT: usize = 6;

/// A decade of life. Its index is its place in the condition vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Decade {
    #[serde(rename = "10s")]
    Tens,
    #[serde(rename = "20s")]
    Twenties,
    #[serde(rename = "30s")]
    Thirties,
    #[serde(rename = "40s")]
    Forties,
    #[serde(rename = "50s")]
    Fifties,
    #[serde(rename = "60s")]
    Sixties,
}

impl Decade {
    /// From youngest to oldest.
    pub const ALL: [Self; COUNT] =
        [Self::Tens, Self::Twenties, Self::Thirties, Self::Forties, Self::Fifties, Self::Sixties];

    /// The decade that an age in whole years falls into; `None` outside 10 to 69.
    pub const fn from_age(years: u32) -> Option<Self> {
        match years {
            10..=69 => Some(Self::ALL[(years / 10 - 1) as usize]),
            _ => None,
        }
    }

    /// `0..6`.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The decade at an index; `None` from 6 on.
    pub fn from_index(index: usize) -> Option<Self> {
        Self::ALL.get(index).copied()
    }

    /// First year of the decade: 10, 20, … 60.
    pub const fn first_year(self) -> u32 {
        self as u32 * 10 + 10
    }

    /// Middle of the decade in years: 15, 25, … 65. A one-hot condition means this age.
    pub const fn middle(self) -> f32 {
        self as u32 as f32 * 10.0 + 15.0
    }

    /// `"10s"` … `"60s"`, used in file names, manifests and on screen.
    pub const fn name(self) -> &'static str {
        ["10s", "20s", "30s", "40s", "50s", "60s"][self as usize]
    }
}

impl fmt::Display for Decade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that names none of the six decades.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a decade; use one of 10s, 20s, 30s, 40s, 50s, 60s")]
pub struct UnknownDecade;

impl FromStr for Decade {
    type Err = UnknownDecade;

    fn from_str(text: &str) -> Result<Self, UnknownDecade> {
        Self::ALL.into_iter().find(|decade| decade.name() == text).ok_or(UnknownDecade)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_outside_ten_to_sixty_nine_have_no_decade() {
        assert_eq!(Decade::from_age(9), None);
        assert_eq!(Decade::from_age(70), None);
        assert_eq!(Decade::from_age(10), Some(Decade::Tens));
        assert_eq!(Decade::from_age(69), Some(Decade::Sixties));
    }

    #[test]
    fn names_and_indices_round_trip() {
        for (index, decade) in Decade::ALL.into_iter().enumerate() {
            assert_eq!(decade.index(), index);
            assert_eq!(Decade::from_index(index), Some(decade));
            assert_eq!(decade.name().parse(), Ok(decade));
            assert_eq!(Decade::from_age(decade.middle() as u32), Some(decade));
            assert_eq!(Decade::from_age(decade.first_year()), Some(decade));
        }
        assert_eq!("70s".parse::<Decade>(), Err(UnknownDecade));
    }
}
