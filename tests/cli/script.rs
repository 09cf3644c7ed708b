//! A script that plays an orchestrator without ever polling: it waits for its inbox, and its agent is told.
use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use super::{
    desk::{BOOTSTRAP, Desk, SOON},
    inbox::hub_pid,
};
use crate::support::{eventually, is_full, now_ms, poll, seeds};

const ASKS: &str = r#"turn.permission={kind="menu",heading="Run",question="Allow npm test?",entries=["No","Yes"],chosen=0,right=1,hint="Enter to confirm"}"#;
/// How late an item may arrive, on a machine without other work.
const LATE_MS: u64 = 200;

struct Stage {
    desk: Desk,
    boss: String,
}

/// A worker that the boss has made.
struct Kid {
    id: String,
    pane: String,
    worktree: String,
}

/// What `inbox --wait` returned, and when.
struct Arrived {
    item: Value,
    at: u64,
}

impl Arrived {
    fn text(&self) -> &str {
        self.item["text"].as_str().unwrap()
    }

    fn ms_after_event(&self) -> u64 {
        let at: wtmag::model::Timestamp = self.item["at"].as_str().unwrap().parse().unwrap();
        self.at.saturating_sub(at.0)
    }
}

impl Stage {
    /// A worker that directs others. It works until it is told to rest.
    fn new() -> Self {
        let desk = Desk::new();
        let agent = desk.sandbox.fake_agent().display().to_string();
        desk.config(&format!(
            "[agents.asking]\ncommand = \"{agent}\"\nargs = [\"--set\", '''{ASKS}''']\nprofile = \"fake\"\n\
             delivery = \"ready\"\n"
        ));
        let boss = desk.worker_of("slow", "boss");
        Self { desk, boss }
    }

    /// A person ends the boss's turn.
    fn rest(&self) {
        let pane = self.find(&self.boss).pane;
        self.desk.sandbox.tmux().run(["send-keys", "-t", &pane, "Escape"]);
        self.desk.wait_for_state(&self.boss, "idle");
    }

    fn find(&self, id: &str) -> Kid {
        let workers = self.desk.list(&[]);
        let worker = workers.iter().find(|it| it["id"] == id).unwrap();
        let text = |name: &str| worker[name].as_str().unwrap().to_owned();
        Kid { id: id.to_owned(), pane: text("pane"), worktree: text("worktree") }
    }

    /// Made from the boss's pane.
    fn create(&self, name: &str, agent: &str) -> Kid {
        self.create_by(&self.boss, &["--name", name, "--agent", agent]);
        self.find(&format!("blog-{name}"))
    }

    fn create_by(&self, parent: &str, words: &[&str]) {
        let pane = self.find(parent).pane;
        let create = [&["create", "--prompt", "x", "--no-wait"], words].concat();
        self.desk.sandbox.wtmag_in(&pane, create).cwd(&self.desk.dir).run().success();
    }

    /// `wtmag report`, as the worker's agent runs it.
    fn report(&self, kid: &Kid, words: &[&str]) {
        let words = [&["report"], words].concat();
        self.desk.sandbox.wtmag_in(&kid.pane, words).cwd(&kid.worktree).run().success();
    }

    fn turns(&self, id: &str) -> Vec<String> {
        self.desk.sandbox.agent_log().turns(Some(id))
    }

    /// What was typed to the one that made them.
    fn lines(&self) -> Vec<String> {
        self.lines_to(&self.boss)
    }

    fn lines_to(&self, id: &str) -> Vec<String> {
        self.turns(id).into_iter().filter(|it| it.starts_with("[wtmag]")).collect()
    }

    /// Waits for items, one call after the other, until told that there are no more.
    fn watch(&self, is_over: &AtomicBool) -> Vec<Arrived> {
        let mut all: Vec<Arrived> = Vec::new();
        while !is_over.load(Ordering::Relaxed) {
            let last = all.iter().filter_map(|it| it.item["n"].as_u64()).max().unwrap_or_default();
            let since = last.to_string();
            let ran = self.desk.run(&["inbox", "--wait=3", "--since", &since, "--json"]).run();
            let at = now_ms();
            if ran.code == 0 {
                let items = ran.json().as_array().unwrap().clone();
                all.extend(items.into_iter().map(|item| Arrived { item, at }));
            } else {
                assert_eq!(ran.code, 4, "{ran}");
            }
        }
        all
    }

