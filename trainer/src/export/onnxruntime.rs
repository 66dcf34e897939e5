//! onnxruntime as a second opinion on the exported graph: a Python process that is fed faces and gives the outputs back.
//! Needed only for `trainer verify`; where no Python with onnxruntime can be had, the reason is told in its place.

use super::engine::{Engine, EngineError, Seen, painted};
use serde::Deserialize;
use shared::Condition;
use shared::manifest::Kind;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::str::FromStr;

const SCRIPT: &str = include_str!("onnxruntime.py");
/// What a throw-away environment is filled with.
const PACKAGE: &str = "onnxruntime>=1.20";

/// How onnxruntime is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// `python3` if it has onnxruntime, else a virtual environment of our own in the user's cache folder.
    Auto,
    /// `python3` only if it has onnxruntime already.
    Installed,
    Off,
    /// This Python.
    Python(PathBuf),
}

impl FromStr for Wanted {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "auto" => Self::Auto,
            "installed" => Self::Installed,
            "off" => Self::Off,
            path => Self::Python(path.into()),
        })
    }
}

impl Wanted {
    /// A Python that imports onnxruntime, or why there is none.
    pub fn find(&self) -> Result<PathBuf, String> {
        let system = PathBuf::from("python3");
        match self {
            Self::Off => Err("switched off".into()),
            Self::Python(python) => imports(python).map(|()| python.clone()),
            Self::Installed => imports(&system).map(|()| system),
            Self::Auto if imports(&system).is_ok() => Ok(system),
            Self::Auto => environment(),
        }
    }
}

fn imports(python: &Path) -> Result<(), String> {
    succeed(Command::new(python).args(["-c", "import onnxruntime, numpy"]))
}

/// Our own virtual environment, made at the first use.
fn environment() -> Result<PathBuf, String> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let caches = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
    let folder = caches.ok_or("neither XDG_CACHE_HOME nor HOME is set")?.join("as-time-goes-by").join("onnxruntime");
    let python = folder.join("bin").join("python3");
    if imports(&python).is_ok() {
        return Ok(python);
    }
    succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let flags = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1", "--timeout", "15"];
    succeed(Command::new(&python).args(flags).arg(PACKAGE))?;
    imports(&python).map(|()| python)
}

/// Runs a command to its end; its last line of complaint is the error.
fn succeed(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let last = complaint.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no message");
    Err(format!("{name}: {last}"))
}

/// What the script says first.
#[derive(Debug, Deserialize)]
struct Header {
    version: String,
    face: usize,
    outputs: Vec<(String, usize)>,
}

/// Named outputs in the graph's order.
type Outputs = Vec<(String, Vec<f32>)>;

/// A running Python with the model loaded.
pub struct OrtEngine {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    header: Header,
    kind: Kind,
    /// The model's file, which lives as long as the process.
    _model: tempfile::NamedTempFile,
}

impl OrtEngine {
    pub fn start(python: &Path, kind: Kind, onnx: &[u8]) -> Result<Self, EngineError> {
        let io = |error: std::io::Error| EngineError::OnnxRuntime(error.to_string());
        let mut model = tempfile::Builder::new().suffix(".onnx").tempfile().map_err(io)?;
        model.write_all(onnx).and_then(|()| model.flush()).map_err(io)?;
        let mut command = Command::new(python);
        command.args(["-c", SCRIPT]).arg(model.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.stderr(Stdio::inherit()).spawn().map_err(io)?;
        let input = process.stdin.take();
        let piped = process.stdout.take().ok_or_else(|| EngineError::OnnxRuntime("no pipe to read from".into()))?;
        let mut output = BufReader::new(piped);
        let mut line = String::new();
        output.read_line(&mut line).map_err(io)?;
        match serde_json::from_str(&line) {
            Ok(header) => Ok(Self { process, input, output, header, kind, _model: model }),
            Err(_) => {
                let _ = process.wait();
                Err(EngineError::OnnxRuntime("it does not load the model; its message stands above".into()))
            }
        }
    }

    /// onnxruntime's version.
    pub fn version(&self) -> &str {
        &self.header.version
    }

    fn exchange(&mut self, face: &[f32], age: &Condition) -> std::io::Result<Outputs> {
        let closed = || std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        let input = self.input.as_mut().ok_or_else(closed)?;
        let bytes: Vec<u8> = face.iter().chain(age.weights()).flat_map(|value| value.to_le_bytes()).collect();
        input.write_all(&bytes)?;
        input.flush()?;
        let read = |(name, count): &(String, usize)| {
            let mut bytes = vec![0; count * 4];
            self.output.read_exact(&mut bytes)?;
            let values = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
            Ok((name.clone(), values.collect()))
        };
        self.header.outputs.iter().map(read).collect()
    }
}

impl Engine for OrtEngine {
    fn run(&mut self, face: &[f32], age: &Condition) -> Result<Seen, EngineError> {
        if face.len() != self.header.face {
            return Err(EngineError::Face { expected: self.header.face, found: face.len() });
        }
        let outputs = self.exchange(face, age).map_err(|error| EngineError::OnnxRuntime(error.to_string()))?;
        let aged = aged(self.kind, face, &outputs)?;
        let drawn = |name: &str| matches!(name, "aged" | "change" | "detail" | "smooth");
        Ok(Seen { aged, features: outputs.into_iter().filter(|(name, _)| !drawn(name)).collect() })
    }
}

/// [`Seen::aged`] out of the outputs.
fn aged(kind: Kind, face: &[f32], outputs: &Outputs) -> Result<Vec<f32>, EngineError> {
    let find = |name: &'static str, values: usize| {
        let found = outputs.iter().find(|(other, data)| other == name && data.len() == values);
        found.map(|(_, data)| data).ok_or(EngineError::Output(name))
    };
    match kind {
        Kind::Rgb => find("aged", face.len()).cloned(),
        Kind::Edit => {
            let (change, detail) = (find("change", face.len())?, find("detail", face.len() / 3)?);
            Ok(painted(face, change, detail, find("smooth", face.len() / 3)?))
        }
    }
}

impl Drop for OrtEngine {
    fn drop(&mut self) {
        // The script ends with its input.
        self.input = None;
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_python_that_is_not_there_is_a_reason() {
        let reason = Wanted::Python("/no/such/python".into()).find().unwrap_err();
        assert!(reason.contains("/no/such/python"), "{reason}");
        assert_eq!("off".parse::<Wanted>().unwrap().find(), Err("switched off".into()));
    }
}
