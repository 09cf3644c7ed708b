//! The pane's process in a real tmux, with real shells: the agent's environment, the reports to the hub,
//! and the user's shell afterwards.
#![expect(clippy::disallowed_methods, reason = "tests start programs from outside")]
mod first_window;

use std::{
    cell::{OnceCell, RefCell},
    collections::{BTreeMap, HashSet},
    ffi::OsString,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::{ffi::OsStringExt as _, fs::PermissionsExt as _, net::UnixListener},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use wtmag::{
    model::{Answer, Exit, Hook, HookReport, PaneId, Request},
    pane::{Parts, Reached, launch, report},
    wire::{self, Envelope, Frame, Hello},
};

use super::support::Scratch;

const SHELLS: [&str; 4] = ["bash", "zsh", "fish", "sh"];

/// No process can have this id.
const NO_PID: u32 = 4_194_305;

const WTMAG: &str = env!("CARGO_BIN_EXE_wtmag");

/// Longest wait for anything, on a machine with other work.
const LIMIT: Duration = Duration::from_secs(30);

/// Answers lines of input, in cooked mode.
const AGENT: &str = r#"#!/bin/sh
echo $$ >"$HOME/pid"; pwd >"$HOME/cwd"; env >"$HOME/env"; printf '%s,' "$@" >"$HOME/args"
echo UP
while read -r line; do
    case $line in
        exit*) exit "${line#exit }" ;;
        stop) kill -STOP $$ ;;
    esac
    echo "GOT $line"
done
exit 9
"#;

/// Switches on what a TUI switches on, and reads nothing.
const TUI: &str = r#"#!/bin/sh
stty raw -echo
printf '\033[?1049h\033[?1000h\033[?1006h\033[?2004h\033[?25l\033[?1h\033[5;10r\033[31mTUI'
echo $$ >"$HOME/pid"
exec sleep 1000
"#;

/// A tmux server, a home directory and a stand-in for the hub.
struct World {
    root: Scratch,
    shell: PathBuf,
    reports: Receiver<HookReport>,
    /// Reports that no test has asked for yet, by id, and the others.
    waiting: RefCell<BTreeMap<String, HookReport>>,
    seen: RefCell<HashSet<String>>,
}

struct Pane<'w> {
    world: &'w World,
    id: String,
}

impl World {
    fn new(shell: &str) -> Self {
        let root = Scratch::new();
        for dir in ["bin", "home/.config/fish", "spool", "work tree's $x"] {
            fs::create_dir_all(root.path().join(dir)).unwrap();
        }
        // Without it fish reads every manual page of the machine in each new home.
        let completions = ".local/share/fish/generated_completions";
        fs::create_dir_all(root.path().join("home").join(completions)).unwrap();
        for (name, text) in [("agent", AGENT), ("tui", TUI)] {
            let path = root.path().join("bin").join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let reports = hub(&root.path().join("hub.sock"));
        let shell = which::which(shell).unwrap();
        let world =
            Self { root, shell, reports, waiting: RefCell::default(), seen: RefCell::default() };
        world.rc("");
        world.tmux(&["new-session", "-d", "-x", "100", "-y", "30", "--", "sleep", "1000"]);
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn worktree(&self) -> PathBuf {
        self.path("work tree's $x")
    }

    fn name(&self) -> &str {
        self.shell.file_name().unwrap().to_str().unwrap()
    }

    /// The shell's start-up file.
    fn rc(&self, text: &str) {
        let file = match self.name() {
            "bash" => ".bash_profile",
            "zsh" => ".zshrc",
            "fish" => ".config/fish/config.fish",
            _ => ".profile",
        };
        // `/etc/profile` sets the path anew.
        let bin = self.path("bin");
        let path = match self.name() {
            "fish" => format!("set -gx PATH {} $PATH", bin.display()),
            _ => format!("export PATH={}:$PATH", bin.display()),
        };
        fs::write(self.path("home").join(file), format!("{path}\n{text}\n")).unwrap();
    }

    fn tmux(&self, args: &[&str]) -> Output {
        let mut command = self.command("tmux");
        command.arg("-S").arg(self.path("tmux")).args(["-f", "/dev/null"]).args(args);
        command.output().unwrap()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(self.root.path()).env("HOME", self.path("home"));
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("LC_ALL", "C.UTF-8").env("SHELL", &self.shell);
        command
    }

    fn start(&self, agent: &[&str]) -> Pane<'_> {
        let mut args: Vec<String> =
            ["new-window", "-d", "-P", "-F", "#{pane_id}", "-e", "ASKED=for it"]
                .map(String::from)
                .into();
        args.extend(["--", WTMAG, "pane", "--worker", "w"].map(String::from));
        for (flag, value) in [
            ("--worktree", self.worktree()),
            ("--shell", self.shell.clone()),
            ("--spool", self.path("spool")),
            ("--socket", self.path("hub.sock")),
        ] {
            args.extend([flag.to_owned(), value.to_str().unwrap().to_owned()]);
        }
        args.push("--".to_owned());
        args.extend(agent.iter().map(ToString::to_string));
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let output = self.tmux(&args);
        let id = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        assert!(id.starts_with('%'), "{}", String::from_utf8_lossy(&output.stderr));
        Pane { world: self, id }
    }

    /// Starts the agent and sees it listen.
    fn listening(&self) -> Pane<'_> {
        let pane = self.start(&["agent"]);
        assert_eq!(pane.report(), Hook::Started, "{}", pane.screen());
        pane.shows("UP");
        pane
    }

