//! A sandbox for each test: directories, a repository, a tmux server, agents that keep a log.
//!
//! Knows programs and files, and `wtmag` only as a program. Everything of a test lives in one directory under `/tmp`, and every
//! process of it has its `HOME` there: when the [`Scratch`] is dropped, both must be gone.
#![expect(clippy::disallowed_methods, reason = "tests start programs as a user does, not as wtmag")]
#![expect(clippy::indexing_slicing, reason = "what is not in a log is null")]
#![expect(clippy::panic, reason = "a test that cannot continue stops here, with what it knows")]

mod agent_log;
mod crew;
mod player;
pub(crate) mod programs;
mod repo;
mod run;
mod sandbox;
mod scratch;
mod seat;
mod timing;
mod tmux;
mod wait;
mod yard;

pub(crate) use agent_log::AgentLog;
pub(crate) use crew::{CALM, Crew, Seen, hook, state_dir};
pub(crate) use player::{Moment, Played, Player, Timeline, recordings};
pub(crate) use programs::has_ended;
pub(crate) use run::{Ran, Run};
pub(crate) use sandbox::Sandbox;
pub(crate) use scratch::Scratch;
pub(crate) use seat::Seat;
pub(crate) use timing::{now_ms, resident_kb, state_delays, task_times};
pub(crate) use tmux::Tmux;
pub(crate) use wait::{eventually, poll};
pub(crate) use yard::{BOOTSTRAP, FULL, Hand, Yard, is_full, percentiles, seeds};
