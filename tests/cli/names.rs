//! Which worker a command uses: by name, by the current worktree and by the current window.
use super::desk::{Desk, SOON};
use crate::support::eventually;

const WTMAG: &str = env!("CARGO_BIN_EXE_wtmag");

#[test]
fn every_verb_knows_a_worker_by_few_words() {
    let mut desk = Desk::new();
    desk.github("");
    desk.wtmag(&["create", "--github", "456", "-t", "issue"]).success();
    let docs = desk.worker("feature/docs");
    for name in
        ["456", "#456", "issue-456", "github-issue-456", "https://github.com/acme/blog/issues/456"]
    {
        let said = desk.wtmag(&["send", name, "hello", "--no-wait"]).success();
        assert!(said.starts_with("blog-github-issue-456 "), "{name}: {said}");
    }
    for name in ["docs", "feature/docs", "blog-feature-docs"] {
        assert!(desk.wtmag(&["promote", name]).stderr.is_empty() || name != "docs");
        assert!(desk.wtmag(&["show", name]).success().starts_with(&docs), "{name}");
    }
    // Half a word is enough to look, not to change.
    assert!(desk.wtmag(&["show", "doc"]).success().starts_with(&docs));
    let said = desk.wtmag(&["send", "doc", "hello"]).failure(1);
    assert!(said.contains(&format!("did you mean `{docs}`?")), "{said}");
    let said = desk.wtmag(&["cleanup", "45"]).failure(1);
    assert!(said.contains("no worker is named `45`"), "{said}");
}

#[test]
fn a_split_of_a_workers_window_is_in_its_worktree_and_knows_it() {
    let desk = Desk::new();
    let id = desk.worker("topic");
    let worker = &desk.list(&[])[0];
    let (pane, path) = (worker["pane"].as_str().unwrap(), worker["worktree"].as_str().unwrap());
    let tmux = desk.sandbox.tmux();
    let line = desk.sandbox.wtmag(["tmux", "init"]).run().success();
    let conf = desk.sandbox.put("home/wtmag.conf", line);
    tmux.run(["source-file", conf.to_str().unwrap()]);
    tmux.run(["select-window", "-t", "=main:topic"]);
    let seat = desk.sandbox.seat("tmux -u attach -t =main");
    seat.wait_for_text("topic");
    seat.press(&["C-b", "\""]);
    let split = eventually(SOON, "the split", || {
        let panes = tmux.run(["list-panes", "-t", pane, "-F", "#{pane_id} #{pane_current_path}"]);
        let mut panes = panes.lines().filter_map(|it| it.split_once(' '));
        panes.find(|(it, _)| *it != pane).map(|(it, dir)| (it.to_owned(), dir.to_owned()))
    });
    assert_eq!(split.1, path);
    // Also where the directory does not tell.
    for args in [&["show"][..], &["explain"], &["log"], &["path"], &["wait"], &["receipts"]] {
        let ran = desk.sandbox.wtmag_in(&split.0, args).cwd(desk.sandbox.path("home")).run();
        assert!(ran.code == 0, "{args:?}: {ran}");
    }
    let inside = desk.run(&["show"]).cwd(path).run().success();
    assert!(inside.starts_with(&id), "{inside}");
    // Elsewhere nothing has changed.
    tmux.run(["select-window", "-t", "=main:0"]);
    let before = tmux.run(["list-panes", "-s", "-t", "=main"]).lines().count();
    seat.press(&["C-b", "%"]);
    eventually(SOON, "the other split", || {
        (tmux.run(["list-panes", "-s", "-t", "=main"]).lines().count() > before).then_some(())
    });
    let dirs = tmux.run(["list-panes", "-t", &desk.pane, "-F", "#{pane_current_path}"]);
    let dirs: Vec<&str> = dirs.lines().collect();
    assert_eq!(dirs[0], dirs[1], "{dirs:?}");
}

#[test]
fn commands_run_in_a_workers_worktree() {
    let desk = Desk::new();
    desk.worker("topic");
    let path = desk.wtmag(&["path", "topic"]).success();
    let there = desk.wtmag(&["exec", "topic", "--", "sh", "-c", "pwd; exit 3"]);
    assert_eq!((there.code, there.stdout), (3, path.clone()));
    let branch = desk.wtmag(&["exec", "topic", "--", "git", "branch", "--show-current"]).success();
    assert_eq!(branch.trim(), "topic");
    let said = desk.wtmag(&["exec", "topic", "--", "no-such-program"]).failure(1);
    assert!(said.contains("no-such-program"), "{said}");
    let own = desk.run(&["exec", "--", "pwd"]).cwd(path.trim()).run().success();
    assert_eq!(own, path);
    desk.git(&["worktree", "remove", "--force", path.trim()]);
    let said = desk.wtmag(&["path", "topic"]).failure(1);
    assert!(said.contains("is gone"), "{said}");
}

#[test]
fn a_text_may_begin_with_a_dash_and_a_forgotten_one_is_noticed() {
    let desk = Desk::new();
    let (one, other) = (desk.worker("one"), desk.worker("other"));
    for text in ["- and the footer", "--help me, please"] {
        desk.wtmag(&["send", &one, text, "--wait"]).success();
        let turns = desk.sandbox.agent_log().turns(Some(&one));
        assert!(turns.iter().any(|it| it == text), "{turns:?}");
    }
    let said = desk.wtmag(&["send", &one, &other]).failure(2);
    assert!(said.contains("the text is missing"), "{said}");
    let said = desk.wtmag(&["send", &one, "hi", "there"]).failure(1);
    assert!(said.contains("a text of several words needs quotes"), "{said}");
    assert_eq!(desk.sandbox.agent_log().turns(Some(&other)).len(), 1);
}

#[test]
fn what_one_worker_cannot_be_told_the_others_are_told() {
    let desk = Desk::new();
    let (one, other) = (desk.worker("one"), desk.worker("other"));
    let workers = desk.list(&[]);
    let gone = workers[0]["worktree"].as_str().unwrap();
    desk.git(&["worktree", "remove", "--force", gone]);
    let long = "two\nlines\n".repeat(2000);
    let file = desk.sandbox.put("home/text", &long);
    let said =
        desk.wtmag(&["send", "--all", "--file", file.to_str().unwrap(), "--wait"]).failure(1);
    assert!(
        said.contains("the text could not be queued for every worker") && said.contains(&one),
        "{said}"
    );
    let turns = desk.sandbox.agent_log().turns(Some(&other));
    assert!(turns.iter().any(|it| it.contains(".wtmag/message-1.md")), "{turns:?}");
}

#[test]
fn a_name_is_completed() {
    let desk = Desk::new();
    desk.worker("topic");
    let offered = |begun: &str| {
        let run = desk.run(&["--", "wtmag", "show", begun]);
        run.env("WTMAG_COMPLETE", "fish").run().success()
    };
    eventually(SOON, "the hub to answer in time", || {
        offered("").starts_with("topic\t").then_some(())
    });
    assert!(offered("blog-").starts_with("blog-topic\t"));
    assert!(!offered("x").contains("topic"));
    assert!(WTMAG.ends_with("wtmag"));
}
