//! `create --with-changes`: uncommitted changes move, whole and once.
use std::fs;

use nix::sys::signal::Signal;

use super::desk::{Desk, SOON};
use crate::support::eventually;

/// A changed, a staged, a deleted, a renamed and a new file, and one that git ignores.
fn change(desk: &Desk) {
    let dir = &desk.dir;
    for (name, text) in
        [("a.txt", "1\n2\n3\n"), ("b.txt", "b\n"), ("c.txt", "c\n"), ("d.txt", "d\n")]
    {
        desk.sandbox.put(dir.join(name), text);
    }
    desk.sandbox.put(dir.join(".gitignore"), "*.log\n");
    desk.git(&["add", "--all"]);
    desk.git(&["commit", "--quiet", "-m", "Files"]);
    desk.sandbox.put(dir.join("a.txt"), "1\ntwo\n3\n");
    desk.sandbox.put(dir.join("b.txt"), "staged\n");
    desk.git(&["add", "b.txt"]);
    desk.sandbox.put(dir.join("b.txt"), "staged, then changed\n");
    fs::remove_file(dir.join("c.txt")).unwrap();
    desk.git(&["mv", "d.txt", "e.txt"]);
    desk.sandbox.put(dir.join("new/f.txt"), "f\n");
    desk.sandbox.put(dir.join("x.log"), "ignored\n");
}

fn status(desk: &Desk, dir: &std::path::Path) -> String {
    let status = ["status", "--porcelain=v2", "--untracked-files=all"];
    desk.sandbox.run("git").cwd(dir).args(status).run().success()
}

#[test]
fn all_changes_move_with_what_is_staged_or_stay() {
    let desk = Desk::new();
    change(&desk);
    let before = status(&desk, &desk.dir);
    let head = desk.git(&["rev-parse", "HEAD"]);
    let traces = desk.traces();
    // Nothing moves if the worker is not made.
    let said = desk.wtmag(&["create", "x", "--with-changes", "--agent", "nobody"]).failure(2);
    assert!(said.contains("nobody"), "{said}");
    desk.wtmag(&["create", "x", "--with-changes", "--base", "main"]).failure(2);
    desk.wtmag(&["create", "x", "--with-changes", "--patch"]).failure(2);
    assert_eq!((status(&desk, &desk.dir), desk.traces()), (before.clone(), traces));

    let made = desk.wtmag(&["create", "x", "--name", "a", "--with-changes", "--json"]);
    assert!(made.stderr.contains("have moved to the worker"), "{made}");
    let made = made.json();
    let dir = std::path::PathBuf::from(made["worker"]["worktree"].as_str().unwrap());
    assert_eq!(status(&desk, &dir), before);
    assert_eq!(status(&desk, &desk.dir), "");
    assert_eq!(fs::read_to_string(desk.dir.join("a.txt")).unwrap(), "1\n2\n3\n");
    assert_eq!(fs::read_to_string(desk.dir.join("x.log")).unwrap(), "ignored\n");
    assert_eq!(made["worker"]["base"]["sha"], head.as_str());
    assert_eq!(desk.git(&["stash", "list"]), "");
    assert_eq!(desk.git(&["rev-parse", "HEAD"]), head);
    let said = desk.wtmag(&["create", "x", "--with-changes"]).failure(1);
    assert!(said.contains("there are none"), "{said}");
    // An agent that cannot be started has a copy; they stay here.
    desk.sandbox.put(desk.dir.join("a.txt"), "again\n");
    let failed = desk.wtmag(&["create", "x", "--name", "b", "--with-changes", "--agent", "dies"]);
    assert_eq!(failed.code, 1, "{failed}");
    assert!(failed.stderr.contains("also still in"), "{failed}");
    assert_eq!(fs::read_to_string(desk.dir.join("a.txt")).unwrap(), "again\n");
}

