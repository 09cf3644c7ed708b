//! Texts to unknown agents: each arrives once, as one turn, and in no other place.
use std::time::Duration;

use serde_json::Value;

use crate::support::{BOOTSTRAP, Hand, Yard, eventually, is_full, percentiles, poll, seeds};

/// Workers that start at the same time.
const BATCH: usize = 10;
const SOON: Duration = Duration::from_secs(20);
/// Some turns of an unknown agent, each after three quiet seconds.
const LATER: Duration = Duration::from_secs(60);

/// Random agents in one shell: each gets its bootstrap once, as one turn, and nothing when it is not ready.
fn check_shell(shell: &str, n: usize) {
    let mut faults = Vec::new();
    let mut latencies = Vec::new();
    for seeds in seeds(n).chunks(BATCH) {
        let hands: Vec<Hand> = seeds.iter().copied().map(Hand::random).collect();
        let yard = Yard::new(shell, &hands);
        let ran = yard.create_all(&hands);
        let workers = yard.workers();
        for (hand, ran) in hands.iter().zip(ran) {
            let Some(worker) = workers.get(&hand.name) else {
                faults.push(format!("{shell} {}: no worker: {ran}", hand.name));
                continue;
            };
            let mut wrong = yard.faults(worker, &[BOOTSTRAP]);
            if ran.code != 0 {
                wrong.push(format!("create: {ran}"));
            }
            latencies.extend(yard.latency(worker));
            if !wrong.is_empty() {
                faults.push(format!(
                    "{shell} {}: {}\n{}",
                    hand.name,
                    wrong.join("; "),
                    yard.account(worker)
                ));
            }
        }
        yard.end_agents();
        faults.extend(yard.shell_faults());
        println!("{shell}: {seeds:?} done, {} faults so far", faults.len());
    }
    println!("{shell}: box drawn to turn: {}", percentiles(latencies));
    assert!(faults.is_empty(), "{} of {n}:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn random_agents_in_bash_get_their_prompt_once() {
    check_shell("bash", if is_full() { 70 } else { 6 });
}

#[test]
fn random_agents_in_zsh_get_their_prompt_once() {
    check_shell("zsh", if is_full() { 65 } else { 6 });
}

#[test]
fn random_agents_in_fish_get_their_prompt_once() {
    check_shell("fish", if is_full() { 65 } else { 6 });
}

/// One calm worker that has accepted its bootstrap and is idle.
fn settled(hand: Hand) -> (Yard, String, String) {
    let yard = Yard::new("bash", std::slice::from_ref(&hand));
    let made = yard.create(&hand.name, &["-w"]).json();
    let text = |it: &Value| it.as_str().unwrap().to_owned();
    let (worker, pane) = (text(&made["worker"]["id"]), text(&made["worker"]["pane"]));
    yard.wtmag(&["wait", &worker, "--until", "idle", "--timeout", "50s"]).success();
    (yard, worker, pane)
}

/// Queues a text and returns the number of its delivery.
fn send(yard: &Yard, worker: &str, text: &str) -> String {
    let sent = yard.wtmag(&["send", "--no-wait", "--json", "--", worker, text]).json();
    sent[0]["id"].to_string()
}

/// Waits until the newest delivery is held for this reason.
fn wait_for_hold(yard: &Yard, worker: &str, why: &str) {
    let held = || (yard.newest(worker)["hold"]["why"] == why).then_some(());
    eventually(SOON, &format!("the delivery to be held: {why}"), held);
}

fn wait_for_turns(yard: &Yard, worker: &str, texts: &[&str]) {
    let log = yard.sandbox.agent_log();
    let arrived = || (log.turns(Some(worker)).len() >= texts.len()).then_some(());
    if poll(LATER, arrived).is_none() {
        panic!("waited for {texts:?}: {}", yard.account(worker));
    }
    assert_eq!(yard.faults(worker, texts), [""; 0], "{}", yard.account(worker));
}

#[test]
fn a_prompt_as_argument_is_proven_without_a_key() {
    let mut hands = vec![Hand::new("calm", &[])];
    hands.extend(seeds(4).into_iter().map(Hand::random));
    for hand in &mut hands {
        hand.delivery = "argument";
    }
    let yard = Yard::new("bash", &hands);
    let ran = yard.create_all(&hands);
    let workers = yard.workers();
    for (hand, ran) in hands.iter().zip(ran) {
        let worker = workers.get(&hand.name).unwrap();
        assert_eq!(yard.faults(worker, &[BOOTSTRAP]), [""; 0], "{}", yard.account(worker));
        ran.success();
        let log = yard.sandbox.agent_log();
        assert_eq!(log.all("bytes", Some(worker)), [""; 0], "{}", yard.account(worker));
    }
}

#[test]
fn texts_arrive_in_order_however_quickly_they_are_sent() {
    let (yard, worker, _) = settled(Hand::new("calm", &["--set", "turn.max_ms=800"]));
    let texts = ["first", "second: with 'quotes' \"and\" $HOME `x` #{pane_id}", "-third", "fourth"];
    for text in texts {
        send(&yard, &worker, text);
    }
    wait_for_turns(&yard, &worker, &[&[BOOTSTRAP], &texts[..]].concat());
}

#[test]
fn texts_that_read_like_a_dialog_or_a_turn_arrive() {
    let (yard, worker, _) = settled(Hand::new("calm", &["--set", "turn.max_ms=800"]));
    let texts = [
        "Users cannot sign in with their API key",
        "Print 'Press Enter to continue' at the end",
        "Why does it ask `Trust this folder?` twice (y/n)?",
        "Show `esc to interrupt` only while it works",
        "proceed?",
    ];
    for text in texts {
        send(&yard, &worker, text);
    }
    wait_for_turns(&yard, &worker, &[&[BOOTSTRAP], &texts[..]].concat());
}

#[test]
fn long_texts_and_many_lines_arrive_byte_for_byte() {
    let long: String = (0..2000).map(|n| format!("line {n} of a long text, ünïcödé\n")).collect();
    assert!(long.len() > 64 << 10);
    let lines = "one\n\n  two\n    three\nfour\nfive";
    for hand in [Hand::new("folds", &[]), Hand::new("shows", &["--set", "fold_chars=0"])] {
        let (yard, worker, _) = settled(hand);
        for text in [lines, long.trim_end(), "short"] {
            let file = yard.sandbox.put("text", text);
            let file = file.display().to_string();
            let args = ["send", &worker, "--file", &file, "--paste", "--wait", "--timeout", "50s"];
            let sent = yard.wtmag(&args);
            assert_eq!(sent.code, 0, "{sent} {}", yard.account(&worker));
        }
        wait_for_turns(&yard, &worker, &[BOOTSTRAP, lines, long.trim_end(), "short"]);
    }
}

#[test]
fn a_text_waits_while_the_pane_is_in_copy_mode() {
    let (yard, worker, pane) = settled(Hand::new("calm", &[]));
    yard.sandbox.tmux().run(["copy-mode", "-t", &pane]);
    send(&yard, &worker, "later");
    wait_for_hold(&yard, &worker, "pane-mode");
    yard.sandbox.tmux().run(["send-keys", "-t", &pane, "-X", "cancel"]);
    wait_for_turns(&yard, &worker, &[BOOTSTRAP, "later"]);
}

#[test]
fn a_text_waits_while_input_is_off() {
    let (yard, worker, pane) = settled(Hand::new("calm", &[]));
    yard.sandbox.tmux().run(["select-pane", "-d", "-t", &pane]);
    send(&yard, &worker, "later");
    wait_for_hold(&yard, &worker, "input-off");
    yard.sandbox.tmux().run(["select-pane", "-e", "-t", &pane]);
    wait_for_turns(&yard, &worker, &[BOOTSTRAP, "later"]);
}

#[test]
fn a_text_waits_behind_a_draft_and_can_be_withdrawn() {
    let (yard, worker, pane) = settled(Hand::new("calm", &[]));
    let tmux = yard.sandbox.tmux();
    tmux.type_text(&pane, "mine");
    tmux.wait_for_text(&pane, "> mine");
    let number = send(&yard, &worker, "withdrawn");
    wait_for_hold(&yard, &worker, "turn");
    yard.wtmag(&["send", "--cancel", &number]).success();
    send(&yard, &worker, "later");
    wait_for_hold(&yard, &worker, "turn");
    tmux.run(["send-keys", "-t", &pane, "BSpace", "BSpace", "BSpace", "BSpace"]);
    wait_for_turns(&yard, &worker, &[BOOTSTRAP, "later"]);
}

#[test]
fn a_text_waits_for_the_end_of_a_turn() {
    let slow = ["--set", "turn.min_ms=6000", "--set", "turn.max_ms=6000"];
    let (yard, worker, _) = settled(Hand::new("slow", &slow));
    yard.wtmag(&["send", "--wait", &worker, "work"]).success();
    send(&yard, &worker, "later");
    wait_for_hold(&yard, &worker, "turn");
    wait_for_turns(&yard, &worker, &[BOOTSTRAP, "work", "later"]);
    assert_eq!(yard.sandbox.agent_log().all("queued", Some(&worker)), [""; 0]);
}

#[test]
fn a_text_for_a_window_that_closes_fails_and_says_so() {
    let (yard, worker, pane) = settled(Hand::new("calm", &[]));
    let tmux = yard.sandbox.tmux();
    tmux.type_text(&pane, "mine");
    tmux.wait_for_text(&pane, "> mine");
    send(&yard, &worker, "never");
    wait_for_hold(&yard, &worker, "turn");
    tmux.run(["kill-window", "-t", &pane]);
    let failed = || (yard.newest(&worker)["step"] == "failed").then(|| yard.newest(&worker));
    let receipt = eventually(SOON, "the delivery to fail", failed);
    assert_eq!(receipt["evidence"], "the worker's pane is gone: window closed");
    assert_eq!(yard.faults(&worker, &[BOOTSTRAP]), [""; 0]);
}
