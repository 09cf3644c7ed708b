//! What dead commands, hubs and workers left: `wtmag doctor` names it, but does not fix it.
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::Duration,
};

use super::{found, has, report};
use crate::support::{Hand, Yard, eventually, state_dir};

const SOON: Duration = Duration::from_secs(30);

const KILLED: &str = "a killed `create` left";
const UNKNOWN: &str = "which the hub does not know";

fn yard() -> Yard {
    Yard::new("bash", &[Hand::new("calm", &[])])
}

/// The findings with this mark of a `doctor` in the repository.
fn marked(yard: &Yard, mark: &str) -> Vec<String> {
    found(&report(&yard.sandbox, yard.repo.to_str().unwrap()), mark)
}

fn notes(yard: &Yard) -> Vec<String> {
    marked(yard, "note")
}

#[track_caller]
fn lacks(found: &[String], part: &str) {
    assert!(!found.iter().any(|text| text.contains(part)), "`{part}` in {found:#?}");
}

/// Workers whose agents were started; returns their worktrees.
#[track_caller]
fn hire(yard: &Yard, names: &[&str]) -> Vec<PathBuf> {
    let mut worktrees = Vec::new();
    for (n, name) in names.iter().enumerate() {
        let place = if n.is_multiple_of(2) { "-w" } else { "-s" };
        let args = ["create", "--json", "--no-wait", "--prompt", "x", "--name", name, place];
        let made = yard.sandbox.wtmag_in(&yard.pane, args).cwd(&yard.repo).run().json();
        worktrees.push(made["worker"]["worktree"].as_str().unwrap().into());
        yard.sandbox.agent_log().wait("start", n + 1, SOON);
    }
    worktrees
}

fn stop_hub(yard: &Yard) {
    yard.wtmag(&["hub", "stop"]).success();
}

/// No hub was started, not even by `doctor`.
#[track_caller]
fn has_no_hub(yard: &Yard) {
    yard.wtmag(&["hub", "status"]).failure(3);
}

/// A shell line that says its process id in this file, then does nothing for long.
fn stuck(running: &Path) -> String {
    let part = running.with_extension("part");
    let (part, running) = (part.display(), running.display());
    format!("echo $$ > {part} && mv {part} {running} && exec sleep 600")
}

/// A `create` that has come to a line which is [`stuck`].
#[track_caller]
fn start_create(yard: &Yard, running: &Path) -> Child {
    let mut create = yard.sandbox.command(env!("CARGO_BIN_EXE_wtmag"));
    create.args(["create", "--prompt", "x", "-s"]).current_dir(&yard.repo);
    create.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let create = create.spawn().unwrap();
    eventually(SOON, "what it waits for", || running.exists().then_some(()));
    create
}

/// Kills it, and ends its child processes, which would otherwise keep running.
#[track_caller]
fn kill(yard: &Yard, mut create: Child, running: &Path) {
    create.kill().unwrap();
    create.wait().unwrap();
    let stuck = fs::read_to_string(running).unwrap();
    yard.sandbox.run("kill").arg(stuck.trim()).run().success();
}

#[test]
fn what_a_killed_create_left_is_named_until_a_list_undoes_it() {
    let yard = yard();
    let running = yard.sandbox.path("run/hook");
    let hook = format!("pre-start = \"{}\"\n", stuck(&running));
    yard.sandbox.put("config/worktrunk/config.toml", hook);
    let create = start_create(&yard, &running);
    let worktree = yard.repo.with_file_name("blog.prompt-x");
    assert!(worktree.exists());
    lacks(&notes(&yard), KILLED);
    kill(&yard, create, &running);
    let advice = "the next `wtmag list` undoes it, unless a worker uses it";
    for _ in 0..2 {
        has(&notes(&yard), &format!("{KILLED} `{}`\n{advice}", worktree.display()));
        assert!(worktree.exists(), "a doctor does not touch it");
    }
    yard.wtmag(&["list"]).success();
    assert!(!worktree.exists());
    lacks(&notes(&yard), KILLED);
}

#[test]
fn a_create_that_was_killed_before_it_made_anything_is_named_too() {
    let yard = yard();
    let running = yard.sandbox.path("run/fetch");
    let line = format!("#!/bin/sh\n{}\n", stuck(&running));
    let ssh = yard.sandbox.put_program("stand-in-ssh", &line).display().to_string();
    for (key, value) in [
        ("core.sshCommand", &*ssh),
        // Else git runs it once more, to learn what it is.
        ("ssh.variant", "ssh"),
        ("remote.origin.url", "git@example.org:a/b"),
    ] {
        yard.sandbox.run("git").args(["config", key, value]).cwd(&yard.repo).run().success();
    }
    let create = start_create(&yard, &running);
    kill(&yard, create, &running);
    has(&notes(&yard), &format!("{KILLED} nothing yet"));
    yard.wtmag(&["list"]).success();
    lacks(&notes(&yard), KILLED);
}

