//! The selected tmux server: a missing one, one with another program, one that would die.
use std::time::Duration;

use super::desk::Desk;
use crate::support::{Sandbox, eventually};

const WTMAG: &str = env!("CARGO_BIN_EXE_wtmag");

#[test]
fn looking_at_a_server_that_is_not_there_starts_nothing() {
    let sandbox = Sandbox::new();
    for server in [["-L", "nosuch"], ["-S", "/tmp"], ["-S", "/nonexistent/x"]] {
        for verb in [
            &["list"][..],
            &["show", "x"],
            &["receipts"],
            &["events"],
            &["wait", "x"],
            &["log", "x"],
            &["watch", "--once"],
        ] {
            let said = sandbox.wtmag(server.iter().chain(verb)).run().failure(3);
            assert!(said.contains("no tmux server runs at `"), "{server:?} {verb:?}: {said}");
        }
    }
    assert!(sandbox.wtmag(["list"]).run().success().contains("no workers"));
    assert_eq!(sandbox.wtmag(["list", "--json"]).run().success(), "[]\n");
    assert!(sandbox.wtmag(["watch", "--once"]).run().success().contains("no workers"));
    assert!(!sandbox.path("state/wtmag").exists());
    assert!(!sandbox.tmux().is_running());
}

#[test]
fn a_list_without_workers_names_the_server_that_has_some() {
    let desk = Desk::new();
    desk.worker("topic");
    let socket = desk.sandbox.tmux().socket();
    desk.sandbox.run("tmux").args(["-L", "other", "new-session", "-d"]).run().success();
    let said = desk.sandbox.wtmag(["-L", "other", "list"]).run().success();
    desk.sandbox.run("tmux").args(["-L", "other", "kill-server"]).run().success();
    desk.sandbox.wtmag(["-L", "other", "hub", "stop"]).run().success();
    let want = format!("1 worker on another tmux server: wtmag -S {} list", socket.display());
    assert!(said.contains(&want), "{said}");
}

/// The program in PATH stands for one of another release, which the server does not understand.
#[test]
fn the_servers_own_tmux_is_run_whatever_path_has() {
    let desk = Desk::new();
    let script = "#!/bin/sh\n[ \"$1\" != -V ] || { echo tmux 2.9; exit; }\n\
                  echo 'protocol version mismatch' >&2; exit 1\n";
    let real = desk.sandbox.run("sh").args(["-c", "command -v tmux"]).run().success();
    desk.sandbox.put_executable("old/tmux", script);
    let path = desk.sandbox.vars().into_iter().find(|(name, _)| name == "PATH").unwrap().1;
    let path = format!("{}:{path}", desk.sandbox.path("old").display());
    let wtmag = |args: &[&str]| desk.run(args).env("PATH", &path).run();
    for name in ["topic", "other"] {
        wtmag(&["create", "--prompt", "x", "--name", name, "--wait=idle"]).success();
    }
    let report = wtmag(&["doctor"]);
    assert!(report.stdout.contains("`tmux` in PATH is tmux 2.9"), "{report}");
    assert!(report.stdout.contains(real.trim()), "{report}");
    wtmag(&["cleanup", "topic"]).success();
    let seat = desk.sandbox.seat(&format!("PATH={path}; {WTMAG} attach other"));
    seat.wait_for_text("other");
    seat.wait_for_text("[main]");
}

#[test]
fn a_window_that_would_end_tmux_is_not_made() {
    let desk = Desk::new();
    let tmux = desk.sandbox.tmux();
    let pid = tmux.run(["display-message", "-p", "#{pid}"]);
    tmux.run(["set-option", "-g", "window-size", "manual"]);
    let said = desk.wtmag(&["create", "--prompt", "x", "--name", "topic"]);
    assert!(said.code != 0 && said.stderr.contains("`window-size` is `manual`"), "{said}");
    let doctor = desk.wtmag(&["doctor"]);
    assert!(doctor.code == 1 && doctor.stdout.contains("`window-size` is `manual`"), "{doctor}");
    assert_eq!(tmux.run(["display-message", "-p", "#{pid}"]), pid);
    tmux.run(["set-option", "-g", "window-size", "latest"]);
    let id = desk.worker("topic");
    // The same if session `wtmag` exists already, and for a new session.
    tmux.run(["set-option", "-g", "window-size", "manual"]);
    let said = desk.wtmag(&["create", "--prompt", "x", "--name", "more", "-s"]);
    assert!(said.code != 0 && said.stderr.contains("`window-size` is `manual`"), "{said}");
    let said = desk.wtmag(&["promote", &id]);
    assert!(said.code != 0 && said.stderr.contains("`window-size` is `manual`"), "{said}");
    assert_eq!(tmux.run(["display-message", "-p", "#{pid}"]), pid);
    assert_eq!(desk.list(&["--all"]).len(), 1);
}

#[test]
fn a_hook_that_detaches_wtmag_is_named_and_nothing_is_left_behind() {
    let desk = Desk::new();
    let tmux = desk.sandbox.tmux();
    let before = tmux.run(["list-sessions", "-F", "#{session_name}"]);
    tmux.run(["set-hook", "-g", "client-attached", "detach-client -a"]);
    let said = desk.wtmag(&["create", "--prompt", "x", "--name", "topic"]);
    assert!(said.code != 0 && said.stderr.contains("`client-attached`"), "{said}");
    let doctor = desk.wtmag(&["doctor"]);
    assert!(doctor.stdout.contains("one of your tmux hooks detaches clients"), "{doctor}");
    let sessions = || {
        let now = tmux.run(["list-sessions", "-F", "#{session_name}"]);
        (now == before).then_some(())
    };
    eventually(Duration::from_secs(10), "the session of wtmag to end", sessions);
    tmux.run(["set-hook", "-gu", "client-attached"]);
    desk.worker("topic");
}
