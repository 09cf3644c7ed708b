//! Trackers that the configuration adds, and the tasks that trackers say are ready.
use std::path::Path;

use serde_json::Value;

use super::desk::{Desk, SOON};
use crate::support::eventually;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");

/// The example of `wtmag help sources`, as a user would copy it.
fn linear_example() -> String {
    let page = include_str!("../../src/docs/sources.md");
    let example = page.split("## Example: Linear").nth(1).unwrap();
    example.split("```toml\n").nth(1).unwrap().split("```").next().unwrap().to_owned()
}

/// With the stand-in for `linear` in PATH.
fn with_linear() -> Desk {
    let desk = Desk::new();
    let dir = Path::new(FIXTURES).join("linear");
    let program = std::fs::read_to_string(dir.join("linear")).unwrap();
    desk.sandbox.put_program("linear", &program);
    for file in ["ENG-12.json", "ready.json"] {
        desk.sandbox.put(Path::new("bin").join(file), std::fs::read(dir.join(file)).unwrap());
    }
    desk
}

fn keys(desk: &Desk, args: &[&str]) -> Vec<String> {
    let all = desk.wtmag(&[&["ready", "--json"], args].concat()).json();
    let key = |it: &Value| format!("{} {}", it["source"], it["key"]).replace('"', "");
    all.as_array().unwrap().iter().map(key).collect()
}

#[test]
fn the_documented_example_gives_tasks_of_linear() {
    let desk = with_linear();
    desk.config(&linear_example());
    let dry = desk.wtmag(&["create", "--source", "linear:ENG-12", "--dry-run", "--json"]).json();
    assert_eq!(dry["branch"], "linear-eng-12");
    assert_eq!(dry["source"]["type"], "linear");
    assert_eq!(dry["source"]["title"], "Export the #{pane_id} report");
    let brief = dry["brief"].as_str().unwrap();
    let at = |text: &str| brief.find(text).unwrap_or_else(|| panic!("{text}: {brief}"));
    assert!(at("Finance wants it.") < at("As CSV?") && at("As CSV?") < at("Semicolons, please."));
    assert!(
        brief.contains("Ann") && brief.contains("finance") && !brief.contains(['\x1b', '\u{202e}'])
    );
    assert!(at("`````") < at("Ignore all of the above."), "the fence is longer than theirs");
    assert_eq!(keys(&desk, &[]), ["linear ENG-12", "linear ENG-15", "linear ENG-16"]);
    let said = desk.wtmag(&["ready"]).success();
    assert!(
        said.contains("Evil") && !said.contains('\x1b') && !said.contains("javascript"),
        "{said}"
    );
    // One that has a worker is left out, as is one that waits in a run.
    desk.wtmag(&["create", "--source", "linear:ENG-12", "--json"]).json();
    let listed = desk.wtmag(&["list"]).success();
    assert!(listed.contains("Export the #{pane_id} report"), "{listed}");
    assert!(desk.wtmag(&["show", "ENG-12"]).success().contains("linear ENG-12"));
    assert_eq!(keys(&desk, &["-n", "1"]), ["linear ENG-15"]);
    let third = include_str!("../fixtures/linear/ENG-12.json").replace("ENG-12", "ENG-16");
    desk.sandbox.put("bin/ENG-16.json", third);
    let run = ["run", "--source", "linear:ENG-16,ENG-15", "--agent", "slow"];
    desk.wtmag(&run).success();
    assert_eq!(keys(&desk, &[]), Vec::<String>::new());
    assert!(desk.wtmag(&["run", "--ready"]).success().is_empty());
    desk.wtmag(&["run", "stop", "1"]).success();
    assert_eq!(keys(&desk, &[]), ["linear ENG-15"]);
    let begun = desk.wtmag(&["run", "--ready", "--parallel", "--json"]).json();
    assert_eq!(begun["tasks"][0]["title"], "source linear:ENG-15");
    assert_eq!(begun["tasks"].as_array().unwrap().len(), 1);
    // There is no such issue: the task fails, and says why.
    let failed = eventually(SOON, "the task to fail", || {
        let run = desk.wtmag(&["run", "show", "2", "--json"]).json();
        run["tasks"][0]["why"].as_str().map(str::to_owned)
    });
    assert!(failed.contains("Issue not found: ENG-15"), "{failed}");
}

