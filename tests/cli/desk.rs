//! A user's desk: a repository on GitHub (a stub answers `gh`), a tmux session, an agent with a profile.
use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::support::{Ran, Run, Sandbox, eventually};

pub(super) const SOON: Duration = Duration::from_secs(30);
pub(super) const BOOTSTRAP: &str = "Read ./.wtmag/prompt.md and use it as the full task brief.";

/// How the fake agent reads, written as a user would write it; quick, because nothing here is slow.
const PROFILE: &str = r#"
name = "fake"
foreground = ["fake-agent"]
[timing]
quiet_ms = 100
[keys]
interrupt = ["Escape"]
[box]
top = '^─{20,}$'
bottom = '^─{20,}$'
prompt = '^> ?'
folded = ['^\[Pasted #\d+ .*\]$']
[[rule]]
state = "ready"
in = "footer"
all = ['\? for help']
[[rule]]
state = "working"
all = ['esc to interrupt']
[[rule]]
state = "blocked: trust"
all = ['Do you trust']
[[rule]]
state = "waiting: permission"
all = ['Allow']
"#;

const TRUST: &str = r#"dialogs=[{kind="menu",heading="Folder",question="Do you trust the files in this folder?",entries=["No","Yes"],chosen=0,right=1,hint="Enter to confirm"}]"#;

pub(super) struct Desk {
    pub(super) sandbox: Sandbox,
    /// The working copy, a clone of `remotes/blog.git`, which git reaches as `git@github.com:acme/blog`.
    pub(super) dir: PathBuf,
    /// A pane of the session `main`; empty until it is started.
    pub(super) pane: String,
}

impl Desk {
    /// With a tmux session `main`.
    pub(super) fn new() -> Self {
        let mut desk = Self::without_tmux();
        desk.pane = desk.sandbox.tmux().start("main");
        desk
    }

    pub(super) fn without_tmux() -> Self {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("blog");
        repo.git(["remote", "set-url", "origin", "git@github.com:acme/blog.git"]);
        let (dir, remote) = (repo.dir.clone(), repo.remote.display().to_string());
        let ssh = format!(
            "#!/bin/sh\nfor last; do :; done\ncase $last in\n*receive-pack*) exec git-receive-pack {remote};;\n\
             *) exec git-upload-pack {remote};;\nesac\n"
        );
        let ssh = sandbox.put_program("stand-in-ssh", &ssh).display().to_string();
        sandbox.run("git").args(["config", "--global", "core.sshCommand", &ssh]).run().success();
        let desk = Self { sandbox, dir, pane: String::new() };
        desk.sandbox.put("config/wtmag/agents/fake.toml", PROFILE);
        desk.config("");
        desk
    }

    /// The user's settings: the usual agents, and more.
    pub(super) fn config(&self, more: &str) {
        let agent = self.sandbox.fake_agent().display().to_string();
        let block = |name: &str, args: &[&str]| {
            let args: Vec<String> = args.iter().map(|it| format!("'''{it}'''")).collect();
            let args = args.join(", ");
            format!(
                "[agents.{name}]\ncommand = \"{agent}\"\nargs = [{args}]\nprofile = \"fake\"\ndelivery = \"ready\"\n"
            )
        };
        let text = [
            "[agents.default]\nname = \"fake\"\n".to_owned(),
            block("fake", &[]),
            block("trusty", &["--set", TRUST]),
            block("slow", &["--set", "turn.min_ms=600000", "--set", "turn.max_ms=600000"]),
            block("late", &["--set", "start_delay_ms=600000"]),
            "[agents.missing]\ncommand = \"no-such-agent\"\ndelivery = \"ready\"\n".to_owned(),
            "[agents.dies]\ncommand = \"sh -c 'echo boom; exit 3'\"\ndelivery = \"ready\"\n"
                .to_owned(),
            more.to_owned(),
        ];
        self.sandbox.put("config/wtmag/config.toml", text.concat());
    }

    /// Stands in for GitHub, with issue 456 and the pull request 234 whose head is `sha`.
    pub(super) fn github(&mut self, sha: &str) {
        self.github_with(sha, |_| ());
    }

    /// The same with its data for `acme/blog` edited.
    pub(super) fn github_with(&mut self, sha: &str, edit: impl Fn(&mut Value)) {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/gh");
        let data = std::fs::read_to_string(fixtures.join("data.json")).unwrap();
        let mut data: Value = serde_json::from_str(&data.replace(&"1".repeat(40), sha)).unwrap();
        edit(&mut data["repositories"]["acme/blog"]);
        let data = self.sandbox.put("run/gh.json", data.to_string());
        let socket = self.sandbox.path("run/gh.sock");
        let mut stub = self.sandbox.command("python3");
        stub.arg(fixtures.join("gh_stub.py")).arg("--socket").arg(&socket).arg("--data").arg(data);
        self.sandbox.serve(stub);
        eventually(SOON, "the stand-in for GitHub", || socket.exists().then_some(()));
        let set = self.sandbox.run("gh").args(["config", "set", "http_unix_socket"]).arg(socket);
        set.run().success();
    }

    /// Makes the head of pull request 234 and returns its commit.
    pub(super) fn pull_request(&self) -> String {
        self.git(&["checkout", "--quiet", "-b", "feature"]);
        self.sandbox.put(self.dir.join("cache.rs"), "fn cache() {}\n");
        self.git(&["add", "cache.rs"]);
        self.git(&["commit", "--quiet", "-m", "Cache"]);
        self.git(&["push", "--quiet", "origin", "HEAD:refs/pull/234/head"]);
        let sha = self.git(&["rev-parse", "HEAD"]);
        self.git(&["checkout", "--quiet", "main"]);
        self.git(&["branch", "--quiet", "-D", "feature"]);
        sha
    }

