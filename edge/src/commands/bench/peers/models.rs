//! The nets to be measured: the generator inside this program, or those of a folder. A file of bytes comes with the float net
//! that it was made of, out of the same file, unless a twin of it lies beside it.

use super::PeersError;
use super::graph;
use super::inside::{self, Net};
use crate::bundle::Bundle;
use crate::demo;
use image::imageops::{self, FilterType};
use shared::{Condition, Decade, pixel};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::Framework;

/// What names the quantized one of two twins: `X.q.onnx` beside `X.onnx`, or a bundle `X.q` beside `X`.
const QUANTIZED: &str = ".q";

/// A net in the forms that engines take.
pub struct Model {
    pub name: String,
    /// In floats.
    pub float: ModelProto,
    /// In bytes, with the numbers that engines need to compute on them.
    pub quantized: Option<ModelProto>,
    /// What it is asked.
    pub net: Net,
    /// Shapes of its outputs.
    pub shapes: Vec<Vec<usize>>,
    /// Multiplications with additions a run.
    pub macs: u64,
}

/// The generator inside this program, or every bundle and ONNX file of `folder`, by name.
pub fn find(folder: Option<&Path>) -> Result<Vec<Model>, PeersError> {
    let Some(folder) = folder else {
        let bundle = Bundle::embedded()?;
        return Ok(vec![Model::new(bundle.manifest.name.as_str(), read(&bundle.generator)?, None)?]);
    };
    let failed = |source| PeersError::Folder { path: folder.to_owned(), source };
    let mut files: BTreeMap<String, ModelProto> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            files.insert(name.into_owned(), read(&Bundle::read(&path)?.generator)?);
        } else if let Some(stem) = name.strip_suffix(".onnx") {
            let bytes = std::fs::read(&path).map_err(|source| PeersError::Folder { path: path.clone(), source })?;
            files.insert(stem.to_owned(), read(&bytes)?);
        }
    }
    let mut models = Vec::new();
    while let Some((name, file)) = files.pop_first() {
        // `X` comes before `X.q`.
        let twin = files.remove(&format!("{name}{QUANTIZED}"));
        models.push(Model::new(name.strip_suffix(QUANTIZED).unwrap_or(&name), file, twin)?);
    }
    if models.is_empty() {
        return Err(PeersError::Empty { path: PathBuf::from(folder) });
    }
    Ok(models)
}

fn read(bytes: &[u8]) -> Result<ModelProto, PeersError> {
    tract_onnx::onnx().proto_model_for_read(&mut &*bytes).map_err(|error| PeersError::Load(format!("{error:#}")))
}

impl Model {
    fn new(name: &str, mut file: ModelProto, twin: Option<ModelProto>) -> Result<Self, PeersError> {
        let refused = |reason: String| PeersError::Net { name: name.to_owned(), reason };
        graph::keep_asked_outputs(file.graph.as_mut().ok_or(PeersError::NoGraph)?);
        let float = graph::floats(&file)?;
        let mut quantized = twin.unwrap_or(file);
        let bytes = quantized.graph.as_mut().ok_or(PeersError::NoGraph)?;
        graph::keep_asked_outputs(bytes);
        let quantized =
            if graph::is_quantized(bytes) { Some(graph::bytes_for_convolutions_only(&quantized)?) } else { None };
        let own = float.graph.as_ref().ok_or(PeersError::NoGraph)?;
        let inputs = graph::inputs(own)?.into_iter().map(|(name, shape)| filled(name, shape));
        let inputs = inputs.collect::<Result<_, PeersError>>()?;
        let net = Net { inputs, outputs: own.output.iter().map(|output| output.name.clone()).collect() };
        let (macs, shapes) = inside::size(&float, &net).map_err(refused)?;
        Ok(Self { name: name.to_owned(), float, quantized, net, shapes, macs })
    }
}

/// An input's values: a demo visitor where a face is expected, else an age.
fn filled(name: String, shape: Vec<usize>) -> Result<(String, Vec<usize>, Vec<f32>), PeersError> {
    let values = match (shape.as_slice(), demo::VISITORS.first()) {
        (&[1, 3, height, width], Some(visitor)) => {
            let mut planar = vec![0.0; 3 * height * width];
            let picture = imageops::resize(&visitor.read()?, width as u32, height as u32, FilterType::Triangle);
            pixel::to_planar(&picture, &mut planar).map_err(|error| PeersError::Load(error.to_string()))?;
            planar
        }
        (&[1, entries], _) if entries == shared::decade::COUNT => {
            Condition::one_hot(Decade::Sixties).weights().to_vec()
        }
        _ => (0..shape.iter().product()).map(|i: usize| (i as f32 * 0.37).sin()).collect(),
    };
    Ok((name, shape, values))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use shared::manifest::Kind;

    #[test]
    fn bundles_and_files_of_a_folder_are_found_and_twins_are_one() {
        let folder = tempfile::tempdir().unwrap();
        let bundle = testing::bundle(Kind::Edit);
        std::fs::create_dir(folder.path().join("bundle")).unwrap();
        testing::write(&bundle, &folder.path().join("bundle"));
        for name in ["alone.onnx", "twin.onnx", "twin.q.onnx", "lone.q.onnx"] {
            std::fs::write(folder.path().join(name), &bundle.generator).unwrap();
        }
        std::fs::write(folder.path().join("notes.txt"), "other things").unwrap();
        let models = find(Some(folder.path())).unwrap();
        let names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
        assert_eq!(names, ["alone", "bundle", "lone", "twin"]);
        let net = &models[0].net;
        assert_eq!(net.outputs, ["change", "detail", "smooth", "flow"]);
        assert_eq!(
            (net.inputs[0].2.len(), net.inputs[1].2.as_slice()),
            (3 * 32 * 32, [0.0, 0.0, 0.0, 0.0, 0.0, 1.0].as_slice())
        );
        assert_eq!(models[0].shapes[3], [1, 2, 4, 4]);
    }

    #[test]
    fn an_empty_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(find(Some(folder.path())), Err(PeersError::Empty { .. })));
        assert!(matches!(find(Some(Path::new("no/such"))), Err(PeersError::Folder { .. })));
    }
}
