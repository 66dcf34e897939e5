//! The nets of the paper (section 3): a decade-conditioned generator and the discriminators that judge it; and for the head
//! `edit` what it does to a face, and the visitor net that reads how old a face looks.
//!
//! All nets are NCHW with values in −1..1. Generator and discriminators start from N(0, 0.02) weights as CycleGAN's own code
//! does, and compute in [`Precision`]; master weights stay `f32`.

mod discriminator;
mod edit;
mod generator;
mod layers;
mod visitor;

pub use discriminator::{Discriminator, DiscriminatorConfig};
pub use edit::{
    Ages, BLACK, COLOUR_REACH, CONDITION, DEEPENS, DEEPEST, DRAWN, Edit, EditHead, FADES, FLOW_REACH, FLOW_SHARE,
    GAINS, GROWS, LIFTS, Prototypes, ROWS, SPARED, SPARED_AT_MOST, TEXTURE_REACH, WRINKLES, doubling,
};
pub use generator::{
    AGE_MAPS, BlockKind, ConditionMode, Film, Generator, GeneratorConfig, Head, Join, Output, ResidualBlock, Stage,
};
pub use layers::{Conv, INSTANCE_NORM_EPSILON, Padding, Precision, TransposedConv, instance_norm};
pub use visitor::{Block, CODES, Impression, STEEPNESS, Unit, Visitor, halved};