    #[track_caller]
    pub(super) fn git(&self, args: &[&str]) -> String {
        let ran = self.sandbox.run("git").cwd(&self.dir).args(args).run();
        ran.success().trim_end().to_owned()
    }

    /// git in the worktree of this worker.
    #[track_caller]
    pub(super) fn git_of(&self, id: &str, args: &[&str]) -> String {
        let dir = self.wtmag(&["path", id]).success();
        let ran = self.sandbox.run("git").cwd(dir.trim()).args(args).run();
        ran.success().trim_end().to_owned()
    }

    /// The worker has committed a new file `one.txt`: its worktree.
    #[track_caller]
    pub(super) fn commit_work(&self, id: &str) -> PathBuf {
        let dir = PathBuf::from(self.wtmag(&["path", id]).success().trim());
        self.sandbox.put(dir.join("one.txt"), "1\n");
        self.git_of(id, &["add", "--all"]);
        self.git_of(id, &["commit", "--quiet", "-m", "One"]);
        dir
    }

    /// The worker at rest has pushed such a commit: its head.
    #[track_caller]
    pub(super) fn push_work(&self, id: &str) -> String {
        self.wtmag(&["wait", id, "--until", "idle", "--timeout", "20"]).success();
        self.commit_work(id);
        self.git_of(id, &["push", "--quiet", "-u", "origin", "HEAD"]);
        self.git_of(id, &["rev-parse", "HEAD"])
    }

    /// `wtmag` in the repository, from the session's pane if there is one.
    pub(super) fn run(&self, args: &[&str]) -> Run {
        let run = if self.pane.is_empty() {
            self.sandbox.wtmag(args)
        } else {
            self.sandbox.wtmag_in(&self.pane, args)
        };
        run.cwd(&self.dir).env("GH_TOKEN", "dummy")
    }

    pub(super) fn wtmag(&self, args: &[&str]) -> Ran {
        self.run(args).run()
    }

    /// A worker that has its prompt.
    #[track_caller]
    pub(super) fn worker(&self, name: &str) -> String {
        self.worker_of("fake", name)
    }

    #[track_caller]
    pub(super) fn worker_of(&self, agent: &str, name: &str) -> String {
        let args = ["create", "--prompt", "x", "--name", name, "--agent", agent, "--json"];
        let made = self.wtmag(&args).json();
        assert_eq!(made["outcome"], "accepted", "{made}");
        made["worker"]["id"].as_str().unwrap().to_owned()
    }

    /// `wtmag` as a separate process, to be interrupted.
    pub(super) fn start(&self, args: &[&str]) -> Running {
        let mut command = self.sandbox.command(env!("CARGO_BIN_EXE_wtmag"));
        command.args(args).current_dir(&self.dir).env("TMUX_PANE", &self.pane);
        let tmux = self.sandbox.tmux();
        let var = tmux.show(&self.pane, "#{socket_path},#{pid},#{session_id}").replace('$', "");
        command.env("TMUX", var);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Running(command.spawn().unwrap())
    }

    /// Branches and worktrees: what a failed `create` must leave as it was.
    pub(super) fn traces(&self) -> String {
        let refs = self.git(&["for-each-ref", "refs/heads", "--format=%(refname) %(objectname)"]);
        let worktrees = self.git(&["worktree", "list", "--porcelain"]);
        let dirs = std::fs::read_dir(self.sandbox.path("src")).unwrap();
        let mut dirs: Vec<String> =
            dirs.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        dirs.sort();
        format!("{refs}\n{worktrees}\n{dirs:?}")
    }

    pub(super) fn list(&self, more: &[&str]) -> Vec<Value> {
        let listed = self.wtmag(&[&["list", "--json", "--full"], more].concat()).json();
        listed.as_array().unwrap().clone()
    }

    /// Waits until a worker's state has this text.
    #[track_caller]
    pub(super) fn wait_for_state(&self, id: &str, text: &str) {
        eventually(SOON, &format!("{id} to be {text}"), || {
            let workers = self.list(&["--all"]);
            let worker = workers.iter().find(|it| it["id"] == id)?;
            (worker["state"]["text"] == text).then_some(())
        });
    }
}

/// A command under way. It is killed when the test is over.
pub(super) struct Running(Child);

impl Running {
    pub(super) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.0.id()).unwrap()), signal).unwrap();
    }

    /// Its exit code and what it said on both outputs.
    #[track_caller]
    pub(super) fn end(mut self) -> (i32, String) {
        let status = eventually(SOON, "the command to end", || self.0.try_wait().unwrap());
        let mut text = String::new();
        for line in BufReader::new(self.0.stdout.take().unwrap()).lines() {
            text += &line.unwrap();
        }
        for line in BufReader::new(self.0.stderr.take().unwrap()).lines() {
            text += &(line.unwrap() + "\n");
        }
        (status.code().unwrap_or(-1), text)
    }

    /// Waits until a line of its progress has this text.
    #[track_caller]
    pub(super) fn says(&mut self, text: &str) {
        let mut err = BufReader::with_capacity(1, self.0.stderr.as_mut().unwrap());
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert!(err.read_line(&mut line).unwrap() > 0, "it ended without `{text}`");
        }
    }

    /// Waits for a line on its standard output.
    pub(super) fn line(&mut self) -> String {
        let mut line = String::new();
        let mut out = BufReader::with_capacity(1, self.0.stdout.as_mut().unwrap());
        out.read_line(&mut line).unwrap();
        line
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
