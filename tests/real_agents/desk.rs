//! A sandbox with one real agent, a provider for it, and a human at the keys.
use std::{
    fmt::Write as _,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::Value;

use super::agent::Kind;
use crate::support::{BOOTSTRAP, Sandbox, eventually};

pub(super) const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/agents");
/// opencode takes up to 15 s to start on a busy machine.
pub(super) const LONG: Duration = Duration::from_secs(60);
/// A part of the description in wtmag's skill: a request that has it lists the skill.
const SKILL: &str = "Dispatch coding work to other agents";
pub(super) const SOON: Duration = Duration::from_secs(15);

pub(super) struct Desk {
    pub sandbox: Sandbox,
    pub kind: &'static Kind,
    pub repo: PathBuf,
    /// A pane of the human's session.
    pane: String,
    /// Where the provider listens.
    port: u16,
}

/// How a desk differs from the usual: hooks on, the prompt typed, nothing trusted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Setup {
    /// Lines for the agent's block in the config.
    pub block: &'static str,
    /// The repository and the worktrees `one` and `two` are trusted by the agent already.
    pub trusted: bool,
    /// The prompt is passed on the command line.
    pub by_argument: bool,
    pub no_hooks: bool,
    /// The agent is unknown: the generic profile alone.
    pub unknown: bool,
    /// Columns and rows of its pane, where they are not 120 by 40.
    pub size: Option<(u16, u16)>,
}

/// A worker, as `create` made it.
#[derive(Clone, Debug)]
pub(super) struct Worker {
    pub id: String,
    pub pane: String,
    pub dir: PathBuf,
    /// What `create` said.
    pub made: Value,
}

impl Desk {
    pub(super) fn new(kind: &'static Kind, setup: Setup) -> Self {
        let Some(bin) = std::env::var_os("WTMAG_AGENTS_BIN") else {
            panic!("where are the agents? `tests/run --real-agents` says it in WTMAG_AGENTS_BIN")
        };
        let mut sandbox = Sandbox::new();
        if let Some(daemon) = kind.daemon {
            sandbox.expect_daemon(daemon);
        }
        let port = serve_model(&mut sandbox, kind);
        let repo = sandbox.repo("blog");
        if kind.name == "pi" {
            // Without settings in the project, pi asks for no trust.
            repo.commit(".pi/settings.json", "{}\n");
            repo.git(["push", "--quiet"]);
        }
        let repo = repo.dir.canonicalize().unwrap();
        let worktrees = ["one", "two"].map(|it| repo.with_file_name(format!("blog.{it}")));
        let trusted = [std::slice::from_ref(&repo), &worktrees].concat();
        install(&sandbox, kind, Path::new(&bin), port, if setup.trusted { &trusted } else { &[] });
        let pane = sandbox.tmux().start("main");
        if let Some((columns, rows)) = setup.size {
            let tmux = sandbox.tmux();
            tmux.run(["set-option", "-g", "default-size", &format!("{columns}x{rows}")]);
            let size = ["-x", &columns.to_string(), "-y", &rows.to_string()];
            tmux.run(["resize-window", "-t", "main"].into_iter().chain(size));
        }
        let desk = Self { sandbox, kind, repo, pane, port };
        desk.configure(setup);
        desk
    }

