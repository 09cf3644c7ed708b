//! The user's server outlives all of it.
use std::{collections::BTreeSet, thread, time::Instant};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{
    Crew, Duration, SOON, Sandbox, Seen, Tmux, Worker, assert_alive, eventually, n_times, shows,
    world,
};

/// Prints as fast as it can, each line another number.
const FLOOD: [&str; 3] = [
    "sh",
    "-c",
    "while :; do i=$((i+1)); echo $i the quick brown fox jumps over the lazy dog; done",
];

pub(super) fn send_signal(pid: &str, signal: Signal) {
    // It may be gone already, which is what some of them are for.
    kill(Pid::from_raw(pid.parse().unwrap()), signal).unwrap_or_default();
}

/// The number on the last full line of a flooding pane.
#[track_caller]
fn flood_level(tmux: &Tmux<'_>, worker: &Worker) -> u64 {
    let rows = tmux.capture(&worker.place.pane.to_string());
    let numbers = rows.lines().filter_map(|row| row.split_once(" the ")?.0.parse().ok());
    numbers.max().unwrap_or(0)
}

#[track_caller]
fn wait_for_flow(tmux: &Tmux<'_>, worker: &Worker) {
    let before = flood_level(tmux, worker);
    let flows = || (flood_level(tmux, worker) > before).then_some(());
    eventually(SOON, &format!("{} to print", worker.id), flows);
}

/// A sandbox with a hub and so many floods beside a quiet worker.
fn flooded(sandbox: &Sandbox, n_floods: usize) -> (Crew, Vec<Worker>, Worker) {
    let tmux = sandbox.tmux();
    let session = tmux.show("main", "#{session_id}");
    let mut crew = Crew::new(sandbox);
    let hire = |n| crew.hire_idle(&format!("flood-{n}"), Seen::In(&session), &FLOOD);
    let floods: Vec<Worker> = (0..n_floods).map(hire).collect();
    let quiet = crew.hire_idle("quiet", Seen::Alone, &["cat"]);
    for flood in &floods {
        wait_for_flow(&tmux, flood);
    }
    (crew, floods, quiet)
}

/// Typed by a user, it is seen by the hub.
#[track_caller]
fn assert_watched(sandbox: &Sandbox, crew: &mut Crew, quiet: &Worker, text: &str) {
    let pane = quiet.place.pane.to_string();
    sandbox.tmux().type_text(&pane, text);
    sandbox.tmux().run(["send-keys", "-t", &pane, "Enter"]);
    eventually(SOON, &format!("`{text}`"), || shows(crew, quiet, text).then_some(()));
}

#[test]
fn agents_and_sessions_that_are_killed_in_a_flood_take_no_server_with_them() {
    let sandbox = world();
    let tmux = sandbox.tmux();
    let server = tmux.show("main", "#{pid}");
    let (mut crew, _, quiet) = flooded(&sandbox, 1);
    for round in 0..n_times(3, 30) {
        let flood = crew.hire_idle(&format!("own-{round}"), Seen::Alone, &FLOOD);
        wait_for_flow(&tmux, &flood);
        let pane = flood.place.pane.to_string();
        match round % 3 {
            // The agent and everything else in the pane.
            0 => send_signal(&tmux.show(&pane, "#{pane_pid}"), Signal::SIGKILL),
            1 => drop(tmux.run(["kill-window", "-t", &flood.place.window.to_string()])),
            _ => {
                tmux.run(["kill-session", "-t", &format!("={}", flood.id)]);
                wait_for_flow(&tmux, &flood);
                tmux.run(["kill-pane", "-t", &pane]);
            }
        }
        eventually(SOON, "the pane to be gone", || crew.show(&flood).0.place.gone.then_some(()));
        assert_alive(&tmux, &server, &format!("round {round}"));
    }
    assert_watched(&sandbox, &mut crew, &quiet, "all is well");
}

