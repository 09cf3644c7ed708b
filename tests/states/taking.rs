//! Texts that get stuck, and what a human says of them; commands of the agent's own.
use std::fs;

use super::{Crew, Duration, SOON, Sandbox, Seen, eventually, world};
use crate::support::CALM;
use serde_json::Value;

/// After a minute of a hold that nothing on the screen explains, a human is told.
const TOLD: Duration = Duration::from_secs(75);

fn receipt(sandbox: &Sandbox, number: &str) -> Value {
    let all = sandbox.wtmag(["receipts", "--all", "--json"]).run().json();
    let number: u64 = number.parse().unwrap();
    let is_it = |it: &&Value| it["id"] == number;
    all.as_array().unwrap().iter().find(is_it).cloned().unwrap_or(Value::Null)
}

fn send(sandbox: &Sandbox, id: &str, args: &[&str], text: &str) -> String {
    let words = [&["send", "--no-wait", "--json"], args, &["--", id, text]].concat();
    sandbox.wtmag(words).run().json()[0]["id"].to_string()
}

fn wait_for(sandbox: &Sandbox, number: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    let found = || Some(receipt(sandbox, number)).filter(&is);
    eventually(SOON, what, found)
}

#[test]
fn a_draft_that_stays_needs_a_human_who_says_what_to_do() {
    let sandbox = world();
    let mut crew = Crew::new(&sandbox);
    let (worker, _) = crew.hire_calm("draft", Seen::Alone, &[]);
    let (id, pane) = (worker.id.as_str(), worker.place.pane.to_string());
    sandbox.wtmag(["wait", id, "--until", "idle", "--timeout", "30s"]).run().success();
    sandbox.tmux().type_text(&pane, "half a thought");
    eventually(SOON, "the draft", || (crew.word(&worker) == "draft").then_some(()));
    let number = send(&sandbox, id, &[], "mine");
    wait_for(&sandbox, &number, "a hold", |it| it["held"] == "the input box holds a draft");
    eventually(TOLD, "the need", || (crew.word(&worker) == "needs you: delivery").then_some(()));
    let list = sandbox.wtmag(["list", "--all", "--json"]).run().json();
    assert_eq!(list[0]["state"], "needs you: delivery");
    let told = sandbox.wtmag(["receipts", id]).run().success();
    assert!(
        told.contains("half a thought") && told.contains("--take enter|done|retry|clear"),
        "{told}"
    );
    // Nothing of it is in the box: Enter would submit the human's own words.
    sandbox.wtmag(["receipts", &number, "--take", "enter"]).run().failure(1);
    assert_eq!(sandbox.agent_log().turns(Some(id)), ["hello"]);
    // The human empties the box and says so.
    sandbox.tmux().run(["send-keys", "-N", "20", "-t", &pane, "BSpace"]);
    wait_for(&sandbox, &number, "the text", |it| it["step"] == "accepted");
    assert_eq!(sandbox.agent_log().turns(Some(id)), ["hello", "mine"]);
    eventually(SOON, "nothing to be needed", || {
        crew.show(&worker).0.state.need.is_none().then_some(())
    });
}

#[test]
fn a_human_closes_the_receipt_of_a_text_that_the_agent_has() {
    let sandbox = world();
    let mut crew = Crew::new(&sandbox);
    let (worker, _) = crew.hire_calm("done", Seen::Alone, &[]);
    let (id, pane) = (worker.id.as_str(), worker.place.pane.to_string());
    sandbox.wtmag(["wait", id, "--until", "idle", "--timeout", "30s"]).run().success();
    sandbox.tmux().type_text(&pane, "mine, typed by hand");
    eventually(SOON, "the draft", || (crew.word(&worker) == "draft").then_some(()));
    let number = send(&sandbox, id, &[], "mine");
    wait_for(&sandbox, &number, "a hold", |it| it["held"] == "the input box holds a draft");
    sandbox.wtmag(["receipts", &number, "--take", "done"]).run().success();
    let closed = receipt(&sandbox, &number);
    assert_eq!((closed["step"].as_str(), closed["held"].as_str()), (Some("accepted"), None));
    assert!(closed["evidence"].as_str().unwrap().starts_with("you said"), "{closed}");
    assert_eq!(sandbox.agent_log().turns(Some(id)), ["hello"], "no key was pressed");
}

