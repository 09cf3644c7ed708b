//! Tasks on boards and in Jira: those in a column or a query are ready, and they move with the work.
use std::path::Path;

use serde_json::{Value, json};

use super::desk::{Desk, SOON};
use crate::support::eventually;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");

/// A desk whose hub is logged in at the stand-in for GitHub, with issues on a board.
fn desk() -> Desk {
    let mut desk = Desk::without_tmux();
    desk.sandbox.put("config/gh/hosts.yml", "github.com:\n  oauth_token: dummy\n  user: me\n");
    desk.pane = desk.sandbox.tmux().start("main");
    desk.github_with(&"1".repeat(40), |data| {
        data["issues"]["457"] = json!({"title": "Second \u{1b}[2J", "labels": ["bug"]});
        data["issues"]["458"] = json!({"title": "Done already"});
        data["issues"]["459"] = json!({"title": "Closed", "state": "CLOSED"});
    });
    change(&desk, |data| {
        data["page"] = json!(2);
        data["boards"] = json!({"acme/3": {
            "Todo": ["acme/blog#456", "acme/blog#457", "acme/blog#459"], "In progress": [],
            "In review": [], "Done": ["acme/blog#458"],
        }});
    });
    desk
}

fn change(desk: &Desk, edit: impl FnOnce(&mut Value)) {
    let path = desk.sandbox.path("run/gh.json");
    let mut data: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    edit(&mut data);
    let new = desk.sandbox.put("run/gh.new", data.to_string());
    std::fs::rename(new, path).unwrap();
}

/// The column of an issue.
fn column(desk: &Desk, issue: &str) -> String {
    let data = std::fs::read(desk.sandbox.path("run/gh.json")).unwrap();
    let Ok(data) = serde_json::from_slice::<Value>(&data) else { return String::new() };
    let columns = data["boards"]["acme/3"].as_object().unwrap().iter();
    let mut found = columns.filter(|(_, it)| it.as_array().unwrap().contains(&json!(issue)));
    found.next().map(|it| it.0.clone()).unwrap_or_default()
}

fn keys(desk: &Desk, args: &[&str]) -> Vec<String> {
    let all = desk.wtmag(&[&["ready", "--json"], args].concat()).json();
    let key = |it: &Value| format!("{} {}", it["source"], it["key"]).replace('"', "");
    all.as_array().unwrap().iter().map(key).collect()
}

const BOARD: &str = "[land]\nagents = true\n[ready]\nproject = \"acme/3\"\n[board]\nproject = \"acme/3\"\n\
    on_start = \"in progress\"\non_pr = \"In review\"\non_land = \"Done\"\n";

#[test]
fn an_issue_goes_over_the_board_with_its_worker() {
    let desk = desk();
    desk.config(BOARD);
    assert_eq!(keys(&desk, &[]), ["github 456", "github 457"]);
    assert_eq!(keys(&desk, &["--label", "bug"]), ["github 456", "github 457"]);
    let made = desk.wtmag(&["create", "--github", "456", "--json"]);
    assert!(!made.stderr.contains("note:"), "{made}");
    assert_eq!(column(&desk, "acme/blog#456"), "In progress");
    assert_eq!(keys(&desk, &[]), ["github 457"]);
    let id = made.json()["worker"]["id"].as_str().unwrap().to_owned();
    let head = desk.push_work(&id);
    let pulls = json!({"501": {"title": "x", "head": "github-issue-456", "sha": head}});
    change(&desk, |it| it["repositories"]["acme/blog"]["pulls"] = pulls);
    desk.wtmag(&["send", &id, "more"]).success();
    eventually(SOON, "the issue to be in review", || {
        (column(&desk, "acme/blog#456") == "In review").then_some(())
    });
    desk.wtmag(&["wait", &id, "--until", "idle", "--timeout", "20"]).success();
    let landed = desk.wtmag(&["land", &id, "--yes", "--mode", "merge", "--dry-run"]);
    landed.success();
    assert_eq!(column(&desk, "acme/blog#456"), "In review");
    desk.wtmag(&["land", &id, "--yes", "--mode", "merge"]).success();
    assert_eq!(column(&desk, "acme/blog#456"), "Done");
}

#[test]
fn an_issue_is_done_when_a_sweep_finds_that_another_user_has_landed_it() {
    let desk = desk();
    desk.config(BOARD);
    let made = desk.wtmag(&["create", "--github", "456", "--json"]).json();
    let id = made["worker"]["id"].as_str().unwrap().to_owned();
    desk.wait_for_state(&id, "idle");
    desk.commit_work(&id);
    desk.git(&["merge", "--quiet", "--no-edit", "github-issue-456"]);
    desk.wtmag(&["cleanup", "--merged", "--dry-run"]).success();
    assert_eq!(column(&desk, "acme/blog#456"), "In progress");
    let said = desk.wtmag(&["cleanup", "--merged"]).success();
    assert!(said.ends_with("1 worker removed, 0 kept\n"), "{said}");
    assert_eq!(column(&desk, "acme/blog#456"), "Done");
}