    /// The oldest report not yet taken, from socket or spool: on a busy machine the socket's stand-in
    /// may be slower than a reporter waits.
    fn take_report(&self) -> Option<HookReport> {
        let spooled = fs::read_dir(self.path("spool")).unwrap().filter_map(|entry| {
            // What is being written has another name, what was answered is gone.
            let text = fs::read_to_string(entry.unwrap().path()).ok()?;
            serde_json::from_str(&text).ok()
        });
        let mut seen = self.seen.borrow_mut();
        let mut waiting = self.waiting.borrow_mut();
        for report in spooled.chain(self.reports.try_iter()) {
            let report: HookReport = report;
            if !seen.contains(&report.id) {
                waiting.insert(report.id.clone(), report);
            }
        }
        let (id, report) = waiting.pop_first()?;
        seen.insert(id);
        Some(report)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path("home").join(name)).unwrap_or_default()
    }

    fn is_running(&self) -> bool {
        // A zombie has ended, too.
        let ps = self.command("ps").args(["-o", "state=", "-p", self.read("pid").trim()]).output();
        let state = String::from_utf8(ps.unwrap().stdout).unwrap();
        !matches!(state.trim().chars().next(), None | Some('Z'))
    }

    fn kill(&self, signal: &str) {
        let kill = self.command("kill").args([signal, self.read("pid").trim()]).output();
        assert!(kill.unwrap().status.success());
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

impl Pane<'_> {
    fn keys(&self, keys: &[&str]) {
        self.world.tmux(&[&["send-keys", "-t", &self.id], keys].concat());
    }

    fn line(&self, text: &str) {
        self.keys(&["-l", text]);
        self.keys(&["Enter"]);
    }

    fn screen(&self) -> String {
        let output = self.world.tmux(&["capture-pane", "-p", "-t", &self.id]);
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn format(&self, format: &str) -> String {
        let output = self.world.tmux(&["display-message", "-p", "-t", &self.id, format]);
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    #[track_caller]
    fn shows(&self, text: &str) {
        let shell = self.world.name();
        until(|| self.screen().contains(text), || format!("{shell}: {text}: {}", self.screen()));
    }

    /// What the hub is told next.
    #[track_caller]
    fn report(&self) -> Hook {
        let report = OnceCell::new();
        let has_come = || self.world.take_report().is_some_and(|it| report.set(it).is_ok());
        until(has_come, || format!("{}: no report: {}", self.world.name(), self.screen()));
        let report = report.into_inner().unwrap();
        assert_eq!((report.worker.as_str(), report.pane), ("w", self.id.parse::<PaneId>().ok()));
        report.hook
    }

    #[track_caller]
    fn exits(&self, exit: Exit) {
        let report = self.report();
        assert!(matches!(report, Hook::Exited { exit: it, .. } if it == exit), "{report:?}");
    }

    /// An agent that ends at once: two programs report, and the second may be the faster one.
    #[track_caller]
    fn starts_and_exits(&self, exit: Exit) {
        let both = [self.report(), self.report()];
        let exits = |it: &Hook| matches!(it, Hook::Exited { exit: it, .. } if *it == exit);
        assert!(both.contains(&Hook::Started) && both.iter().any(exits), "{both:?}");
    }

    /// A shell in the worktree takes commands, and its end is the window's.
    #[track_caller]
    fn leaves_a_shell(&self) {
        self.shows("; this is ");
        self.has_a_shell_in(&self.world.worktree());
        self.line("exit");
        self.is_gone();
    }

    #[track_caller]
    fn has_a_shell_in(&self, dir: &Path) {
        let shell = self.world.name();
        let file = self.world.path("home/pwd");
        self.line("pwd >~/pwd");
        let says_pwd = || fs::read_to_string(&file).is_ok_and(|it| Path::new(it.trim_end()) == dir);
        until(says_pwd, || format!("{shell}: {:?}: {}", self.world.read("pwd"), self.screen()));
    }

    #[track_caller]
    fn is_gone(&self) {
        let panes = || self.world.tmux(&["list-panes", "-a", "-F", "#{pane_id}"]).stdout;
        let is_there = || String::from_utf8(panes()).unwrap().lines().any(|it| it == self.id);
        until(|| !is_there(), || format!("{}: {}", self.world.name(), self.screen()));
        let none = self.world.take_report();
        assert!(none.is_none(), "{}: {none:?}", self.world.name());
    }
}

/// Takes reports as the hub does and passes them on.
fn hub(socket: &Path) -> Receiver<HookReport> {
    let (reported, reports) = mpsc::channel();
    let listener = UnixListener::bind(socket).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).split(b'\n');
            let hello: Hello = wire::decode(&lines.next().unwrap().unwrap()).unwrap();
            assert!(hello.is_understood());
            let request: Envelope = wire::decode(&lines.next().unwrap().unwrap()).unwrap();
            let Request::Hook(report) = request.request else { unreachable!("{request:?}") };
            let answer = Frame::Answer { id: request.id, answer: Answer::Done };
            let mut answers = wire::encode(&Hello::new(1)).unwrap();
            answers.extend(wire::encode(&answer).unwrap());
            // A reporter that is short of time does not wait for it.
            stream.write_all(&answers).unwrap_or_default();
            if reported.send(report).is_err() {
                return;
            }
        }
    });
    reports
}

