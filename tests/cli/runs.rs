//! `run`: tasks that succeed, fail, ask, crash, hang and hit limits; hubs that are killed; landing one after
//! the other.
use std::time::Duration;

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use super::{
    desk::{Desk, SOON},
    inbox::hub_pid,
};
use crate::support::{eventually, is_full, poll, seeds};

const WTMAG: &str = env!("CARGO_BIN_EXE_wtmag");
const ASKS: &str = r#"turn.permission={kind="menu",heading="Run",question="Allow npm test?",entries=["No","Yes"],chosen=0,right=1,hint="Enter to confirm"}"#;
const LIMIT: &str = r#"turn.limit="You've hit your usage limit. Try again in 5 s.""#;
const COMMITS: &str =
    "run: echo x >>$(basename $PWD) && git add . && git commit -qm More && sleep 1";

fn desk() -> Desk {
    let desk = Desk::new();
    let agent = desk.sandbox.fake_agent().display().to_string();
    desk.config(&format!(
        "[agents.asking]\ncommand = \"{agent}\"\nargs = [\"--set\", '''{ASKS}''']\nprofile = \"fake\"\n\
         delivery = \"ready\"\n[agents.limited]\ncommand = \"{agent}\"\nargs = [\"--set\", '''{LIMIT}''']\n\
         profile = \"fake\"\ndelivery = \"ready\"\n[limits]\nresume = true\n[land]\nagents = true\n[answer]\nagents = true\n"
    ));
    desk
}

fn show(desk: &Desk, run: &str) -> Value {
    desk.wtmag(&["run", "show", run, "--json"]).json()
}

fn states(run: &Value) -> Vec<String> {
    let tasks = run["tasks"].as_array().unwrap();
    tasks.iter().map(|it| it["state"].as_str().unwrap().to_owned()).collect()
}

fn line(agent: &str, prompt: &str) -> String {
    serde_json::json!({ "agent": agent, "prompt": prompt }).to_string()
}

fn kill_hub(desk: &Desk) {
    if let Some(pid) = hub_pid(desk) {
        // It may be gone already.
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap_or_default();
    }
}

/// Eight kinds of tasks, again and again: what each one becomes.
fn tasks(n: usize) -> (String, Vec<&'static str>) {
    let report = |what: &str| format!("run: {WTMAG} report {what} && sleep 1");
    let kinds = [
        (line("fake", &format!("Commit\n{COMMITS}")), "done"),
        (line("fake", &format!("Fail\n{}", report("failed 'no way'"))), "failed"),
        (line("asking", &format!("Ask\n{COMMITS}")), "done"),
        (line("dies", "Crash"), "failed"),
        (line("fake", &format!("Report\n{}", report("done 'All green'"))), "done"),
        (line("missing", "No agent"), "failed"),
        (line("limited", &format!("Limit\n{COMMITS}")), "done"),
        (line("slow", "Hang"), "failed"),
    ];
    let all = kinds.iter().cycle().take(n);
    let text: Vec<String> = all.clone().map(|it| it.0.clone()).collect();
    (text.join("\n"), all.map(|it| it.1).collect())
}

/// Answers what asks, until the run is over.
fn to_the_end(desk: &Desk, run: &str, limit: Duration) -> Value {
    let over = || {
        for worker in desk.list(&[]) {
            if worker["state"]["state"] == "waiting" {
                let id = worker["id"].as_str().unwrap();
                drop(desk.wtmag(&["answer", id, "Yes"]));
            }
        }
        let run = show(desk, run);
        (!run["over"].is_null()).then_some(run)
    };
    let found = poll(limit, over);
    found.unwrap_or_else(|| {
        let (run, workers) = (show(desk, run), desk.list(&[]));
        let receipts = desk.wtmag(&["receipts", "--all", "--json"]).json();
        panic!("{run:#}\n{workers:#?}\n{receipts:#}\n{:#?}", desk.sandbox.agent_log().events())
    })
}

#[test]
fn every_task_is_done_once_and_the_account_is_right_though_hubs_are_killed() {
    let jobs: &[&str] = if is_full() { &["1", "4"] } else { &["3"] };
    jobs.iter().for_each(|jobs| run_tasks(jobs));
}

fn run_tasks(jobs: &str) {
    let desk = desk();
    // Those that hang take a minute each.
    let (n, n_kills, limit) = if is_full() { (20, 20, 660) } else { (6, 3, 60) };
    let (text, want) = tasks(n);
    desk.sandbox.put(desk.dir.join("tasks.jsonl"), text);
    let begin = ["run", "-f", "tasks.jsonl", "-j", jobs, "--timeout", "60s", "--json"];
    let begun = desk.wtmag(&begin).json();
    assert_eq!((&begun["run"], begun["tasks"].as_array().unwrap().len()), (&1.into(), n));
    let run = std::thread::scope(|scope| {
        scope.spawn(|| {
            for seed in seeds(n_kills) {
                // At any moment of it.
                std::thread::sleep(Duration::from_millis(300 + seed * 7919 % 1500));
                kill_hub(&desk);
            }
        });
        to_the_end(&desk, "1", Duration::from_secs(limit))
    });
    assert_eq!(states(&run), want, "{run:#}");
    assert_eq!(run["tasks"][0]["commits"], 1, "{run:#}");
    assert_eq!(run["tasks"][1]["why"], "it reported: no way");
    assert_eq!(run["tasks"][3]["why"], "the agent ended (3)");
    assert_eq!(run["tasks"][4]["text"], "All green");
    // A child of a hub that was killed would start another one after the end.
    desk.sandbox.wait_for_end_of("run-job");
    // One worker for each.
    let workers = desk.list(&["--ended"]).len();
    assert_eq!(workers, n, "{run:#}");
    let inbox = desk.wtmag(&["inbox"]).success();
    let n_of = |what| want.iter().filter(|it| **it == what).count();
    let account = format!("run 1 is over: {} done, {} failed", n_of("done"), n_of("failed"));
    assert!(inbox.contains(&account), "{inbox}");
}

