//! A flashable image: packages and the mirror → system and first steps → partitions → one file for a card.

pub mod blockmap;
pub mod bmap;
pub mod checksums;
mod disk;
mod first_steps;
pub mod layout;
mod modules;
pub mod packages;
mod system;

use crate::board::{Board, Boot};
use crate::host::place::{self, PlaceError};
use crate::host::process::{self, ProcessError};
use crate::host::tools::{self, Tool, ToolsError};
use modules::Modules;
use packages::Packages;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// What goes into an image beside Debian's packages.
pub struct Parts<'a> {
    pub board: &'a Board,
    /// The mirror's Debian package.
    pub package: &'a Path,
    /// Whose updates the mirror takes: certificates, PEM.
    pub keyring: &'a Path,
    pub version: &'a str,
    /// Seconds since 1970 that all files are said to be from.
    pub epoch: u64,
}

/// A finished image and what belongs to it.
#[derive(Debug)]
pub struct Image {
    /// The whole card.
    pub card: PathBuf,
    /// Kernel and first steps, and root: what an update carries.
    pub boot: PathBuf,
    pub root: PathBuf,
    /// The program that an emulator starts with, and modules of its virtual camera for the same kernel (tar).
    pub u_boot: PathBuf,
    pub camera: PathBuf,
    /// The version of the mirror in it.
    pub version: PathBuf,
}

