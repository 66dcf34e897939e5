//! `edge bench --peers`: the generator's net alone, in this program's engine, in plain tract and in the engines that others
//! write, in one run and by turns, so that whatever else the machine does slows all alike.
//!
//! The walk: [`models`] (which nets, as floats and as bytes) → [`environment`] (which peers there are) → [`inside`] and
//! [`worker`] (engines here, and each peer in a process of its own) → rounds → [`table`], beside the [`peak`] of the core.

mod environment;
mod graph;
mod inside;
mod models;
mod peak;
mod table;
mod worker;

use super::BenchError;
use crate::bundle::BundleError;
use crate::engine::{Isa, Options};
use crate::photo::PhotoError;
use crate::timing::Quartiles;
use environment::{PEERS, Python};
use inside::Inside;
use models::Model;
use peak::{Numbers, Peak};
use prost::Message;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};
use table::{Agreement, Report, Row, Table};
use worker::{Files, Worker};

/// Measured time that an engine gets a net and count of threads; it gets five rounds at least.
const CELL: Duration = Duration::from_secs(4);
const FEWEST_ROUNDS: usize = 5;
/// After a run on several threads the peers' threads wait actively for more work, and would disturb the next engine.
const PAUSE: Duration = Duration::from_millis(30);

/// Below this cosine an engine has not computed the net that it was given: no rounding goes so far.
const ANOTHER_NET: f64 = 0.9;
const STRANGE: &str = "computes something else than this net";

/// How to measure.
#[derive(Clone, Debug)]
pub struct Setting<'a> {
    /// Bundles and ONNX files; the generator inside this program unless given.
    pub folder: Option<&'a Path>,
    /// A Python that has the peers; an environment of our own unless given.
    pub python: Option<&'a Path>,
    /// Instructions of our engine; the processor's best unless given.
    pub isa: Option<Isa>,
    /// A folder where the nets stay as the engines got them, one folder each.
    pub keep: Option<&'a Path>,
    /// With LiteRT, whose converter needs TensorFlow.
    pub litert: bool,
    /// At most so many rounds.
    pub rounds: usize,
    /// A count of threads beyond one and two.
    pub threads: usize,
    pub json: bool,
}