/// What the agent left running in the background, or a person at its worktree.
#[test]
fn a_commit_after_the_end_of_the_turn_ends_the_task() {
    let desk = desk();
    desk.wtmag(&["run", "Think"]).success();
    let worker = eventually(SOON, "the worker", || {
        show(&desk, "1")["tasks"][0]["worker"].as_str().map(str::to_owned)
    });
    let hint = || desk.wtmag(&["run", "show", "1"]).success();
    let is_held = || hint().contains("its turn ended without a new commit").then_some(());
    eventually(SOON, "the end of the turn", is_held);
    let commit = "echo x >x && git add x && git commit -qm 'By hand'";
    desk.wtmag(&["exec", &worker, "--", "sh", "-c", commit]).success();
    let over = || (states(&show(&desk, "1")) == ["done"]).then_some(());
    eventually(SOON, "the commit to be noticed", over);
    assert_eq!(show(&desk, "1")["tasks"][0]["commits"], 1);
}

#[test]
fn runs_wait_for_each_other_stop_and_are_tried_again() {
    let desk = desk();
    let begun = desk.wtmag(&["run", "First", "Second", "--agent", "slow", "--timeout", "2h"]);
    assert!(begun.success().starts_with("run 1: 2 tasks, one at a time\n"));
    let worker = eventually(SOON, "the first worker", || {
        show(&desk, "1")["tasks"][0]["worker"].as_str().map(str::to_owned)
    });
    desk.wtmag(&["run", "Third"]).success();
    desk.wtmag(&["run", "Fourth", "--agent", "slow", "--parallel", "--timeout", "1s"]).success();
    eventually(SOON, "the time limit", || (states(&show(&desk, "3")) == ["failed"]).then_some(()));
    let listed = desk.wtmag(&["run", "list"]).success();
    let words: Vec<&str> =
        listed.lines().skip(1).filter_map(|it| it.split_whitespace().nth(2)).collect();
    assert_eq!(words, ["running", "waiting", "over"], "{listed}");
    let shown = desk.wtmag(&["run", "show", "3"]).success();
    assert!(shown.contains("timed out after 1s; its worker keeps running"), "{shown}");
    let refused = desk.wtmag(&["run", "retry", "3", "1"]).failure(1);
    assert!(refused.contains("is still running"), "{refused}");

    desk.wtmag(&["run", "stop", "1"]).success();
    assert_eq!(states(&show(&desk, "1")), ["at work", "skipped"]);
    desk.wtmag(&["cleanup", &worker, "--force"]).success();
    let over = || (states(&show(&desk, "1")) == ["failed", "skipped"]).then_some(());
    eventually(SOON, "the end of the first run", over);
    assert_eq!(show(&desk, "1")["tasks"][0]["why"], "its worker was removed");
    eventually(SOON, "the second run", || {
        show(&desk, "2")["tasks"][0]["worker"].as_str().map(drop)
    });
    let resumed = desk.wtmag(&["run", "resume", "1"]).success();
    assert!(resumed.contains("1 failed, 1 queued"), "{resumed}");
    desk.wtmag(&["run", "retry", "1", "1"]).success();
    assert_eq!(show(&desk, "1")["tasks"][0]["attempt"], 2);
    desk.wtmag(&["run", "stop", "1"]).success();
    for (args, why) in [
        (&["run"][..], "no tasks are given"),
        (&["run", "x", "--model", "nonsense"], "nonsense"),
        (&["run", "x", "--agent", "nobody"], "no agent `nobody`"),
        (&["run", "-f", "none.md"], "could not read `none.md`"),
    ] {
        let said = desk.wtmag(args).failure(2);
        assert!(said.contains(why), "{args:?}: {said}");
    }
    assert!(desk.wtmag(&["run", "show", "9"]).failure(1).contains("there is no run 9"));
}

#[test]
fn each_task_builds_on_what_was_landed_before() {
    let desk = desk();
    let steps = format!(
        "- [ ] One\n\n{0}\n- [x] Not this\n- Two\n\n{0}\n",
        COMMITS.replace("$(basename $PWD)", "steps")
    );
    let steps = steps.replace("\nrun:", "\n  run:");
    desk.sandbox.put(desk.dir.join("../steps.md"), steps);
    let run = desk.run(&["run", "-f", "../steps.md", "--land", "--wait", "--json"]);
    let run = run.limit(Duration::from_secs(120)).run();
    let run: Value = serde_json::from_str(&run.success()).unwrap();
    assert_eq!(states(&run), ["done", "done"], "{run:#}");
    assert_eq!(run["tasks"][1]["landed"], "main");
    let file = std::fs::read_to_string(desk.dir.join("steps")).unwrap();
    assert_eq!(file, "x\nx\n", "the second one had the first one's work");
    assert_eq!(desk.list(&[]).len(), 0);
}
