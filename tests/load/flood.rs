//! A worker that prints as fast as its terminal takes it, beside others that work.
use std::{collections::BTreeSet, time::Duration};

use super::{
    Crew, SOON, Sandbox, Seen, eventually, is_full, percentiles, poll, resident_kb, state_delays,
};

/// How late the states of the others may be told.
const LATE_MS: u64 = 1000;
/// How long after its end the flood's own state is right.
const OWN_LATE_MS: u64 = 2000;
/// What the hub may keep, and how much of it because of the flood.
const MAX_KB: u64 = 100_000;
const MAX_GROWTH_KB: u64 = 20_000;

#[test]
fn a_flood_costs_the_hub_no_memory_and_the_others_no_time() {
    let seconds = if is_full() { 60 } else { 5 };
    let sandbox = Sandbox::new();
    sandbox.tmux().start("main");
    let log = sandbox.agent_log();
    let mut crew = Crew::new(&sandbox);
    let calm = ["turn.min_ms=1500", "turn.max_ms=1500"];
    let others: Vec<_> =
        (0..3).map(|n| crew.hire_calm(&format!("calm-{n}"), Seen::Alone, &calm).0).collect();
    for other in &others {
        eventually(SOON, "a first turn to end", || (crew.word(other) == "idle").then_some(()));
    }
    let hub = crew.pid();
    let before = resident_kb(hub);
    let flood_ms = format!("turn.flood_ms={}", seconds * 1000);
    let (flood, _) = crew.hire_calm("flood", Seen::Alone, &[&flood_ms]);
    let id = flood.id.as_str();
    eventually(SOON, "the flood to begin", || log.all("turn", Some(id)).pop());
    let begun = || ["working", "unknown"].contains(&crew.word(&flood).as_str()).then_some(());
    eventually(SOON, "the flood to be seen", begun);
    let (mut most, mut words, mut n_sent) = (before, BTreeSet::new(), 0);
    let over = || {
        let is_over = log.all("turn_end", Some(id)).pop();
        if is_over.is_none() {
            words.insert(crew.word(&flood));
        }
        for other in others.iter().filter(|_| is_over.is_none()) {
            if crew.word(other) == "idle" {
                n_sent += 1;
                crew.send(other, &format!("text {n_sent}"));
                eventually(SOON, "a turn", || (crew.word(other) == "working").then_some(()));
            }
        }
        most = most.max(resident_kb(hub));
        is_over
    };
    let over = poll(Duration::from_secs(seconds + 60), over).unwrap();
    for worker in others.iter().chain([&flood]) {
        eventually(SOON, "all to rest", || (crew.word(worker) == "idle").then_some(()));
    }
    let delays: Vec<_> = others
        .iter()
        .flat_map(|it| state_delays(&log, &crew.events(it, 0), it))
        .filter_map(|(state, delay)| Some((state, delay?)))
        .collect();
    let own = state_delays(&log, &crew.events(&flood, 0), &flood).pop().unwrap().1.unwrap();
    for wanted in ["working", "idle"] {
        let delays = delays.iter().filter(|(state, _)| *state == wanted).map(|it| it.1);
        println!("frame to event, {wanted}: {}", percentiles(delays.collect()));
    }
    println!("{seconds} s of flood, {n_sent} texts to others beside it; its state {own} ms after");
    println!("hub: {before} kB before, {most} kB at most; the flood was {words:?}; {over}");
    assert!(delays.iter().all(|it| it.1 <= LATE_MS), "{delays:?}");
    assert!(own <= OWN_LATE_MS);
    assert!(most <= MAX_KB && most - before <= MAX_GROWTH_KB);
    assert!(words.iter().all(|it| it == "working" || it == "unknown"), "{words:?}");
}
