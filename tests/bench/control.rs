//! Control mode: how fast lines become events, and what a held connection saves.
use std::{hint::black_box, path::Path};

use divan::{Bencher, counter::BytesCount};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use wtmag::{
    proc::{self, Cmd},
    tmux::{Connection, NoConnection, Server, session::Session},
};

/// Windows on the server besides the fleet's.
const N_WINDOWS: [usize; 2] = [1, 5];

/// What agents print, as tmux escapes it: plain text, and text that is half colours.
const PLAIN: &str = "The quick brown fox jumps over the lazy dog; it has done so since 1885. ";
const COLOURED: &str = r"\033[38;5;114m+\033[0m \033[1mlet\033[0m x = y;\033[K\015\012";

#[divan::bench(sample_count = 50)]
fn plain_lines_to_events(bencher: Bencher<'_, '_>) {
    lines_to_events(bencher, PLAIN);
}

#[divan::bench(sample_count = 50)]
fn coloured_lines_to_events(bencher: Bencher<'_, '_>) {
    lines_to_events(bencher, COLOURED);
}

/// 4 MB at a time.
fn lines_to_events(bencher: Bencher<'_, '_>, text: &str) {
    let line = format!("%extended-output %12 3 : {}\r\n", text.repeat(1000 / text.len()));
    let stream = line.repeat(4_000_000 / line.len()).into_bytes();
    let mut session = Session::new(0);
    session.handle_bytes(b"\x1bP1000p%begin 1 7 0\r\n%end 1 7 0\r\n");
    bencher.counter(BytesCount::of_slice(&stream)).bench_local(|| {
        // As a terminal hands it out.
        for chunk in stream.chunks(4095) {
            session.handle_bytes(chunk);
            while let Some(event) = session.poll_event() {
                black_box(event);
            }
        }
    });
}

#[divan::bench(args = N_WINDOWS, sample_count = 1000, sample_size = 1)]
fn held_command(bencher: Bencher<'_, '_>, n_windows: usize) {
    let stage = Stage::new(n_windows);
    let fleet = stage.connection.info().fleet;
    bencher.bench_local(|| {
        let value = stage.connection.default_shell(fleet);
        stage.runtime.block_on(value).unwrap()
    });
}

#[divan::bench(args = N_WINDOWS, sample_count = 1000, sample_size = 1)]
fn spawned_command(bencher: Bencher<'_, '_>, n_windows: usize) {
    let stage = Stage::new(n_windows);
    let socket = stage.server.socket.to_str().unwrap();
    bencher.bench_local(|| {
        let args = ["-S", socket, "show-options", "-wqv", "-t", "@0", "@x"];
        let run = Cmd::new(&stage.server.tmux, Path::new("/")).args(args);
        stage.runtime.block_on(run.run(&proc::never())).unwrap()
    });
}

struct Stage {
    runtime: Runtime,
    server: Server,
    connection: Connection,
    _dir: TempDir,
}

impl Stage {
    fn new(n_windows: usize) -> Self {
        let dir = tempfile::Builder::new().prefix("wm").tempdir_in("/tmp").unwrap();
        let server = Server {
            tmux: "tmux".into(),
            socket: dir.path().join("s"),
            relays: vec![dir.path().join("r")],
        };
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let stay = ["sleep", "1000"].map(str::to_owned);
        let opened = Connection::open(&server, &stay, NoConnection::StartServer);
        let (connection, _events) = runtime.block_on(opened).unwrap();
        let stage = Self { runtime, server, connection, _dir: dir };
        for _ in 0..n_windows {
            stage.tmux(&["new-window", "-d", "sleep", "1000"]);
        }
        stage
    }

    fn tmux(&self, args: &[&str]) {
        let socket = self.server.socket.to_str().unwrap();
        let cmd = Cmd::new(&self.server.tmux, Path::new("/")).args(["-S", socket]).args(args);
        drop(self.runtime.block_on(cmd.run(&proc::never())).unwrap());
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}
