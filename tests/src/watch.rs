//! What a program does to the world: a command comes in and is run under `strace`, or, where that is not allowed, its open
//! files are looked at again and again; what it wrote, and which sockets it opened, come out.

use crate::binaries::{Outcome, Program};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How a program is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watcher {
    /// Sees every call.
    Strace,
    /// Sees files and sockets that are open for a while.
    Polling,
}

/// Something that a private program must not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A file opened for writing, created, renamed or linked.
    Writes(PathBuf),
    /// A socket of this family, which reaches beyond the machine or may do so.
    Socket(String),
    /// A way around the watcher.
    Hides(String),
}

/// The calls that write, connect, or go around strace.
const CALLS: &str = "trace=%file,socket,socketpair,io_uring_setup,open_by_handle_at";
/// Calls that create or change a name, whatever their flags.
const CHANGES: [&str; 13] = [
    "creat",
    "link",
    "linkat",
    "mkdir",
    "mkdirat",
    "mknod",
    "mknodat",
    "rename",
    "renameat",
    "renameat2",
    "symlink",
    "symlinkat",
    "truncate",
];
const WRITING: [&str; 6] = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND", "O_TMPFILE"];

impl Watcher {
    /// The best that this machine allows; says so loudly where that is not strace.
    pub fn best() -> Self {
        let works = Command::new("strace").args(["-f", "-qq", "-o", "/dev/null", "true"]).output();
        if works.is_ok_and(|outcome| outcome.status.success()) {
            return Self::Strace;
        }
        eprintln!("WARNING: strace is missing or not allowed here. Open files are polled instead, which sees less:");
        eprintln!(
            "WARNING: a file that is written and closed at once can stay unseen. Install strace and allow ptrace."
        );
        Self::Polling
    }

    /// Runs a program to its end and tells what it did.
    #[track_caller]
    pub fn watch(self, program: Program) -> (Outcome, Vec<Deed>) {
        match self {
            Self::Strace => {
                let folder = crate::folder();
                let log = folder.path().join("calls");
                let strace = ["strace", "-f", "-qq", "-y", "-s", "4096", "--seccomp-bpf", "-e", CALLS, "-o"];
                let outcome = program.under(strace.iter().map(AsRef::as_ref).chain([log.as_os_str()])).run();
                let calls = fs::read(&log).expect("strace's log");
                let calls = String::from_utf8_lossy(&calls);
                assert!(calls.contains("execve("), "strace saw nothing: {}", outcome.said());
                (outcome, calls.lines().filter_map(deed).collect())
            }
            Self::Polling => {
                let mut deeds = Vec::new();
                let outcome = program.start().wait_and(|id| poll(id, &mut deeds));
                (outcome, deeds)
            }
        }
    }
}

/// What a line of strace's log tells: `PID call(arguments) = result`.
fn deed(line: &str) -> Option<Deed> {
    let line = line.trim_start_matches(|letter: char| letter.is_ascii_digit()).trim_start();
    let (call, arguments) = line.split_once('(')?;
    match call {
        "socket" | "socketpair" => {
            let family = arguments.split(',').next()?;
            (family != "AF_UNIX").then(|| Deed::Socket(family.to_owned()))
        }
        "io_uring_setup" | "open_by_handle_at" => Some(Deed::Hides(call.to_owned())),
        "open" | "openat" | "openat2" => {
            let (path, flags) = path(arguments)?;
            WRITING.iter().any(|flag| flags.contains(flag)).then_some(Deed::Writes(path))
        }
        call if CHANGES.contains(&call) => {
            // Of two names the second one is new.
            let (mut new, mut rest) = (None, arguments);
            while let Some((path, after)) = path(rest) {
                (new, rest) = (Some(path), after);
            }
            new.map(Deed::Writes)
        }
        _ => None,
    }
}

