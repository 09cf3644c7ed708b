//! What ends under the hub: itself, windows, sessions, the server, its own clients.
use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use nix::{errno::Errno, sys::signal::kill, unistd::Pid};
use serde_json::Value;

use super::{SOON, Sandbox, Signal, eventually, interrupt, kill_hub, pid_of, status, world};
use crate::support::{Crew, Seen};
use wtmag::model::{Cleanup, Request};

/// The worker's word as a user reads it.
#[track_caller]
fn word(sandbox: &Sandbox, id: &str) -> String {
    let shown = sandbox.wtmag(["show", id, "--json"]).run().json();
    shown["worker"]["state"]["text"].as_str().unwrap().to_owned()
}

#[track_caller]
fn wait_for_word(sandbox: &Sandbox, id: &str, want: &str) {
    let mut last = String::new();
    let is_it = || {
        last = word(sandbox, id);
        (last == want).then_some(())
    };
    eventually(SOON, &format!("{id} to be {want}"), is_it);
}

#[track_caller]
fn wait_for_screen(crew: &mut Crew, worker: &wtmag::model::Worker, text: &str) {
    eventually(SOON, &format!("`{text}` on the screen of {}", worker.id), || {
        let rows = crew.show(worker).1?.rows;
        rows.iter().any(|row| row.contains(text)).then_some(())
    });
}

#[test]
fn workers_are_found_again_after_a_hub_was_killed() {
    let sandbox = world();
    let tmux = sandbox.tmux();
    let mut crew = Crew::new(&sandbox);
    let session = tmux.show("main", "#{session_id}");
    let worker = crew.hire_idle("one", Seen::In(&session), &["cat"]);
    let alone = crew.hire_idle("two", Seen::Alone, &["cat"]);
    let pane = worker.place.pane.to_string();
    tmux.type_text(&pane, "before");
    wait_for_screen(&mut crew, &worker, "before");
    kill_hub(crew.pid());

    sandbox.wtmag(["hub", "start"]).run().success();
    crew.rejoin();
    for worker in [&worker, &alone] {
        let found = eventually(SOON, "the worker", || Some(crew.show(worker).0));
        assert_eq!(found.place, worker.place);
        assert_eq!(found.placement, worker.placement);
        assert!(found.state.is_live());
    }
    // And it is heard again.
    tmux.type_text(&pane, " and after");
    wait_for_screen(&mut crew, &worker, "before and after");
}

/// Its records say `idle`, and the agents are gone with their server.
#[test]
fn the_first_answer_of_the_next_hub_is_not_the_last_ones() {
    let sandbox = world();
    let mut crew = Crew::new(&sandbox);
    let asks: [&[&str]; 3] = [
        &["list", "--all", "--json", "--full"],
        &["show", "two", "--json"],
        &["wait", "three", "--json", "--timeout", "20"],
    ];
    for (name, ask) in ["one", "two", "three"].into_iter().zip(asks) {
        crew.hire_idle(name, Seen::Alone, &["cat"]);
        kill_hub(crew.pid());
        sandbox.tmux().restart("main");
        let said = sandbox.wtmag(ask.iter().copied()).run().to_string();
        assert!(said.contains("lost") && !said.contains("\"text\":\"idle"), "{name}: {said}");
        crew.rejoin();
    }
}

#[test]
fn those_who_listen_go_on_with_the_next_hub() {
    let sandbox = world();
    let mut crew = Crew::new(&sandbox);
    let worker = crew.hire_idle("one", Seen::Alone, &["sleep", "1000"]);
    let id = worker.id.as_str();
    let piped = |args: &[&str]| {
        let mut command = sandbox.command(env!("CARGO_BIN_EXE_wtmag"));
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap()
    };
    drop(crew);
    // Asking starts no hub: those who listen do.
    let n_clients = |n: u64| {
        let status = sandbox.wtmag(["hub", "status", "--json"]).run();
        (status.code == 0 && status.json()["clients"] == n).then_some(())
    };
    let mut wait = piped(&["wait", id, "--until", "exited"]);
    eventually(SOON, "`wait` and the client that asks", || n_clients(2));
    let mut follow = piped(&["events", "--follow", "--worker", id]);
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    let mut next = move || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(next()["kind"], "command");
    let both_listen = || n_clients(3);
    for _ in 0..2 {
        eventually(SOON, "both to listen", both_listen);
        kill_hub(pid_of(&status(&sandbox)));
    }
    eventually(SOON, "both to listen", both_listen);
    interrupt(&sandbox, &worker, "sleep");
    assert!(eventually(SOON, "wait to end", || wait.try_wait().unwrap()).success());
    let mut last = 0;
    loop {
        let event = next();
        let seq = event["seq"].as_u64().unwrap();
        assert!(seq > last, "{event}");
        last = seq;
        if event["kind"] == "process" && event["value"] != "running" {
            break;
        }
    }
    follow.kill().unwrap();
    follow.wait().unwrap();
}

