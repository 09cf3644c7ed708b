//! `cleanup`: refuses to lose work, works from everywhere, keeps what belongs to others.
use std::path::PathBuf;

use nix::sys::signal::Signal;

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
    assert!(desk.wtmag(&["show", &id]).success().contains("state     removed "));
    // The name can be used again: the removed worker is found by it as long as no other has it.
    let again = desk.worker("topic");
    settle(&desk, &again);
    assert_eq!(desk.list(&["--ended"]).len(), 2);
    desk.wtmag(&["cleanup", "topic"]).success();
    let ended = desk.list(&["--ended"]);
    let made = |it: &serde_json::Value| it["created"].as_str().unwrap().to_owned();
    let shown = desk.wtmag(&["show", "topic", "--json"]).json();
    assert_eq!(made(&shown["worker"]), made(&ended[1]), "the newest of them");
    for verb in ["log", "diff", "receipts"] {
        desk.wtmag(&[verb, "topic"]).success();
    }
    let said = desk.wtmag(&["log", "topik"]).failure(1);
    assert!(said.contains("did you mean `blog-topic`, which was removed?"), "{said}");
    desk.wtmag(&["restore", "topic"]).success();
}

#[test]
fn work_that_would_be_lost_is_named_and_kept() {
    let desk = Desk::new();
    let id = desk.worker("topic");
    settle(&desk, &id);
    let dir = worktree(&desk, &id);
    desk.sandbox.put(dir.join("new"), "x");
    desk.sandbox.put(dir.join("README.md"), "changed");
    let said = desk.wtmag(&["cleanup", &id]).failure(1);
    assert!(
        said.contains("| uncommitted changes: `README.md`\n  | untracked files: `new`"),
        "{said}"
    );
    let git = |args: &[&str]| desk.sandbox.run("git").cwd(&dir).args(args).run().success();
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "-m", "My work"]);
    let said = desk.wtmag(&["cleanup", &id]).failure(1);
    assert!(
        said.contains("commits that no other branch or remote has") && said.contains("My work"),
        "{said}"
    );
    assert_eq!(desk.list(&[])[0]["state"]["state"], "idle");
    // No branch leads to it: neither a push nor --keep-branch would keep it.
    git(&["checkout", "--quiet", "--detach"]);
    git(&["commit", "--quiet", "--allow-empty", "-m", "Adrift"]);
    let adrift = git(&["rev-parse", "HEAD"]);
    let said = desk.wtmag(&["cleanup", &id]).failure(1);
    let want = format!("git -C {} branch NAME {}`", dir.display(), &adrift[..12]);
    assert!(said.contains(&want), "{said}");
    git(&["checkout", "--quiet", "topic"]);
    // Kept on its branch, nothing of it is lost.
    desk.wtmag(&["cleanup", &id, "--keep-branch"]).success();
    assert!(!dir.exists());
    assert!(desk.git(&["log", "-1", "--format=%s", "topic"]).contains("My work"));
}