#[test]
fn workers_whose_hub_does_not_run_are_named() {
    let yard = yard();
    hire(&yard, &["one", "other"]);
    yard.sandbox.tmux().new_window("main:", "cat");
    lacks(&notes(&yard), "no hub watches");
    stop_hub(&yard);
    let want = "no hub watches these workers: blog-one, blog-other\n`wtmag list` starts one";
    let seen = notes(&yard);
    assert!(seen.iter().any(|it| it == want), "{seen:#?}");
    has(&marked(&yard, "ok"), "no hub runs");
    has_no_hub(&yard);
    yard.wtmag(&["list"]).success();
    lacks(&notes(&yard), "no hub watches");
    has(&marked(&yard, "ok"), "2 live workers");
}

#[test]
fn the_window_and_the_worktree_of_an_unknown_worker_are_named() {
    let yard = yard();
    let worktree = hire(&yard, &["one"]).remove(0);
    lacks(&notes(&yard), UNKNOWN);
    stop_hub(&yard);
    for name in ["hub.db", "hub.db-wal", "hub.db-shm"] {
        // The last two are there while it is in use, and after a kill.
        fs::remove_file(state_dir(&yard.sandbox).join(name)).unwrap_or_default();
    }
    lacks(&notes(&yard), UNKNOWN);
    has_no_hub(&yard);
    yard.wtmag(&["list"]).success();
    let seen = notes(&yard);
    let window = "a window is marked as worker `blog-one`, which the store does not know";
    has(&seen, &format!("{window}\nwtmag leaves it alone; close the window if you do not need it"));
    let path = worktree.display();
    let belongs = format!("worktree `{path}` belongs to worker `blog-one`, {UNKNOWN}");
    has(&seen, &format!("{belongs}\ncheck its changes, then: git worktree remove {path}"));
    assert!(worktree.exists());
    // The advice of both findings works.
    yard.sandbox.tmux().run(["kill-window", "-t", "=main:one"]);
    eventually(SOON, "the window to be forgotten", || {
        notes(&yard).iter().all(|it| !it.contains("is marked as worker")).then_some(())
    });
    let note = seen.iter().find(|it| it.contains(UNKNOWN)).unwrap();
    let (_, line) = note.rsplit_once("then: ").unwrap();
    yard.sandbox.run("sh").args(["-c", line]).cwd(&yard.repo).run().success();
    assert!(!worktree.exists());
    lacks(&notes(&yard), UNKNOWN);
}

#[test]
fn the_worktree_of_a_worker_whose_window_was_closed_is_not_doubted() {
    let yard = yard();
    let worktree = hire(&yard, &["one"]).remove(0);
    yard.sandbox.tmux().run(["kill-window", "-t", "=main:one"]);
    yard.wtmag(&["wait", "blog-one", "--until", "lost", "--timeout", "20"]).success();
    lacks(&notes(&yard), UNKNOWN);
    assert!(worktree.exists());
}

#[test]
fn unread_reports_are_counted() {
    let yard = yard();
    hire(&yard, &["one", "other"]);
    stop_hub(&yard);
    let spool = state_dir(&yard.sandbox).join("spool");
    lacks(&marked(&yard, "ok"), "wait for the next hub");
    for start in yard.sandbox.agent_log().all("start", None) {
        yard.sandbox.run("kill").args(["-9", &start["pid"].to_string()]).run().success();
    }
    let n_reports = || {
        let names = fs::read_dir(&spool).unwrap().map(|it| it.unwrap().path());
        names.filter(|it| it.extension().is_some_and(|it| it == "json")).count()
    };
    eventually(SOON, "both agents' ends to be reported", || (n_reports() == 2).then_some(()));
    has(&marked(&yard, "ok"), "2 reports of agents wait for the next hub");
    has_no_hub(&yard);
    // Of what the next hub finds it sets aside what it cannot read; one of these is young.
    for (name, time) in [("1", "200001010000"), ("2", "200001010000"), ("3", "now")] {
        let path = yard.sandbox.put(spool.join(name).with_extension("json"), "garbage");
        if time != "now" {
            yard.sandbox.run("touch").args(["-t", time]).arg(path).run().success();
        }
    }
    for id in ["blog-one", "blog-other"] {
        yard.wtmag(&["wait", id, "--until", "exited", "--timeout", "20"]).success();
    }
    let want = format!("the hub has not read 2 reports in `{}`", spool.display());
    has(&notes(&yard), &want);
    lacks(&marked(&yard, "ok"), "wait for the next hub");
}