/// Why engines cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum PeersError {
    #[error(transparent)]
    Bundle(#[from] BundleError),
    #[error(transparent)]
    Photo(#[from] PhotoError),
    #[error("{}: cannot be read ({source}); give a folder with bundles or .onnx files", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("{}: holds neither a bundle nor an .onnx file", path.display())]
    Empty { path: PathBuf },
    #[error("the net cannot be read ({0}); export it again")]
    Load(String),
    #[error("`{name}` cannot be computed ({reason}); export it again")]
    Net { name: String, reason: String },
    #[error("the file holds no graph; export it again")]
    NoGraph,
    #[error("input `{name}` has no fixed shape; export the net with one")]
    Shape { name: String },
    #[error("the constant `{name}` cannot be read; export the net again")]
    Constant { name: String },
    #[error("a net cannot be laid down for the peers ({0})")]
    Write(#[from] io::Error),
}

/// An engine with one kind of numbers.
#[derive(Clone, Copy, Debug)]
struct Contender {
    engine: &'static str,
    numbers: &'static str,
    /// Whether it gets the net of bytes.
    bytes: bool,
    peak: Numbers,
}

/// Everything that may be measured, in the table's order.
const CONTENDERS: [Contender; 12] = [
    contender("ours", "int8", true, Numbers::Int8),
    contender("tract", "f32", false, Numbers::F32),
    contender("tract", "int8", true, Numbers::Int8),
    contender("onnxruntime", "f32", false, Numbers::F32),
    contender("onnxruntime", "int8", true, Numbers::Int8),
    contender("openvino", "f32", false, Numbers::F32),
    contender("openvino", "bf16", false, Numbers::Bf16),
    contender("openvino", "int8", true, Numbers::Int8),
    contender("openvino", "int8+bf16", true, Numbers::Int8),
    contender("ncnn", "f32", false, Numbers::F32),
    // From the floats: ncnn has a format of its own.
    contender("ncnn", "int8", false, Numbers::Int8),
    contender("litert", "f32", false, Numbers::F32),
];

const fn contender(engine: &'static str, numbers: &'static str, bytes: bool, peak: Numbers) -> Contender {
    Contender { engine, numbers, bytes, peak }
}

/// Measures and prints.
pub fn run(setting: &Setting<'_>) -> Result<(), BenchError> {
    let report = measure(setting)?;
    if setting.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        report.print();
    }
    Ok(())
}

fn measure(setting: &Setting<'_>) -> Result<Report, PeersError> {
    let models = models::find(setting.folder)?;
    let wanted = PEERS.into_iter().filter(|peer| setting.litert || peer.name != "litert").collect::<Vec<_>>();
    let python = Python::find(setting.python, &wanted);
    let peaks = peak::measure();
    let tables = models.iter().map(|model| compare(model, &python, &peaks, setting)).collect::<Result<_, _>>()?;
    Ok(Report { rounds: setting.rounds, peaks, missing: python.missing, models: tables })
}

/// An engine that is ready, or why it is not.
struct Cell {
    contender: Contender,
    threads: usize,
    engine: Result<Engine, String>,
    version: Option<String>,
    note: Option<String>,
    milliseconds: Vec<f64>,
    outputs: Option<Vec<f32>>,
}

enum Engine {
    Inside(Box<Inside>),
    Peer(Worker),
}

impl Engine {
    fn run(&mut self) -> Result<f64, String> {
        match self {
            Self::Inside(inside) => inside.run(),
            Self::Peer(worker) => worker.run(),
        }
    }

    fn outputs(&mut self, values: usize) -> Result<Vec<f32>, String> {
        match self {
            Self::Inside(inside) => inside.outputs(),
            Self::Peer(worker) => worker.outputs(values),
        }
    }
}

fn compare(model: &Model, python: &Python, peaks: &[Peak], setting: &Setting<'_>) -> Result<Table, PeersError> {
    let temporary = tempfile::tempdir()?;
    let folder = setting.keep.map_or_else(|| temporary.path().to_owned(), |keep| keep.join(&model.name));
    std::fs::create_dir_all(&folder)?;
    let files = Files::write(&folder, &model.net, &model.shapes)?;
    let (float, bytes) = (folder.join("float.onnx"), folder.join("bytes.onnx"));
    std::fs::write(&float, model.float.encode_to_vec())?;
    if let Some(quantized) = &model.quantized {
        std::fs::write(&bytes, quantized.encode_to_vec())?;
    }
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut counts = vec![1, 2, setting.threads];
    counts.sort_unstable();
    counts.dedup();
    counts.retain(|&threads| threads <= cores);

    eprintln!("{}: loading", model.name);
    let mut cells = Vec::new();
    for &threads in &counts {
        for contender in CONTENDERS {
            let peer = python.peers.iter().any(|peer| peer.name == contender.engine);
            if contender.bytes && model.quantized.is_none() || !peer && !matches!(contender.engine, "ours" | "tract") {
                continue;
            }
            let path = if contender.bytes { &bytes } else { &float };
            let engine = match contender.engine {
                "ours" => model
                    .quantized
                    .as_ref()
                    .map(|net| Inside::ours(net.clone(), &model.net, Options { threads, isa: setting.isa })),
                "tract" if threads > 1 => Some(Err("one thread only".into())),
                "tract" => {
                    let net = if contender.bytes { model.quantized.as_ref() } else { Some(&model.float) };
                    net.map(|net| Inside::tract(net.clone(), &model.net))
                }
                _ => None,
            };
            let engine = match engine {
                Some(inside) => inside.map(|inside| Engine::Inside(Box::new(inside))),
                None => Worker::start(&python.program, contender.engine, contender.numbers, threads, path, &files)
                    .map(Engine::Peer)
                    .map_err(|error| error.to_string()),
            };
            let (version, note, outputs) = (None, None, None);
            cells.push(Cell { contender, threads, engine, version, note, milliseconds: Vec::new(), outputs });
        }
    }
    cells.iter_mut().for_each(|cell| cell.wait());
    take_turns(&mut cells, &model.name, setting.rounds);
    Ok(table(model, cells, peaks))
}

impl Cell {
    /// A peer loads beside the others.
    fn wait(&mut self) {
        if let Ok(Engine::Peer(worker)) = &mut self.engine {
            match worker.wait() {
                Ok(hello) => (self.version, self.note) = (Some(hello.version), hello.note),
                Err(reason) => self.engine = Err(reason),
            }
        }
    }

    /// One run to fill the caches, and one that counts.
    fn turn(&mut self) {
        let Ok(engine) = &mut self.engine else { return };
        match engine.run().and_then(|_| engine.run()) {
            Ok(milliseconds) => self.milliseconds.push(milliseconds),
            Err(reason) => self.engine = Err(reason),
        }
        if self.threads > 1 {
            thread::sleep(PAUSE);
        }
    }

    fn is_done(&self, rounds: usize) -> bool {
        let spent = self.milliseconds.iter().sum::<f64>() / 1000.0;
        let measured = self.milliseconds.len();
        self.engine.is_err() || measured >= rounds || measured >= FEWEST_ROUNDS && spent > CELL.as_secs_f64()
    }
}

fn take_turns(cells: &mut [Cell], name: &str, rounds: usize) {
    let start = Instant::now();
    for round in 1..=rounds {
        let mut open = 0;
        for cell in cells.iter_mut().filter(|cell| !cell.is_done(rounds)) {
            cell.turn();
            open += 1;
        }
        if open == 0 {
            break;
        }
        if round == 1 || round % 5 == 0 {
            eprintln!(
                "{name}: round {round} of at most {rounds}, {open} engines, {:.0} s",
                start.elapsed().as_secs_f64()
            );
        }
    }
}

fn table(model: &Model, mut cells: Vec<Cell>, peaks: &[Peak]) -> Table {
    let first = model.shapes.first().map_or(0, |shape| shape.iter().product());
    let values = model.shapes.iter().map(|shape| shape.iter().product::<usize>()).sum();
    for cell in &mut cells {
        if let Ok(engine) = &mut cell.engine {
            match engine.outputs(values) {
                Ok(outputs) => cell.outputs = Some(outputs),
                Err(reason) => cell.engine = Err(reason),
            }
        }
    }
    let find = |engine: &str, numbers: &str| {
        let cell = cells.iter().find(|cell| (cell.contender.engine, cell.contender.numbers) == (engine, numbers));
        cell.and_then(|cell| cell.outputs.as_deref())
    };
    let (float, ours) = (find("tract", "f32"), find("ours", "int8"));
    let gmacs = model.macs as f64 / 1e9;
    let row = |cell: &Cell| {
        let milliseconds = cell.engine.as_ref().ok().and_then(|_| Quartiles::of(&cell.milliseconds));
        let rate = milliseconds.map(|ms| gmacs / (ms.median / 1000.0));
        let peak = peak::best(peaks, cell.contender.peak).map(|peak| peak * cell.threads as f64);
        let agreement = |other: Option<&[f32]>| Agreement::of(cell.outputs.as_deref()?, other?, first);
        let strange = agreement(float).filter(|agreement| agreement.cosine < ANOTHER_NET).map(|_| STRANGE.to_owned());
        Row {
            engine: cell.contender.engine,
            version: cell.version.clone(),
            numbers: cell.contender.numbers,
            threads: cell.threads,
            milliseconds,
            rounds: cell.milliseconds.len(),
            gmacs_per_second: rate,
            share_of_peak: rate.zip(peak).map(|(rate, peak)| rate / peak),
            to_float: agreement(float),
            to_ours: agreement(ours),
            note: cell.engine.as_ref().err().cloned().or(strange).or_else(|| cell.note.clone()),
        }
    };
    Table { model: model.name.clone(), gmacs, rows: cells.iter().map(row).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use shared::manifest::Kind;

    #[test]
    fn without_python_what_this_program_computes_is_measured() {
        let folder = tempfile::tempdir().unwrap();
        testing::write(&testing::bundle(Kind::Rgb), folder.path());
        let nets = tempfile::tempdir().unwrap();
        std::fs::copy(folder.path().join("generator.onnx"), nets.path().join("tiny.onnx")).unwrap();
        let python = Some(Path::new("/no/such/python"));
        let kept = tempfile::tempdir().unwrap();
        let keep = Some(kept.path());
        let setting = Setting {
            folder: Some(nets.path()),
            python,
            isa: None,
            keep,
            litert: false,
            rounds: 2,
            threads: 1,
            json: false,
        };
        let report = measure(&setting).unwrap();
        assert!(kept.path().join("tiny/float.onnx").is_file() && kept.path().join("tiny/face.f32").is_file());
        assert_eq!(report.missing.len(), 3);
        let rows = &report.models[0].rows;
        let tract = rows.iter().find(|row| row.engine == "tract" && row.threads == 1).unwrap();
        assert_eq!((tract.rounds, tract.to_ours), (2, None));
        assert_eq!(tract.to_float.map(|agreement| agreement.largest_difference), Some(0.0));
        assert!(rows.iter().all(|row| row.engine == "tract"), "the net holds floats only");
        report.print();
        assert!(serde_json::to_string(&report).unwrap().contains("\"tiny\""));
    }
}
