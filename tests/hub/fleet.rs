//! The session that shows every worker: its name, its end, who comes to it.
use super::{SOON, Sandbox, eventually, status, world};
use crate::support::{Crew, Seat, Seen, Tmux};

fn sessions(tmux: &Tmux<'_>) -> Vec<String> {
    let names = tmux.run(["list-sessions", "-F", "#{session_name}"]);
    names.lines().map(str::to_owned).collect()
}

#[test]
fn the_fleet_ends_with_its_last_worker() {
    let sandbox = world();
    let tmux = sandbox.tmux();
    let mut crew = Crew::new(&sandbox);
    let workers = ["a", "b"].map(|name| crew.hire_idle(name, Seen::Alone, &["cat"]));
    assert!(sessions(&tmux).contains(&"wtmag".to_owned()));
    tmux.run(["kill-window", "-t", &workers[0].place.window.to_string()]);
    eventually(SOON, "a to be gone", || crew.show(&workers[0]).0.place.gone.then_some(()));
    assert!(sessions(&tmux).contains(&"wtmag".to_owned()));
    tmux.run(["kill-window", "-t", &workers[1].place.window.to_string()]);
    eventually(SOON, "the fleet to end", || (sessions(&tmux) == ["main"]).then_some(()));
    assert_eq!(tmux.run(["list-clients"]), "");
    // And comes back with the next one.
    crew.hire_idle("c", Seen::Alone, &["cat"]);
    assert_eq!(sessions(&tmux), ["crew-c", "main", "wtmag"]);
}

#[test]
fn a_fleet_in_which_the_user_has_a_window_stays() {
    let sandbox = world();
    let tmux = sandbox.tmux();
    let mut crew = Crew::new(&sandbox);
    let worker = crew.hire_idle("a", Seen::Alone, &["cat"]);
    let mine = tmux.new_window("=wtmag:", "cat");
    tmux.run(["kill-window", "-t", &worker.place.window.to_string()]);
    eventually(SOON, "the hub to let go", || (tmux.run(["list-clients"]).is_empty()).then_some(()));
    assert_eq!(tmux.show(&mine, "#{session_name}"), "wtmag");
}

#[test]
fn what_the_user_put_in_the_place_of_the_fleets_window_stays() {
    for is_split in [false, true] {
        let sandbox = world();
        let tmux = sandbox.tmux();
        let mut crew = Crew::new(&sandbox);
        let worker = crew.hire_idle("a", Seen::Alone, &["cat"]);
        let placeholder = tmux.show("=wtmag:^", "#{window_id}");
        let mine = if is_split {
            tmux.run(["split-window", "-dP", "-F", "#{pane_id}", "-t", &placeholder, "cat"])
        } else {
            let mine = tmux.new_window("=wtmag:", "cat");
            tmux.run(["kill-window", "-t", &placeholder]);
            mine
        };
        tmux.run(["kill-window", "-t", &worker.place.window.to_string()]);
        let no_clients = || tmux.run(["list-clients"]).is_empty().then_some(());
        eventually(SOON, "the hub to let go", no_clients);
        assert_eq!(tmux.show(&mine, "#{session_name}"), "wtmag");
    }
}

#[test]
fn a_session_of_the_users_keeps_the_fleets_name() {
    let sandbox = world();
    let tmux = sandbox.tmux();
    tmux.run(["new-session", "-d", "-s", "wtmag"]);
    let users = tmux.show("=wtmag:", "#{session_id} #{window_id}");
    let mut crew = Crew::new(&sandbox);
    crew.hire_idle("a", Seen::Alone, &["cat"]);
    assert_eq!(status(&sandbox)["fleet"], "wtmag-fleet");
    assert_eq!(sessions(&tmux), ["crew-a", "main", "wtmag", "wtmag-fleet"]);
    assert_eq!(tmux.show("=wtmag:", "#{session_id} #{window_id}"), users);
}

#[test]
fn windows_of_unknown_workers_are_reported_and_left_alone() {
    let sandbox = world();
    let tmux = sandbox.tmux();
    let mut crew = Crew::new(&sandbox);
    crew.hire_idle("a", Seen::Alone, &["cat"]);
    let stray = tmux.new_window("main:", "cat");
    tmux.run(["set-option", "-w", "-t", &stray, "@wtmag_id", "of-another-life"]);
    tmux.run(["rename-window", "-t", &stray, "x"]);
    // A structural event makes the hub look.
    tmux.new_window("main:", "cat");
    eventually(SOON, "the orphan to be seen", || {
        (status(&sandbox)["orphans"] == serde_json::json!(["of-another-life"])).then_some(())
    });
    let list = sandbox.wtmag(["list"]).run().success();
    assert!(list.contains("of-another-life"), "{list}");
    assert_eq!(tmux.show(&stray, "#{pane_dead}"), "0");
}

/// A user at a terminal, in the session `project`, and a worker.
fn in_project(sandbox: &Sandbox) -> (Crew, Seat<'_>) {
    let tmux = sandbox.tmux();
    tmux.run(["set-option", "-g", "detach-on-destroy", "off"]);
    tmux.run(["new-session", "-d", "-s", "project", "-n", "here"]);
    let mut crew = Crew::new(sandbox);
    let project = tmux.show("project", "#{session_id}");
    crew.hire_idle("a", Seen::In(&project), &["cat"]);
    let seat = sandbox.seat("tmux -u attach -t =project");
    eventually(SOON, "the client", || (place(&tmux)? == "project").then_some(()));
    (crew, seat)
}

/// The session that the only person looks at.
fn place(tmux: &Tmux<'_>) -> Option<String> {
    let rows = tmux.run(["list-clients", "-F", "#{client_control_mode} #{session_name}"]);
    rows.lines().find_map(|row| row.strip_prefix("0 ").map(str::to_owned))
}

#[test]
fn who_falls_into_the_fleet_is_shown_a_session_of_his_own() {
    let sandbox = world();
    let tmux = sandbox.tmux();
    let (_crew, _seat) = in_project(&sandbox);
    // To the session that was used last: that is the fleet, the newest.
    tmux.run(["kill-session", "-t", "=project"]);
    eventually(SOON, "the client to be in main", || (place(&tmux)? == "main").then_some(()));
}

#[test]
fn who_has_no_other_session_is_detached() {
    let sandbox = world();
    let tmux = sandbox.tmux();
    let (_crew, seat) = in_project(&sandbox);
    tmux.run(["kill-session", "-t", "=main"]);
    tmux.run(["kill-session", "-t", "=project"]);
    seat.wait_for_end();
    assert_eq!(place(&tmux), None);
    assert_eq!(sessions(&tmux), ["wtmag"]);
}

#[test]
fn who_comes_to_the_fleet_by_himself_stays() {
    let sandbox = world();
    let tmux = sandbox.tmux();
    let (mut crew, _seat) = in_project(&sandbox);
    let client = tmux.run(["list-clients", "-t", "=project", "-F", "#{client_name}"]);
    tmux.run(["switch-client", "-c", &client, "-t", "=wtmag"]);
    let second = sandbox.seat("tmux -u attach -t =wtmag");
    second.wait_for_text("[wtmag]");
    // The hub has seen both when it has made another worker.
    crew.hire_idle("b", Seen::Alone, &["cat"]);
    let people = tmux.run(["list-clients", "-F", "#{client_control_mode} #{session_name}"]);
    assert_eq!(people.lines().filter(|it| *it == "0 wtmag").count(), 2, "{people}");
}
