//! History and evidence: `explain`, `log`, and screens classified without a worker.
use serde_json::{Map, Value, json};

use super::{desk::Desk, shapes::shape};

/// A box that holds nothing, with what the desk's profile wants below it.
const LISTENS: &str =
    "Fake v0\n────────────────────────\n> \n────────────────────────\n  ? for help\n";

#[test]
fn a_worker_can_be_looked_back_at() {
    let desk = Desk::new();
    let id = desk.worker("topic");
    desk.wtmag(&["wait", &id, "--until", "idle"]).success();
    let text = desk.wtmag(&["log", "topic"]).success();
    for want in ["created", "delivery 1 accepted", "working", "idle", "screens kept"] {
        assert!(text.contains(want), "{want}: {text}");
    }
    let worktree = desk.list(&[])[0]["worktree"].as_str().unwrap().to_owned();
    assert!(desk.run(&["log"]).cwd(worktree).run().success().starts_with(&format!("{id}, made ")));
    let film = desk.sandbox.path("home/a.cast").display().to_string();
    let said = desk.wtmag(&["log", &id, "--cast", &film, "--json"]).json();
    let film = std::fs::read_to_string(film).unwrap();
    let lines: Vec<Value> = film.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    assert_eq!((&lines[0]["version"], &lines[0]["width"]), (&2.into(), &120.into()));
    assert_eq!(said["samples"], lines.len() - 1);
    assert!(lines[1..].iter().all(|it| it[1] == "o"), "{film}");
    assert!(film.contains("prompt.md") && film.contains("esc to interrupt"), "{film}");
    assert_eq!(desk.wtmag(&["log", &id, "--cast", "-"]).success(), film);

    let looks = desk.wtmag(&["log", &id, "--screens"]).success();
    let looks = desk.sandbox.put("home/looks.jsonl", looks).display().to_string();
    let replay = ["explain", "--replay", &looks, "--agent", "fake", "--json"];
    let timeline = desk.wtmag(&replay).json()["timeline"].clone();
    let states = timeline.as_array().unwrap().iter().map(|it| it["state"].as_str().unwrap());
    let states: Vec<&str> = states.filter(|it| !["starting", "unknown"].contains(it)).collect();
    assert_eq!(states, ["ready", "working", "idle"], "{timeline}");

    desk.wtmag(&["cleanup", &id, "--force"]).success();
    assert!(desk.wtmag(&["log", &id]).success().contains("cleaned up"));
}

#[test]
fn an_agent_that_went_with_its_server_is_told_once_and_with_what_to_do() {
    let desk = Desk::new();
    let id = desk.worker("topic");
    desk.sandbox.tmux().restart("main");
    let waited = desk.wtmag(&["wait", &id, "--timeout", "20"]).to_string();
    assert_eq!(waited.matches("tmux server gone").count(), 1, "{waited}");
    let sent = desk.wtmag(&["send", &id, "go on"]).failure(1);
    for want in ["has ended: lost", &format!("`wtmag resume {id}`"), &format!("`wtmag log {id}`")] {
        assert!(sent.contains(want), "{want}: {sent}");
    }
}

#[test]
fn no_screens_are_kept_where_that_is_off() {
    let desk = Desk::new();
    desk.config("[record]\nenabled = false\n");
    let id = desk.worker("topic");
    desk.wtmag(&["wait", &id, "--until", "idle"]).success();
    assert!(desk.wtmag(&["log", &id]).success().contains("0 screens kept"));
    let said = desk.wtmag(&["log", &id, "--cast", "-"]).failure(1);
    assert!(said.contains("no screens: `[record]` is off"), "{said}");
}

#[test]
fn a_screen_is_judged_without_a_worker_a_hub_or_tmux() {
    let mut desk = Desk::without_tmux();
    desk.sandbox.hide_programs(&["tmux"]);
    let judge = |screen: &str, more: &[&str]| {
        let args = ["explain", "--screen", "-", "--agent", "fake", "--json"];
        let judged = desk.run(&[&args[..], more].concat()).input(screen).run().json();
        (judged["state"].as_str().unwrap().to_owned(), judged["verdict"]["rule"].clone())
    };
    let is = |state: &str, rule: &str| (state.to_owned(), Value::from(rule));
    assert_eq!(judge(LISTENS, &[]), is("ready", "ready"));
    assert_eq!(judge(LISTENS, &["--command", "zsh"]), is("unknown", "foreground"));
    assert_eq!(judge(&LISTENS.replace("> ", "> mine"), &["--cursor", "6,2"]), is("draft", "box"));
    assert_eq!(
        judge("Do you trust this?", &["--title", "x"]),
        is("blocked: trust", "blocked-trust")
    );
    assert_eq!(judge("", &[]), is("unknown", "blank"));
    let file = desk.sandbox.put("home/screen", LISTENS).display().to_string();
    let said = desk.wtmag(&["explain", "--screen", &file, "--agent", "fake"]).success();
    for want in ["state       ready", "> ready (ready): matches row 4", "does not find `Allow`"] {
        assert!(said.contains(want), "{want}: {said}");
    }
    assert!(!desk.sandbox.path("state/wtmag").exists());
}

