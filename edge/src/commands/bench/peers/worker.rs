//! A peer at work, in a process of its own: engines in one process disturb each other, some to death. The process waits until a
//! line asks for a run, so that all engines can take turns.

use super::inside::Net;
use serde::Deserialize;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

const SCRIPTS: [(&str, &str); 2] =
    [("worker.py", include_str!("worker.py")), ("ncnn_net.py", include_str!("ncnn_net.py"))];
/// Converting a net may take minutes on a busy machine.
const START: Duration = Duration::from_secs(400);
const ANSWER: Duration = Duration::from_secs(60);

/// What the script says first.
#[derive(Debug, Deserialize)]
pub struct Hello {
    pub version: String,
    pub note: Option<String>,
}

/// A net's files as the workers want them.
pub struct Files<'a> {
    folder: &'a Path,
}

/// A running peer.
pub struct Worker {
    process: Child,
    requests: Option<ChildStdin>,
    answers: Receiver<String>,
    complaints: PathBuf,
    results: PathBuf,
}

impl<'a> Files<'a> {
    /// Lays scripts, inputs and shapes into `folder`.
    pub fn write(folder: &'a Path, net: &Net, shapes: &[Vec<usize>]) -> io::Result<Self> {
        for (name, text) in SCRIPTS {
            std::fs::write(folder.join(name), text)?;
        }
        for (name, _, values) in &net.inputs {
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            std::fs::write(folder.join(format!("{name}.f32")), bytes)?;
        }
        // Written by hand, since the order counts.
        let list = |pairs: Vec<(&String, &Vec<usize>)>| {
            let pairs: Vec<String> = pairs.iter().map(|(name, shape)| format!("{name:?}: {shape:?}")).collect();
            format!("{{{}}}", pairs.join(", "))
        };
        let inputs = list(net.inputs.iter().map(|(name, shape, _)| (name, shape)).collect());
        let outputs = list(net.outputs.iter().zip(shapes).collect());
        std::fs::write(folder.join("shapes.json"), format!("{{\"inputs\": {inputs}, \"outputs\": {outputs}}}"))?;
        Ok(Self { folder })
    }
}

impl Worker {
    /// Starts `engine` with the ONNX file `model`; [`Self::wait`] tells whether it got ready.
    pub fn start(
        python: &Path,
        engine: &str,
        precision: &str,
        threads: usize,
        model: &Path,
        files: &Files<'_>,
    ) -> io::Result<Self> {
        let own = |kind: &str| files.folder.join(format!("{engine}-{precision}-{threads}.{kind}"));
        let (complaints, results) = (own("log"), own("results"));
        let mut command = Command::new(python);
        command.arg(files.folder.join(SCRIPTS[0].0)).args([engine, precision, &threads.to_string()]);
        command.arg(model).arg(files.folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.stderr(File::create(&complaints)?).spawn()?;
        let requests = process.stdin.take();
        let (send, answers) = mpsc::channel();
        if let Some(output) = process.stdout.take() {
            // Ends with the process.
            thread::spawn(move || {
                BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| send.send(line))
            });
        }
        Ok(Self { process, requests, answers, complaints, results })
    }

    /// Waits until the net is loaded and has run once.
    pub fn wait(&mut self) -> Result<Hello, String> {
        let line = self.answer(START)?;
        serde_json::from_str(&line).map_err(|_| format!("answers `{line}` where its version was expected"))
    }

    /// One run's milliseconds.
    pub fn run(&mut self) -> Result<f64, String> {
        let line = self.ask("run")?;
        line.parse().map_err(|_| format!("answers `{line}` where milliseconds were expected"))
    }

    /// The outputs of the last run, one after the other.
    pub fn outputs(&mut self, expected: usize) -> Result<Vec<f32>, String> {
        let path = self.results.display().to_string();
        self.ask(&path)?;
        let bytes = std::fs::read(&self.results).map_err(|error| format!("{path}: {error}"))?;
        let values: Vec<f32> = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        match values.len() {
            found if found == expected => Ok(values),
            found => Err(format!("gives {found} values, expected {expected}")),
        }
    }

    fn ask(&mut self, request: &str) -> Result<String, String> {
        let sent =
            self.requests.as_mut().is_some_and(|pipe| writeln!(pipe, "{request}").and_then(|()| pipe.flush()).is_ok());
        if sent { self.answer(ANSWER) } else { Err(self.ended()) }
    }

    fn answer(&mut self, limit: Duration) -> Result<String, String> {
        match self.answers.recv_timeout(limit) {
            Ok(line) => Ok(line),
            Err(RecvTimeoutError::Timeout) => {
                let _ = self.process.kill();
                Err(format!("no answer within {} s", limit.as_secs()))
            }
            Err(RecvTimeoutError::Disconnected) => Err(self.ended()),
        }
    }

    /// Why the process is there no more.
    fn ended(&mut self) -> String {
        self.requests = None;
        let signal = self.process.wait().ok().and_then(|status| status.signal());
        let complaints = std::fs::read(&self.complaints).unwrap_or_default();
        let complaints = String::from_utf8_lossy(&complaints).into_owned();
        let last = complaints.lines().rev().find(|line| !line.trim().is_empty()).map(|line| line.trim().to_owned());
        match (signal, last) {
            (Some(signal), _) => format!("crashes (signal {signal})"),
            (None, Some(last)) => last,
            (None, None) => "ends without a message".into(),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The script ends with its input.
        self.requests = None;
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(script: &str) -> (tempfile::TempDir, Worker) {
        let folder = tempfile::tempdir().unwrap();
        let net = Net { inputs: vec![("x".into(), vec![2], vec![1.0, 2.0])], outputs: vec!["y".into()] };
        let files = Files::write(folder.path(), &net, &[vec![1, 2]]).unwrap();
        let shapes = std::fs::read_to_string(folder.path().join("shapes.json")).unwrap();
        assert_eq!(shapes, r#"{"inputs": {"x": [2]}, "outputs": {"y": [1, 2]}}"#);
        // Any program that takes a script serves.
        std::fs::write(folder.path().join("worker.py"), script).unwrap();
        let worker = Worker::start(Path::new("sh"), "engine", "f32", 1, Path::new("net.onnx"), &files).unwrap();
        (folder, worker)
    }

    #[test]
    fn a_worker_answers_each_line() {
        let script = r#"echo '{"version": "7", "note": null}'; read _; echo 12.5; read path; printf '\000\000\200\077' > "$path"; echo w"#;
        let (_folder, mut worker) = started(script);
        assert_eq!(worker.wait().unwrap().version, "7");
        assert_eq!(worker.run(), Ok(12.5));
        assert_eq!(worker.outputs(1), Ok(vec![1.0]));
        assert_eq!(worker.run(), Err("ends without a message".into()));
    }

    #[test]
    fn what_ends_a_worker_is_told() {
        let (_folder, mut worker) = started("echo first >&2; echo the reason >&2; exit 3");
        assert_eq!(worker.wait().unwrap_err(), "the reason");
        let (_folder, mut worker) = started("kill -8 $$");
        assert_eq!(worker.wait().unwrap_err(), "crashes (signal 8)");
        let (_folder, mut worker) = started("echo nonsense");
        assert!(worker.wait().unwrap_err().contains("nonsense"));
    }
}
