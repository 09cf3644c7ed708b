//! Hostile issues, pull requests and repositories, through the whole of `create`: clear errors or harmless
//! results, nothing run and nothing written outside.
use std::{fs, os::unix::fs::symlink};

use serde_json::json;

use super::desk::{BOOTSTRAP, Desk};

const COMMANDS: &str = "$(touch x)#(touch y);kill-server";

/// No file that a hostile text would have made, and the server still there.
#[track_caller]
fn check_unharmed(desk: &Desk) {
    let root = desk.sandbox.path("");
    let root = root.to_str().unwrap();
    let args = [root, "-name", "[xyz]", "-type", "f"];
    assert_eq!(desk.sandbox.run("find").args(args).run().success(), "");
    assert!(desk.sandbox.tmux().is_running());
}

#[test]
fn a_pull_request_of_a_hostile_branch_is_reviewed_like_any_other() {
    let mut desk = Desk::new();
    let sha = desk.pull_request();
    desk.github_with(&sha, |repo| repo["pulls"]["234"]["head"] = json!(COMMANDS));
    let made = desk.wtmag(&["create", "--github", "234", "-t", "pr", "--json"]).json();
    assert_eq!(made["worker"]["branch"], "github-pr-234");
    assert_eq!(desk.sandbox.agent_log().turns(Some("blog-github-pr-234")), [BOOTSTRAP]);
    check_unharmed(&desk);
}

#[test]
fn an_issue_with_a_hostile_title_and_a_huge_body_is_data() {
    let mut desk = Desk::new();
    desk.github_with("", |repo| {
        let issue = &mut repo["issues"]["456"];
        issue["title"] = json!("\x1b]0;own\x07a\r\n\n#{pane_id} #(touch z)\u{202e} `$(touch x)`");
        issue["body"] = json!(format!("{COMMANDS}\n\x1b[2J").repeat(30_000));
    });
    let said = desk.wtmag(&["create", "--github", "456", "-t", "issue"]).success();
    let shown = desk.wtmag(&["show", "456"]).success();
    let listed = desk.wtmag(&["list"]).success();
    for text in [&said, &shown, &listed] {
        assert!(!text.contains(['\x1b', '\x07', '\r', '\u{202e}']), "{text:?}");
    }
    assert!(shown.contains("#{pane_id} #(touch z)"), "{shown}");
    let worktree = desk.list(&[])[0]["worktree"].as_str().unwrap().to_owned();
    let brief = fs::read_to_string(format!("{worktree}/.wtmag/prompt.md")).unwrap();
    assert!(brief.len() < 200 << 10 && !brief.contains('\x1b'), "{} bytes", brief.len());
    assert_eq!(desk.sandbox.agent_log().turns(Some("blog-github-issue-456")), [BOOTSTRAP]);
    check_unharmed(&desk);
}

#[test]
fn a_repository_whose_wtmag_leads_outside_is_refused() {
    let desk = Desk::new();
    let outside = desk.sandbox.put("home/dear", "valuable to its owner\n");
    symlink(&outside, desk.dir.join(".wtmag")).unwrap();
    desk.git(&["add", "-f", ".wtmag"]);
    desk.git(&["commit", "--quiet", "-m", "A trap"]);
    desk.git(&["push", "--quiet", "origin", "main"]);
    let before = desk.traces();
    let said = desk.wtmag(&["create", "--prompt", "x"]).failure(1);
    assert!(said.contains("`.wtmag`"), "{said}");
    assert_eq!(fs::read_to_string(outside).unwrap(), "valuable to its owner\n");
    assert_eq!(desk.traces(), before);
    assert!(desk.list(&["--all"]).is_empty());
}

#[test]
fn two_repositories_of_one_name_have_workers_of_two_names() {
    let desk = Desk::new();
    let other = desk.sandbox.path("elsewhere/blog");
    let (from, to) = (desk.dir.to_str().unwrap(), other.to_str().unwrap());
    desk.git(&["clone", "--quiet", from, to]);
    let args = ["create", "--prompt", "-rf / --no-wait", "--json"];
    let one = desk.wtmag(&args).json();
    let two = desk.run(&args).cwd(&other).run().json();
    assert_eq!(one["worker"]["id"], "blog-prompt-rf-no-wait");
    assert_eq!(two["worker"]["id"], "blog-prompt-rf-no-wait-2");
    assert!(two["worker"]["worktree"].as_str().unwrap().contains("elsewhere"));
    assert_eq!(two["worker"]["branch"], "prompt-rf-no-wait");
}

#[test]
fn names_with_paths_name_no_worker() {
    let desk = Desk::new();
    desk.worker("topic");
    for id in ["../topic", "..", "/", "blog-topic/../../home", "%1", "@1", "=main", "-x"] {
        for verb in ["show", "cleanup", "promote", "attach", "receipts"] {
            let ran = desk.wtmag(&[verb, "--id", id]);
            assert!(matches!(ran.code, 1 | 2), "{verb} {id}: {ran}");
        }
        let ran = desk.wtmag(&["send", "--", id, "x"]);
        assert_eq!(ran.code, 1, "send {id}: {ran}");
    }
    let said = desk.wtmag(&["create", "--prompt", "x", "--name", "../../x"]).failure(2);
    assert!(said.contains("cannot be used as a branch name"), "{said}");
    assert_eq!(desk.list(&["--all"]).len(), 1);
    check_unharmed(&desk);
}