#[test]
fn who_asks_something_while_its_hub_dies_still_learns_that_it_must_subscribe_again() {
    let sandbox = world();
    let mut crew = Crew::new(&sandbox);
    crew.ask(Request::Subscribe { workers: Vec::new() });
    kill_hub(crew.pid());
    // The successor answers, and sends this client no events.
    crew.ask_any(Request::List { ended: false, brief: false });
    assert!(crew.next_event().unwrap_err().is_gone());
    // Until it subscribes again.
    crew.ask(Request::Subscribe { workers: Vec::new() });
    crew.hire_idle("one", Seen::Alone, &["sleep", "1000"]);
    crew.next_event().unwrap();
}

#[test]
fn workers_outlive_the_socket_of_their_server() {
    let sandbox = world();
    let tmux = sandbox.tmux();
    let mut crew = Crew::new(&sandbox);
    let worker = crew.hire_idle("one", Seen::Alone, &["cat"]);
    let pane = worker.place.pane.to_string();
    let clients = tmux.run(["list-clients", "-F", "#{client_pid}"]);
    std::fs::remove_file(tmux.socket()).unwrap();
    // One may have ended: clients that only ask come and go.
    for pid in clients.lines() {
        let sent = kill(Pid::from_raw(pid.parse().unwrap()), Signal::SIGTERM);
        assert!(matches!(sent, Ok(()) | Err(Errno::ESRCH)), "{sent:?}");
    }
    // The hub has the server make it again.
    eventually(SOON, "the socket", || tmux.socket().exists().then_some(()));
    tmux.type_text(&pane, "still here");
    wait_for_screen(&mut crew, &worker, "still here");
    let found = crew.show(&worker).0;
    assert!(found.state.is_live() && !found.place.gone, "{found:?}");
}

#[test]
fn who_listens_goes_on_when_the_hubs_socket_is_made_anew() {
    let sandbox = world();
    let mut crew = Crew::new(&sandbox);
    let worker = crew.hire_idle("one", Seen::Alone, &["sleep", "1000"]);
    let mut follow = sandbox.command(env!("CARGO_BIN_EXE_wtmag"));
    follow.args(["events", "--follow"]).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut follow = follow.spawn().unwrap();
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    // Everything that was, and then what comes: it listens.
    let mut next = move || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    while next()["kind"] != "created" {}
    std::fs::remove_file(super::socket(&sandbox)).unwrap();
    for _ in 0..3 {
        sandbox.wtmag(["hub", "start"]).run().success();
    }
    assert_eq!(pid_of(&status(&sandbox)), crew.pid());
    interrupt(&sandbox, &worker, "sleep");
    loop {
        let event = next();
        if event["kind"] == "process" && event["value"] != "running" {
            break;
        }
    }
    follow.kill().unwrap();
    follow.wait().unwrap();
}

#[test]
fn a_worker_is_its_pane_wherever_the_user_moves_it() {
    let sandbox = world();
    let tmux = sandbox.tmux();
    let mut crew = Crew::new(&sandbox);
    let worker = crew.hire_idle("one", Seen::Alone, &["cat"]);
    let pane = worker.place.pane.to_string();
    let window = worker.place.window.to_string();
    tmux.run(["split-window", "-d", "-t", &window, "cat"]);
    tmux.run(["break-pane", "-d", "-s", &pane, "-t", "main:"]);
    tmux.type_text(&pane, "broken out,");
    wait_for_screen(&mut crew, &worker, "broken out,");
    tmux.run(["join-pane", "-d", "-s", &pane, "-t", "=main:^"]);
    tmux.type_text(&pane, " and joined");
    wait_for_screen(&mut crew, &worker, "broken out, and joined");
    // Where it is now is heard a moment later than what it draws.
    eventually(SOON, "the window that the pane is in", || {
        let at = crew.show(&worker).0.place.window.to_string();
        (at == tmux.show("=main:^", "#{window_id}")).then_some(())
    });
    assert!(crew.show(&worker).0.state.is_live());
    // The next hub finds it there, too.
    kill_hub(crew.pid());
    sandbox.wtmag(["hub", "start"]).run().success();
    crew.rejoin();
    tmux.type_text(&pane, ", still");
    wait_for_screen(&mut crew, &worker, "joined, still");
    // Its end is not that of the window it is in.
    let cleanup = Cleanup {
        id: worker.id,
        force: true,
        abandon: false,
        discard: None,
        keep_branch: true,
        env: Vec::new(),
    };
    crew.ask(Request::Cleanup(cleanup));
    assert!(!tmux.run(["list-panes", "-a", "-F", "#{pane_id}"]).lines().any(|it| it == pane));
    tmux.show("=main:^", "#{pane_id}");
}

