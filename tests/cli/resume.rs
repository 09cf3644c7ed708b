//! `resume`: the same workers with the same conversations, and no prompt twice.
use std::{fs, path::PathBuf, time::Duration};

use serde_json::Value;

use super::desk::{BOOTSTRAP, Desk, SOON};
use crate::support::eventually;

/// The fake agent writes its arguments down.
fn desk() -> Desk {
    let desk = Desk::new();
    let path = desk.sandbox.path("config/wtmag/agents/fake.toml");
    let profile = fs::read_to_string(&path).unwrap();
    let launch = "[launch]\nresume = [\"--model\", \"session {session}\"]\n\
                  resume_latest = [\"--model\", \"the last one\"]\n[timing]";
    desk.sandbox.put(&path, profile.replace("[timing]", launch));
    desk
}

fn idle(desk: &Desk, id: &str) {
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

#[test]
fn after_the_end_of_the_server_everything_comes_back() {
    let mut desk = desk();
    let calm = desk.worker("calm");
    let own = desk.wtmag(&["create", "--prompt", "x", "--name", "own", "-s", "--json"]).json();
    let own = own["worker"]["id"].as_str().unwrap().to_owned();
    let bare = desk.worker("bare");
    let busy = desk.worker_of("slow", "busy");
    let left = desk.worker("left");
    for id in [&calm, &own, &bare, &left] {
        idle(&desk, id);
    }
    desk.wtmag(&["send", &busy, "and then this", "--no-wait"]).success();
    let dir = PathBuf::from(desk.wtmag(&["path", &bare]).success().trim());
    desk.git(&["worktree", "remove", "--force", dir.to_str().unwrap()]);
    // One that its user ended stays ended.
    let window = find(&desk.list(&[]), &left)["window"].as_str().unwrap().to_owned();
    desk.sandbox.tmux().run(["kill-window", "-t", &window]);
    desk.wait_for_state(&left, "lost: window closed");
    let before = desk.list(&[]);
    desk.sandbox.tmux().run(["kill-server"]);
    desk.pane = String::new();
    desk.wait_for_state(&calm, "lost: tmux server gone");
    desk.pane = desk.sandbox.tmux().start("main");

    let said = desk.wtmag(&["list"]).success();
    assert!(said.starts_with("4 workers were interrupted; `wtmag resume --all`"), "{said}");
    let done = desk.wtmag(&["resume", "--all", "--json"]).json();
    assert_eq!(done.as_array().unwrap().len(), 4, "{done}");
    for id in [&calm, &own, &bare] {
        assert_eq!(find(done.as_array().unwrap(), id)["conversation"], "latest", "{done}");
        idle(&desk, id);
        let (n, argv) = starts(&desk, id);
        assert!(n == 2 && argv.contains("the last one"), "{id}: {argv}");
        assert_eq!(desk.sandbox.agent_log().turns(Some(id)), [BOOTSTRAP]);
    }
    assert_eq!(find(done.as_array().unwrap(), &bare)["worktree_made"], true);
    assert!(dir.join("README.md").exists());
    eventually(SOON, "the held text", || {
        let turns = desk.sandbox.agent_log().turns(Some(&busy));
        (turns == [BOOTSTRAP, "and then this"]).then_some(())
    });
    let after = desk.list(&[]);
    assert_eq!(after.len(), before.len());
    for id in [&calm, &own, &bare, &busy] {
        let (old, new) = (find(&before, id), find(&after, id));
        for key in ["base", "branch", "worktree", "created", "source", "placement", "kind"] {
            assert_eq!(old[key], new[key], "{id}: {key}");
        }
        assert_ne!(old["pane"], new["pane"].to_string());
    }
    let log = desk.wtmag(&["log", &calm]).success();
    assert!(log.contains("created") && log.contains("resumed"), "{log}");
    assert_eq!(starts(&desk, &left).0, 1);
    let said = desk.wtmag(&["resume", &calm]).failure(1);
    assert!(said.contains("is running"), "{said}");
    assert!(desk.wtmag(&["list"]).success().starts_with(' '), "nothing is interrupted");
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
    let said = desk.wtmag(&["resume", &id, "--prompt", "go on"]).success();
    assert!(said.contains("resumed with its conversation") && said.contains("1 text to deliver"));
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
