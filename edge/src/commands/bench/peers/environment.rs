//! A Python that has the peers: one that is given, or a throw-away virtual environment in the user's cache folder, filled at
//! the first use from PyPI. What cannot be had is named with its reason, and the bench goes on without it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// An engine that comes from PyPI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// As the worker's script calls it.
    pub name: &'static str,
    /// Packages with what they need.
    packages: &'static [&'static str],
    /// Packages without what they say they need: `pnnx` asks for torch and runs without it.
    alone: &'static [&'static str],
    /// What must be there.
    modules: &'static str,
}

/// Every peer. The last one's converter needs TensorFlow, 2 GB on disk, so that it is measured only when asked for.
pub const PEERS: [Peer; 4] = [
    Peer { name: "onnxruntime", packages: &["onnxruntime>=1.20"], alone: &[], modules: "onnxruntime" },
    Peer { name: "openvino", packages: &["openvino>=2025.0"], alone: &[], modules: "openvino" },
    Peer { name: "ncnn", packages: &["ncnn>=1.0.20250101"], alone: &["pnnx"], modules: "ncnn,pnnx" },
    Peer { name: "litert", packages: &["ai-edge-litert", "onnx2tf"], alone: &[], modules: "ai_edge_litert,onnx2tf" },
];

/// A Python and the peers that it has.
pub struct Python {
    pub program: PathBuf,
    pub peers: Vec<Peer>,
    /// What is missing, and why.
    pub missing: Vec<(String, String)>,
}

impl Python {
    /// The Python at `given`, as it is; else our own, filled with what it lacks.
    pub fn find(given: Option<&Path>, wanted: &[Peer]) -> Self {
        let mut python = Self { program: PathBuf::new(), peers: Vec::new(), missing: Vec::new() };
        let program = given.map_or_else(environment, |python| Ok(python.to_owned()));
        let reason = match program {
            Ok(program) => {
                python.program = program;
                None
            }
            Err(reason) => Some(reason),
        };
        for peer in wanted {
            let found = match (&reason, given) {
                (Some(reason), _) => Err(reason.clone()),
                (None, Some(_)) => has(&python.program, peer.modules),
                (None, None) => has(&python.program, peer.modules).or_else(|_| install(&python.program, peer)),
            };
            match found {
                Ok(()) => python.peers.push(*peer),
                Err(reason) => python.missing.push((peer.name.to_owned(), reason)),
            }
        }
        python
    }
}

/// Our own virtual environment, made if it is not there.
fn environment() -> Result<PathBuf, String> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let caches = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
    let folder = caches.ok_or("neither XDG_CACHE_HOME nor HOME is set")?.join("as-time-goes-by").join("peers");
    let python = folder.join("bin").join("python3");
    if succeed(Command::new(&python).args(["-c", "import pip"])).is_err() {
        eprintln!("peers: a Python environment in {}", folder.display());
        succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    }
    Ok(python)
}

fn install(python: &Path, peer: &Peer) -> Result<(), String> {
    eprintln!("peers: installing {} from PyPI", [peer.packages, peer.alone].concat().join(", "));
    let pip = |flags: &[&str], packages: &[&str]| {
        if packages.is_empty() {
            return Ok(());
        }
        let quiet =
            ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1", "--timeout", "15"];
        succeed(Command::new(python).args(quiet).args(flags).args(packages))
    };
    pip(&[], peer.packages)?;
    pip(&["--no-deps"], peer.alone)?;
    has(python, peer.modules)
}

/// Whether the modules are there; loading them is left to the workers.
fn has(python: &Path, modules: &str) -> Result<(), String> {
    let script = "import importlib.util, sys\n\
        missing = [name for name in sys.argv[1].split(',') if importlib.util.find_spec(name) is None]\n\
        missing and sys.exit('no Python package ' + ', '.join(missing))";
    succeed(Command::new(python).args(["-c", script, modules]))
}

/// Runs a command to its end; its last line of complaint is the error.
fn succeed(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let last = complaint.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no message").trim();
    Err(format!("{name}: {last}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_python_each_peer_is_missing_with_the_reason() {
        let python = Python::find(Some(Path::new("/no/such/python")), &PEERS);
        assert!(python.peers.is_empty());
        assert_eq!(python.missing.len(), PEERS.len());
        assert!(python.missing.iter().all(|(_, reason)| reason.contains("/no/such/python")));
    }
}
