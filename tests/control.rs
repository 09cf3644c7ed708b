//! The connection against real tmux servers, each on its own socket.
//!
//! `WTMAG_TEST_TMUX` names another tmux than the one in PATH.
#![expect(clippy::indexing_slicing, reason = "a test that finds less than it needs stops there")]
#![expect(clippy::print_stdout, reason = "the figures of a run")]
use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use tempfile::TempDir;
use tokio::{io::AsyncReadExt as _, task::JoinSet, time};
use wtmag::{
    model::{PaneId, Sample, SessionId, WorkerId},
    tmux::{
        Connection, Event, Events, NewWindow, NoConnection, Server, Show,
        parse::{self, Line},
    },
};

mod quoting;
mod reconnect;
mod samples;
mod survival;
mod typing;
mod windows;

/// Longest wait for any event.
const SOON: Duration = Duration::from_secs(10);

/// A private tmux server with one user session of 100 × 30, ended on drop.
struct Stage {
    dir: TempDir,
    server: Server,
    user: SessionId,
}

impl Stage {
    fn new() -> Self {
        let mut stage = Self::empty();
        let made = ["new-session", "-dPF", "#{session_id}", "-s", "user", "-x", "100", "-y", "30"];
        stage.user = stage.tmux(&[&made[..], &["exec cat"]].concat()).parse().unwrap();
        stage
    }

    /// A socket path without a server.
    fn empty() -> Self {
        let dir = tempfile::Builder::new().prefix("wm").tempdir_in("/tmp").unwrap();
        let tmux = std::env::var_os("WTMAG_TEST_TMUX").unwrap_or_else(|| "tmux".into());
        let server = Server {
            tmux: tmux.into(),
            socket: dir.path().join("s"),
            relays: vec![dir.path().join("r")],
        };
        Self { dir, server, user: SessionId(0) }
    }

    #[expect(clippy::disallowed_methods, reason = "a user's tmux, not the program's")]
    fn command(&self) -> Command {
        let mut command = Command::new(&self.server.tmux);
        command.args(["-u", "-f", "/dev/null", "-S"]).arg(&self.server.socket);
        command.env_remove("TMUX").env_remove("TMUX_PANE").env("SHELL", "/bin/sh");
        command
    }

    fn try_tmux(&self, args: &[&str]) -> Output {
        self.command().args(args).output().unwrap()
    }

    /// What a user types, and what tmux prints.
    #[track_caller]
    fn tmux(&self, args: &[&str]) -> String {
        let output = self.try_tmux(args);
        assert!(output.status.success(), "tmux {args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// What lines of commands are answered, on a control-mode connection of the test's own.
    fn converse(&self, lines: &[String]) -> Vec<Vec<u8>> {
        let mut client = self.command();
        client.args(["-C", "attach", "-t", "=user"]);
        let mut child = client.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = lines.join("\n") + "\n\n";
        let feed = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output().unwrap().stdout;
        feed.join().unwrap().unwrap();
        let mut bodies = Vec::new();
        let mut open = None;
        for line in output.split(|&it| it == b'\n') {
            match (parse::line(line), &mut open) {
                (Line::Begin(stamp), None) => open = Some((stamp, Vec::new())),
                (Line::End(stamp) | Line::Error(stamp), Some((begun, body))) if stamp == *begun => {
                    if stamp.flags == 1 {
                        bodies.push(body.join(&b'\n'));
                    }
                    open = None;
                }
                (_, Some((_, body))) => body.push(line),
                (_, None) => {}
            }
        }
        bodies
    }

    /// The window that a client shows, and its size.
    fn looks(&self, client: &str) -> String {
        let format = "#{client_name} #{session_name} #{window_id} #{client_width}x#{client_height}";
        let rows = self.tmux(&["list-clients", "-F", format]);
        rows.lines().find_map(|row| row.strip_prefix(&format!("{client} "))).unwrap().to_owned()
    }

    async fn connect(&self) -> (Connection, Events) {
        Connection::open(&self.server, &placeholder(), NoConnection::StartServer).await.unwrap()
    }

    /// A window in the user's session that runs `script` with `sh`.
    fn window(&self, name: &str, script: &str) -> NewWindow {
        NewWindow {
            worker: WorkerId::for_branch("blog", name),
            name: name.to_owned(),
            cwd: self.dir.path().to_owned(),
            env: Vec::new(),
            argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
            show: Show::In { session: self.user, name: "user".to_owned() },
        }
    }
}

/// A user at a terminal, attached to a session.
struct Terminal {
    /// Path of the terminal, by which tmux names the client.
    name: String,
    seen: Arc<Mutex<Vec<u8>>>,
    _tasks: JoinSet<()>,
}

impl Terminal {
    async fn attach(stage: &Stage, session: &str) -> Self {
        let (mut pty, pts) = pty_process::open().unwrap();
        pty.resize(pty_process::Size::new(40, 120)).unwrap();
        let command = pty_process::Command::new(&stage.server.tmux)
            .args(["-u", "-S"])
            .arg(&stage.server.socket)
            .args(["attach", "-t", &format!("={session}")])
            .env_remove("TMUX")
            .env("TERM", "xterm-256color");
        let mut child = command.spawn(pts).unwrap();
        let pid = child.id().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let screen = seen.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok(n_bytes @ 1..) = pty.read(&mut buffer).await {
                screen.lock().unwrap().extend_from_slice(&buffer[..n_bytes]);
            }
            child.wait().await.unwrap();
        });
        let format = format!("#{{?#{{==:#{{client_pid}},{pid}}},#{{client_name}},}}");
        let name = eventually(|| {
            let names = stage.tmux(&["list-clients", "-F", &format]);
            Some(names.trim().to_owned()).filter(|it| !it.is_empty())
        })
        .await;
        Self { name, seen, _tasks: tasks }
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

/// For what tmux has no event for: asks until there is an answer.
async fn eventually<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    soon(async {
        loop {
            if let Some(answer) = ask() {
                return answer;
            }
            time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    time::timeout(SOON, what).await.unwrap()
}

/// The next event that is wanted; others are dropped.
async fn event(events: &mut Events, is_wanted: impl Fn(&Event) -> bool) -> Event {
    soon(async {
        loop {
            let event = events.recv().await.unwrap();
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

/// Samples the pane, which need not ring, until `is_wanted`.
async fn look(
    connection: &Connection,
    pane: PaneId,
    is_wanted: impl Fn(&Sample) -> bool,
) -> Sample {
    soon(async {
        loop {
            let sample = connection.sample(pane).await.unwrap();
            if is_wanted(&sample) {
                return sample;
            }
            time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

fn shows(text: &str) -> impl Fn(&Sample) -> bool {
    move |sample| sample.rows.iter().any(|row| row.contains(text))
}