/// Killed at some moment, the changes are in one place when the next command has run.
#[test]
fn a_killed_create_loses_no_change() {
    let desk = Desk::new();
    change(&desk);
    let before = status(&desk, &desk.dir);
    for round in 0..3 {
        let name = format!("a{round}");
        let there = desk.sandbox.path(format!("src/blog.{name}"));
        let id = format!("blog-{name}");
        let args = ["create", "x", "--name", &name, "--with-changes", "--agent", "late"];
        let running = desk.start(&args);
        eventually(SOON, "the moment", || {
            let is_it = match round {
                0 => there.exists(),
                1 => there.join(".wtmag").exists(),
                _ => desk.list(&[]).iter().any(|it| it["id"] == id.as_str()),
            };
            is_it.then_some(())
        });
        running.signal(Signal::SIGKILL);
        drop(running.end());
        let worker = eventually(SOON, "the changes to be in one place", || {
            let all = desk.list(&[]);
            let made = all.iter().find(|it| it["id"] == id.as_str()).cloned();
            let is_here = status(&desk, &desk.dir) == before;
            (made.is_some() != is_here).then_some(made)
        });
        if worker.is_some() {
            assert_eq!(status(&desk, &there), before);
            assert_eq!(
                (status(&desk, &desk.dir), desk.git(&["stash", "list"])),
                Default::default()
            );
            return;
        }
        assert!(!there.exists(), "{}", desk.traces());
    }
    panic!("the last one was made");
}

#[test]
fn chosen_parts_move_and_the_rest_stays() {
    let desk = Desk::new();
    desk.sandbox.put(desk.dir.join("a.txt"), "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n");
    desk.git(&["add", "a.txt"]);
    desk.git(&["commit", "--quiet", "-m", "A"]);
    desk.sandbox.put(desk.dir.join("a.txt"), "one\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\ntwelve\n");
    let tmux = desk.sandbox.tmux();
    let program = env!("CARGO_BIN_EXE_wtmag");
    let line =
        format!("cd {} && {program} create x --name a --with-changes --patch", desk.dir.display());
    tmux.run(["send-keys", "-t", &desk.pane, &line, "Enter"]);
    for answer in ["n", "y"] {
        eventually(SOON, "the question", || {
            let screen = tmux.run(["capture-pane", "-p", "-t", &desk.pane]);
            screen.trim_end().ends_with('?').then_some(())
        });
        tmux.run(["send-keys", "-t", &desk.pane, answer, "Enter"]);
        eventually(SOON, "the answer", || {
            let screen = tmux.run(["capture-pane", "-p", "-t", &desk.pane]);
            screen.contains(&format!("]? {answer}")).then_some(())
        });
    }
    eventually(SOON, "the rest to stay", || {
        // git replaces the file, which is missing for a moment.
        let text = fs::read_to_string(desk.dir.join("a.txt")).unwrap_or_default();
        (text.starts_with("one\n") && text.ends_with("\n12\n")).then_some(())
    });
    eventually(SOON, "what moved to be told", || {
        let screen = tmux.run(["capture-pane", "-p", "-J", "-t", &desk.pane]);
        screen.contains("the changes that you chose").then_some(())
    });
    let dir = desk.list(&[])[0]["worktree"].as_str().unwrap().to_owned();
    let there = fs::read_to_string(std::path::Path::new(&dir).join("a.txt")).unwrap();
    assert!(there.starts_with("1\n2\n") && there.ends_with("\ntwelve\n"), "{there}");
}

/// All worktrees of a repository have one list of stashes.
#[test]
fn what_another_worktree_stashes_meanwhile_is_left_alone() {
    let desk = Desk::new();
    let other = desk.sandbox.path("src/other");
    desk.git(&["worktree", "add", "--quiet", other.to_str().unwrap()]);
    desk.sandbox.put(other.join("theirs.txt"), "theirs\n");
    // As soon as there is a stash, theirs comes on top of it.
    let hook = format!(
        "#!/bin/sh\nunset GIT_DIR GIT_INDEX_FILE GIT_WORK_TREE GIT_PREFIX\n\
         cd '{}' && git rev-parse -q --verify refs/stash && [ -e theirs.txt ] || exit 0\n\
         exec git -c core.hooksPath=/dev/null stash push --quiet --include-untracked -m theirs\n",
        other.display()
    );
    desk.sandbox.put_executable(desk.dir.join(".git/hooks/post-index-change"), &hook);
    desk.sandbox.put(desk.dir.join("mine.txt"), "mine\n");
    let args = ["create", "--prompt", "x", "--name", "topic", "--with-changes", "--json"];
    let made = desk.wtmag(&args);
    let there = std::path::PathBuf::from(made.json()["worker"]["worktree"].as_str().unwrap());
    assert_eq!(fs::read_to_string(there.join("mine.txt")).unwrap(), "mine\n");
    assert_eq!(status(&desk, &desk.dir), "");
    let stashes = desk.git(&["stash", "list", "--format=%gs"]);
    assert!(stashes.starts_with("On other: theirs"), "{stashes}");
}
