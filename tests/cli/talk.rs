//! Talking to agents: `send`, `receipts`, `wait`, `events`, and the hooks by which agents talk back.
use std::time::{Duration, Instant};

use serde_json::json;

use super::desk::{BOOTSTRAP, Desk, SOON};
use crate::support::eventually;

#[test]
fn a_text_arrives_with_a_receipt() {
    let desk = Desk::new();
    let id = desk.worker("topic");
    desk.wtmag(&["wait", &id, "--until", "idle"]).success();
    let sent = desk.wtmag(&["send", &id, "Also the changelog", "--json"]).json();
    assert_eq!((&sent[0]["step"], &sent[0]["worker"]), (&"accepted".into(), &id.as_str().into()));
    assert_eq!(desk.sandbox.agent_log().turns(Some(&id)), [BOOTSTRAP, "Also the changelog"]);
    let receipts = desk.wtmag(&["receipts", &id, "--json"]).json();
    assert_eq!(receipts.as_array().unwrap().len(), 2);
    assert!(desk.wtmag(&["receipts"]).success().contains("Also the changelog"));
}

#[test]
fn a_text_too_long_for_the_box_is_announced_from_a_file() {
    let desk = Desk::new();
    let id = desk.worker("topic");
    desk.wtmag(&["wait", &id, "--until", "idle"]).success();
    let long: String = (0..1000).map(|n| format!("line {n} of a long text, ünïcödé\n")).collect();
    let file = desk.sandbox.put("home/text", &long).display().to_string();
    let worktree = desk.list(&[])[0]["worktree"].as_str().unwrap().to_owned();
    let dir = std::path::Path::new(&worktree).join(".wtmag");
    let path = |name: &str| dir.join(name);
    // Whatever a commit or an agent has put there is neither read nor written through.
    let outside = desk.sandbox.put("home/outside", "mine");
    std::os::unix::fs::symlink(&outside, path("message-1.md")).unwrap();
    let sent = desk.wtmag(&["send", &id, "--file", &file, "--wait=idle", "--json"]).json();
    assert_eq!(sent[0]["file"], ".wtmag/message-2.md");
    assert_eq!(std::fs::read_to_string(path("message-2.md")).unwrap(), long);
    assert_eq!(std::fs::read_to_string(outside).unwrap(), "mine");
    let line = "Read ./.wtmag/message-2.md and treat it as a message to you.";
    assert_eq!(desk.sandbox.agent_log().turns(Some(&id)), [BOOTSTRAP, line]);
    assert!(desk.wtmag(&["receipts"]).success().contains("as .wtmag/message-2.md"));
    let git = desk.sandbox.run("git").args(["status", "--porcelain"]).cwd(&worktree).run();
    assert_eq!(git.success(), "");

    std::fs::remove_dir_all(&dir).unwrap();
    std::os::unix::fs::symlink(desk.sandbox.path("home"), &dir).unwrap();
    let said = desk.wtmag(&["send", &id, "--file", &file]).failure(1);
    assert!(said.contains("a symbolic link, not a directory that you own"), "{said}");
    assert!(said.contains("hint: `--paste`"), "{said}");
    assert!(!desk.sandbox.path("home/message-1.md").exists());
    desk.wtmag(&["send", &id, "--file", &file, "--paste", "--wait"]).success();
    assert_eq!(desk.sandbox.agent_log().turns(Some(&id))[2], long.trim_end());
}

#[test]
fn a_text_for_a_busy_agent_is_held_and_can_be_withdrawn() {
    let desk = Desk::new();
    let id = desk.worker_of("slow", "topic");
    let held = desk.wtmag(&["send", &id, "later", "--json"]).json();
    assert_eq!(
        (&held[0]["step"], &held[0]["held"]),
        (&"queued".into(), &"a turn is running".into())
    );
    let waited = desk.wtmag(&["send", &id, "never", "--wait", "--timeout", "1"]);
    assert!(
        waited.stdout.contains("queued, held: an earlier text is still being delivered"),
        "{waited}"
    );
    assert_eq!(waited.code, 4, "{waited}");
    let cancelled = desk.wtmag(&["send", "--cancel", &held[0]["id"].to_string(), "--json"]).json();
    assert_eq!((&cancelled[0]["id"], &cancelled[0]["step"]), (&held[0]["id"], &"cancelled".into()));
    let said = desk.wtmag(&["send", "--cancel", "99"]).failure(1);
    assert!(said.contains("no open delivery 99"), "{said}");
    assert_eq!(desk.sandbox.agent_log().turns(Some(&id)), [BOOTSTRAP]);
}

