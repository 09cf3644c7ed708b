//! What each worker changed, in `list`, `show` and JSON: counted by the hub, without anyone asking.
use std::path::PathBuf;

use serde_json::{Value, json};

use super::desk::{Desk, SOON};
use crate::support::eventually;

/// Waits until the worker's changes are these: added, deleted, ahead, behind.
#[track_caller]
fn wait_for(desk: &Desk, id: &str, want: [u64; 4]) -> Value {
    eventually(SOON, &format!("changes {want:?}"), || {
        let worker = desk.list(&[]).into_iter().find(|it| it["id"] == id)?;
        let it = worker["changes"].clone();
        let found = ["added", "deleted", "ahead", "behind"].map(|name| it[name].as_u64());
        (found == want.map(Some)).then_some(it)
    })
}

#[test]
fn they_are_counted_after_a_turn_and_after_a_command_of_git() {
    let desk = Desk::new();
    let id = desk.worker("docs");
    desk.wtmag(&["wait", &id, "--until", "idle", "--timeout", "20"]).success();
    wait_for(&desk, &id, [0, 0, 0, 0]);
    let dir = PathBuf::from(desk.wtmag(&["path", &id]).success().trim());
    let git = |args: &[&str]| desk.sandbox.run("git").cwd(&dir).args(args).run().success();
    // By a person, at rest.
    desk.sandbox.put(dir.join("one.txt"), "1\n2\n3");
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "-m", "One"]);
    let it = wait_for(&desk, &id, [3, 0, 1, 0]);
    assert_eq!(it["pushed"], Value::Null);
    assert_eq!(it["head"], git(&["rev-parse", "HEAD"]).trim());
    // Uncommitted, untracked, binary and ignored files, and a base that moves, all in a turn.
    desk.sandbox.put(dir.join("one.txt"), "1\n3\n");
    desk.sandbox.put(dir.join("new\n\x1b[2J.txt"), "a\nb\n");
    desk.sandbox.put(dir.join("logo.bin"), b"\0\n\n\n");
    desk.sandbox.put(dir.join(".git-not-ignored"), "");
    desk.git(&["commit", "--quiet", "--allow-empty", "-m", "Base"]);
    git(&["push", "--quiet", "-u", "origin", "docs"]);
    desk.wtmag(&["send", &id, "more"]).success();
    desk.wtmag(&["wait", &id, "--until", "idle", "--timeout", "20"]).success();
    let it = wait_for(&desk, &id, [4, 0, 1, 1]);
    assert_eq!(it["pushed"], it["head"]);
    let listed = desk.wtmag(&["list"]).success();
    assert!(listed.contains("CHANGES") && listed.contains("+4 ↑1 ↓1"), "{listed}");
    let shown = desk.wtmag(&["show", &id]).success();
    assert!(shown.contains("+4 ↑1 ↓1, counted"), "{shown}");
    let short = desk.wtmag(&["list", "--json"]).json();
    assert_eq!(short[0]["changes"], json!("+4 ↑1 ↓1"));
    // The same number as the diff has.
    let diff = desk.wtmag(&["diff", &id, "--json"]).json();
    let sum = |part: &str| diff[part]["added"].as_u64().unwrap();
    assert_eq!((sum("committed"), sum("uncommitted")), (3, 3));
    assert_eq!((diff["ahead"].as_u64(), diff["behind"].as_u64()), (Some(1), Some(1)));
}
