//! Panes whose programs report their status are heard while they print: nothing of it harms the server.
use nix::sys::signal::Signal;
use wtmag::clock;

use super::{
    Crew, SOON, Seen, assert_alive, eventually, n_times, server::send_signal, shows, world,
};
use crate::support::{Sandbox, Tmux, programs};

/// Panes that spin and report.
const N_SPEAKING: usize = 12;

/// A spinner prints little, so it is heard while it is respawned. tmux before 3.8 may die if anything that it printed
/// is still on the way to the hub: there, its agents are killed, and a pane is respawned when none has printed anything
/// for two seconds.
#[test]
fn panes_that_report_their_status_may_be_respawned() {
    let sandbox = world();
    let tmux = sandbox.tmux();
    let server = tmux.show("main", "#{pid}");
    let session = tmux.show("main", "#{session_id}");
    let version = tmux.show("main", "#{version}");
    let is_old =
        ["3.2", "3.3", "3.4", "3.5", "3.6", "3.7"].iter().any(|it| version.starts_with(it));
    let agent = sandbox.fake_agent();
    let spin = [agent.to_str().unwrap(), "--spin-speaking", "10"];
    let mut crew = Crew::new(&sandbox);
    let hire = |n: usize| crew.hire_idle(&format!("spin-{n}"), Seen::In(&session), &spin);
    let workers: Vec<_> = (0..N_SPEAKING).map(hire).collect();
    for worker in &workers {
        let told = || {
            let why = sandbox.wtmag(["explain", worker.id.as_str(), "--json"]).run().json();
            why["reports"].as_array().is_some_and(|it| !it.is_empty()).then_some(())
        };
        eventually(SOON, "a report", told);
    }
    let n_rounds = if is_old { n_times(6, N_SPEAKING) } else { n_times(24, 200) };
    for round in 0..n_rounds {
        let worker = &workers[round % N_SPEAKING];
        let pane = worker.place.pane.to_string();
        if is_old {
            // One that was respawned just now may not run yet.
            let silence = || {
                kill_speaking(&sandbox);
                is_silent(&tmux, 2).then_some(())
            };
            eventually(SOON, "silence", silence);
            sandbox.wtmag(["show", worker.id.as_str()]).run().success();
        }
        tmux.try_run(["respawn-pane", "-k", "-t", &pane].iter().chain(&spin).copied()).success();
        assert_alive(&tmux, &server, &format!("respawn {round}"));
    }
    let quiet = crew.hire_idle("quiet", Seen::Alone, &["cat"]);
    let pane = quiet.place.pane.to_string();
    sandbox.tmux().type_text(&pane, "all is well");
    sandbox.tmux().run(["send-keys", "-t", &pane, "Enter"]);
    let seen = || shows(&mut crew, &quiet, "all is well").then_some(());
    eventually(SOON, "the quiet one", seen);
    assert_alive(&tmux, &server, "all of it");
}

fn kill_speaking(sandbox: &Sandbox) {
    let agent = sandbox.fake_agent().display().to_string();
    let inside = programs::inside(&sandbox.path(""));
    for (pid, _) in inside.iter().filter(|it| it.1.starts_with(&agent)) {
        send_signal(&pid.to_string(), Signal::SIGKILL);
    }
}

/// No worker's pane has printed anything for so many seconds.
fn is_silent(tmux: &Tmux<'_>, seconds: u64) -> bool {
    let now = clock::now().0 / 1000;
    let rows = tmux.run(["list-windows", "-a", "-F", "#{?@wtmag_id,#{window_activity},0}"]);
    rows.lines().all(|it| it.parse::<u64>().unwrap() + seconds <= now)
}
