//! `land`: everything or nothing, judged by git.
use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;

use super::desk::{Desk, SOON};
use crate::support::{eventually, is_full};

const AGENTS: &str = "[land]\nagents = true\n";

/// A worker at rest with a commit of these files.
fn worker(desk: &Desk, name: &str, files: &[(&str, &str)]) -> (String, PathBuf) {
    let id = desk.worker(name);
    desk.wtmag(&["wait", &id, "--until", "idle", "--timeout", "20"]).success();
    let dir = PathBuf::from(desk.wtmag(&["path", &id]).success().trim());
    commit(desk, &dir, files);
    (id, dir)
}

fn commit(desk: &Desk, dir: &std::path::Path, files: &[(&str, &str)]) {
    for (file, text) in files {
        desk.sandbox.put(dir.join(file), text);
    }
    let git = |args: &[&str]| desk.sandbox.run("git").cwd(dir).args(args).run().success();
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "-m", &format!("Add {}", files[0].0)]);
}

#[test]
fn several_workers_are_landed_one_on_the_other_and_removed() {
    let desk = Desk::new();
    desk.config(AGENTS);
    let (a, _) = worker(&desk, "a", &[("a.txt", "a")]);
    let (b, _) = worker(&desk, "b", &[("b.txt", "b")]);
    let before = desk.git(&["rev-parse", "main"]);
    let plan = desk.wtmag(&["land", &a, &b, "--dry-run"]).success();
    assert!(plan.contains("would land 1 commit in `main` (merge)"), "{plan}");
    assert_eq!(desk.git(&["rev-parse", "main"]), before);
    let done = desk.wtmag(&["land", &a, &b, "--yes", "--json"]).json();
    for (idx, name) in ["a", "b"].iter().enumerate() {
        let it = &done[idx];
        assert_eq!((&it["into"], &it["mode"]), (&"main".into(), &"merge".into()), "{done}");
        let removed = &it["removed"];
        assert_eq!(removed["worktree_removed"], true, "{done}");
        assert_eq!(removed["branch_deleted"], true, "{done}");
        assert_eq!(fs::read_to_string(desk.dir.join(format!("{name}.txt"))).unwrap(), *name);
    }
    assert_eq!(done[1]["to_push"], 4, "{done}");
    assert_eq!(done[1]["from"], done[0]["commit"]);
    let subjects = desk.git(&["log", "--first-parent", "--format=%s", &format!("{before}..main")]);
    assert_eq!(subjects, "Merge branch 'b' into main\nMerge branch 'a' into main");
    assert_eq!(desk.git(&["status", "--porcelain"]), "");
    assert!(desk.list(&["--all"]).is_empty());
    let log = desk.wtmag(&["log", &a]).success();
    assert!(log.contains("landed") && log.contains("in main at "), "{log}");
}