#[test]
fn a_running_turn_can_be_interrupted_for_a_text() {
    let desk = Desk::new();
    let id = desk.worker_of("slow", "topic");
    let sent = desk.wtmag(&["send", &id, "Stop, wrong branch", "--now", "--wait", "--json"]).json();
    assert_eq!(sent[0]["step"], "accepted", "{sent}");
    assert_eq!(desk.sandbox.agent_log().all("turn_end", Some(&id))[0]["how"], "interrupted");
    assert_eq!(desk.sandbox.agent_log().turns(Some(&id)), [BOOTSTRAP, "Stop, wrong branch"]);
}

#[test]
fn a_text_can_be_left_in_the_box() {
    let desk = Desk::new();
    let id = desk.worker("topic");
    desk.wtmag(&["wait", &id, "--until", "idle"]).success();
    let said = desk.wtmag(&["send", &id, "for you to finish", "--no-submit"]).success();
    assert!(said.contains("accepted"), "{said}");
    desk.wtmag(&["wait", &id, "--until", "draft", "--timeout", "10"]).success();
    assert!(desk.wtmag(&["show", &id]).success().contains("> for you to finish"));
    assert_eq!(desk.sandbox.agent_log().turns(Some(&id)), [BOOTSTRAP]);
}

#[test]
fn one_text_goes_to_many_at_once() {
    let desk = Desk::new();
    let (one, other) = (desk.worker("one"), desk.worker("other"));
    desk.wtmag(&["wait", &one, &other, "--until", "idle"]).success();
    let file = desk.sandbox.put("home/text", "line one\nline two\n");
    let file = file.display().to_string();
    desk.wtmag(&["send", "--all", "--file", &file, "--paste", "--wait=idle"]).success();
    for id in [&one, &other] {
        let turns = desk.sandbox.agent_log().turns(Some(id));
        assert_eq!(turns.len(), 2);
        assert!(turns[1].contains("line two"), "{turns:?}");
    }
}

#[test]
fn waiting_ends_when_any_comes_to_it_and_not_before() {
    let desk = Desk::new();
    let (quick, slow) = (desk.worker("quick"), desk.worker_of("slow", "slow"));
    let any = desk.wtmag(&["wait", &slow, &quick, "--any", "--json"]).json();
    assert_eq!((any.as_array().unwrap().len(), &any[0]["id"]), (1, &quick.as_str().into()));
    assert_eq!(any[0]["state"]["state"], "idle");
    let start = Instant::now();
    let said = desk.wtmag(&["wait", &quick, &slow, "--timeout", "1"]).failure(4);
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert!(said.contains("timed out") && said.contains(&format!("{slow}  working")), "{said}");
    desk.wtmag(&["cleanup", &slow, "--force"]).success();
    assert!(desk.wtmag(&["wait", &slow]).failure(1).contains("was removed"));
}

#[test]
fn waiting_for_what_cannot_come_ends() {
    let desk = Desk::new();
    let ran = desk.wtmag(&["create", "--prompt", "x", "--agent", "dies"]);
    assert_eq!(ran.code, 1);
    let said = desk.wtmag(&["wait", "blog-prompt-x", "--until", "idle"]).failure(1);
    assert!(said.contains("is `exited(3)` and cannot reach that state any more"), "{said}");
}

#[test]
fn waiting_outlives_the_hub() {
    let desk = Desk::new();
    let id = desk.worker_of("slow", "topic");
    let wait = desk.start(&["wait", &id, "--until", "exited"]);
    desk.wtmag(&["hub", "stop"]).success();
    let pane = desk.list(&[])[0]["pane"].as_str().unwrap().to_owned();
    // The first one ends the turn, two more the agent.
    for _ in 0..3 {
        desk.sandbox.tmux().run(["send-keys", "-t", &pane, "C-c"]);
    }
    let (code, said) = wait.end();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("exited"), "{said}");
}