#[test]
fn each_way_to_close_a_worker_has_its_word() {
    let sandbox = world();
    let tmux = sandbox.tmux();
    let session = tmux.show("main", "#{session_id}");
    let mut crew = Crew::new(&sandbox);
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| {
        let seen = if name == "b" { Seen::Alone } else { Seen::In(&session) };
        crew.hire_idle(name, seen, &["cat"])
    });
    tmux.run(["kill-window", "-t", &a.place.window.to_string()]);
    wait_for_word(&sandbox, a.id.as_str(), "lost: window closed");

    // Its own session is closed: it keeps running in session `wtmag`.
    tmux.run(["kill-session", "-t", &format!("={}", b.id)]);
    let place = || {
        let shown = crew.show(&b).0;
        (shown.placement == wtmag::model::Placement::Fleet).then_some(shown)
    };
    let shown = eventually(SOON, "b to be in session `wtmag`", place);
    assert!(shown.state.is_live());

    // The shell that the agent left behind is closed.
    interrupt(&sandbox, &c, "cat");
    wait_for_word(&sandbox, c.id.as_str(), "exited(130, SIGINT?)");
    tmux.run(["kill-window", "-t", &c.place.window.to_string()]);
    eventually(SOON, "c's window to be gone", || crew.show(&c).0.place.gone.then_some(()));
    assert_eq!(word(&sandbox, c.id.as_str()), "exited(130, SIGINT?)");

    tmux.run(["kill-server"]);
    for worker in [&b, &d] {
        wait_for_word(&sandbox, worker.id.as_str(), "lost: tmux server gone");
    }
    assert_eq!(word(&sandbox, a.id.as_str()), "lost: window closed");
    // No server was started by asking.
    assert!(!sandbox.tmux().is_running());
}

#[test]
fn closing_a_project_session_stops_no_worker_and_is_said_once() {
    let sandbox = world();
    let tmux = sandbox.tmux();
    tmux.run(["set-option", "-g", "display-time", "0"]);
    tmux.run(["new-session", "-d", "-s", "project"]);
    let project = tmux.show("project", "#{session_id}");
    let mut crew = Crew::new(&sandbox);
    let worker = crew.hire_idle("#(touch x)-%H", Seen::In(&project), &["cat"]);
    let seat = sandbox.seat("tmux -u attach -t =main");
    seat.wait_for_text("main");
    tmux.run(["kill-session", "-t", "=project"]);
    // tmux 3.2 cannot be told to show a message to another client.
    if tmux.show("main", "#{version}").starts_with("3.2") {
        return assert!(crew.show(&worker).0.state.is_live());
    }
    seat.wait_for_text(&format!(
        "{} is still running in session `wtmag`; its session was closed",
        worker.id
    ));
    assert!(crew.show(&worker).0.state.is_live());
    // Shown again and closed again, it is said again; till then it is not.
    seat.press(&["q"]);
    let said = |output: &[u8]| {
        String::from_utf8_lossy(output).matches("is still running in session `wtmag`").count()
    };
    assert_eq!(said(&seat.output()), 1);
}

#[test]
fn a_hub_whose_clients_were_detached_comes_back() {
    let sandbox = world();
    let tmux = sandbox.tmux();
    let mut crew = Crew::new(&sandbox);
    let worker = crew.hire_idle("one", Seen::Alone, &["cat"]);
    let pane = worker.place.pane.to_string();
    let seat = sandbox.seat("tmux -u attach -t =main");
    seat.wait_for_text("main");
    for text in ["once", "twice", "thrice"] {
        let client = tmux.run(["list-clients", "-t", "=main", "-F", "#{client_name}"]);
        tmux.run(["detach-client", "-a", "-t", &client]);
        tmux.type_text(&pane, text);
        wait_for_screen(&mut crew, &worker, text);
    }
    assert!(crew.show(&worker).0.state.is_live());
}

#[test]
fn a_fleet_that_was_closed_is_made_again_with_what_lives_elsewhere() {
    let sandbox = world();
    let tmux = sandbox.tmux();
    let mut crew = Crew::new(&sandbox);
    let worker = crew.hire_idle("one", Seen::Alone, &["cat"]);
    tmux.run(["kill-session", "-t", "=wtmag"]);
    tmux.type_text(&worker.place.pane.to_string(), "still there");
    wait_for_screen(&mut crew, &worker, "still there");
    let windows = tmux.run(["list-windows", "-t", "=wtmag", "-F", "#{window_id}"]);
    assert!(windows.contains(&worker.place.window.to_string()), "{windows}");
}

#[test]
fn a_server_that_ended_is_not_replaced_by_another_one() {
    let sandbox = world();
    let mut crew = Crew::new(&sandbox);
    sandbox.tmux().run(["kill-server"]);
    eventually(SOON, "the server's end", || (!sandbox.tmux().is_running()).then_some(()));
    let reserve = crew.reserve("one", Seen::Alone);
    let said = crew.refused(reserve);
    assert!(said.contains("has ended in the meantime"), "{said}");
    assert!(!sandbox.tmux().is_running());
    // The same with workers that went with it.
    sandbox.tmux().start("main");
    let two = crew.hire_idle("two", Seen::Alone, &["cat"]);
    sandbox.tmux().run(["kill-server"]);
    // Until the hub has heard of it, a place is kept on the server that was.
    wait_for_word(&sandbox, two.id.as_str(), "lost: tmux server gone");
    let reserve = crew.reserve("three", Seen::Alone);
    let said = crew.refused(reserve);
    assert!(said.contains("has ended in the meantime"), "{said}");
    assert!(!sandbox.tmux().is_running());
}
