//! `create --fork`: a copy of a worker, at its newest commit.
use std::{fs, path::PathBuf};

use super::{
    desk::{BOOTSTRAP, SOON},
    resume::{desk, idle},
};
use crate::support::{eventually, state_dir};

#[test]
fn a_copy_starts_from_the_workers_newest_commit_and_knows_what_was_done() {
    let desk = desk();
    let id = desk.worker("a");
    idle(&desk, &id);
    let dir = PathBuf::from(desk.wtmag(&["path", &id]).success().trim());
    let git = |dir: &PathBuf, args: &[&str]| desk.sandbox.run("git").cwd(dir).args(args).run();
    desk.sandbox.put(dir.join("done.txt"), "x\n");
    git(&dir, &["add", "done.txt"]).success();
    git(&dir, &["commit", "--quiet", "-m", "Do the first half"]).success();
    desk.sandbox.put(dir.join("half.txt"), "y\n");
    let tip = git(&dir, &["rev-parse", "HEAD"]).success();

    let made = desk.wtmag(&["create", "--fork", &id, "Try a cache", "--json"]);
    assert!(made.stderr.contains("cannot copy the conversation"), "{made}");
    let made = made.json();
    let worker = &made["worker"];
    assert_eq!(
        (&worker["branch"], &worker["base"]["name"]),
        (&"prompt-try-a-cache".into(), &"a".into())
    );
    let copy = PathBuf::from(worker["worktree"].as_str().unwrap());
    assert_eq!(git(&copy, &["rev-parse", "HEAD"]).success(), tip);
    assert!(!copy.join("half.txt").exists() && dir.join("half.txt").exists());
    let brief = fs::read_to_string(copy.join(".wtmag/prompt.md")).unwrap();
    assert!(brief.starts_with("# You continue from another worker"), "{brief}");
    assert!(brief.contains("Try a cache"), "{brief}");
    let story = fs::read_to_string(copy.join(".wtmag/handoff.md")).unwrap();
    assert!(story.contains("Do the first half") && story.contains("half.txt"), "{story}");
    assert!(!dir.join(".wtmag/handoff.md").exists());
    // The worker that was copied is not disturbed.
    assert_eq!(desk.sandbox.agent_log().turns(Some(&id)), [BOOTSTRAP]);
    let diff = desk.wtmag(&["diff", worker["id"].as_str().unwrap(), "--json"]).json();
    assert_eq!(diff["commits"].as_array().unwrap().len(), 0, "{diff}");

    // Without a task, it waits for one.
    let made = desk.wtmag(&["create", "--fork", &id, "--json"]).json();
    assert_eq!(made["worker"]["branch"], "a-fork");
    let said = desk.wtmag(&["create", "--fork", &id, "--agent", "slow", "x"]).failure(2);
    assert!(said.contains("`slow` cannot continue a conversation of `fake`"), "{said}");
    let said = desk.wtmag(&["create", "--fork", &id, "--github", "456"]).failure(2);
    assert!(said.contains("cannot be combined"), "{said}");
}

#[test]
fn a_question_resumes_an_agent_that_has_ended_and_a_reused_branch_keeps_its_history() {
    let desk = desk();
    let id = desk.worker("a");
    idle(&desk, &id);
    let pid = desk.sandbox.agent_log().all("start", Some(&id))[0]["pid"].to_string();
    desk.sandbox.run("kill").args(["-9", &pid]).run().success();
    desk.wtmag(&["wait", &id, "--until", "exited", "--timeout", "20"]).success();
    let asked = desk.wtmag(&["ask", &id, "Which files?", "--timeout", "60"]);
    assert!(asked.stderr.contains("it is resumed"), "{asked}");
    assert!(asked.success().contains(&id));
    let turns = desk.sandbox.agent_log().turns(Some(&id));
    assert!(turns.len() == 2 && turns[1].starts_with("Which files?"), "{turns:?}");
    idle(&desk, &id);

    let base = desk.list(&[])[0]["base"].clone();
    desk.wtmag(&["cleanup", &id, "--keep-branch"]).success();
    let again = ["create", "--reuse", "--name", "a", "--prompt", "More", "--json"];
    let again = desk.wtmag(&again).json();
    assert_eq!((&again["worker"]["id"], &again["worker"]["base"]), (&id.as_str().into(), &base));
    let log = eventually(SOON, "both beginnings", || {
        let log = desk.wtmag(&["log", &id]).success();
        (log.matches("created").count() >= 2).then_some(log)
    });
    assert!(log.contains("resumed") && log.contains("cleaned up"), "{log}");
}

#[test]
fn a_reused_branch_keeps_the_last_message_until_its_new_agent_has_one() {
    let desk = desk();
    desk.config("[agents.mute]\ncommand = \"cat\"\nprofile = \"claude\"\ndelivery = \"ready\"\n");
    let args = ["create", "--prompt", "x", "--name", "a", "--agent", "mute", "--no-wait", "--json"];
    let made = desk.wtmag(&args).json();
    let text = |key: &str| made["worker"][key].as_str().unwrap().to_owned();
    let (id, pane, dir) = (text("id"), text("pane"), text("worktree"));
    let said =
        r#"{"hook_event_name":"Stop","session_id":"s","last_assistant_message":"All green."}"#;
    let hub = state_dir(&desk.sandbox);
    let about: serde_json::Value =
        serde_json::from_slice(&fs::read(hub.join("hub.json")).unwrap()).unwrap();
    let hook = desk.sandbox.wtmag_in(&pane, ["hook", "claude"]).env("WTMAG_WORKER", &id);
    let hook = hook.env("WTMAG_SOCKET", about["socket"].as_str().unwrap());
    hook.env("WTMAG_SPOOL", hub.join("spool")).cwd(dir).input(said).run().success();
    let last_message =
        || desk.wtmag(&["show", &id, "--json"]).json()["worker"]["last_message"].clone();
    eventually(SOON, "its last message", || (last_message() == "All green.").then_some(()));
    desk.wtmag(&["cleanup", &id, "--keep-branch", "--force"]).success();
    desk.wtmag(&[&args[..], &["--reuse"]].concat()).success();
    assert_eq!(last_message(), "All green.");
}
