//! Settings that `create` uses: where its worker is shown, and where a project's file is found.
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::desk::Desk;

/// What no other file says.
const OURS: &str = "[launch]\nimplementation = \"session\"\n";

const ISSUE: [&str; 4] = ["--github", "456", "-t", "issue"];
const PULL: [&str; 4] = ["--github", "234", "-t", "pr"];

/// A desk at which there are an issue and a pull request.
fn forge() -> Desk {
    let mut desk = Desk::new();
    let head = desk.pull_request();
    desk.github(&head);
    desk
}

/// What `create` would make from this directory.
#[track_caller]
fn planned(desk: &Desk, dir: &Path, args: &[&str]) -> Value {
    let create = [&["create", "--dry-run", "--json"][..], args].concat();
    desk.run(&create).cwd(dir).run().json()
}

/// The value of a setting as `wtmag config` has it in this directory, and where that is from.
#[track_caller]
fn setting(desk: &Desk, dir: &Path, key: &str) -> (String, String) {
    let settings = desk.run(&["config", "--json"]).cwd(dir).run().json();
    let found = settings.as_array().unwrap().iter().find(|it| it["key"] == key).unwrap();
    let text = |name: &str| found[name].as_str().unwrap().to_owned();
    (text("value"), text("origin"))
}

/// Here it is this file that counts.
#[track_caller]
fn check_file(desk: &Desk, dir: &Path, file: &Path) {
    let (value, origin) = setting(desk, dir, "launch.implementation");
    assert_eq!(
        (&*value, origin),
        ("session", format!("{}:2", file.display())),
        "{}",
        dir.display()
    );
    let plan = planned(desk, dir, &["--prompt", "x"]);
    assert_eq!(plan["placement"], "session", "{}", dir.display());
}

/// The file does not exist here.
#[track_caller]
fn check_none(desk: &Desk, dir: &Path) {
    let none = ("window".to_owned(), "built-in".to_owned());
    assert_eq!(setting(desk, dir, "launch.implementation"), none, "{}", dir.display());
    assert_eq!(planned(desk, dir, &["--prompt", "x"])["placement"], "window");
}

fn below(dir: &Path) -> PathBuf {
    let below = dir.join("docs/deep");
    std::fs::create_dir_all(&below).unwrap();
    below
}

#[test]
fn the_settings_decide_the_place_and_flags_win() {
    let desk = forge();
    let prompt: &[&str] = &["--prompt", "x"];
    let placement = |args: &[&str]| planned(&desk, &desk.dir, args)["placement"].clone();
    assert_eq!([placement(prompt), placement(&PULL)], ["window", "window"]);
    for (work, review) in [("session", "window"), ("window", "session")] {
        desk.config(&format!("[launch]\nimplementation = \"{work}\"\nreview = \"{review}\"\n"));
        for (task, want) in [(prompt, work), (&ISSUE, work), (&PULL, review)] {
            assert_eq!(placement(task), want, "{task:?}");
            for (flag, want) in [
                ("-w", "window"),
                ("--launch=window", "window"),
                ("-s", "session"),
                ("--launch=session", "session"),
            ] {
                assert_eq!(placement(&[task, &[flag]].concat()), want, "{task:?} {flag}");
            }
        }
    }
}

#[test]
fn workers_are_made_where_the_settings_or_the_flags_say() {
    let desk = forge();
    desk.config("[launch]\nimplementation = \"session\"\nreview = \"window\"\n");
    for (args, id, session) in [
        (&ISSUE[..], "blog-github-issue-456", "blog-github-issue-456"),
        (&PULL, "blog-github-pr-234", "main"),
        (&["--prompt", "x", "-w"], "blog-prompt-x", "main"),
        (&["--prompt", "y", "--launch", "window"], "blog-prompt-y", "main"),
    ] {
        let made = desk.wtmag(&[&["create", "--json"], args].concat()).json();
        let worker = &made["worker"];
        assert_eq!((&worker["id"], &worker["session"]), (&id.into(), &session.into()));
        let want = if session == "main" { "window" } else { "session" };
        assert_eq!(worker["placement"], want, "{made}");
        let target = format!("={session}");
        let shown = desk.sandbox.tmux().run(["list-windows", "-t", &target, "-F", "#{@wtmag_id}"]);
        assert!(shown.lines().any(|it| it == id), "{shown}");
    }
    desk.wtmag(&["cleanup", "blog-github-pr-234", "--force"]).success();
    let made = desk.wtmag(&[&["create", "--json", "-s"], &PULL[..]].concat()).json();
    assert_eq!(made["worker"]["session"], "blog-github-pr-234", "{made}");
}

