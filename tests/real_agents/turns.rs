//! Turns of all kinds, with hooks and by the screen alone.
use std::time::Duration;

use serde_json::Value;

use super::{
    agent::{CLAUDE, Kind, OPENCODE, for_each_agent},
    desk::{Desk, SOON, Setup, Worker, unix_ms},
};
use crate::support::eventually;

for_each_agent! {
    a_question_for_leave_is_waiting_until_it_is_answered,
    a_slow_turn_is_working_all_the_time,
    escape_ends_a_turn,
    a_running_turn_is_interrupted_for_a_text_that_cannot_wait,
    a_failing_provider_is_shown,
    texts_that_read_like_dialogs_are_turns_like_any_other,
}

/// What the agents' own dialogs and signs of work say.
const DIALOG_WORDS: [&str; 6] = [
    "Users cannot sign in with their API key",
    "Print 'Press Enter to continue', use Enter to save, Esc to quit",
    "Add a 'Sign in with ChatGPT' button, fix: Paste code here",
    "why is it retrying in 5s, attempt 3",
    "Permission required: Allow once   Allow always   Reject",
    "Trust project folder? is asked twice (y/n)",
];

fn texts_that_read_like_dialogs_are_turns_like_any_other(kind: &'static Kind) {
    check(kind, |desk, worker| {
        for text in DIALOG_WORDS {
            let before = desk.last_event(worker);
            desk.send(worker, text);
            desk.wait(worker, "idle");
            assert_turns(desk, worker, before, &["working", "idle"]);
            assert_eq!(desk.prompts().last().unwrap(), text, "{}", desk.account(worker));
        }
    });
}

/// The same for a worker with hooks and for one without, each in a trusted worktree and at rest.
fn check(kind: &'static Kind, test: fn(&Desk, &Worker)) {
    for no_hooks in [false, true] {
        println!("hooks: {}", !no_hooks);
        let desk = Desk::new(kind, Setup { trusted: true, no_hooks, ..Setup::default() });
        let worker = desk.settled("one");
        test(&desk, &worker);
    }
}

fn a_question_for_leave_is_waiting_until_it_is_answered(kind: &'static Kind) {
    check(kind, |desk, worker| {
        // pi never asks: its tools just run.
        let (prompt, question) = desk.kind.asks.unwrap_or(("TOOL please", ""));
        let before = desk.last_event(worker);
        desk.send(worker, prompt);
        if desk.kind.asks.is_some() {
            desk.wait(worker, "waiting");
            // A hook is quicker than the screen, and than a human.
            let shows = || desk.capture(worker).contains(question).then_some(());
            eventually(SOON, question, shows);
            desk.press(worker, &["Enter"]);
        }
        desk.wait(worker, "idle");
        let want = match desk.kind.asks {
            Some(_) => &["working", "waiting: permission", "working", "idle"][..],
            None => &["working", "idle"],
        };
        assert_turns(desk, worker, before, want);
    });
}

#[test]
fn a_question_of_claude_is_waiting_until_it_is_answered() {
    a_question_is_waiting_until_it_is_answered(&CLAUDE);
}

#[test]
fn a_question_of_opencode_is_waiting_until_it_is_answered() {
    a_question_is_waiting_until_it_is_answered(&OPENCODE);
}

fn a_question_is_waiting_until_it_is_answered(kind: &'static Kind) {
    check(kind, |desk, worker| {
        let before = desk.last_event(worker);
        desk.send(worker, "TOOLASK please");
        desk.wait(worker, "waiting");
        eventually(SOON, "a choice", || desk.capture(worker).contains("Red").then_some(()));
        desk.press(worker, &["Enter"]);
        desk.wait(worker, "idle");
        assert_turns(desk, worker, before, &["working", "waiting: question", "working", "idle"]);
    });
}

