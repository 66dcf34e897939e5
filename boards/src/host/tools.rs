//! The programs that a command needs: looked for, and installed from Debian's packages where that can be done.

use super::process::{self, ProcessError};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program and the Debian or Ubuntu package that brings it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tool {
    /// Its name, or the whole path of a file where a package brings no program.
    pub program: &'static str,
    pub package: &'static str,
}

#[derive(Debug, thiserror::Error)]
pub enum ToolsError {
    #[error("{} missing; on Debian or Ubuntu: sudo apt-get install --no-install-recommends {}", are(programs), packages.join(" "))]
    Missing { programs: Vec<&'static str>, packages: Vec<&'static str> },
    #[error("the packages {} cannot be installed; is there network? {source}", packages.join(" "))]
    Install { packages: Vec<&'static str>, source: ProcessError },
}

/// Makes sure that all tools are there: installs what is missing when this is root on a machine with apt, and says what to
/// install elsewhere.
pub fn need(tools: &[Tool]) -> Result<(), ToolsError> {
    let missing: Vec<Tool> = tools.iter().copied().filter(|tool| find(tool.program).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let programs: Vec<_> = missing.iter().map(|tool| tool.program).collect();
    let mut packages: Vec<_> = missing.iter().map(|tool| tool.package).collect();
    packages.sort_unstable();
    packages.dedup();
    if !rustix::process::geteuid().is_root() || find("apt-get").is_none() {
        return Err(ToolsError::Missing { programs, packages });
    }
    eprintln!("installing {}", packages.join(", "));
    let mut install = apt();
    install.args(["install", "-y", "-qq", "--no-install-recommends"]).args(&packages);
    process::run(apt().args(["update", "-qq"]))
        .and_then(|_| process::run(&mut install))
        .map_err(|source| ToolsError::Install { packages: packages.clone(), source })?;
    let programs: Vec<_> = programs.into_iter().filter(|program| find(program).is_none()).collect();
    if programs.is_empty() { Ok(()) } else { Err(ToolsError::Missing { programs, packages }) }
}

/// Where a program is, looked for as a shell would, and where root's programs are.
pub fn find(program: &str) -> Option<PathBuf> {
    if program.starts_with('/') {
        return Path::new(program).exists().then(|| program.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn are(programs: &[&str]) -> String {
    format!("{} {}", programs.join(", "), if programs.len() == 1 { "is" } else { "are" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_found_and_asks_for_nothing() {
        assert!(find("sh").is_some());
        assert!(find("no-such-program").is_none());
        assert!(find("/etc/passwd").is_some() && find("/etc/no-such-file").is_none());
        need(&[Tool { program: "sh", package: "dash" }]).unwrap();
    }

    #[test]
    fn what_is_missing_is_named_with_its_package() {
        let error = ToolsError::Missing { programs: vec!["mcopy"], packages: vec!["mtools"] }.to_string();
        assert_eq!(error, "mcopy is missing; on Debian or Ubuntu: sudo apt-get install --no-install-recommends mtools");
    }
}
