//! What `wt list` shows of workers, with the real WorkTrunk.
use std::{collections::BTreeSet, path::PathBuf};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::desk::{Desk, SOON};
use crate::support::eventually;

const SETTINGS: &str = "[worktree]\nbackend = \"wt\"\nmarkers = true\n";

/// An agent that works for a long time when it is told so.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.config(SETTINGS);
    desk
}

/// What WorkTrunk itself shows beside a branch.
fn marker(desk: &Desk, branch: &str) -> Option<String> {
    let wt = desk.sandbox.run("wt").cwd(&desk.dir);
    let listed = wt.args(["list", "--branches", "--format", "json"]).run().json();
    let all = listed["items"].as_array().unwrap();
    let item = all.iter().find(|it| it["branch"] == branch)?;
    Some(item["marker"].as_str().unwrap_or_default().to_owned())
}

#[track_caller]
fn wait_for(desk: &Desk, branch: &str, want: &str) {
    eventually(SOON, &format!("{branch} to be marked `{want}`"), || {
        (marker(desk, branch).as_deref() == Some(want)).then_some(())
    });
}

fn values(desk: &Desk) -> String {
    let args = ["config", "--local", "--get-regexp", "^worktrunk\\.state\\."];
    desk.sandbox.run("git").cwd(&desk.dir).args(args).run().stdout
}

/// Plugins of agents set markers by this command.
fn set(desk: &Desk, branch: &str, text: &str) {
    let branch = format!("--branch={branch}");
    let wt = desk.sandbox.run("wt").cwd(&desk.dir);
    wt.args(["config", "state", "marker", "set", text, &branch]).run().success();
}

fn kill_hub(desk: &Desk) {
    let hub = desk.wtmag(&["hub", "status", "--json"]).json()["pid"].as_i64().unwrap();
    kill(Pid::from_raw(i32::try_from(hub).unwrap()), Signal::SIGKILL).unwrap();
}

#[test]
fn wt_list_shows_who_works_and_who_waits_and_nobody_who_has_ended() {
    let desk = desk();
    let id = desk.worker_of("slow", "a/b");
    wait_for(&desk, "a/b", "🤖");
    let rests = desk.worker("rests");
    desk.wait_for_state(&rests, "idle");
    wait_for(&desk, "rests", "💬");
    // The hub and both agents are killed: the next command clears what they left.
    kill_hub(&desk);
    // A pane whose window is linked twice is listed twice.
    let panes: BTreeSet<String> = {
        let tmux = desk.sandbox.tmux();
        let all = tmux.run(["list-panes", "-a", "-F", "#{@wtmag_id} #{pane_pid}"]);
        let of_worker =
            |it: &str| it.split_once(' ').map(|(id, pid)| (id.to_owned(), pid.to_owned()));
        let all = all.lines().filter_map(of_worker).filter(|(id, _)| *id == rests);
        all.map(|(_, pid)| pid).collect()
    };
    assert!(!panes.is_empty());
    for pid in &panes {
        kill(Pid::from_raw(pid.parse().unwrap()), Signal::SIGKILL).unwrap();
    }
    assert_eq!(marker(&desk, "rests").as_deref(), Some("💬"), "nobody has cleared it yet");
    desk.list(&[]);
    wait_for(&desk, "rests", "");
    wait_for(&desk, "a/b", "🤖");
    // A removal clears it, and only a marker of wtmag.
    set(&desk, "main", "🚧");
    desk.wtmag(&["cleanup", &id, "--force"]).success();
    desk.wtmag(&["cleanup", &rests, "--force"]).success();
    let left = values(&desk);
    assert!(left.contains("🚧") && left.lines().count() == 1, "{left}");
}

#[test]
fn a_marker_that_could_not_be_cleared_is_cleared_by_the_next_hub() {
    let desk = desk();
    let id = desk.worker("rests");
    desk.wait_for_state(&id, "idle");
    wait_for(&desk, "rests", "💬");
    // Another git writes the configuration, or was killed while it did.
    let lock = desk.sandbox.put(desk.dir.join(".git/config.lock"), "");
    let removed = desk.wtmag(&["cleanup", &id, "--force"]);
    assert!(removed.stderr.contains("its marker is cleared later"), "{removed}");
    assert!(values(&desk).contains(".rests."));
    kill_hub(&desk);
    std::fs::remove_file(lock).unwrap();
    desk.list(&[]);
    eventually(SOON, "the marker to be cleared", || values(&desk).is_empty().then_some(()));
}

#[test]
fn a_marker_of_a_plugin_is_left_alone() {
    let desk = desk();
    let id = desk.worker_of("slow", "a");
    wait_for(&desk, "a", "🤖");
    set(&desk, "a", "🚧");
    let dir = PathBuf::from(desk.wtmag(&["path", &id]).success().trim());
    let rests = desk.worker("b");
    desk.wait_for_state(&rests, "idle");
    wait_for(&desk, "b", "💬");
    set(&desk, "b", "💬");
    let before = values(&desk);
    // Its state changes, its hub is another one, and it is removed.
    let window = desk.list(&[]).into_iter().find(|it| it["id"] == id.as_str()).unwrap();
    let window = window["window"].as_str().unwrap().to_owned();
    desk.sandbox.tmux().run(["kill-window", "-t", &window]);
    desk.wait_for_state(&id, "lost: window closed");
    kill_hub(&desk);
    // A marker that is wtmag's shows that the new hub has told all.
    desk.worker("c");
    wait_for(&desk, "c", "💬");
    desk.wtmag(&["cleanup", &id, &rests, "--force"]).success();
    assert!(!dir.exists());
    let after = values(&desk);
    let kept = before.lines().filter(|it| !it.contains(".c."));
    assert!(kept.clone().count() == 2 && kept.into_iter().all(|it| after.contains(it)), "{after}");
}

#[test]
fn without_the_setting_or_worktrunk_nothing_is_marked() {
    let desk = Desk::new();
    for (n, settings) in
        ["[worktree]\nbackend = \"wt\"\n", "[worktree]\nbackend = \"git\"\nmarkers = true\n"]
            .into_iter()
            .enumerate()
    {
        desk.config(settings);
        let id = desk.worker(&format!("a{n}"));
        desk.wait_for_state(&id, "idle");
        desk.wtmag(&["cleanup", &id, "--force"]).success();
        assert_eq!(values(&desk), "");
    }
}
