//! Lists the pictures in `demo/`, so that a visitor is added by adding a file.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join("demo");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut pictures: Vec<PathBuf> = match fs::read_dir(&folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?,
        Err(_) => Vec::new(),
    };
    pictures.retain(|path| path.extension().is_some_and(|ending| ending == "jpg" || ending == "png"));
    pictures.sort();
    let mut list = String::from("&[\n");
    for path in pictures {
        let name = path.file_stem().unwrap_or_default();
        list += &format!("Visitor {{ name: {name:?}, bytes: include_bytes!({path:?}) }},\n");
    }
    list += "]\n";
    fs::write(Path::new(&env::var("OUT_DIR").map_err(io::Error::other)?).join("visitors.rs"), list)
}
