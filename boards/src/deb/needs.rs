//! A binary comes in; the packages that it needs go out, each with the oldest version that has all of the symbols it uses.

use super::DebError;
use object::read::elf::{ElfFile64, FileHeader};
use object::{Endianness, elf};
use std::collections::BTreeSet;
use std::path::Path;

/// A shared library, its package in Debian and Ubuntu, and how its symbol versions begin. The version that follows is the
/// package's own: glibc 2.34 has all symbols up to `GLIBC_2.34`.
const LIBRARIES: [(&str, &str, &str); 6] = [
    ("libc.so.6", "libc6", "GLIBC_"),
    ("libm.so.6", "libc6", "GLIBC_"),
    ("libpthread.so.0", "libc6", "GLIBC_"),
    ("libdl.so.2", "libc6", "GLIBC_"),
    ("ld-linux-aarch64.so.1", "libc6", "GLIBC_"),
    ("libgcc_s.so.1", "libgcc-s1", "GCC_"),
];

/// What a binary asks of the system.
#[derive(Debug, Default, PartialEq, Eq)]
struct Needs {
    libraries: BTreeSet<String>,
    /// Symbol versions with their libraries.
    versions: BTreeSet<(String, String)>,
}

/// The `Depends` of a binary for arm64, such as `["libc6 (>= 2.34)"]`.
pub fn depends(binary: &Path) -> Result<Vec<String>, DebError> {
    let bytes = std::fs::read(binary).map_err(|source| super::io_at(binary, source))?;
    let needs = read(&bytes).map_err(|what| DebError::Binary { path: binary.to_owned(), what })?;
    packages(&needs).map_err(|library| DebError::Library { path: binary.to_owned(), library })
}

fn read(bytes: &[u8]) -> Result<Needs, String> {
    let read = |error: object::Error| format!("cannot be read as a program ({error})");
    let file = ElfFile64::<Endianness>::parse(bytes).map_err(read)?;
    let (endian, header) = (file.endian(), file.elf_header());
    if header.e_machine(endian) != elf::EM_AARCH64 {
        return Err(format!("is for another processor (ELF machine {})", header.e_machine(endian).0));
    }
    let sections = header.sections(endian, bytes).map_err(read)?;
    let mut needs = Needs::default();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let dynamic = sections.dynamic_table(endian, bytes).map_err(read)?;
    for entry in dynamic.iter().filter(|entry| entry.tag == elf::DT_NEEDED) {
        needs.libraries.insert(text(dynamic.string(entry).map_err(read)?));
    }
    if let Some((mut files, link)) = sections.gnu_verneed(endian, bytes).map_err(read)? {
        let strings = sections.strings(endian, bytes, link).map_err(read)?;
        while let Some((file, mut versions)) = files.next().map_err(read)? {
            let library = text(file.file(endian, strings).map_err(read)?);
            while let Some(version) = versions.next().map_err(read)? {
                needs.versions.insert((text(version.name(endian, strings).map_err(read)?), library.clone()));
            }
        }
    }
    Ok(needs)
}

/// The packages of libraries and symbols; else the library that none is known for.
fn packages(needs: &Needs) -> Result<Vec<String>, String> {
    let mut packages = std::collections::BTreeMap::new();
    let known = |library: &str| LIBRARIES.iter().find(|(name, ..)| *name == library).ok_or(library.to_owned());
    for library in &needs.libraries {
        packages.entry(known(library)?.1).or_insert(Vec::new());
    }
    for (symbol, library) in &needs.versions {
        let (_, package, prefix) = *known(library)?;
        let version = symbol.strip_prefix(prefix).and_then(numbers).ok_or(format!("{symbol} of {library}"))?;
        let least = packages.entry(package).or_insert(Vec::new());
        *least = version.max(std::mem::take(least));
    }
    let text = |version: Vec<u32>| version.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
    let depend = |(package, version): (&str, Vec<u32>)| match version.is_empty() {
        true => package.to_owned(),
        false => format!("{package} (>= {})", text(version)),
    };
    Ok(packages.into_iter().map(depend).collect())
}

fn numbers(version: &str) -> Option<Vec<u32>> {
    version.split('.').map(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(libraries: &[&str], versions: &[(&str, &str)]) -> Needs {
        let own = |(symbol, library): &(&str, &str)| ((*symbol).to_owned(), (*library).to_owned());
        Needs {
            libraries: libraries.iter().map(|name| (*name).to_owned()).collect(),
            versions: versions.iter().map(own).collect(),
        }
    }

    #[test]
    fn the_newest_symbol_decides_and_versions_are_compared_as_numbers() {
        let needs = needs(
            &["libc.so.6", "libm.so.6", "libgcc_s.so.1"],
            &[
                ("GLIBC_2.4", "libc.so.6"),
                ("GLIBC_2.34", "libc.so.6"),
                ("GLIBC_2.29", "libm.so.6"),
                ("GCC_4.2.0", "libgcc_s.so.1"),
            ],
        );
        assert_eq!(packages(&needs).unwrap(), ["libc6 (>= 2.34)", "libgcc-s1 (>= 4.2.0)"]);
    }

    #[test]
    fn a_library_without_versions_is_needed_all_the_same() {
        assert_eq!(packages(&needs(&["libgcc_s.so.1"], &[])).unwrap(), ["libgcc-s1"]);
    }

    #[test]
    fn an_unknown_library_or_symbol_is_named() {
        assert_eq!(packages(&needs(&["libcuda.so.1"], &[])).unwrap_err(), "libcuda.so.1");
        let error = packages(&needs(&[], &[("GLIBC_PRIVATE", "libc.so.6")])).unwrap_err();
        assert_eq!(error, "GLIBC_PRIVATE of libc.so.6");
    }

    #[test]
    fn what_is_no_arm64_program_is_refused() {
        let refused = |path: &str, words: &str| {
            let error = depends(path.as_ref()).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        };
        refused("/no/edge", "/no/edge: ");
        refused(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"), "cannot be read as a program");
        #[cfg(target_arch = "x86_64")]
        refused(std::env::current_exe().unwrap().to_str().unwrap(), "ELF machine 62");
    }
}