#[track_caller]
fn until(is_so: impl Fn() -> bool, seen: impl Fn() -> String) {
    let deadline = Instant::now() + LIMIT;
    while !is_so() {
        assert!(Instant::now() < deadline, "{}", seen());
        thread::sleep(Duration::from_millis(20));
    }
}

/// Each shell in its own sandbox and thread.
fn in_each(shells: &[&str], test: impl Fn(&World) + Sync) {
    thread::scope(|scope| {
        let runs: Vec<_> = shells.iter().map(|it| scope.spawn(|| test(&World::new(it)))).collect();
        runs.into_iter().for_each(|run| run.join().unwrap());
    });
}

#[test]
fn an_agent_runs_in_the_worktree_and_its_shell_stays() {
    for (code, says) in [(0, "[wtmag] agent ended;"), (3, "[wtmag] agent exited (3);")] {
        in_each(&SHELLS, |world| {
            let pane = world.start(&["agent", "a b", "", "$(c)"]);
            assert_eq!(pane.report(), Hook::Started);
            pane.shows("UP");
            assert_eq!(Path::new(world.read("cwd").trim()), world.worktree());
            assert_eq!(world.read("args"), "a b,,$(c),");
            assert!(world.read("env").lines().any(|it| it == "ASKED=for it"));
            pane.line(&format!("exit {code}"));
            pane.exits(Exit::Code(code));
            pane.shows(says);
            pane.leaves_a_shell();
        });
    }
}

/// A program that was started from a terminal as usual ignores no signal and blocks none.
#[cfg(target_os = "linux")]
#[test]
fn agent_and_shell_get_their_signals() {
    // Numbers 32 and 33 are the C library's own.
    let is_usual = |status: &str| {
        let mask = |name| status.lines().find_map(|it: &str| it.strip_prefix(name)).unwrap();
        let bits = |name| u64::from_str_radix(mask(name).trim(), 16).unwrap() & !(3 << 31);
        assert_eq!((bits("SigBlk:"), bits("SigIgn:")), (0, 0), "{status}");
    };
    in_each(&SHELLS, |world| {
        let pane = world.start(&["cp", "/proc/self/status", "agent"]);
        pane.starts_and_exits(Exit::Code(0));
        pane.shows("this is a shell");
        pane.line("cp /proc/self/status shell; touch done");
        until(|| world.worktree().join("done").exists(), || pane.screen());
        for name in ["agent", "shell"] {
            is_usual(&fs::read_to_string(world.worktree().join(name)).unwrap());
        }
    });
}

