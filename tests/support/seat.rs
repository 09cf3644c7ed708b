//! A terminal with a user: what a real tmux client, or a command in a terminal, shows to a person.
//!
//! It is a pane of a second server, which is a terminal emulator that a test can read.
use std::{fs, path::PathBuf};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

use super::{Sandbox, Tmux};

pub(crate) struct Seat<'a> {
    tmux: Tmux<'a>,
    pane: String,
    /// All that was written to the terminal.
    output: PathBuf,
}

impl<'a> Seat<'a> {
    /// The command line runs in `sh`, outside tmux; the terminal stays when it ends.
    pub(super) fn new(sandbox: &'a Sandbox, line: &str) -> Self {
        let tmux = Tmux::new(sandbox, "seats");
        if !tmux.is_running() {
            tmux.start("seats");
            tmux.run(["set-option", "-g", "remain-on-exit", "on"]);
            tmux.run(["set-option", "-g", "prefix", "None"]);
        }
        let pane = tmux.new_window("seats:", "");
        let output = sandbox.path(format!("seats/{}.out", pane.trim_start_matches('%')));
        let pipe = format!("cat >> {}", output.display());
        tmux.run(["pipe-pane", "-t", &pane, &pipe]);
        let vars = format!("TMUX_TMPDIR={} TERM=screen-256color", sandbox.path("tmux").display());
        let line = format!("unset TMUX TMUX_PANE; {vars} exec sh -c {}", quoted(line));
        tmux.run(["respawn-pane", "-k", "-t", &pane, &line]);
        Self { tmux, pane, output }
    }

    /// Waits until the person sees a text, and returns all rows.
    #[track_caller]
    pub(crate) fn wait_for_text(&self, text: &str) -> String {
        self.tmux.wait_for_text(&self.pane, text)
    }

    /// The process that the terminal was made for.
    pub(crate) fn pid(&self) -> u32 {
        self.tmux.show(&self.pane, "#{pane_pid}").parse().unwrap()
    }

    /// Keys by their tmux names: `C-b`, `Enter`, `q`.
    #[track_caller]
    pub(crate) fn press(&self, keys: &[&str]) {
        self.tmux.run(["send-keys", "-t", &self.pane].iter().chain(keys).copied());
    }

    /// Gives the terminal another size.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let window = ["resize-window", "-t", &self.pane, "-x", &columns, "-y", &rows];
        self.tmux.run(window);
    }

    /// Tells the command that its terminal has another size, though it has not.
    pub(crate) fn signal_size(&self) {
        killpg(Pid::from_raw(self.pid().cast_signed()), Signal::SIGWINCH).unwrap();
    }

    /// Everything that was written to the terminal so far, escape sequences and bells included.
    pub(crate) fn output(&self) -> Vec<u8> {
        fs::read(&self.output).unwrap_or_default()
    }

    /// Waits for the command's end and returns its exit code.
    #[track_caller]
    pub(crate) fn wait_for_end(&self) -> i32 {
        self.tmux.wait_for_end(&self.pane)
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
