//! `cleanup` of several workers, of those whose work is merged, and of those whose work is dropped.
use std::{fs, path::PathBuf, time::Duration};

use serde_json::{Value, json};

use super::desk::Desk;
use crate::support::eventually;

/// A worker at rest, and its worktree.
fn worker(desk: &Desk, name: &str) -> (String, PathBuf) {
    let id = desk.worker(name);
    desk.wtmag(&["wait", &id, "--until", "idle", "--timeout", "20"]).success();
    let dir = PathBuf::from(desk.wtmag(&["path", &id]).success().trim());
    (id, dir)
}

fn commit(desk: &Desk, dir: &std::path::Path, file: &str, text: &str) -> String {
    desk.sandbox.put(dir.join(file), text);
    let git = |args: &[&str]| desk.sandbox.run("git").cwd(dir).args(args).run().success();
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "-m", &format!("Add {file}")]);
    git(&["rev-parse", "HEAD"]).trim().to_owned()
}

#[test]
fn what_is_merged_goes_with_its_proof_and_all_else_stays() {
    let desk = Desk::new();
    let (merged, dir) = worker(&desk, "merged");
    commit(&desk, &dir, "merged.txt", "x");
    desk.git(&["merge", "--quiet", "--no-edit", "merged"]);
    // Squashed on the server, and not fetched.
    let (squashed, dir) = worker(&desk, "squashed");
    commit(&desk, &dir, "one.txt", "1");
    commit(&desk, &dir, "two.txt", "2");
    let (clone, remote) = (desk.sandbox.path("src/other"), desk.sandbox.path("remotes/blog.git"));
    let to = clone.to_str().unwrap();
    desk.git(&["clone", "--quiet", remote.to_str().unwrap(), to]);
    desk.sandbox.put(clone.join("one.txt"), "1");
    commit(&desk, &clone, "two.txt", "2");
    desk.sandbox.run("git").cwd(&clone).args(["push", "--quiet"]).run().success();
    let (fresh, _) = worker(&desk, "fresh");
    let (pushed, dir) = worker(&desk, "pushed");
    commit(&desk, &dir, "pushed.txt", "x");
    desk.sandbox
        .run("git")
        .cwd(&dir)
        .args(["push", "--quiet", "-u", "origin", "pushed"])
        .run()
        .success();
    let (dirty, dir) = worker(&desk, "dirty");
    commit(&desk, &dir, "dirty.txt", "x");
    desk.git(&["merge", "--quiet", "--no-edit", "dirty"]);
    desk.sandbox.put(dir.join("new"), "x");
    let busy = desk.worker_of("slow", "busy");

    let before = desk.traces();
    let plan = desk.wtmag(&["cleanup", "--merged", "--dry-run", "--json"]).json();
    assert_eq!(desk.traces(), before);
    let why = |id: &str| -> Value {
        let it = plan.as_array().unwrap().iter().find(|it| it["id"] == id).unwrap();
        json!([it["verdict"], it["why"]])
    };
    assert_eq!(why(&merged), json!(["remove", "`main` has its commits"]));
    assert_eq!(why(&squashed), json!(["remove", "`main` has its files"]));
    assert_eq!(why(&fresh), json!(["keep", "it has no commits yet"]));
    assert_eq!(why(&pushed), json!(["keep", "its work is in no other branch"]));
    let want = "`main` has its commits, but it has untracked files: `new`";
    assert_eq!(why(&dirty), json!(["keep", want]));
    assert_eq!(why(&busy), json!(["keep", "the agent is `working`"]));
    let said = desk.wtmag(&["cleanup", "--merged"]).success();
    assert!(said.ends_with("2 workers removed, 4 kept\n"), "{said}");
    let mut left: Vec<Value> = desk.list(&[]).iter().map(|it| it["branch"].clone()).collect();
    left.sort_by_key(ToString::to_string);
    assert_eq!(left, ["busy", "dirty", "fresh", "pushed"]);
    // Several by name: one that must stay does not keep the others.
    let done = desk.wtmag(&["cleanup", &dirty, &fresh, "--json"]);
    assert_eq!(done.code, 1, "{done}");
    let done: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(done["removed"][0]["id"], fresh.as_str());
    assert_eq!(done["kept"][0]["id"], dirty.as_str());
}

