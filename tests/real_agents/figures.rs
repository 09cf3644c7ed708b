//! How soon a state is known: by a hook, by the agent's own report, and by the screen alone. Times in ms; they are printed.
use std::path::PathBuf;

use serde_json::Value;

use super::{
    agent::{self, Kind, for_each_agent},
    desk::{Desk, FIXTURES, SOON, Setup, Worker, unix_ms},
    turns,
};
use crate::support::{eventually, percentiles};

for_each_agent! {
    a_turn_that_ends_is_known_soon_by_hook,
    states_are_known_soon_by_the_screen_alone,
}

const N_TURNS: usize = 10;

fn a_turn_that_ends_is_known_soon_by_hook(kind: &'static Kind) {
    let desk = Desk::new(kind, Setup { trusted: true, ..Setup::default() });
    let worker = desk.settled("one");
    let (mut ends, mut idles) = (Vec::new(), Vec::new());
    for n in 0..N_TURNS {
        let before = desk.last_event(&worker);
        desk.send(&worker, &format!("AgentState {n}"));
        desk.wait(&worker, "idle");
        let idle = desk.turn_event(&worker, before, "idle");
        assert_eq!(idle["source"], "hook", "{}", desk.account(&worker));
        idles.push(unix_ms(&idle["at"]));
        let done = desk.requests().into_iter().rfind(|it| it["kind"] == "done").unwrap();
        ends.push(ms(&done["t"]));
    }
    if kind.name == "opencode" {
        // It has much to do after an answer, and says in its log when that is done.
        ends = eventually(SOON, "the end of the last turn", || desk.ends_of_loops(N_TURNS));
    }
    let mut times: Vec<u64> =
        idles.iter().zip(&ends).map(|(idle, end)| idle.saturating_sub(*end)).collect();
    println!("{}: end of turn to idle by hook: {}", kind.name, percentiles(times.clone()));
    assert!(percentile(&mut times, 50) <= 150, "{times:?}");
}

fn states_are_known_soon_by_the_screen_alone(kind: &'static Kind) {
    let desk = Desk::new(kind, Setup { trusted: true, no_hooks: true, ..Setup::default() });
    let worker = desk.settled("one");
    let output = Output::of(&desk, &worker);
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    let [working, idle, waiting] = &mut times;
    for n in 0..N_TURNS {
        let before = desk.last_event(&worker);
        desk.send(&worker, &format!("AgentState {n}"));
        desk.wait(&worker, "idle");
        let began = unix_ms(&desk.turn_event(&worker, before, "working")["at"]);
        let ended = unix_ms(&desk.turn_event(&worker, before, "idle")["at"]);
        // Both clocks are this machine's; the stamp may come after the look.
        let drawn = output.first(kind.spinner, desk.entered(&worker));
        working.extend(drawn.map(|at| began.saturating_sub(at)));
        idle.push(ended - output.last_before(ended));
    }
    for _ in 0..kind.asks.map_or(0, |_| N_TURNS / 2) {
        let (prompt, question) = kind.asks.unwrap();
        let before = desk.last_event(&worker);
        desk.send(&worker, prompt);
        desk.wait(&worker, "waiting");
        let known = unix_ms(&desk.turn_event(&worker, before, "waiting")["at"]);
        let drawn = output.first(question, desk.entered(&worker));
        waiting.extend(drawn.map(|at| known.saturating_sub(at)));
        eventually(SOON, question, || desk.capture(&worker).contains(question).then_some(()));
        desk.press(&worker, &["Enter"]);
        desk.wait(&worker, "idle");
    }
    for (name, times) in ["working", "idle", "waiting"].iter().zip(&times) {
        println!("{}: drawn to {name} by screen: {}", kind.name, percentiles(times.clone()));
    }
    let mut all = times.concat();
    assert!(percentile(&mut all, 50) <= 700, "{all:?}");
    assert!(percentile(&mut all, 95) <= 1500, "{all:?}");
}

#[test]
fn what_codex_reports_is_known_at_once() {
    check_reports(&agent::CODEX, &["idle", "waiting", "working"]);
}

#[test]
fn what_pi_reports_is_known_at_once() {
    check_reports(&agent::PI, &["idle", "working"]);
}