    /// Several agents, each with its own block, that trust the repository and the worktrees of these names.
    pub(super) fn staff(&self, kinds: &[&'static Kind], names: &[&str]) {
        let bin = std::env::var_os("WTMAG_AGENTS_BIN").unwrap();
        let worktrees = names.iter().map(|it| self.repo.with_file_name(format!("blog.{it}")));
        let trusted: Vec<PathBuf> = [self.repo.clone()].into_iter().chain(worktrees).collect();
        let path = self.sandbox.path("config/wtmag/config.toml");
        let mut config = std::fs::read_to_string(&path).unwrap();
        for kind in kinds {
            install(&self.sandbox, kind, Path::new(&bin), self.port, &trusted);
            if kind.name != self.kind.name {
                let command = self.sandbox.path(format!("agents/{}", kind.name));
                let (name, args) = (kind.profile, kind.args);
                write!(config, "[agents.{name}]\ncommand = {command:?}\nargs = {args:?}\n")
                    .unwrap();
                config += "delivery = \"ready\"\n";
            }
        }
        self.sandbox.put(path, config);
    }

    /// `wtmag` in the human's session.
    pub(super) fn in_session(&self, args: &[&str]) -> crate::support::Run {
        self.sandbox.wtmag_in(&self.pane, args).cwd(&self.repo)
    }

    /// The human's session on another server.
    pub(super) fn restart_tmux(&mut self) {
        self.pane = self.sandbox.tmux().start("main");
    }

    /// Writes the config.
    pub(super) fn configure(&self, setup: Setup) {
        let Kind { name, args, prompt_flag, profile, .. } = self.kind;
        // The daemon of codex, which its own profile goes without, would outlive the sandbox.
        let more = if setup.unknown && *name == "codex" { &["--no-daemon"][..] } else { &[] };
        let home = self.sandbox.path("home").display().to_string();
        let args: Vec<_> =
            [args, more].concat().iter().map(|it| it.replace("{home}", &home)).collect();
        let profile = if setup.unknown { "generic" } else { profile };
        let command = self.sandbox.path(format!("agents/{name}"));
        let delivery = if setup.by_argument { "argument" } else { "ready" };
        let block = name.replace('.', "-");
        let mut config = format!("[agents.default]\nname = {block:?}\n[agents.{block}]\n");
        writeln!(config, "command = {command:?}\nargs = {args:?}\ndelivery = {delivery:?}")
            .unwrap();
        writeln!(config, "profile = {profile:?}").unwrap();
        if let Some(flag) = prompt_flag {
            writeln!(config, "prompt_flag = {flag:?}").unwrap();
        }
        writeln!(config, "hooks = {}", !setup.no_hooks).unwrap();
        writeln!(config, "{}\n[worktree]\nbackend = \"git\"", setup.block).unwrap();
        self.sandbox.put("config/wtmag/config.toml", config);
        // Profiles as they are now, without a new build.
        if let Some(profiles) = std::env::var_os("WTMAG_PROFILES") {
            let link = self.sandbox.path("config/wtmag/agents");
            drop(std::os::unix::fs::symlink(profiles, link));
        }
    }

    /// Also the hooks that the agent asks its user to review.
    pub(super) fn all_hooks(&self) {
        let path = self.sandbox.path("config/wtmag/config.toml");
        let config = std::fs::read_to_string(&path).unwrap();
        self.sandbox.put(path, config.replace("hooks = true\n", "hooks = \"all\"\n"));
    }

    /// `wtmag` for a command that an agent runs: its own settings are in HOME, ours are not. Returns its path.
    pub(super) fn put_wtmag(&self) -> String {
        let dir = |name: &str| self.sandbox.path(name).display().to_string();
        let (config, state, run) = (dir("config"), dir("state"), dir("run"));
        let script = format!(
            "#!/bin/sh\nexport XDG_CONFIG_HOME='{config}' XDG_STATE_HOME='{state}' XDG_RUNTIME_DIR='{run}'\n\
             exec '{}' \"$@\"\n",
            env!("CARGO_BIN_EXE_wtmag")
        );
        self.sandbox.put_program("wtmag", &script).display().to_string()
    }

    /// `wtmag create`, which returns when the prompt is taken, or held by a dialog.
    pub(super) fn create(&self, name: &str) -> Worker {
        let args = ["create", "--json", "--prompt", "Look around", "--name", name, "-w"];
        let run = self.sandbox.wtmag_in(&self.pane, args).cwd(&self.repo).limit(LONG * 2);
        let made = run.run().json();
        let text = |it: &Value| it.as_str().unwrap().to_owned();
        let worker = &made["worker"];
        let dir = PathBuf::from(text(&worker["worktree"]));
        Worker { id: text(&worker["id"]), pane: text(&worker["pane"]), dir, made }
    }

    /// A worker with a copy of another one's conversation.
    pub(super) fn fork(&self, of: &Worker, name: &str) -> Worker {
        let args = ["create", "--json", "--fork", &of.id, "Say it again", "--name", name, "-w"];
        let run = self.sandbox.wtmag_in(&self.pane, args).cwd(&self.repo).limit(LONG * 2);
        let made = run.run().json();
        let text = |it: &Value| it.as_str().unwrap().to_owned();
        let worker = &made["worker"];
        let dir = PathBuf::from(text(&worker["worktree"]));
        Worker { id: text(&worker["id"]), pane: text(&worker["pane"]), dir, made }
    }

    /// Everything that its pane shows and has shown.
    pub(super) fn all_of(&self, worker: &Worker) -> String {
        self.sandbox.tmux().run(["capture-pane", "-p", "-S", "-", "-t", &worker.pane])
    }

    /// The same in a worktree that the agent trusts; the first turn is over.
    pub(super) fn settled(&self, name: &str) -> Worker {
        let worker = self.create(name);
        assert_eq!(worker.made["outcome"], "accepted", "{}", self.account(&worker));
        self.wait(&worker, "idle");
        worker
    }

    pub(super) fn wtmag(&self, args: &[&str]) -> crate::support::Run {
        self.sandbox.wtmag(args).cwd(&self.repo)
    }

    /// Waits until `wtmag` says that the worker is in this state.
    #[track_caller]
    pub(super) fn wait(&self, worker: &Worker, state: &str) {
        let ran = self.wtmag(&["wait", &worker.id, "--until", state, "--timeout", "40s"]).run();
        assert_eq!(ran.code, 0, "no `{state}`: {ran}\n{}", self.account(worker));
    }

    /// Sends a text, which is accepted.
    #[track_caller]
    pub(super) fn send(&self, worker: &Worker, text: &str) {
        let ran = self.wtmag(&["send", "--wait", "--timeout", "40s", "--", &worker.id, text]).run();
        assert_eq!(ran.code, 0, "{ran}\n{}", self.account(worker));
    }

    /// What a human presses, one key after the other.
    pub(super) fn press(&self, worker: &Worker, keys: &[&str]) {
        let tmux = self.sandbox.tmux();
        for (n, key) in keys.iter().enumerate() {
            if n > 0 {
                // A human's pace: an agent that was just told to leave wants to hear it twice.
                tmux.run(["run-shell", "sleep 0.4"]);
            }
            tmux.run(["send-keys", "-t", &worker.pane, key]);
        }
    }

    pub(super) fn capture(&self, worker: &Worker) -> String {
        self.sandbox.tmux().capture(&worker.pane)
    }

    /// The newest delivery.
    pub(super) fn receipt(&self, worker: &Worker) -> Value {
        let all = self.wtmag(&["receipts", "--json", &worker.id]).run().json();
        all.as_array().unwrap().iter().max_by_key(|it| it["id"].as_u64()).unwrap().clone()
    }

    /// What `wtmag` logged of the worker.
    pub(super) fn events(&self, worker: &Worker) -> Vec<Value> {
        let lines = self.wtmag(&["events", "--worker", &worker.id]).run().success();
        lines.lines().map(|it| serde_json::from_str(it).unwrap()).collect()
    }

    /// The number of the newest event.
    pub(super) fn last_event(&self, worker: &Worker) -> u64 {
        self.events(worker).last().unwrap()["seq"].as_u64().unwrap()
    }

    /// The turns that `wtmag` believed in since an event, in words, each with its source.
    pub(super) fn turns_since(&self, worker: &Worker, seq: u64) -> Vec<(String, String)> {
        let is_turn = |it: &Value| it["kind"] == "turn" && it["seq"].as_u64().unwrap() > seq;
        let turns = self.events(worker).into_iter().filter(is_turn);
        turns.map(|it| (word(&it["value"]), it["source"].as_str().unwrap().to_owned())).collect()
    }

    /// What the provider was asked and when it had answered.
    pub(super) fn requests(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.sandbox.path("model.jsonl")).unwrap_or_default();
        let lines = text.lines().filter_map(|it| serde_json::from_str::<Value>(it).ok());
        // A helper that names the conversation has no tools, one that judges a command one of its own.
        let is_helper = |it: &Value| {
            let tools = it["tools"].as_array().unwrap();
            !self.kind.toolless && tools.is_empty() || tools.contains(&"respond_in_schema".into())
        };
        lines.filter(|it| it["tools"].is_array() && !is_helper(it)).collect()
    }