#[test]
fn dropped_work_comes_back_and_what_came_later_is_not_dropped() {
    let desk = Desk::new();
    let (id, dir) = worker(&desk, "a/b");
    let tip = commit(&desk, &dir, "work.txt", "work");
    desk.sandbox.put(dir.join("new.txt"), "new");
    let said = desk.wtmag(&["cleanup", &id]).failure(1);
    let token = said.split("--discard ").nth(1).unwrap().split('`').next().unwrap().to_owned();
    // Nothing that came later, whatever it is.
    for (file, text) in [("new.txt", "newer"), ("more.txt", "x")] {
        desk.sandbox.put(dir.join(file), text);
        let said = desk.wtmag(&["cleanup", &id, "--discard", &token]).failure(1);
        assert!(said.contains("is not the state of this worktree"), "{said}");
    }
    fs::remove_file(dir.join("more.txt")).unwrap();
    desk.sandbox.put(dir.join("new.txt"), "new");
    // The same state again, in another moment.
    desk.wtmag(&["cleanup", &id, "--discard", &token]).success();
    assert!(!dir.exists());
    desk.wtmag(&["restore", &id]).success();
    assert_eq!(fs::read_to_string(dir.join("new.txt")).unwrap(), "new");
    assert_eq!(desk.git(&["rev-parse", "a/b"]), tip);

    let (again, dir) = worker(&desk, "c/d");
    let tip = commit(&desk, &dir, "work.txt", "work");
    desk.sandbox.put(dir.join("new.txt"), "new");
    // What a backup cannot keep is not dropped.
    desk.git(&["worktree", "lock", dir.to_str().unwrap()]);
    let said = desk.wtmag(&["cleanup", &again, "--abandon"]).failure(1);
    assert!(said.contains("a lock on the worktree"), "{said}");
    desk.git(&["worktree", "unlock", dir.to_str().unwrap()]);
    desk.wtmag(&["cleanup", &again, "--abandon"]).success();
    assert_eq!(desk.git(&["rev-parse", "refs/wtmag/abandoned/c/d"]), tip);
    let log = desk.wtmag(&["log", &again]).success();
    assert!(log.contains("refs/wtmag/abandoned/c/d"), "{log}");
    desk.wtmag(&["restore", &again]).success();
    assert_eq!(desk.git(&["rev-parse", "c/d"]), tip);
    assert_eq!(fs::read_to_string(dir.join("new.txt")).unwrap(), "new");
}

#[test]
fn a_branch_that_its_merge_deleted_is_proven_by_its_last_commit() {
    let desk = Desk::new();
    let (id, dir) = worker(&desk, "merged");
    commit(&desk, &dir, "a.txt", "x");
    // The hub counts the changes of a worker at rest.
    eventually(Duration::from_secs(60), "its commit to be counted", || {
        let it = desk.list(&[]).into_iter().find(|it| it["id"] == id.as_str())?;
        (it["changes"]["ahead"] == 1).then_some(())
    });
    let (lost, other) = worker(&desk, "lost");
    commit(&desk, &other, "b.txt", "x");
    eventually(Duration::from_secs(60), "its commit to be counted", || {
        let it = desk.list(&[]).into_iter().find(|it| it["id"] == lost.as_str())?;
        (it["changes"]["ahead"] == 1).then_some(())
    });
    // As `wt merge` does it, and one whose work is nowhere.
    desk.git(&["merge", "--quiet", "--no-edit", "merged"]);
    for (path, branch) in [(&dir, "merged"), (&other, "lost")] {
        desk.git(&["worktree", "remove", "--force", path.to_str().unwrap()]);
        desk.git(&["branch", "--quiet", "-D", branch]);
    }
    let plan = desk.wtmag(&["cleanup", "--merged", "--dry-run", "--json"]).json();
    let why = |id: &str| -> Value {
        let it = plan.as_array().unwrap().iter().find(|it| it["id"] == id).unwrap();
        json!([it["verdict"], it["why"]])
    };
    assert_eq!(why(&id), json!(["remove", "`main` has its commits"]));
    assert_eq!(why(&lost), json!(["keep", "its branch is gone"]));
    let said = desk.wtmag(&["cleanup", "--merged"]).success();
    assert!(said.ends_with("1 worker removed, 1 kept\n"), "{said}");
}
