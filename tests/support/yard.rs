//! A repository, a tmux server and a config full of fake agents; who was told what, by their own log.
//!
//! Knows `wtmag` as a program and the fake agents' log. What `wtmag` says of a delivery is shown when something is
//! wrong, and never asked whether it is.
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::PathBuf,
    sync::LazyLock,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::Value;

use super::{Ran, Sandbox};

/// What every new worker is told first.
pub(crate) const BOOTSTRAP: &str = "Read ./.wtmag/prompt.md and use it as the full task brief.";

/// Longer than any fake agent takes, on a machine that is busy with others.
const PATIENCE: &str = "150s";

/// Set when the large counts are asked for, as `tests/run --full` does.
pub(crate) const FULL: &str = "WTMAG_FULL";

pub(crate) fn is_full() -> bool {
    std::env::var_os(FULL).is_some()
}

/// New numbers each time, and printed; `WTMAG_SEED` brings those of an earlier run back.
pub(crate) fn seeds(n: usize) -> Vec<u64> {
    static FIRST: LazyLock<u64> = LazyLock::new(|| {
        let given = std::env::var("WTMAG_SEED").ok().and_then(|it| it.parse().ok());
        given.unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            u64::from(now.subsec_nanos()) % 100_000 * 1000
        })
    });
    let seeds: Vec<u64> = (*FIRST..).take(n).collect();
    println!("seeds {}..={} (WTMAG_SEED={})", seeds[0], seeds[n - 1], *FIRST);
    seeds
}

/// An agent of the config.
#[derive(Clone, Debug)]
pub(crate) struct Hand {
    pub name: String,
    pub args: Vec<String>,
    /// `ready` or `argument`.
    pub delivery: &'static str,
}

impl Hand {
    pub(crate) fn new(name: &str, args: &[&str]) -> Self {
        let args = args.iter().map(ToString::to_string).collect();
        Self { name: name.to_owned(), args, delivery: "ready" }
    }

    /// Everything about it at random; its dialogs are answered after 1.5 s.
    pub(crate) fn random(seed: u64) -> Self {
        Self::new(&format!("s{seed}"), &["--seed", &seed.to_string(), "--human", "1500"])
    }
}

pub(crate) struct Yard {
    pub sandbox: Sandbox,
    /// Where the creates are typed: a pane of the session `main`.
    pub pane: String,
    pub repo: PathBuf,
}

impl Yard {
    /// A server whose windows run `shell`, and a config that knows these agents.
    pub(crate) fn new(shell: &str, hands: &[Hand]) -> Self {
        let sandbox = Sandbox::new();
        sandbox.put("home/.zshrc", "HISTFILE=~/.zsh_history HISTSIZE=999 SAVEHIST=999\n");
        let repo = sandbox.repo("blog").dir;
        let pane = sandbox.tmux().start("main");
        let found = sandbox.run("sh").args(["-c", &format!("command -v {shell}")]).run().success();
        sandbox.tmux().run(["set-option", "-g", "default-shell", found.trim()]);
        let yard = Self { sandbox, pane, repo };
        yard.hire(hands);
        yard
    }

    /// Writes the config anew.
    pub(crate) fn hire(&self, hands: &[Hand]) {
        let program = self.sandbox.fake_agent();
        let mut config = format!("[agents.default]\nname = {:?}\n", hands[0].name);
        for Hand { name, args, delivery } in hands {
            write!(
                config,
                "[agents.{name}]\ncommand = {program:?}\nargs = {args:?}\ndelivery = {delivery:?}\n"
            )
            .unwrap();
        }
        self.sandbox.put("config/wtmag/config.toml", config);
    }

    /// `wtmag create` for this agent, which waits until the prompt is taken.
    pub(crate) fn create(&self, agent: &str, more: &[&str]) -> Ran {
        let prompt = format!("Trial of {agent}");
        let args = ["create", "--json", "--agent", agent, "--name", agent, "--prompt", &prompt];
        let wait = ["--wait", "--timeout", PATIENCE];
        let run = self.sandbox.wtmag_in(&self.pane, args).args(wait).args(more);
        run.cwd(&self.repo).limit(Duration::from_secs(200)).run()
    }

    /// All at once, half of them in windows of `main` and half in their own sessions.
    pub(crate) fn create_all(&self, hands: &[Hand]) -> Vec<Ran> {
        thread::scope(|scope| {
            let place = |at: usize| if at.is_multiple_of(2) { ["-w"] } else { ["-s"] };
            let start = |(at, hand): (usize, &Hand)| {
                let name = hand.name.clone();
                scope.spawn(move || self.create(&name, &place(at)))
            };
            let threads: Vec<_> = hands.iter().enumerate().map(start).collect();
            threads.into_iter().map(|it| it.join().unwrap()).collect()
        })
    }

    pub(crate) fn wtmag(&self, args: &[&str]) -> Ran {
        self.sandbox.wtmag(args).cwd(&self.repo).run()
    }

    /// The id of the worker of each agent, as far as there are workers.
    pub(crate) fn workers(&self) -> BTreeMap<String, String> {
        let list = self.wtmag(&["list", "--all", "--json", "--full"]).json();
        let text = |it: &Value| it.as_str().unwrap().to_owned();
        list.as_array().unwrap().iter().map(|it| (text(&it["agent"]), text(&it["id"]))).collect()
    }

