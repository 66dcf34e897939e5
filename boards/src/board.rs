//! A board file comes in; a [`Board`] that cannot be wrong, or a message that names the file and the key, goes out.

use serde::Deserialize;
use std::fmt;
use std::path::{Path, PathBuf};

/// What the mirror needs to know of a board. The file's name without `.toml` is its [`id`](Self::id).
#[derive(Clone, Debug, PartialEq)]
pub struct Board {
    /// Lower-case letters, digits and hyphens, such as `raspberry-pi-4`.
    pub id: String,
    pub name: String,
    /// Where the facts can be looked up; never empty.
    pub sources: Vec<String>,
    pub cpu: Cpu,
    pub memory: Memory,
    pub thermal: Thermal,
    pub camera: Notes,
    pub display: Notes,
    pub generator: Generator,
    /// How an image of ours starts there; absent where the mirror is a package on the vendor's own system.
    pub boot: Option<Boot>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    name: String,
    sources: Vec<String>,
    cpu: Cpu,
    memory: Memory,
    thermal: Thermal,
    camera: Notes,
    display: Notes,
    generator: Generator,
    boot: Option<Boot>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cpu {
    pub chip: String,
    pub core: Core,
    /// 1 to 64.
    pub cores: u32,
    /// Highest sustained clock; absent where there is none to speak of.
    pub clock_mhz: Option<u32>,
    pub features: Vec<Feature>,
}

/// The Arm cores whose kernels in tract were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Core {
    #[serde(rename = "Cortex-A57")]
    A57,
    #[serde(rename = "Cortex-A72")]
    A72,
    #[serde(rename = "Cortex-A76")]
    A76,
    #[serde(rename = "Cortex-A78AE")]
    A78ae,
}

/// Instructions beyond Armv8.0 that kernels may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Feature {
    Neon,
    /// Half-precision arithmetic.
    Fp16,
    /// Four int8 products a lane (SDOT).
    Dotprod,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// The sizes that are sold, in MiB, rising.
    pub sizes_mib: Vec<u32>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thermal {
    /// Lowest and highest temperature of the room, °C.
    pub ambient_celsius: Option<[i32; 2]>,
    /// Lowest and highest temperature of the chip, °C.
    pub junction_celsius: Option<[i32; 2]>,
    /// From here on the board slows down, °C.
    pub throttle_celsius: Option<i32>,
    pub notes: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notes {
    pub notes: String,
}

/// What the board should run.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generator {
    /// Channels of the first layer: a multiple of 8 from 8 to 64 (64 is the paper's).
    pub width: u32,
    /// Threads that age a face together, 1 to the number of cores.
    pub threads: u32,
}

/// What stands between power and our kernel.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Boot {
    /// Which build of Debian's U-Boot starts the kernel.
    pub u_boot: String,
    /// Physical address of the first byte of memory; kernel and first steps are loaded behind it.
    pub ram_start: u64,
    /// The board's own files on the first partition, out of Debian's raspi-firmware.
    pub firmware: Vec<String>,
    /// Device trees out of the kernel's package that the firmware hands on; empty where the machine brings its own.
    pub device_trees: Vec<String>,
    /// Arguments for the kernel beyond those that all boards get.
    pub arguments: String,
}

#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    #[error("{}: cannot be read ({source}); a board is a file there, see `boards list`", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}: {message}", path.display())]
    Toml { path: PathBuf, message: String },
    #[error("{}: `{key}` is {found}; allowed: {allowed}", path.display())]
    Value { path: PathBuf, key: &'static str, found: String, allowed: String },
    #[error("no board is named `{id}`; there are: {known}")]
    Unknown { id: String, known: String },
}

impl Core {
    /// What every chip with this core has (Arm's technical reference manuals: A57 and A72 are Armv8.0-A, A76 and A78AE
    /// Armv8.2-A with half precision and dot product).
    pub fn features(self) -> &'static [Feature] {
        match self {
            Self::A57 | Self::A72 => &[Feature::Neon],
            Self::A76 | Self::A78ae => &[Feature::Neon, Feature::Fp16, Feature::Dotprod],
        }
    }
}