#[test]
fn ctrl_c_in_cooked_mode_ends_the_agent_only() {
    in_each(&SHELLS, |world| {
        let pane = world.listening();
        pane.keys(&["C-c"]);
        pane.exits(Exit::Code(130));
        pane.shows("agent exited (130, SIGINT?)");
        pane.leaves_a_shell();
    });
}

#[test]
fn a_stopped_agent_comes_back_each_time() {
    in_each(&SHELLS, |world| {
        let pane = world.listening();
        for n in 1..=3 {
            pane.keys(&["C-z"]);
            pane.line(&format!("line {n}"));
            pane.shows(&format!("GOT line {n}"));
        }
        pane.line("stop");
        pane.shows("GOT stop");
        pane.line("exit 3");
        pane.exits(Exit::Code(3));
        pane.leaves_a_shell();
    });
}

#[test]
fn ctrl_c_after_ctrl_z_is_still_seen() {
    in_each(&SHELLS, |world| {
        let pane = world.listening();
        pane.keys(&["C-z"]);
        pane.line("back");
        pane.shows("GOT back");
        pane.keys(&["C-c"]);
        pane.exits(Exit::Code(130));
        pane.leaves_a_shell();
    });
}

#[test]
fn a_killed_agent_is_told_by_its_signal() {
    for (signal, code) in [("-KILL", 137), ("-INT", 130), ("-TERM", 143)] {
        in_each(&SHELLS, |world| {
            let pane = world.listening();
            world.kill(signal);
            pane.exits(Exit::Code(code));
            pane.leaves_a_shell();
        });
    }
}

#[test]
fn a_killed_tui_leaves_a_sane_terminal() {
    in_each(&SHELLS, |world| {
        let pane = world.start(&["tui"]);
        assert_eq!(pane.report(), Hook::Started);
        pane.shows("TUI");
        let modes = "#{alternate_on} #{mouse_any_flag} #{cursor_flag} #{keypad_cursor_flag} \
                     #{scroll_region_upper}";
        assert_eq!(pane.format(modes), "1 1 0 1 4");
        until(|| !world.read("pid").is_empty(), || "no pid".to_owned());
        world.kill("-KILL");
        pane.exits(Exit::Code(137));
        pane.shows("agent exited (137, SIGKILL?)");
        assert!(!pane.screen().contains("TUI"));
        pane.has_a_shell_in(&world.worktree());
        // What the shell itself switches on is its own business.
        let want = |it: &str| it.starts_with("0 0 1") && it.ends_with(" 0");
        until(|| want(&pane.format(modes)), || pane.format(modes));
        pane.keys(&["-l", "echoed-as-typed"]);
        pane.shows("echoed-as-typed");
        pane.keys(&["C-u"]);
        pane.leaves_a_shell();
    });
}

#[test]
fn the_last_words_of_an_agent_are_not_written_over() {
    let agent = r"printf '\033[?1049hTUI\033[?1049l'; echo first; echo last; exit 4";
    in_each(&["bash", "sh"], |world| {
        let pane = world.start(&["sh", "-c", agent]);
        pane.starts_and_exits(Exit::Code(4));
        pane.shows("first\nlast\n\n[wtmag] agent exited (4)");
        pane.leaves_a_shell();
    });
}

#[test]
fn what_the_agent_did_not_read_is_not_run_by_the_shell() {
    in_each(&SHELLS, |world| {
        let pane = world.start(&["sh", "-c", "echo $$ >~/pid; echo UP; exec sleep 1000"]);
        assert_eq!(pane.report(), Hook::Started);
        pane.shows("UP");
        pane.line("touch ~/harm");
        pane.shows("touch ~/harm");
        world.kill("-KILL");
        pane.exits(Exit::Code(137));
        pane.leaves_a_shell();
        assert!(!world.path("home/harm").exists());
    });
}

