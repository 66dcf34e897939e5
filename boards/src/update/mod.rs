//! Updates: a signed bundle that RAUC on the card writes into the system that does not run.

pub mod keys;

use crate::host::process::{self, ProcessError};
use crate::host::tools::{self, Tool, ToolsError};
use crate::image::Image;
use keys::{Keys, KeysError};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What an update brings.
pub struct Bundle<'a> {
    /// Only mirrors on this board take it.
    pub board: &'a str,
    pub version: &'a str,
    /// Images of the two partitions of a system.
    pub boot: &'a Path,
    pub root: &'a Path,
    pub keys: &'a Keys,
}

#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{} holds no image of {board}; make it with `boards image {board}`", folder.display())]
    NoImage { board: String, folder: PathBuf },
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Tools(#[from] ToolsError),
}

const TOOLS: [Tool; 2] =
    [Tool { program: "rauc", package: "rauc" }, Tool { program: "mksquashfs", package: "squashfs-tools" }];

/// Makes the update that brings other cards of a board to the system of an image, into a folder.
pub fn of_image(board: &str, image: &Image, folder: &Path) -> Result<PathBuf, UpdateError> {
    let version = std::fs::read_to_string(&image.version)
        .map_err(|_| UpdateError::NoImage { board: board.to_owned(), folder: folder.to_owned() })?;
    let keys = keys::ready(&keys::folder())?;
    let file = folder.join(format!("{board}.raucb"));
    let Image { boot, root, .. } = image;
    bundle(&Bundle { board, version: version.trim(), boot, root, keys: &keys }, &file)?;
    Ok(file)
}

/// Writes a bundle to a file; one that is there stays until the new one is complete. RAUC's format "plain", whose signature
/// covers all of it: RAUC 1.13 does not understand what Linux 7.3 says of dm-verity, which "verity" needs.
pub fn bundle(bundle: &Bundle, file: &Path) -> Result<(), UpdateError> {
    tools::need(&TOOLS)?;
    let Bundle { board, version, boot, root, keys } = bundle;
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let io = |source| UpdateError::Io { path: file.to_owned(), source };
    let work = tempfile::Builder::new().prefix(".update-").tempdir_in(parent).map_err(io)?;
    let (content, new) = (work.path().join("content"), work.path().join("new.raucb"));
    std::fs::create_dir(&content).map_err(io)?;
    for (from, name) in [(boot, "boot.img"), (root, "root.img")] {
        process::run(Command::new("cp").arg("--sparse=always").arg(from).arg(content.join(name)))?;
    }
    let manifest = format!(
        "[update]\ncompatible=as-time-goes-by-{board}\nversion={version}\n\n[bundle]\nformat=plain\n\n\
         [image.rootfs]\nfilename=root.img\n\n[image.boot]\nfilename=boot.img\n"
    );
    std::fs::write(content.join("manifest.raucm"), manifest).map_err(io)?;
    let mut rauc = Command::new("rauc");
    rauc.arg("bundle").arg("--cert").arg(&keys.certificate).arg("--key").arg(&keys.key).arg(&content).arg(&new);
    process::run(&mut rauc)?;
    std::fs::File::open(&new).and_then(|new| new.sync_all()).map_err(io)?;
    std::fs::rename(&new, file).map_err(io)
}
