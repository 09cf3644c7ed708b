//! Programs that draw, draw once more and fall silent: the last frame is what the hub knows.
use std::collections::BTreeMap;

use wtmag::model::{Timestamp, Worker, WorkerId};

use super::{Crew, SOON, Seen, eventually, n_times, world};

/// How late a last frame may be seen.
const LIMIT_MS: u64 = 500;
/// Programs at a time.
const BATCH: usize = 10;

#[test]
fn every_last_frame_is_seen_soon() {
    let sandbox = world();
    let tmux = sandbox.tmux();
    let session = tmux.show("main", "#{session_id}");
    let agent = sandbox.fake_agent();
    let agent = agent.to_str().unwrap();
    let mut crew = Crew::new(&sandbox);
    let mut delays = Vec::new();
    let n_programs = n_times(30, 1000);
    for batch in 0..n_programs.div_ceil(BATCH) {
        let workers: Vec<_> = (0..BATCH)
            .map(|n| {
                let name = (batch * BATCH + n).to_string();
                let seen = if n % 2 == 0 { Seen::In(&session) } else { Seen::Alone };
                crew.hire_idle(&name, seen, &[agent, "--last-frame", "--seed", &name])
            })
            .collect();
        // They begin together, once the test asks: a hub tells only of its newest look.
        for worker in &workers {
            tmux.run(["send-keys", "-t", &worker.place.pane.to_string(), "Enter"]);
        }
        let seen = first_sights(&mut crew, &workers);
        for worker in &workers {
            let id = worker.id.as_str();
            let drawn = || sandbox.agent_log().all("last_frame", Some(id)).pop();
            let drawn = eventually(SOON, "a last frame", drawn);
            let (token, at) = &seen[&worker.id];
            assert_eq!(*token, drawn["token"], "the last frame of {id}");
            delays.push(at.0.saturating_sub(drawn["at_ms"].as_u64().unwrap()));
        }
        for worker in &workers {
            tmux.run(["kill-window", "-t", &worker.place.window.to_string()]);
        }
    }
    delays.sort_unstable();
    let at = |part: usize| delays[(delays.len() - 1) * part / 100];
    println!("{n_programs} last frames: p50 {} ms, p99 {} ms, max {} ms", at(50), at(99), at(100));
    assert!(at(100) <= LIMIT_MS, "{delays:?}");
}

/// Each worker's last frame, and the time of the look that showed it first, or of one within a round of
/// questions after it.
fn first_sights(crew: &mut Crew, workers: &[Worker]) -> BTreeMap<WorkerId, (String, Timestamp)> {
    let mut seen = BTreeMap::new();
    eventually(SOON, "every last frame to be on the screen", || {
        for worker in workers.iter().filter(|it| !seen.contains_key(&it.id)).collect::<Vec<_>>() {
            let Some(sample) = crew.show(worker).1 else { continue };
            if let Some(row) = sample.rows.iter().find(|row| row.starts_with("LAST-")) {
                seen.insert(worker.id.clone(), (row.clone(), sample.at));
            }
        }
        (seen.len() == workers.len()).then_some(())
    });
    seen
}