#[test]
fn what_cannot_be_proven_is_refused_and_nothing_changes() {
    let desk = Desk::new();
    let (id, dir) = worker(&desk, "a", &[("README.md", "mine\n")]);
    let refused = |args: &[&str]| {
        let before = desk.traces();
        let said = desk.wtmag(&[&["land"], args].concat()).failure(1);
        assert_eq!(desk.traces(), before, "{said}");
        assert_eq!(desk.git(&["status", "--porcelain"]), "", "{said}");
        said
    };
    assert!(refused(&[&id]).contains("only a person in a terminal may land work"));
    desk.config(AGENTS);
    assert!(refused(&[&id]).contains("needs `--yes`"));
    assert!(refused(&[&id, "--yes", "--need", "pushed"]).contains("| the branch is not pushed"));
    assert!(refused(&[&id, "--yes", "--into", "x"]).contains("there is no local branch `x`"));
    desk.sandbox.put(dir.join("new"), "x");
    let said = refused(&[&id, "--yes"]);
    assert!(said.contains("| untracked files: `new`") && said.contains("wtmag diff"), "{said}");
    fs::remove_file(dir.join("new")).unwrap();
    // A conflict: nothing changes, and the agent is asked to resolve it.
    commit(&desk, &desk.dir, &[("README.md", "theirs\n")]);
    let (other, _) = worker(&desk, "b", &[("b.txt", "b")]);
    for mode in ["merge", "squash", "rebase"] {
        let said = refused(&[&id, &other, "--yes", "--mode", mode]);
        assert!(said.contains("conflicts with `main`"), "{mode}: {said}");
        assert!(said.contains("`README.md`"), "{mode}: {said}");
        assert!(said.contains(&format!("not tried: `{other}`")), "{mode}: {said}");
    }
    assert!(refused(&[&id, "--yes", "--mode", "ff"]).contains("`main` has commits that"));
    assert!(refused(&[&id, "--yes", "--tell"]).contains("the agent was asked to resolve them"));
    let told = "Your branch `a` cannot be landed: it conflicts with `main` in `README.md`.";
    eventually(Duration::from_secs(20), "the agent to be told", || {
        let receipts = desk.wtmag(&["receipts", &id]).success();
        (receipts.contains("accepted") && receipts.contains(&told[..40])).then_some(())
    });
    // The target has uncommitted changes.
    desk.sandbox.put(desk.dir.join("README.md"), "changed");
    let said = desk.wtmag(&["land", &other, "--yes"]).failure(1);
    assert!(said.contains("has uncommitted changes: `README.md`"), "{said}");
    assert_eq!(fs::read_to_string(desk.dir.join("README.md")).unwrap(), "changed");
}

#[test]
fn work_that_others_landed_is_told_as_landed_and_removed() {
    let desk = Desk::new();
    desk.config(AGENTS);
    let (id, dir) = worker(&desk, "a", &[("a.txt", "a")]);
    desk.git(&["merge", "--quiet", "--squash", "a"]);
    desk.git(&["commit", "--quiet", "-m", "Squashed"]);
    desk.wtmag(&["land", &id, "--yes", "--keep"]).success();
    assert!(dir.exists());
    let shown = desk.wtmag(&["show", &id]).success();
    assert!(shown.contains("landed"), "{shown}");
    let done = desk.wtmag(&["land", &id, "--yes", "--json"]).json();
    assert_eq!(
        (&done[0]["already"], &done[0]["removed"]["branch_deleted"]),
        (&true.into(), &true.into()),
        "{done}"
    );
    assert!(!dir.exists());
}

/// kill -9 at any moment: the target has the work or not, its files are those of its commit, and no
/// lock is left when the next command has run.
#[test]
fn a_killed_landing_leaves_everything_or_nothing() {
    let desk = Desk::new();
    desk.config(AGENTS);
    let many: Vec<(String, String)> =
        (0..400).map(|n| (format!("d{}/f{n}.txt", n % 7), format!("{n}\n").repeat(50))).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let (id, dir) = worker(&desk, "a", &many);
    let tip = desk.git(&["rev-parse", "a"]);
    let start = desk.git(&["rev-parse", "main"]);
    let land = ["land", &id, "--yes", "--keep", "--mode", "squash"];
    let begun = Instant::now();
    desk.wtmag(&land).success();
    let whole = begun.elapsed();
    desk.git(&["reset", "--quiet", "--hard", &start]);
    let rounds = if is_full() { 100 } else { 16 };
    let (mut landed, mut undone) = (0, 0);
    for round in 0..rounds {
        let running = desk.start(&land);
        // From a third of the way on to the end, in another order than in time.
        std::thread::sleep(whole * (33 + (round * 37) % 75) / 100);
        running.signal(Signal::SIGKILL);
        drop(running.end());
        let said = desk.wtmag(&["list"]);
        assert_eq!(said.code, 0, "{said}");
        let status = desk.git(&["status", "--porcelain"]);
        assert_eq!(status, "", "round {round}: {said}");
        let now = desk.git(&["rev-parse", "main"]);
        assert_eq!(desk.git(&["rev-parse", "a"]), tip, "round {round}");
        assert!(dir.join("d0/f0.txt").exists());
        if now == start {
            undone += 1;
            continue;
        }
        landed += 1;
        assert_eq!(desk.git(&["diff", "--stat", "main", "a"]), "", "round {round}");
        assert_eq!(desk.git(&["rev-list", "--count", &format!("{start}..main")]), "1");
        desk.git(&["reset", "--quiet", "--hard", &start]);
    }
    println!("{rounds} kills: {landed} landed, {undone} undone");
    assert!(landed > 0 && undone > 0, "landed {landed}, undone {undone}: the times do not fit");
}

