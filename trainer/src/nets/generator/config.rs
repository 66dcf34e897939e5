//! What a generator looks like; read from a recipe by [`crate::recipe`].

use crate::nets::edit::CONDITION;
use crate::nets::layers::Precision;
use serde::Deserialize;
use shared::decade;

/// Everything that shapes a generator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GeneratorConfig {
    /// Side S of the picture in pixels, a multiple of four times `stem_stride`.
    pub size: i64,
    /// Channels of the first layer; the paper's is 64.
    pub width: i64,
    /// Residual blocks: the paper has 6 at 128×128 and 9 at 256×256.
    pub blocks: usize,
    pub block: BlockKind,
    /// By how much the first convolution makes the picture smaller: 1 with head `rgb` (the paper's), 2 or 4 with head `edit`.
    pub stem_stride: i64,
    pub head: Head,
    pub condition: ConditionMode,
    /// The encoder's features are added to the decoder's of the same size, so that fine texture need not pass the narrow
    /// middle (Ronneberger et al. 2015); the paper's generator has none.
    pub skips: bool,
    pub precision: Precision,
}

/// What the last layer draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Head {
    /// A new picture (the paper's).
    Rgb,
    /// What to do to the picture: sharpness and background stay the camera's. The first convolution makes the picture smaller,
    /// and all that follows is as much smaller than the paper's.
    Edit,
}

/// What a residual block is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BlockKind {
    /// Two 3×3 convolutions (the paper's).
    #[default]
    Dense,
    /// Twice as wide by 1×1, each channel by itself 3×3, back by 1×1 (inverted residual, Sandler et al. 2018): a quarter of the
    /// multiplications.
    Inverted,
}

/// How the age vector enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConditionMode {
    /// Joined to the encoder's features only (the paper's).
    Join,
    /// Joined as learned pictures, one set a decade, in place of constant planes, so that each place of the face ages its
    /// own way; and a scale and shift a channel after each later norm (FiLM, Perez et al. 2018).
    Film,
}

impl Head {
    /// Stride of the first convolution unless a recipe says otherwise.
    pub const fn stem_stride(self) -> i64 {
        match self {
            Self::Rgb => 1,
            Self::Edit => 2,
        }
    }
}

impl GeneratorConfig {
    /// Side of the features after the first convolution.
    pub const fn features(&self) -> i64 {
        self.size / self.stem_stride
    }

    /// Side of the square of places that one place of the last features draws, so that edits have one size whatever the stride: the
    /// places lie among the channels, as `pixel_shuffle` wants them.
    pub const fn patch(&self) -> i64 {
        self.stem_stride / self.head.stem_stride()
    }

    /// Entries of the condition that layers are told.
    pub(super) const fn condition(&self) -> i64 {
        match self.head {
            Head::Rgb => decade::COUNT as i64,
            Head::Edit => CONDITION,
        }
    }
}
