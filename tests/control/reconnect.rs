//! The end of a connection, and the next one.
use std::time::{Duration, Instant};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use wtmag::{
    model::ServerId,
    tmux::{Acted, Connection, Created, Error, Event, Events, Guard, NoConnection, revive_socket},
};

use super::{SOON, Stage, Terminal, event, eventually, look, placeholder, screen, shows, soon};

/// A connection and a worker that answers.
async fn worker(stage: &Stage) -> (Connection, Events, Created) {
    let (connection, mut events) = stage.connect().await;
    let spec = stage.window("x", "printf here; exec cat");
    let made = connection.create_window(&spec).await.unwrap();
    screen(&connection, &mut events, made.pane, shows("here")).await;
    (connection, events, made)
}

/// As the hub does it: a server that lives is asked to make its socket again.
async fn reconnect(stage: &Stage, before: ServerId) -> (Connection, Events) {
    let tried = async {
        loop {
            match Connection::open(&stage.server, &placeholder(), NoConnection::MakeFleet).await {
                Ok(done) => return done,
                Err(Error::NoServer { .. }) => {
                    assert!(revive_socket(Some(before)).await);
                }
                // A client that is just ending.
                Err(_) => {}
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(SOON, tried).await.unwrap()
}

/// The connection says that it has ended; the next one finds the worker where it was, and hears it.
async fn comes_back(stage: &Stage, connection: Connection, mut events: Events, made: Created) {
    event(&mut events, |it| matches!(it, Event::Closed { .. })).await;
    assert_eq!(events.recv().await, None);
    let before = connection.info().id;
    connection.close().await;

    let (connection, mut events) = reconnect(stage, before).await;
    assert_eq!(connection.info().id, before);
    let panes = connection.panes().await.unwrap();
    let fleet = connection.info().fleet;
    assert_eq!(panes.iter().map(|it| it.pane).collect::<Vec<_>>(), [made.pane]);
    assert!(panes[0].links.iter().any(|it| it.session == fleet));
    stage.tmux(&["send-keys", "-t", &made.pane.to_string(), "again", "Enter"]);
    screen(&connection, &mut events, made.pane, shows("again")).await;
    connection.close().await;
}

/// Process ids of our clients.
fn clients(stage: &Stage) -> Vec<Pid> {
    let rows = stage.tmux(&["list-clients", "-F", "#{client_control_mode} #{client_pid}"]);
    let pids = rows.lines().filter_map(|row| row.strip_prefix("1 "));
    pids.map(|pid| Pid::from_raw(pid.parse().unwrap())).collect()
}

#[tokio::test]
async fn it_comes_back_after_the_user_detached_everyone_else() {
    let stage = Stage::new();
    let terminal = Terminal::attach(&stage, "user").await;
    let (connection, events, made) = worker(&stage).await;
    stage.tmux(&["detach-client", "-a", "-t", &terminal.name]);
    comes_back(&stage, connection, events, made).await;
}

#[tokio::test]
async fn it_comes_back_after_the_fleet_was_closed() {
    let stage = Stage::new();
    stage.tmux(&["set-option", "-g", "detach-on-destroy", "off"]);
    let (connection, events, made) = worker(&stage).await;
    stage.tmux(&["kill-session", "-t", "=wtmag"]);
    comes_back(&stage, connection, events, made).await;
}

#[tokio::test]
async fn it_comes_back_after_either_client_was_ended() {
    for (at, signal) in [(0, Signal::SIGTERM), (1, Signal::SIGTERM), (0, Signal::SIGKILL)] {
        let stage = Stage::new();
        let (connection, events, made) = worker(&stage).await;
        kill(clients(&stage)[at], signal).unwrap();
        comes_back(&stage, connection, events, made).await;
    }
}

#[tokio::test]
async fn it_comes_back_after_the_socket_was_removed() {
    let stage = Stage::new();
    let (connection, events, made) = worker(&stage).await;
    std::fs::remove_file(&stage.server.socket).unwrap();
    // Too long for the connection itself.
    let (text, guard) =
        ("xxx\n".repeat(5_000), Guard { pid: None, command: "cat".to_owned(), cursor: None });
    look(&connection, made.pane, |it| it.command == "cat").await;
    assert_eq!(connection.paste((made.pane, None), &guard, &text).await.unwrap(), Acted::Done);
    let pids = clients(&stage);
    std::fs::remove_file(&stage.server.socket).unwrap();
    kill(pids[0], Signal::SIGTERM).unwrap();
    comes_back(&stage, connection, events, made).await;
}

#[tokio::test]
async fn another_server_is_told_from_the_one_before() {
    let stage = Stage::new();
    let (connection, mut events, _) = worker(&stage).await;
    let before = connection.info().id;
    stage.tmux(&["kill-server"]);
    event(&mut events, |it| matches!(it, Event::Closed { .. })).await;
    drop(connection);
    let none = Connection::open(&stage.server, &placeholder(), NoConnection::MakeFleet).await;
    assert!(matches!(none, Err(Error::NoServer { .. })), "{:?}", none.err());
    soon(async {
        while revive_socket(Some(before)).await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    // Nothing was started by looking for it.
    assert!(!stage.try_tmux(&["-N", "list-sessions"]).status.success());

    eventually(|| stage.try_tmux(&["new-session", "-d"]).status.success().then_some(())).await;
    let (connection, _) = reconnect(&stage, before).await;
    assert_ne!(connection.info().id, before);
    connection.close().await;
}

#[tokio::test]
async fn a_crash_of_the_server_ends_the_connection() {
    let stage = Stage::new();
    let (connection, mut events, _) = worker(&stage).await;
    kill(Pid::from_raw(connection.info().id.pid.try_into().unwrap()), Signal::SIGKILL).unwrap();
    event(&mut events, |it| matches!(it, Event::Closed { .. })).await;
    let late = connection.panes().await;
    assert!(matches!(late, Err(Error::Closed)), "{late:?}");
}

#[tokio::test]
async fn no_client_is_left_behind() {
    let stage = Stage::new();
    let (connection, _events, _) = worker(&stage).await;
    let pids = clients(&stage);
    assert_eq!(pids.len(), 2);
    connection.close().await;
    assert_eq!(clients(&stage), []);
    for pid in pids {
        assert!(kill(pid, None).is_err(), "client {pid} was not collected");
    }
    let (connection, _events) = stage.connect().await;
    let pids = clients(&stage);
    drop(connection);
    eventually(|| clients(&stage).is_empty().then_some(())).await;
    for pid in pids {
        eventually(|| kill(pid, None).err()).await;
    }
}

/// Commands that were given up are still answered, and their answers do not go to others.
#[tokio::test]
async fn the_reply_of_a_cancelled_command_answers_no_other() {
    let stage = Stage::new();
    let (connection, _events, made) = worker(&stage).await;
    for n in 0..50 {
        let value = n.to_string();
        stage.tmux(&["set-environment", "-t", "=user:", "A_TEST", &value]);
        let given_up = connection.sample(made.pane);
        let limit = Duration::from_micros(n * 10);
        drop(tokio::time::timeout(limit, given_up).await);
        let answer = connection.session_environment(stage.user).await.unwrap();
        assert!(answer.contains(&("A_TEST".to_owned(), Some(value))), "{answer:?}");
    }
    connection.close().await;
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_noticed() {
    let stage = Stage::new();
    let (connection, mut events, _) = worker(&stage).await;
    let pid = Pid::from_raw(connection.info().id.pid.try_into().unwrap());
    kill(pid, Signal::SIGSTOP).unwrap();
    let asked = Instant::now();
    let (asked, wedged) = tokio::join!(
        async { (connection.default_shell(stage.user).await, asked.elapsed()) },
        tokio::time::timeout(2 * SOON, async {
            while events.recv().await != Some(Event::Wedged) {}
        }),
    );
    assert!(matches!(asked.0, Err(Error::Deadline { .. })), "{asked:?}");
    wedged.unwrap();
    kill(pid, Signal::SIGCONT).unwrap();
    event(&mut events, |it| *it == Event::Answers).await;
    connection.default_shell(stage.user).await.unwrap();
    connection.close().await;
}