/// The forge merges exactly the commit that was checked.
#[test]
fn a_pull_request_is_merged_on_the_forge() {
    let mut desk = Desk::new();
    desk.config("[land]\nagents = true\nmode = \"pr\"\npr = \"squash\"\nneed = [\"checks\", \"approved\"]\n");
    let sha = desk.pull_request();
    desk.github(&sha);
    let made = desk.wtmag(&["create", "--github", "234", "--json"]).json();
    let id = made["worker"]["id"].as_str().unwrap().to_owned();
    desk.wtmag(&["wait", &id, "--until", "idle", "--timeout", "20"]).success();
    let dir = PathBuf::from(desk.wtmag(&["path", &id]).success().trim());
    commit(&desk, &dir, &[("fix.txt", "fixed")]);
    let branch = made["worker"]["branch"].as_str().unwrap().to_owned();
    let tip = desk.git(&["rev-parse", &branch]);
    let set = |key: &str, value: serde_json::Value| {
        let path = desk.sandbox.path("run/gh.json");
        let text = fs::read_to_string(&path).unwrap();
        let mut data: serde_json::Value = serde_json::from_str(&text).unwrap();
        data["repositories"]["acme/blog"]["pulls"]["234"][key] = value;
        desk.sandbox.put(&path, data.to_string());
    };
    let state = |key: &str| -> serde_json::Value {
        let text = fs::read_to_string(desk.sandbox.path("run/gh.json")).unwrap();
        let data: serde_json::Value = serde_json::from_str(&text).unwrap();
        data["repositories"]["acme/blog"]["pulls"]["234"][key].clone()
    };
    let refused = |want: &str| {
        let said = desk.wtmag(&["land", &id, "--yes"]).failure(1);
        assert!(said.contains(want), "{want}: {said}");
        assert_ne!(state("state"), "MERGED");
    };
    refused(&format!("its pull request is at {}, but the branch at", &sha[..7]));
    set("sha", tip.clone().into());
    set("checks", serde_json::json!([{"name": "test", "conclusion": "FAILURE"}]));
    refused("a check failed");
    set("checks", serde_json::json!([{"name": "test", "status": "QUEUED"}]));
    refused("the checks of its pull request still run");
    let said = desk.wtmag(&["land", &id, "--yes", "--wait", "1s"]).failure(4);
    assert!(said.contains("still run"), "{said}");
    set("checks", serde_json::json!([{"name": "test", "conclusion": "SUCCESS"}]));
    refused("it is not approved");
    set("review", "APPROVED".into());
    set("protected", "2 approving reviews are needed".into());
    refused("did not merge https://github.com/acme/blog/pull/234: 2 approving reviews are needed");
    set("protected", serde_json::Value::Null);
    desk.sandbox.put(dir.join("new"), "x");
    refused("| untracked files: `new`");
    fs::remove_file(dir.join("new")).unwrap();
    let main = desk.git(&["rev-parse", "main"]);
    let done = desk.wtmag(&["land", &id, "--yes", "--json"]).json();
    assert_eq!(
        (&done[0]["commit"], &done[0]["into"]),
        (&"b".repeat(40).into(), &"main".into()),
        "{done}"
    );
    assert_eq!(done[0]["removed"]["branch_deleted"], true, "{done}");
    assert_eq!((state("state"), state("merged_by")), ("MERGED".into(), "squash".into()));
    assert_eq!(desk.git(&["rev-parse", "main"]), main, "nothing is merged here");
    // The commit is in no branch here, and comes back with the backup.
    desk.wtmag(&["restore", &id]).success();
    assert_eq!(desk.git(&["rev-parse", &branch]), tip);
}

