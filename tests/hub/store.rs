//! What the hub keeps: a database it cannot use, a disk that is full, reports that waited.
use std::{fs, path::PathBuf};

use rusqlite::Connection;
use serde_json::{Value, json};

use super::{
    SOON, Sandbox, eventually, hub_pid, interrupt, kill_hub, log, pid_of, state_dir, status,
    wait_for_agent, wait_for_end, world,
};
use crate::support::{Crew, Seen, hook};

#[track_caller]
fn stop(sandbox: &Sandbox) {
    let pid = pid_of(&status(sandbox));
    sandbox.wtmag(["hub", "stop"]).run().success();
    wait_for_end(pid);
}

fn database(sandbox: &Sandbox) -> PathBuf {
    state_dir(sandbox).join("hub.db")
}

/// The events of a worker, as a user reads them.
#[track_caller]
fn events(sandbox: &Sandbox, worker: &str) -> Vec<Value> {
    let text = sandbox.wtmag(["events", "--worker", worker]).run().success();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_database_that_cannot_be_read_is_an_error_and_left_alone() {
    let sandbox = world();
    hub_pid(&sandbox);
    stop(&sandbox);
    let path = database(&sandbox);
    let good = fs::read(&path).unwrap();
    let garbage = "not a database, but valuable to its owner\n".repeat(200);
    fs::write(&path, &garbage).unwrap();
    let said = sandbox.wtmag(["list"]).run().failure(3);
    assert!(said.contains("hub.db"), "{said}");
    assert_eq!(fs::read_to_string(&path).unwrap(), garbage);
    fs::write(&path, good).unwrap();
    hub_pid(&sandbox);
}

#[test]
fn a_database_of_a_newer_wtmag_is_refused_and_left_alone() {
    let sandbox = world();
    hub_pid(&sandbox);
    stop(&sandbox);
    let path = database(&sandbox);
    let db = Connection::open(&path).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    let before = fs::read(&path).unwrap();
    let said = sandbox.wtmag(["list"]).run().failure(3);
    assert!(said.contains("newer wtmag (schema 99"), "{said}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn windows_of_a_store_that_is_gone_are_named() {
    let sandbox = world();
    let tmux = sandbox.tmux();
    let mut crew = Crew::new(&sandbox);
    let worker = crew.hire_idle("cat", Seen::Alone, &["cat"]);
    drop(crew);
    stop(&sandbox);
    for name in ["hub.db", "hub.db-wal", "hub.db-shm"] {
        let path = state_dir(&sandbox).join(name);
        if path.exists() {
            fs::remove_file(path).unwrap();
        }
    }
    let want = format!("a window is marked as worker `{}`, which the hub does not know", worker.id);
    let list = sandbox.wtmag(["list"]).run().success();
    assert!(list.contains(&want), "{list}");
    assert_eq!(tmux.show(&worker.place.pane.to_string(), "#{pane_dead}"), "0");
    tmux.run(["kill-window", "-t", &worker.place.window.to_string()]);
    eventually(SOON, "the hub to let go", || tmux.run(["list-clients"]).is_empty().then_some(()));
    assert_eq!(tmux.run(["list-sessions", "-F", "#{session_name}"]), "main");
}

#[test]
fn reports_that_waited_are_read_when_a_hub_starts() {
    let sandbox = world();
    let mut crew = Crew::new(&sandbox);
    let worker = crew.hire_idle("cat", Seen::Alone, &["cat"]);
    drop(crew);
    kill_hub(pid_of(&status(&sandbox)));
    let spool = state_dir(&sandbox).join("spool");
    let exited = json!({ "name": "exited", "exit": { "code": 3 } });
    let report =
        json!({ "id": "1", "worker": worker.id, "pane": worker.place.pane, "hook": exited });
    fs::write(spool.join("1.json"), report.to_string()).unwrap();
    fs::write(spool.join("2.json"), "garbage").unwrap();
    // Another process is still writing it.
    fs::write(spool.join("3.partial"), "{").unwrap();

    let shown = sandbox.wtmag(["show", worker.id.as_str(), "--json"]).run().json();
    assert_eq!(shown["worker"]["state"]["text"], "exited(3)", "{shown:#}");
    assert!(!spool.join("1.json").exists());
    // Unreadable files are kept for the user to inspect.
    assert_eq!(fs::read_to_string(spool.join("2.bad")).unwrap(), "garbage");
    assert!(spool.join("3.partial").exists());
    assert!(log(&sandbox).contains("set aside: not a report"));
    let told = events(&sandbox, worker.id.as_str());
    assert_eq!(told.iter().filter(|it| it["kind"] == "process").count(), 2, "{told:#?}");
}

#[test]
fn an_agents_report_brings_the_next_hub_when_one_was_killed_but_not_when_it_was_stopped() {
    let sandbox = world();
    let mut crew = Crew::new(&sandbox);
    let [one, other] = ["one", "other"].map(|it| crew.hire_idle(it, Seen::Alone, &["cat"]));
    for worker in [&one, &other] {
        wait_for_agent(&sandbox, worker, "cat");
    }
    let pid = crew.pid();
    drop(crew);
    kill_hub(pid);
    interrupt(&sandbox, &one, "cat");
    // Asking starts no hub.
    let next = eventually(SOON, "the next hub", || {
        let ran = sandbox.wtmag(["hub", "status", "--json"]).run();
        (ran.code == 0).then(|| pid_of(&ran.json()))
    });
    let shown = sandbox.wtmag(["wait", one.id.as_str(), "--until", "exited"]).run().success();
    assert!(shown.contains("exited(130"), "{shown}");

    sandbox.wtmag(["hub", "stop"]).run().success();
    wait_for_end(next);
    interrupt(&sandbox, &other, "cat");
    let spool = state_dir(&sandbox).join("spool");
    eventually(SOON, "the report", || (fs::read_dir(&spool).unwrap().count() > 0).then_some(()));
    sandbox.wtmag(["hub", "status"]).run().failure(3);
}

/// An agent may be started by a wrapper that sets directories of its own.
#[test]
fn the_hub_that_a_report_brings_has_the_workers_state_whatever_the_agents_environment_says() {
    let sandbox = world();
    let mut crew = Crew::new(&sandbox);
    let worker = crew.hire_idle("one", Seen::Alone, &["cat"]);
    let pid = crew.pid();
    drop(crew);
    kill_hub(pid);
    let other = sandbox.path("other");
    hook(&sandbox, &worker, "bye").env("XDG_STATE_HOME", &other).run().success();
    eventually(SOON, "the next hub", || {
        (sandbox.wtmag(["hub", "status"]).run().code == 0).then_some(())
    });
    assert!(!other.exists());
}

/// A disk with no room left, as far as one process can have it: no file of the server's children
/// may grow beyond a limit.
#[test]
fn a_full_disk_is_told_and_costs_no_agent() {
    let sandbox = Sandbox::new();
    // In blocks of 1,024 bytes. Beyond it writing fails, as on a full disk.
    let start = "trap '' XFSZ; ulimit -S -f 600; exec tmux -f /dev/null new-session -d -s main";
    sandbox.run("bash").args(["-c", start]).run().success();
    let mut crew = Crew::new(&sandbox);
    let worker = crew.hire_idle("cat", Seen::Alone, &["cat"]);
    let pid = crew.pid();
    drop(crew);
    let id = worker.id.as_str();
    // Each of them is an event.
    let said = (0..2000).find_map(|_| {
        let sent = sandbox.wtmag(["send", "--paste", id, &"x".repeat(20_000)]).run();
        (sent.code != 0).then_some(sent)
    });
    let said = said.unwrap();
    assert!(said.stderr.contains("is the disk full?"), "{said}");
    wait_for_end(pid);
    let pane = worker.place.pane.to_string();
    assert_eq!(sandbox.tmux().show(&pane, "#{pane_dead}"), "0");

    // Room again: nothing that was recorded is lost.
    let tmux = sandbox.tmux();
    let server = tmux.show("main", "#{pid}");
    let more = ["--pid", &server, "--fsize=unlimited:"];
    sandbox.run("prlimit").args(more).run().success();
    let again = eventually(SOON, "a hub", || {
        let shown = sandbox.wtmag(["show", id, "--json"]).run();
        (shown.code == 0).then(|| shown.json())
    });
    assert_eq!(again["worker"]["id"], id);
    let seqs: Vec<u64> =
        events(&sandbox, id).iter().map(|it| it["seq"].as_u64().unwrap()).collect();
    assert!(seqs.is_sorted() && !seqs.is_empty(), "{seqs:?}");
}
