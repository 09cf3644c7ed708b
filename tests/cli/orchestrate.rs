//! `orchestrate`: an agent in the user's own worktree that directs workers, and whose end deletes nothing there.
use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;

use super::{
    desk::{Desk, SOON},
    resume::{desk, idle},
};
use crate::support::eventually;

const WTMAG: &str = env!("CARGO_BIN_EXE_wtmag");
const ID: &str = "blog-orchestrator";

fn one(desk: &Desk, id: &str) -> Value {
    let all = desk.list(&["--ended"]);
    all.into_iter().rfind(|it| it["id"] == id).unwrap()
}

/// Every file of the working copy with its bytes, but for git's own; and what git has.
fn everything(desk: &Desk) -> (BTreeMap<String, Vec<u8>>, String) {
    fn walk(dir: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            let path = entry.path();
            match entry.file_type().unwrap() {
                kind if kind.is_dir() && !path.ends_with(".git") => walk(&path, found),
                kind if kind.is_dir() => {}
                _ => drop(found.insert(path.display().to_string(), fs::read(&path).unwrap())),
            }
        }
    }
    let mut files = BTreeMap::new();
    walk(&desk.dir, &mut files);
    let git = [
        desk.git(&["status", "--porcelain", "--ignored"]),
        desk.git(&["rev-parse", "HEAD"]),
        desk.git(&["symbolic-ref", "HEAD"]),
        desk.git(&["for-each-ref"]),
        desk.git(&["stash", "list"]),
        desk.git(&["worktree", "list", "--porcelain"]),
    ];
    (files, git.join("\n--\n"))
}

/// The user's work is in every state that a removal could destroy.
fn mess_up(desk: &Desk) {
    desk.sandbox.put(desk.dir.join("kept.txt"), "in a stash\n");
    desk.git(&["stash", "--quiet", "--include-untracked"]);
    desk.sandbox.put(desk.dir.join("own.txt"), "committed, on no remote\n");
    desk.git(&["add", "own.txt"]);
    desk.git(&["commit", "--quiet", "-m", "Only here"]);
    desk.sandbox.put(desk.dir.join("README.md"), "changed\n");
    desk.sandbox.put(desk.dir.join("new.txt"), "untracked\n");
    desk.sandbox.put(desk.dir.join(".git/info/exclude"), "/build/\n");
    desk.sandbox.put(desk.dir.join("build/out.bin"), "ignored\n");
}

#[test]
fn its_end_deletes_nothing_in_the_repository_however_it_is_asked_for() {
    let desk = Desk::new();
    mess_up(&desk);
    let before = everything(&desk);
    let head = desk.git(&["rev-parse", "HEAD"]);
    let state = format!("{head}@{}", desk.dir.display());
    let ways: [&[&str]; 7] = [
        &[],
        &["--force"],
        &["--abandon"],
        &["--discard", &state],
        &["--keep-branch"],
        &["--force", "--keep-branch"],
        &["--yes"],
    ];
    for (way, n) in ways.iter().zip(1..) {
        let name = format!("n{n}");
        let made = desk.wtmag(&["orchestrate", "--name", &name, "--json"]).json();
        let id = made["id"].as_str().unwrap().to_owned();
        assert_eq!(id, format!("{ID}-{name}"));
        desk.wtmag(&["wait", &id, "--until", "idle", "--timeout", "20"]).success();
        if *way == ["--yes"] {
            // Its window, worktree and record are as bad as they can be.
            desk.sandbox.tmux().run(["kill-window", "-t", &format!("={id}:")]);
            desk.wtmag(&["wait", &id, "--until", "lost", "--timeout", "20"]).success();
        }
        let swept = desk.wtmag(&["cleanup", "--merged", "--json"]).json();
        let row = swept.as_array().unwrap().iter().find(|it| it["id"] == id.as_str()).unwrap();
        assert_eq!(
            (&row["verdict"], &row["why"]),
            (&"keep".into(), &"it is an orchestrator".into())
        );
        let ran = desk.wtmag(&[&["cleanup", &id, "--json"], *way].concat());
        if way.first() == Some(&"--discard") {
            assert_eq!(ran.code, 1);
            assert!(ran.stdout.contains("is not the state of this worktree"), "{ran}");
            assert_eq!(everything(&desk), before, "{way:?}");
            continue;
        }
        let removed = ran.json();
        assert_eq!(removed["worktree_removed"], false, "{way:?}: {removed}");
        assert_eq!(removed["branch_deleted"], false, "{way:?}: {removed}");
        assert_eq!(everything(&desk), before, "{way:?}");
        assert!(one(&desk, &id)["ended"].is_string());
        assert!(!desk.sandbox.tmux().run(["list-sessions", "-F", "#{session_name}"]).contains(&id));
    }
    // In the directory that they share with their user, no name means none of them.
    let said = desk.wtmag(&["cleanup", "--yes"]).failure(1);
    assert!(said.contains("not inside a worker's worktree"), "{said}");
    let said = desk.wtmag(&["restore", &format!("{ID}-n2")]).failure(1);
    assert!(!said.is_empty());
    assert_eq!(everything(&desk), before);
}

