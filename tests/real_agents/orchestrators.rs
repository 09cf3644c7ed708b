//! The real agents as orchestrators: each knows wtmag's skill, dispatches, and is told.
use super::{
    agent::{CODEX, Kind, PI, for_each_agent},
    desk::{Desk, LONG, SOON, Setup, Worker},
};
use crate::support::poll;

for_each_agent! {
    it_has_the_skill_dispatches_two_workers_from_one_sentence_and_is_told,
    a_skill_that_was_installed_is_in_its_list,
}

fn it_has_the_skill_dispatches_two_workers_from_one_sentence_and_is_told(kind: &'static Kind) {
    let desk = Desk::new(free(kind), setup());
    let wtmag = desk.put_wtmag();
    let before = status(&desk);
    let made = desk.wtmag(&["orchestrate", "--no-watch", "--json"]).limit(LONG).run().json();
    let notes = made["notes"].to_string();
    assert_eq!(notes.contains("wtmag skill install"), kind.name == "codex", "{notes}");
    if kind.name == "codex" {
        // It reads skills from its own directories only, when it starts.
        desk.wtmag(&["skill", "install", "--agent", "codex"]).run().success();
        desk.wtmag(&["cleanup", "orchestrator"]).run().success();
        desk.wtmag(&["orchestrate", "--no-watch"]).limit(LONG).run().success();
    }
    let boss = orchestrator(&desk);
    desk.wait(&boss, "ready,idle");
    let create =
        |name: &str| format!("{wtmag} create {name} --name {name} --agent kid --no-wait -s");
    let sentence = format!("Fix one and two. TOOLRUN `{} && {}`", create("one"), create("two"));
    desk.send(&boss, &sentence);
    // A human who allows the command.
    let list = || desk.wtmag(&["list", "--json", "--full"]).run().json();
    let made = poll(LONG, || {
        if word(&list(), &boss.id).starts_with("waiting") {
            desk.press(&boss, &["Enter"]);
        }
        let list = list();
        ["blog-one", "blog-two"].iter().all(|id| !word(&list, id).is_empty()).then_some(list)
    });
    let list_made = made.unwrap_or_else(|| panic!("{}", desk.account(&boss)));
    for id in ["blog-one", "blog-two"] {
        let worker = list_made.as_array().unwrap().iter().find(|it| it["id"] == id).unwrap();
        assert_eq!(worker["parent"], boss.id.as_str(), "{worker}");
    }
    desk.wait(&boss, "idle");
    let seen = desk.requests().iter().any(|it| it["seen"] == true);
    assert!(seen, "its list has no wtmag: {}", desk.account(&boss));
    loads_the_skill(&desk, &boss);

    // Both workers are done: it is told in its own box, once of each.
    let told = || -> Vec<String> {
        desk.prompts().into_iter().filter(|it| it.contains("[wtmag]")).collect()
    };
    let is_told = || {
        let all = told().join("\n");
        (all.contains("blog-one") && all.contains("blog-two")).then_some(())
    };
    assert!(poll(LONG * 2, is_told).is_some(), "{:?} {}", told(), desk.account(&boss));
    let mut lines = told();
    lines.sort();
    lines.dedup();
    assert_eq!(lines.len(), told().len(), "{:?}", told());

    // It has attached nowhere, and the repository is as it was.
    let clients = desk.sandbox.tmux().run(["list-clients", "-F", "#{client_control_mode}"]);
    assert!(clients.lines().all(|it| it == "1"), "{clients}");
    assert_eq!(status(&desk), before);
    desk.wtmag(&["cleanup", &boss.id, "--force"]).run().success();
    assert_eq!(status(&desk), before);
}

/// pi is told by its extension: what its human types stays where it is.
#[test]
fn a_pi_in_whose_box_a_person_types_is_told_beside_it() {
    let desk = Desk::new(&PI, setup());
    let boss = desk.settled("one");
    let create = ["create", "two", "--name", "two", "--agent", "kid", "--no-wait", "-s"];
    desk.press(&boss, &["h", "a", "l", "f"]);
    desk.wait(&boss, "draft");
    desk.sandbox.wtmag_in(&boss.pane, create).cwd(&desk.repo).run().success();
    let told = || desk.prompts().iter().any(|it| it.contains("[wtmag]")).then_some(());
    assert!(poll(LONG, told).is_some(), "{}", desk.account(&boss));
    desk.wait(&boss, "draft");
    assert!(desk.capture(&boss).contains("half"), "{}", desk.account(&boss));
    let lines: Vec<String> =
        desk.prompts().into_iter().filter(|it| it.contains("[wtmag]")).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let receipt = desk.receipt(&boss);
    assert_eq!(receipt["step"], "accepted", "{receipt}");
}

