//! `cleanup`: refuses what would be lost, works from everywhere, keeps what is not its own.
use std::path::PathBuf;

use super::desk::{Desk, Running, SOON};
use crate::support::eventually;

fn worktree(desk: &Desk, id: &str) -> PathBuf {
    let shown = desk.wtmag(&["show", id, "--json"]).json();
    shown["worker"]["worktree"].as_str().unwrap().into()
}

/// Waits until the agent's turn is over.
fn settle(desk: &Desk, id: &str) {
    desk.wtmag(&["wait", id, "--until", "idle", "--timeout", "20"]).success();
}

#[test]
fn a_worker_with_nothing_to_lose_goes_with_window_worktree_and_branch() {
    let desk = Desk::new();
    let before = desk.traces();
    let id = desk.worker("topic");
    settle(&desk, &id);
    let done = desk.wtmag(&["cleanup", "--id", &id, "--json"]).json();
    assert_eq!((&done["worktree_removed"], &done["branch_deleted"]), (&true.into(), &true.into()));
    assert_eq!(desk.traces(), before);
    let windows = desk.sandbox.tmux().run(["list-windows", "-a", "-F", "#{@wtmag_id}"]);
    assert_eq!(windows.trim(), "");
    assert!(desk.list(&["--all"]).is_empty());
    let ended = desk.list(&["--ended"]);
    assert_eq!((ended.len(), &ended[0]["id"]), (1, &id.as_str().into()));
    assert!(desk.wtmag(&["show", &id]).success().contains("ended"));
}

#[test]
fn what_exists_nowhere_else_is_named_and_kept() {
    let desk = Desk::new();
    let id = desk.worker("topic");
    settle(&desk, &id);
    let dir = worktree(&desk, &id);
    desk.sandbox.put(dir.join("new"), "x");
    desk.sandbox.put(dir.join("README.md"), "changed");
    let said = desk.wtmag(&["cleanup", &id]).failure(1);
    assert!(said.contains("| uncommitted changes in `README.md`\n  | untracked `new`"), "{said}");
    let git = |args: &[&str]| desk.sandbox.run("git").cwd(&dir).args(args).run().success();
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "-m", "My work"]);
    let said = desk.wtmag(&["cleanup", &id]).failure(1);
    assert!(said.contains("commits that are nowhere else") && said.contains("My work"), "{said}");
    assert_eq!(desk.list(&[])[0]["state"]["state"], "idle");
    // Kept on its branch, nothing of it is lost.
    desk.wtmag(&["cleanup", &id, "--keep-branch"]).success();
    assert!(!dir.exists());
    assert!(desk.git(&["log", "-1", "--format=%s", "topic"]).contains("My work"));
}

#[test]
fn force_drops_it_all_the_same() {
    let desk = Desk::new();
    let before = desk.traces();
    let id = desk.worker_of("slow", "topic");
    desk.sandbox.put(worktree(&desk, &id).join("new"), "x");
    let said = desk.wtmag(&["cleanup", &id]).failure(1);
    assert!(said.contains("a running turn: the agent is `working`"), "{said}");
    let ran = desk.wtmag(&["cleanup", &id, "--force"]);
    assert!(ran.stderr.contains("dropping untracked `new`"), "{ran}");
    ran.success();
    assert_eq!(desk.traces(), before);
}

/// Each would be right alone: the other's branch has the commit, and stays as far as it can see.
#[test]
fn two_that_go_at_once_do_not_count_on_each_other() {
    let desk = Desk::new();
    for round in 0..3 {
        let (a, b) = (format!("one{round}"), format!("two{round}"));
        let first = desk.worker(&a);
        settle(&desk, &first);
        let dir = worktree(&desk, &first);
        desk.sandbox.put(dir.join("new"), &a);
        let git = |args: &[&str]| desk.sandbox.run("git").cwd(&dir).args(args).run().success();
        git(&["add", "--all"]);
        git(&["commit", "--quiet", "-m", "My work"]);
        let sha = git(&["rev-parse", "HEAD"]).trim().to_owned();
        let made = ["create", "--prompt", "x", "--name", &b, "--base", &a, "--json"];
        let second = desk.wtmag(&made).json()["worker"]["id"].as_str().unwrap().to_owned();
        settle(&desk, &second);
        let ends = [&first, &second].map(|id| desk.start(&["cleanup", id])).map(Running::end);
        let mut codes = ends.each_ref().map(|(code, _)| *code);
        codes.sort_unstable();
        assert_eq!(codes, [0, 1], "{ends:?}");
        assert!(ends.iter().any(|(_, said)| said.contains("My work")), "{ends:?}");
        assert_ne!(desk.git(&["for-each-ref", "--contains", &sha]), "");
    }
}