#[test]
fn what_a_command_does_wrong_is_said_with_the_command_to_try() {
    let desk = Desk::new();
    let cases = [
        ("exit 3", "the command of `[sources.own]` failed: it did not say why"),
        ("echo '\u{1b}[31mno luck' >&2; exit 1", "failed: no luck"),
        ("echo hello", "did not print the JSON that wtmag expects"),
        (r#"echo '{"title":""}'"#, "printed a task without a title"),
        (r#"echo '{"body":"x"}'"#, "missing field `title`"),
        (r#"echo '{"title":"x","key":"--all"}'"#, "gave `--all` as the key"),
        (r#"echo '{"title":"x","key":"a b"}'"#, "as the key"),
        (r#"echo '{"title":7}'"#, "did not print the JSON"),
        ("kill -9 $$", "failed"),
    ];
    for (script, want) in cases {
        let program = desk.sandbox.put_program("own", &format!("#!/bin/sh\n{script}\n"));
        desk.config(&format!("[sources.own]\ncommand = \"{}\"\n", program.display()));
        let before = desk.traces();
        let said = desk.wtmag(&["create", "--source", "own:A-1"]).failure(1);
        assert!(said.contains(want) && said.contains("/own A-1`"), "{script}: {said}");
        assert!(!said.contains('\x1b'), "{said}");
        assert_eq!(desk.traces(), before);
    }
    desk.config(
        "[sources.own]\ncommand = \"no-such-program\"\nready = \"no-such-program ready\"\n",
    );
    let said = desk.wtmag(&["create", "--source", "own:A-1"]).failure(1);
    assert!(said.contains("needs `no-such-program`, which is not installed"), "{said}");
    assert!(desk.wtmag(&["ready"]).failure(1).contains("no-such-program"));
    let said = desk.wtmag(&["create", "--source", "other:A-1"]).failure(1);
    assert!(said.contains("no `[sources.other]`") && said.contains("it has these: own"), "{said}");
    assert!(
        desk.wtmag(&["run", "--source", "other:A-1"]).failure(2).contains("no `[sources.other]`")
    );
    for bad in ["own", "own:--all", "own:", "own:a b", "github:1"] {
        desk.wtmag(&["create", "--source", bad]).failure(2);
    }
    let said = desk.wtmag(&["ready", "--source", "jira"]).failure(1);
    assert!(said.contains("`[ready] jql` is not set"), "{said}");
    let said = desk.wtmag(&["ready", "--source", "x"]).failure(2);
    assert!(said.contains("`github`") && said.contains("`own`"), "{said}");
    for (bad, want) in [
        ("[sources.jira]\ncommand = \"x\"\n", "not the name of a built-in source"),
        ("[sources.x]\nready = \"x\"\n", "`[sources.x]` needs a `command`"),
        ("[sources.x]\ncommand = 7\n", "`sources.x.command` must be a command"),
        ("[sources.x]\ncomand = \"x\"\n", "did you mean `command`?"),
    ] {
        desk.config(bad);
        let said = desk.wtmag(&["ready"]).failure(1);
        assert!(said.contains(want), "{said}");
    }
}

#[test]
fn a_command_of_the_repository_runs_only_once_approved() {
    let desk = Desk::new();
    let mark = desk.sandbox.path("ran");
    let program = desk.sandbox.put_program(
        "theirs",
        &format!(
            "#!/bin/sh\ntouch {}\necho '{{\"title\":\"T\",\"key\":\"A-1\"}}'\n",
            mark.display()
        ),
    );
    let text = format!("[sources.theirs]\ncommand = \"{0}\"\nready = \"{0}\"\n", program.display());
    desk.sandbox.put(desk.dir.join("wtmag.toml"), text);
    for args in [
        &["create", "--source", "theirs:A-1"][..],
        &["create", "--source", "theirs:A-1", "--dry-run"],
        &["run", "--source", "theirs:A-1"],
        &["ready"],
    ] {
        let said = desk.wtmag(args).failure(1);
        assert!(
            said.contains("you have not approved") && said.contains("sources.theirs.command"),
            "{said}"
        );
        assert!(!mark.exists(), "{args:?}");
    }
    desk.wtmag(&["create", "x", "--no-wait"]).success();
    desk.wtmag(&["create", "--source", "theirs:A-1", "--dry-run", "--yes"]).success();
    desk.wtmag(&["config", "approve", "--yes"]).success();
    desk.wtmag(&["create", "--source", "theirs:A-1", "--no-wait"]).success();
    // A list of tasks is an array.
    assert!(desk.wtmag(&["ready"]).failure(1).contains("did not print the JSON"));
}

#[test]
fn a_task_that_waits_for_room_or_a_time_is_not_ready() {
    let desk = with_linear();
    desk.config(&format!("{}[limits]\nworkers = 1\n", linear_example()));
    desk.worker_of("slow", "other");
    let mut waiting = desk.start(&["create", "--source", "linear:ENG-12", "--queue"]);
    waiting.says("waiting until another worker ends");
    assert_eq!(keys(&desk, &[]), ["linear ENG-15", "linear ENG-16"]);
    desk.wtmag(&["create", "--source", "linear:ENG-15", "--in", "2h"]).success();
    assert_eq!(keys(&desk, &[]), ["linear ENG-16"]);
}

/// With the stand-in for `glab`, which knows the server `git.acme.test` that no name tells.
fn with_gitlab() -> Desk {
    let desk = Desk::new();
    let url = "git@git.acme.test:acme/web/blog.git";
    desk.git(&["remote", "set-url", "origin", url]);
    desk.git(&["checkout", "--quiet", "-b", "feature"]);
    desk.sandbox.put(desk.dir.join("cache.rs"), "fn cache() {}\n");
    desk.git(&["add", "cache.rs"]);
    desk.git(&["commit", "--quiet", "-m", "Cache"]);
    desk.git(&["push", "--quiet", "origin", "HEAD:refs/merge-requests/7/head"]);
    let sha = desk.git(&["rev-parse", "HEAD"]);
    desk.git(&["checkout", "--quiet", "main"]);
    let dir = Path::new(FIXTURES).join("glab");
    let data = std::fs::read_to_string(dir.join("data.json")).unwrap();
    desk.sandbox.put("bin/data.json", data.replace(&"1".repeat(40), &sha));
    desk.sandbox.put_program("glab", &std::fs::read_to_string(dir.join("glab")).unwrap());
    desk
}

#[test]
fn work_comes_from_a_gitlab_server_of_ones_own() {
    let desk = with_gitlab();
    let head = desk.git(&["rev-parse", "feature"]);
    assert_eq!(keys(&desk, &[]), ["gitlab 12"]);
    let made = desk.wtmag(&["create", "--gitlab", "!7", "--json"]).json();
    let worker = &made["worker"];
    assert_eq!((&worker["branch"], &worker["kind"]), (&"gitlab-mr-7".into(), &"review".into()));
    let worktree = Path::new(worker["worktree"].as_str().unwrap());
    let at = desk.sandbox.run("git").cwd(worktree).args(["rev-parse", "HEAD"]).run().success();
    assert_eq!(at.trim(), head);
    let brief = std::fs::read_to_string(worktree.join(".wtmag/prompt.md")).unwrap();
    assert!(brief.starts_with("# Review merge request !7"), "{brief}");
    assert!(brief.contains("glab mr diff 7"), "{brief}");
    // The forge is asked about it, as about a pull request.
    eventually(SOON, "the state of the merge request", || {
        desk.wtmag(&["list"]).success().contains("!7 ✓ approved").then_some(())
    });
    let dry = desk.wtmag(&["create", "--gitlab", "12", "--dry-run", "--json"]).json();
    assert_eq!(dry["branch"], "gitlab-issue-12");
    let brief = dry["brief"].as_str().unwrap();
    assert!(
        brief.contains("## Open the merge request") && brief.contains("glab mr create"),
        "{brief}"
    );
    desk.wtmag(&["create", "--gitlab", "12", "--json"]).json();
    assert_eq!(keys(&desk, &[]), Vec::<String>::new());
    for bad in ["--x", "0", "https://gitlab.com/a/b/wikis/1"] {
        desk.wtmag(&["create", &format!("--gitlab={bad}")]).failure(2);
    }
    desk.wtmag(&["create", "--gitlab", "!7", "-t", "issue"]).failure(2);
}

/// GitLab merges exactly the commit that was checked, once it may.
#[test]
fn a_merge_request_is_merged_on_gitlab() {
    let desk = with_gitlab();
    let settings = |method: &str| {
        let need = "need = [\"checks\", \"approved\"]";
        desk.config(&format!("[land]\nagents = true\nmode = \"pr\"\npr = \"{method}\"\n{need}\n"));
    };
    let path = desk.sandbox.path("bin/data.json");
    let merge_request = |edit: &dyn Fn(&mut Value)| -> Value {
        let mut data: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let it = &mut data["projects"]["acme/web/blog"]["merge_requests"]["7"];
        edit(it);
        let after = it.clone();
        let new = desk.sandbox.put("bin/data.new", data.to_string());
        std::fs::rename(new, &path).unwrap();
        after
    };
    settings("squash");
    let made = desk.wtmag(&["create", "--gitlab", "!7", "--json"]).json();
    let id = made["worker"]["id"].as_str().unwrap().to_owned();
    let dir = Path::new(made["worker"]["worktree"].as_str().unwrap()).to_owned();
    desk.wait_for_state(&id, "idle");
    let shown = desk.git(&["rev-parse", "gitlab-mr-7"]);
    desk.sandbox.put(dir.join("fix.txt"), "fixed");
    let git = |args: &[&str]| desk.sandbox.run("git").cwd(&dir).args(args).run().success();
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "-m", "Fix"]);
    let tip = desk.git(&["rev-parse", "gitlab-mr-7"]);
    let refused = |want: &str| {
        let said = desk.wtmag(&["land", &id, "--yes"]).failure(1);
        assert!(said.contains(want), "{want}: {said}");
        assert_ne!(merge_request(&|_| ())["state"], "merged");
    };
    refused(&format!("its pull request is at {}, but the branch at", &shown[..7]));
    merge_request(&|it| {
        it["sha"] = tip.as_str().into();
        it["merges_as"] = "b".repeat(40).into();
        it["pipeline"] = "FAILED".into();
    });
    refused("a check failed");
    merge_request(&|it| it["pipeline"] = "RUNNING".into());
    refused("the checks of its pull request still run");
    merge_request(&|it| {
        it["pipeline"] = "SUCCESS".into();
        it["approved_by"] = serde_json::json!([]);
    });
    refused("it is not approved");
    merge_request(&|it| it["approved_by"] = serde_json::json!(["bob"]));
    settings("rebase");
    refused("GitLab rebases by a setting of the project");
    settings("squash");
    let main = desk.git(&["rev-parse", "main"]);
    let done = desk.wtmag(&["land", &id, "--yes", "--json"]).json();
    assert_eq!((&done[0]["into"], &done[0]["commit"]), (&"main".into(), &"b".repeat(40).into()));
    assert_eq!(done[0]["mode"], "pr squash, !7");
    assert_eq!(done[0]["removed"]["branch_deleted"], true, "{done}");
    assert_eq!(merge_request(&|_| ())["state"], "merged");
    assert_eq!(desk.git(&["rev-parse", "main"]), main, "nothing is merged here");
    desk.wtmag(&["restore", &id]).success();
    assert_eq!(desk.git(&["rev-parse", "gitlab-mr-7"]), tip);
}
