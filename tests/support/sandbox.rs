//! The directory, the environment and the end of one test's world.
use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use super::{AgentLog, Run, Scratch, Seat, programs, repo::Repo, tmux::Tmux, wait::eventually};

/// Variables of the caller that a sandbox keeps: none of them leads out of it.
const KEPT: &[&str] = &["LANG", "LC_ALL", "USER", "LOGNAME", "RUST_BACKTRACE"];

/// A test's own HOME, XDG directories, PATH and tmux server. Two of them know nothing of each other.
///
/// | place | what |
/// |---|---|
/// | `home/` | `HOME`, with a git identity and quiet shells |
/// | `bin/` | first in `PATH`: stand-ins |
/// | `config/ state/ data/ cache/ run/` | the XDG directories |
/// | `tmp/` | `TMPDIR` |
/// | `src/`, `remotes/` | repositories |
/// | `agents.jsonl` | what the fake agents write down |
/// | `tmux/` | `TMUX_TMPDIR`: the sandbox's server is the default one |
/// | `seats/` | `TMUX_TMPDIR` of the server that plays the user's terminals |
pub(crate) struct Sandbox {
    dir: Scratch,
    /// Where programs are looked for after `bin/`.
    path: String,
    services: Vec<Service>,
}

/// A program that runs beside the test; it is killed and waited for at the end.
struct Service(Child);

impl Sandbox {
    pub(crate) fn new() -> Self {
        let sandbox = Self { dir: Scratch::new(), path: programs::path(), services: Vec::new() };
        for name in [
            "home", "bin", "config", "state", "data", "cache", "run", "tmp", "src", "remotes",
            "tmux", "seats",
        ] {
            fs::create_dir(sandbox.path(name)).unwrap();
        }
        // Without it fish reads every manual page of the machine in each new home.
        fs::create_dir_all(sandbox.path("data/fish/generated_completions")).unwrap();
        fs::set_permissions(sandbox.path("run"), fs::Permissions::from_mode(0o700)).unwrap();
        sandbox.put("home/.gitconfig", GIT_CONFIG);
        // Without it zsh asks its first user what to do.
        sandbox.put("home/.zshrc", "");
        sandbox.put("config/fish/config.fish", "set -g fish_greeting\n");
        sandbox
    }

    /// See [`Scratch::expect_daemon`].
    pub(crate) fn expect_daemon(&mut self, part: &'static str) {
        self.dir.expect_daemon(part);
    }

    /// A path inside, which may not exist; an absolute one is itself.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file inside, with the directories that lead to it.
    pub(crate) fn put(&self, name: impl AsRef<Path>, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// A stand-in, first in PATH: a script with its `#!` line.
    pub(crate) fn put_program(&self, name: &str, script: &str) -> PathBuf {
        self.put_executable(Path::new("bin").join(name), script)
    }

    pub(crate) fn put_executable(&self, name: impl AsRef<Path>, script: &str) -> PathBuf {
        // Written by a separate process: while this one has a file open for writing, a child that another
        // test starts at that moment has it too, and a file that is open for writing cannot be run.
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let write =
            self.run("sh").args(["-c", "cat > \"$1\" && chmod 755 \"$1\"", "sh"]).arg(&path);
        write.input(script).run().success();
        path
    }

    /// Takes programs out of PATH: what is left is a directory of links to all others.
    pub(crate) fn hide_programs(&mut self, names: &[&str]) {
        let links = self.path("programs");
        fs::create_dir_all(&links).unwrap();
        for dir in self.path.split(':') {
            for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
                let name = entry.file_name();
                if names.iter().all(|hidden| name != OsStr::new(hidden)) {
                    // The first of two programs of one name wins, as in PATH.
                    drop(symlink(entry.path(), links.join(&name)));
                }
            }
        }
        self.path = links.display().to_string();
    }

    /// The value of PATH with this program in front.
    pub(crate) fn path_with_wtmag(&self) -> String {
        let bin = Path::new(env!("CARGO_BIN_EXE_wtmag")).parent().unwrap().display();
        let vars = self.vars();
        let (_, path) = vars.iter().find(|(name, _)| name == "PATH").unwrap();
        format!("{bin}:{path}")
    }