/// The first path among some arguments, resolved against the folder before it, and what follows it.
fn path(arguments: &str) -> Option<(PathBuf, &str)> {
    let (before, rest) = arguments.split_once('"')?;
    let mut end = 0;
    while let Some(letter) = rest[end..].chars().next().filter(|&letter| letter != '"') {
        end += letter.len_utf8();
        if letter == '\\' {
            end += rest[end..].chars().next().map_or(0, char::len_utf8);
        }
    }
    let folder = before.rsplit_once('<').and_then(|(_, folder)| folder.split('>').next()).unwrap_or_default();
    Some((Path::new(folder).join(&rest[..end]), rest.get(end + 1..).unwrap_or_default()))
}

/// Looks at the open files of a process once.
fn poll(id: u32, deeds: &mut Vec<Deed>) {
    let process = PathBuf::from(format!("/proc/{id}"));
    let unix = fs::read_to_string(process.join("net/unix")).unwrap_or_default();
    for entry in fs::read_dir(process.join("fd")).into_iter().flatten().flatten() {
        let Ok(target) = fs::read_link(entry.path()) else { continue };
        let name = target.to_string_lossy();
        let deed = if let Some(inode) = name.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']')) {
            let is_unix = unix.lines().any(|line| line.split_whitespace().any(|word| word == inode));
            (!is_unix).then(|| Deed::Socket("not AF_UNIX".into()))
        } else if name.contains("io_uring") {
            Some(Deed::Hides("io_uring".into()))
        } else {
            let about = fs::read_to_string(process.join("fdinfo").join(entry.file_name())).unwrap_or_default();
            let flags = about.lines().find_map(|line| line.strip_prefix("flags:"));
            let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok()).unwrap_or(0);
            // The last two bits: 0 reads, 1 writes, 2 does both. 0, 1 and 2 are what the test gave to the program.
            let own = entry.file_name().to_string_lossy().parse().is_ok_and(|number: u32| number > 2);
            (own && flags & 3 != 0 && name.starts_with('/')).then(|| Deed::Writes(target.clone()))
        };
        deeds.extend(deed.filter(|deed| !deeds.contains(deed)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_write_or_connect_are_told_from_those_that_do_not() {
        let writes = |path: &str| Some(Deed::Writes(path.into()));
        let cases = [
            (r#"12 openat(AT_FDCWD</here>, "a.txt", O_RDONLY|O_CLOEXEC) = 3</here/a.txt>"#, None),
            (r#"12 openat(AT_FDCWD</here>, "a.txt", O_WRONLY|O_CREAT|O_EXCL, 0666) = 3"#, writes("/here/a.txt")),
            (r#"12 openat(AT_FDCWD</here>, "/b/a\"c.txt", O_RDWR <unfinished ...>"#, writes(r#"/b/a\"c.txt"#)),
            (r#"7 openat2(4</d>, "e", {flags=O_RDWR|O_CREAT, mode=0600}, 24) = 5"#, writes("/d/e")),
            (r#"7 open("/x", O_APPEND|O_WRONLY) = -1 EACCES (Permission denied)"#, writes("/x")),
            (r#"7 rename("/t/.a.tmp", "/t/a") = 0"#, writes("/t/a")),
            (r#"7 linkat(3</t>, "a", AT_FDCWD</u>, "b", 0) = 0"#, writes("/u/b")),
            (r#"7 mkdir("/m", 0777) = 0"#, writes("/m")),
            (r#"7 newfstatat(AT_FDCWD</w>, "/x", {st_mode=S_IFREG|0644}, 0) = 0"#, None),
            (r#"7 unlink("/t/a") = 0"#, None),
            ("7 socket(AF_UNIX, SOCK_DGRAM|SOCK_CLOEXEC, 0) = 3", None),
            ("7 socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP) = 3", Some(Deed::Socket("AF_INET6".into()))),
            ("7 socket(AF_NETLINK, SOCK_RAW, 0) = 3", Some(Deed::Socket("AF_NETLINK".into()))),
            ("7 io_uring_setup(8, {flags=0}) = 4", Some(Deed::Hides("io_uring_setup".into()))),
            ("7 +++ exited with 0 +++", None),
            ("7 <... openat resumed>) = 3</a>", None),
        ];
        for (line, expected) in cases {
            assert_eq!(deed(line), expected, "{line}");
        }
    }
}