    fn pid_of(&self, kid: &Kid) -> Pid {
        let log = self.desk.sandbox.agent_log();
        let drawn = eventually(SOON, "the agent", || log.all("drawn", Some(&kid.id)).pop());
        Pid::from_raw(drawn["pid"].as_i64().and_then(|it| i32::try_from(it).ok()).unwrap())
    }
}

#[test]
fn each_kind_of_news_arrives_at_once_and_all_of_it_in_one_line() {
    let stage = Stage::new();
    let is_over = AtomicBool::new(false);
    let arrived = thread::scope(|scope| {
        let watching = scope.spawn(|| stage.watch(&is_over));
        // Those at work need nothing by themselves.
        let [done, fails, dies] = ["done", "fails", "dies"].map(|it| stage.create(it, "slow"));
        let asks = stage.create("asks", "fake");
        let leave = stage.create("leave", "asking");
        stage.desk.wait_for_state(&leave.id, "waiting: permission");
        stage.desk.wait_for_state(&asks.id, "idle");
        for kid in [&done, &fails, &dies] {
            stage.desk.wait_for_state(&kid.id, "working");
        }
        stage.report(&done, &["done", "All green"]);
        stage.report(&asks, &["question", "A or B?", "--option", "A", "--option", "B"]);
        stage.report(&fails, &["failed", "No access"]);
        kill(stage.pid_of(&dies), Signal::SIGKILL).unwrap();
        answer(&stage.desk, "A or B?", "B, please");
        stage.desk.wait_for_state(&dies.id, "exited(137, SIGKILL?)");
        is_over.store(true, Ordering::Relaxed);
        watching.join().unwrap()
    });
    assert_eq!(stage.lines(), Vec::<String>::new(), "it works");
    let of = |kind: &str, worker: &str| {
        let is_it = |it: &&Arrived| it.item["kind"] == kind && it.item["worker"] == worker;
        arrived.iter().rfind(is_it).unwrap_or_else(|| panic!("no `{kind}` of {worker}"))
    };
    let news = [
        of("done", "blog-done"),
        of("question", "blog-asks"),
        of("failed", "blog-fails"),
        of("exited", "blog-dies"),
        of("permission", "blog-leave"),
    ];
    assert_eq!(news[0].text(), "All green");
    let late: Vec<u64> = news.iter().map(|it| it.ms_after_event()).collect();
    println!("event to the return of inbox --wait: {late:?} ms");
    // Other tests delay any process.
    let most = if is_full() { LATE_MS } else { 20 * LATE_MS };
    assert!(late.iter().all(|it| *it <= most), "{late:?} ms");
    let told = stage.turns("blog-asks");
    assert_eq!(told.iter().filter(|it| *it == "B, please").count(), 1, "{told:?}");
    stage.rest();
    let line = eventually(SOON, "the line", || stage.lines().first().cloned());
    assert!(
        line.contains("workers need you: ") && line.contains(" more. Run `wtmag inbox`."),
        "{line}"
    );
    assert!(!line.contains("A or B?"), "it is answered: {line}");
    let receipts = || stage.desk.wtmag(&["receipts", &stage.boss, "--json"]).json();
    // Its first prompt and the line.
    let accepted = || {
        let receipts = receipts();
        let receipts = receipts.as_array().unwrap();
        (receipts.len() == 2 && receipts.iter().all(|it| it["step"] == "accepted")).then_some(())
    };
    assert!(poll(SOON, accepted).is_some(), "{}", receipts());
    assert_eq!(stage.lines().len(), 1);
}