#[test]
fn a_setting_that_wants_a_window_is_named_outside_tmux() {
    let desk = Desk::without_tmux();
    let said = desk.wtmag(&["create", "--prompt", "x", "--dry-run"]).failure(1);
    let want =
        "a window needs a tmux session (`[launch]` asks for one), and you are not inside tmux";
    assert!(said.contains(want), "{said}");
    desk.config(OURS);
    assert_eq!(planned(&desk, &desk.dir, &["--prompt", "x"])["placement"], "session");
}

#[test]
fn a_projects_file_is_found_from_below_and_from_every_worktree() {
    let desk = Desk::new();
    let topic = desk.sandbox.path("src/topic");
    desk.git(&["worktree", "add", "--quiet", "-b", "topic", topic.to_str().unwrap()]);
    let places = [desk.dir.clone(), below(&desk.dir), topic.clone(), below(&topic)];
    places.iter().for_each(|dir| check_none(&desk, dir));
    let file = desk.sandbox.put(desk.dir.join("wtmag.toml"), OURS);
    places.iter().for_each(|dir| check_file(&desk, dir, &file));
    let home = desk.sandbox.path("home");
    let project = ["--prompt", "x", "--project", places[3].to_str().unwrap()];
    assert_eq!(planned(&desk, &home, &project)["placement"], "session");
    // What the worktree itself has is nearer.
    let own = desk.sandbox.put(topic.join("wtmag.toml"), OURS);
    places[..2].iter().for_each(|dir| check_file(&desk, dir, &file));
    places[2..].iter().for_each(|dir| check_file(&desk, dir, &own));
}

#[test]
fn a_projects_file_counts_more_than_the_users_and_less_than_a_flag() {
    let desk = Desk::new();
    desk.config("[launch]\nimplementation = \"window\"\nreview = \"session\"\n");
    let file = desk.sandbox.put(desk.dir.join("wtmag.toml"), OURS);
    check_file(&desk, &desk.dir, &file);
    let (review, origin) = setting(&desk, &desk.dir, "launch.review");
    let users = desk.sandbox.path("config/wtmag/config.toml").display().to_string();
    assert!(review == "session" && origin.starts_with(&users), "{review} {origin}");
    let flag = planned(&desk, &desk.dir, &["--prompt", "x", "-w"]);
    assert_eq!(flag["placement"], "window");
}

#[test]
fn a_projects_file_in_the_root_of_a_bare_layout_is_found_from_everywhere_in_it() {
    let desk = Desk::new();
    let shop = desk.sandbox.repo("shop");
    let root = shop.bare_layout();
    let elsewhere = desk.sandbox.path("src/elsewhere");
    let path = elsewhere.to_str().unwrap();
    shop.git_in(&root, ["worktree", "add", "--quiet", "-b", "topic", path]);
    let main = root.join("main");
    let outside = [root.clone(), root.join(".git")];
    let inside = [main.clone(), below(&main), elsewhere.clone()];
    let all = || outside.iter().chain(&inside);
    all().for_each(|dir| check_none(&desk, dir));
    let file = desk.sandbox.put(root.join("wtmag.toml"), OURS);
    all().for_each(|dir| check_file(&desk, dir, &file));
    // One that is checked out counts in its own worktree.
    let own = desk.sandbox.put(main.join("wtmag.toml"), OURS);
    inside[..2].iter().for_each(|dir| check_file(&desk, dir, &own));
    outside.iter().chain(&inside[2..]).for_each(|dir| check_file(&desk, dir, &file));
}

#[test]
fn a_file_in_a_workers_worktree_is_ignored() {
    let desk = Desk::new();
    desk.worker("topic");
    let worktree = PathBuf::from(desk.list(&[])[0]["worktree"].as_str().unwrap());
    let evil = "[launch]\nimplementation = \"session\"\n[agents.fake]\ncommand = \"evil\"\n";
    desk.sandbox.put(worktree.join("wtmag.toml"), evil);
    let below = below(&worktree);
    check_none(&desk, &worktree);
    check_none(&desk, &below);
    let argv = planned(&desk, &below, &["--prompt", "x"])["argv"].to_string();
    assert!(!argv.contains("evil"), "{argv}");
    let file = desk.sandbox.put(desk.dir.join("wtmag.toml"), OURS);
    check_file(&desk, &below, &file);
}