impl fmt::Display for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A57 => "Cortex-A57",
            Self::A72 => "Cortex-A72",
            Self::A76 => "Cortex-A76",
            Self::A78ae => "Cortex-A78AE",
        })
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Neon => "neon",
            Self::Fp16 => "fp16",
            Self::Dotprod => "dotprod",
        })
    }
}

impl Board {
    /// Reads and checks one board file.
    pub fn read(path: &Path) -> Result<Self, BoardError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| BoardError::Read { path: path.to_path_buf(), source })?;
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, BoardError> {
        let raw: Raw = toml::from_str(text)
            .map_err(|error| BoardError::Toml { path: path.to_path_buf(), message: error.to_string() })?;
        let id = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        raw.validate(id).map_err(|(key, found, allowed)| BoardError::Value {
            path: path.to_path_buf(),
            key,
            found,
            allowed,
        })
    }
}

type Flaw = (&'static str, String, String);

impl Raw {
    fn validate(self, id: String) -> Result<Board, Flaw> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        require(!id.is_empty() && id.chars().all(plain), "file name", &id, "lower-case letters, digits and hyphens")?;
        for (key, text) in [
            ("name", &self.name),
            ("cpu.chip", &self.cpu.chip),
            ("thermal.notes", &self.thermal.notes),
            ("camera.notes", &self.camera.notes),
            ("display.notes", &self.display.notes),
        ] {
            require(!text.trim().is_empty(), key, "empty", "a text")?;
        }
        let is_address = |source: &String| source.starts_with("https://");
        let cited = !self.sources.is_empty() && self.sources.iter().all(is_address);
        require(cited, "sources", &format!("{:?}", self.sources), "at least one address that starts with https://")?;
        require((1..=64).contains(&self.cpu.cores), "cpu.cores", &self.cpu.cores.to_string(), "1 to 64")?;
        if let Some(clock) = self.cpu.clock_mhz {
            require((100..=5000).contains(&clock), "cpu.clock_mhz", &clock.to_string(), "100 to 5000")?;
        }
        require(
            self.cpu.features == self.cpu.core.features(),
            "cpu.features",
            &listed(&self.cpu.features),
            &format!("{} for a {}", listed(self.cpu.core.features()), self.cpu.core),
        )?;
        let sizes = &self.memory.sizes_mib;
        let rising = !sizes.is_empty() && sizes.is_sorted_by(|a, b| a < b) && sizes.iter().all(|&size| size >= 256);
        require(rising, "memory.sizes_mib", &format!("{sizes:?}"), "at least one size, from 256 on, rising")?;
        for (key, range) in [
            ("thermal.ambient_celsius", self.thermal.ambient_celsius),
            ("thermal.junction_celsius", self.thermal.junction_celsius),
        ] {
            let Some([low, high]) = range else { continue };
            let ordered = -60 <= low && low < high && high <= 150;
            require(ordered, key, &format!("[{low}, {high}]"), "two temperatures from -60 to 150, the lower first")?;
        }
        if let Some(limit) = self.thermal.throttle_celsius {
            require((40..=120).contains(&limit), "thermal.throttle_celsius", &limit.to_string(), "40 to 120")?;
        }
        let Generator { width, threads } = self.generator;
        let usual = (8..=64).contains(&width) && width.is_multiple_of(8);
        require(usual, "generator.width", &width.to_string(), "a multiple of 8 from 8 to 64")?;
        let fits = (1..=self.cpu.cores).contains(&threads);
        require(fits, "generator.threads", &threads.to_string(), &format!("1 to cpu.cores ({})", self.cpu.cores))?;
        if let Some(boot) = &self.boot {
            require(!boot.u_boot.is_empty(), "boot.u_boot", "empty", "a folder of Debian's /usr/lib/u-boot")?;
            let aligned = boot.ram_start.is_multiple_of(1 << 21);
            require(aligned, "boot.ram_start", &format!("{:#x}", boot.ram_start), "a multiple of 2 MiB")?;
        }
        let Self { name, sources, cpu, memory, thermal, camera, display, generator, boot } = self;
        Ok(Board { id, name, sources, cpu, memory, thermal, camera, display, generator, boot })
    }
}

fn require(holds: bool, key: &'static str, found: &str, allowed: &str) -> Result<(), Flaw> {
    if holds { Ok(()) } else { Err((key, found.to_owned(), allowed.to_owned())) }
}

