//! The many ways to give a worker its task, and the setup of its worktree.
use std::path::Path;

use super::desk::Desk;

#[test]
fn a_number_or_a_page_of_github_is_enough() {
    let mut desk = Desk::new();
    let head = desk.pull_request();
    desk.github(&head);
    let id = |args: &[&str]| {
        let args = [&["create", "--dry-run", "--json"][..], args].concat();
        desk.wtmag(&args).json()["id"].as_str().unwrap().to_owned()
    };
    assert_eq!(id(&["--github", "456"]), "blog-github-issue-456");
    assert_eq!(id(&["--github", "#234"]), "blog-github-pr-234");
    let page = "https://github.com/acme/blog";
    assert_eq!(id(&["--github", &format!("{page}/issues/456")]), "blog-github-issue-456");
    assert_eq!(id(&["--github", &format!("{page}/pull/234/files")]), "blog-github-pr-234");
    let other = "https://github.com/acme/other/issues/1";
    let said = desk.wtmag(&["create", "--github", other]).failure(1);
    assert!(said.contains("belongs to another repository") && said.contains("acme/blog"), "{said}");
    let said = desk.wtmag(&["create", "--github", "234", "--base", "main"]).failure(2);
    assert!(said.contains("cannot be used with a pull request"), "{said}");
}

#[test]
fn wrong_words_are_usage_errors() {
    let desk = Desk::new();
    for args in [
        &["x", "--model", "nonsense"][..],
        &[" "],
        &["x", "--agent", "nobody"],
        &["x", "--name", "a..b"],
        &["--github", "x"],
        &["-e"],
    ] {
        desk.wtmag(&[&["create"], args].concat()).failure(2);
    }
    let said = desk.wtmag(&["create", "Fix", "the", "bug", "-s"]).failure(2);
    assert!(said.contains("hint: type `wtmag create \"Fix the bug\"`"), "{said}");
    let said = desk.wtmag(&["create", "x", "--agent", "nobody"]).failure(2);
    assert!(!said.contains("did you mean"), "{said}");
    assert!(said.contains("`[agents.nobody]` and `command = \"nobody\"`"), "{said}");
    let said = desk.wtmag(&["create", "x", "--base", "FETCH_HEAD"]).failure(1);
    assert!(said.contains("--base $(git rev-parse"), "{said}");
    let outside = desk.run(&["create", "x"]).cwd(desk.sandbox.path("home")).run().failure(1);
    assert!(outside.contains("is not in a git repository\nhint: "), "{outside}");
    let away = desk.wtmag(&["create", "x", "--project", "/no/where"]).failure(1);
    assert!(away.contains("`/no/where` does not exist"), "{away}");
}

#[test]
fn work_starts_from_where_one_is_when_asked() {
    let desk = Desk::new();
    desk.git(&["checkout", "-q", "-b", "topic"]);
    desk.git(&["commit", "-q", "--allow-empty", "-m", "mine"]);
    let head = desk.git(&["rev-parse", "HEAD"]);
    let ran = desk.wtmag(&["create", "x", "--base", "HEAD", "--no-wait", "--json"]);
    assert!(ran.stderr.contains(&format!("starting from HEAD, commit {} of `topic`", &head[..12])));
    assert_eq!(ran.json()["worker"]["base"]["sha"], head.as_str());
}

#[test]
fn a_task_in_any_script_names_its_branch() {
    let desk = Desk::new();
    let made = desk.wtmag(&["create", "修复登录页面", "--no-wait", "--json"]).json();
    let worker = &made["worker"];
    assert_eq!(worker["branch"], "prompt-修复登录页面");
    assert!(worker["worktree"].as_str().unwrap().ends_with("blog.prompt-修复登录页面"), "{worker}");
    let id = worker["id"].as_str().unwrap();
    desk.wtmag(&["cleanup", id, "--force"]).success();
}