#[test]
fn clients_that_are_detached_in_a_flood_come_back() {
    let sandbox = world();
    let tmux = sandbox.tmux();
    let server = tmux.show("main", "#{pid}");
    let (mut crew, floods, quiet) = flooded(&sandbox, 2);
    let seat = sandbox.seat("tmux -u attach -t =main");
    seat.wait_for_text("main");
    let client = tmux.run(["list-clients", "-t", "=main", "-F", "#{client_name}"]);
    for round in 0..n_times(3, 20) {
        tmux.run(["detach-client", "-a", "-t", &client]);
        assert_watched(&sandbox, &mut crew, &quiet, &format!("round-{round}."));
        floods.iter().for_each(|flood| wait_for_flow(&tmux, flood));
    }
    assert_alive(&tmux, &server, "detach-client -a");
}

#[test]
fn a_hub_that_stands_still_stops_no_agent() {
    let sandbox = world();
    let tmux = sandbox.tmux();
    let server = tmux.show("main", "#{pid}");
    let (mut crew, floods, quiet) = flooded(&sandbox, 2);
    let pid = crew.pid().to_string();
    let memory = || {
        let status = std::fs::read_to_string(format!("/proc/{server}/status")).unwrap();
        let row = status.lines().find_map(|row| row.strip_prefix("VmRSS:")).unwrap();
        row.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    send_signal(&pid, Signal::SIGSTOP);
    let stopped = Instant::now();
    let mut most = 0;
    while stopped.elapsed() < Duration::from_secs(10) {
        floods.iter().for_each(|flood| wait_for_flow(&tmux, flood));
        most = most.max(memory());
        // A stopped hub does not read: this is about time.
        thread::sleep(Duration::from_millis(200));
    }
    send_signal(&pid, Signal::SIGCONT);
    assert_watched(&sandbox, &mut crew, &quiet, "back again");
    assert_alive(&tmux, &server, "a stall of 10 s");
    assert!(most < 300_000, "the server kept {most} kB for the hub");
    assert_eq!(crew.show(&floods[0]).0.place, floods[0].place);
}

#[test]
fn hubs_that_are_killed_in_a_flood_leave_the_server_alone() {
    let sandbox = world();
    let tmux = sandbox.tmux();
    let server = tmux.show("main", "#{pid}");
    let (mut crew, floods, quiet) = flooded(&sandbox, 2);
    for round in 0..n_times(3, 20) {
        send_signal(&crew.pid().to_string(), Signal::SIGKILL);
        eventually(SOON, "the next hub", || {
            (sandbox.wtmag(["list"]).run().code == 0).then_some(())
        });
        crew.rejoin();
        assert_watched(&sandbox, &mut crew, &quiet, &format!("round-{round}."));
        floods.iter().for_each(|flood| wait_for_flow(&tmux, flood));
        assert_alive(&tmux, &server, &format!("hub {round}"));
    }
    // The clients of dead hubs are gone.
    let ours = || {
        let rows = tmux.run(["list-clients", "-F", "#{client_control_mode}"]);
        (rows.lines().count() == 2).then_some(())
    };
    eventually(SOON, "two clients", ours);
}

/// tmux before 3.8 may die of this by itself while a control client hears the pane; the hub hears
/// a pane that prints all the time hardly ever. What is left of the risk is counted.
#[test]
fn a_flooding_worker_may_be_respawned() {
    let sandbox = world();
    let tmux = sandbox.tmux();
    let server = tmux.show("main", "#{pid}");
    let (mut crew, floods, quiet) = flooded(&sandbox, 1);
    let pane = floods[0].place.pane.to_string();
    let mut screens = BTreeSet::new();
    eventually(SOON, "the hub to know it for a flood", || {
        screens.insert(crew.show(&floods[0]).1?.rows);
        (screens.len() > 5).then_some(())
    });
    for round in 0..n_times(10, 200) {
        tmux.try_run(["respawn-pane", "-k", "-t", &pane].iter().chain(&FLOOD).copied()).success();
        assert_alive(&tmux, &server, &format!("respawn {round}"));
        wait_for_flow(&tmux, &floods[0]);
    }
    assert_watched(&sandbox, &mut crew, &quiet, "all is well");
}