impl Image {
    /// Where the files of a board's image lie in a folder.
    pub fn of(board: &str, folder: &Path) -> Self {
        let file = |end: &str| folder.join(format!("{board}{end}"));
        Self {
            card: file(".img"),
            boot: file(".boot.img"),
            root: file(".root.img"),
            u_boot: file(".u-boot.bin"),
            camera: file(".camera.tar"),
            version: file(".version"),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{}: {message}", path.display())]
    Settings { path: PathBuf, message: String },
    #[error(
        "the {name} takes no image of ours: its firmware is its vendor's. Install the vendor's system and on it the package that `boards deb` makes"
    )]
    NoImage { name: String },
    #[error("Debian's packages cannot be fetched from {mirror}; is there network? {source}")]
    Mirror { mirror: String, source: ProcessError },
    #[error("one kernel was expected among the packages; found: {found:?}")]
    Kernels { found: Vec<String> },
    #[error("kernel {kernel} has no module {beginning}; change boards/image/packages.toml")]
    NoModule { beginning: String, kernel: String },
    #[error("no partition table could be written: {message}")]
    Table { message: String },
    #[error("{} has {size} bytes, its place {room}; make it smaller or its place larger (boards/src/image/layout.rs)", content.display())]
    TooLarge { content: PathBuf, size: u64, room: u64 },
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Tools(#[from] ToolsError),
    #[error(transparent)]
    Place(#[from] PlaceError),
}

const TOOLS: [Tool; 15] = [
    Tool { program: "mmdebstrap", package: "mmdebstrap" },
    // By these mmdebstrap knows Debian's signatures.
    Tool { program: "gpg", package: "gpg" },
    Tool { program: "/usr/share/keyrings/debian-archive-keyring.gpg", package: "debian-archive-keyring" },
    Tool { program: "tar", package: "tar" },
    Tool { program: "dpkg-deb", package: "dpkg" },
    Tool { program: "depmod", package: "kmod" },
    Tool { program: "cpio", package: "cpio" },
    Tool { program: "zstd", package: "zstd" },
    Tool { program: "gzip", package: "gzip" },
    Tool { program: "qemu-aarch64-static", package: "qemu-user-static" },
    Tool { program: "mksquashfs", package: "squashfs-tools" },
    Tool { program: "mkfs.vfat", package: "dosfstools" },
    Tool { program: "mcopy", package: "mtools" },
    Tool { program: "sfdisk", package: "fdisk" },
    Tool { program: "mkimage", package: "u-boot-tools" },
];

/// Kernel arguments of every board: the root is read-only, what changes lies in memory, a panic ends in a new start, and
/// nothing but the mirror is ever seen.
const ARGUMENTS: &str =
    "ro rootfstype=squashfs systemd.volatile=state panic=5 quiet loglevel=3 vt.global_cursor_default=0 consoleblank=0";

/// How an image of ours starts on a board, if it does.
pub fn possible(board: &Board) -> Result<&Boot, ImageError> {
    board.boot.as_ref().ok_or_else(|| ImageError::NoImage { name: board.name.clone() })
}

/// Builds the image of a board into a folder. What was there stays until the new one is complete.
pub fn build(parts: &Parts, folder: &Path) -> Result<Image, ImageError> {
    let boot = possible(parts.board)?;
    tools::need(&TOOLS)?;
    place::room(folder, 3000)?;
    let io = |source| ImageError::Io { path: folder.to_owned(), source };
    // Beside the results, so that a finished file can be renamed; it goes away even when a step fails.
    let work = tempfile::Builder::new().prefix(".image-").tempdir_in(folder).map_err(io)?;
    let work = work.path();
    let start = Instant::now();
    let step = |what: &str| eprintln!("{:>4} s  {what}", start.elapsed().as_secs());

    let packages = Packages::read()?;
    step("packages");
    let tree = work.join("system");
    packages.unpack(&tree)?;
    let modules = Modules::read(&tree)?;

    step(&format!("kernel {} and first steps", modules.version));
    let (kernel, first) = (work.join("kernel"), work.join("first"));
    for path in [&kernel, &first] {
        std::fs::create_dir_all(path).map_err(io)?;
    }
    first_steps::pack(&tree, &modules, &packages, &work.join("steps"), &kernel.join("first-steps"))?;
    let vmlinuz = modules.folder().join("vmlinuz");
    let size = vmlinuz.metadata().map_err(io)?.len();
    if size > layout::KERNEL {
        return Err(ImageError::TooLarge { content: vmlinuz, size, room: layout::KERNEL });
    }
    gzip(&vmlinuz, &kernel.join("vmlinuz.gz"))?;
    remove_file(&vmlinuz)?;

    let camera = work.join("camera.tar");
    virtual_camera(&modules, &work.join("camera"), &camera)?;

    step("first partition");
    first_partition(parts, boot, &tree, &modules, &first)?;
    copy(&first.join("u-boot.bin"), &work.join("u-boot.bin"))?;
    for name in ["dtb", "config"] {
        remove_tree(&modules.folder().join(name))?;
    }
    remove_tree(&tree.join(format!("usr/lib/linux-image-{}", modules.version)))?;

    step("system");
    system::finish(&tree, parts, &packages, &modules)?;
    let image = Image::of("new", work);
    system::pack(&tree, &image.root, parts.epoch)?;
    disk::fat(&kernel, "SYSTEM", layout::BOOT[0], &image.boot, parts.epoch)?;
    let first_image = work.join("first.img");
    disk::fat(&first, "MIRROR", layout::FIRST, &first_image, parts.epoch)?;

    step("card");
    let (words, state) = (work.join("state.txt"), work.join("state"));
    write(&words, "BOOT_ORDER=A B\nBOOT_A_LEFT=3\nBOOT_B_LEFT=0\n")?;
    let mut environment = Command::new("mkenvimage");
    environment.args(["-s", &layout::STATE_BYTES.to_string(), "-o"]).arg(&state).arg(&words);
    process::run(&mut environment)?;
    let contents =
        [(layout::FIRST, first_image.as_path()), (layout::BOOT[0], &image.boot), (layout::ROOT[0], &image.root)];
    disk::card(&image.card, &state, &contents)?;

    let done = Image::of(&parts.board.id, folder);
    let (u_boot, version) = (work.join("u-boot.bin"), work.join("version"));
    write(&version, &format!("{}\n", parts.version))?;
    for (from, to) in [
        (image.card, &done.card),
        (image.boot, &done.boot),
        (image.root, &done.root),
        (u_boot, &done.u_boot),
        (camera, &done.camera),
        (version, &done.version),
    ] {
        std::fs::File::open(&from).and_then(|file| file.sync_all()).map_err(io)?;
        std::fs::rename(from, to).map_err(io)?;
    }
    step(&format!("{}", done.card.display()));
    Ok(done)
}

/// What the board's firmware and U-Boot read, and what a technician may change, into a folder.
fn first_partition(parts: &Parts, boot: &Boot, tree: &Path, modules: &Modules, first: &Path) -> Result<(), ImageError> {
    let io = |source| ImageError::Io { path: first.to_owned(), source };
    let arguments = format!("{ARGUMENTS} {}", boot.arguments);
    let script = std::fs::read_to_string(files().join("boot.cmd")).map_err(io)?;
    let filled = tempfile::NamedTempFile::new().map_err(io)?;
    write(filled.path(), &layout::fill(&script, &parts.board.id, boot.ram_start, arguments.trim()))?;
    let mut mkimage = Command::new("mkimage");
    mkimage
        .args(["-q", "-A", "arm64", "-T", "script", "-C", "none", "-d"])
        .arg(filled.path())
        .arg(first.join("boot.scr"));
    process::run(mkimage.env("SOURCE_DATE_EPOCH", parts.epoch.to_string()))?;
    let u_boot = tree.join("usr/lib/u-boot").join(&boot.u_boot).join("u-boot.bin");
    copy(&u_boot, &first.join("u-boot.bin"))?;
    for name in &boot.firmware {
        copy(&tree.join("usr/lib/raspi-firmware").join(name), &first.join(name))?;
    }
    for name in &boot.device_trees {
        let path = modules.folder().join("dtb").join(name);
        copy(&path, &first.join(path.file_name().unwrap_or_default()))?;
    }
    for name in ["config.txt", "README.txt"] {
        copy(&files().join(name), &first.join(name))?;
    }
    copy(&place::source().join("edge/kiosk.toml"), &first.join("kiosk.toml"))?;
    Ok(())
}

/// The modules of the emulator's camera, which no card needs, as an archive.
fn virtual_camera(modules: &Modules, work: &Path, archive: &Path) -> Result<(), ImageError> {
    let io = |source| ImageError::Io { path: work.to_owned(), source };
    std::fs::create_dir_all(work.join("usr/lib")).map_err(io)?;
    std::os::unix::fs::symlink("usr/lib", work.join("lib")).map_err(io)?;
    modules.copy(&modules.chosen(&["drivers/media/test-drivers/vivid".into()])?, work)?;
    let mut tar = Command::new("tar");
    tar.arg("--create").arg("--file").arg(archive).arg("--directory").arg(work).args(["lib", "usr"]);
    process::run(&mut tar)?;
    Ok(())
}

/// The image's own files: `boards/image`.
fn files() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("image")
}

fn gzip(from: &Path, to: &Path) -> Result<(), ImageError> {
    let packed = process::run(Command::new("gzip").args(["-9", "-n", "--stdout"]).arg(from))?;
    std::fs::write(to, packed).map_err(|source| ImageError::Io { path: to.to_owned(), source })
}

/// Copies a file with its permissions; the folder is made.
fn copy(from: &Path, to: &Path) -> Result<(), ImageError> {
    let parent = to.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(|source| ImageError::Io { path: parent.to_owned(), source })?;
    std::fs::copy(from, to).map_err(|source| ImageError::Io { path: from.to_owned(), source })?;
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), ImageError> {
    std::fs::write(path, text).map_err(|source| ImageError::Io { path: path.to_owned(), source })
}

fn remove_file(path: &Path) -> Result<(), ImageError> {
    std::fs::remove_file(path).map_err(|source| ImageError::Io { path: path.to_owned(), source })
}

/// Removes a file or a folder; one that is not there is no error.
fn remove_tree(path: &Path) -> Result<(), ImageError> {
    let removed = match path.symlink_metadata() {
        Ok(meta) if meta.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(_) => Ok(()),
    };
    removed.map_err(|source| ImageError::Io { path: path.to_owned(), source })
}

/// Copies text files below a folder to the same places of another, each changed by `change`.
fn copy_tree(from: &Path, to: &Path, change: &dyn Fn(&str) -> String) -> Result<(), ImageError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| ImageError::Io { path, source }
    };
    std::fs::create_dir_all(to).map_err(io(to))?;
    for entry in std::fs::read_dir(from).map_err(io(from))? {
        let entry = entry.map_err(io(from))?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy_tree(&path, &target, change)?;
            continue;
        }
        let text = std::fs::read_to_string(&path).map_err(io(&path))?;
        write(&target, &change(&text))?;
        let permissions = path.metadata().map_err(io(&path))?.permissions();
        std::fs::set_permissions(&target, permissions).map_err(io(&target))?;
    }
    Ok(())
}
