//! Clients that wait are told at once, and cost nothing until then; a long log is read in a moment.
use std::{
    collections::BTreeMap,
    io::Read as _,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use wtmag::model::{AgentState, Happened, Worker};

use super::{Crew, Run, SOON, Sandbox, Seen, eventually, is_full, now_ms, percentiles, task_times};

/// How late a client may return after the hub's event.
const LATE_MS: u64 = 200;
/// Clients that wait for what does not come.
const N_CLIENTS: usize = 50;
/// Events in the log that is read.
const N_EVENTS: usize = 10_000;
/// How long the newest ten of them may take as a process of a debug build, and a page of them.
const READ_MS: u128 = 50;
const PAGE_MS: u128 = 1000;
/// Items in an inbox, of so many workers, and how long they may take as a process of a debug build.
const N_ITEMS: usize = 1000;
const N_ASKING: usize = 20;
const INBOX_MS: u128 = 500;

fn world() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.tmux().start("main");
    sandbox
}

/// Three workers, and how long `wait --any` on them took to return.
struct Watch<'a> {
    sandbox: &'a Sandbox,
    crew: Crew,
    workers: Vec<Worker>,
    /// Milliseconds from the hub's event, and from the agent's frame, to the end of the process.
    from_event: Vec<u64>,
    from_frame: Vec<u64>,
}

impl Watch<'_> {
    /// Waits for the first of all workers to come to a state, does something that brings `which` of them there, and
    /// times the return.
    fn time(&mut self, until: &str, phase: &str, act: impl FnOnce(&mut Crew, &[Worker])) {
        let ids: Vec<&str> = self.workers.iter().map(|it| it.id.as_str()).collect();
        let args = ["wait", "--any", "--until", until, "--timeout", "30s"];
        let run = self.sandbox.wtmag(args.iter().chain(&ids));
        let n_clients = self.crew.status().clients;
        let last = self.crew.last_event();
        let end = thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                run.run_quietly();
                now_ms()
            });
            let crew = &mut self.crew;
            let is_there = || (crew.status().clients > n_clients).then_some(());
            eventually(SOON, "the client to come", is_there);
            act(&mut self.crew, &self.workers);
            waiting.join().unwrap()
        });
        let told = |worker: &Worker| {
            let mut events = self.crew.events(worker, last).into_iter();
            let is_it = |what: &Happened| matches!(what, Happened::Turn(fact) if is_called(&fact.value, until));
            Some((events.find(|it| is_it(&it.what))?.at.0, worker.id.to_string()))
        };
        let told = self.workers.iter().filter_map(told).min();
        let (event, worker) = told.unwrap();
        let drawn = self.sandbox.agent_log().all("drawn", Some(&worker));
        let frame =
            drawn.iter().rfind(|it| it["phase"] == phase && it["at_ms"].as_u64() <= Some(event));
        self.from_event.push(end.saturating_sub(event));
        self.from_frame.extend(frame.map(|it| end - it["at_ms"].as_u64().unwrap()));
    }

    fn wait_for_all(&mut self, word: &str) {
        for worker in &self.workers {
            eventually(SOON, word, || (self.crew.word(worker) == word).then_some(()));
        }
    }
}

fn is_called(turn: &AgentState, name: &str) -> bool {
    match turn {
        AgentState::Working => name == "working",
        AgentState::Waiting(_) => name == "waiting",
        AgentState::Idle => name == "idle",
        AgentState::Unknown
        | AgentState::Blocked(_)
        | AgentState::Ready
        | AgentState::Retrying
        | AgentState::Failed
        | AgentState::Limited(_)
        | AgentState::Draft
        | AgentState::Other(_) => false,
    }
}

#[test]
fn wait_any_returns_as_soon_as_the_hub_knows() {
    let sandbox = world();
    let mut crew = Crew::new(&sandbox);
    let asks = "turn.permission={kind=\"menu\",heading=\"H\",question=\"Go on?\",\
                entries=[\"No\",\"Yes\"],chosen=0,right=1,hint=\"\"}";
    let hire = |n| {
        let turn = ["turn.min_ms=1000", "turn.max_ms=1000", asks, "human_ms=1000"];
        crew.hire_calm(&format!("w{n}"), Seen::Alone, &turn).0
    };
    let workers: Vec<_> = (0..3).map(hire).collect();
    let (from_event, from_frame) = (Vec::new(), Vec::new());
    let mut watch = Watch { sandbox: &sandbox, crew, workers, from_event, from_frame };
    for worker in &watch.workers {
        let asked = || sandbox.agent_log().all("dialog", Some(worker.id.as_str())).pop();
        eventually(SOON, "a question", asked);
    }
    watch.wait_for_all("idle");
    for round in 0..if is_full() { 32 } else { 4 } {
        let one = round % 3;
        watch.time("working", "working", |crew, workers| crew.send(&workers[one], "one"));
        for other in (0..3).filter(|it| *it != one) {
            let worker = watch.workers[other].clone();
            watch.crew.send(&worker, "all");
        }
        // Each fourth turn asks.
        if round % 4 == 3 {
            watch.time("waiting", "dialog", |_, _| {});
        }
        watch.wait_for_all("working");
        watch.time("idle", "ready", |_, _| {});
        watch.wait_for_all("idle");
    }
    println!("wait --any, event to return: {}", percentiles(watch.from_event.clone()));
    println!("wait --any, frame to return: {}", percentiles(watch.from_frame.clone()));
    let n_late = watch.from_event.iter().filter(|it| **it > LATE_MS).count();
    // A machine that is busy with other tests delays any process now and then.
    assert!(n_late * 20 <= watch.from_event.len(), "{:?}", watch.from_event);
}

