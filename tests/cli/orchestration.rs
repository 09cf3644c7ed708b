//! An orchestrator that is a worker: it is told what its workers need, asks them, and answers their dialogs.
use serde_json::Value;

use super::desk::{BOOTSTRAP, Desk, SOON};
use crate::support::{eventually, poll};

const WTMAG: &str = env!("CARGO_BIN_EXE_wtmag");

const ASKS: &str = r#"turn.permission={kind="menu",heading="Run",question="Allow npm test?",entries=["No","Yes","Always"],chosen=0,right=1,hint="Enter to confirm"}"#;

fn desk() -> Desk {
    let desk = Desk::new();
    let agent = desk.sandbox.fake_agent().display().to_string();
    desk.config(&format!(
        "[agents.asking]\ncommand = \"{agent}\"\nargs = [\"--set\", '''{ASKS}''']\nprofile = \"fake\"\n\
         delivery = \"ready\"\n[agents.thinking]\ncommand = \"{agent}\"\nargs = [\"--set\", \"turn.min_ms=4000\", \
         \"--set\", \"turn.max_ms=4000\"]\nprofile = \"fake\"\ndelivery = \"ready\"\n[answer]\nagents = true\n"
    ));
    desk
}

/// The texts that an agent was told, but for its first prompt.
fn told(desk: &Desk, id: &str) -> Vec<String> {
    desk.sandbox.agent_log().turns(Some(id)).into_iter().filter(|it| it != BOOTSTRAP).collect()
}

/// Lets the boss create a worker in its turn.
fn create(desk: &Desk, boss: &str, name: &str, more: &str) {
    let dir = desk.dir.display();
    let text = format!(
        "run: cd {dir} && {WTMAG} create x --name {name} --no-wait {more} >>$HOME/made 2>&1"
    );
    desk.wtmag(&["send", boss, &text, "--wait"]).success();
    let made = || std::fs::read_to_string(desk.sandbox.path("home/made")).unwrap_or_default();
    let is_made = || made().contains(&format!("blog-{name}")).then_some(());
    assert!(poll(SOON, is_made).is_some(), "{}", made());
}

#[test]
fn an_orchestrator_is_told_once_in_its_box_and_answers() {
    let desk = desk();
    let boss = desk.worker("boss");
    desk.wait_for_state(&boss, "idle");
    create(&desk, &boss, "kid", "--agent asking");
    create(&desk, &boss, "quiet", "--agent asking --quiet");
    let lines = || -> Vec<String> {
        told(&desk, &boss).into_iter().filter(|it| it.starts_with("[wtmag]")).collect()
    };
    eventually(SOON, "the line", || (!lines().is_empty()).then_some(()));
    assert_eq!(
        lines()[0],
        "[wtmag] blog-kid asks for permission: Allow npm test? Run `wtmag inbox`."
    );
    let kid = "blog-kid";
    let listed =
        desk.sandbox.wtmag_in(&pane(&desk, &boss), ["list", "--mine", "--json"]).run().json();
    let ids: Vec<&str> =
        listed.as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [kid, "blog-quiet"]);
    let prime = desk.sandbox.wtmag_in(&pane(&desk, &boss), ["prime"]).run().success();
    assert!(prime.contains("\nkid  waiting: permission"), "{prime}");

    // Another dialog than expected, an answer that is not there, then the right one by its label.
    let refused = desk.wtmag(&["answer", kid, "Yes", "--expect", "rm -rf"]).failure(1);
    assert!(refused.contains("another one"), "{refused}");
    desk.wtmag(&["answer", kid, "Maybe"]).failure(1);
    let said = desk.wtmag(&["answer", kid, "Yes", "--expect", "npm test"]).success();
    assert!(said.contains("answered `Yes`"), "{said}");
    let answers = desk.sandbox.agent_log().all("answer", Some(kid));
    assert_eq!(answers.len(), 1, "{answers:?}");
    let gone = desk.wtmag(&["answer", kid, "Yes"]).failure(1);
    assert!(gone.contains("shows no dialog"), "{gone}");

    assert_eq!(lines().len(), 1, "once a minute");
}