    /// The prompts that reached the provider, each once, in order.
    pub(super) fn prompts(&self) -> Vec<String> {
        let asked = self.requests().into_iter().filter(|it| it["kind"] != "done");
        let mut prompts: Vec<String> = asked
            .filter(|it| it["answered"] == false)
            .map(|it| it["prompt"].as_str().unwrap().trim().to_owned())
            .collect();
        // qwen has its memory looked after, and guesses the next prompt.
        let is_helper = |it: &String| {
            it.starts_with("Managed memory has") || it.starts_with("[SUGGESTION MODE")
        };
        prompts.retain(|it| !is_helper(it));
        prompts.dedup();
        prompts
    }

    /// The worker's first prompt reached the provider, once and whole.
    #[track_caller]
    pub(super) fn assert_told_once(&self, worker: &Worker) {
        let arrived = || (!self.prompts().is_empty()).then_some(());
        eventually(LONG, "the prompt at the provider", arrived);
        self.wait(worker, "idle");
        assert_eq!(self.prompts(), [BOOTSTRAP], "{}", self.account(worker));
    }

    /// All that helps to see why.
    pub(super) fn account(&self, worker: &Worker) -> String {
        let said =
            ["receipts", "explain"].map(|it| self.wtmag(&[it, &worker.id]).run().to_string());
        let events = self.wtmag(&["events", "--worker", &worker.id]).run().stdout;
        let requests: Vec<String> = self.requests().iter().map(Value::to_string).collect();
        format!(
            "{}\n---- events\n{events}\n---- requests\n{}\n---- screen\n{}",
            said.join("\n"),
            requests.join("\n"),
            self.capture(worker)
        )
    }
}

