//! What is said between people and agents beside the box: answers in dialogs, and what an agent wrote down.
use serde_json::Value;

use super::{
    agent::{CLAUDE, CODEX, Kind, PI},
    desk::{Desk, SOON, Setup},
};
use crate::support::eventually;

#[test]
fn what_claude_said_is_read_from_its_own_file() {
    what_it_said_is_read_from_its_own_file(&CLAUDE);
}

#[test]
fn what_codex_said_is_read_from_its_own_file() {
    what_it_said_is_read_from_its_own_file(&CODEX);
}

#[test]
fn what_pi_said_is_read_from_its_own_file() {
    what_it_said_is_read_from_its_own_file(&PI);
}

/// With hooks by its session, without them by its worktree.
fn what_it_said_is_read_from_its_own_file(kind: &'static Kind) {
    for no_hooks in [false, true] {
        println!("hooks: {}", !no_hooks);
        let desk = Desk::new(kind, Setup { trusted: true, no_hooks, ..Setup::default() });
        let worker = desk.settled("one");
        for text in ["one please", "two please"] {
            desk.send(&worker, text);
            desk.wait(&worker, "idle");
        }
        let said = || -> Vec<(String, String)> {
            let said = desk.wtmag(&["said", &worker.id, "--turns", "2", "--json"]).run().json();
            let field = |it: &Value, name: &str| it[name].as_str().unwrap().to_owned();
            said.as_array()
                .unwrap()
                .iter()
                .map(|it| (field(it, "from"), field(it, "text")))
                .collect()
        };
        let want = ["Stub reply to: 'one please'", "Stub reply to: 'two please'"];
        // At once, whether it is written down yet or only told by a hook.
        let texts: Vec<_> = said().into_iter().map(|it| it.1).collect();
        assert_eq!(texts, want, "{}", desk.account(&worker));
        eventually(SOON, "both replies in its own file", || {
            let said = said();
            said.iter()
                .map(|it| (it.0.as_str(), it.1.as_str()))
                .eq(want.map(|it| ("transcript", it)))
                .then_some(())
        });
    }
}

#[test]
fn claude_is_answered_in_the_users_own_words() {
    let setup = Setup { trusted: true, block: "\n[answer]\nagents = true\n", ..Setup::default() };
    let desk = Desk::new(&CLAUDE, setup);
    let worker = desk.settled("one");
    let answer = |words: &[&str]| {
        let ran = desk.wtmag(&[&["answer", &worker.id], words].concat()).run();
        assert_eq!(ran.code, 0, "{ran}\n{}", desk.account(&worker));
    };
    let has_heard = |text: &str| {
        let requests = desk.requests();
        let mut results = requests.iter().filter_map(|it| it["result"].as_str());
        results.any(|it| it.contains(text)).then_some(())
    };
    desk.send(&worker, "TOOLASK please");
    desk.wait(&worker, "waiting");
    // The hook that asks does not name this entry: the dialog is waited for.
    answer(&["--text", "Green, as on the old page"]);
    desk.wait(&worker, "idle");
    eventually(SOON, "the words at the provider", || has_heard("Green, as on the old page"));
}