#[test]
fn a_start_up_file_that_asks_is_answered_first() {
    in_each(&SHELLS, |world| {
        let ask = match world.name() {
            "fish" => "if not test -e ~/asked; touch ~/asked; echo 'sure?'; read answer; end",
            _ => "test -e ~/asked || { touch ~/asked; echo 'sure?'; read answer; }",
        };
        world.rc(ask);
        let pane = world.start(&["agent"]);
        pane.shows("sure?");
        assert_eq!(world.take_report(), None, "{}: {}", world.name(), pane.screen());
        pane.line("yes");
        assert_eq!(pane.report(), Hook::Started);
        pane.shows("UP");
        pane.line("exit 0");
        pane.exits(Exit::Code(0));
        pane.leaves_a_shell();
    });
}

#[test]
fn a_start_up_file_that_goes_elsewhere_or_takes_long_changes_nothing() {
    in_each(&SHELLS, |world| {
        world.rc("cd /; sleep 3");
        let pane = world.listening();
        assert_eq!(Path::new(world.read("cwd").trim()), world.worktree());
        pane.line("exit 3");
        pane.exits(Exit::Code(3));
        pane.shows("this is a shell");
        pane.has_a_shell_in(Path::new("/"));
        pane.line("exit");
        pane.is_gone();
    });
}

#[test]
fn a_start_up_file_that_starts_another_shell_leaves_that_one_in_the_worktree() {
    in_each(&SHELLS, |world| {
        world.rc("exec /bin/sh -i");
        let pane = world.start(&["agent"]);
        pane.has_a_shell_in(&world.worktree());
        pane.line("exit");
        pane.exits(Exit::Code(0));
        pane.is_gone();
    });
}

#[test]
fn a_start_up_file_that_ends_the_shell_leaves_a_plain_one() {
    // In fish `exit` only ends the file.
    in_each(&["bash", "zsh", "sh"], |world| {
        world.rc("exit 5");
        let pane = world.start(&["agent"]);
        pane.exits(Exit::Code(5));
        pane.shows("the shell ended (5) before the agent was started; this is /bin/sh");
        pane.leaves_a_shell();
    });
}

#[test]
fn options_of_the_start_up_files_do_not_matter() {
    let bash = "set -eu; set -o noclobber -o pipefail; shopt -s failglob; IFS=c";
    let zsh = "setopt ERR_EXIT NO_UNSET NO_CLOBBER RC_QUOTES GLOB_SUBST SH_WORD_SPLIT KSH_ARRAYS \
               NO_MATCH BANG_HIST; IFS=c";
    for (shell, rc) in [("bash", bash), ("zsh", zsh), ("sh", "set -eu; set -C; IFS=c")] {
        in_each(&[shell], |world| {
            world.rc(rc);
            let pane = world.start(&["agent", "it''s", "a*"]);
            assert_eq!(pane.report(), Hook::Started, "{}", pane.screen());
            pane.shows("UP");
            assert_eq!(world.read("args"), "it''s,a*,");
            pane.keys(&["C-z"]);
            pane.line("back");
            pane.shows("GOT back");
            pane.line("exit 3");
            pane.exits(Exit::Code(3));
            // With ERR_EXIT an error would be the end of this shell, too; that is the user's wish.
            pane.leaves_a_shell();
        });
    }
}

#[test]
fn aliases_of_what_the_line_says_do_not_matter() {
    let names = ["cd", "fg", "jobs", "kill", "exit", "test", "trap", "return", "export"];
    for shell in ["bash", "zsh", "fish"] {
        in_each(&[shell], |world| {
            let aliases = names.map(|it| format!("alias {it}='touch ~/harm; false'"));
            if shell == "fish" {
                world.rc("function cd; touch ~/harm; end; function kill; touch ~/harm; end");
            } else {
                world.rc(&aliases.join("\n"));
            }
            let pane = world.listening();
            assert_eq!(Path::new(world.read("cwd").trim()), world.worktree());
            pane.keys(&["C-z"]);
            pane.line("back");
            pane.shows("GOT back");
            assert!(!world.path("home/harm").exists());
            pane.line("exit 3");
            pane.exits(Exit::Code(3));
        });
    }
}

