//! `resume`: the same workers with the same conversations, and no prompt twice.
use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    desk::{BOOTSTRAP, Desk, SOON},
    inbox::hub_pid,
};
use crate::support::{eventually, is_full};

/// The fake agent writes its arguments down.
pub(super) fn desk() -> Desk {
    let desk = Desk::new();
    let path = desk.sandbox.path("config/wtmag/agents/fake.toml");
    let profile = fs::read_to_string(&path).unwrap();
    let launch = "[launch]\nresume = [\"--model\", \"session {session}\"]\n\
                  resume_latest = [\"--model\", \"the last one\"]\n[timing]";
    desk.sandbox.put(&path, profile.replace("[timing]", launch));
    desk
}

pub(super) fn idle(desk: &Desk, id: &str) {
    desk.wtmag(&["wait", id, "--until", "idle,ready", "--timeout", "20"]).success();
}

/// How often the worker's agent was started, and the last arguments.
fn starts(desk: &Desk, id: &str) -> (usize, String) {
    let all = desk.sandbox.agent_log().all("start", Some(id));
    (all.len(), all.last().map(|it| it["argv"].to_string()).unwrap_or_default())
}

fn find<'a>(all: &'a [Value], id: &str) -> &'a Value {
    all.iter().find(|it| it["id"] == id).unwrap()
}

/// They are the workers that they were.
#[track_caller]
fn assert_same(desk: &Desk, before: &[Value], ids: &[&String]) {
    let after = desk.list(&[]);
    assert_eq!(after.len(), before.len());
    for id in ids {
        let (old, new) = (find(before, id), find(&after, id));
        for key in ["base", "branch", "worktree", "created", "source", "placement", "kind"] {
            assert_eq!(old[key], new[key], "{id}: {key}");
        }
        assert_ne!(old["pane"], new["pane"].to_string());
    }
}

#[test]
fn after_the_end_of_the_server_everything_comes_back() {
    let mut desk = desk();
    let calm = desk.worker("calm");
    let own = desk.wtmag(&["create", "--prompt", "x", "--name", "own", "-s", "--json"]).json();
    let own = own["worker"]["id"].as_str().unwrap().to_owned();
    let bare = desk.worker("bare");
    let busy = desk.worker_of("slow", "busy");
    let left = desk.worker("left");
    let moved = desk.worker("moved");
    for id in [&calm, &own, &bare, &left, &moved] {
        idle(&desk, id);
    }
    desk.wtmag(&["promote", &moved]).success();
    let second = desk.worker_of("slow", "second");
    desk.wtmag(&["send", &second, "also this", "--no-wait"]).success();
    // 12 of them in a full run.
    let rest: Vec<String> =
        (0..if is_full() { 6 } else { 0 }).map(|n| desk.worker(&format!("more{n}"))).collect();
    rest.iter().for_each(|id| idle(&desk, id));
    desk.wtmag(&["send", &busy, "and then this", "--no-wait"]).success();
    let dir = PathBuf::from(desk.wtmag(&["path", &bare]).success().trim());
    desk.git(&["worktree", "remove", "--force", dir.to_str().unwrap()]);
    // One that its user ended stays ended.
    let window = find(&desk.list(&[]), &left)["window"].as_str().unwrap().to_owned();
    desk.sandbox.tmux().run(["kill-window", "-t", &window]);
    desk.wait_for_state(&left, "lost: window closed");
    let before = desk.list(&[]);
    let hub = nix::unistd::Pid::from_raw(hub_pid(&desk).unwrap());
    nix::sys::signal::kill(hub, nix::sys::signal::Signal::SIGKILL).unwrap();
    desk.sandbox.tmux().run(["kill-server"]);
    desk.pane = String::new();
    desk.wait_for_state(&calm, "lost: tmux server gone");
    desk.pane = desk.sandbox.tmux().start("main");

    let said = desk.wtmag(&["list"]).success();
    let n = 6 + rest.len();
    let want = format!("{n} workers were interrupted; `wtmag resume --all`");
    assert!(said.starts_with(&want), "{said}");
    let begun = Instant::now();
    let done = desk.wtmag(&["resume", "--all", "--json"]).json();
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(done.as_array().unwrap().len(), n, "{done}");
    for id in [&calm, &own, &bare, &moved].into_iter().chain(&rest) {
        assert_eq!(find(done.as_array().unwrap(), id)["conversation"], "latest", "{done}");
        idle(&desk, id);
        let (n, argv) = starts(&desk, id);
        assert!(n == 2 && argv.contains("the last one"), "{id}: {argv}");
        assert_eq!(desk.sandbox.agent_log().turns(Some(id)), [BOOTSTRAP]);
    }
    assert_eq!(find(done.as_array().unwrap(), &bare)["worktree_made"], true);
    assert!(dir.join("README.md").exists());
    for (id, text) in [(&busy, "and then this"), (&second, "also this")] {
        eventually(SOON, "the held text", || {
            (desk.sandbox.agent_log().turns(Some(id)) == [BOOTSTRAP, text]).then_some(())
        });
    }
    assert_same(&desk, &before, &[&calm, &own, &bare, &busy, &moved, &second]);
    let log = desk.wtmag(&["log", &calm]).success();
    assert!(log.contains("created") && log.contains("resumed"), "{log}");
    assert_eq!(starts(&desk, &left).0, 1);
    let said = desk.wtmag(&["resume", &calm]).failure(1);
    assert!(said.contains("is running"), "{said}");
    assert!(desk.wtmag(&["list"]).success().starts_with(' '), "nothing is interrupted");
}

