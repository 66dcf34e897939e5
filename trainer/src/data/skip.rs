//! Why a file did not make it into the cache. The text of a reason is what people read in the summary.

use super::label::NoDecade;

/// The reason, in the order in which they are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Skip {
    #[error("not a picture file (jpg, jpeg, png, webp, bmp)")]
    NotPicture,
    #[error("no label for this picture")]
    Unlabelled,
    #[error("label not understood")]
    Label,
    #[error("listed, but not there")]
    Missing,
    #[error(transparent)]
    NoDecade(#[from] NoDecade),
    #[error("left out by --keep")]
    Filtered,
    #[error("over --limit")]
    OverLimit,
    #[error("unreadable picture")]
    Unreadable,
    #[error("no face found")]
    NoFace,
    #[error("several faces, none clearly the largest")]
    Ambiguous,
    #[error("tiny face")]
    Tiny,
    #[error("face cut off by the picture's border")]
    CutOff,
    #[error("turned face")]
    Turned,
    #[error("blurred face")]
    Blurred,
    #[error("duplicate picture")]
    Duplicate,
}
