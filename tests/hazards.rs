//! What wtmag must never do to a user's server, whatever happens: crash it, stall it, start processes in
//! it all the time, or miss what is on a screen.
//!
//! `tests/run --full` runs the large counts; without it they fit into minutes.
use std::{fs, time::Duration};

use wtmag::model::Worker;

use super::support::{Crew, Sandbox, Seen, Tmux, eventually, is_full};

mod frames;
mod reports;
mod server;
mod spawns;

const SOON: Duration = Duration::from_secs(30);

/// A count for a quick run, or the one for `WTMAG_FULL`.
fn n_times(quick: usize, full: usize) -> usize {
    if is_full() { full } else { quick }
}

fn world() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.tmux().start("main");
    sandbox
}

/// The server is the one it was.
#[track_caller]
fn assert_alive(tmux: &Tmux<'_>, server: &str, after: &str) {
    let now = tmux.try_run(["display-message", "-p", "#{pid}"]);
    assert_eq!(now.stdout.trim(), server, "the server after {after}: {now}");
}

fn shows(crew: &mut Crew, worker: &Worker, text: &str) -> bool {
    let rows = crew.show(worker).1.map(|it| it.rows).unwrap_or_default();
    rows.iter().any(|row| row.contains(text))
}
