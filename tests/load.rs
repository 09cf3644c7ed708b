//! Guarantees under load: texts arrive, states are reported at once, and idle workers cost nothing.
//!
//! `tests/run --full` runs the large counts; without it they fit into half a minute each.
use std::time::Duration;

use super::support::{
    AgentLog, BOOTSTRAP, Crew, Hand, Run, Sandbox, Seen, Yard, eventually, is_full, now_ms,
    percentiles, poll, resident_kb, seeds, state_delays, task_times,
};

mod busy;
mod deliveries;
mod flood;
mod held;
mod waits;

const SOON: Duration = Duration::from_secs(30);