#[test]
fn a_bead_or_a_change_of_openspec_is_a_task() {
    let desk = Desk::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/beads");
    let bd = std::fs::read_to_string(fixtures.join("bd")).unwrap();
    desk.sandbox.put_program("bd", &bd);
    desk.sandbox.put("bin/bd-a1b2.json", std::fs::read(fixtures.join("bd-a1b2.json")).unwrap());
    let dry =
        |args: &[&str]| desk.wtmag(&[&["create", "--dry-run", "--json"], args].concat()).json();
    let it = dry(&["--bead", "bd-a1b2"]);
    assert_eq!(it["branch"], "bead-bd-a1b2");
    let title = it["source"]["title"].as_str().unwrap();
    let is_clean = !title.chars().any(char::is_control);
    assert!(title.starts_with("Offer a dark mode") && is_clean, "{title:?}");
    let brief = it["brief"].as_str().unwrap();
    assert!(
        brief.contains("A switch in the settings.") && brief.contains("Yes, please."),
        "{brief}"
    );
    assert!(brief.contains("bead bd-a1b2") && !brief.contains('\x1b'), "{brief}");
    let said = desk.wtmag(&["create", "--bead", "bd-9"]).failure(1);
    assert!(said.contains("beads has no bead `bd-9`") && said.contains("bd list"), "{said}");
    desk.wtmag(&["create", "--bead", "--x"]).failure(2);
    let change = "openspec/changes/add-dark-mode";
    desk.sandbox.put(desk.dir.join(change).join("proposal.md"), "# Dark mode\n\n## Why\nNight.\n");
    desk.sandbox.put(desk.dir.join(change).join("specs/ui/spec.md"), "## ADDED Requirements\n");
    let it = dry(&["--opsx", "add-dark-mode"]);
    assert_eq!(
        (&it["branch"], &it["source"]["type"]),
        (&"opsx-change-add-dark-mode".into(), &"openspec-change".into())
    );
    assert!(it["brief"].as_str().unwrap().contains("## ADDED Requirements"));
    desk.wtmag(&["create", "--opsx", "../x"]).failure(2);
    let said = desk.wtmag(&["create", "--opsx", "other"]).failure(1);
    assert!(said.contains("no OpenSpec change `other`"), "{said}");
}

#[test]
fn a_worktree_gets_its_files_and_its_setup() {
    let desk = Desk::new();
    desk.config(
        "[worktree]\nbackend = \"git\"\npath = \"../trees/{repo}/{branch}\"\n\
         copy = [\".env\", \"conf\", \"none\"]\nsetup = \"echo $PWD; cp .env .env.copy\"\n",
    );
    desk.sandbox.put(desk.dir.join(".git/info/exclude"), ".env*\nconf/\n");
    desk.sandbox.put(desk.dir.join(".env"), "SECRET=1\n");
    desk.sandbox.put(desk.dir.join("conf/a/b"), "b");
    let ran = desk.wtmag(&["create", "x", "--name", "a/b", "--no-wait", "--json"]);
    assert!(ran.stderr.contains("none` does not exist, so it was not copied"), "{ran}");
    let made = ran.json();
    let worktree = Path::new(made["worker"]["worktree"].as_str().unwrap()).to_owned();
    assert!(worktree.ends_with("trees/blog/a-b"), "{}", worktree.display());
    for file in [".env", ".env.copy", "conf/a/b"] {
        assert!(worktree.join(file).is_file(), "{file}");
    }
    let before = desk.traces();
    desk.config("[worktree]\nbackend = \"git\"\nsetup = \"echo no luck; exit 7\"\n");
    let said = desk.wtmag(&["create", "y"]).failure(1);
    assert!(said.contains("the setup command `echo no luck; exit 7` failed with code 7"), "{said}");
    assert!(said.contains("  | no luck"), "{said}");
    assert_eq!(desk.traces(), before);
    desk.wtmag(&["create", "y", "--no-hooks", "--no-wait"]).success();
}

