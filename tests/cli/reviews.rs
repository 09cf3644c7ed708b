//! Pull requests of workers: noticed, shown with their state, reviewed; and work that others landed.
use serde_json::{Value, json};

use super::desk::{Desk, SOON};
use crate::support::eventually;

/// A desk whose hub is logged in at the stand-in for GitHub.
fn desk(edit: impl Fn(&mut Value)) -> Desk {
    let mut desk = Desk::without_tmux();
    desk.sandbox.put("config/gh/hosts.yml", "github.com:\n  oauth_token: dummy\n  user: me\n");
    desk.pane = desk.sandbox.tmux().start("main");
    desk.github_with(&"1".repeat(40), edit);
    desk
}

fn change(desk: &Desk, edit: impl FnOnce(&mut Value)) {
    let path = desk.sandbox.path("run/gh.json");
    let mut data: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    edit(&mut data["repositories"]["acme/blog"]["pulls"]);
    let new = desk.sandbox.put("run/gh.new", data.to_string());
    std::fs::rename(new, path).unwrap();
}

#[track_caller]
fn wait_for(desk: &Desk, id: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    eventually(SOON, what, || desk.list(&[]).into_iter().find(|it| it["id"] == id && is(it)))
}

#[test]
fn a_pull_request_is_noticed_after_a_push_listed_and_its_merge_is_a_landing() {
    let desk = desk(|_| ());
    let id = desk.worker("docs");
    let head = desk.push_work(&id);
    // The branch's own, and one of a fork with a branch of that name.
    let pulls = json!({
        "500": {"title": "x", "head": "docs", "sha": head, "fork": "eve/blog"},
        "501": {"title": "\u{1b}[2JDocs", "head": "docs", "sha": head, "review": "APPROVED",
            "checks": [{"name": "test", "conclusion": "SUCCESS"}]},
    });
    change(&desk, |it| *it = pulls);
    desk.wtmag(&["send", &id, "more"]).success();
    let it = wait_for(&desk, &id, "the pull request", |it| !it["pull"].is_null());
    assert_eq!(it["pr"], "https://github.com/acme/blog/pull/501");
    let list = desk.wtmag(&["list"]).success();
    assert!(list.contains("#501 ✓ approved"), "{list}");
    let reviews = desk.wtmag(&["reviews", "--json"]).json();
    let first = &reviews[0];
    assert_eq!((&first["number"], &first["head"]), (&json!(501), &json!(head)));
    assert_eq!((&first["checks"], &first["review"]), (&json!("passed"), &json!("approved")));
    let inbox = desk.wtmag(&["inbox"]).success();
    assert!(inbox.contains("PR #501 ✓ approved") && inbox.contains("1 commit +1"), "{inbox}");
    desk.wtmag(&["inbox", "ack", &first["item"].to_string()]).success();
    assert_eq!(desk.wtmag(&["reviews", "--json"]).json()[0]["seen"], true);

    // Merged by someone else, as a squash; the next turn pushes nothing, a look is too early.
    change(&desk, |it| {
        it["501"]["state"] = json!("MERGED");
        it["501"]["merged_as"] = json!("b".repeat(40));
    });
    desk.git_of(&id, &["commit", "--quiet", "--amend", "-m", "One more"]);
    desk.git_of(&id, &["push", "--quiet", "--force", "origin", "docs"]);
    let head = desk.git_of(&id, &["rev-parse", "HEAD"]);
    change(&desk, |it| it["501"]["sha"] = json!(head));
    desk.wtmag(&["send", &id, "more"]).success();
    wait_for(&desk, &id, "the merge", |it| it["pull"]["is_merged"] == true);
    assert_eq!(desk.wtmag(&["reviews"]).success(), "no open pull requests\n");
    desk.sandbox.tmux().run(["kill-window", "-t", "main:docs"]);
    desk.wait_for_state(&id, "landed: main");
    let swept = desk.wtmag(&["cleanup", "--merged"]).success();
    assert!(swept.contains("was merged at its commit"), "{swept}");
}

#[test]
fn work_that_others_merge_is_landed_and_not_lost() {
    let desk = Desk::new();
    let id = desk.worker("docs");
    desk.wtmag(&["wait", &id, "--until", "idle", "--timeout", "20"]).success();
    let dir = desk.commit_work(&id);
    wait_for(&desk, &id, "the commit", |it| it["changes"]["ahead"] == 1);
    // By WorkTrunk from inside, as a squash; it removes the worktree.
    desk.sandbox.run("wt").cwd(&dir).args(["merge", "main", "--yes"]).run().success();
    eventually(SOON, "the worktree to be gone", || (!dir.exists()).then_some(()));
    eventually(SOON, "the landing", || {
        let log = desk.wtmag(&["log", &id]).success();
        log.contains("landed").then_some(())
    });
    desk.sandbox.tmux().run(["kill-window", "-t", "main:docs"]);
    desk.wait_for_state(&id, "landed: main");
    let inbox = desk.wtmag(&["inbox"]).success();
    assert!(!inbox.contains("lost"), "{inbox}");
}