    /// The whole environment of every process in here.
    pub(crate) fn vars(&self) -> Vec<(String, String)> {
        let kept =
            KEPT.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)));
        let dirs = [
            ("HOME", "home"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_CACHE_HOME", "cache"),
            ("XDG_RUNTIME_DIR", "run"),
            ("TMPDIR", "tmp"),
            ("TMUX_TMPDIR", "tmux"),
        ];
        let dirs = dirs.map(|(name, dir)| (name.to_owned(), self.path(dir).display().to_string()));
        let rest = [
            ("PATH", format!("{}:{}", self.path("bin").display(), self.path)),
            ("SHELL", "/bin/bash".to_owned()),
            ("TERM", "xterm-256color".to_owned()),
            ("FAKE_AGENT_LOG", self.agent_log().path.display().to_string()),
            ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
            ("GIT_TERMINAL_PROMPT", "0".to_owned()),
        ];
        let rest = rest.map(|(name, value)| (name.to_owned(), value));
        [("LANG".to_owned(), "C.UTF-8".to_owned())]
            .into_iter()
            .chain(kept)
            .chain(dirs)
            .chain(rest)
            .collect()
    }

    /// A program with this environment and nothing else, in `home/`.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.vars()).current_dir(self.path("home"));
        command
    }

    pub(crate) fn run(&self, program: impl AsRef<OsStr>) -> Run {
        Run::new(self.command(program))
    }

    /// The `wtmag` of this build, typed outside tmux.
    pub(crate) fn wtmag<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Run {
        self.run(programs::WTMAG).args(args)
    }

    /// The same, typed in a pane; its output still comes to the test, so it has no terminal.
    pub(crate) fn wtmag_in<A: AsRef<OsStr>>(
        &self,
        pane: &str,
        args: impl IntoIterator<Item = A>,
    ) -> Run {
        self.wtmag(args).env("TMUX", self.tmux().var(pane)).env("TMUX_PANE", pane)
    }

    /// The private server, started or not.
    pub(crate) fn tmux(&self) -> Tmux<'_> {
        Tmux::new(self, "tmux")
    }

    /// A terminal with a user, outside the server, in which this command line runs.
    pub(crate) fn seat(&self, line: &str) -> Seat<'_> {
        Seat::new(self, line)
    }

    /// A repository with one commit on `main`, pushed to a bare one.
    pub(crate) fn repo(&self, name: &str) -> Repo<'_> {
        Repo::new(self, name)
    }

    /// Starts a program that runs until the sandbox ends, such as a stand-in for a server.
    pub(crate) fn serve(&mut self, mut command: Command) {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        self.services.push(Service(child));
    }

    /// The fake agent's program; see `tests/fake_agent/main.rs`.
    pub(crate) fn fake_agent(&self) -> PathBuf {
        programs::fake_agent()
    }

    /// Where every fake agent in here writes, however it was started.
    pub(crate) fn agent_log(&self) -> AgentLog {
        AgentLog::new(self.path("agents.jsonl"))
    }
}

impl Sandbox {
    /// No process of this sandbox has these words in its command line any more.
    #[track_caller]
    pub(crate) fn wait_for_end_of(&self, words: &str) {
        let left = || programs::inside(self.dir.path()).into_iter().find(|it| it.1.contains(words));
        eventually(Duration::from_secs(60), words, || left().is_none().then_some(()));
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // A dashboard that lives longer than its hub starts another one.
        Tmux::new(self, "seats").kill();
        self.tmux().kill();
        if self.path("state/wtmag").exists() {
            drop(self.wtmag(["hub", "stop"]).limit(Duration::from_secs(10)).run());
        }
        self.services.clear();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

const GIT_CONFIG: &str = "\
[user]
	name = Ann
	email = ann@example.org
[init]
	defaultBranch = main
[commit]
	gpgSign = false
[protocol \"file\"]
	allow = always
[advice]
	detachedHead = false
";
