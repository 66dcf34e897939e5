//! Cargo's messages come in, one JSON object a line; the programs that it built go out.

use serde::Deserialize;
use std::path::{Path, PathBuf};

/// A built test program, to be run in its crate's folder.
#[derive(Clone, Debug, PartialEq)]
pub struct TestProgram {
    /// The crate's library or program that it tests, such as `shared`.
    pub name: String,
    pub path: PathBuf,
    pub folder: PathBuf,
}

#[derive(Deserialize)]
struct Artifact {
    reason: String,
    manifest_path: PathBuf,
    target: Target,
    profile: Profile,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

/// Name and path of each program and example.
pub fn programs(messages: &[u8]) -> Vec<(String, PathBuf)> {
    let programs = artifacts(messages).filter(|artifact| !artifact.profile.test);
    programs.filter_map(|artifact| Some((artifact.target.name, artifact.executable?))).collect()
}

/// Each test program of a library or a program; examples have none.
pub fn tests(messages: &[u8]) -> Vec<TestProgram> {
    let tests = artifacts(messages)
        .filter(|artifact| artifact.profile.test && !artifact.target.kind.iter().any(|kind| kind == "example"));
    let program = |artifact: Artifact| {
        let folder = artifact.manifest_path.parent().unwrap_or(Path::new("/")).to_owned();
        Some(TestProgram { name: artifact.target.name, path: artifact.executable?, folder })
    };
    tests.filter_map(program).collect()
}

/// Messages of other kinds have other fields, and are passed over.
fn artifacts(messages: &[u8]) -> impl Iterator<Item = Artifact> {
    let lines = messages.split(|&byte| byte == b'\n');
    lines
        .filter_map(|line| serde_json::from_slice::<Artifact>(line).ok())
        .filter(|message| message.reason == "compiler-artifact")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGES: &str = concat!(
        r#"{"reason":"build-script-executed","package_id":"libc"}"#,
        "\nnot a message of cargo's\n",
        r#"{"reason":"compiler-artifact","manifest_path":"/a/edge/Cargo.toml","target":{"name":"edge","kind":["lib"]},"#,
        r#""profile":{"test":false},"executable":null}"#,
        "\n",
        r#"{"reason":"compiler-artifact","manifest_path":"/a/edge/Cargo.toml","target":{"name":"edge","kind":["bin"]},"#,
        r#""profile":{"test":false},"executable":"/t/edge"}"#,
        "\n",
        r#"{"reason":"compiler-artifact","manifest_path":"/a/edge/Cargo.toml","target":{"name":"edge","kind":["lib"]},"#,
        r#""profile":{"test":true},"executable":"/t/deps/edge-1"}"#,
        "\n",
        r#"{"reason":"build-finished","success":true}"#,
    );

    #[test]
    fn programs_and_tests_are_told_apart() {
        assert_eq!(programs(MESSAGES.as_bytes()), [("edge".to_owned(), "/t/edge".into())]);
        let test = TestProgram { name: "edge".into(), path: "/t/deps/edge-1".into(), folder: "/a/edge".into() };
        assert_eq!(super::tests(MESSAGES.as_bytes()), [test]);
    }

    #[test]
    fn no_message_means_no_program() {
        assert!(programs(b"").is_empty() && super::tests(b"\n\n").is_empty());
    }
}