#[test]
fn it_directs_workers_and_can_be_gone_to_resumed_and_handed_over() {
    let desk = desk();
    let made = starts_once(&desk);
    directs(&desk);
    comes_back(&desk);
    assert_eq!(one(&desk, ID)["created"], made["created"]);
}

/// Returns it as it is listed.
fn starts_once(desk: &Desk) -> Value {
    let dies = "[agents.brief]\ncommand = \"sh -c 'read x; exit 3'\"\ndelivery = \"ready\"\n";
    desk.config(&format!("{dies}[limits]\nworkers = 1\n"));
    let before = everything(desk);
    let said = desk.wtmag(&["orchestrate", "--status"]).success();
    assert!(said.contains("no orchestrator in this project"), "{said}");
    desk.wtmag(&["orchestrate", "--resume"]).failure(1);
    let made = desk.wtmag(&["orchestrate", "--json"]).json();
    assert_eq!(
        (&made["id"], &made["what"], &made["session"], &made["agent"]),
        (&ID.into(), &"started".into(), &ID.into(), &"fake".into())
    );
    idle(desk, ID);
    let it = one(desk, ID);
    assert_eq!((&it["kind"], &it["branch"]), (&"orchestrator".into(), &"".into()), "{it}");
    assert_eq!(it["worktree"], desk.dir.display().to_string());
    // Its profile knows no way to give instructions, so it was told where they are.
    let turns = eventually(SOON, "its first prompt", || {
        Some(desk.sandbox.agent_log().turns(Some(ID))).filter(|it| !it.is_empty())
    });
    idle(desk, ID);
    let file = turns[0].strip_prefix("Read ").and_then(|it| it.split(' ').next()).unwrap();
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains("the workers of `blog`") && text.contains("wtmag skill show"), "{text}");
    assert!(turns[0].ends_with("Then wait for your user."), "{turns:?}");
    assert_eq!(everything(desk), before);

    // A second call goes there; what it cannot be is refused.
    let again = desk.wtmag(&["orchestrate", "--json"]).json();
    assert_eq!((&again["what"], &again["pane"]), (&"running".into(), &made["pane"]));
    let said = desk.wtmag(&["orchestrate", "--agent", "slow"]).failure(1);
    assert!(said.contains("handoff blog-orchestrator --agent slow"), "{said}");
    desk.wtmag(&["orchestrate", "--fresh"]).failure(1);
    desk.wtmag(&["orchestrate", "--name", "Big One"]).failure(2);
    for verb in [&["land", ID][..], &["diff", ID], &["create", "--fork", ID]] {
        let said = desk.wtmag(verb).failure(1);
        assert!(said.contains("is an orchestrator: it has no branch to"), "{said}");
    }
    it
}