#[test]
fn events_can_be_read_on_from_any_number() {
    let desk = Desk::new();
    let id = desk.worker("topic");
    let read = |args: &[&str]| -> Vec<serde_json::Value> {
        let text = desk.wtmag(&[&["events"], args].concat()).success();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let all = read(&[]);
    let numbers: Vec<u64> = all.iter().map(|it| it["seq"].as_u64().unwrap()).collect();
    assert!(numbers.windows(2).all(|it| it[1] == it[0] + 1), "{numbers:?}");
    assert!(all.iter().any(|it| it["kind"] == "created" && it["worker"] == id.as_str()));
    let since = numbers[2].to_string();
    assert_eq!(read(&["--since", &since])[0]["seq"], numbers[3]);
    assert!(read(&["--worker", "topic"]).iter().all(|it| it["worker"] == id.as_str()));
    let mut follow =
        desk.start(&["events", "--follow", "--since", &numbers.last().unwrap().to_string()]);
    desk.wtmag(&["promote", &id]).success();
    let line: serde_json::Value = serde_json::from_str(&follow.line()).unwrap();
    assert_eq!(line["seq"].as_u64().unwrap(), numbers.last().unwrap() + 1);
}

#[test]
fn a_hook_of_an_agent_reaches_the_hub_and_never_fails() {
    let mut desk = Desk::new();
    desk.sandbox
        .run(env!("CARGO_BIN_EXE_wtmag"))
        .args(["hook", "claude"])
        .input("{")
        .run()
        .success();
    let hook = desk.sandbox.path("run/then");
    let touch = hook.display().to_string();
    let codex = ["hook", "codex", "--then", "touch", &touch, "{}"];
    desk.sandbox
        .run(env!("CARGO_BIN_EXE_wtmag"))
        .args(codex)
        .cwd(desk.sandbox.path("run"))
        .run()
        .success();
    assert!(hook.exists() && desk.sandbox.path("run/{}").exists());
    desk.config(&format!(
        "[agents.claude]\ncommand = \"sh -c 'exec {}'\"\nprofile = \"hooked\"\ndelivery = \"ready\"\n",
        desk.sandbox.fake_agent().display()
    ));
    let profile =
        std::fs::read_to_string(desk.sandbox.path("config/wtmag/agents/fake.toml")).unwrap();
    let profile = profile.replace("[timing]", "[hooks]\nkind = \"claude\"\n[timing]");
    desk.sandbox.put("config/wtmag/agents/hooked.toml", profile);
    let sha = desk.pull_request();
    desk.github(&sha);
    let create = ["create", "--github", "456", "-t", "issue", "--agent", "claude", "--json"];
    let worker = desk.wtmag(&create).json()["worker"].clone();
    let text = |it: &serde_json::Value| it.as_str().unwrap().to_owned();
    let (id, pane) = (text(&worker["id"]), text(&worker["pane"]));
    let pid = desk.sandbox.tmux().show(&pane, "#{pane_pid}");
    let environ = std::fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
    let own: Vec<&str> = environ.split('\0').filter(|it| it.starts_with("WTMAG_")).collect();
    let mut run = desk.sandbox.wtmag_in(&pane, ["hook", "claude"]);
    for var in own {
        let (name, value) = var.split_once('=').unwrap();
        run = run.env(name, value);
    }
    let said = "All done.".to_owned();
    let payload = json!({
        "hook_event_name": "Stop", "session_id": "s1", "last_assistant_message": said,
    });
    run.input(payload.to_string()).run().success();
    eventually(SOON, "the message", || {
        let shown = desk.wtmag(&["show", &id, "--json"]).json();
        (shown["worker"]["last_message"] == said.as_str()).then_some(())
    });
}

#[test]
fn what_one_agent_cannot_be_told_the_others_are_told() {
    let desk = Desk::new();
    let profile = desk.sandbox.path("config/wtmag/agents/fake.toml");
    let text = std::fs::read_to_string(profile).unwrap();
    let text = text.replace("name = \"fake\"", "name = \"stubborn\"");
    let text = text.replace("[keys]\ninterrupt = [\"Escape\"]\n", "");
    desk.sandbox.put("config/wtmag/agents/stubborn.toml", text);
    let agent = desk.sandbox.fake_agent().display().to_string();
    desk.config(&format!(
        "[agents.stubborn]\ncommand = \"{agent}\"\nprofile = \"stubborn\"\ndelivery = \"ready\"\n"
    ));
    let (one, other) = (desk.worker_of("stubborn", "one"), desk.worker("other"));
    let said = desk.wtmag(&["send", "--all", "--now", "Come here"]).failure(1);
    assert!(
        said.contains("the text could not be queued for every worker") && said.contains(&one),
        "{said}"
    );
    let log = desk.sandbox.agent_log();
    let told = || (log.turns(Some(&other)) == [BOOTSTRAP, "Come here"]).then_some(());
    eventually(SOON, "the other one to be told", told);
    assert_eq!(log.turns(Some(&one)), [BOOTSTRAP]);
}