    /// The newest delivery of a worker, as `wtmag` sees it.
    pub(crate) fn newest(&self, worker: &str) -> Value {
        self.receipts(worker).into_iter().max_by_key(|it| it["id"].as_u64()).unwrap_or_default()
    }

    /// Its deliveries.
    pub(crate) fn receipts(&self, worker: &str) -> Vec<Value> {
        let receipts = self.wtmag(&["receipts", "--json", worker]);
        receipts.json().as_array().unwrap().clone()
    }

    /// What is wrong with what a worker was told: it wants each of `texts` as one turn, in this order, and nothing
    /// while it did not listen or asked something.
    pub(crate) fn faults(&self, worker: &str, texts: &[&str]) -> Vec<String> {
        let log = self.sandbox.agent_log();
        let mut faults = Vec::new();
        let turns = log.turns(Some(worker));
        if turns != texts {
            faults.push(format!("turns {turns:?}"));
        }
        let n_early = log.n_early_bytes(Some(worker));
        if n_early > 0 {
            faults.push(format!("{n_early} bytes while it did not listen"));
        }
        let n_keys = log.n_keys_in_dialogs(Some(worker));
        if n_keys > 0 {
            faults.push(format!("{n_keys} keys in dialogs"));
        }
        faults
    }

    /// Everything that helps to see why: the worker's log, the receipts, the last capture and the screen.
    pub(crate) fn account(&self, worker: &str) -> String {
        let log = self.sandbox.agent_log().events().into_iter();
        let log = log
            .filter(|it| it["worker"] == worker)
            .fold(String::new(), |all, it| all + &it.to_string() + "\n");
        let said = ["receipts", "explain", "show"].map(|verb| {
            let json = (verb == "receipts").then_some("--json");
            let args: Vec<&str> = [verb, worker].into_iter().chain(json).collect();
            format!("---- wtmag {verb}: {}", self.wtmag(&args))
        });
        let events = self.wtmag(&["events", "--worker", worker]);
        format!("==== {worker}\n{log}{}\n---- events\n{}", said.join("\n"), events.stdout)
    }

    /// Ends every agent, so that its shell comes to the front and takes what is left for it.
    pub(crate) fn end_agents(&self) {
        for start in self.sandbox.agent_log().all("start", None) {
            let pid = start["pid"].to_string();
            let kill = format!("kill -9 {pid} 2>/dev/null; true");
            self.sandbox.run("sh").args(["-c", &kill]).run().success();
        }
        let workers = self.workers();
        let ids = workers.values().map(String::as_str);
        let wait: Vec<&str> =
            ["wait", "--until", "exited,lost", "--timeout", "60s"].into_iter().chain(ids).collect();
        if !workers.is_empty() {
            self.wtmag(&wait).success();
        }
    }

    /// The places where a shell tells that it was given something that was meant for an agent. Ends the server.
    pub(crate) fn shell_faults(&self) -> Vec<String> {
        let tmux = self.sandbox.tmux();
        let mut faults = Vec::new();
        for pane in tmux.run(["list-panes", "-a", "-F", "#{pane_id}"]).lines() {
            let text = tmux.run(["capture-pane", "-p", "-S", "-", "-t", pane]);
            let is_wrong = |it: &&str| {
                let it = it.to_lowercase();
                it.contains("not found") || it.contains("unknown command")
            };
            let wrong = text.lines().filter(is_wrong);
            faults.extend(wrong.map(|it| format!("pane {pane}: {it}")));
        }
        tmux.kill();
        for history in ["home/.bash_history", "home/.zsh_history", "data/fish/fish_history"] {
            let text = std::fs::read_to_string(self.sandbox.path(history)).unwrap_or_default();
            let wrong = text.lines().filter(|it| it.contains("prompt.md"));
            faults.extend(wrong.map(|it| format!("{history}: {it}")));
        }
        faults
    }

    /// From the first frame of an open box to the turn that Enter started; none when something came between.
    pub(crate) fn latency(&self, worker: &str) -> Option<u64> {
        let log = self.sandbox.agent_log();
        let drawn = log.all("drawn", Some(worker)).into_iter();
        let ready = drawn.filter(|it| it["phase"] == "ready").collect::<Vec<_>>();
        let turn = log.all("turn", Some(worker)).into_iter().next()?;
        let end = turn["at_ms"].as_u64()?;
        let is_asked = log.all("dialog", Some(worker)).iter().any(|it| it["over_draft"] == true);
        if turn["by"] != "enter" || is_asked {
            return None;
        }
        end.checked_sub(ready.first()?["at_ms"].as_u64()?)
    }
}

/// The middle, and what nineteen of twenty stay below.
pub(crate) fn percentiles(mut values: Vec<u64>) -> String {
    values.sort_unstable();
    let at = |percent: usize| {
        values.get((values.len() * percent / 100).min(values.len().saturating_sub(1)))
    };
    match (at(50), at(95)) {
        (Some(p50), Some(p95)) => format!("p50 {p50} ms, p95 {p95} ms of {}", values.len()),
        _ => "none".to_owned(),
    }
}
