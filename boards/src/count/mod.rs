//! `boards count`: what a generator costs on the boards' processors, in this mirror's engine, in tract and in the engines that
//! others write. No board is needed: an emulator counts the instructions of one run, and a model of the core ([`core`]) says
//! in how few cycles they can be done.
//!
//! The walk: a folder of nets (`edge bench --peers --keep DIR`) → [`guest`] (an arm64 system with the peers) → [`plugin`] (one
//! run of each, counted) → [`instruction`] and [`core`] → [`table`].

mod core;
mod guest;
mod instruction;
mod plugin;
mod table;

use crate::board::{Board, BoardError};
use crate::cross::{self, CrossError};
use crate::host::place::PlaceError;
use crate::host::process::{self, ProcessError};
use crate::host::tools::ToolsError;
use crate::image::ImageError;
use crate::proof::Processor;
use core::Core;
use guest::{Guest, System};
use plugin::Counts;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;
use table::{Report, Row, Table};

/// What keeps a net from being counted.
#[derive(Debug, thiserror::Error)]
pub enum CountError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("a temporary folder cannot be used: {0}")]
    Temporary(#[from] std::io::Error),
    #[error("{}: holds no net; make them with `edge bench --peers [FOLDER] --keep {}`", .0.display(), .0.display())]
    Empty(PathBuf),
    #[error("{}: not what the counter writes; are plugin and reader of one version?", path.display())]
    Counts { path: PathBuf },
    #[error("the counter was not built: {0}")]
    Plugin(ProcessError),
    #[error("no qemu-aarch64 after its installation; is qemu-user for this machine?")]
    Qemu,
    #[error("no engine `{0}`; there are ours, tract, onnxruntime and ncnn")]
    Engine(String),
    #[error("{0:?} has no model of its cycles; count on cortex-a72 or cortex-a76")]
    NoModel(Processor),
    #[error(transparent)]
    Cross(#[from] CrossError),
    #[error(transparent)]
    Tools(#[from] ToolsError),
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Packages(#[from] ImageError),
    #[error(transparent)]
    Board(#[from] BoardError),
    #[error("the report cannot be printed: {0}")]
    Json(#[from] serde_json::Error),
}

/// An engine with one kind of numbers.
#[derive(Clone, Copy, Debug)]
struct Engine {
    name: &'static str,
    numbers: &'static str,
    /// The net that it gets.
    file: &'static str,
}

/// ncnn makes its own bytes out of the floats; its half precision counts where the processor has it.
const ENGINES: [Engine; 7] = [
    Engine { name: "ours", numbers: "int8", file: "bytes.onnx" },
    Engine { name: "tract", numbers: "f32", file: "float.onnx" },
    Engine { name: "onnxruntime", numbers: "f32", file: "float.onnx" },
    Engine { name: "onnxruntime", numbers: "int8", file: "bytes.onnx" },
    Engine { name: "ncnn", numbers: "f32", file: "float.onnx" },
    Engine { name: "ncnn", numbers: "fp16", file: "float.onnx" },
    Engine { name: "ncnn", numbers: "int8", file: "float.onnx" },
];

/// What is counted.
pub struct Setting<'a> {
    /// Nets as `edge bench --peers --keep` leaves them.
    pub nets: &'a Path,
    pub processors: &'a [Processor],
    /// Only engines of these names; all where there is none.
    pub engines: &'a [String],
    /// Whose clocks turn cycles into time.
    pub boards: &'a [Board],
    pub json: bool,
}

impl Engine {
    fn is_peer(&self) -> bool {
        !matches!(self.name, "ours" | "tract")
    }
}

impl Setting<'_> {
    fn wants(&self, engine: &Engine) -> bool {
        self.engines.is_empty() || self.engines.iter().any(|name| name == engine.name)
    }
}

/// Counts and prints.
pub fn run(setting: &Setting<'_>) -> Result<(), CountError> {
    let unknown = |name: &&String| ENGINES.iter().all(|engine| engine.name != **name);
    if let Some(name) = setting.engines.iter().find(unknown) {
        return Err(CountError::Engine(name.clone()));
    }
    if let Some(&processor) = setting.processors.iter().find(|&&processor| Core::of(processor).is_none()) {
        return Err(CountError::NoModel(processor));
    }
    let nets = nets(setting.nets)?;
    let program = cross::build(&cross::Job::default())?.net;
    let plugin = plugin::build()?;
    let peers = ENGINES.iter().any(|engine| engine.is_peer() && setting.wants(engine));
    let system = System::ready(peers)?;
    if let Err(reason) = &system.wheels {
        eprintln!("the peers are left out: {reason}");
    }
    let mut tables = Vec::new();
    for net in &nets {
        let job = |&processor| Job { setting, system: &system, plugin: &plugin, program: &program, net, processor };
        // One processor beside the other: counts do not depend on what else the machine does.
        let counted = std::thread::scope(|scope| {
            let started: Vec<_> = setting.processors.iter().map(|p| scope.spawn(move || job(p).count())).collect();
            started.into_iter().map(|one| one.join().expect("a counting thread returns its errors")).collect::<Vec<_>>()
        });
        for table in counted {
            tables.push(table?);
        }
    }
    let report = Report::new(tables, setting.boards);
    if setting.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    Ok(())
}

/// Folders with a net in them, by name.
fn nets(folder: &Path) -> Result<Vec<PathBuf>, CountError> {
    let io = |source| CountError::Io { path: folder.into(), source };
    let entries = std::fs::read_dir(folder).map_err(io)?.collect::<Result<Vec<_>, _>>().map_err(io)?;
    let mut nets: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    nets.retain(|net| net.join("shapes.json").is_file() && net.join("float.onnx").is_file());
    nets.sort();
    if nets.is_empty() { Err(CountError::Empty(folder.into())) } else { Ok(nets) }
}

/// One net on one processor.
#[derive(Clone, Copy)]
struct Job<'a> {
    setting: &'a Setting<'a>,
    system: &'a System,
    plugin: &'a Path,
    program: &'a Path,
    net: &'a Path,
    processor: Processor,
}

impl Job<'_> {
    fn count(self) -> Result<Table, CountError> {
        let core = Core::of(self.processor).ok_or(CountError::NoModel(self.processor))?;
        let guest = Guest::new(self.system, self.processor)?;
        let name = self.net.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut rows: Vec<Row> = Vec::new();
        let mut ours: Option<Vec<f32>> = None;
        for engine in ENGINES {
            let half = engine.numbers == "fp16";
            if !self.setting.wants(&engine) || half && core == Core::A72 || !self.net.join(engine.file).is_file() {
                continue;
            }
            let start = Instant::now();
            let folder = tempfile::tempdir()?;
            let row = match self.run(&guest, engine, folder.path()) {
                Ok((counts, outputs)) => {
                    let cosine = ours.as_ref().map(|ours| cosine(ours, &outputs));
                    if engine.name == "ours" {
                        ours = Some(outputs);
                    }
                    Row::new(engine.name, engine.numbers, &counts, core, cosine)
                }
                Err(reason) => Row::failed(engine.name, engine.numbers, reason),
            };
            let seconds = start.elapsed().as_secs();
            eprintln!("{name} on {}: {} {} in {seconds} s", self.processor.name(), engine.name, engine.numbers);
            rows.push(row);
        }
        Ok(Table { net: name, processor: self.processor.name(), core, rows })
    }

    /// What one run costs, and what came out.
    fn run(self, guest: &Guest<'_>, engine: Engine, folder: &Path) -> Result<(Counts, Vec<f32>), String> {
        let (counts, outputs, requests) = (folder.join("counts"), folder.join("outputs"), folder.join("requests"));
        let mut command = match (engine.is_peer(), &self.system.wheels) {
            (false, _) => guest.program(self.plugin, &counts, self.program),
            (true, Ok(wheels)) => guest.script(self.plugin, &counts, wheels, &self.net.join("worker.py")),
            (true, Err(reason)) => return Err(reason.clone()),
        };
        command.args([engine.name, engine.numbers, "1"]).arg(self.net.join(engine.file)).arg(self.net);
        let failed = |error: std::io::Error| error.to_string();
        std::fs::write(&requests, format!("run\n{}\n", outputs.display())).map_err(failed)?;
        process::fed(&mut command, File::open(&requests).map_err(failed)?).map_err(|error| plugin::reason(&error))?;
        let bytes = std::fs::read(&outputs).map_err(failed)?;
        let outputs = bytes.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        Ok((Counts::read(&counts).map_err(|error| error.to_string())?, outputs))
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_nets_is_named_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let error = nets(folder.path()).unwrap_err().to_string();
        assert!(error.contains("edge bench --peers"), "{error}");
        let net = folder.path().join("net");
        std::fs::create_dir(&net).unwrap();
        std::fs::write(net.join("shapes.json"), "{}").unwrap();
        assert!(nets(folder.path()).is_err(), "no ONNX file");
        std::fs::write(net.join("float.onnx"), "").unwrap();
        assert_eq!(nets(folder.path()).unwrap(), [net]);
        assert!(nets(Path::new("no/such")).unwrap_err().to_string().contains("no/such"));
    }

    #[test]
    fn what_cannot_be_counted_is_refused_before_anything_is_fetched() {
        let run = |engines: &[String], processor| {
            run(&Setting { nets: Path::new("."), processors: &[processor], engines, boards: &[], json: false })
        };
        let error = run(&["tflite".into()], Processor::CortexA72).unwrap_err().to_string();
        assert!(error.contains("tflite") && error.contains("onnxruntime"), "{error}");
        assert!(matches!(run(&[], Processor::Max), Err(CountError::NoModel(Processor::Max))));
    }

    #[test]
    fn equal_directions_have_cosine_one() {
        assert!((cosine(&[1.0, 2.0], &[2.0, 4.0]) - 1.0).abs() < 1e-9);
        assert!(cosine(&[1.0, 0.0], &[0.0, 1.0]).abs() < 1e-9);
    }
}