/// It accepts input meanwhile, and continues by itself when the task has ended.
#[test]
fn a_claude_whose_task_runs_in_the_background_is_working() {
    check(&CLAUDE, |desk, worker| {
        let before = desk.last_event(worker);
        desk.send(worker, "TOOLBACK please");
        let shows = || desk.capture(worker).contains("1 shell still running").then_some(());
        eventually(SOON, "the end of the turn", shows);
        let until = ["wait", &worker.id, "--until", "idle,ready", "--timeout", "5s"];
        let waited = desk.wtmag(&until).run();
        assert_eq!(waited.code, 4, "{waited}\n{}", desk.account(worker));
        desk.sandbox.run("pkill").args(["-f", "^sleep 617$"]).run().success();
        desk.wait(worker, "idle");
        assert_turns(desk, worker, before, &["working", "idle"]);
    });
}

fn a_slow_turn_is_working_all_the_time(kind: &'static Kind) {
    check(kind, |desk, worker| {
        let before = desk.last_event(worker);
        desk.send(worker, "SLOW please");
        desk.wait(worker, "idle");
        assert_turns(desk, worker, before, &["working", "idle"]);
        let turn = desk.turn_times(worker, before);
        assert!(turn[1] - turn[0] > 7500, "{turn:?}");
    });
}

fn escape_ends_a_turn(kind: &'static Kind) {
    check(kind, |desk, worker| {
        let before = desk.last_event(worker);
        begin_slow_turn(desk, worker);
        desk.press(worker, desk.kind.stop);
        desk.wait(worker, "idle");
        assert_turns(desk, worker, before, &["working", "idle"]);
        assert!(!desk.capture(worker).contains("word15"), "{}", desk.account(worker));
    });
}

fn a_running_turn_is_interrupted_for_a_text_that_cannot_wait(kind: &'static Kind) {
    check(kind, |desk, worker| {
        begin_slow_turn(desk, worker);
        let args =
            ["send", "--now", "--wait", "--timeout", "40s", "--", &worker.id, "Stop and look"];
        let ran = desk.wtmag(&args).run();
        assert_eq!(ran.code, 0, "{ran}\n{}", desk.account(worker));
        desk.wait(worker, "idle");
        // claude says besides that it was interrupted.
        let last = desk.prompts().last().is_some_and(|it| it.ends_with("Stop and look"));
        assert!(last, "{}", desk.account(worker));
        assert!(!desk.capture(worker).contains("word15"), "{}", desk.account(worker));
    });
}

fn a_failing_provider_is_shown(kind: &'static Kind) {
    check(kind, |desk, worker| {
        desk.send(worker, "FAIL please");
        desk.wait(worker, desk.kind.failing);
        let show = desk.wtmag(&["show", "--json", &worker.id]).run().json();
        let evidence = show["worker"]["state"]["evidence"].as_str().unwrap();
        println!("{}: {evidence}", desk.kind.name);
        assert!(!evidence.is_empty(), "{show}");
    });
}

/// A turn of eight seconds, some of whose answer has come.
pub(super) fn begin_slow_turn(desk: &Desk, worker: &Worker) {
    let is_slow = |it: &Value| it["prompt"] == "SLOW please";
    let n_before = desk.requests().into_iter().filter(is_slow).count();
    desk.send(worker, "SLOW please");
    let asked = || {
        let request = desk.requests().into_iter().filter(is_slow).nth(n_before)?;
        let since = request["t"].as_f64().unwrap();
        let now = Duration::from_millis(wtmag::clock::now().0).as_secs_f64();
        (now - since > 3.0).then_some(())
    };
    eventually(SOON, "an answer that begins", asked);
}

/// The turns since an event, in words, are these and no others.
#[track_caller]
fn assert_turns(desk: &Desk, worker: &Worker, since: u64, want: &[&str]) {
    let turns = desk.turns_since(worker, since);
    let words: Vec<&str> = turns.iter().map(|it| it.0.as_str()).collect();
    assert_eq!(words, want, "{turns:?}\n{}", desk.account(worker));
}

impl Desk {
    /// When each of the turns since an event began, in ms.
    fn turn_times(&self, worker: &Worker, seq: u64) -> Vec<u64> {
        let is_turn = |it: &Value| it["kind"] == "turn" && it["seq"].as_u64().unwrap() > seq;
        let turns = self.events(worker).into_iter().filter(is_turn);
        turns.map(|it| unix_ms(&it["at"])).collect()
    }
}