/// A copy of pi's extension whose session is over takes nothing any more.
#[test]
fn a_pi_whose_session_was_replaced_is_told_beside_what_is_typed() {
    const RELOAD: (&str, &str) = ("/reload", "Reloaded");
    const NEW: (&str, &str) = ("/new", "New session started");
    for commands in [&[RELOAD][..], &[NEW], &[RELOAD, NEW, RELOAD]] {
        let desk = Desk::new(&PI, setup());
        let boss = desk.settled("one");
        for (command, said) in commands {
            desk.press(&boss, &[command, "Enter"]);
            let is_over = || desk.capture(&boss).contains(said).then_some(());
            assert!(poll(LONG, is_over).is_some(), "{command} {}", desk.account(&boss));
        }
        desk.wait(&boss, "idle");
        desk.press(&boss, &["h", "a", "l", "f"]);
        desk.wait(&boss, "draft");
        let create = ["create", "two", "--name", "two", "--agent", "kid", "--no-wait", "-s"];
        desk.sandbox.wtmag_in(&boss.pane, create).cwd(&desk.repo).run().success();
        let told = || desk.prompts().iter().any(|it| it.contains("[wtmag]")).then_some(());
        assert!(poll(LONG, told).is_some(), "{commands:?} {}", desk.account(&boss));
        let receipt = desk.receipt(&boss);
        assert_eq!(receipt["step"], "accepted", "{commands:?} {receipt}");
        assert!(desk.capture(&boss).contains("half"), "{commands:?} {}", desk.account(&boss));
    }
}

/// By its own tool for that, else by reading the file that the list names.
fn loads_the_skill(desk: &Desk, boss: &Worker) {
    // codex shortens the file's name in its list.
    let file = desk.sandbox.path("home/.agents/skills/wtmag/SKILL.md").display().to_string();
    let file = if desk.kind.name == "codex" { file } else { String::new() };
    desk.send(boss, &format!("TOOLSKILL please {file}"));
    let loaded = poll(SOON, || {
        let list = desk.wtmag(&["list", "--json", "--full"]).run().json();
        if word(&list, &boss.id).starts_with("waiting") {
            desk.press(boss, &["Enter"]);
        }
        let requests = desk.requests();
        let mut results = requests.iter().filter_map(|it| it["result"].as_str());
        let is_loaded =
            |it: &str| it.contains("wtmag skill show") || it.contains("Launching skill: wtmag");
        results.any(is_loaded).then_some(())
    });
    assert!(loaded.is_some(), "{}", desk.account(boss));
    desk.wait(boss, "idle");
}

fn a_skill_that_was_installed_is_in_its_list(kind: &'static Kind) {
    let desk = Desk::new(kind, Setup { trusted: true, ..Setup::default() });
    desk.wtmag(&["skill", "install", "--agent", kind.name]).run().success();
    let worker = desk.settled("one");
    let seen = desk.requests().iter().any(|it| it["seen"] == true);
    assert!(seen, "its list has no wtmag: {}", desk.account(&worker));
    desk.wtmag(&["skill", "remove", "--agent", kind.name]).run().success();
}

/// The agent with a sandbox that lets a command reach the hub.
fn free(kind: &'static Kind) -> &'static Kind {
    const FREE: Kind = Kind { args: &["--sandbox", "danger-full-access", "-a", "never"], ..CODEX };
    if kind.name == "codex" { &FREE } else { kind }
}

/// With another agent for the workers.
fn setup() -> Setup {
    const BLOCK: &str = concat!(
        "[agents.kid]\ncommand = \"",
        env!("CARGO_BIN_EXE_wtmag"),
        " demo-agent --start-ms 100 --work-ms 300\"\ndelivery = \"ready\"\nprofile = \"demo\"\n"
    );
    Setup { trusted: true, block: BLOCK, ..Setup::default() }
}

fn orchestrator(desk: &Desk) -> Worker {
    let made = desk.wtmag(&["orchestrate", "--no-watch", "--json"]).run().json();
    assert_eq!(made["what"], "running");
    let text = |key: &str| made[key].as_str().unwrap().to_owned();
    Worker { id: text("id"), pane: text("pane"), dir: desk.repo.clone(), made: made.clone() }
}

fn word(list: &serde_json::Value, id: &str) -> String {
    let worker = list.as_array().unwrap().iter().find(|it| it["id"] == id);
    worker.map(|it| it["state"]["text"].as_str().unwrap().to_owned()).unwrap_or_default()
}

/// The user's own worktree.
fn status(desk: &Desk) -> String {
    let git = |args: &[&str]| desk.sandbox.run("git").args(args).cwd(&desk.repo).run().success();
    git(&["status", "--porcelain", "--ignored"]) + &git(&["rev-parse", "HEAD", "main"])
}
