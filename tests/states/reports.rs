//! What programs say of themselves in their output: believed at once, and never against the screen.
use std::{fs::OpenOptions, io::Write as _, time::Instant};

use wtmag::model::{FactSource, Happened, Worker};

use super::{Crew, Duration, PATIENCE, SOON, Sandbox, Seen, eventually, world};
use crate::support::{is_full, now_ms, percentiles};

/// Prints to the worker's pane as any program in it can.
fn print(sandbox: &Sandbox, worker: &Worker, text: &str) {
    let tty = sandbox.tmux().show(&worker.place.pane.to_string(), "#{pane_tty}");
    OpenOptions::new().write(true).open(tty).unwrap().write_all(text.as_bytes()).unwrap();
}

fn report(state: &str) -> String {
    format!("\x1b]7501;state={state}\x1b\\")
}

fn idle(sandbox: &Sandbox, worker: &Worker) {
    let wait = ["wait", worker.id.as_str(), "--until", "idle", "--timeout", "30s"];
    sandbox.wtmag(wait).run().success();
}

#[test]
fn a_false_report_changes_the_word_for_two_seconds_and_is_explained() {
    let sandbox = world();
    let mut crew = Crew::new(&sandbox);
    let (worker, _) = crew.hire_calm("false", Seen::Alone, &[]);
    idle(&sandbox, &worker);
    let since = crew.last_event();
    print(&sandbox, &worker, &report("working"));
    let turns = |crew: &mut Crew| -> Vec<(String, FactSource, u64)> {
        let events = crew.events(&worker, since).into_iter();
        let turn = |it: wtmag::model::Event| {
            let Happened::Turn(fact) = it.what else { return None };
            let word = wtmag::model::DisplayState::Turn(fact.value).to_string();
            Some((word, fact.source, it.at.0))
        };
        events.filter_map(turn).collect()
    };
    let turns = eventually(SOON, "the word to be taken back", || {
        Some(turns(&mut crew)).filter(|it| it.len() > 1)
    });
    let [(first, by, from), (second, _, to)] = &turns[..] else { panic!("{turns:?}") };
    assert_eq!((first.as_str(), *by, second.as_str()), ("working", FactSource::Program, "idle"));
    assert!(to - from < 3500, "{turns:?}");
    // It is believed no more.
    print(&sandbox, &worker, &report("blocked:kind=permission"));
    let explained = || {
        let why = sandbox.wtmag(["explain", worker.id.as_str()]).run().success();
        why.contains("the screen contradicted a report a moment ago").then_some(why)
    };
    let why = eventually(SOON, "the report in `explain`", explained);
    assert!(why.contains("working: shown, until the screen contradicts it"), "{why}");
    assert_eq!(crew.word(&worker), "idle");
}

#[test]
fn a_report_of_rest_opens_no_box_in_a_turn() {
    let sandbox = world();
    let mut crew = Crew::new(&sandbox);
    let turn = ["turn.min_ms=6000", "turn.max_ms=6000"];
    let (worker, _) = crew.hire_calm("rest", Seen::Alone, &turn);
    let id = worker.id.as_str();
    sandbox.wtmag(["wait", id, "--until", "working", "--timeout", "30s"]).run().success();
    let log = sandbox.agent_log();
    crew.send(&worker, "later");
    print(&sandbox, &worker, &report("working"));
    print(&sandbox, &worker, &report("idle"));
    eventually(SOON, "the word", || (crew.word(&worker) == "idle").then_some(()));
    eventually(SOON, "the screen to be believed", || {
        (crew.word(&worker) == "working").then_some(())
    });
    assert_eq!(log.turns(Some(id)), ["hello"]);
    let second = || (log.turns(Some(id)).len() > 1).then_some(());
    eventually(SOON, "the text", second);
    let ended = log.all("turn_end", Some(id));
    let began = &log.all("turn", Some(id))[1];
    assert!(ended[0]["at_ms"].as_u64() <= began["at_ms"].as_u64(), "{ended:?} {began}");
}

#[test]
fn a_state_that_a_program_reports_is_known_within_a_tenth_of_a_second() {
    let sandbox = world();
    let mut crew = Crew::new(&sandbox);
    let turn = ["says=true", "turn.min_ms=1500", "turn.max_ms=2500"];
    let workers: Vec<Worker> =
        (0..3).map(|n| crew.hire_calm(&n.to_string(), Seen::Alone, &turn).0).collect();
    let n_turns = if is_full() { 20 } else { 5 };
    for _ in 1..n_turns {
        for worker in &workers {
            idle(&sandbox, worker);
            crew.send(worker, "again");
        }
        for worker in &workers {
            let wait = ["wait", worker.id.as_str(), "--until", "working", "--timeout", "30s"];
            sandbox.wtmag(wait).run().success();
        }
    }
    let mut delays = Vec::new();
    for worker in &workers {
        idle(&sandbox, worker);
        let events = crew.events(worker, 0);
        for phase in sandbox.agent_log().all("phase", Some(worker.id.as_str())) {
            let state = match phase["phase"].as_str().unwrap() {
                "working" => "working",
                "ready" => "idle",
                _ => continue,
            };
            let at = phase["at_ms"].as_u64().unwrap();
            let is_it = |it: &&wtmag::model::Event| {
                let Happened::Turn(fact) = &it.what else { return false };
                let word = wtmag::model::DisplayState::Turn(fact.value.clone()).to_string();
                it.at.0 >= at && word == state && fact.source == FactSource::Program
            };
            // A report that tells what is known already is no event.
            delays.extend(events.iter().find(is_it).map(|it| it.at.0 - at).filter(|it| *it < 1000));
        }
    }
    assert!(delays.len() >= n_turns, "{delays:?}");
    delays.sort_unstable();
    let p95 = delays[(delays.len() - 1) * 95 / 100];
    println!("report to state, {} reports: {}", delays.len(), percentiles(delays.clone()));
    assert!(p95 <= 100, "{delays:?}");
}

#[test]
fn a_bell_of_an_agent_that_nobody_can_read_is_told() {
    let sandbox = world();
    let mut crew = Crew::new(&sandbox);
    let worker = crew.hire_idle("rings", Seen::Alone, &["sleep", "600"]);
    print(&sandbox, &worker, "no rule knows this\r\n");
    let known = || crew.show(&worker).1.filter(|it| !it.used_rows().is_empty());
    eventually(SOON, "the screen", known);
    eventually(PATIENCE, "its state", || (crew.word(&worker) == "unknown").then_some(()));
    print(&sandbox, &worker, "\x07");
    let rang = || (crew.word(&worker) == "needs you: bell").then_some(());
    eventually(SOON, "the bell", rang);
    let list = sandbox.wtmag(["list", "--all", "--json"]).run().json();
    assert_eq!(list[0]["needs"], "it rang the bell, and its screen does not show why");
    let (from, began) = (now_ms(), Instant::now());
    print(&sandbox, &worker, "\r\nsomething else\r\n");
    eventually(Duration::from_secs(10), "it to be over", || {
        (crew.word(&worker) == "unknown").then_some(())
    });
    assert!(now_ms() >= from && began.elapsed() < Duration::from_secs(10));
}