/// It may be an agent, too: claude moves sessions to a daemon.
fn resume_beside_another_program(desk: &Desk, id: &str) {
    let path = desk.wtmag(&["path", id]).success();
    let tmux = desk.sandbox.tmux();
    tmux.run(["new-window", "-d", "-n", "other", "-c", path.trim(), "exec sleep 600"]);
    let ran = desk.wtmag(&["resume", id, "--prompt", "go on"]);
    let said = &ran.stdout;
    assert!(said.contains("resumed with its conversation") && said.contains("1 text to deliver"));
    let beside = ran.stderr.lines().filter(|it| it.contains("is already at work in the worktree"));
    let beside: Vec<&str> = beside.collect();
    assert!(matches!(beside.as_slice(), [it] if it.contains("sleep")), "{ran}");
    tmux.run(["kill-window", "-t", "other"]);
}

#[test]
fn one_that_exited_or_was_removed_comes_back_in_its_place() {
    let desk = desk();
    let id = desk.worker("a");
    idle(&desk, &id);
    let old = find(&desk.list(&[]), &id).clone();
    let pane = old["pane"].as_str().unwrap();
    let pid = desk.sandbox.agent_log().all("start", Some(&id))[0]["pid"].clone();
    assert!(pid.is_u64(), "{pid}");
    desk.sandbox.run("kill").args(["-9", &pid.to_string()]).run().success();
    eventually(SOON, "the exit", || {
        let state = find(&desk.list(&[]), &id)["state"]["state"].clone();
        (state == "exited").then_some(())
    });
    // What the user runs in its window is not ended.
    desk.sandbox.tmux().run(["send-keys", "-t", pane, "sleep 600", "Enter"]);
    eventually(SOON, "the sleep", || {
        let command = desk.sandbox.tmux().show(pane, "#{pane_current_command}");
        (command == "sleep").then_some(())
    });
    let said = desk.wtmag(&["resume", &id]).failure(1);
    assert!(said.contains("sleep") && said.contains("would be closed"), "{said}");
    desk.sandbox.tmux().run(["send-keys", "-t", pane, "C-c"]);
    eventually(SOON, "its end", || {
        let command = desk.sandbox.tmux().show(pane, "#{pane_current_command}");
        (command != "sleep").then_some(())
    });
    resume_beside_another_program(&desk, &id);
    eventually(SOON, "the text", || {
        (desk.sandbox.agent_log().turns(Some(&id)) == [BOOTSTRAP, "go on"]).then_some(())
    });
    let windows = desk.sandbox.tmux().run(["list-panes", "-a", "-F", "#{pane_id} #{@wtmag_id}"]);
    let own: Vec<&str> = windows.lines().filter(|it| it.ends_with(&id)).collect();
    assert!(!own.iter().any(|it| it.starts_with(&format!("{pane} "))), "{windows}");
    idle(&desk, &id);

    // Removed, with its branch kept: the same worker, once.
    desk.wtmag(&["cleanup", &id, "--keep-branch"]).success();
    let ended = desk.list(&["--ended"]);
    assert_eq!(ended.len(), 1, "{ended:?}");
    desk.wtmag(&["resume", &id, "--fresh"]).failure(1);
    desk.wtmag(&["resume", &id]).success();
    idle(&desk, &id);
    let all = desk.list(&["--ended"]);
    assert_eq!((all.len(), &all[0]["ended"]), (1, &Value::Null), "{all:?}");
    assert_eq!(all[0]["created"], old["created"]);
    // A new conversation begins with the brief.
    let path = PathBuf::from(desk.wtmag(&["path", &id]).success().trim());
    desk.sandbox.put(path.join(".wtmag/prompt.md"), "the task");
    let pid = desk.sandbox.agent_log().all("start", Some(&id)).last().unwrap()["pid"].clone();
    desk.sandbox.run("kill").args(["-9", &pid.to_string()]).run().success();
    eventually(SOON, "the exit", || {
        let state = find(&desk.list(&[]), &id)["state"]["state"].clone();
        (state == "exited").then_some(())
    });
    let said = desk.wtmag(&["resume", &id, "--fresh"]).success();
    assert!(said.contains("a new conversation: `--fresh` was given"), "{said}");
    let want = [BOOTSTRAP, "go on", BOOTSTRAP];
    eventually(Duration::from_secs(20), "the brief", || {
        (desk.sandbox.agent_log().turns(Some(&id)) == want).then_some(())
    });
}
