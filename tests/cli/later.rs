//! Texts for a later time: by the agents' own logs, across hubs that are killed.
use std::time::{Duration, Instant};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use super::desk::{BOOTSTRAP, Desk, SOON};
use crate::support::eventually;

fn schedules(desk: &Desk) -> Vec<Value> {
    let listed = desk.wtmag(&["schedule", "list", "--json"]).json();
    listed.as_array().unwrap().clone()
}

fn kill_hub(desk: &Desk) {
    let pid = desk.wtmag(&["hub", "status", "--json"]).json()["pid"].as_i64().unwrap();
    kill(Pid::from_raw(i32::try_from(pid).unwrap()), Signal::SIGKILL).unwrap();
}

/// The prompts of this worker, once there are so many.
fn turns(desk: &Desk, id: &str, n: usize) -> Vec<String> {
    eventually(SOON, "the text", || {
        let turns = desk.sandbox.agent_log().turns(Some(id));
        (turns.len() >= n).then_some(turns)
    })
}

#[test]
fn a_text_is_sent_later_and_once_though_hubs_are_killed() {
    let desk = Desk::new();
    let id = desk.worker("topic");
    desk.wait_for_state(&id, "idle");
    let planned = desk.wtmag(&["send", &id, "in a second", "--in", "1s"]).success();
    assert!(planned.contains("send") && planned.contains(&id), "{planned}");
    assert_eq!(turns(&desk, &id, 2), [BOOTSTRAP, "in a second"]);
    // It becomes due while no hub runs; the next command starts one.
    let begun = Instant::now();
    desk.wtmag(&["send", &id, "after a crash", "--in", "5s"]).success();
    let is_due = || (begun.elapsed() > Duration::from_secs(6)).then_some(());
    let often = ["send", &id, "once a year", "--cron", "30 14 29 2 *", "--json"];
    assert_eq!(desk.wtmag(&often).json()[0]["cron"], "30 14 29 2 *");
    assert_eq!(schedules(&desk).len(), 2);
    kill_hub(&desk);
    // Nothing runs that could tell when the time has come.
    eventually(SOON, "the time", is_due);
    desk.wtmag(&["list"]).success();
    assert_eq!(turns(&desk, &id, 3)[2], "after a crash");
    assert_eq!(schedules(&desk).len(), 1);
    kill_hub(&desk);
    desk.wtmag(&["list"]).success();
    desk.wait_for_state(&id, "idle");
    // The worker plans something for itself, and for its parent, which is a shell.
    let wtmag = env!("CARGO_BIN_EXE_wtmag");
    let run = format!(
        "run: {wtmag} send self 'note to self' --in 1s >>$HOME/said 2>&1; \
         {wtmag} ask parent 'Are you there?' --in 1s >>$HOME/said 2>&1"
    );
    desk.wtmag(&["send", &id, &run]).success();
    let all = turns(&desk, &id, 5);
    assert_eq!(all[4], "note to self", "{all:?}");
    assert_eq!(all.iter().filter(|it| *it == "after a crash").count(), 1);
    let failed = eventually(SOON, "the item", || {
        let inbox = desk.wtmag(&["inbox", "--all"]).success();
        inbox.contains("only a worker can be asked").then_some(inbox)
    });
    assert!(failed.contains("schedule"), "{failed}");
    let n = schedules(&desk)[0]["n"].to_string();
    desk.wtmag(&["schedule", "cancel", &n]).success();
    assert_eq!(desk.wtmag(&["schedule", "list"]).success(), "nothing is planned\n");
    desk.wtmag(&["schedule", "cancel", &n]).failure(1);
    for (args, why) in [
        (["--cron", "0 0 30 2 *"], "never comes"),
        (["--at", "2020-01-01 00:00"], "is over"),
        (["--at", "soon"], "is not a time"),
    ] {
        let refused = desk.wtmag(&[&["send", &id, "x"], &args[..]].concat()).failure(2);
        assert!(refused.contains(why), "{refused}");
    }
    let refused = desk.wtmag(&["send", "parent", "x", "--in", "1s"]).failure(1);
    assert!(refused.contains("only a worker has a parent"), "{refused}");
    let refused = desk.wtmag(&["send", "self", "!ls", "--in", "1s"]).failure(1);
    assert!(refused.contains("as a command"), "{refused}");
}

#[test]
fn a_worker_is_created_later_and_the_day_tells_of_it() {
    let desk = Desk::new();
    let id = desk.worker("topic");
    desk.wait_for_state(&id, "idle");
    desk.wtmag(&["send", &id, "more", "--wait=idle", "--timeout", "30"]).success();
    // By the next hub.
    let later = ["create", "--prompt", "Later.", "--name", "later", "--in", "4s", "-s", "--json"];
    let planned = desk.wtmag(&later).json();
    assert_eq!((&planned[0]["kind"], &planned[0]["text"]), (&"create".into(), &"Later.".into()));
    kill_hub(&desk);
    desk.wtmag(&["hub", "start", "--if-used"]).success();
    desk.wait_for_state("blog-later", "idle");
    assert_eq!(turns(&desk, "blog-later", 1), [BOOTSTRAP]);
    // Its branch exists now.
    desk.wtmag(&["create", "--prompt", "x", "--name", "later", "--in", "1s"]).success();
    let failed = eventually(SOON, "the item", || {
        let items = desk.wtmag(&["inbox", "--all", "--json"]).json();
        let mut items = items.as_array().unwrap().clone().into_iter();
        items.find(|it| it["worker"].as_str().unwrap().starts_with("schedule-"))
    });
    assert!(failed["text"].as_str().unwrap().contains("blog-later"), "{failed}");
    // The day, in the repository: a line for each thing that matters to a person.
    let day = desk.wtmag(&["log"]).success();
    for (what, n) in [("created", 2), ("prompt accepted", 2), ("text accepted", 1)] {
        assert!(day.matches(what).count() >= n, "{what}: {day}");
    }
    let found = desk.wtmag(&["log", "--since", "1h", "--grep", "blog-LATER.*prompt"]).success();
    assert_eq!(found.lines().count(), 2, "{found}");
    let mut follow = desk.start(&["log", "--follow", "--grep", "removed", "--json"]);
    desk.wtmag(&["cleanup", "blog-later", "--force"]).success();
    let line: Value = serde_json::from_str(&follow.line()).unwrap();
    assert_eq!((&line["what"], &line["worker"]), (&"removed".into(), &"blog-later".into()));
    // Receipts of removed workers are shown on demand.
    let receipts = |more: &[&str]| desk.wtmag(&[&["receipts"], more].concat()).success();
    assert!(!receipts(&[]).contains("blog-later") && receipts(&["--all"]).contains("blog-later"));
}
