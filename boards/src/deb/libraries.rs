//! Cargo's lock file comes in; the libraries that are linked into `edge` go out, with versions, licences and the notices that
//! their licences ask to pass on.

use super::{DebError, io_at};
use crate::host::{place, process};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;

/// `cargo metadata`, as far as it is read (cargo-metadata(1)).
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
    manifest_path: PathBuf,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    /// Absent for what is linked; `dev` or `build`.
    kind: Option<String>,
}

/// How the names of files with notices begin.
const NOTICES: [&str; 5] = ["license", "licence", "copying", "copyright", "notice"];

/// The list and the notices as text; the same for the same lock file.
pub fn notices() -> Result<String, DebError> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["metadata", "--format-version", "1", "--locked", "--filter-platform", "aarch64-unknown-linux-gnu"]);
    let json = process::run(cargo.current_dir(place::source()))?;
    let metadata: Metadata = serde_json::from_slice(&json).map_err(|error| DebError::Libraries(error.to_string()))?;
    let linked = linked(&metadata, "edge")?;

    let mut text = String::from("Libraries that are linked into /usr/bin/edge\n\n");
    let mut notices: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in linked {
        let name = format!("{} {}", package.name, package.version);
        text += &format!("{name}: {}\n", package.license.as_deref().unwrap_or("see its notice below"));
        for notice in files(package.manifest_path.parent().unwrap_or(Path::new("/")))? {
            let lines: Vec<_> = notice.lines().map(str::trim_end).collect();
            notices.entry(lines.join("\n").trim().to_owned()).or_default().push(name.clone());
        }
    }
    let mut notices: Vec<_> = notices.into_iter().collect();
    notices.sort_by(|a, b| a.1.cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
    for (notice, names) in notices {
        text += &format!("\n{}\n{}\n\n{notice}\n", "-".repeat(80), names.join(", "));
    }
    Ok(text)
}

/// The packages from elsewhere that a program is made of, by name and version.
fn linked<'a>(metadata: &'a Metadata, program: &str) -> Result<Vec<&'a Package>, DebError> {
    let nodes: HashMap<_, _> = metadata.resolve.nodes.iter().map(|node| (&*node.id, node)).collect();
    let root = metadata.packages.iter().find(|package| package.name == program && package.source.is_none());
    let root = root.ok_or_else(|| DebError::Libraries(format!("no package `{program}`")))?;
    let (mut found, mut open) = (BTreeSet::new(), vec![&*root.id]);
    while let Some(id) = open.pop() {
        if found.insert(id) {
            let deps = nodes.get(id).map(|node| &node.deps[..]).unwrap_or_default();
            let linked = deps.iter().filter(|dependency| dependency.dep_kinds.iter().any(|kind| kind.kind.is_none()));
            open.extend(linked.map(|dependency| &*dependency.pkg));
        }
    }
    let foreign = |package: &&Package| found.contains(&*package.id) && package.source.is_some();
    let mut packages: Vec<_> = metadata.packages.iter().filter(foreign).collect();
    packages.sort_by_key(|package| (&package.name, &package.version));
    Ok(packages)
}

/// The texts of a package's notices.
fn files(folder: &Path) -> Result<Vec<String>, DebError> {
    let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut paths: Vec<_> = entries.map_err(|source| io_at(folder, source))?.iter().map(|entry| entry.path()).collect();
    paths.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        path.is_file() && NOTICES.iter().any(|notice| name.starts_with(notice))
    });
    paths.sort();
    let read = |path: PathBuf| std::fs::read(&path).map_err(|source| io_at(&path, source));
    paths.into_iter().map(|path| Ok(String::from_utf8_lossy(&read(path)?).into_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_linked_is_listed_and_what_only_builds_is_not() {
        let package = |name: &str, source: &str| {
            format!(
                r#"{{"id":"{name}","name":"{name}","version":"1.0.0","license":"MIT","source":{source},"manifest_path":"/"}}"#
            )
        };
        let packages = ["edge", "linked", "deep", "builds"]
            .map(|name| package(name, if name == "edge" { "null" } else { "\"registry\"" }));
        let json = format!(
            r#"{{"packages":[{}],"resolve":{{"nodes":[
                {{"id":"edge","deps":[{{"pkg":"linked","dep_kinds":[{{"kind":null}}]}},{{"pkg":"builds","dep_kinds":[{{"kind":"build"}}]}}]}},
                {{"id":"linked","deps":[{{"pkg":"deep","dep_kinds":[{{"kind":"dev"}},{{"kind":null}}]}}]}}]}}}}"#,
            packages.join(",")
        );
        let metadata: Metadata = serde_json::from_str(&json).unwrap();
        let names: Vec<_> = linked(&metadata, "edge").unwrap().iter().map(|package| &*package.name).collect();
        assert_eq!(names, ["deep", "linked"]);
        assert!(linked(&metadata, "absent").is_err());
    }
}
