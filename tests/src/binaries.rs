//! Arguments go in; the exit code and all that a real binary said come out.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Longer than any one command here takes, also on a busy machine; a command that hangs fails its test.
const PATIENCE: Duration = Duration::from_secs(600);

/// What a command did.
#[derive(Debug)]
pub struct Outcome {
    /// `None` when it was ended by a signal.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// Both streams, for messages.
    pub fn said(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Fails the test unless the exit code is 0.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.said());
        self
    }

    /// Fails the test unless the command refused its work as [`flaw`](Self::flaw) wants it.
    #[track_caller]
    pub fn refused<W: AsRef<str>>(&self, words: &[W]) {
        if let Some(flaw) = self.flaw(words) {
            panic!("{flaw}");
        }
    }

    /// What is wrong about a refusal: the command has to end by itself, with an error and not with a panic, and to say
    /// each of the words.
    pub fn flaw<W: AsRef<str>>(&self, words: &[W]) -> Option<String> {
        let missing = |word: &&W| !self.stderr.contains(word.as_ref());
        if matches!(self.code, None | Some(0 | 101)) || self.stderr.contains("panicked at") {
            Some(format!("code {:?}: {}", self.code, self.said()))
        } else {
            words.iter().find(missing).map(|word| format!("“{}” is missing in: {}", word.as_ref(), self.stderr))
        }
    }
}

/// A binary of this repository, ready for its arguments.
pub struct Program {
    command: Command,
}

/// The mirror.
pub fn edge() -> Program {
    Program::new("edge")
}

/// Another program of this machine.
pub fn other(name: &str) -> Program {
    Program::of(Command::new(name))
}

/// The trainer; see [`without_trainer`].
pub fn trainer() -> Program {
    Program::new("trainer")
}

/// Whether this machine has no libtorch, so that there is no trainer to test; says so.
pub fn without_trainer() -> bool {
    let without = std::env::var_os("ATGB_WITHOUT_TRAINER").is_some();
    if without {
        eprintln!("skipped: there is no libtorch here, so there is no trainer to test");
    }
    without
}

impl Program {
    fn new(name: &str) -> Self {
        Self::of(Command::new(binaries().join(name)))
    }

    fn of(mut command: Command) -> Self {
        command
            .current_dir(crate::root())
            .stdin(Stdio::null())
            .env_remove("RUST_BACKTRACE")
            .env("OMP_NUM_THREADS", "1");
        Self { command }
    }

    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// Runs in another folder than the repository's root.
    pub fn within(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// With a variable in its environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it by way of another command, such as `strace`: first that one's words, then the program's.
    pub fn under<'a>(self, words: impl IntoIterator<Item = &'a OsStr>) -> Self {
        let mut words = words.into_iter();
        let mut command = Command::new(words.next().expect("a command"));
        command.args(words).arg(self.command.get_program()).args(self.command.get_args()).stdin(Stdio::null());
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(folder) = self.command.get_current_dir() {
            command.current_dir(folder);
        }
        Self { command }
    }

    /// Runs it to its end.
    pub fn run(self) -> Outcome {
        self.start().wait()
    }

    /// Starts it and goes on.
    pub fn start(mut self) -> Running {
        let said = crate::folder();
        let stream = |name: &str| File::create(said.path().join(name)).expect("a temporary file");
        let child = self
            .command
            .stdout(stream("stdout"))
            .stderr(stream("stderr"))
            .spawn()
            .unwrap_or_else(|error| panic!("{:?}: {error}", self.command.get_program()));
        Running { child, said, command: format!("{:?}", self.command) }
    }
}

/// A command under way; it is ended when dropped.
pub struct Running {
    child: Child,
    said: tempfile::TempDir,
    command: String,
}

impl Running {
    /// Waits until `ready` holds; fails the test if the command ends before.
    #[track_caller]
    pub fn wait_until(&mut self, what: &str, mut ready: impl FnMut() -> bool) {
        let begin = Instant::now();
        while !ready() {
            if let Some(status) = self.ended() {
                panic!("ended ({status}) before {what}: {}", self.outcome(status).said());
            }
            assert!(begin.elapsed() < PATIENCE, "no {what} from {}", self.command);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// SIGKILL, as when the power fails.
    pub fn kill(mut self) -> Outcome {
        self.child.kill().expect("it can be killed");
        let status = self.child.wait().expect("it can be waited for");
        self.outcome(status)
    }

    #[track_caller]
    pub fn wait(self) -> Outcome {
        self.wait_and(|_| std::thread::sleep(Duration::from_millis(10)))
    }

    /// Waits for its end and meanwhile does something with its process id, again and again.
    #[track_caller]
    pub fn wait_and(mut self, mut meanwhile: impl FnMut(u32)) -> Outcome {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return self.outcome(status);
            }
            assert!(begin.elapsed() < PATIENCE, "{} hangs", self.command);
            meanwhile(self.child.id());
        }
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("it can be waited for")
    }

    fn outcome(&self, status: ExitStatus) -> Outcome {
        let read = |name: &str| {
            String::from_utf8_lossy(&std::fs::read(self.said.path().join(name)).expect("what it said")).into_owned()
        };
        Outcome { code: status.code(), stdout: read("stdout"), stderr: read("stderr") }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The folder of the binaries: `ATGB_BINARIES` where the caller has just built them, else built here, once a test run.
fn binaries() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        if let Some(folder) = std::env::var_os("ATGB_BINARIES") {
            return folder.into();
        }
        // target/PROFILE/deps/this-test
        let test = std::env::current_exe().expect("the test's own path");
        let folder = test.ancestors().nth(2).expect("a test lies in target/PROFILE/deps").to_path_buf();
        let mut build = Command::new(env!("CARGO"));
        build.current_dir(crate::root()).args(["build", "--quiet", "--workspace", "--bins"]);
        if without_trainer() {
            build.args(["--exclude", "trainer"]);
        }
        if folder.ends_with("release") {
            build.arg("--release");
        }
        build.arg("--target-dir").arg(folder.parent().expect("a profile's folder lies in the target folder"));
        let built = build.output().expect("cargo runs");
        std::io::stderr().write_all(&built.stderr).expect("stderr can be written");
        assert!(built.status.success(), "the binaries do not build");
        folder
    })
}
