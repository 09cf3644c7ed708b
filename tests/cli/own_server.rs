//! A GitHub server of one's own, as `gh` has it: a login in hosts.yml, and a remote that leads there.
use serde_json::json;

use super::desk::{Desk, SOON};
use crate::support::eventually;

const HOST: &str = "ghe.acme.test";

#[test]
fn issues_and_pull_requests_of_an_own_server_are_those_of_github() {
    let mut desk = Desk::without_tmux();
    let login = format!("{HOST}:\n  oauth_token: dummy\n  user: me\n");
    desk.sandbox.put("config/gh/hosts.yml", login);
    desk.pane = desk.sandbox.tmux().start("main");
    desk.config("[land]\nagents = true\nmode = \"pr\"\nneed = [\"checks\", \"approved\"]\n");
    desk.git(&["remote", "set-url", "origin", &format!("git@{HOST}:acme/blog.git")]);
    desk.github_with(&"1".repeat(40), |it| it["issues"]["456"]["assignees"] = json!(["me"]));
    let doctor = desk.run(&["doctor"]).env("GH_TOKEN", "").run().stdout;
    assert!(doctor.contains(&format!("logged in at {HOST}")), "{doctor}");
    let ready = desk.wtmag(&["ready", "--source", "github", "--json"]).json();
    assert_eq!(ready[0]["url"], format!("https://{HOST}/acme/blog/issues/456"), "{ready}");

    let url = format!("https://{HOST}/acme/blog/issues/456");
    let made = desk.wtmag(&["create", "--github", &url, "--json"]).json();
    assert_eq!(made["worker"]["source"]["url"], url.as_str(), "{made}");
    let id = made["worker"]["id"].as_str().unwrap().to_owned();
    desk.wtmag(&["wait", &id, "--until", "idle", "--timeout", "20"]).success();
    let other = desk.wtmag(&["create", "--github", "https://github.com/acme/blog/issues/456"]);
    assert!(other.failure(1).contains("belongs to another repository"));

    let head = desk.push_work(&id);
    let path = desk.sandbox.path("run/gh.json");
    let mut data: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let checks = [json!({"name": "test", "conclusion": "SUCCESS"})];
    data["repositories"]["acme/blog"]["pulls"]["501"] = json!({
        "title": "Login", "head": made["worker"]["branch"], "sha": head, "review": "APPROVED",
        "checks": checks,
    });
    desk.sandbox.put(&path, data.to_string());
    // Once the commit is counted.
    let url = eventually(SOON, "the pull request", || {
        let reviews = desk.wtmag(&["reviews", "--json"]).json();
        reviews[0]["url"].as_str().map(str::to_owned)
    });
    assert_eq!(url, format!("https://{HOST}/acme/blog/pull/501"));
    let done = desk.wtmag(&["land", &id, "--yes", "--json"]).json();
    assert_eq!(done[0]["commit"], "b".repeat(40), "{done}");
}