#[test]
fn a_users_profile_wins_over_an_embedded_one_and_other_blocks_may_name_it() {
    let desk = Desk::without_tmux();
    desk.config(
        "[agents.mine]\ncommand = \"x\"\nprofile = \"claude\"\n[agents.lost]\nprofile = \"no\"\n",
    );
    let judge = |agent: &str| {
        let args = ["explain", "--screen", "-", "--agent", agent, "--json", "--command", "claude"];
        desk.run(&args).input("beep boop\n").run()
    };
    let state = |agent: &str| judge(agent).json()["state"].as_str().unwrap().to_owned();
    assert_eq!([state("claude"), state("mine")], ["unknown", "unknown"]);
    let rule = "[[rule]]\nstate = \"working\"\nall = ['beep']\n";
    let mine = format!("name = \"claude\"\n{rule}");
    desk.sandbox.put("config/wtmag/agents/claude.toml", &mine);
    assert_eq!([state("claude"), state("mine")], ["working", "working"]);
    desk.sandbox.put("config/wtmag/agents/claude.toml", mine.replace("all", "al"));
    for said in [judge("mine").stdout, desk.wtmag(&["doctor"]).stdout] {
        for want in ["agents/claude.toml` cannot be used", "line 4", "unknown field `al`"] {
            assert!(said.contains(want), "{want}: {said}");
        }
    }
    let said = judge("lost").stdout;
    assert!(said.contains("uses profile `no`, which does not exist"), "{said}");
}

#[test]
fn what_cannot_be_judged_says_why() {
    let desk = Desk::without_tmux();
    let explain = |more: &[&str], code| desk.wtmag(&[&["explain"], more].concat()).failure(code);
    let said = explain(&["--screen", "nothing", "--agent", "fake"], 1);
    assert!(said.contains("could not read `nothing`"), "{said}");
    let said = explain(&["--screen", "-", "--agent", "robot"], 1);
    assert!(said.contains("no agent `robot`") && said.contains("agents/robot.toml`"), "{said}");
    let said = explain(&["--replay", "-", "--agent", "fake"], 1);
    assert!(said.contains("no screens in it") && said.contains("--screens"), "{said}");
    assert!(explain(&["--screen", "-"], 2).contains("--agent"));
    assert!(explain(&["x", "--screen", "-", "--agent", "fake"], 2).contains("cannot be used"));
    let broken = desk.sandbox.put("home/robot.toml", "name = 'robot'\n[[rule]]\nstate = 'busy'\n");
    let said = explain(&["--screen", "-", "--agent", broken.to_str().unwrap()], 1);
    for want in ["home/robot.toml` cannot be used", "line 2", "unknown state `busy`"] {
        assert!(said.contains(want), "{want}: {said}");
    }
}

#[test]
fn the_shapes_of_what_explains_stay_as_they_are() {
    let desk = Desk::new();
    let id = desk.worker("topic");
    desk.wtmag(&["wait", &id, "--until", "idle"]).success();
    let file = |name: &str, text: String| desk.sandbox.put(name, text).display().to_string();
    let screen = file("home/screen", LISTENS.to_owned());
    let looks = file("home/looks.jsonl", desk.wtmag(&["log", &id, "--screens"]).success());
    let film = desk.sandbox.path("home/film").display().to_string();
    let json = |args: &[&str]| shape(&desk.wtmag(&[args, &["--json"]].concat()).json());
    // These are the same as elsewhere, or what only newer versions of tmux tell.
    let less = |mut value: Value| {
        let fields: &mut Map<_, _> = value.as_object_mut().unwrap();
        fields.remove("worker");
        fields.remove("events");
        fields.remove("sample");
        value
    };
    let shapes = json!({
        "explain": less(json(&["explain", &id])),
        "explain --screen": less(json(&["explain", "--screen", &screen, "--agent", "fake"])),
        "explain --replay": json(&["explain", "--replay", &looks, "--agent", "fake"]),
        "log": less(json(&["log", &id])),
        "log --cast": json(&["log", &id, "--cast", &film]),
    });
    insta::assert_json_snapshot!(shapes);
}