#[test]
fn an_alias_or_a_function_is_an_agent() {
    in_each(&SHELLS, |world| {
        world.rc("alias mine='agent \"from alias\"'");
        let pane = world.start(&["mine", "x y"]);
        assert_eq!(pane.report(), Hook::Started);
        pane.shows("UP");
        assert_eq!(world.read("args"), "from alias,x y,");
        pane.line("exit 3");
        pane.exits(Exit::Code(3));
        pane.leaves_a_shell();
    });
    in_each(&SHELLS, |world| {
        match world.name() {
            "fish" => world.rc("function mine; agent function $argv; end"),
            _ => world.rc("mine() { agent function \"$@\"; }"),
        }
        let pane = world.start(&["mine", "x y"]);
        assert_eq!(pane.report(), Hook::Started);
        pane.shows("UP");
        assert_eq!(world.read("args"), "function,x y,");
        pane.keys(&["C-z"]);
        pane.line("back");
        pane.shows("GOT back");
        pane.keys(&["C-c"]);
        pane.exits(Exit::Code(130));
        pane.leaves_a_shell();
    });
}

#[test]
fn a_missing_agent_is_told_as_the_shell_tells_it() {
    in_each(&SHELLS, |world| {
        let pane = world.start(&["no-such-agent", "x"]);
        pane.starts_and_exits(Exit::Code(127));
        pane.shows("no-such-agent");
        pane.shows("agent exited (127)");
        pane.leaves_a_shell();
    });
}

#[test]
fn a_shell_that_is_killed_takes_the_agent_with_it() {
    in_each(&SHELLS, |world| {
        let pane = world.listening();
        let shell = world.command("ps").args(["-o", "ppid=", world.read("pid").trim()]).output();
        let shell = String::from_utf8(shell.unwrap().stdout).unwrap();
        world.command("kill").args(["-KILL", shell.trim()]).output().unwrap();
        pane.exits(Exit::Signal(9));
        pane.shows("agent exited (SIGKILL)");
        until(|| !world.is_running(), || "the agent still runs".to_owned());
        pane.leaves_a_shell();
    });
}

#[test]
fn a_closed_window_ends_the_agent() {
    in_each(&SHELLS, |world| {
        let pane = world.listening();
        world.tmux(&["kill-pane", "-t", &pane.id]);
        until(|| !world.is_running(), || "the agent still runs".to_owned());
        pane.is_gone();
    });
}

#[test]
fn ending_the_panes_process_ends_the_agent_and_the_window() {
    in_each(&SHELLS, |world| {
        let pane = world.listening();
        let pid = pane.format("#{pane_pid}");
        world.command("kill").args(["-TERM", &pid]).output().unwrap();
        pane.is_gone();
        until(|| !world.is_running(), || "the agent still runs".to_owned());
    });
}

#[test]
fn an_unknown_shell_is_left_out_and_come_back_to() {
    let mut world = World::new("bash");
    let odd = world.path("bin/oddsh");
    let text = "#!/bin/sh\n[ $# = 0 ] || exit 1\necho ODD\nexec sh -i\n";
    fs::write(&odd, text).unwrap();
    fs::set_permissions(&odd, fs::Permissions::from_mode(0o755)).unwrap();
    world.shell = odd;
    world.rc("");
    let pane = world.listening();
    pane.line("exit 3");
    pane.exits(Exit::Code(3));
    pane.shows("ODD");
    pane.leaves_a_shell();
}

#[test]
fn a_worktree_that_is_gone_leaves_a_shell_elsewhere() {
    in_each(&["bash", "fish"], |world| {
        let pane = world.listening();
        fs::remove_dir(world.worktree()).unwrap();
        pane.line("exit 0");
        pane.exits(Exit::Code(0));
        pane.shows("this is a shell");
        pane.has_a_shell_in(Path::new("/"));
    });
    in_each(&["bash"], |world| {
        fs::remove_dir(world.worktree()).unwrap();
        let pane = world.start(&["agent"]);
        pane.exits(Exit::Code(127));
        pane.shows("this is /bin/sh");
        pane.has_a_shell_in(Path::new("/"));
    });
}

