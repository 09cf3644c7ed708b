//! What is timed: how late a state is told, and what a process costs.
use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use wtmag::model::{AgentState, Event, Happened, Worker};

use super::AgentLog;

/// Unix time.
pub(crate) fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

/// From the last byte of each first frame of a phase to the hub's event, in milliseconds, with the state that it is.
/// A frame that was followed by the next phase's before it was told has none.
pub(crate) fn state_delays(
    log: &AgentLog,
    events: &[Event],
    worker: &Worker,
) -> Vec<(&'static str, Option<u64>)> {
    let drawn = log.all("drawn", Some(worker.id.as_str()));
    let drawn: Vec<_> = drawn
        .iter()
        .filter_map(|it| {
            let state = match it["phase"].as_str()? {
                "working" => "working",
                "dialog" => "waiting",
                "ready" => "idle",
                _ => return None,
            };
            Some((it["at_ms"].as_u64()?, state))
        })
        .collect();
    let told = |state: &str, from: u64, to: u64| {
        let mut events = events.iter().filter(|it| (from..to).contains(&it.at.0));
        events.find(|it| matches!(&it.what, Happened::Turn(fact) if name(&fact.value) == state))
    };
    let delays = drawn.iter().enumerate().map(|(n, (at, state))| {
        let next = drawn.get(n + 1).map_or(u64::MAX, |it| it.0);
        (*state, told(state, *at, next).map(|it| it.at.0 - at))
    });
    delays.collect()
}

fn name(turn: &AgentState) -> &'static str {
    match turn {
        AgentState::Working | AgentState::Retrying => "working",
        AgentState::Waiting(_) => "waiting",
        AgentState::Ready | AgentState::Idle => "idle",
        AgentState::Unknown
        | AgentState::Blocked(_)
        | AgentState::Failed
        | AgentState::Limited(_)
        | AgentState::Draft
        | AgentState::Other(_) => "",
    }
}

/// The processor time of each thread of a process by name, in nanoseconds. A thread that ends takes
/// its time with it.
pub(crate) fn task_times(pid: u32) -> BTreeMap<PathBuf, u64> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let times = tasks.filter_map(|task| {
        let path = task.ok()?.path();
        let text = fs::read_to_string(path.join("schedstat")).ok()?;
        Some((path, text.split_whitespace().next()?.parse::<u64>().ok()?))
    });
    times.collect()
}

/// Memory of a process that is its own or shared, in kB.
pub(crate) fn resident_kb(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let row = status.lines().find_map(|row| row.strip_prefix("VmRSS:")).unwrap();
    row.trim().trim_end_matches(" kB").parse().unwrap()
}
