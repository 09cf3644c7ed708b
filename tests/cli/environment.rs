//! An agent's environment: its caller's keys, and the variables of its session.
use std::collections::BTreeMap;

use super::desk::Desk;

/// Where the agent of keys listens: one of the names that tmux hands on from clients to sessions.
const KEYS: &str = "SSH_AUTH_SOCK";

/// Means something else to every shell, to tmux and to its control mode.
const MARK: &str = "it's \"two\"\nlines; $HOME `id` \\ #{pane_id} ünï";

/// A desk whose windows run `shell`, with an agent that writes its environment down before it is the usual one.
fn desk(shell: &str) -> Desk {
    let desk = Desk::new();
    let path = desk.sandbox.run("sh").args(["-c", &format!("command -v {shell}")]).run().success();
    desk.sandbox.tmux().run(["set-option", "-g", "default-shell", path.trim()]);
    let (told, agent) = (desk.sandbox.path("run/told"), desk.sandbox.fake_agent());
    let script = format!(
        "#!/bin/sh\nSTARTED_BY=$(basename \"$(ps -o comm= -p $PPID)\") env -0 >{}\nexec {}\n",
        told.display(),
        agent.display()
    );
    let teller = desk.sandbox.put_program("teller", &script).display().to_string();
    let block = format!("[agents.teller]\ncommand = \"{teller}\"\nprofile = \"fake\"\n");
    desk.config(&(block + "delivery = \"ready\"\n"));
    desk
}

/// The environment of the agent of a new worker, whose caller has these variables.
#[track_caller]
fn environment(desk: &Desk, args: &[&str], caller: &[(&str, &str)]) -> BTreeMap<String, String> {
    let create = ["create", "--prompt", "x", "--agent", "teller", "--json"];
    let run = desk.run(&[&create[..], args].concat());
    let made = caller.iter().fold(run, |run, (name, value)| run.env(name, value)).run().json();
    assert_eq!(made["outcome"], "accepted", "{made}");
    let told = std::fs::read_to_string(desk.sandbox.path("run/told")).unwrap();
    let vars = told.split_terminator('\0').filter_map(|it| it.split_once('='));
    vars.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn check_window(shell: &str) {
    let desk = desk(shell);
    for (name, value) in [("MARK", MARK), (KEYS, "/of/the/session")] {
        desk.sandbox.tmux().run(["set-environment", "-t", "=main", name, value]);
    }
    let caller = [(KEYS, "/of/the caller's"), ("SECRET", "x")];
    let env = environment(&desk, &["-w", "--name", "one"], &caller);
    assert_eq!(env["STARTED_BY"], shell);
    assert_eq!(env["WTMAG_WORKER"], "blog-one");
    assert_eq!(env["MARK"], MARK);
    assert_eq!(env[KEYS], "/of/the caller's");
    assert_eq!(env.get("SECRET"), None, "only what tmux hands on, too");
    // A caller who has none, such as a job, does not take away what the session has.
    let env = environment(&desk, &["-w", "--name", "other"], &[]);
    assert_eq!((&*env[KEYS], &*env["MARK"]), ("/of/the/session", MARK));
}

#[test]
fn an_agent_in_a_window_has_its_callers_keys_and_its_sessions_variables_in_bash() {
    check_window("bash");
}

#[test]
fn an_agent_in_a_window_has_its_callers_keys_and_its_sessions_variables_in_zsh() {
    check_window("zsh");
}

#[test]
fn an_agent_in_a_window_has_its_callers_keys_and_its_sessions_variables_in_fish() {
    check_window("fish");
}

#[test]
fn an_agent_in_a_session_of_its_own_has_its_callers_keys_and_so_has_the_session() {
    let desk = desk("bash");
    let tmux = desk.sandbox.tmux();
    tmux.run(["set-environment", "-g", "MARK", MARK]);
    tmux.run(["set-environment", "-t", "=main", KEYS, "/of/the/session"]);
    let env = environment(&desk, &["-s", "--name", "one"], &[(KEYS, "/of/the caller's")]);
    assert_eq!((&*env["STARTED_BY"], &*env["WTMAG_WORKER"]), ("bash", "blog-one"));
    assert_eq!((&*env[KEYS], &*env["MARK"]), ("/of/the caller's", MARK));
    // New windows beside the agent have them, too.
    let shown = tmux.run(["show-environment", "-t", "=blog-one", KEYS]);
    assert_eq!(shown, format!("{KEYS}=/of/the caller's"));
}