#[test]
fn without_a_hub_reports_wait_in_the_spool() {
    in_each(&["bash"], |world| {
        fs::remove_file(world.path("hub.sock")).unwrap();
        let pane = world.start(&["sh", "-c", "exit 3"]);
        pane.shows("agent exited (3)");
        let mut files: Vec<_> =
            fs::read_dir(world.path("spool")).unwrap().map(|it| it.unwrap().path()).collect();
        files.sort();
        let hooks = files.iter().map(|file| {
            assert!(file.to_str().unwrap().ends_with(".json"), "{}", file.display());
            let text = fs::read_to_string(file).unwrap();
            let report: HookReport = serde_json::from_str(&text).unwrap();
            assert_eq!(report.pane, pane.id.parse().ok());
            assert!(text.ends_with("}\n") && file.to_str().unwrap().contains(&report.id));
            report.hook
        });
        assert_eq!(
            hooks.collect::<Vec<_>>(),
            [Hook::Started, Hook::Exited { exit: Exit::Code(3), started: true }]
        );
    });
}

#[test]
fn a_report_that_is_answered_in_time_leaves_nothing_behind() {
    let world = World::new("sh");
    let n_files = || fs::read_dir(world.path("spool")).unwrap().count();
    let leaves_nothing = || {
        let before = n_files();
        let to = [world.path("spool"), world.path("hub.sock")];
        let worker = "w".parse().unwrap();
        let reached = report(&to[0], &to[1], &worker, None, Hook::Started);
        assert_eq!(world.reports.recv_timeout(LIMIT).unwrap().hook, Hook::Started);
        assert_eq!(reached == Reached::Hub, n_files() == before);
        reached == Reached::Hub
    };
    // On a busy machine an answer may take longer than a reporter waits.
    until(leaves_nothing, || format!("{} files", n_files()));
}

#[test]
fn a_hub_that_does_not_answer_delays_no_agent() {
    let world = World::new("sh");
    let _stopped = UnixListener::bind(world.path("stopped.sock")).unwrap();
    let started = Instant::now();
    let mut hook = world.command(WTMAG);
    hook.args(["hook", "started", "--worker", "w", "--spool"]).arg(world.path("spool"));
    let output = hook.arg("--socket").arg(world.path("stopped.sock")).output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty());
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert_eq!(fs::read_dir(world.path("spool")).unwrap().count(), 1);
}

/// Arguments that have harmed others, and any bytes but NUL.
fn hostile() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let pieces = [
        "",
        "'",
        "''",
        "'''",
        "\"",
        "\\",
        "\\'",
        "\n",
        "\r",
        "\t",
        "$(touch harm)",
        "`touch harm`",
        "${x}",
        "$x",
        "!",
        "!!",
        "*",
        "?",
        "[a]",
        "~",
        "~/x",
        "-",
        "--",
        "-n",
        "=ls",
        ";",
        "&",
        "|",
        "#",
        "(",
        ")",
        "{a,b}",
        "<",
        ">",
        "^",
        "%1",
        "\u{1b}[31m",
        "ünï",
        "日本",
        "🦀",
        " ",
        "a",
    ];
    let piece = prop_oneof![
        4 => proptest::sample::select(pieces.to_vec()).prop_map(|it| it.as_bytes().to_vec()),
        1 => vec(1..=255_u8, 1..4),
    ];
    vec(vec(piece, 0..6).prop_map(|it| it.concat()), 1..6)
}

#[test]
fn arguments_arrive_byte_for_byte() {
    in_each(&SHELLS, |world| {
        let config = Config { cases: 40, failure_persistence: None, ..Config::default() };
        let done = TestRunner::new(config).run(&hostile(), |args| {
            let command = ["/usr/bin/printf", r"%s\0"].map(OsString::from).into_iter();
            let agent: Vec<_> =
                command.chain(args.iter().cloned().map(OsString::from_vec)).collect();
            let launch = launch(
                &world.shell,
                &Parts {
                    worktree: &world.worktree(),
                    agent: &agent,
                    started: &["true".into()],
                    pid: NO_PID,
                },
            );
            let mut shell = world.command(launch.program.to_str().unwrap());
            let output = shell.args(launch.args).output().unwrap();
            let want: Vec<u8> = args.iter().flat_map(|it| it.iter().copied().chain([0])).collect();
            prop_assert_eq!(&output.stdout, &want, "{:?}", output);
            Ok(())
        });
        done.unwrap_or_else(|err| panic!("{}: {err}", world.name()));
        assert!(!world.path("harm").exists() && !world.worktree().join("harm").exists());
    });
}