#[test]
fn a_human_has_the_text_pasted_again_and_then_the_box_cleared() {
    let sandbox = world();
    let mut crew = Crew::new(&sandbox);
    let program = sandbox.fake_agent().display().to_string();
    // Control-C empties the fake agent's box.
    let profile = format!("{CALM}[keys]\nclear = [\"C-c\"]\n");
    let (worker, _) =
        crew.hire_with(("clears", Some(&profile)), "clears", Seen::Alone, &[&program]);
    let (id, pane) = (worker.id.as_str(), worker.place.pane.to_string());
    sandbox.wtmag(["wait", id, "--until", "idle", "--timeout", "30s"]).run().success();
    sandbox.tmux().type_text(&pane, "half a thought");
    eventually(SOON, "the draft", || (crew.word(&worker) == "draft").then_some(()));
    let number = send(&sandbox, id, &[], "mine");
    wait_for(&sandbox, &number, "a hold", |it| it["held"] == "the input box holds a draft");
    // The human says that the box is free. It is not: the text is pasted, and nothing is submitted.
    sandbox.wtmag(["receipts", &number, "--take", "retry"]).run().success();
    let both = || sandbox.tmux().capture(&pane).contains("half a thoughtmine").then_some(());
    eventually(SOON, "the paste", both);
    wait_for(&sandbox, &number, "a hold", |it| it["step"] == "pasted" && it["held"].is_string());
    assert_eq!(sandbox.agent_log().turns(Some(id)), ["hello"], "no key was pressed");
    sandbox.wtmag(["receipts", &number, "--take", "clear"]).run().success();
    wait_for(&sandbox, &number, "the text", |it| it["step"] == "accepted");
    assert_eq!(sandbox.agent_log().turns(Some(id)), ["hello", "mine"]);
}

#[test]
fn a_command_is_typed_only_raw_and_says_what_became_of_it() {
    let sandbox = world();
    let mut crew = Crew::new(&sandbox);
    let (worker, _) = crew.hire_calm("raw", Seen::Alone, &["commands=true"]);
    let id = worker.id.as_str();
    sandbox.run("git").args(["init", "-q"]).cwd(&worker.worktree).run().success();
    sandbox.wtmag(["wait", id, "--until", "idle", "--timeout", "30s"]).run().success();
    // By file, as a message.
    let number = send(&sandbox, id, &[], "/clear all of it");
    let sent = wait_for(&sandbox, &number, "the message", |it| it["step"] == "accepted");
    let file = sent["file"].as_str().unwrap();
    let text = fs::read_to_string(worker.worktree.join(file)).unwrap();
    assert_eq!(text.trim(), "/clear all of it");
    sandbox.wtmag(["wait", id, "--until", "idle", "--timeout", "30s"]).run().success();
    // As it is: the agent runs it, and there is no turn.
    let number = send(&sandbox, id, &["--raw"], "/clear");
    let ran = wait_for(&sandbox, &number, "the command", |it| it["step"] == "ran");
    let evidence = ran["evidence"].as_str().unwrap();
    assert!(evidence.starts_with("no turn began; the agent shows: "), "{evidence}");
    assert!(evidence.contains("Ran /clear"), "{evidence}");
    let turns = sandbox.agent_log().turns(Some(id));
    assert_eq!(turns.len(), 2, "{turns:?}");
    let told = sandbox.wtmag(["receipts", id]).run().success();
    assert!(told.contains("ran after"), "{told}");
}
