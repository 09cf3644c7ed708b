//! `handoff`: another agent takes over in the same window, and knows what was done and said.
use std::{fs, path::PathBuf};

use super::{
    desk::{BOOTSTRAP, Desk, SOON},
    resume::{desk, idle},
};
use crate::support::eventually;

const HANDOFF: &str = "Read ./.wtmag/handoff.md and continue the work that it describes.";

/// The panes of the worker's window, with their process and the worker's own mark.
fn panes(desk: &Desk, window: &str) -> Vec<String> {
    let format = "#{pane_id} #{@wtmag_pane}";
    let text = desk.sandbox.tmux().run(["list-panes", "-t", window, "-F", format]);
    text.lines().map(str::to_owned).collect()
}

fn one(desk: &Desk, id: &str) -> serde_json::Value {
    desk.list(&[]).into_iter().find(|it| it["id"] == id).unwrap()
}

#[test]
fn another_agent_takes_over_with_all_that_is_known_and_the_texts_that_wait() {
    let desk = desk();
    let id = desk.worker_of("slow", "a");
    desk.wait_for_state(&id, "working");
    let before = one(&desk, &id);
    let (window, pane) = (before["window"].as_str().unwrap(), before["pane"].as_str().unwrap());
    let dir = PathBuf::from(desk.wtmag(&["path", &id]).success().trim());
    desk.sandbox.put(dir.join("done.txt"), "x\n");
    let git = |args: &[&str]| desk.sandbox.run("git").cwd(&dir).args(args).run().success();
    git(&["add", "done.txt"]);
    git(&["commit", "--quiet", "-m", "Do the first half"]);
    desk.sandbox.put(dir.join("half.txt"), "y\n");
    // The user's own pane beside the agent stays.
    let mine =
        desk.sandbox.tmux().run(["split-window", "-dP", "-F", "#{pane_id}", "-t", pane, "cat"]);
    desk.wtmag(&["send", &id, "and then this", "--no-wait"]).success();

    let said = desk.wtmag(&["handoff", &id]).failure(1);
    assert!(said.contains("cannot be handed off now: the agent is `working`"), "{said}");
    let done =
        desk.wtmag(&["handoff", &id, "Only the tests", "--agent", "fake", "--now", "--json"]);
    let done = done.json();
    assert_eq!((&done["from"], &done["to"]), (&"slow".into(), &"fake".into()), "{done}");
    assert_eq!(done["outcome"], "accepted", "{done}");
    assert_eq!(done["texts"].as_array().unwrap().len(), 1, "{done}");
    eventually(SOON, "the text that waited", || {
        let turns = desk.sandbox.agent_log().turns(Some(&id));
        (turns == [BOOTSTRAP, HANDOFF, "and then this"]).then_some(())
    });
    let text = fs::read_to_string(dir.join(".wtmag/handoff.md")).unwrap();
    for part in
        ["Only the tests", "`slow`", "Do the first half", "done.txt", "half.txt", "for `working`"]
    {
        let part = part.trim_start_matches("for ");
        assert!(text.contains(part), "{part}: {text}");
    }
    let brief = fs::read_to_string(dir.join(".wtmag/prompt.md")).unwrap();
    assert!(text.contains(brief.trim()), "{text}");
    assert_eq!(git(&["status", "--porcelain"]).trim(), "?? half.txt");

    // The same window, with one agent.
    eventually(SOON, "the former pane to go", || {
        let all = panes(&desk, window);
        let marked = all.iter().filter(|it| it.ends_with(&id)).count();
        (all.len() == 2 && marked == 1 && !all.contains(&format!("{pane} {id}"))).then_some(())
    });
    assert!(panes(&desk, window).contains(&format!("{} ", mine.trim())));
    let after = eventually(SOON, "the window to be known", || {
        Some(one(&desk, &id)).filter(|it| it["window"] == window)
    });
    for key in ["branch", "base", "created", "session", "placement", "source"] {
        assert_eq!(before[key], after[key], "{key}");
    }
    assert_eq!(after["agent"], "fake");
    let pid = desk.sandbox.agent_log().all("start", Some(&id))[0]["pid"].as_i64().unwrap();
    eventually(SOON, "the former agent to end", || {
        let alive =
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid.try_into().unwrap()), None);
        alive.is_err().then_some(())
    });
    idle(&desk, &id);
    let log = desk.wtmag(&["log", &id]).success();
    assert!(log.contains("resumed"), "{log}");
    // A third one, of the same kind, in no hurry.
    let said = desk.wtmag(&["handoff", &id]).success();
    assert!(said.contains("handed off to a new fake") && said.contains("accepted"), "{said}");
}

#[test]
fn what_has_no_way_to_continue_is_handed_off_and_a_failure_ends_nothing() {
    let desk = Desk::new();
    let id = desk.worker("a");
    idle(&desk, &id);
    let said = desk.wtmag(&["handoff", &id, "--agent", "nobody"]).failure(1);
    assert!(said.contains("nobody"), "{said}");
    let said = desk.wtmag(&["handoff", &id, "--model", "x"]).failure(2);
    assert!(said.contains("provider/model"), "{said}");
    let (starts, state) = (desk.sandbox.agent_log().all("start", Some(&id)), one(&desk, &id));
    assert_eq!((starts.len(), &state["state"]["text"]), (1, &"idle".into()));
    // Its profile has no flags to continue a conversation.
    let pid = starts[0]["pid"].to_string();
    desk.sandbox.run("kill").args(["-9", &pid]).run().success();
    eventually(SOON, "the exit", || (one(&desk, &id)["state"]["state"] == "exited").then_some(()));
    let said = desk.wtmag(&["resume", &id]).success();
    assert!(said.contains("its profile has no option to continue one"), "{said}");
    eventually(SOON, "the first prompt", || {
        (desk.sandbox.agent_log().turns(Some(&id)) == [BOOTSTRAP, HANDOFF]).then_some(())
    });
}
