//! A user's side of an arm64 Linux, enough to run our programs and a Python with the peers: Debian's packages without an
//! installation, and PyPI's wheels for aarch64. Both are kept in the cache.

use super::CountError;
use crate::host::process;
use crate::host::tools::{self, Tool};
use crate::host::{files, place};
use crate::image::packages::Packages;
use crate::proof::Processor;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

const TOOLS: [Tool; 3] = [
    // The statically linked one cannot load a plugin.
    Tool { program: "qemu-aarch64", package: "qemu-user" },
    Tool { program: "mmdebstrap", package: "mmdebstrap" },
    Tool { program: "python3", package: "python3" },
];

/// Debian's packages for arm64 that programs and wheels link to.
const PACKAGES: [&str; 3] = ["python3", "libstdc++6", "libgomp1"];
const WHEELS: [&str; 2] = ["onnxruntime>=1.20", "ncnn>=1.0.20250101"];
/// What wheels may ask of the C library, newest first.
const PLATFORMS: [&str; 4] =
    ["manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"];

/// What all emulated processors share.
pub struct System {
    qemu: PathBuf,
    /// Debian's files.
    tree: PathBuf,
    /// The peers, or why there are none.
    pub wheels: Result<PathBuf, String>,
}

/// One emulated processor with that system.
pub struct Guest<'a> {
    system: &'a System,
    processor: Processor,
    root: tempfile::TempDir,
}

impl System {
    /// Fetches what is not in the cache; the peers only where they are wanted.
    pub fn ready(peers: bool) -> Result<Self, CountError> {
        tools::need(&TOOLS)?;
        // The guests' folders are links to it.
        let cache = std::path::absolute(place::cache().join("count"))?;
        place::room(&cache, 1000)?;
        let tree = cache.join("debian");
        if !tree.exists() {
            let packages = Packages { packages: PACKAGES.map(String::from).into(), ..Packages::read()? };
            whole(&tree, |tree| Ok(packages.unpack(tree)?))?;
        }
        let wheels = cache.join("wheels");
        let wheels = if wheels.exists() || !peers {
            Ok(wheels)
        } else {
            whole(&wheels, |wheels| fetch(&tree, wheels)).map(|()| wheels).map_err(|error| error.to_string())
        };
        let qemu = tools::find(TOOLS[0].program).ok_or(CountError::Qemu)?;
        Ok(Self { qemu, tree, wheels })
    }
}

/// Makes a folder that is there as a whole or not at all.
fn whole(folder: &Path, fill: impl FnOnce(&Path) -> Result<(), CountError>) -> Result<(), CountError> {
    let io = |source| CountError::Io { path: folder.into(), source };
    let partial = folder.with_extension("part");
    files::remove(&partial).map_err(io)?;
    fill(&partial)?;
    std::fs::rename(&partial, folder).map_err(io)
}

/// PyPI's wheels for the Python of `tree`.
fn fetch(tree: &Path, wheels: &Path) -> Result<(), CountError> {
    let python = tree.join("usr/bin/python3");
    let named = std::fs::read_link(&python).map_err(|source| CountError::Io { path: python, source })?;
    let named = named.to_string_lossy().into_owned();
    let version = named.rsplit_once("python").map_or("3", |(_, version)| version);
    eprintln!("fetching {} for aarch64 and Python {version} from PyPI", WHEELS.join(", "));
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]);
    pip.args(["--implementation", "cp", "--python-version", version, "--target"]).arg(wheels);
    pip.args(PLATFORMS.iter().flat_map(|platform| ["--platform", platform])).args(WHEELS);
    process::run(&mut pip)?;
    Ok(())
}

impl<'a> Guest<'a> {
    /// The system as seen by a processor: wheels choose their kernels by `/proc/cpuinfo` too, and crash on another machine's.
    pub fn new(system: &'a System, processor: Processor) -> Result<Self, CountError> {
        let root = tempfile::tempdir()?;
        for name in ["usr", "etc"] {
            symlink(system.tree.join(name), root.path().join(name))?;
        }
        symlink("usr/lib", root.path().join("lib"))?;
        std::fs::create_dir(root.path().join("proc"))?;
        std::fs::write(root.path().join("proc/cpuinfo"), processor.cpuinfo())?;
        Ok(Self { system, processor, root })
    }

    /// A program of ours, counted into `counts`.
    pub fn program(&self, plugin: &Path, counts: &Path, program: &Path) -> Command {
        let mut command = Command::new(&self.system.qemu);
        command.args(["-cpu", self.processor.name(), "-L"]).arg(self.root.path());
        command.arg("-plugin").arg(format!("{},out={}", plugin.display(), counts.display()));
        command.arg(program);
        command
    }

    /// A script in Python with the peers, counted into `counts`.
    pub fn script(&self, plugin: &Path, counts: &Path, wheels: &Path, script: &Path) -> Command {
        let mut command = self.program(plugin, counts, &self.system.tree.join("usr/bin/python3"));
        command.arg(script).env("PYTHONPATH", wheels).env("OMP_NUM_THREADS", "1");
        command
    }
}