/// Reports (OSC 7501) are the only source beside the screen.
fn check_reports(kind: &'static Kind, want: &[&str]) {
    let desk = Desk::new(kind, Setup { trusted: true, no_hooks: true, ..Setup::default() });
    let worker = desk.settled("one");
    let (output, before) = (Output::of(&desk, &worker), desk.last_event(&worker));
    for n in 0..N_TURNS / 2 {
        desk.send(&worker, &format!("AgentState {n}"));
        desk.wait(&worker, "idle");
        let Some((prompt, question)) = kind.asks else { continue };
        desk.send(&worker, prompt);
        desk.wait(&worker, "waiting");
        eventually(SOON, question, || desk.capture(&worker).contains(question).then_some(()));
        desk.press(&worker, &["Enter"]);
        desk.wait(&worker, "idle");
    }
    turns::begin_slow_turn(&desk, &worker);
    desk.press(&worker, kind.stop);
    desk.wait(&worker, "idle");
    let chunks = output.chunks();
    let reports: Vec<u64> =
        chunks.iter().filter(|(_, it)| it.contains("]7501;state=")).map(|it| it.0).collect();
    let (mut words, mut times) = (Vec::new(), Vec::new());
    for event in desk.events(&worker) {
        let is_new = event["seq"].as_u64().unwrap() > before;
        if is_new && event["kind"] == "turn" && event["source"] == "program" {
            let known = unix_ms(&event["at"]);
            let waits = event["value"].get("waiting").is_some();
            words.push(
                event["value"].as_str().unwrap_or(if waits { "waiting" } else { "?" }).to_owned(),
            );
            // Both clocks are this machine's; the stamp may come after the event.
            times.extend(
                reports.iter().rfind(|at| **at <= known + 20).map(|at| known.saturating_sub(*at)),
            );
        }
    }
    words.sort();
    words.dedup();
    println!("{}: reported to known: {}", kind.name, percentiles(times.clone()));
    assert_eq!(words, want, "{}", desk.account(&worker));
    assert!(percentile(&mut times, 95) <= 100, "{times:?}");
}

impl Desk {
    /// When Enter was pressed on the newest text.
    fn entered(&self, worker: &Worker) -> u64 {
        let receipt = self.receipt(worker);
        let mut steps = receipt["steps"].as_array().unwrap().iter();
        unix_ms(&steps.find(|it| it["step"] == "entering").unwrap()["at"])
    }

    /// When opencode ended its last turns, once it has written of so many and of the one before.
    fn ends_of_loops(&self, n: usize) -> Option<Vec<u64>> {
        let log = self.sandbox.path("home/.local/share/opencode/log/opencode.log");
        let log = std::fs::read_to_string(log).unwrap();
        let lines = log.lines().filter(|it| it.contains("exiting loop"));
        let at = |line: &str| {
            let at = line.split_whitespace().find_map(|it| it.strip_prefix("timestamp="));
            unix_ms(&Value::from(at.unwrap()))
        };
        let ends: Vec<u64> = lines.map(at).collect();
        ends.get(ends.len().checked_sub(n)?..).filter(|_| ends.len() == n + 1).map(<[u64]>::to_vec)
    }

    /// The first turn of this name after an event.
    #[track_caller]
    fn turn_event(&self, worker: &Worker, since: u64, name: &str) -> Value {
        let fits = |it: &Value| {
            let value = &it["value"];
            it["kind"] == "turn" && (value == name || value.get(name).is_some())
        };
        let mut new =
            self.events(worker).into_iter().filter(|it| it["seq"].as_u64().unwrap() > since);
        let found = new.find(fits);
        found.unwrap_or_else(|| panic!("no `{name}`: {}", self.account(worker)))
    }
}

/// What a pane printed, and when.
struct Output(PathBuf);

impl Output {
    fn of(desk: &Desk, worker: &Worker) -> Self {
        let file = desk.sandbox.path("output.jsonl");
        let line = format!("exec python3 {FIXTURES}/stamp_output.py {}", file.display());
        desk.sandbox.tmux().run(["pipe-pane", "-t", &worker.pane, &line]);
        eventually(SOON, "the file of the output", || file.exists().then_some(()));
        Self(file)
    }

    fn chunks(&self) -> Vec<(u64, String)> {
        let text = std::fs::read_to_string(&self.0).unwrap();
        let lines = text.lines().filter_map(|it| serde_json::from_str::<Value>(it).ok());
        lines.map(|it| (ms(&it["t"]), it["text"].as_str().unwrap().to_owned())).collect()
    }

    /// When a text was first printed after this time; none where the agent drew only pieces of it.
    fn first(&self, text: &str, from: u64) -> Option<u64> {
        let mut chunks = self.chunks().into_iter();
        chunks.find(|(at, it)| *at >= from && it.contains(text)).map(|it| it.0)
    }

    fn last_before(&self, end: u64) -> u64 {
        self.chunks().into_iter().map(|it| it.0).filter(|at| *at <= end).max().unwrap()
    }
}

fn ms(seconds: &Value) -> u64 {
    format!("{:.0}", seconds.as_f64().unwrap() * 1000.0).parse().unwrap()
}

fn percentile(times: &mut [u64], n: usize) -> u64 {
    times.sort_unstable();
    times[(times.len() * n / 100).min(times.len() - 1)]
}
