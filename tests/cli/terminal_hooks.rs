//! WorkTrunk's hooks that ask: they have the terminal of the command, if it has one. Real tmux, real `wt`.
use std::path::PathBuf;

use super::desk::{Desk, SOON};
use crate::support::{eventually, poll};

const WTMAG: &str = env!("CARGO_BIN_EXE_wtmag");
const WT: &str = "[worktree]\nbackend = \"wt\"\n";

/// A desk whose pane has a shell in the repository.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.config(WT);
    let path = std::env::var_os("PATH").unwrap();
    let own = desk.sandbox.path("bin");
    let (own, path, dir) = (own.display(), path.display(), desk.dir.display());
    type_in(&desk, &format!("export PATH='{own}:{path}' PS1='$ '; cd {dir} && clear"));
    desk
}

fn type_in(desk: &Desk, text: &str) {
    desk.sandbox.tmux().run(["send-keys", "-t", &desk.pane, text, "Enter"]);
}

/// Starts `wtmag` at the terminal; the end is a line `code N`.
fn at_terminal(desk: &Desk, args: &str) {
    type_in(desk, &format!("clear; {WTMAG} {args}; echo code $?"));
}

#[track_caller]
fn wait_for(desk: &Desk, text: &str) -> String {
    let capture = || desk.sandbox.tmux().run(["capture-pane", "-pJ", "-t", &desk.pane]);
    let is_it = |line: &str| line.contains(text) && !line.contains("echo code");
    let found = poll(SOON, || Some(capture()).filter(|it| it.lines().any(is_it)));
    found.unwrap_or_else(|| panic!("no `{text}` on the terminal:\n{}", capture()))
}

/// The repository's own hooks, on its main branch.
fn project_hooks(desk: &Desk, text: &str) {
    desk.sandbox.put(desk.dir.join(".config/wt.toml"), text);
    desk.git(&["add", "--all"]);
    desk.git(&["commit", "--quiet", "-m", "Hooks"]);
    desk.git(&["push", "--quiet", "origin", "main"]);
}

/// A hook that asks, and then writes the answer to this file if it has a whole terminal.
fn asks(desk: &Desk, what: &str) -> (String, PathBuf) {
    let mark = desk.sandbox.path(format!("answer-{what}"));
    let path = mark.display();
    let script = format!(
        "printf '{what}? '; read -r it && test -t 0 && test -t 1 && test -t 2 && echo $it >{path}"
    );
    (script, mark)
}

fn answer(mark: &PathBuf) -> String {
    std::fs::read_to_string(mark).unwrap_or_default().trim().to_owned()
}

/// A worker at rest with a commit.
fn worker(desk: &Desk, name: &str) -> (String, PathBuf) {
    let id = desk.worker(name);
    desk.wait_for_state(&id, "idle");
    let dir = PathBuf::from(desk.wtmag(&["path", &id]).success().trim());
    desk.sandbox.put(dir.join(format!("{name}.txt")), name);
    let git = |args: &[&str]| desk.sandbox.run("git").cwd(&dir).args(args).run().success();
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "-m", name]);
    (id, dir)
}

#[test]
fn a_hook_of_a_landing_asks_at_the_terminal_and_without_approval_nothing_lands() {
    let desk = desk();
    let (script, mark) = asks(&desk, "release");
    project_hooks(&desk, &format!("pre-merge = \"{script}\"\n"));
    let (id, dir) = worker(&desk, "a");
    let state = || {
        let status = desk.sandbox.run("git").cwd(&dir).args(["status", "--porcelain"]).run();
        format!("{}{}{}", desk.traces(), desk.git(&["status", "--porcelain"]), status.stdout)
    };
    let before = state();
    at_terminal(&desk, &format!("land {id}"));
    let screen = wait_for(&desk, "[y/N]");
    assert!(screen.contains("read -r it"), "{screen}");
    type_in(&desk, "n");
    let screen = wait_for(&desk, "code 1");
    assert!(screen.contains("the project's pre-merge hooks are not approved"), "{screen}");
    assert!(screen.contains("nothing was changed"), "{screen}");
    assert_eq!(state(), before);
    at_terminal(&desk, &format!("land {id}"));
    wait_for(&desk, "[y/N]");
    type_in(&desk, "y");
    wait_for(&desk, "release?");
    type_in(&desk, "two");
    wait_for(&desk, "code 0");
    assert_eq!(answer(&mark), "two");
    assert_eq!(desk.git(&["show", "main:a.txt"]), "a");
}

#[test]
fn a_hook_of_a_new_worktree_asks_at_the_terminal_and_is_named_without_one() {
    let desk = desk();
    let (script, mark) = asks(&desk, "login");
    desk.sandbox.put("config/worktrunk/config.toml", format!("pre-start = \"{script}\"\n"));
    let before = desk.traces();
    let said = desk.wtmag(&["create", "x", "--name", "a"]).failure(1);
    assert!(said.contains("a pre-start hook failed") && said.contains("in a terminal"), "{said}");
    assert_eq!(desk.traces(), before);
    // Ctrl-C at its question ends all of it.
    at_terminal(&desk, "create x --name a --agent late --no-wait");
    wait_for(&desk, "login?");
    desk.sandbox.tmux().run(["send-keys", "-t", &desk.pane, "C-c"]);
    wait_for(&desk, "code 130");
    assert_eq!(desk.traces(), before);
    at_terminal(&desk, "create x --name a --agent late --no-wait");
    wait_for(&desk, "login?");
    type_in(&desk, "me");
    wait_for(&desk, "code 0");
    assert_eq!(answer(&mark), "me");
    // The terminal is as it was: what is typed is shown.
    type_in(&desk, "clear; echo $((40+2)) again");
    wait_for(&desk, "42 again");
}

#[test]
fn hooks_that_run_without_a_terminal_are_asked_about_before() {
    let desk = desk();
    let (removed, started) = (desk.sandbox.path("removed"), desk.sandbox.path("started"));
    project_hooks(
        &desk,
        &format!(
            "pre-start = \"touch {}\"\npre-remove = \"touch {}\"\n",
            started.display(),
            removed.display()
        ),
    );
    // A run cannot ask later.
    let said = desk.wtmag(&["run", "x", "--agent", "late"]).failure(1);
    assert!(said.contains("the project's pre-start hooks are not approved"), "{said}");
    assert!(said.contains("wt config approvals add") && said.contains("touch"), "{said}");
    assert_eq!(desk.wtmag(&["run", "list", "--json"]).json(), serde_json::json!([]));
    let made = desk.wtmag(&["create", "x", "--name", "a", "--no-hooks", "--json"]).json();
    let id = made["worker"]["id"].as_str().unwrap().to_owned();
    desk.wait_for_state(&id, "idle");
    // The hub runs the hooks of a removal.
    at_terminal(&desk, &format!("cleanup {id}"));
    wait_for(&desk, "[y/N]");
    type_in(&desk, "y");
    wait_for(&desk, "code 0");
    assert!(removed.exists() && !started.exists());
    // All of the project's commands are approved now.
    desk.wtmag(&["run", "x", "--agent", "late", "--json"]).json();
    eventually(SOON, "the hook of the run's worker", || started.exists().then_some(()));
}
