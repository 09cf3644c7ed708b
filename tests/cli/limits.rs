//! `[limits]`: workers over it are refused, or wait in line; several tasks of one `create`.
use super::{
    desk::{Desk, SOON},
    inbox::hub_pid,
};
use crate::support::eventually;

const SMALL: &str = "[limits]\nworkers = 2\nper_agent = { slow = 1 }\n";

#[test]
fn what_is_over_the_limit_is_refused_or_waits_in_line() {
    let desk = Desk::new();
    desk.config(SMALL);
    let slow = desk.worker_of("slow", "one");
    let before = desk.traces();
    let said = desk.wtmag(&["create", "x", "--agent", "slow"]).failure(1);
    assert!(said.contains("1 worker is running with `slow`, and `per_agent.slow`"), "{said}");
    assert!(said.contains("hint: `--queue` waits until one ends"), "{said}");
    assert_eq!(desk.traces(), before);
    let fake = desk.worker("two");
    let said = desk.wtmag(&["create", "x"]).failure(1);
    assert!(said.contains("2 workers are running, and `workers` in `[limits]` is 2"), "{said}");

    let queue =
        |agent: &str| desk.start(&["create", "later", "--queue", "--json", "--agent", agent]);
    let mut first = queue("slow");
    first.says("1 of 1 in line");
    let mut second = queue("fake");
    second.says("2 of 2 in line");
    // The next hub has the same line.
    let pid = nix::unistd::Pid::from_raw(hub_pid(&desk).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    desk.wtmag(&["cleanup", &fake]).success();
    // The first one still waits for its agent: the second one passes it.
    let (code, text) = second.end();
    assert_eq!(code, 0, "{text}");
    desk.wtmag(&["cleanup", &slow, "--force"]).success();
    let (code, text) = first.end();
    assert_eq!(code, 0, "{text}");
    let mut ids: Vec<_> = desk.list(&[]).iter().map(|it| it["id"].to_string()).collect();
    ids.sort();
    assert_eq!(ids, ["\"blog-prompt-later\"", "\"blog-prompt-later-2\""]);
}

#[test]
fn one_of_several_issues_that_fails_does_not_keep_the_others() {
    let mut desk = Desk::new();
    desk.github_with("", |repo| {
        for number in [457, 458] {
            let mut issue = repo["issues"]["456"].clone();
            issue["number"] = number.into();
            repo["issues"][number.to_string()] = issue;
        }
    });
    let name = desk.wtmag(&["create", "--github", "456,457", "-t", "issue", "--name", "x"]);
    assert!(name.failure(2).contains("`--name` cannot be used with several tasks"));
    let made = desk.wtmag(&["create", "--github", "456, 999,457,456", "-t", "issue", "Be quick"]);
    assert_eq!(made.code, 1, "{made}");
    let text = &made.stdout;
    let lines: Vec<&str> = text.lines().filter(|it| !it.starts_with("  hint")).collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(lines[0].starts_with("created blog-github-issue-456  issue #456: Login"), "{text}");
    assert!(lines[0].ends_with("; prompt accepted"), "{text}");
    assert!(lines[1].starts_with("failed  999: "), "{text}");
    assert!(lines[2].starts_with("created blog-github-issue-457"), "{text}");
    assert_eq!(lines[3], "2 of 3 created");
    let made = desk.wtmag(&["create", "--github", "458,456", "-t", "issue", "--json"]);
    assert_eq!(made.code, 1, "{made}");
    let made: serde_json::Value = serde_json::from_str(&made.stdout).unwrap();
    assert_eq!(made["created"][0]["worker"]["id"], "blog-github-issue-458", "{made}");
    assert_eq!(made["failed"][0]["task"], "456");
    let why = made["failed"][0]["error"]["message"].as_str().unwrap();
    assert!(why.contains("already handles this task"), "{made}");
    eventually(SOON, "three workers", || (desk.list(&[]).len() == 3).then_some(()));
}