#[test]
fn what_goes_wrong_on_a_board_is_a_note() {
    let desk = desk();
    let cases = [
        (
            "project = \"acme/3\"\non_start = \"Doing\"",
            "no column `Doing` (its columns are: Done, In progress",
        ),
        ("project = \"acme/9\"\non_start = \"Doing\"", "#456 is not on the project board `acme/9`"),
        ("on_start = \"no-such-program\"", "no-such-program"),
        ("on_start = \"sh -c 'echo no luck >&2; exit 3'\"", "failed: no luck"),
    ];
    for (board, want) in cases {
        desk.config(&format!("[board]\n{board}\n"));
        let made = desk.wtmag(&["create", "--github", "456", "--no-wait", "--json"]);
        assert!(made.stderr.contains("note: #456 was not moved on its board"), "{made}");
        assert!(made.stderr.contains(want), "{want}: {made}");
        let id = made.json()["worker"]["id"].as_str().unwrap().to_owned();
        desk.wtmag(&["cleanup", &id, "--force"]).success();
    }
    // Who may see a board may not always change it.
    change(&desk, |it| it["boards_are_locked"] = json!(true));
    desk.config("[board]\nproject = \"acme/3\"\non_start = \"Done\"\n");
    let made = desk.wtmag(&["create", "--github", "456", "--no-wait", "--json"]);
    assert!(made.stderr.contains("may not update this project"), "{made}");
    let id = made.json()["worker"]["id"].as_str().unwrap().to_owned();
    desk.wtmag(&["cleanup", &id, "--force"]).success();
    desk.config("[ready]\nproject = \"acme/9\"\n");
    let said = desk.wtmag(&["ready"]).failure(1);
    assert!(
        said.contains("no project board `acme/9`") && said.contains("gh auth refresh -s project"),
        "{said}"
    );
    // A command gets the task, and a task in one's own words has none.
    let log = desk.sandbox.path("moved");
    let script = format!("echo \"$WTMAG_SOURCE $1 $WTMAG_URL\" >>{}", log.display());
    desk.config(&format!("[board]\non_start = '''sh -c '{script}' move'''\n"));
    desk.wtmag(&["create", "x", "--no-wait"]).success();
    desk.wtmag(&["create", "--github", "457", "--no-wait"]).success();
    let moved = || std::fs::read_to_string(&log).unwrap();
    let once = "github-issue 457 https://github.com/acme/blog/issues/457\n";
    assert_eq!(moved(), once);
    // A repository's own needs approval.
    desk.config("");
    let theirs = format!("[board]\non_start = '''sh -c '{script}' move'''\n");
    desk.sandbox.put(desk.dir.join("wtmag.toml"), theirs);
    let said = desk.wtmag(&["create", "--github", "456"]).failure(1);
    assert!(said.contains("board.on_start"), "{said}");
    let made = desk.wtmag(&["create", "--github", "456", "--no-wait", "--yes"]);
    assert!(made.stderr.contains("you have not approved `[board]`"), "{made}");
    assert_eq!(moved(), once);
}

#[test]
fn tickets_that_a_query_finds_are_ready_and_projects_are_counted() {
    let desk = Desk::new();
    let jira = std::fs::read_to_string(Path::new(FIXTURES).join("jira/jira")).unwrap();
    desk.sandbox.put_program("jira", &jira);
    let list = std::fs::read(Path::new(FIXTURES).join("jira/list.json")).unwrap();
    desk.sandbox.put("bin/list.json", list);
    desk.config("[ready]\njql = \"status = 'To Do' AND assignee = currentUser()\"\n");
    let log = desk.sandbox.path("jira.log");
    let ran = desk.run(&["ready", "--source", "jira", "--json"]).env("JIRA_STUB_LOG", &log).run();
    let found = ran.json();
    assert_eq!(found[0]["key"], "PROJ-123");
    assert_eq!(found[0]["args"], json!(["--jira=PROJ-123"]));
    assert_eq!(found[1]["title"], "Evil title");
    assert_eq!(found.as_array().unwrap().len(), 2, "one has no key: {found}");
    let asked = std::fs::read_to_string(&log).unwrap();
    assert!(asked.contains("--jql=status = 'To Do' AND assignee = currentUser()"), "{asked}");
    desk.sandbox.put("bin/list.json", "[]");
    assert_eq!(keys(&desk, &["--source", "jira"]), Vec::<String>::new());
    let said =
        desk.run(&["ready", "--source", "jira"]).env("JIRA_STUB_FAIL", "401").run().failure(1);
    assert!(said.contains("`jira` is not logged in"), "{said}");
    // The other repository has a worker, and this one has none.
    let shop = desk.sandbox.repo("shop").dir;
    desk.run(&["create", "x", "--no-wait"]).cwd(&shop).run().success();
    desk.sandbox
        .put(shop.join("wtmag.toml"), "[sources.own]\ncommand = \"false\"\nready = \"false\"\n");
    let all = desk.wtmag(&["projects", "--json"]).json();
    let row =
        |n: usize| (all[n]["project"].clone(), all[n]["workers"].clone(), all[n]["ready"].clone());
    assert_eq!(row(0), (json!("blog"), json!(0), json!(0)));
    assert_eq!(row(1), (json!("shop"), json!(1), json!(0)));
    assert!(all[1]["problem"].as_str().unwrap().contains("not approved"), "{all}");
    let said = desk.wtmag(&["projects", "--no-ready"]).success();
    assert!(said.contains("PROJECT") && said.contains("shop"), "{said}");
}
