//! What agents run at each turn: `wtmag hook` ends at once, whatever the hub does, and loses nothing.
use std::{fs, path::PathBuf, process::Stdio, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use wtmag::model::{Happened, Worker};

use crate::support::{Crew, Sandbox, Seen, eventually, hook, is_full, percentiles, state_dir};

const SOON: Duration = Duration::from_secs(30);
/// How long an agent may be delayed, at the 99th percentile.
const PATIENCE_MS: u64 = 50;

struct World {
    sandbox: Sandbox,
    crew: Crew,
    worker: Worker,
    spool: PathBuf,
}

impl World {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        sandbox.tmux().start("main");
        let mut crew = Crew::new(&sandbox);
        let (worker, delivery) = crew.hire_as("claude", "x", Seen::Alone, &["cat"]);
        crew.take_back(delivery);
        let spool = state_dir(&sandbox).join("spool");
        Self { sandbox, crew, worker, spool }
    }

    /// How long hooks take, in milliseconds.
    fn times(&self, n: usize, name: &str) -> Vec<u64> {
        let time = |it: usize| {
            let took = hook(&self.sandbox, &self.worker, &format!("{name} {it}")).time();
            u64::try_from(took.as_millis()).unwrap()
        };
        (0..n).map(time).collect()
    }

    /// What the agent has told, as the hub knows it.
    fn told(&mut self, name: &str) -> usize {
        let events = self.crew.events(&self.worker, 0).into_iter();
        let is_it = |what: &Happened| matches!(what, Happened::Told { about, text } if about == "message" && text.starts_with(name));
        events.filter(|it| is_it(&it.what)).count()
    }

    fn n_spooled(&self) -> usize {
        fs::read_dir(&self.spool).unwrap().count()
    }
}

/// The figure is one of a machine without other work: it is judged with `WTMAG_FULL` alone.
fn judge(hub: &str, times: Vec<u64>) {
    let mut sorted = times.clone();
    sorted.sort_unstable();
    let p99 = sorted[(sorted.len() - 1) * 99 / 100];
    println!("hook, hub {hub}: p99 {p99} ms, {}", percentiles(times));
    assert!(!is_full() || p99 <= PATIENCE_MS, "hub {hub}: {p99} ms");
}

#[test]
fn a_hook_ends_at_once_and_is_heard_whether_the_hub_is_up_stopped_or_gone() {
    let n = if is_full() { 300 } else { 20 };
    let mut world = World::new();
    judge("up", world.times(n, "up"));
    eventually(SOON, "all to be heard", || (world.told("up") == n).then_some(()));
    eventually(SOON, "an empty spool", || (world.n_spooled() == 0).then_some(()));

    let hub = Pid::from_raw(i32::try_from(world.crew.pid()).unwrap());
    kill(hub, Signal::SIGSTOP).unwrap();
    judge("stopped", world.times(n, "stopped"));
    assert_eq!(world.n_spooled(), n);
    kill(hub, Signal::SIGCONT).unwrap();
    eventually(SOON, "all to be heard", || (world.told("stopped") == n).then_some(()));
    eventually(SOON, "an empty spool", || (world.n_spooled() == 0).then_some(()));

    kill(hub, Signal::SIGKILL).unwrap();
    eventually(SOON, "the hub to be gone", || kill(hub, None).is_err().then_some(()));
    judge("gone", world.times(n, "gone"));
    world.sandbox.wtmag(["hub", "start"]).run().success();
    world.crew.rejoin();
    eventually(SOON, "all to be heard", || (world.told("gone") == n).then_some(()));
    eventually(SOON, "an empty spool", || (world.n_spooled() == 0).then_some(()));
}

#[test]
fn a_hook_succeeds_and_says_nothing_whatever_it_is_given() {
    let sandbox = Sandbox::new();
    let garbage = [&b""[..], b"{", b"\xff\xfe", b"null", b"[1]", b"{\"hook_event_name\": 3}"];
    for kind in ["claude", "opencode", "pi"] {
        for payload in garbage {
            let hook = sandbox.wtmag(["hook", kind]).input(payload);
            let ran = hook
                .env("WTMAG_WORKER", "w")
                .env("WTMAG_SOCKET", "/no/such")
                .env("WTMAG_SPOOL", "/no/such")
                .run();
            assert_eq!((ran.code, &*ran.stdout, &*ran.stderr), (0, "", ""), "{ran}");
        }
    }
    for args in [
        &["hook", "codex"][..],
        &["hook", "codex", "{"],
        &["hook", "codex", "--then"],
        &["hook"],
        &["hook", "new"],
    ] {
        let ran = sandbox.wtmag(args).run();
        assert_eq!((ran.code, &*ran.stdout, &*ran.stderr), (0, "", ""), "{ran}");
    }
}

#[test]
fn an_agent_that_keeps_the_pipe_open_is_not_waited_for() {
    let sandbox = Sandbox::new();
    let mut hook = sandbox.command(env!("CARGO_BIN_EXE_wtmag"));
    let mut hook = hook.args(["hook", "claude"]).stdin(Stdio::piped()).spawn().unwrap();
    let ended = eventually(SOON, "the hook to end", || hook.try_wait().unwrap());
    assert!(ended.success());
}
