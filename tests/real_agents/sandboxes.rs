//! What an agent can do from inside its own sandbox: read the brief, commit, tell the hub.
use std::path::Path;

use super::{
    agent::{CLAUDE, CODEX, Kind, OPENCODE, PI, for_each_agent},
    desk::{Desk, LONG, SOON, Setup, Worker},
};
use crate::support::{eventually, poll};

for_each_agent! {
    the_brief_is_read_although_git_ignores_it,
    work_is_committed_in_a_linked_worktree,
    a_command_of_the_agent_reaches_the_hub,
}

fn trusted(kind: &'static Kind) -> (Desk, Worker) {
    let desk = Desk::new(kind, Setup { trusted: true, ..Setup::default() });
    let worker = desk.settled("one");
    (desk, worker)
}

fn the_brief_is_read_although_git_ignores_it(kind: &'static Kind) {
    let (desk, worker) = trusted(kind);
    let brief = std::fs::read_to_string(worker.dir.join(".wtmag/prompt.md")).unwrap();
    assert!(brief.contains("Look around"), "{brief}");
    let status = desk.sandbox.run("git").args(["status", "--porcelain"]).cwd(&worker.dir);
    assert_eq!(status.run().success(), "");
    desk.send(&worker, &format!("TOOLREAD DIR={}", worker.dir.display()));
    let has_read = || {
        let requests = desk.requests();
        let mut results = requests.iter().filter_map(|it| it["result"].as_str());
        results.any(|it| it.contains("Look around")).then_some(())
    };
    assert!(poll(SOON, has_read).is_some(), "{}", desk.account(&worker));
    desk.wait(&worker, "idle");
}

fn work_is_committed_in_a_linked_worktree(kind: &'static Kind) {
    let (desk, worker) = trusted(kind);
    let command = "touch new.txt && git add new.txt && git commit -qm from-the-agent";
    run_by_agent(&desk, &worker, command);
    let log = desk.sandbox.run("git").args(["log", "--format=%s", "-1", "one"]).cwd(&desk.repo);
    assert_eq!(log.run().success().trim(), "from-the-agent", "{}", desk.account(&worker));
}

fn a_command_of_the_agent_reaches_the_hub(kind: &'static Kind) {
    let (desk, worker) = trusted(kind);
    let payload = match kind.name {
        "claude" => r#"{"hook_event_name":"Stop","last_assistant_message":"from inside"}"#,
        "codex" => r#"{"type":"agent-turn-complete","last-assistant-message":"from inside"}"#,
        _ => r#"{"event":"ended","message":"from inside"}"#,
    };
    let wtmag = Path::new(env!("CARGO_BIN_EXE_wtmag")).display();
    let command = match kind.name {
        "codex" => format!("{wtmag} hook codex '{payload}'"),
        name => format!("echo '{payload}' | {wtmag} hook {name}"),
    };
    run_by_agent(&desk, &worker, &command);
    let heard = || desk.events(&worker).iter().any(|it| it["text"] == "from inside").then_some(());
    assert!(poll(SOON, heard).is_some(), "{}", desk.account(&worker));
}

/// Lets the agent run this, with the leave of a human where it asks for it.
fn run_by_agent(desk: &Desk, worker: &Worker, command: &str) {
    desk.send(worker, &format!("TOOLRUN `{command}`"));
    let mut answered = false;
    let over = || {
        let show = desk.wtmag(&["show", "--json", &worker.id]).run().json();
        let turn = &show["worker"]["state"]["text"];
        let asks = desk.kind.asks.is_some_and(|(_, text)| desk.capture(worker).contains(text));
        if !answered && turn == "waiting: permission" && asks {
            desk.press(worker, &["Enter"]);
            answered = true;
        }
        let has_run = desk.requests().iter().any(|it| it["answered"] == true);
        (has_run && turn == "idle").then_some(())
    };
    eventually(LONG, "the end of the agent's turn", over);
}

#[test]
fn a_pull_request_that_a_tool_of_claude_prints_is_noticed() {
    a_pull_request_that_a_tool_prints_is_noticed(&CLAUDE);
}

#[test]
fn a_pull_request_that_a_tool_of_opencode_prints_is_noticed() {
    a_pull_request_that_a_tool_prints_is_noticed(&OPENCODE);
}

