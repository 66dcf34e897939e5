//! The training loop: a recipe and a cache of faces come in; checkpoints, losses, previews and a report go out, and
//! [`crate::export`] makes a bundle of the last checkpoint.
//!
//! A run with head `edit` begins with the net of [`visitor`] and ends with [`calibrate`]. The order of a step is the order of the files: [`batches`] → [`step`] ([`model`], [`losses`], [`pool`], [`optimizer`]) →
//! [`checkpoint`], [`log`], [`preview`], [`report`].
//!
//! # Glossary
//!
//! | paper | here |
//! |---|---|
//! | x, X: faces of the 10s | [`batches::Batch::x`], source faces |
//! | y, Y: older faces | [`batches::Batch::y`], target faces |
//! | c: the 1×6 age vector | [`shared::Condition`]; `ages` `[N, 6]` of [`batches::Faces`] |
//! | G: X → Y, told c | [`model::Model::g`] |
//! | F: Y → X | [`model::Model::f`] |
//! | D_Y, told c | [`model::Model::d_y`] |
//! | D_X | [`model::Model::d_x`] |
//! | ŷ = G(x, c), x̂ = F(ŷ) | `fake` and the face in `cycle` in [`step`] |
//! | L_GAN, least squares | [`losses::least_squares`], `adversarial` |
//! | L_cyc, and its λ = 10 | [`losses::distance`], `cycle`; [`crate::recipe::Weights::cycle`] |
//! | L_id, and its weight λ / 2 | [`losses::distance`], `identity`; [`crate::recipe::Weights::identity`] |
//! | image pool of 50 | [`pool::Pool`] |
//! | SGD, learning rate 0.002 | [`optimizer::Method::Sgd`], [`crate::recipe::Training::learning_rate`] |

pub mod batches;
pub mod bench;
pub mod calibrate;
pub mod checkpoint;
pub mod device;
pub mod log;
pub mod losses;
pub mod model;
pub mod optimizer;
pub mod pool;
pub mod preview;
pub mod random;
pub mod report;
mod run;
pub mod step;
mod stop;
mod threads;
pub mod visitor;

pub use run::{Args, TrainError, run};
