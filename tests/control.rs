//! The connection against real tmux servers, each on a socket of its own.
use std::{
    path::PathBuf,
    process::{Command, Output},
    time::Duration,
};

use tempfile::TempDir;
use tokio::time;
use wtmag::{
    model::{PaneId, Sample, SessionId, WorkerId},
    tmux::{Absent, Connection, Created, Event, Events, NewWindow, Server, Show},
};

/// Longest wait for anything that is to happen.
const SOON: Duration = Duration::from_secs(10);

/// A private tmux server with one user session of 100 × 30, ended on drop.
struct Stage {
    dir: TempDir,
    server: Server,
}

impl Stage {
    fn new() -> Self {
        let stage = Self::empty();
        stage.tmux(&["new-session", "-d", "-s", "user", "-x", "100", "-y", "30", "exec cat"]);
        stage
    }

    /// A place for a server that nobody has started.
    fn empty() -> Self {
        let dir = tempfile::Builder::new().prefix("wm").tempdir_in("/tmp").unwrap();
        let tmux = std::env::var_os("WTMAG_TEST_TMUX").unwrap_or_else(|| "tmux".into());
        let server = Server { tmux: tmux.into(), socket: dir.path().join("s") };
        Self { dir, server }
    }

    #[expect(clippy::disallowed_methods, reason = "a user's tmux, not the program's")]
    fn try_tmux(&self, args: &[&str]) -> Output {
        Command::new(&self.server.tmux)
            .args(["-u", "-f", "/dev/null", "-S"])
            .arg(&self.server.socket)
            .args(args)
            .env_remove("TMUX")
            .env_remove("TMUX_PANE")
            .env("SHELL", "/bin/sh")
            .output()
            .unwrap()
    }

    /// What a user types, and what tmux prints.
    #[track_caller]
    fn tmux(&self, args: &[&str]) -> String {
        let output = self.try_tmux(args);
        assert!(output.status.success(), "tmux {args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    fn user(&self) -> SessionId {
        self.tmux(&["display-message", "-p", "-t", "=user:", "#{session_id}"]).parse().unwrap()
    }

    async fn connect(&self) -> (Connection, Events) {
        Connection::open(&self.server, &placeholder(), Absent::Start).await.unwrap()
    }

    /// A window in the user's session that runs `script` with `sh`.
    fn window(&self, name: &str, script: &str) -> NewWindow {
        NewWindow {
            worker: WorkerId::for_branch("blog", name),
            name: name.to_owned(),
            cwd: self.dir.path().to_owned(),
            env: Vec::new(),
            argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
            show: Show::In(self.user()),
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        drop(self.try_tmux(&["kill-server"]));
    }
}

fn placeholder() -> Vec<String> {
    ["sleep", "100000"].map(str::to_owned).to_vec()
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    time::timeout(SOON, what).await.expect("in time")
}

/// The next event that is wanted; others are dropped.
async fn event(events: &mut Events, is_wanted: impl Fn(&Event) -> bool) -> Event {
    soon(async {
        loop {
            let event = events.recv().await.expect("the connection lives");
            if is_wanted(&event) {
                return event;
            }
        }
    })
    .await
}

/// Samples the pane, now and at each ring, until `is_wanted`.
async fn screen(
    connection: &Connection,
    events: &mut Events,
    pane: PaneId,
    is_wanted: impl Fn(&Sample) -> bool,
) -> Sample {
    soon(async {
        loop {
            let sample = connection.sample(pane).await.unwrap();
            if is_wanted(&sample) {
                return sample;
            }
            event(events, |it| *it == Event::Ring(pane)).await;
        }
    })
    .await
}

fn shows(text: &str) -> impl Fn(&Sample) -> bool {
    move |sample| sample.rows.iter().any(|row| row.contains(text))
}

#[tokio::test]
async fn a_worker_window_is_made_seen_and_typed_into() {
    let stage = Stage::new();
    let (connection, mut events) = stage.connect().await;
    let spec = stage.window("x", "printf 'hello\\n'; exec cat");
    let created = connection.create_window(&spec).await.unwrap();
    let sample = screen(&connection, &mut events, created.pane, shows("hello")).await;
    assert_eq!(sample.rows.first().map(String::as_str), Some("hello"));
    connection.close().await;
}