#[test]
fn force_removes_it_anyway() {
    let desk = Desk::new();
    let before = desk.traces();
    let id = desk.worker_of("slow", "topic");
    desk.sandbox.put(worktree(&desk, &id).join("new"), "x");
    let said = desk.wtmag(&["cleanup", &id]).failure(1);
    assert!(said.contains("a running turn: the agent is `working`"), "{said}");
    let ran = desk.wtmag(&["cleanup", &id, "--force"]);
    assert!(ran.stderr.contains("losing untracked files: `new`"), "{ran}");
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
        assert!(said.contains("| untracked files: `new`"), "{name}: {said}");
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
    assert!(said.contains("(`sleep`) runs in the worktree"), "{said}");
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
    tmux.wait_for_text(&pane, &format!("Remove {id}"));
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
fn a_lock_is_seen_before_the_window_is_closed() {
    let desk = Desk::new();
    let before = desk.traces();
    let id = desk.worker("topic");
    settle(&desk, &id);
    let dir = worktree(&desk, &id).display().to_string();
    desk.git(&["worktree", "lock", "--reason", "on a stick", &dir]);
    let said = desk.wtmag(&["cleanup", &id]).failure(1);
    let want = format!("error: `{id}` was not removed\n  | a lock on the worktree: on a stick");
    assert!(said.contains(&want), "{said}");
    assert_eq!(desk.list(&[])[0]["state"]["state"], "idle");
    let ran = desk.wtmag(&["cleanup", &id, "--force"]);
    assert!(ran.stderr.contains("note: a lock on the worktree: on a stick"), "{ran}");
    ran.success();
    assert_eq!(desk.traces(), before);
}

#[test]
fn what_fails_after_the_window_says_what_is_left_and_what_to_do() {
    let desk = Desk::new();
    desk.sandbox.put(
        "config/worktrunk/config.toml",
        "pre-remove = \"echo the database is busy >&2; exit 3\"\n",
    );
    let id = desk.worker("topic");
    settle(&desk, &id);
    let dir = worktree(&desk, &id);
    let said = desk.wtmag(&["cleanup", &id]).failure(1);
    let kept = format!("its window is closed and its worktree `{}` is kept", dir.display());
    for want in [&kept, "the database is busy", &format!("then run `wtmag cleanup {id}` again")] {
        assert!(said.contains(want), "{want}: {said}");
    }
    assert!(dir.exists());
    desk.sandbox.put("config/worktrunk/config.toml", "");
    desk.wtmag(&["cleanup", &id]).success();
    assert!(!dir.exists());
}

#[test]
fn a_program_in_another_pane_of_the_window_is_a_reason_to_refuse() {
    let desk = Desk::new();
    let id = desk.worker("topic");
    settle(&desk, &id);
    let tmux = desk.sandbox.tmux();
    let window = tmux.run(["list-windows", "-t", "=main", "-F", "#{window_id} #{@wtmag_id}"]);
    let window =
        window.lines().find_map(|it| it.strip_suffix(&format!(" {id}"))).unwrap().to_owned();
    // Wherever it works: its terminal would be gone.
    let pane = tmux.run(["split-window", "-d", "-P", "-F", "#{pane_id}", "-t", &window, "-c", "/"]);
    tmux.type_text(&pane, "sleep 600\n");
    eventually(SOON, "the program", || {
        (tmux.show(&pane, "#{pane_current_command}") == "sleep").then_some(())
    });
    let said = desk.wtmag(&["cleanup", &id]).failure(1);
    assert!(said.contains("(`sleep`) runs in another pane of its window"), "{said}");
    tmux.run(["send-keys", "-t", pane.trim(), "C-c"]);
    eventually(SOON, "the shell", || {
        (tmux.show(&pane, "#{pane_current_command}") != "sleep").then_some(())
    });
    desk.wtmag(&["cleanup", &id]).success();
}

#[test]
fn the_question_is_given_up_by_ctrl_c() {
    let desk = Desk::new();
    let id = desk.worker("topic");
    settle(&desk, &id);
    let dir = worktree(&desk, &id).display().to_string();
    let tmux = desk.sandbox.tmux();
    let pane = tmux.run(["new-window", "-d", "-P", "-F", "#{pane_id}", "-t", "main:", "-c", &dir]);
    tmux.type_text(&pane, &format!("{} cleanup; echo code $?\n", env!("CARGO_BIN_EXE_wtmag")));
    tmux.wait_for_text(&pane, &format!("Remove {id}"));
    tmux.run(["send-keys", "-t", pane.trim(), "C-c"]);
    tmux.wait_for_text(&pane, "code 130");
    assert_eq!(desk.list(&[]).len(), 1);
}

/// The hub has been told; who waits for it need not.
#[test]
fn the_wait_is_given_up_by_ctrl_c_and_the_hub_goes_on() {
    let desk = Desk::new();
    let before = desk.traces();
    let gate = desk.sandbox.path("gate");
    let hook = format!("until test -e {}; do sleep 0.05; done", gate.display());
    desk.sandbox.put("config/worktrunk/config.toml", format!("pre-remove = \"{hook}\"\n"));
    let id = desk.worker("topic");
    settle(&desk, &id);
    let running = desk.start(&["cleanup", &id]);
    desk.wtmag(&["wait", &id, "--until", "lost", "--timeout", "20"]).success();
    running.signal(Signal::SIGINT);
    let (code, said) = running.end();
    assert!(code == 130 && said.contains("the hub finishes the cleanup"), "{code}: {said}");
    desk.sandbox.put(&gate, "");
    eventually(SOON, "the worker to go", || desk.list(&["--all"]).is_empty().then_some(()));
    assert_eq!(desk.traces(), before);
    // What came of it, and what it was told, is known by its id.
    let events = desk.wtmag(&["events", "--worker", &id]).success();
    assert!(events.lines().last().unwrap().contains("\"ended\""), "{events}");
    assert_eq!(desk.wtmag(&["receipts", &id, "--json"]).json()[0]["step"], "accepted");
    let shown = desk.wtmag(&["show", &id, "--json"]).json();
    assert_eq!(shown["deliveries"][0]["step"], "accepted");
}

/// As if the hub was killed in the middle, and a user was quicker than its successor.
#[test]
fn a_new_worktree_of_the_same_name_is_not_removed() {
    let desk = Desk::new();
    let id = desk.worker("topic");
    settle(&desk, &id);
    let dir = worktree(&desk, &id);
    desk.wtmag(&["hub", "stop"]).success();
    let find =
        desk.sandbox.run("find").args(["state", "-name", "hub.db"]).cwd(desk.sandbox.path(""));
    let db = rusqlite::Connection::open(desk.sandbox.path(find.run().success().trim())).unwrap();
    let doc: String = db.query_row("SELECT doc FROM workers", [], |row| row.get(0)).unwrap();
    drop(db);
    let mut worker: serde_json::Value = serde_json::from_str(&doc).unwrap();
    worker["created"] = "2020-01-01T00:00:00Z".into();
    let cleanup = serde_json::json!({"id": id, "force": false, "keep_branch": false, "env": []});
    let job = serde_json::json!({"cleanup": cleanup, "worker": worker}).to_string();
    let done = desk.run(&["cleanup-job"]).input(job.as_str()).run().json();
    assert_eq!(
        (&done["worktree_removed"], &done["branch_deleted"]),
        (&false.into(), &false.into())
    );
    assert!(done["notes"][0].as_str().unwrap().contains("now belongs to another worker"), "{done}");
    assert!(dir.exists());
}

#[test]
fn a_worktree_that_was_there_before_stays_with_what_is_in_it() {
    let desk = Desk::new();
    let dir = desk.sandbox.path("src/mine");
    desk.git(&["worktree", "add", "--quiet", "-b", "topic", &dir.display().to_string()]);
    desk.sandbox.put(dir.join("draft"), "x");
    desk.sandbox.put(dir.join(".wtmag/notes"), "mine");
    let before = desk.traces();
    let made =
        desk.wtmag(&["create", "--prompt", "x", "--name", "topic", "--reuse", "--json"]).json();
    let id = made["worker"]["id"].as_str().unwrap();
    settle(&desk, id);
    assert!(dir.join(".wtmag/prompt.md").exists());
    let ran = desk.wtmag(&["cleanup", id]);
    assert!(ran.stderr.contains("was there before the worker: kept"), "{ran}");
    assert!(ran.success().contains("worktree kept, branch topic kept"));
    assert_eq!(desk.traces(), before);
    let left = |name: &str| dir.join(name).exists();
    assert!(left("draft") && left(".wtmag/notes") && !left(".wtmag/prompt.md"));
    assert!(desk.list(&["--all"]).is_empty());
    // Free for the next one.
    desk.wtmag(&["create", "--prompt", "x", "--name", "topic", "--reuse"]).success();
}

#[test]
fn without_a_name_no_worker_is_removed_by_accident() {
    let desk = Desk::new();
    let said = desk.wtmag(&["cleanup"]).failure(1);
    assert!(said.contains("not inside a worker's worktree or window"), "{said}");
    let id = desk.worker("topic");
    settle(&desk, &id);
    let inside = desk.run(&["cleanup"]).cwd(worktree(&desk, &id)).run().failure(1);
    assert!(inside.contains(&format!("would remove `{id}`, which you did not name")), "{inside}");
    let said = desk.wtmag(&["cleanup", "opic"]).failure(1);
    assert!(said.contains(&format!("did you mean `{id}`?")), "{said}");
    desk.wtmag(&["cleanup", "topic"]).success();
}

/// As if the user opened the worktree in another session.
#[test]
fn a_shell_that_waits_in_the_worktree_is_no_reason_to_refuse() {
    let desk = Desk::new();
    let id = desk.worker("topic");
    settle(&desk, &id);
    let dir = worktree(&desk, &id).display().to_string();
    let tmux = desk.sandbox.tmux();
    let pane = tmux.run(["new-window", "-d", "-P", "-F", "#{pane_id}", "-t", "main:", "-c", &dir]);
    // It waits when it has said so.
    tmux.type_text(&pane, "echo re''ady\n");
    tmux.wait_for_text(&pane, "ready");
    desk.wtmag(&["cleanup", &id]).success();
}

/// Its terminal is ours, and it is not.
#[test]
fn a_job_of_the_terminal_that_cleanup_is_called_from_is_a_reason_to_refuse() {
    let desk = Desk::new();
    let id = desk.worker("topic");
    settle(&desk, &id);
    let dir = worktree(&desk, &id).display().to_string();
    let tmux = desk.sandbox.tmux();
    let pane = tmux.run(["new-window", "-d", "-P", "-F", "#{pane_id}", "-t", "main:", "-c", "/"]);
    let program = env!("CARGO_BIN_EXE_wtmag");
    tmux.type_text(
        &pane,
        &format!("(cd {dir} && exec sleep 600) & {program} cleanup {id}; kill %1\n"),
    );
    tmux.wait_for_text(&pane, "was not removed");
    tmux.wait_for_text(&pane, "(`sleep`) runs in the worktree");
    assert_eq!(desk.list(&[]).len(), 1);
}

#[test]
fn ignored_files_are_named_when_they_go() {
    let desk = Desk::new();
    let id = desk.worker("topic");
    settle(&desk, &id);
    let dir = worktree(&desk, &id);
    desk.git(&["config", "core.excludesFile", &desk.sandbox.path("ignored").display().to_string()]);
    desk.sandbox.put("ignored", ".env\ntarget/\n");
    desk.sandbox.put(dir.join(".env"), "SECRET");
    desk.sandbox.put(dir.join("target/built"), "x");
    let ran = desk.wtmag(&["cleanup", &id]);
    assert!(ran.stderr.contains("note: also goes, because git ignores it: `.env`\n"), "{ran}");
    ran.success();
}

/// An agent can do this to itself.
#[test]
fn a_damaged_worktree_is_refused_by_its_cause_and_goes_with_force() {
    let desk = Desk::new();
    let id = desk.worker("topic");
    settle(&desk, &id);
    let dir = worktree(&desk, &id);
    std::fs::remove_file(dir.join(".git")).unwrap();
    let said = desk.wtmag(&["cleanup", &id]).failure(1);
    assert!(said.contains("could not be checked") && said.contains("`.git` is missing"), "{said}");
    assert_eq!(desk.list(&[]).len(), 1);
    desk.wtmag(&["cleanup", &id, "--force"]).success();
    assert!(!dir.exists() && desk.list(&["--all"]).is_empty());
}

#[test]
fn what_was_removed_by_force_comes_back() {
    let desk = Desk::new();
    let said = desk.run(&["restore"]).cwd(&desk.dir).run();
    assert!(said.stderr.contains("nothing was removed from this repository"), "{said}");
    let id = desk.worker("topic");
    settle(&desk, &id);
    let dir = worktree(&desk, &id);
    desk.sandbox.put(dir.join("new"), "x");
    desk.wtmag(&["cleanup", &id, "--force"]).success();
    let listed = desk.run(&["restore"]).cwd(&desk.dir).run().success();
    assert!(listed.contains(&format!("{id}  branch topic, with uncommitted files")), "{listed}");
    let back = desk.run(&["restore", &id, "--json"]).cwd(&desk.dir).run().json();
    assert_eq!((&back["branch"], &back["files"]), (&"topic".into(), &true.into()));
    assert!(dir.join("new").exists());
    let said = desk.run(&["restore", "nobody"]).cwd(&desk.dir).run().failure(1);
    assert!(said.contains("no removed worker `nobody` is kept"), "{said}");
    // The worktree is free for the next worker.
    desk.wtmag(&["create", "--prompt", "x", "--name", "topic", "--reuse"]).success();
}

#[test]
fn a_job_of_a_newer_hub_is_refused_by_its_version() {
    let desk = Desk::new();
    let ran = desk.run(&["cleanup-job"]).input(r#"{"version": 9, "unknown": 1}"#).run();
    assert_eq!(ran.code, 1, "{ran}");
    let result: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(result["error"].as_str().unwrap().contains("of version 9"), "{result}");
}
