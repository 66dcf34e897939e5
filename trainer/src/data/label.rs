//! What a dataset says about a face, in one vocabulary: its age in years or as a range, its gender. Out comes a decade or the
//! reason why there is none.

use serde::{Deserialize, Serialize};
use shared::Decade;
use std::fmt;
use std::str::FromStr;

/// Ages above this are typing errors in every dataset known here.
pub const OLDEST: u32 = 116;

/// A face's age as its dataset tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgeLabel {
    /// Whole years.
    Years(u32),
    /// From the first to the last year, both included.
    Range(u32, u32),
}

/// Why a label stands for none of the six decades.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoDecade {
    #[error("age outside 10 to 69")]
    Outside,
    #[error("age range across decades")]
    AcrossDecades,
    #[error("age impossible")]
    Impossible,
}

impl AgeLabel {
    /// The decade that all ages of the label fall into.
    pub fn decade(self) -> Result<Decade, NoDecade> {
        let (first, last) = self.bounds();
        if first > last || first > OLDEST {
            return Err(NoDecade::Impossible);
        }
        match (Decade::from_age(first), Decade::from_age(last)) {
            (Some(a), Some(b)) if a == b => Ok(a),
            (None, None) if first >= 70 || last < 10 => Err(NoDecade::Outside),
            _ => Err(NoDecade::AcrossDecades),
        }
    }

    /// The exact age, where the dataset has one.
    pub const fn years(self) -> Option<u32> {
        match self {
            Self::Years(years) => Some(years),
            Self::Range(..) => None,
        }
    }

    const fn bounds(self) -> (u32, u32) {
        match self {
            Self::Years(years) => (years, years),
            Self::Range(first, last) => (first, last),
        }
    }
}

/// Gender as labelled by the dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gender {
    Female,
    Male,
}

impl fmt::Display for Gender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Female => "female",
            Self::Male => "male",
        })
    }
}

/// A word that names no gender known here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a gender known here; use female or male")]
pub struct UnknownGender(String);

impl FromStr for Gender {
    type Err = UnknownGender;

    /// `female`, `f`, `woman`, `women`, `male`, `m`, `man`, `men`, in any case.
    fn from_str(text: &str) -> Result<Self, UnknownGender> {
        match text.to_ascii_lowercase().as_str() {
            "female" | "females" | "f" | "woman" | "women" => Ok(Self::Female),
            "male" | "males" | "m" | "man" | "men" => Ok(Self::Male),
            _ => Err(UnknownGender(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_inside_one_decade_have_it() {
        assert_eq!(AgeLabel::Range(10, 14).decade(), Ok(Decade::Tens));
        assert_eq!(AgeLabel::Range(15, 19).decade(), Ok(Decade::Tens));
        assert_eq!(AgeLabel::Range(60, 69).decade(), Ok(Decade::Sixties));
    }

    #[test]
    fn each_reason_is_told_apart() {
        assert_eq!(AgeLabel::Years(9).decade(), Err(NoDecade::Outside));
        assert_eq!(AgeLabel::Range(0, 2).decade(), Err(NoDecade::Outside));
        assert_eq!(AgeLabel::Range(70, 116).decade(), Err(NoDecade::Outside));
        assert_eq!(AgeLabel::Range(25, 32).decade(), Err(NoDecade::AcrossDecades));
        assert_eq!(AgeLabel::Range(8, 12).decade(), Err(NoDecade::AcrossDecades));
        assert_eq!(AgeLabel::Range(60, 116).decade(), Err(NoDecade::AcrossDecades));
        assert_eq!(AgeLabel::Range(5, 80).decade(), Err(NoDecade::AcrossDecades));
        assert_eq!(AgeLabel::Range(30, 20).decade(), Err(NoDecade::Impossible));
        assert_eq!(AgeLabel::Years(1975).decade(), Err(NoDecade::Impossible));
    }

    #[test]
    fn genders_are_read_in_the_words_that_datasets_use() {
        for word in ["Male", "m", "MEN", "man"] {
            assert_eq!(word.parse(), Ok(Gender::Male), "{word}");
        }
        assert_eq!("Female".parse(), Ok(Gender::Female));
        assert!("u".parse::<Gender>().is_err());
    }

    proptest! {
        #[test]
        fn years_and_a_range_of_one_year_agree(years in 0u32..200) {
            prop_assert_eq!(AgeLabel::Years(years).decade(), AgeLabel::Range(years, years).decade());
        }

        #[test]
        fn a_decade_holds_every_age_of_its_label(first in 0u32..120, span in 0u32..40) {
            if let Ok(decade) = AgeLabel::Range(first, first + span).decade() {
                for years in first..=first + span {
                    prop_assert_eq!(Decade::from_age(years), Some(decade));
                }
            }
        }
    }
}
