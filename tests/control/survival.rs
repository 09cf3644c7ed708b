//! What tmux's server did not always live through.
use std::time::Duration;

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::time;

use super::{SOON, Stage, eventually};

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
/// anybody was told so.
#[tokio::test]
async fn all_windows_of_a_session_may_be_ended_at_once() {
    let stage = Stage::new();
    let (connection, _events) = stage.connect().await;
    for _ in 0..20 {
        let mut windows = Vec::new();
        let made = ["new-session", "-dPF", "#{window_id}", "-s", "short", "exec cat"];
        windows.push(stage.tmux(&made));
        for _ in 0..3 {
            let made = ["new-window", "-dPF", "#{window_id}", "-t", "=short:", "exec cat"];
            windows.push(stage.tmux(&made));
        }
        let kill = |window: &String| connection.kill_window(window.parse().unwrap());
        let (a, b, c, d) = tokio::join!(
            kill(&windows[0]),
            kill(&windows[1]),
            kill(&windows[2]),
            kill(&windows[3])
        );
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
