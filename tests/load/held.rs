//! Whether what held a text was on the agent's screen when it was said, by the agent's own log.
use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr as _,
};

use serde_json::Value;
use wtmag::model::Timestamp;

use super::{AgentLog, deliveries::Trial};

/// How late a capture may be on a busy machine.
const LATE_MS: u64 = 2500;
/// An unknown agent must be silent for three seconds before its turn counts as over.
const QUIET_MS: u64 = 6000;
/// So long a text waits for a capture before it says that tmux does not answer.
const SHORT_MS: u64 = 1000;
/// A text that waits longer says why.
const SILENT_MS: u64 = 2000;

/// How often each reason was given, and how long deliveries took.
#[derive(Debug, Default)]
pub(super) struct Reasons {
    pub counts: BTreeMap<String, usize>,
    pub latencies: Vec<u64>,
}

/// One worker's log and what was said of its deliveries.
pub(super) struct Account<'a> {
    trial: &'a Trial<'a>,
    /// When each phase of the agent began, in order.
    phases: Vec<(u64, String)>,
    said: Vec<Said>,
}

/// A step of a delivery, or a reason to wait.
struct Said {
    at: u64,
    id: u64,
    step: String,
    held: Value,
}

impl<'a> Account<'a> {
    pub(super) fn new(log: &AgentLog, trial: &'a Trial<'a>, events: &str) -> Self {
        let phases = log.all("phase", Some(&trial.worker)).into_iter();
        let phases = phases
            .map(|it| (it["at_ms"].as_u64().unwrap(), it["phase"].as_str().unwrap().to_owned()));
        let events = events.lines().map(|it| serde_json::from_str::<Value>(it).unwrap());
        let said = events.filter(|it| it["kind"] == "delivery").map(|it| Said {
            at: millis(&it["at"]),
            id: it["id"].as_u64().unwrap(),
            step: it["step"].as_str().unwrap().to_owned(),
            held: it["held"].clone(),
        });
        Self { trial, phases: phases.collect(), said: said.collect() }
    }

    /// What was said and not so, or not said.
    pub(super) fn check(&self, receipts: &[Value], reasons: &mut Reasons) -> Vec<String> {
        let mut faults = Vec::new();
        let ids: BTreeSet<u64> = receipts.iter().map(|it| it["id"].as_u64().unwrap()).collect();
        let urgent = self.trial.urgent.iter().filter_map(|(at, _)| ids.iter().nth(*at).copied());
        let urgent: BTreeSet<u64> = urgent.collect();
        for said in self.said.iter().filter(|it| !it.held.is_null()) {
            *reasons.counts.entry(name(&said.held)).or_default() += 1;
            if !self.was_so(said, &urgent) {
                faults.push(format!("delivery {} was held at {}: {}", said.id, said.at, said.held));
            }
        }
        for receipt in receipts {
            reasons.latencies.extend(receipt["latency_ms"].as_u64());
            let id = receipt["id"].as_u64().unwrap();
            let at = |step: &str| {
                let steps = receipt["steps"].as_array().unwrap();
                steps.iter().rfind(|it| it["step"] == step).map(|it| millis(&it["at"]))
            };
            let (Some(queued), Some(pasting)) = (at("queued"), at("pasting")) else { continue };
            let gave_reason = self.said.iter().any(|it| it.id == id && !it.held.is_null());
            if pasting - queued > SILENT_MS && !gave_reason {
                faults.push(format!("delivery {id} waited and did not say why"));
            }
        }
        faults
    }

    fn was_so(&self, said: &Said, urgent: &BTreeSet<u64>) -> bool {
        let why = said.held["why"].as_str().unwrap();
        let turn = name(&said.held["turn"]);
        match (why, turn.as_str()) {
            ("turn", "working" | "retrying") => self.was(&["working"], said.at, QUIET_MS),
            ("turn", "waiting" | "blocked") => self.was(&["dialog"], said.at, LATE_MS),
            // Not seen ready yet: after a start, a dialog or a turn, and not after a long rest.
            ("turn", "unknown") => {
                let busy = ["cooked", "deaf", "loading", "dialog", "working"];
                self.was(&busy, said.at, QUIET_MS)
            }
            ("turn", "draft") => self.was_done("draft", said.at),
            ("pane-mode" | "input-off", _) => self.was_done(why, said.at),
            ("foreground", _) => self.was(&["cooked"], said.at, LATE_MS),
            ("earlier", _) => {
                let goes_before = |id: u64| id < said.id || id > said.id && urgent.contains(&id);
                let mut others = self.said.iter().filter(|it| goes_before(it.id));
                others.any(|it| self.is_open(it.id, said.at))
            }
            // Of a busy server, only the time can be checked.
            ("disconnected", _) => {
                let mut own = self.said.iter().filter(|it| it.id == said.id);
                own.any(|it| it.at + SHORT_MS <= said.at)
            }
            _ => false,
        }
    }

    /// The delivery was there at that time, and not over before it.
    fn is_open(&self, id: u64, at: u64) -> bool {
        let mut own = self.said.iter().filter(|it| it.id == id);
        let over = |it: &Said| matches!(it.step.as_str(), "accepted" | "failed") && it.at < at;
        own.clone().any(|it| it.at <= at) && !own.any(over)
    }

    /// The agent was in one of these phases at this time, or so long before. Before its first one it was starting.
    fn was(&self, wanted: &[&str], at: u64, late_ms: u64) -> bool {
        let from = at.saturating_sub(late_ms);
        let starting = (0, "cooked".to_owned());
        let phases: Vec<&(u64, String)> = [&starting].into_iter().chain(&self.phases).collect();
        phases.iter().enumerate().any(|(n, (began, phase))| {
            let ended = phases.get(n + 1).map_or(u64::MAX, |it| it.0);
            *began <= at && ended >= from && wanted.contains(&phase.as_str())
        })
    }

    /// The test itself put this in the way at that time.
    fn was_done(&self, what: &str, at: u64) -> bool {
        let mut done = self.trial.obstacles.iter();
        done.any(|(it, from, to)| *it == what && (*from..=to + LATE_MS).contains(&at))
    }
}

/// `working`, or the one key of `{"waiting": "permission"}`, or the reason of a hold.
fn name(value: &Value) -> String {
    let turn = value.get("turn").map(name);
    let why = value.get("why").and_then(Value::as_str);
    match (why, turn) {
        (Some(why), Some(turn)) => format!("{why}: {turn}"),
        (Some(why), None) => why.to_owned(),
        (None, _) => {
            let key = value.as_object().and_then(|it| it.keys().next().cloned());
            key.or_else(|| value.as_str().map(str::to_owned)).unwrap_or_default()
        }
    }
}

fn millis(at: &Value) -> u64 {
    Timestamp::from_str(at.as_str().unwrap()).unwrap().0
}
