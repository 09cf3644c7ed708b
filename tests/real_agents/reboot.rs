//! The drill: the machine is restarted under twelve workers of four real agents and the demo agent.
//! Judges: what each request to the provider had of the conversation, and how often each prompt came.
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use super::{
    agent::{CLAUDE, CODEX, OPENCODE, PI},
    desk::{Desk, LONG, Setup},
};
use crate::support::{BOOTSTRAP, eventually};

/// Names and agents; those with a session of their own have `-s`.
const CREW: [(&str, &str, &str); 12] = [
    ("c1", "claude", "-w"),
    ("c2", "claude", "-s"),
    ("c3", "claude", "-w"),
    ("x1", "codex", "-w"),
    ("x2", "codex", "-s"),
    ("x3", "codex", "-w"),
    ("o1", "opencode", "-w"),
    ("o2", "opencode", "-s"),
    ("p1", "pi", "-w"),
    ("p2", "pi", "-w"),
    ("d1", "demo", "-w"),
    ("d2", "demo", "-s"),
];
/// A turn runs in these, and a text waits for its end.
const HELD: [&str; 2] = ["c3", "p2"];
const PROMOTED: &str = "x1";
const WITHOUT_WORKTREE: &str = "x3";

/// For the whole `resume --all`; the agents start by themselves.
const LIMIT: Duration = Duration::from_secs(10);

fn id(name: &str) -> String {
    format!("blog-{name}")
}

fn real() -> impl Iterator<Item = &'static str> {
    CREW.iter().filter(|(_, agent, _)| *agent != "demo").map(|(name, ..)| *name)
}

fn desk() -> Desk {
    const BLOCK: &str = concat!(
        "[agents.demo]\ncommand = \"",
        env!("CARGO_BIN_EXE_wtmag"),
        " demo-agent --start-ms 100 --work-ms 300\"\ndelivery = \"ready\"\nprofile = \"demo\"\n"
    );
    let mut desk = Desk::new(&CLAUDE, Setup { block: BLOCK, ..Setup::default() });
    // Here the agents have another XDG_STATE_HOME than wtmag. What they report when the server is killed starts a
    // hub there.
    desk.sandbox.expect_daemon("hub run");
    let names = CREW.map(|(name, ..)| name);
    desk.staff(&[&CLAUDE, &CODEX, &OPENCODE, &PI], &names);
    desk
}

fn workers(desk: &Desk) -> BTreeMap<String, Value> {
    let all = desk.wtmag(&["list", "--all", "--json", "--full"]).run().json();
    let name = |it: &Value| it["id"].as_str().unwrap().trim_start_matches("blog-").to_owned();
    all.as_array().unwrap().iter().map(|it| (name(it), it.clone())).collect()
}

/// Waits until all of these are at rest.
fn rest(desk: &Desk, names: &[&str]) {
    let mut last = String::new();
    eventually(LONG * 2, &format!("{names:?} to be at rest"), || {
        let all = workers(desk);
        let word = |name: &&str| all[*name]["state"]["text"].as_str().unwrap().to_owned();
        last = names.iter().map(|it| format!("{it} {} ", word(it))).collect();
        names.iter().all(|it| ["idle", "ready", "done"].contains(&word(it).as_str())).then_some(())
    });
    println!("at rest: {last}");
}

/// How often each prompt has reached the provider.
fn counts(desk: &Desk) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    let asked = desk.requests().into_iter();
    for it in asked.filter(|it| it["kind"] != "done" && it["answered"] == false) {
        *counts.entry(it["prompt"].as_str().unwrap().trim().to_owned()).or_default() += 1;
    }
    counts
}

/// Kills the hub and the tmux server, and makes the store say that its ids are of an earlier boot.
fn reboot(desk: &Desk) {
    let status = desk.wtmag(&["hub", "status", "--json"]).run().json();
    let hub = Pid::from_raw(i32::try_from(status["pid"].as_i64().unwrap()).unwrap());
    kill(hub, Signal::SIGKILL).unwrap();
    desk.sandbox.tmux().run(["kill-server"]);
    let find = desk.sandbox.run("find").args(["state", "-name", "hub.db"]);
    let path = find.cwd(desk.sandbox.path("")).run().success();
    let db = rusqlite::Connection::open(desk.sandbox.path(path.trim())).unwrap();
    let mut docs: Vec<(String, String)> = Vec::new();
    let mut all = db.prepare("SELECT id, doc FROM workers").unwrap();
    let mut rows = all.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        docs.push((row.get(0).unwrap(), row.get(1).unwrap()));
    }
    drop(rows);
    for (id, doc) in docs {
        let mut doc: Value = serde_json::from_str(&doc).unwrap();
        doc["place"]["boot"] = "an earlier boot".into();
        db.execute("UPDATE workers SET doc = ?1 WHERE id = ?2", [doc.to_string(), id]).unwrap();
    }
}

