//! How agents end: told to by a human, or killed.
use super::{
    agent::{Kind, for_each_agent},
    desk::{Desk, Setup, Worker},
};

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