/// Ends with the test.
struct Waiting(Child);

impl Waiting {
    #[track_caller]
    fn assert_waits(&mut self) {
        let Some(status) = self.0.try_wait().unwrap() else { return };
        let mut said = String::new();
        self.0.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        self.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        panic!("{status}: {said}");
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn clients_that_wait_cost_nothing() {
    let sandbox = world();
    let mut crew = Crew::new(&sandbox);
    let worker = crew.hire_idle("x", Seen::Alone, &["cat"]);
    let hub = crew.pid();
    let span = Duration::from_secs(if is_full() { 30 } else { 5 });
    let used = |pids: &[u32]| {
        let times = || -> BTreeMap<_, _> { pids.iter().flat_map(|pid| task_times(*pid)).collect() };
        let before = times();
        thread::sleep(span);
        let since = |(task, time): (_, u64)| time - before.get(&task).copied().unwrap_or_default();
        times().into_iter().map(since).sum::<u64>() / 1000
    };
    let alone = used(&[hub]);
    let waits =
        [&["wait", worker.id.as_str(), "--until", "lost"][..], &["inbox", "--all", "--wait"]];
    let mut clients: Vec<Waiting> = (0..N_CLIENTS)
        .map(|n| {
            let mut command = sandbox.command(env!("CARGO_BIN_EXE_wtmag"));
            command.args(waits[n % waits.len()]);
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            Waiting(command.spawn().unwrap())
        })
        .collect();
    // This test's own connection is one more.
    let are_there = || {
        for it in &mut clients {
            it.assert_waits();
        }
        (crew.status().clients > N_CLIENTS).then_some(())
    };
    eventually(SOON, "the clients to come", are_there);
    // They have connected, and now settle down.
    thread::sleep(Duration::from_secs(2));
    let pids: Vec<u32> = clients.iter().map(|it| it.0.id()).collect();
    let with_hub: Vec<u32> = pids.iter().copied().chain([hub]).collect();
    let all = used(&with_hub);
    println!("{} s: hub alone {alone} us, hub and {N_CLIENTS} clients {all} us", span.as_secs());
    // A thousandth of a core.
    let limit = u64::try_from(span.as_micros()).unwrap() / 1000;
    assert!(all <= alone + limit, "{all} us with clients, {alone} us without");
}

#[test]
fn a_full_inbox_is_read_in_a_moment() {
    let sandbox = world();
    let mut crew = Crew::new(&sandbox);
    let hire = |n: usize| crew.hire_idle(&n.to_string(), Seen::Alone, &["cat"]);
    let workers: Vec<Worker> = (0..N_ASKING).map(hire).collect();
    crew.fill_log(&workers[0], N_EVENTS);
    crew.fill_inbox(&workers, N_ITEMS);
    let rows = sandbox.wtmag(["inbox", "--all"]).run().success();
    assert_eq!(rows.lines().filter(|it| it.contains("question")).count(), N_ITEMS);
    // In a pane, the hub also notes who has read it.
    let pane = sandbox.tmux().show("main", "#{pane_id}");
    let args = ["inbox", "--all"];
    let runs: [&dyn Fn() -> Run; 2] = [&|| sandbox.wtmag(args), &|| sandbox.wtmag_in(&pane, args)];
    for run in runs {
        let mut times: Vec<u128> = (0..10).map(|_| run().time().as_millis()).collect();
        times.sort_unstable();
        println!("{N_ITEMS} items: p50 {} ms, max {} ms", times[5], times[9]);
        assert!(times[0] <= INBOX_MS, "{times:?}");
    }
}

#[test]
fn a_long_log_is_read_in_a_moment() {
    let sandbox = world();
    let mut crew = Crew::new(&sandbox);
    let worker = crew.hire_idle("x", Seen::Alone, &["cat"]);
    crew.fill_log(&worker, N_EVENTS);
    let last = crew.last_event();
    assert!(usize::try_from(last).unwrap() >= N_EVENTS);
    for (since, limit) in [(last - 10, READ_MS), (last - 1000, PAGE_MS)] {
        let since = since.to_string();
        let mut times: Vec<u128> = (0..20)
            .map(|_| {
                let started = Instant::now();
                sandbox.wtmag(["events", "--since", &since]).run_quietly();
                started.elapsed().as_millis()
            })
            .collect();
        times.sort_unstable();
        println!("{last} events, --since {since}: p50 {} ms, max {} ms", times[10], times[19]);
        // The best of them: a machine that is busy with other tests delays any process.
        assert!(times[0] <= limit, "{times:?}");
    }
}
