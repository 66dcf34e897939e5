//! Folders of faces → one cache of aligned crops: [`layouts`] read what a dataset says about its files, [`prepare`] finds,
//! judges ([`quality`]) and cuts the faces, [`cache`] keeps them.

pub mod cache;
mod candidates;
mod duplicates;
pub mod label;
pub mod layouts;
pub(crate) mod look;
mod ordered;
pub mod prepare;
pub mod quality;
pub mod record;
mod sheet;
pub mod skip;
pub mod summary;
pub mod tensors;
pub mod writer;
