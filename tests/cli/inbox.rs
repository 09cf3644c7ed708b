//! Workers report, `inbox` lists what needs attention, answers go back. By the agents' own logs.
use std::path::PathBuf;

use serde_json::Value;

use super::desk::{BOOTSTRAP, Desk, SOON};
use crate::support::{eventually, is_full, poll, seeds, state_dir};

/// A prompt that makes the fake agent run `wtmag` in its turn, with its output in a file.
fn runs(args: &str) -> String {
    format!("run: GH_TOKEN=dummy {} {args} >>$HOME/said 2>&1", env!("CARGO_BIN_EXE_wtmag"))
}

/// What the commands of the agents printed.
fn said(desk: &Desk) -> String {
    std::fs::read_to_string(desk.sandbox.path("home/said")).unwrap_or_default()
}

fn items(desk: &Desk, more: &[&str]) -> Vec<Value> {
    let listed = desk.wtmag(&[&["inbox", "--json"], more].concat()).json();
    listed.as_array().unwrap().clone()
}

fn kinds(desk: &Desk) -> Vec<String> {
    items(desk, &[]).iter().map(|it| it["kind"].as_str().unwrap().to_owned()).collect()
}

fn worktree(desk: &Desk) -> PathBuf {
    PathBuf::from(desk.list(&[])[0]["worktree"].as_str().unwrap())
}

#[test]
fn a_question_reaches_those_who_wait_and_its_answer_the_worker() {
    let desk = Desk::new();
    let id = desk.worker("topic");
    desk.wait_for_state(&id, "idle");
    let over = items(&desk, &[]);
    assert_eq!((over.len(), &over[0]["kind"]), (1, &"done".into()), "{over:?}");
    let since = over[0]["n"].to_string();
    let wait = desk.start(&["inbox", "--wait=60", "--since", &since, "--json"]);
    desk.wtmag(&["send", &id, &runs("report question 'A or B?' --option A --option 'B #{x}'")])
        .success();
    let (code, text) = wait.end();
    assert_eq!(code, 0, "{text}");
    let found: Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!((&found[0]["kind"], &found[0]["text"]), (&"question".into(), &"A or B?".into()));
    assert_eq!(found[0]["choices"], serde_json::json!(["A", "B #{x}"]));
    let n = found[0]["n"].to_string();
    eventually(SOON, "the answer of `report`", || {
        said(&desk).contains(&format!("reported: question (inbox item {n})")).then_some(())
    });
    desk.wait_for_state(&id, "waiting: question");
    assert_eq!(kinds(&desk), ["question"]);
    let list = desk.wtmag(&["list"]).success();
    assert!(list.contains("waiting: question") && list.contains("A or B?"), "{list}");
    desk.wtmag(&["wait", &id, "--until", "idle", "--timeout", "5"]).success();

    let replied = desk.wtmag(&["inbox", "reply", &n, "B, please"]).success();
    assert!(replied.contains("accepted"), "{replied}");
    eventually(SOON, "the item to end", || {
        (!kinds(&desk).contains(&"question".into())).then_some(())
    });
    let turns = desk.sandbox.agent_log().turns(Some(&id));
    assert_eq!((turns.len(), turns[2].as_str()), (3, "B, please"), "{turns:?}");
    let refused = desk.wtmag(&["inbox", "reply", &n, "again"]).failure(1);
    assert!(refused.contains("no open item"), "{refused}");
    desk.wait_for_state(&id, "idle");
    // Nothing new comes.
    let last = items(&desk, &[])[0]["n"].to_string();
    desk.wtmag(&["inbox", "--wait=1", "--since", &last]).failure(4);
    desk.wtmag(&["inbox", "ack", &last]).success();
    assert_eq!(desk.wtmag(&["inbox"]).success(), "nothing needs you\n");
}

