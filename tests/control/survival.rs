//! Situations that have crashed tmux's server.
use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::Stdio,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{runtime::Runtime, time};
use wtmag::tmux::{Connection, Created, NoConnection, Show};

use super::{SOON, Stage, eventually, placeholder, screen, shows};
use crate::support::is_full;

/// tmux evaluates subscriptions once a second.
const TWO_TICKS: Duration = Duration::from_millis(2500);

/// A client that does not read its end outlives its session, and so does what it subscribed to.
#[tokio::test]
async fn the_fleet_may_end_while_our_clients_stand_still() {
    let stage = Stage::new();
    let (connection, _events) = stage.connect().await;
    let rows = stage.tmux(&["list-clients", "-F", "#{client_pid}"]);
    let pids: Vec<_> = rows.lines().map(|it| Pid::from_raw(it.parse().unwrap())).collect();
    pids.iter().for_each(|pid| kill(*pid, Signal::SIGSTOP).unwrap());
    stage.tmux(&["kill-session", "-t", "=wtmag"]);
    time::sleep(TWO_TICKS).await;
    assert_eq!(stage.tmux(&["list-sessions", "-F", "#{session_name}"]), "user");
    pids.iter().for_each(|pid| kill(*pid, Signal::SIGCONT).unwrap());
    connection.close().await;
    assert_eq!(stage.tmux(&["list-sessions", "-F", "#{session_name}"]), "user");
}

/// The current window of a session ends, the next one becomes the current one, and ends before
/// any client was told.
#[tokio::test]
async fn all_windows_of_a_session_may_be_ended_at_once() {
    let stage = Stage::new();
    let (connection, _events) = stage.connect().await;
    for _ in 0..20 {
        let mut spec = stage.window("x", "exec cat");
        spec.show = Show::Alone { name: "short".to_owned(), env: Vec::new() };
        let mut made = vec![connection.create_window(&spec).await.unwrap()];
        let (session, name) = made[0].session.clone().unwrap();
        spec.show = Show::In { session, name };
        for _ in 0..3 {
            made.push(connection.create_window(&spec).await.unwrap());
        }
        let close = |it: &Created| connection.close_worker(&spec.worker, it.pane, it.window);
        let (a, b, c, d) =
            tokio::join!(close(&made[0]), close(&made[1]), close(&made[2]), close(&made[3]));
        for done in [a, b, c, d] {
            done.unwrap();
        }
    }
    connection.close().await;
}

/// The subscription is tied to a window of the fleet; when that goes, to the next.
#[tokio::test]
async fn the_first_window_of_the_fleet_may_be_closed() {
    let stage = Stage::new();
    let (connection, mut events) = stage.connect().await;
    let made = connection.create_window(&stage.window("x", "exec cat")).await.unwrap();
    stage.tmux(&["kill-window", "-t", "=wtmag:^"]);
    eventually(|| {
        let first = stage.tmux(&["display-message", "-p", "-t", "=wtmag:^", "#{window_id}"]);
        (first == made.window.to_string()).then_some(())
    })
    .await;
    connection.panes().await.unwrap();
    // What only the subscription tells: drained first, until a second has passed in silence.
    while time::timeout(TWO_TICKS, events.recv()).await.is_ok() {}
    stage.tmux(&["select-pane", "-d", "-t", &made.pane.to_string()]);
    let told = time::timeout(SOON, events.recv()).await.unwrap();
    assert_eq!(told, Some(wtmag::tmux::Event::Structure));
    connection.close().await;
}

/// Renames the user's session as fast as tmux does it, which every control-mode client is told.
fn rename_all_the_time(stage: &Stage, stop: &AtomicBool) -> usize {
    let mut client = stage.command();
    client.args(["-C", "attach", "-t", "=user"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = client.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut n_renamed = 0;
    while !stop.load(Ordering::Relaxed) && said.any(|line| line.starts_with("%end")) {
        let name = ["users", "user"][n_renamed % 2];
        writeln!(stdin, "rename-session {name}").unwrap();
        n_renamed += 1;
    }
    drop(stdin);
    said.for_each(drop);
    child.wait().unwrap();
    n_renamed
}

/// Ends the renames, also when a check fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A client that is known to the server and has not said everything is told nothing, and may go.
#[test]
fn clients_come_and_go_while_there_is_something_to_tell() {
    let n_connections = if is_full() { 300 } else { 20 };
    let stage = Stage::new();
    let server = stage.tmux(&["display-message", "-p", "#{pid}"]);
    let stop = AtomicBool::new(false);
    let placeholder = placeholder();
    let runtime = Runtime::new().unwrap();
    let n_renamed = thread::scope(|scope| {
        let renames = scope.spawn(|| rename_all_the_time(&stage, &stop));
        let stop = Stop(&stop);
        for at in 0..n_connections {
            let open = Connection::open(&stage.server, &placeholder, NoConnection::StartServer);
            if at % 2 == 0 {
                let (connection, _events) = runtime.block_on(open).unwrap();
                runtime.block_on(connection.close());
            } else {
                // Given up at any time, as when we are killed.
                let limit = Duration::from_micros(3000 + 97 * at);
                drop(runtime.block_on(async { time::timeout(limit, open).await }));
            }
        }
        drop(stop);
        renames.join().unwrap()
    });
    println!("{n_connections} connections, {n_renamed} renames");
    assert_eq!(stage.tmux(&["display-message", "-p", "#{pid}"]), server);
    let no_clients = || stage.tmux(&["list-clients"]).is_empty().then_some(());
    runtime.block_on(eventually(no_clients));
}

/// tmux 3.2 can crash when a pane dies and stays, and a control client is still to be told what it
/// printed. A worker's pane never stays, also where the user moved it.
#[tokio::test]
async fn panes_may_print_and_die_although_the_user_keeps_dead_ones() {
    let n_panes = if is_full() { 300 } else { 60 };
    let stage = Stage::new();
    let server = stage.tmux(&["display-message", "-p", "#{pid}"]);
    stage.tmux(&["set-option", "-g", "remain-on-exit", "on"]);
    let (connection, mut events) = stage.connect().await;
    for n in 0..n_panes {
        let script = "echo up; read -r line; seq 2000";
        let made = connection.create_window(&stage.window("x", script)).await.unwrap();
        screen(&connection, &mut events, made.pane, shows("up")).await;
        let pane = made.pane.to_string();
        if n % 2 == 0 {
            stage.tmux(&["break-pane", "-d", "-s", &pane, "-t", "=user:"]);
        }
        stage.tmux(&["send-keys", "-t", &pane, "Enter"]);
        let is_gone = || {
            let panes = stage.tmux(&["list-panes", "-aF", "#{pane_id}"]);
            (!panes.lines().any(|it| it == pane)).then_some(())
        };
        eventually(is_gone).await;
    }
    assert_eq!(stage.tmux(&["display-message", "-p", "#{pid}"]), server);
    connection.close().await;
}