#[test]
fn nothing_is_lost_or_told_twice_while_hubs_are_killed_at_any_moment() {
    let n = if is_full() { 100 } else { 6 };
    let stage = Stage::new();
    stage.rest();
    let kids = ["one", "two", "three"].map(|it| stage.create(it, "fake"));
    for kid in &kids {
        stage.desk.wait_for_state(&kid.id, "idle");
    }
    let questions: Vec<String> = (0..n).map(|at| format!("question {at}?")).collect();
    let is_over = AtomicBool::new(false);
    let arrived = thread::scope(|scope| {
        let watching = scope.spawn(|| stage.watch(&is_over));
        for (at, seed) in seeds(n).into_iter().enumerate() {
            let (kid, question, stage) = (&kids[at % kids.len()], &questions[at], &stage);
            let answers = scope.spawn(move || {
                stage.report(kid, &["question", question]);
                answer(&stage.desk, question, &format!("answer {at}"));
            });
            // Before, while or after the hub hears it, and tells of it.
            thread::sleep(Duration::from_millis(seed * 7919 % 700));
            if let Some(pid) = hub_pid(&stage.desk) {
                // It may be gone already.
                kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap_or_default();
            }
            answers.join().unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
        watching.join().unwrap()
    });
    let mut n_told_once = 0;
    for (at, question) in questions.iter().enumerate() {
        let seen = arrived.iter().filter(|it| it.text() == question);
        let numbers: Vec<u64> = seen.filter_map(|it| it.item["n"].as_u64()).collect();
        assert!(!numbers.is_empty(), "lost: {question}");
        assert!(numbers.iter().all(|it| *it == numbers[0]), "twice: {question}: {numbers:?}");
        let (kid, text) = (&kids[at % kids.len()], format!("answer {at}"));
        let n_told = || stage.turns(&kid.id).into_iter().filter(|it| *it == text).count();
        // An answer whose typing a dying hub left open is not typed again: then its item stays open.
        let settled = || {
            let items = stage.desk.wtmag(&["inbox", "--json"]).json();
            let is_open =
                items.as_array().unwrap().iter().any(|it| it["text"] == question.as_str());
            (is_open == (n_told() == 0)).then_some(())
        };
        assert!(poll(SOON, settled).is_some(), "{text}: {} times", n_told());
        assert!(n_told() <= 1, "{text}: {} times", n_told());
        n_told_once += n_told();
    }
    println!("{n_told_once} of {n} answers arrived, the others are open items");
    let lines = stage.lines();
    println!("{} lines to the one that made them", lines.len());
    for question in &questions {
        let n_lines = lines.iter().filter(|it| it.contains(question.as_str())).count();
        assert!(n_lines <= 1, "{question}: {lines:?}");
    }
    let first = stage.turns(&stage.boss);
    assert_eq!(first.iter().filter(|it| *it == BOOTSTRAP).count(), 1, "{first:?}");
}

/// The pane that all of these were first made from shows a shell, which is no orchestrator.
#[test]
fn where_the_parent_is_gone_the_oldest_live_orchestrator_is_told() {
    let stage = Stage::new();
    stage.rest();
    stage.create_by(&stage.boss, &["--name", "one", "--quiet"]);
    let second = stage.desk.worker("second");
    stage.create_by(&second, &["--name", "two"]);
    let two = stage.find("blog-two");
    let told = || (!stage.lines_to(&second).is_empty()).then_some(());
    eventually(SOON, "its parent to be told of its turn", told);
    kill(stage.pid_of(&stage.find(&second)), Signal::SIGKILL).unwrap();
    stage.desk.wait_for_state(&second, "exited(137, SIGKILL?)");
    stage.report(&two, &["question", "C or D?"]);
    let lines = eventually(SOON, "the line", || Some(stage.lines()).filter(|it| !it.is_empty()));
    assert_eq!(lines, ["[wtmag] blog-two asks: C or D? Run `wtmag inbox`."]);
}

/// Answers the question once it is in the inbox, whatever becomes of the hub meanwhile.
fn answer(desk: &Desk, question: &str, text: &str) {
    let n = eventually(SOON, question, || {
        let ran = desk.run(&["inbox", "--json"]).run();
        let items = if ran.code == 0 { ran.json() } else { Value::Null };
        let item = items.as_array()?.iter().find(|it| it["text"] == question)?.clone();
        Some(item["n"].to_string())
    });
    // It may lose its hub; then the receipt tells what came of it.
    drop(desk.run(&["inbox", "reply", &n, text]).run());
}
