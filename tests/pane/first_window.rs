//! The first window of session `wtmag`, while it shows nothing else.
use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use super::{Pane, WTMAG, World};
use crate::support::eventually;

const FIRST_WINDOW: &str =
    "wtmag: this session has the windows of all workers; press Enter to show the dashboard";

#[test]
fn the_first_window_ignores_what_is_typed() {
    let world = World::new("sh");
    let args = ["new-window", "-d", "-P", "-F", "#{pane_id}", "--", WTMAG, "pane", "--placeholder"];
    let id = String::from_utf8(world.tmux(&args).stdout).unwrap().trim().to_owned();
    let pane = Pane { world: &world, id };
    pane.shows(FIRST_WINDOW);
    pane.keys(&["q", "C-c", "C-z", "C-d", "C-\\"]);
    pane.keys(&["-l", &"x".repeat(20_000)]);
    // By the time the keys behind them were answered by another pane, these have been read.
    world.listening();
    assert_eq!(pane.screen(), FIRST_WINDOW);
    assert_eq!(pane.format("#{pane_dead} #{pane_current_command} #{cursor_flag}"), "0 wtmag 0");
    world.tmux(&["kill-pane", "-t", &pane.id]);
    pane.is_gone();
}

/// crossterm can read a terminal that is gone without end: the process would stay, and keep a processor busy.
#[test]
fn the_first_window_ends_with_its_terminal_at_any_moment() {
    let world = World::new("sh");
    let format = "#{pane_id} #{pane_pid}";
    let args = ["new-window", "-d", "-P", "-F", format, "--", WTMAG, "pane", "--placeholder"];
    let mut pids = Vec::new();
    for round in 0..100 {
        let made = String::from_utf8(world.tmux(&args).stdout).unwrap();
        let (pane, pid) = made.trim().split_once(' ').unwrap();
        pids.push(format!("/proc/{pid}"));
        let life = Duration::from_micros(300 * round);
        let start = Instant::now();
        while start.elapsed() < life {
            thread::yield_now();
        }
        world.tmux(&["kill-pane", "-t", pane]);
    }
    eventually(Duration::from_secs(10), "their ends", || {
        pids.iter().all(|it| !Path::new(it).exists()).then_some(())
    });
}
