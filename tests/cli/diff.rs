//! `diff`: what a worker changed, exactly, whatever happened to its base.
use std::fs;

use serde_json::{Value, json};

use super::desk::Desk;

/// The worktree of a new worker `topic`, and its id.
fn topic(desk: &Desk) -> (String, std::path::PathBuf) {
    desk.sandbox.put(desk.dir.join("lines.txt"), "1\n2\n3\n4\n5\n6\n7\n8\n");
    desk.git(&["add", "lines.txt"]);
    desk.git(&["commit", "--quiet", "-m", "Lines"]);
    desk.git(&["push", "--quiet", "origin", "main"]);
    let id = desk.worker("topic");
    desk.wtmag(&["wait", &id, "--until", "idle", "--timeout", "20"]).success();
    let path = desk.wtmag(&["path", &id]).success().trim().to_owned();
    (id, path.into())
}

#[test]
fn commits_and_files_are_shown_apart() {
    let desk = Desk::new();
    let (id, dir) = topic(&desk);
    let git = |args: &[&str]| desk.sandbox.run("git").cwd(&dir).args(args).run().success();
    let none = desk.wtmag(&["diff", &id]).success();
    assert!(
        none.contains("no commits on `topic` since `main` (") && none.contains("no uncommitted")
    );
    git(&["mv", "lines.txt", "moved.txt"]);
    desk.sandbox.put(dir.join("moved.txt"), "1\n2\n3\nfour\n5\n6\n7\n8\n");
    desk.sandbox.put(dir.join("logo.bin"), [0, 159, 146, 150]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "-m", "Move\x1b[2J it"]);
    desk.sandbox.put(dir.join("README.md"), "hello\nworld\n");
    desk.sandbox.put(dir.join("a b/new\n.txt"), "one\ntwo\n");
    git(&["update-index", "--assume-unchanged", "moved.txt"]);
    desk.sandbox.put(dir.join("moved.txt"), "1\n2\n3\nfour\n5\n6\n7\n");
    // The base has moved, too.
    desk.sandbox.put(desk.dir.join("other.txt"), "x");
    desk.git(&["add", "other.txt"]);
    desk.git(&["commit", "--quiet", "-m", "Other"]);
    let before = git(&["status", "--porcelain=v2", "--branch"]);

    let text = desk.wtmag(&["diff", &id]).success();
    assert!(text.starts_with("1 commit on `topic` since `main` ("), "{text}");
    assert!(text.contains("; `main` has 1 new commit since\n  "), "{text}");
    assert!(text.contains("rename from lines.txt\nrename to moved.txt"), "{text}");
    assert!(text.contains("\nuncommitted changes in 3 files\n"), "{text}");
    assert!(text.contains("+world") && text.contains("+two") && text.contains("\n-8\n"), "{text}");
    assert!(!text.contains('\x1b') && !text.contains("other.txt") && !text.contains("prompt.md"));
    let stat = desk.wtmag(&["diff", &id, "--stat", "--committed"]).success();
    assert!(stat.contains("lines.txt => moved.txt |") && stat.contains("logo.bin"), "{stat}");
    let names = desk.wtmag(&["diff", &id, "--name-only"]).success();
    assert_eq!(names, "\"a b/new\\n.txt\"\nREADME.md\nlogo.bin\nmoved.txt\n");

    check_json(&desk, &id);
    assert_eq!(git(&["status", "--porcelain=v2", "--branch"]), before, "nothing is changed");
    check_patch(&desk, &id);
}

fn check_json(desk: &Desk, id: &str) {
    let value = desk.wtmag(&["diff", id, "--json"]).json();
    let files = |part: &str| -> Value {
        let all = value[part]["files"].as_array().unwrap().iter();
        all.map(|it| {
            json!([it["path"], it["from"], it["change"], it["added"], it["deleted"], it["binary"]])
        })
        .collect()
    };
    let want = json!([
        ["logo.bin", null, "added", null, null, true],
        ["moved.txt", "lines.txt", "renamed", 1, 1, false],
    ]);
    assert_eq!(files("committed"), want);
    let want = json!([
        ["README.md", null, "modified", 1, 0, false],
        ["a b/new\n.txt", null, "untracked", 2, 0, false],
        ["moved.txt", null, "modified", 0, 1, false],
    ]);
    assert_eq!(files("uncommitted"), want);
    assert_eq!((&value["ahead"], &value["behind"]), (&json!(1), &json!(1)));
    assert_eq!(value["base"]["name"], "main");
    assert_eq!(value["base"]["tip"], desk.git(&["rev-parse", "main"]).as_str());
}

fn check_patch(desk: &Desk, id: &str) {
    // What is printed to a file is a patch.
    let patch = desk.wtmag(&["diff", id, "--uncommitted"]).success();
    let copy = desk.sandbox.path("src/copy");
    desk.git(&["worktree", "add", "--quiet", "--detach", copy.to_str().unwrap(), "topic"]);
    desk.sandbox.run("git").cwd(&copy).args(["apply"]).input(patch).run().success();
    assert_eq!(fs::read_to_string(copy.join("a b/new\n.txt")).unwrap(), "one\ntwo\n");

    // A removed worker, as long as it can be brought back.
    desk.wtmag(&["cleanup", id, "--force"]).success();
    let kept = desk.wtmag(&["diff", id, "--json"]).json();
    assert_eq!((&kept["ahead"], &kept["worktree"]), (&json!(1), &Value::Null), "{kept}");
    let names: Vec<_> = kept["uncommitted"]["files"].as_array().unwrap().iter().collect();
    assert_eq!(names.len(), 3, "{kept}");
}

#[test]
fn a_base_that_moved_or_was_rewritten_is_not_the_workers_change() {
    let desk = Desk::new();
    let (id, dir) = topic(&desk);
    let git = |args: &[&str]| desk.sandbox.run("git").cwd(&dir).args(args).run().success();
    let put = |dir: &std::path::Path, name: &str| {
        desk.sandbox.put(dir.join(name), name);
        desk.sandbox.run("git").cwd(dir).args(["add", name]).run().success();
        let args = ["commit", "--quiet", "-m", name];
        desk.sandbox.run("git").cwd(dir).args(args).run().success();
    };
    let seen = || {
        let value = desk.wtmag(&["diff", &id, "--json"]).json();
        let names = desk.wtmag(&["diff", &id, "--name-only", "--committed"]).success();
        (names, value["ahead"].as_u64().unwrap(), value["behind"].as_u64().unwrap())
    };
    put(&dir, "one");
    put(&desk.dir, "base1");
    assert_eq!(seen(), ("one\n".to_owned(), 1, 1));
    // The worker merges its base.
    git(&["merge", "--quiet", "--no-edit", "main"]);
    assert_eq!(seen(), ("one\n".to_owned(), 2, 0));
    // The worker rebases.
    put(&desk.dir, "base2");
    git(&["reset", "--quiet", "--hard", "HEAD^1"]);
    git(&["rebase", "--quiet", "main"]);
    assert_eq!(seen(), ("one\n".to_owned(), 1, 0));
    // The base is rewritten below it: the commits that it lost are not the worker's.
    desk.git(&["reset", "--quiet", "--hard", "HEAD~3"]);
    put(&desk.dir, "instead");
    desk.git(&["push", "--quiet", "--force", "origin", "main"]);
    let (names, ..) = seen();
    assert!(names.contains("one") && !names.contains("instead"), "{names}");
    // Landed by others: nothing is left of it.
    git(&["rebase", "--quiet", "main"]);
    desk.git(&["merge", "--quiet", "--ff-only", "topic"]);
    assert_eq!(seen().0, "");
}