#[test]
fn a_pull_request_that_a_tool_of_pi_prints_is_noticed() {
    a_pull_request_that_a_tool_prints_is_noticed(&PI);
}

/// The only one that was named, where no forge can be asked. The agent's own words do not have it.
fn a_pull_request_that_a_tool_prints_is_noticed(kind: &'static Kind) {
    let (desk, worker) = trusted(kind);
    let remote = ["remote", "add", "forge", "git@github.com:acme/blog.git"];
    desk.sandbox.run("git").args(remote).cwd(&desk.repo).run().success();
    run_by_agent(&desk, &worker, "printf 'https://github.com/acme/blog/%s/501' pull");
    let url = "https://github.com/acme/blog/pull/501";
    let noticed = || {
        let shown = desk.wtmag(&["show", "--json", &worker.id]).run().json();
        (shown["worker"]["pr"] == url).then_some(())
    };
    assert!(poll(SOON, noticed).is_some(), "{}", desk.account(&worker));
}

#[test]
fn codex_keeps_the_directories_and_the_notification_of_its_user() {
    let desk = Desk::new(&CODEX, Setup { trusted: true, ..Setup::default() });
    let [shared, closed] = ["shared", "closed"].map(|it| desk.sandbox.path(it));
    [&shared, &closed].into_iter().for_each(|it| std::fs::create_dir(it).unwrap());
    let told = desk.sandbox.path("told.txt");
    let notify = desk.sandbox.put_executable(
        "agents/notify",
        &format!("#!/bin/sh\nprintf '%s\\n' \"$@\" >> '{}'\n", told.display()),
    );
    let path = desk.sandbox.path("home/.codex/config.toml");
    let config = std::fs::read_to_string(&path).unwrap();
    let users = format!("notify = [{notify:?}, \"it's\"]\n{config}writable_roots = [{shared:?}]\n");
    desk.sandbox.put(path, users);
    let worker = desk.settled("one");
    let notified =
        || std::fs::read_to_string(&told).ok().filter(|it| it.contains("agent-turn-complete"));
    let words = eventually(SOON, "the user's own notification", notified);
    assert!(words.starts_with("it's\n{"), "{words}");
    let [mine, not_mine] = [&shared, &closed].map(|it| it.join("file"));
    let command = format!("touch {} {}", not_mine.display(), mine.display());
    run_by_agent(&desk, &worker, &command);
    assert!(mine.exists(), "{}", desk.account(&worker));
    assert!(!not_mine.exists(), "no sandbox is in force: {}", desk.account(&worker));
}

/// It asks the user to review them, once; then they tell at once, and by name, what it asks for.
#[test]
fn the_hooks_of_codex_tell_of_permissions_and_interrupts_once_they_are_reviewed() {
    let desk = Desk::new(&CODEX, Setup { trusted: true, ..Setup::default() });
    desk.all_hooks();
    let worker = desk.create("one");
    desk.wait(&worker, "blocked");
    assert!(desk.capture(&worker).contains("Hooks need review"), "{}", desk.account(&worker));
    // `Trust all and continue` is the second of its answers.
    desk.press(&worker, &["Down", "Enter"]);
    desk.wait(&worker, "idle");
    let second = desk.settled("two");
    for worker in [&worker, &second] {
        let before = desk.last_event(worker);
        desk.send(worker, "TOOL please");
        desk.wait(worker, "waiting");
        let shown = desk.wtmag(&["show", "--json", &worker.id]).run().json();
        assert_eq!(shown["worker"]["state"]["asks"]["about"], "echo hi", "{shown}");
        desk.press(worker, &["Enter"]);
        desk.wait(worker, "idle");
        super::turns::begin_slow_turn(&desk, worker);
        desk.press(worker, desk.kind.stop);
        desk.wait(worker, "idle");
        let told: Vec<_> = desk
            .events(worker)
            .into_iter()
            .filter(|it| it["seq"].as_u64().unwrap() > before && it["kind"] == "turn")
            .collect();
        println!("{told:#?}");
        let by_hook = |state: &str| {
            let is_it = |it: &&serde_json::Value| {
                it["source"] == "hook" && it["value"].to_string().contains(state)
            };
            told.iter().any(|it| is_it(&it))
        };
        assert!(by_hook("waiting") && by_hook("idle"), "{}", desk.account(worker));
    }
}
