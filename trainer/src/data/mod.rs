//! Folders of faces → one cache of aligned crops: [`layouts`] read what a dataset says about its files, [`prepare`] finds,
//! judges ([`quality`]) and cuts the faces, [`cache`] keeps them, [`sampler`] draws from it for training.

pub mod cache;
pub mod label;
pub mod record;
pub mod sampler;
pub mod summary;
pub mod tensors;
pub mod writer;
