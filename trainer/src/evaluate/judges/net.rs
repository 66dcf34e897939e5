//! A judge's ONNX file in tract: planar RGB comes in, the values of each output go out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tract_onnx::prelude::*;

/// What keeps a judge from judging.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    #[error("{}: cannot be read ({source}); check the judges' folder", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}: not a net that can be judged with ({reason}); get the file again as the judges' README says", path.display())]
    Load { path: PathBuf, reason: String },
    #[error("{}: gives {found}, expected {expected}; get the file again as the judges' README says", path.display())]
    Output { path: PathBuf, found: String, expected: String },
    #[error("a judge failed on a face: {0}")]
    Run(String),
    #[error("a face cannot be cut out for a judge: {0}")]
    Chip(#[from] super::chip::ChipError),
}

/// A net that is ready to run, one picture at a time (in tract a batch is slower than its pictures one by one).
#[derive(Debug)]
pub struct Net {
    plan: Arc<TypedRunnableModel>,
    side: usize,
}

impl Net {
    /// Loads `path` for pictures of `side` pixels and checks on an empty picture that its outputs hold `outputs` values.
    pub fn load(path: &Path, side: usize, outputs: &[usize]) -> Result<Self, JudgeError> {
        let onnx = std::fs::read(path).map_err(|source| JudgeError::Read { path: path.to_owned(), source })?;
        let refuse = |reason: String| JudgeError::Load { path: path.to_owned(), reason };
        // The loader panics on some files that are not what they seem.
        let loaded = catch_unwind(AssertUnwindSafe(|| plan(&onnx, side)))
            .map_err(|_| "the graph is malformed".to_owned())
            .and_then(|plan| plan.map_err(|error| format!("{error:#}")))
            .map_err(refuse)?;
        let net = Self { plan: loaded, side };
        let given = net.run(&vec![0.0; 3 * side * side]).map_err(|error| refuse(error.to_string()))?;
        let found: Vec<usize> = given.iter().map(Vec::len).collect();
        if !found.starts_with(outputs) {
            let [found, expected] = [&found[..], outputs].map(|sizes| format!("{sizes:?} values"));
            return Err(JudgeError::Output { path: path.to_owned(), found, expected });
        }
        Ok(net)
    }

    /// `planar` is `[3, side, side]` in the net's own units.
    pub fn run(&self, planar: &[f32]) -> Result<Vec<Vec<f32>>, JudgeError> {
        let failed = |error: TractError| JudgeError::Run(format!("{error:#}"));
        let input = Tensor::from_shape(&[1, 3, self.side, self.side], planar).map_err(failed)?;
        let outputs = self.plan.run(tvec!(input.into())).map_err(failed)?;
        let values = |output: &TValue| -> Result<Vec<f32>, JudgeError> {
            let values = output.to_plain_array_view::<f32>().map_err(failed)?.iter().copied().collect::<Vec<_>>();
            let finite = values.iter().all(|value| value.is_finite());
            if finite { Ok(values) } else { Err(JudgeError::Run("a value is not finite".into())) }
        };
        outputs.iter().map(values).collect()
    }
}

fn plan(onnx: &[u8], side: usize) -> TractResult<Arc<TypedRunnableModel>> {
    // A file may tell the shapes of its middle layers for any number of pictures, which one picture would contradict.
    let reader = tract_onnx::onnx().with_ignore_value_info(true).with_ignore_output_shapes(true);
    let model = reader.model_for_read(&mut &*onnx)?;
    let input = f32::fact([1, 3, side, side]);
    model.with_input_fact(0, input.into())?.into_optimized()?.into_runnable()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_net_is_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("age-v1.onnx");
        assert!(matches!(Net::load(&path, 64, &[81]), Err(JudgeError::Read { .. })));
        for bytes in [&b""[..], b"no net at all", &[8, 7, 58, 2, 255, 255]] {
            std::fs::write(&path, bytes).unwrap();
            let refused = Net::load(&path, 64, &[81]).unwrap_err().to_string();
            assert!(refused.contains("age-v1.onnx"), "{refused}");
        }
        // A net, but of another kind.
        std::fs::write(&path, edge::face::net::EMBEDDED).unwrap();
        assert!(matches!(Net::load(&path, 64, &[81]), Err(JudgeError::Load { .. })));
    }
}
