//! A recorded agent, played into a pane as far as a test says, and what a human says it was doing.
//!
//! The format of the tables is in `tests/fixtures/recordings/README.md`.
use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;

use super::{Sandbox, programs, wait::eventually};

const RECORDINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/recordings");

/// `<case>.timeline.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Timeline {
    /// What tmux shows in front while the agent runs.
    pub command: String,
    pub exit: Option<Exit>,
    pub moment: Vec<Moment>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exit {
    pub code: Option<i32>,
    pub signal: Option<i32>,
}

/// A key moment.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Moment {
    pub t_ms: u64,
    want: Want,
    #[serde(default)]
    pub note: String,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Want {
    One(String),
    Any(Vec<String>),
}

impl Moment {
    /// The words that are right; mostly one.
    pub(crate) fn words(&self) -> &[String] {
        match &self.want {
            Want::One(word) => std::slice::from_ref(word),
            Want::Any(words) => words,
        }
    }

    /// Whether the hub's word is right: `starting` is also what the hub calls `unknown` of a process that runs.
    pub(crate) fn accepts(&self, word: &str) -> bool {
        let word = word.split('(').next().unwrap_or(word);
        self.words().iter().any(|want| want == word || want == "starting" && word == "unknown")
    }
}

impl Timeline {
    pub(crate) fn load(recording: &Path) -> Self {
        let path = recording.with_extension("timeline.toml");
        let text = fs::read_to_string(&path).unwrap();
        toml::from_str(&text).unwrap_or_else(|err| panic!("{}: {err}", path.display()))
    }
}

/// The recordings (`….jsonl`) of one agent, in order.
pub(crate) fn recordings(agent: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(Path::new(RECORDINGS).join(agent)).unwrap();
    let mut found: Vec<_> = entries.map(|it| it.unwrap().path()).collect();
    found.retain(|it| it.extension().is_some_and(|it| it == "jsonl"));
    found.sort();
    found
}

/// A program that plays one recording when it is started; nothing is drawn before the first order.
pub(crate) struct Player {
    listener: UnixListener,
    stream: Option<BufReader<UnixStream>>,
    /// The program, named as the recorded agent: start it in a pane of 120x40.
    pub program: PathBuf,
    pub timeline: Timeline,
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Played {
    /// All bytes up to the moment are written; the player stands still until the next order.
    Reached,
    /// The agent's end came before; the process is gone, or about to be.
    Left,
}

impl Player {
    /// `name` keeps players of one sandbox apart. Its program takes any arguments and ignores them.
    pub(crate) fn new(sandbox: &Sandbox, name: &str, recording: &Path) -> Self {
        let timeline = Timeline::load(recording);
        let socket = sandbox.path(format!("run/{name}.player"));
        let listener = UnixListener::bind(&socket).unwrap();
        listener.set_nonblocking(true).unwrap();
        // `exec -a`: tmux shows the foreground process by its first argument.
        let script = format!(
            "#!/bin/bash\nexec -a {command} {agent} --play {recording} --control {socket}\n",
            command = timeline.command,
            agent = programs::fake_agent().display(),
            recording = recording.display(),
            socket = socket.display(),
        );
        let program = Path::new("players").join(name).join(&timeline.command);
        let program = sandbox.put_executable(program, &script);
        Self { listener, stream: None, program, timeline }
    }

    /// Plays up to and with `t_ms`, in the recorded rhythm with pauses cut to `max_pause`, and returns when the
    /// terminal has taken the last byte. The first order waits for the program to be started.
    #[track_caller]
    pub(crate) fn play_to(&mut self, t_ms: u64, max_pause: Duration) -> Played {
        let listener = &self.listener;
        let stream = self.stream.get_or_insert_with(|| {
            let accepted = || listener.accept().ok();
            let (stream, _) = eventually(Duration::from_secs(30), "a player to start", accepted);
            stream.set_nonblocking(false).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(600))).unwrap();
            BufReader::new(stream)
        });
        let order = format!("to {t_ms} {}\n", max_pause.as_millis());
        if stream.get_mut().write_all(order.as_bytes()).is_err() {
            return Played::Left;
        }
        let mut reply = String::new();
        match stream.read_line(&mut reply) {
            Ok(_) if reply.starts_with("at ") => Played::Reached,
            Ok(_) => Played::Left,
            Err(err) => panic!("the player does not answer: {err}"),
        }
    }
}