#[test]
fn a_report_needs_no_hub_and_counts_once() {
    let desk = Desk::new();
    let id = desk.worker("topic");
    desk.wait_for_state(&id, "idle");
    let pane = desk.list(&[])[0]["pane"].as_str().unwrap().to_owned();
    let dir = worktree(&desk).join("deep/er");
    std::fs::create_dir_all(&dir).unwrap();
    desk.wtmag(&["hub", "stop"]).success();
    let report = |args: &[&str]| {
        let args = [&["report"], args].concat();
        desk.sandbox.wtmag_in(&pane, args).cwd(&dir).run()
    };
    // Without any variable but those of tmux: the directory tells the worker.
    let kept = report(&["question", "First?"]).success();
    assert!(kept.contains("kept: question"), "{kept}");
    report(&["question", "Second?"]).success();
    desk.wtmag(&["hub", "start"]).success();
    let texts = || -> Vec<String> {
        let questions = items(&desk, &[]).into_iter().filter(|it| it["kind"] == "question");
        questions.map(|it| it["text"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(texts(), ["First?", "Second?"]);
    let pid = desk.wtmag(&["hub", "status", "--json"]).json()["pid"].to_string();
    desk.sandbox.run("kill").args(["-9", &pid]).run().success();
    report(&["question", "Third?"]).success();
    // It starts the hub that was killed.
    eventually(SOON, "the third one", || (texts().len() == 3).then_some(()));
    assert_eq!(texts(), ["First?", "Second?", "Third?"]);
    report(&["done", "Ready \x1b[2Jto\u{202e} merge"]).success();
    assert_eq!(desk.list(&[])[0]["state"]["text"], "done");
    report(&["progress", "Polishing"]).success();
    assert_eq!(desk.list(&[])[0]["progress"]["value"], "Polishing");
    let full = desk.wtmag(&["inbox", "--all"]).success();
    assert!(full.contains("Ready to merge"), "{full}");
    // A new prompt is a new turn.
    desk.wtmag(&["send", &id, "more", "--wait"]).success();
    desk.wait_for_state(&id, "idle");
}

#[test]
fn a_report_of_a_stranger_is_refused() {
    let desk = Desk::new();
    let (one, _other) = (desk.worker("one"), desk.worker("other"));
    desk.wait_for_state(&one, "idle");
    let dir = worktree(&desk);
    let refused = desk.wtmag(&["report", "done", "x"]).failure(1);
    assert!(refused.contains("not inside a worker's worktree"), "{refused}");
    // A shell of the user in the worktree.
    let refused = desk.run(&["report", "done", "x"]).cwd(&dir).run().failure(1);
    assert!(refused.contains(&format!("is not the pane of `{one}`")), "{refused}");
    // Another worker's id, with the pane of the user or of the worker.
    let pane = desk.list(&[])[1]["pane"].as_str().unwrap().to_owned();
    for pane in [&desk.pane, &pane] {
        let run = desk.sandbox.wtmag_in(pane, ["report", "done", "x"]);
        let refused = run.env("WTMAG_WORKER", &one).run().failure(1);
        assert!(refused.contains(&one), "{refused}");
        let run = desk.sandbox.wtmag_in(pane, ["report", "done", "x"]).cwd(&dir);
        let refused = run.env("WTMAG_WORKER", "blog-other").run().failure(1);
        assert!(refused.contains("worktree of"), "{refused}");
    }
    let pane = desk.list(&[])[0]["pane"].as_str().unwrap().to_owned();
    let report = |args: &[&str]| {
        let args = [&["report"], args].concat();
        desk.sandbox.wtmag_in(&pane, args).cwd(&dir).run()
    };
    let long = report(&["done", &"x".repeat(100_000)]).failure(1);
    assert!(long.contains("too long"), "{long}");
    for (url, want) in [
        ("https://github.com/other/repo/pull/5", "no remote of this repository leads to"),
        ("https://github.com/acme/blog/issues/5", "is not the URL of a pull request"),
        ("#5", "is not named by its URL"),
    ] {
        let refused = report(&["done", "x", "--pr", url]).failure(1);
        assert!(refused.contains(want), "{refused}");
    }
    report(&["blocked"]).failure(2);
    assert_eq!(kinds(&desk).iter().filter(|it| *it == "blocked").count(), 0);
    let turns = desk.sandbox.agent_log().turns(Some(&one));
    assert_eq!(turns, [BOOTSTRAP]);
}

#[test]
fn a_pull_request_is_attached_if_it_is_of_this_branch() {
    let mut desk = Desk::new();
    let sha = desk.pull_request();
    desk.github(&sha);
    let id = desk.worker("feature/cache");
    let other = desk.worker("other");
    desk.wait_for_state(&id, "idle");
    let url = "https://github.com/acme/blog/pull/234";
    let send = |id: &str| {
        let text = runs(&format!("report done 'Cached.' --pr {url}"));
        desk.wtmag(&["send", id, &text, "--wait=idle", "--timeout", "30"]).success();
    };
    send(&other);
    let refused = "is for branch `feature/cache`, not for `other`";
    let is_refused = || said(&desk).contains(refused).then_some(());
    assert!(poll(SOON, is_refused).is_some(), "{}", said(&desk));
    send(&id);
    let pr = || {
        let workers = desk.list(&[]);
        let worker = workers.iter().find(|it| it["id"] == id.as_str())?;
        (worker["pr"] == url).then_some(())
    };
    eventually(SOON, "the pull request", pr);
    let inbox = desk.wtmag(&["inbox"]).success();
    assert!(inbox.contains("Cached. · PR #234"), "{inbox}");
}

/// The hub's process, if one runs.
pub(super) fn hub_pid(desk: &Desk) -> Option<i32> {
    let file = state_dir(&desk.sandbox).join("hub.json");
    let file: Value = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    file["pid"].as_i64().and_then(|it| i32::try_from(it).ok())
}

#[test]
fn reports_and_answers_survive_hubs_that_are_killed_at_any_moment() {
    let desk = Desk::new();
    let id = desk.worker("topic");
    desk.wait_for_state(&id, "idle");
    let pane = desk.list(&[])[0]["pane"].as_str().unwrap().to_owned();
    let dir = worktree(&desk);
    let report = |text: &str| {
        let run = desk.sandbox.wtmag_in(&pane, ["report", "question", text]);
        run.cwd(&dir).run().success()
    };
    let n = if is_full() { 100 } else { 12 };
    let texts: Vec<String> = (0..n).map(|at| format!("question {at}")).collect();
    std::thread::scope(|scope| {
        for (text, seed) in texts.iter().zip(seeds(n)) {
            let report = scope.spawn(|| report(text));
            // Before, while or after the hub hears it.
            std::thread::sleep(std::time::Duration::from_millis(seed * 7919 % 60));
            if let Some(pid) = hub_pid(&desk) {
                let pid = nix::unistd::Pid::from_raw(pid);
                // It may be gone already.
                nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap_or_default();
            }
            report.join().unwrap();
        }
    });
    let asked = || -> Vec<Value> {
        items(&desk, &[]).into_iter().filter(|it| it["kind"] == "question").collect()
    };
    eventually(SOON, "all reports", || (asked().len() >= n).then_some(()));
    let found: Vec<String> =
        asked().iter().map(|it| it["text"].as_str().unwrap().to_owned()).collect();
    assert_eq!(found, texts, "each once, in order");
    // The answer to the last one reaches the worker once, although the hub dies on the way.
    let last = asked().last().unwrap()["n"].to_string();
    let reply = desk.start(&["inbox", "reply", &last, "answer"]);
    eventually(SOON, "the answer on its way", || {
        let receipts = desk.wtmag(&["receipts", &id, "--json"]).json();
        (receipts.as_array().unwrap().len() > 1).then_some(())
    });
    let pid = nix::unistd::Pid::from_raw(hub_pid(&desk).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    drop(reply.end());
    let settled = || {
        let receipts = desk.wtmag(&["receipts", &id, "--json"]).json();
        let step = receipts.as_array().unwrap().last().unwrap()["step"].clone();
        (step == "accepted" || step == "failed").then_some(step)
    };
    let step = eventually(SOON, "the receipt", settled);
    let told = desk.sandbox.agent_log().turns(Some(&id));
    let n_told = told.iter().filter(|it| *it == "answer").count();
    assert!(n_told == 1 || step == "failed" && n_told == 0, "{step}: {told:?}");
    assert_eq!(asked().len(), if n_told == 1 { n - 1 } else { n }, "{step}");
}
