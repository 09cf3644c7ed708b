//! `wtmag answer` in the dialogs that agents show: every answer can be chosen, wherever it stands.
use super::{
    agent::{CLAUDE, CODEX, Kind, OPENCODE},
    desk::{Desk, LONG, SOON, Setup, Worker},
};
use crate::support::{eventually, poll};

const ANSWERS: &str = "\n[answer]\nagents = true\n";

#[test]
fn every_answer_of_claude_can_be_chosen() {
    every_answer_can_be_chosen(&CLAUDE);
}

#[test]
fn every_answer_of_codex_can_be_chosen() {
    every_answer_can_be_chosen(&CODEX);
}

#[test]
fn every_answer_of_opencode_can_be_chosen() {
    every_answer_can_be_chosen(&OPENCODE);
}

/// The first and the last one; then, in another conversation, the one between, after which it asks no more.
fn every_answer_can_be_chosen(kind: &'static Kind) {
    for no_hooks in [false, true] {
        let setup = Setup { trusted: true, no_hooks, block: ANSWERS, ..Setup::default() };
        let desk = Desk::new(kind, setup);
        let worker = desk.settled("one");
        let n = ask(&desk, &worker).len();
        assert!(n > 1, "{}", desk.account(&worker));
        let all = if no_hooks { vec![1] } else { vec![0, n - 1] };
        for at in all {
            let labels = ask(&desk, &worker);
            println!("hooks: {}: {}", !no_hooks, labels[at]);
            choose(&desk, &worker, &labels[at]);
            end(&desk, &worker);
        }
    }
}

/// Has it ask for permission, and returns the answers.
fn ask(desk: &Desk, worker: &Worker) -> Vec<String> {
    let state = || super::lives::word(desk, worker);
    if !state().starts_with("waiting") {
        let (prompt, _) = desk.kind.asks.unwrap();
        desk.send(worker, prompt);
        desk.wait(worker, "waiting");
    }
    // The first try has all of them.
    let asked = desk.wtmag(&["answer", &worker.id, "--json"]).run().json();
    let choices = asked["asks"]["choices"].as_array().unwrap();
    choices.iter().map(|it| it["label"].as_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn choose(desk: &Desk, worker: &Worker, label: &str) {
    let ran = desk.wtmag(&["answer", &worker.id, label]).run();
    assert_eq!(ran.code, 0, "{ran}\n{}", desk.account(worker));
}

/// Another dialog may follow, whose first answer is taken.
fn end(desk: &Desk, worker: &Worker) {
    let over = || {
        let state = super::lives::word(desk, worker);
        if state.starts_with("waiting") {
            let asked = desk.wtmag(&["answer", &worker.id, "--json"]).run();
            let first = (asked.code == 0)
                .then(|| asked.json()["asks"]["choices"][0]["label"].as_str().map(str::to_owned))?;
            choose(desk, worker, &first?);
        }
        (state == "idle").then_some(())
    };
    assert!(poll(LONG, over).is_some(), "{}", desk.account(worker));
}

#[test]
fn a_question_of_opencode_is_answered() {
    a_question_is_answered(&OPENCODE);
}

#[test]
fn a_question_of_claude_is_answered() {
    a_question_is_answered(&CLAUDE);
}

/// The second of its answers, which is not the one that is highlighted.
fn a_question_is_answered(kind: &'static Kind) {
    let desk = Desk::new(kind, Setup { trusted: true, block: ANSWERS, ..Setup::default() });
    let worker = desk.settled("one");
    desk.send(&worker, "TOOLASK please");
    desk.wait(&worker, "waiting");
    choose(&desk, &worker, "Blue");
    desk.wait(&worker, "idle");
    let heard = || {
        let requests = desk.requests();
        let mut results = requests.iter().filter_map(|it| it["result"].as_str());
        results.any(|it| it.contains("Blue")).then_some(())
    };
    eventually(SOON, "the answer at the provider", heard);
}
