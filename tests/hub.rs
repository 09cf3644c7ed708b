//! The hub's life: how it starts, who may connect, which faults it survives, how it exits.
#![expect(clippy::disallowed_methods, reason = "files of a test")]
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use wtmag::model::Worker;

use super::support::{Sandbox, eventually, has_ended, state_dir};

mod bell;
mod fleet;
mod life;
mod loss;
mod protocol;
mod store;
mod upgrade;
mod wrapped;

/// Longest wait for any event.
const SOON: Duration = Duration::from_secs(20);

/// A sandbox with a server and a session `main` in it.
fn world() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.tmux().start("main");
    sandbox
}

/// `hub.json`, when it is there and whole.
fn hub_file(sandbox: &Sandbox) -> Option<Value> {
    let bytes = fs::read(state_dir(sandbox).join("hub.json")).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[track_caller]
fn status(sandbox: &Sandbox) -> Value {
    sandbox.wtmag(["hub", "status", "--json"]).run().json()
}

/// Process id of the hub that answers, which is started if need be.
#[track_caller]
fn hub_pid(sandbox: &Sandbox) -> u32 {
    sandbox.wtmag(["hub", "start"]).run().success();
    pid_of(&status(sandbox))
}

#[track_caller]
fn pid_of(status: &Value) -> u32 {
    status["pid"].as_u64().unwrap().try_into().unwrap()
}

#[track_caller]
fn signal(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid.try_into().unwrap()), signal).unwrap();
}

#[track_caller]
fn kill_hub(pid: u32) {
    signal(pid, Signal::SIGKILL);
    wait_for_end(pid);
}

/// Its shell has reported the start, and the agent reads its keys.
#[track_caller]
fn wait_for_agent(sandbox: &Sandbox, worker: &Worker, agent: &str) {
    let pane = worker.place.pane.to_string();
    let shown = || sandbox.tmux().show(&pane, "#{pane_current_command}");
    eventually(SOON, "the agent in the foreground", || (shown() == agent).then_some(()));
}

/// Presses Ctrl-C in a worker's pane. While its shell still starts the agent, the key would be lost.
#[track_caller]
fn interrupt(sandbox: &Sandbox, worker: &Worker, agent: &str) {
    wait_for_agent(sandbox, worker, agent);
    sandbox.tmux().run(["send-keys", "-t", &worker.place.pane.to_string(), "C-c"]);
}

#[track_caller]
fn wait_for_end(pid: u32) {
    eventually(SOON, &format!("process {pid} to end"), || has_ended(pid).then_some(()));
}

fn log(sandbox: &Sandbox) -> String {
    fs::read_to_string(state_dir(sandbox).join("log/hub.log")).unwrap_or_default()
}

fn socket(sandbox: &Sandbox) -> PathBuf {
    Path::new(hub_file(sandbox).unwrap()["socket"].as_str().unwrap()).to_owned()
}
