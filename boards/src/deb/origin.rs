//! The source tree's last commit comes in; the package's version, date and maintainer go out.

use super::DebError;
use crate::host::{place, process};
use std::process::Command;

pub struct Origin {
    /// Such as `0.1.0+20261124184724.604ae83-1`: each commit's is newer than the one before, so that packages update.
    pub version: String,
    /// Seconds since 1970, UTC.
    pub time: u64,
    /// The same as in mails.
    pub date: String,
    /// Name and address of who made the commit.
    pub maintainer: String,
}

pub fn read() -> Result<Origin, DebError> {
    let mut git = Command::new("git");
    git.arg("-C").arg(place::source()).env("TZ", "UTC0").env("LC_ALL", "C");
    git.args(["log", "-1", "--date=format-local:%Y%m%d%H%M%S", "--abbrev=7"]);
    git.arg("--format=%ct%n%cd%n%h%n%cn <%ce>%n%cD");
    let text = process::text(process::run(&mut git).map_err(DebError::Origin)?);
    parse(&text).ok_or_else(|| {
        let words = format!("git says: {text}");
        DebError::Origin(process::ProcessError::Start { program: "git".into(), source: std::io::Error::other(words) })
    })
}

fn parse(text: &str) -> Option<Origin> {
    let mut lines = text.lines();
    let time = lines.next()?.parse().ok()?;
    let (stamp, hash) = (lines.next()?, lines.next()?);
    let version = format!("{}+{stamp}.{hash}-1", env!("CARGO_PKG_VERSION"));
    Some(Origin { version, time, maintainer: lines.next()?.to_owned(), date: lines.next()?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_rises_with_the_commits_time() {
        let origin =
            parse("1795546044\n20261124184724\n604ae83\nA B <a@b.example>\nTue, 24 Nov 2026 18:47:24 +0000").unwrap();
        assert_eq!(origin.version, concat!(env!("CARGO_PKG_VERSION"), "+20261124184724.604ae83-1"));
        assert_eq!((origin.time, &*origin.maintainer), (1_795_546_044, "A B <a@b.example>"));
        assert!(parse("fatal: not a repository").is_none());
    }
}