/// A turn as `list` shows it.
fn word(value: &Value) -> String {
    match value.as_object().and_then(|it| it.iter().next()) {
        Some((kind, what)) => format!("{kind}: {}", what.as_str().unwrap()),
        None => value.as_str().unwrap().to_owned(),
    }
}

/// Starts the stand-in for the model's provider, and returns its port.
fn serve_model(sandbox: &mut Sandbox, kind: &Kind) -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let mut stub = sandbox.command("python3");
    stub.arg(format!("{FIXTURES}/stub_llm.py")).args(["--port", &port.to_string()]);
    stub.arg("--log").arg(sandbox.path("model.jsonl")).args(["--delay", "1", "--slow", "8"]);
    stub.args(["--look-for", SKILL]);
    stub.args(kind.toolless.then_some("--toolless"));
    stub.stderr(Stdio::null());
    sandbox.serve(stub);
    eventually(SOON, "the provider", || TcpStream::connect(("127.0.0.1", port)).ok());
    port
}

/// Seeds the agent's settings in HOME, and writes `agents/<name>`, which starts it with them.
fn install(sandbox: &Sandbox, kind: &Kind, bin: &Path, port: u16, trusted: &[PathBuf]) {
    let seed = sandbox.run("python3").arg(format!("{FIXTURES}/real-agents"));
    let seed = seed.args(["home", kind.name]).arg(sandbox.path("home")).arg("--bin").arg(bin);
    let trust = trusted.iter().flat_map(|it| [Path::new("--trust"), it.as_path()]);
    let vars = seed.args(["--port", &port.to_string()]).args(trust).run().success();
    if kind.name == "codex" {
        // It lets commands write below /tmp, where we are: its sandbox would never be seen.
        let path = sandbox.path("home/.codex/config.toml");
        let seeded = std::fs::read_to_string(&path).unwrap();
        let closed = "exclude_slash_tmp = true\nexclude_tmpdir_env_var = true\n";
        sandbox.put(path, format!("{seeded}[sandbox_workspace_write]\n{closed}"));
    }
    let mut script =
        "#!/bin/sh\nunset XDG_CONFIG_HOME XDG_STATE_HOME XDG_DATA_HOME XDG_CACHE_HOME\n".to_owned();
    for line in vars.lines() {
        let (name, value) = line.split_once('=').unwrap();
        writeln!(script, "export {name}='{value}'").unwrap();
    }
    writeln!(script, "exec '{}' \"$@\"", bin.join(kind.name).display()).unwrap();
    sandbox.put_executable(format!("agents/{}", kind.name), &script);
}

/// A time of `wtmag`'s JSON.
pub(super) fn unix_ms(at: &Value) -> u64 {
    let at: jiff::Timestamp = at.as_str().unwrap().parse().unwrap();
    u64::try_from(at.as_millisecond()).unwrap()
}