/// `neon, fp16`.
pub fn listed<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

/// Every board of a folder, by id. Each TOML file in it is a board, but cargo's own.
pub fn all(folder: &Path) -> Result<Vec<Board>, BoardError> {
    files(folder)?.iter().map(|path| Board::read(path)).collect()
}

/// The board of that id.
pub fn named(folder: &Path, id: &str) -> Result<Board, BoardError> {
    let files = files(folder)?;
    let stem = |path: &PathBuf| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    match files.iter().find(|path| stem(path) == id) {
        Some(path) => Board::read(path),
        None => {
            let known = files.iter().map(stem).collect::<Vec<_>>().join(", ");
            Err(BoardError::Unknown { id: id.to_owned(), known })
        }
    }
}

/// The board files of a folder, sorted by name.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>, BoardError> {
    let failed = |source| BoardError::Read { path: folder.to_path_buf(), source };
    let mut paths = std::fs::read_dir(folder)
        .map_err(failed)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    let is_board = |path: &PathBuf| {
        path.extension().is_some_and(|end| end == "toml") && path.file_name().is_some_and(|name| name != "Cargo.toml")
    };
    paths.retain(is_board);
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR"))
    }

    fn edited(from: &str, to: &str) -> String {
        let text = std::fs::read_to_string(folder().join("raspberry-pi-4.toml")).unwrap();
        assert!(text.contains(from), "{from}");
        match Board::parse(Path::new("raspberry-pi-4.toml"), &text.replacen(from, to, 1)) {
            Ok(board) => panic!("accepted: {board:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn each_board_file_here_is_sound() {
        let boards = all(folder()).unwrap();
        let ids: Vec<_> = boards.iter().map(|board| board.id.as_str()).collect();
        assert_eq!(ids, ["jetson-nano", "jetson-orin-nano", "qemu", "raspberry-pi-4", "raspberry-pi-5"]);
    }

    #[test]
    fn a_misspelt_key_is_named_with_the_allowed_ones() {
        let message = edited("clock_mhz", "clock_hz");
        for word in ["raspberry-pi-4.toml", "clock_hz", "clock_mhz", "features"] {
            assert!(message.contains(word), "{word} in {message}");
        }
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_named_with_its_key() {
        assert!(edited("cores = 4", "cores = \"four\"").contains("cores"));
        let message = edited("\"Cortex-A72\"", "\"Cortex-X1\"");
        assert!(message.contains("Cortex-X1") && message.contains("Cortex-A76"), "{message}");
    }

    #[test]
    fn a_missing_key_is_named() {
        assert!(edited("width = 16\n", "").contains("width"));
    }

    #[test]
    fn values_that_cannot_be_are_named_with_what_is_allowed() {
        for (from, to, key) in [
            ("cores = 4", "cores = 0", "cpu.cores"),
            ("clock_mhz = 1500", "clock_mhz = 1", "cpu.clock_mhz"),
            ("[\"neon\"]", "[\"neon\", \"dotprod\"]", "cpu.features"),
            ("[1024, 2048, 4096, 8192]", "[]", "memory.sizes_mib"),
            ("[1024, 2048, 4096, 8192]", "[2048, 1024]", "memory.sizes_mib"),
            ("[0, 50]", "[50, 0]", "thermal.ambient_celsius"),
            ("throttle_celsius = 80", "throttle_celsius = 800", "thermal.throttle_celsius"),
            ("width = 16", "width = 17", "generator.width"),
            ("threads = 3", "threads = 5", "generator.threads"),
            ("\"Raspberry Pi 4 Model B\"", "\" \"", "name"),
            ("https://datasheets", "ftp://datasheets", "sources"),
            ("ram_start = 0x0", "ram_start = 0x7", "boot.ram_start"),
        ] {
            let message = edited(from, to);
            assert!(message.contains(&format!("`{key}`")) && message.contains("allowed"), "{to}: {message}");
        }
    }

    #[test]
    fn an_unknown_board_is_answered_with_the_known_ones() {
        let message = named(folder(), "toaster").unwrap_err().to_string();
        assert!(message.contains("toaster") && message.contains("raspberry-pi-5"), "{message}");
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        assert!(all(Path::new("no-such-folder")).unwrap_err().to_string().contains("no-such-folder"));
    }
}