/// No turn of the agent tells of it: the forge is asked for the branch.
#[test]
fn the_pull_request_of_a_branch_that_its_user_pushed_is_found() {
    let mut desk = Desk::new();
    desk.config("[land]\nagents = true\nmode = \"pr\"\n");
    let (id, _) = worker(&desk, "docs", &[("docs.txt", "x")]);
    let head = desk.git(&["rev-parse", "docs"]);
    desk.github(&head);
    let pull = |number: &str, pull: serde_json::Value| {
        let path = desk.sandbox.path("run/gh.json");
        let mut data: serde_json::Value =
            serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        data["repositories"]["acme/blog"]["pulls"][number] = pull;
        desk.sandbox.put(&path, data.to_string());
    };
    // A fork's branch of that name, and one at a commit that is not here.
    let title = "Docs";
    pull(
        "500",
        serde_json::json!({"title": title, "head": "docs", "sha": head, "fork": "eve/blog"}),
    );
    pull("501", serde_json::json!({"title": title, "head": "docs", "sha": "f".repeat(40)}));
    let said = desk.wtmag(&["land", &id, "--yes"]).failure(1);
    assert!(said.contains("there is no open pull request for `docs`"), "{said}");
    pull("501", serde_json::json!({"title": title, "head": "docs", "sha": head}));
    let done = desk.wtmag(&["land", &id, "--yes", "--json"]).json();
    assert_eq!(done[0]["commit"], "b".repeat(40), "{done}");
    assert_eq!(done[0]["removed"]["branch_deleted"], true, "{done}");
}

/// What the user decides at the terminal, and in the settings.
#[test]
fn the_message_is_edited_the_user_asked_and_the_target_pushed() {
    let desk = Desk::new();
    desk.config(&format!("{AGENTS}confirm = true\npush = true\n"));
    let (id, _) = worker(&desk, "a", &[("a.txt", "a")]);
    let (other, _) = worker(&desk, "b", &[("b.txt", "b")]);
    let before = desk.git(&["rev-parse", "main"]);
    let tmux = desk.sandbox.tmux();
    let editor = desk.sandbox.put_program("editor", "#!/bin/sh\necho 'Say it better' > \"$1\"\n");
    let program = env!("CARGO_BIN_EXE_wtmag");
    let type_in = |text: &str| tmux.run(["send-keys", "-t", &desk.pane, text, "Enter"]);
    let shows = |what: &str| {
        eventually(SOON, what, || {
            tmux.run(["capture-pane", "-pJ", "-t", &desk.pane]).contains(what).then_some(())
        });
    };
    type_in(&format!("cd {} && export VISUAL={}", desk.dir.display(), editor.display()));
    type_in(&format!("{program} land {id} -e --mode squash"));
    shows("Land `");
    type_in("n");
    shows("nothing was landed");
    assert_eq!(desk.git(&["rev-parse", "main"]), before);
    type_in("clear");
    type_in(&format!("{program} land {id} -e --mode squash"));
    shows("Land `");
    type_in("y");
    eventually(SOON, "it to be landed", || {
        (desk.git(&["log", "-1", "--format=%s", "main"]) == "Say it better").then_some(())
    });
    let remote = || desk.git(&["ls-remote", "origin", "refs/heads/main"]);
    eventually(SOON, "it to be pushed", || {
        remote().starts_with(&desk.git(&["rev-parse", "main"])).then_some(())
    });
    // An empty message lands nothing.
    desk.sandbox.put_program("editor", "#!/bin/sh\n: > \"$1\"\n");
    type_in("clear");
    type_in(&format!("{program} land {other} -e --mode squash"));
    shows("the message is empty");
    let said = desk.wtmag(&["land", &other, "-e"]).failure(1);
    assert!(said.contains("needs `--yes`"), "{said}");
}
