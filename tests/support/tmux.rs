//! A tmux server of a sandbox, spoken to with plain `tmux` commands, as a check from outside.
use std::{
    fs,
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use super::{
    Ran, Run, Sandbox,
    programs::has_ended,
    wait::{eventually, poll},
};

/// Keeps apart the files of two runs.
static N_RUNS: AtomicUsize = AtomicUsize::new(0);

/// 120 by 40, no configuration, nothing of the user's.
pub(crate) struct Tmux<'a> {
    sandbox: &'a Sandbox,
    /// Its `TMUX_TMPDIR`, in the sandbox.
    dir: &'static str,
}

impl<'a> Tmux<'a> {
    pub(super) fn new(sandbox: &'a Sandbox, dir: &'static str) -> Self {
        Self { sandbox, dir }
    }

    /// Starts the server, if need be, with a session `name` whose shell is in `home/`, and returns its pane.
    pub(crate) fn start(&self, name: &str) -> String {
        let size = ["-x", "120", "-y", "40"];
        let make = ["new-session", "-d", "-P", "-F", "#{pane_id}", "-s", name];
        let default = [";", "set-option", "-g", "default-size", "120x40"];
        // In tmux 3.2a a session's first window is 80 by 23 whatever is asked for.
        let resize = [";", "resize-window", "-t", name];
        let free = [";", "set-option", "-wu", "-t", name, "window-size"];
        let all = [&make[..], &size, &default, &resize, &size, &free].concat();
        self.run(all)
    }

    /// A window with this shell command in it, or with a shell; returns its pane.
    pub(crate) fn new_window(&self, target: &str, line: &str) -> String {
        let args = ["new-window", "-d", "-P", "-F", "#{pane_id}", "-t", target];
        self.run(args.into_iter().chain((!line.is_empty()).then_some(line)))
    }

    /// Runs a command line with a pane for its terminal, as a user would; only its two outputs go to files.
    pub(crate) fn run_in_window(&self, target: &str, line: &str) -> Ran {
        let files = ["code", "stdout", "stderr"].map(|name| {
            let n = N_RUNS.fetch_add(1, Ordering::Relaxed);
            self.sandbox.path(format!("run/{n}.{name}"))
        });
        let [code, stdout, stderr] = files.each_ref().map(|it| it.display().to_string());
        let script =
            format!("( {line} ) >{stdout} 2>{stderr}; echo $? >{code}; tmux wait-for -S {code}");
        self.new_window(target, &script);
        self.wait_for(&code, Duration::from_secs(60));
        let [code, stdout, stderr] = files.map(|it| fs::read_to_string(it).unwrap());
        Ran { code: code.trim().parse().unwrap(), stdout, stderr }
    }

    /// One tmux command that must succeed; its output without the last line end.
    #[track_caller]
    pub(crate) fn run<'s>(&self, args: impl IntoIterator<Item = &'s str>) -> String {
        self.try_run(args).success().trim_end_matches('\n').to_owned()
    }

    pub(crate) fn try_run<'s>(&self, args: impl IntoIterator<Item = &'s str>) -> Ran {
        Run::new(self.command()).args(args).limit(Duration::from_secs(10)).run()
    }

    /// `tmux -f /dev/null` that means this server.
    pub(super) fn command(&self) -> Command {
        let mut command = self.sandbox.command("tmux");
        command.env("TMUX_TMPDIR", self.sandbox.path(self.dir)).args(["-u", "-f", "/dev/null"]);
        command
    }

    pub(crate) fn socket(&self) -> PathBuf {
        let uid = nix::unistd::getuid();
        self.sandbox.path(self.dir).join(format!("tmux-{uid}/default"))
    }

    /// What a format says of a pane, window or session.
    #[track_caller]
    pub(crate) fn show(&self, target: &str, format: &str) -> String {
        self.run(["display-message", "-p", "-t", target, format])
    }

    /// `$TMUX` of a pane.
    pub(super) fn var(&self, pane: &str) -> String {
        self.show(pane, "#{socket_path},#{pid},#{session_id}").replace('$', "")
    }

    /// The visible rows of a pane.
    #[track_caller]
    pub(crate) fn capture(&self, pane: &str) -> String {
        self.run(["capture-pane", "-p", "-t", pane])
    }

    /// Text as typed keys, not as names of keys.
    #[track_caller]
    pub(crate) fn type_text(&self, pane: &str, text: &str) {
        self.run(["send-keys", "-t", pane, "-l", "--", text]);
    }

    /// Waits until a pane shows a text, and returns its rows.
    #[track_caller]
    pub(crate) fn wait_for_text(&self, pane: &str, text: &str) -> String {
        let mut seen = String::new();
        let has_text = || {
            seen = self.capture(pane);
            seen.contains(text).then_some(())
        };
        let found = poll(Duration::from_secs(20), has_text);
        assert!(found.is_some(), "waited 20 s for `{text}` in pane {pane}:\n{seen}");
        seen
    }

    /// Waits until the program of a pane has ended (with `remain-on-exit`) and returns its exit code, or 128 and
    /// the number of its signal.
    #[track_caller]
    pub(crate) fn wait_for_end(&self, pane: &str) -> i32 {
        let mut state = String::new();
        let ended = || {
            // tmux 3.3a now and then misses the end of a child; the end of the next one makes it look.
            self.run(["run-shell", "-b", "true"]);
            state =
                self.show(pane, "#{pane_dead_status},#{pane_dead_signal},#{pane_dead},#{pane_pid}");
            let mut words = state.split(',').map(str::parse::<i32>);
            words.next()?.ok().or_else(|| Some(128 + words.next()?.ok()?))
        };
        let code = poll(Duration::from_secs(20), ended);
        assert!(code.is_some(), "waited 20 s for the end of pane {pane}: {state}");
        code.unwrap()
    }

    /// Blocks until someone says `tmux wait-for -S <channel>`.
    #[track_caller]
    pub(crate) fn wait_for(&self, channel: &str, limit: Duration) {
        Run::new(self.command()).args(["wait-for", channel]).limit(limit).run().success();
    }

    pub(crate) fn is_running(&self) -> bool {
        self.socket().exists() && self.try_run(["list-sessions"]).code == 0
    }

    /// Ends the server, and starts another one in its place, with this session.
    #[track_caller]
    pub(crate) fn restart(&self, name: &str) -> String {
        let pid = self.run(["display-message", "-p", "#{pid}"]).trim().parse().unwrap();
        self.kill();
        eventually(Duration::from_secs(10), "the tmux server to end", || {
            has_ended(pid).then_some(())
        });
        self.start(name)
    }

    pub(crate) fn kill(&self) {
        if self.socket().exists() {
            drop(self.try_run(["kill-server"]));
        }
    }
}