/// As in a hook or an alias of git.
#[test]
fn what_git_says_of_the_callers_repository_is_not_believed() {
    let desk = Desk::new();
    let id = desk.worker("topic");
    settle(&desk, &id);
    desk.sandbox.put(worktree(&desk, &id).join("new"), "x");
    let git_dir = desk.dir.join(".git");
    for (name, value) in [
        ("GIT_WORK_TREE", desk.dir.clone()),
        ("GIT_DIR", git_dir.clone()),
        ("GIT_INDEX_FILE", git_dir.join("index")),
        ("GIT_NAMESPACE", "strange".into()),
    ] {
        let said = desk.run(&["cleanup", &id]).env(name, value).run().failure(1);
        assert!(said.contains("| untracked `new`"), "{name}: {said}");
        assert!(!said.contains("its window is closed"), "{name}: {said}");
    }
}

#[test]
fn a_branch_that_was_there_before_stays() {
    let desk = Desk::new();
    desk.git(&["branch", "topic"]);
    let made =
        desk.wtmag(&["create", "--prompt", "x", "--name", "topic", "--reuse", "--json"]).json();
    let id = made["worker"]["id"].as_str().unwrap();
    settle(&desk, id);
    let done = desk.wtmag(&["cleanup", id, "--json"]).json();
    assert_eq!((&done["worktree_removed"], &done["branch_deleted"]), (&true.into(), &false.into()));
    desk.git(&["rev-parse", "--verify", "topic"]);
}

#[test]
fn a_program_at_work_in_the_worktree_is_a_reason_to_refuse() {
    let desk = Desk::new();
    let id = desk.worker("topic");
    settle(&desk, &id);
    let dir = worktree(&desk, &id);
    let line = format!("cd {} && exec sleep 600", dir.display());
    let pane = desk.sandbox.tmux().new_window("main:", &line);
    eventually(SOON, "the program", || {
        let at = desk.sandbox.tmux().show(&pane, "#{pane_current_command} #{pane_current_path}");
        (at == format!("sleep {}", dir.display())).then_some(())
    });
    let said = desk.wtmag(&["cleanup", &id]).failure(1);
    assert!(said.contains("(`sleep`) is at work in it"), "{said}");
}

#[test]
fn it_works_from_the_workers_own_window() {
    let desk = Desk::new();
    let before = desk.traces();
    let id = desk.worker("topic");
    settle(&desk, &id);
    let tmux = desk.sandbox.tmux();
    let window = tmux.run(["list-windows", "-t", "=main", "-F", "#{window_id} #{@wtmag_id}"]);
    let window =
        window.lines().find_map(|it| it.strip_suffix(&format!(" {id}"))).unwrap().to_owned();
    // A pane of the user's beside the agent, in the worktree.
    let dir = worktree(&desk, &id).display().to_string();
    let pane =
        tmux.run(["split-window", "-d", "-P", "-F", "#{pane_id}", "-t", &window, "-c", &dir]);
    let program = env!("CARGO_BIN_EXE_wtmag");
    tmux.type_text(&pane, &format!("{program} cleanup\n"));
    tmux.wait_for_text(&pane, &format!("Drop {id}"));
    tmux.type_text(&pane, "y\n");
    eventually(SOON, "the worker to go", || desk.list(&["--all"]).is_empty().then_some(()));
    assert_eq!(desk.traces(), before);
}

#[test]
fn it_works_from_a_popup_over_the_workers_window() {
    let desk = Desk::new();
    let before = desk.traces();
    let id = desk.worker("topic");
    settle(&desk, &id);
    let seat = desk.sandbox.seat(&format!("{} attach {id}", env!("CARGO_BIN_EXE_wtmag")));
    seat.wait_for_text("topic");
    let tmux = desk.sandbox.tmux();
    let clients = tmux.run(["list-clients", "-F", "#{client_name} #{client_control_mode}"]);
    let client = clients.lines().find_map(|it| it.strip_suffix(" 0")).unwrap();
    let dir = worktree(&desk, &id).display().to_string();
    let line = format!("{} cleanup --id {id} || cat", env!("CARGO_BIN_EXE_wtmag"));
    tmux.run(["display-popup", "-c", client, "-d", &dir, "-E", &line]);
    eventually(SOON, "the worker to go", || desk.list(&["--all"]).is_empty().then_some(()));
    assert_eq!(desk.traces(), before);
}

#[test]
fn without_a_name_nobody_is_dropped_by_accident() {
    let desk = Desk::new();
    let said = desk.wtmag(&["cleanup"]).failure(1);
    assert!(said.contains("no worker's window or worktree"), "{said}");
    let id = desk.worker("topic");
    settle(&desk, &id);
    let inside = desk.run(&["cleanup"]).cwd(worktree(&desk, &id)).run().failure(1);
    assert!(inside.contains(&format!("would drop `{id}`, which was not named")), "{inside}");
    let said = desk.wtmag(&["cleanup", "opic"]).failure(1);
    assert!(said.contains(&format!("did you mean `{id}`?")), "{said}");
    desk.wtmag(&["cleanup", "blog-to"]).success();
}