#[test]
fn a_copy_does_not_leave_the_worktree_by_a_link_of_the_repository() {
    let desk = Desk::new();
    let outside = desk.sandbox.path("outside");
    std::fs::create_dir(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, desk.dir.join("conf")).unwrap();
    desk.git(&["add", "conf"]);
    desk.git(&["commit", "-q", "-m", "a link"]);
    desk.git(&["push", "-q"]);
    std::fs::remove_file(desk.dir.join("conf")).unwrap();
    desk.sandbox.put(desk.dir.join("conf/.env"), "SECRET=1");
    desk.config("[worktree]\ncopy = [\"conf/.env\"]\n");
    let said = desk.wtmag(&["create", "x"]).failure(1);
    assert!(said.contains("a link leads out of the new worktree"), "{said}");
    assert!(!outside.join(".env").exists());
}

#[test]
fn a_worker_that_takes_a_branch_up_again_knows_where_it_came_from() {
    let desk = Desk::new();
    let id = desk.worker("docs");
    desk.wait_for_state(&id, "idle");
    let base = desk.list(&[])[0]["base"].clone();
    desk.wtmag(&["cleanup", &id, "--keep-branch"]).success();
    let made = desk.wtmag(&["create", "x", "--name", "docs", "--reuse", "--json"]).json();
    assert_eq!(made["worker"]["base"], base);
    desk.wait_for_state(&id, "idle");
    // The branch is still wtmag's, so it goes with the worker.
    desk.wtmag(&["cleanup", made["worker"]["id"].as_str().unwrap()]).success();
    assert_eq!(desk.git(&["branch", "--list", "docs"]), "");
}

#[test]
fn the_server_of_another_worker_is_named() {
    let desk = Desk::new();
    let elsewhere = desk.sandbox.path("run/other");
    let socket = elsewhere.to_str().unwrap();
    let args = ["create", "x", "--name", "docs", "--no-wait", "-s", "-S", socket];
    desk.wtmag(&args).success();
    let reuse = ["create", "x", "--name", "docs", "--reuse", "--no-wait"];
    let said = desk.wtmag(&reuse).failure(1);
    assert!(said.contains(&format!("`wtmag -S {socket} cleanup blog-docs` removes it")), "{said}");
    desk.sandbox.run("tmux").args(["-S", socket, "kill-server"]).run().success();
    crate::support::eventually(super::desk::SOON, "the server's end", || {
        std::os::unix::net::UnixStream::connect(&elsewhere).is_err().then_some(())
    });
    // Its agent has ended with it.
    desk.wtmag(&reuse).success();
    let stopped = desk.wtmag(&["-S", socket, "hub", "stop"]);
    assert!(matches!(stopped.code, 0 | 3), "{stopped}");
}

#[test]
fn tasks_that_may_be_begun_are_listed_without_those_that_have_a_worker() {
    let mut desk = Desk::new();
    let said = desk.wtmag(&["ready", "--source", "bead"]).failure(1);
    assert!(said.contains("bd"), "{said}");
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/beads");
    let bd = std::fs::read_to_string(fixtures.join("bd")).unwrap();
    desk.sandbox.put_program("bd", &bd);
    desk.sandbox.put("bin/bd-a1b2.json", std::fs::read(fixtures.join("bd-a1b2.json")).unwrap());
    std::fs::create_dir(desk.dir.join(".beads")).unwrap();
    desk.github_with(&"1".repeat(40), |data| {
        data["issues"]["456"]["assignees"] = serde_json::json!(["me"]);
        let title = "Evil \u{1b}[2J title";
        data["issues"]["457"] = serde_json::json!({"title": title, "labels": ["bug"]});
    });
    let keys = |args: &[&str]| -> Vec<String> {
        let all = desk.wtmag(&[&["ready", "--json"], args].concat()).json();
        let key =
            |it: &serde_json::Value| format!("{} {}", it["source"], it["key"]).replace('"', "");
        all.as_array().unwrap().iter().map(key).collect()
    };
    assert_eq!(keys(&[]), ["github 456", "bead bd-a1b2"]);
    assert_eq!(keys(&["--source", "github", "--label", "bug"]), ["github 456", "github 457"]);
    let said = desk.wtmag(&["ready", "--label", "bug"]).success();
    assert!(said.contains("Evil") && !said.contains('\x1b'), "{said}");
    desk.wtmag(&["create", "--github", "456", "--json"]).json();
    assert_eq!(keys(&[]), ["bead bd-a1b2"]);
}