fn directs(desk: &Desk) {
    // Another one lives beside it, and neither counts for the limit.
    desk.wtmag(&["orchestrate", "--name", "second", "--json"]).json();
    idle(desk, &format!("{ID}-second"));
    assert!(one(desk, ID)["ended"].is_null());

    // It dispatches, is the parent, and is told.
    let dir = desk.dir.display();
    let text = format!(
        "run: cd {dir} && {WTMAG} create x --name kid --agent brief --no-wait -s >>$HOME/made 2>&1"
    );
    desk.wtmag(&["send", ID, &text, "--wait"]).success();
    let kid = eventually(SOON, "the worker", || {
        desk.list(&[]).into_iter().find(|it| it["id"] == "blog-kid")
    });
    assert_eq!(kid["parent"], ID);
    let pane = kid["pane"].as_str().unwrap();
    eventually(SOON, "its program", || {
        (one(desk, "blog-kid")["state"]["process"] == "running").then_some(())
    });
    desk.sandbox.tmux().run(["send-keys", "-t", pane, "x", "Enter"]);
    eventually(SOON, "the line", || {
        let turns = desk.sandbox.agent_log().turns(Some(ID));
        turns.iter().any(|it| it.starts_with("[wtmag] blog-kid")).then_some(())
    });
    idle(desk, ID);
    let status = desk.wtmag(&["orchestrate", "--status", "--json"]).json();
    let status = status.as_array().unwrap();
    assert_eq!(status.len(), 2);
    assert_eq!((&status[0]["present"], &status[0]["agent"]), (&true.into(), &"fake".into()));
    assert_eq!(status[0]["workers"], serde_json::json!(["blog-kid"]));
    assert_eq!(
        (&status[1]["name"], &status[1]["workers"]),
        (&"second".into(), &serde_json::json!([]))
    );
}

fn comes_back(desk: &Desk) {
    // Another agent takes over; the workers stay its.
    desk.wtmag(&["wait", ID, "--until", "idle", "--timeout", "30"]).success();
    let done = desk.wtmag(&["handoff", ID, "Go on", "--json"]).json();
    assert_eq!(done["outcome"], "accepted", "{done}");
    let text = fs::read_to_string(desk.dir.join(".wtmag/handoff.md")).unwrap();
    assert!(
        text.contains("directed the workers of this project") && text.contains("Go on"),
        "{text}"
    );
    assert!(!text.contains("The brief"), "{text}");
    assert_eq!(desk.git(&["status", "--porcelain"]), "");
    idle(desk, ID);

    // Its agent ends, and comes back.
    desk.sandbox.tmux().run(["kill-window", "-t", &format!("={ID}:")]);
    desk.wtmag(&["wait", ID, "--until", "lost", "--timeout", "20"]).success();
    let status = desk.wtmag(&["orchestrate", "--status"]).success();
    assert!(status.contains("last seen") && status.contains("1 worker: blog-kid"), "{status}");
    let back = desk.wtmag(&["orchestrate", "--json"]).json();
    assert_eq!((&back["what"], &back["id"]), (&"resumed".into(), &ID.into()), "{back}");
    idle(desk, ID);
    assert_eq!(one(desk, "blog-kid")["parent"], ID);
}

#[test]
fn the_dashboard_is_beside_it_where_there_is_room() {
    let desk = Desk::new();
    let tmux = desk.sandbox.tmux();
    let made = desk.wtmag(&["orchestrate", "--json"]).json();
    assert!(made["notes"][0].as_str().unwrap().contains("no dashboard beside it"), "{made}");
    let pane = made["pane"].as_str().unwrap();
    tmux.run(["resize-window", "-t", pane, "-x", "180", "-y", "40"]);
    let made = desk.wtmag(&["orchestrate", "--json"]).json();
    assert_eq!(made["notes"], serde_json::json!([]));
    let format = "#{pane_id} #{@wtmag_dashboard} #{pane_width}";
    let panes = || tmux.run(["list-panes", "-t", pane, "-F", format]);
    let dashboard = panes().lines().find(|it| it.contains(" 1 ")).unwrap().to_owned();
    let (id, width) = (dashboard.split(' ').next().unwrap(), dashboard.rsplit(' ').next().unwrap());
    assert_eq!(width, "44", "{}", panes());
    eventually(SOON, "the dashboard", || tmux.capture(id).contains("orchestrator").then_some(()));
    // A second call opens no other one.
    desk.wtmag(&["orchestrate"]).success();
    assert_eq!(panes().lines().count(), 2, "{}", panes());
    tmux.run(["resize-window", "-t", pane, "-x", "240", "-y", "50"]);
    if !tmux.show(pane, "#{version}").starts_with("3.2") {
        eventually(SOON, "its width", || panes().contains(" 1 44").then_some(()));
    }
    // What it shows is nothing that an end would lose.
    desk.wtmag(&["wait", ID, "--until", "idle", "--timeout", "20"]).success();
    desk.wtmag(&["cleanup", ID]).success();
    assert!(!tmux.run(["list-sessions", "-F", "#{session_name}"]).contains(ID));
}