#[test]
fn a_question_is_answered_by_a_report_or_by_the_end_of_the_turn() {
    let desk = desk();
    let id = desk.worker_of("thinking", "topic");
    desk.wait_for_state(&id, "idle");
    let ask = desk.start(&["ask", &id, "Which database?", "--json", "--timeout", "60"]);
    let asked = eventually(SOON, "the question", || told(&desk, &id).first().cloned());
    let n = asked.split("--to ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    assert!(asked.starts_with(&format!("Which database? (wtmag ask {n}: answer with")), "{asked}");
    let inbox = desk.wtmag(&["inbox"]).success();
    assert!(!inbox.contains("Which database"), "{inbox}");
    let report = ["report", "answer", "--to", n.as_str(), "SQLite \x1b[2J#{x}"];
    let refused = desk.sandbox.wtmag_in(&pane(&desk, &id), ["report", "answer", "--to", "99", "x"]);
    refused.cwd(worktree(&desk)).run().failure(1);
    desk.sandbox.wtmag_in(&pane(&desk, &id), report).cwd(worktree(&desk)).run().success();
    let (code, text) = ask.end();
    assert_eq!(code, 0, "{text}");
    // Its progress follows.
    let mut values = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
    let answer = values.next().unwrap().unwrap();
    assert_eq!((&answer["by"], &answer["text"]), (&"report".into(), &"SQLite #{x}".into()));
    desk.wait_for_state(&id, "idle");
    let answer = desk.wtmag(&["ask", &id, "And why?", "--json", "--timeout", "60"]).json();
    assert_eq!((&answer["by"], &answer["worker"]), (&"screen".into(), &id.as_str().into()));
    assert!(answer["text"].as_str().unwrap().contains("Answer 3"), "{answer}");
    // What comes too late is in the inbox.
    let late = desk.wtmag(&["ask", &id, "Sure?", "--timeout", "1"]).failure(4);
    assert!(late.contains("the answers go to `wtmag inbox`"), "{late}");
    eventually(SOON, "the answer", || {
        desk.wtmag(&["inbox"]).success().contains("answer").then_some(())
    });
}

fn worktree(desk: &Desk) -> String {
    desk.list(&[])[0]["worktree"].as_str().unwrap().to_owned()
}

fn pane(desk: &Desk, id: &str) -> String {
    let workers = desk.list(&[]);
    let worker = workers.iter().find(|it| it["id"] == id).unwrap();
    worker["pane"].as_str().unwrap().to_owned()
}

/// A fake agent that looks and is called like one that is known, in the user's own pane.
#[test]
fn an_agent_that_a_person_started_is_told_when_it_is_at_rest() {
    let desk = desk();
    let claude = desk.sandbox.path("bin/claude");
    std::fs::copy(desk.sandbox.fake_agent(), &claude).unwrap();
    let look = r#"--set 'look.prompt="❯ "' --set 'look.footer="? for shortcuts"' --set turn.min_ms=3000 --set turn.max_ms=3000"#;
    let log = desk.sandbox.agent_log().path;
    let tmux = desk.sandbox.tmux();
    tmux.type_text(
        &desk.pane,
        &format!("FAKE_AGENT_LOG={} {} {look}", log.display(), claude.display()),
    );
    tmux.run(["send-keys", "-t", &desk.pane, "Enter"]);
    eventually(SOON, "the orchestrator", || {
        let screen = tmux.run(["capture-pane", "-p", "-t", &desk.pane]);
        screen.contains("? for shortcuts").then_some(())
    });
    let lines = || -> Vec<String> {
        let turns = desk.sandbox.agent_log().all("turn", None).into_iter();
        let texts = turns.map(|it| it["text"].as_str().unwrap().to_owned());
        texts.filter(|it| it.starts_with("[wtmag]")).collect()
    };
    // A draft is in the way, then it is gone.
    tmux.type_text(&desk.pane, "my draft");
    let made =
        desk.wtmag(&["create", "--prompt", "x", "--name", "kid", "--agent", "asking", "--json"]);
    assert_eq!(made.json()["outcome"], "accepted");
    desk.wait_for_state("blog-kid", "waiting: permission");
    // By then an empty box would have had the line, too.
    eventually(SOON, "the user to be told", || {
        (tmux.run(["show", "-gqv", "@wtmag_needs"]).trim() == "1").then_some(())
    });
    assert_eq!(lines(), Vec::<String>::new());
    tmux.run(["send-keys", "-t", &desk.pane, "BSpace", "BSpace", "BSpace", "BSpace"]);
    tmux.run(["send-keys", "-t", &desk.pane, "BSpace", "BSpace", "BSpace", "BSpace"]);
    eventually(SOON, "the line", || (!lines().is_empty()).then_some(()));
    assert_eq!(
        lines(),
        ["[wtmag] blog-kid asks for permission: Allow npm test? Run `wtmag inbox`."]
    );
    eventually(SOON, "a receipt that says accepted", || {
        let receipts = desk.wtmag(&["receipts", "--all", "--json"]).json();
        let receipts = receipts.as_array().unwrap();
        let receipt = receipts.iter().find(|it| it["worker"] == "guest-pane-0").unwrap();
        (receipt["step"] == "accepted").then_some(())
    });
}
