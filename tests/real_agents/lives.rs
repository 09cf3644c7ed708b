//! How agents end: told to by a human, or killed.
use super::{
    agent::{CLAUDE, Kind, PI, for_each_agent},
    desk::{Desk, SOON, Setup, Worker},
};
use crate::support::eventually;

for_each_agent! {
    an_agent_that_is_told_to_leave_is_exited,
    an_agent_that_is_killed_is_exited_with_its_signal,
}

fn an_agent_that_is_told_to_leave_is_exited(kind: &'static Kind) {
    for no_hooks in [false, true] {
        let desk = Desk::new(kind, Setup { trusted: true, no_hooks, ..Setup::default() });
        let worker = desk.settled("one");
        tell_to_leave(&desk, &worker, kind.quit);
        assert_eq!(word(&desk, &worker), "exited(0)", "{}", desk.account(&worker));
    }
}

fn an_agent_that_is_killed_is_exited_with_its_signal(kind: &'static Kind) {
    for no_hooks in [false, true] {
        let desk = Desk::new(kind, Setup { trusted: true, no_hooks, ..Setup::default() });
        let worker = desk.settled("one");
        desk.send(&worker, "SLOW please");
        kill(&desk, &worker);
        desk.wait(&worker, "exited");
        assert!(word(&desk, &worker).contains("SIGKILL"), "{}", desk.account(&worker));
        // The shell that is there now has taken nothing for a command.
        assert!(!desk.capture(&worker).contains("command not found"), "{}", desk.account(&worker));
    }
}

/// Kills what has the terminal.
pub(super) fn kill(desk: &Desk, worker: &Worker) {
    let kill = "pid=$(ps -o tpgid= -t \"$0\" | sort -n | tail -1); kill -9 \"-$((pid))\"";
    let tty = desk.sandbox.tmux().show(&worker.pane, "#{pane_tty}");
    let tty = tty.trim_start_matches("/dev/");
    desk.sandbox.run("sh").args(["-c", kill, tty]).run().success();
}

/// Presses again if it was not heard: an agent whose hook has said that the turn is over may still
/// be about to end it, and takes the key for the turn's.
pub(super) fn tell_to_leave(desk: &Desk, worker: &Worker, keys: &[&str]) {
    const TRIES: usize = 4;
    let until_exited = ["wait", &worker.id, "--until", "exited", "--timeout", "10s"];
    let left = (0..TRIES).any(|_| {
        desk.press(worker, keys);
        desk.wtmag(&until_exited).run().code == 0
    });
    assert!(left, "does not leave\n{}", desk.account(worker));
}

pub(super) fn word(desk: &Desk, worker: &Worker) -> String {
    let show = desk.wtmag(&["show", "--json", &worker.id]).run().json();
    show["worker"]["state"]["text"].as_str().unwrap().to_owned()
}

/// A user who wants its list of sessions: `←` in an empty box hands the session to claude's daemon.
#[test]
fn a_session_that_claude_moved_to_its_daemon_keeps_its_worktree() {
    const WITH_DAEMON: Kind = Kind { daemon: Some("claude"), ..CLAUDE };
    let desk = Desk::new(&WITH_DAEMON, Setup { trusted: true, no_hooks: true, ..Setup::default() });
    let script = desk.sandbox.path("agents/claude");
    let text = std::fs::read_to_string(&script).unwrap();
    let text = text.replace("\nexec ", "\nunset CLAUDE_CODE_DISABLE_AGENT_VIEW\nexec ");
    desk.sandbox.put_executable("agents/claude", &text);
    let worker = desk.settled("one");
    desk.press(&worker, &["Left"]);
    desk.wait(&worker, "blocked");
    // No text reaches the box of its list, which would start another session.
    let args = ["send", "--wait", "--timeout", "2s", "--", &worker.id, "Not for a new session"];
    let held = desk.wtmag(&args).run();
    assert_eq!(held.code, 4, "{held}\n{}", desk.account(&worker));
    let refused = desk.wtmag(&["cleanup", &worker.id]).run();
    assert_ne!(refused.code, 0, "{refused}");
    assert!(refused.stderr.contains("claude") && refused.stderr.contains("process"), "{refused}");
    assert!(worker.dir.exists(), "{refused}");
    desk.sandbox.tmux().run(["kill-pane", "-t", &worker.pane]);
    desk.wait(&worker, "lost");
    let refused = desk.wtmag(&["cleanup", &worker.id]).run();
    assert_ne!(refused.code, 0, "{refused}");
    let resumed = desk.wtmag(&["resume", &worker.id]).run();
    let said = format!("{}{}", resumed.stdout, resumed.stderr);
    assert!(said.contains("already at work in the worktree"), "{resumed}");
    assert!(!desk.prompts().iter().any(|it| it.contains("Not for a new")), "{:?}", desk.prompts());
}

/// In the alternate screen, which is its default since 1.0, and without it.
#[test]
fn pi_is_driven_in_both_of_its_screens() {
    const REGULAR: Kind = Kind { args: &["--tui-mode", "regular"], ..PI };
    const FULL: Kind = Kind { args: &["--tui-mode", "fullscreen"], ..PI };
    for (kind, alternate) in [(&FULL, "1"), (&REGULAR, "0")] {
        let desk = Desk::new(kind, Setup { trusted: true, ..Setup::default() });
        let worker = desk.settled("one");
        assert_eq!(desk.sandbox.tmux().show(&worker.pane, "#{alternate_on}"), alternate);
        desk.send(&worker, "one more");
        desk.wait(&worker, "idle");
        desk.press(&worker, &["h", "i"]);
        desk.wait(&worker, "draft");
        let args = ["send", "--wait", "--timeout", "2s", "--", &worker.id, "after the draft"];
        assert_eq!(desk.wtmag(&args).run().code, 4, "{}", desk.account(&worker));
        desk.press(&worker, &["BSpace", "BSpace"]);
        let told = || desk.prompts().iter().any(|it| it == "after the draft").then_some(());
        eventually(SOON, "the text", told);
        desk.wait(&worker, "idle");
        super::turns::begin_slow_turn(&desk, &worker);
        desk.press(&worker, kind.stop);
        desk.wait(&worker, "idle");
        tell_to_leave(&desk, &worker, kind.quit);
        assert_eq!(word(&desk, &worker), "exited(0)", "{}", desk.account(&worker));
    }
}