#[test]
fn a_persona_comes_last_and_one_of_the_repository_is_approved_first() {
    let desk = Desk::new();
    let own = "Be \u{202e}brief.\nAsk #{pane_id} `x`.\n";
    desk.sandbox.put("config/wtmag/personas/calm.md", own);
    let instructions = |id: &str| {
        let turns = eventually(SOON, "its first prompt", || {
            Some(desk.sandbox.agent_log().turns(Some(id))).filter(|it| !it.is_empty())
        });
        let file = turns[0].strip_prefix("Read ").and_then(|it| it.split(' ').next()).unwrap();
        fs::read_to_string(file).unwrap()
    };
    desk.wtmag(&["orchestrate", "--persona", "calm"]).success();
    let text = instructions(ID);
    let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"));
    assert!(at("then the skill") < at("It gives you no"), "{text}");
    assert!(at("It gives you no") < at("Be brief.\nAsk #{pane_id} `x`."), "{text}");
    let said = desk.wtmag(&["orchestrate", "--persona", "calm"]).failure(1);
    assert!(said.contains("is running"), "{said}");
    // It keeps its persona.
    desk.sandbox.tmux().run(["kill-window", "-t", &format!("={ID}:")]);
    desk.wtmag(&["wait", ID, "--until", "lost", "--timeout", "20"]).success();
    fs::remove_file(desk.sandbox.path("config/wtmag/personas/calm.md")).unwrap();
    desk.wtmag(&["orchestrate"]).success();
    assert_eq!(instructions(ID), text);

    // The repository's needs approval, however it is named, and a link must not lead out.
    let theirs = desk.sandbox.put(desk.dir.join("wtmag-personas/bold.md"), "Never ask.\n");
    let file = theirs.display().to_string();
    for wanted in ["bold", file.as_str(), "wtmag-personas/../wtmag-personas/bold.md"] {
        let said = desk.wtmag(&["orchestrate", "--name", "b", "--persona", wanted]).failure(1);
        assert!(said.contains("you have not approved it") && said.contains("Never ask."), "{said}");
    }
    std::os::unix::fs::symlink("/etc/hostname", desk.dir.join("wtmag-personas/out.md")).unwrap();
    for (wanted, why) in [
        ("out", "leads out of the repository"),
        ("nobody", "no persona is named `nobody`"),
        ("../nobody.md", "No such file"),
        ("", "persona"),
    ] {
        let said = desk.wtmag(&["orchestrate", "--name", "b", "--persona", wanted]).failure(1);
        assert!(said.contains(why), "{wanted}: {said}");
    }
    assert!(desk.list(&[]).iter().all(|it| it["id"] != format!("{ID}-b")));
    // In a terminal it is asked for once.
    let tmux = desk.sandbox.tmux();
    let line = format!("cd {} && {WTMAG} orchestrate --name b --persona bold", desk.dir.display());
    let pane = tmux.new_window("main", &line);
    tmux.wait_for_text(&pane, "Approve it? [y/N]");
    assert!(tmux.capture(&pane).contains("Never ask."));
    tmux.run(["send-keys", "-t", &pane, "y", "Enter"]);
    let id = format!("{ID}-b");
    assert!(instructions(&id).contains("Never ask."));
    desk.wtmag(&["cleanup", &id, "--force"]).success();
    desk.wtmag(&["orchestrate", "--name", "b", "--persona", "bold"]).success();
}