/// Each has its first prompt and a word of its own to remember; in two, a turn runs and a text waits.
fn set_to_work(desk: &Desk) {
    for (name, agent, place) in CREW {
        let args = ["create", "--json", "--prompt", "Look around", "--name", name, place];
        let run = desk.in_session(&args).args(["--agent", agent]).limit(LONG * 2);
        assert_eq!(run.run().json()["outcome"], "accepted", "{name}");
    }
    rest(desk, &CREW.map(|(name, ..)| name));
    for name in real() {
        send(desk, name, &format!("Remember WORD-{}", name.to_uppercase()));
    }
    rest(desk, &CREW.map(|(name, ..)| name));
    desk.in_session(&["promote", &id(PROMOTED)]).run().success();
    for name in HELD {
        send(desk, name, &format!("SLOW-{name} please"));
        let held = format!("HELD-{name}");
        desk.wtmag(&["send", "--no-wait", "--", &id(name), &held]).run().success();
    }
}

fn send(desk: &Desk, name: &str, text: &str) {
    desk.wtmag(&["send", "--wait", "--timeout", "60s", "--", &id(name), text]).run().success();
}

/// They are the workers that they were, as `resume` says.
fn assert_same(done: &Value, before: &BTreeMap<String, Value>, after: &BTreeMap<String, Value>) {
    let done: BTreeMap<&str, &Value> =
        done.as_array().unwrap().iter().map(|it| (it["id"].as_str().unwrap(), it)).collect();
    assert_eq!(done.len(), 12, "{done:?}");
    for (name, agent, _) in CREW {
        let it = done[id(name).as_str()];
        // The demo agent has no conversation to continue, and `resume` says so.
        assert_eq!(it["conversation"].is_string(), agent != "demo", "{it}");
        assert_eq!(it["worktree_made"], name == WITHOUT_WORKTREE, "{it}");
        for key in ["base", "branch", "worktree", "created", "source", "placement", "kind"] {
            assert_eq!(before[name][key], after[name][key], "{name}: {key}");
        }
    }
    assert_eq!(after[PROMOTED]["placement"], "session");
}

/// What was held is delivered, and nothing else came: no prompt a second time.
fn assert_told_once(desk: &Desk, had: &BTreeMap<String, usize>) {
    eventually(LONG, "the held texts at the provider", || {
        let now = counts(desk);
        HELD.iter().all(|it| now.contains_key(&format!("HELD-{it}"))).then_some(())
    });
    rest(desk, &HELD);
    let mut now = counts(desk);
    assert_eq!(now[BOOTSTRAP], real().count(), "{now:?}");
    HELD.iter().for_each(|it| assert_eq!(now.remove(&format!("HELD-{it}")), Some(1)));
    assert_eq!(now, *had);
}

#[test]
fn twelve_workers_come_back_after_a_reboot_with_their_conversations() {
    let mut desk = desk();
    set_to_work(&desk);
    let before = workers(&desk);
    reboot(&desk);
    std::fs::remove_dir_all(before[WITHOUT_WORKTREE]["worktree"].as_str().unwrap()).unwrap();
    let had = counts(&desk);
    assert!(had.keys().all(|it| !it.starts_with("HELD")), "{had:?}");

    desk.restart_tmux();
    let said = desk.wtmag(&["list"]).run().success();
    assert!(said.starts_with("12 workers were interrupted; `wtmag resume --all`"), "{said}");
    assert!(said.contains("machine rebooted"), "{said}");
    let begun = Instant::now();
    let done = desk.in_session(&["resume", "--all", "--json"]).limit(LONG * 2).run().json();
    let taken = begun.elapsed();
    rest(&desk, &CREW.map(|(name, ..)| name));
    let all = begun.elapsed();
    println!("`resume --all` of 12 workers: {taken:.1?}; all at rest after {all:.1?}");
    assert!(taken < LIMIT, "{taken:?}");
    assert_same(&done, &before, &workers(&desk));
    assert_told_once(&desk, &had);
    // Each has its own conversation, and of no other one.
    for name in real() {
        let text = format!("NEXT-{name}");
        send(&desk, name, &text);
        let is_it = |it: &Value| it["prompt"].as_str().is_some_and(|it| it.trim() == text);
        let request = eventually(LONG, "its next prompt at the provider", || {
            desk.requests().into_iter().find(is_it)
        });
        assert_eq!(request["words"], serde_json::json!([format!("WORD-{}", name.to_uppercase())]));
    }
}
