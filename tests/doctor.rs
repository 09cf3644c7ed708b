//! `wtmag doctor`: its findings, and that it changes nothing.
mod leftovers;
mod terminal;

use serde_json::Value;

use crate::support::Sandbox;

/// The texts of all findings with this mark, with their advice.
fn found(report: &Value, mark: &str) -> Vec<String> {
    let groups = report["groups"].as_array().unwrap().iter();
    let findings = groups.flat_map(|group| group["findings"].as_array().unwrap());
    let marked = findings.filter(|it| it["mark"] == mark);
    let lines = |it: &Value| {
        let advice = it["advice"].as_array().unwrap().iter().map(|line| line.as_str().unwrap());
        [it["text"].as_str().unwrap()].into_iter().chain(advice).collect::<Vec<_>>().join("\n")
    };
    marked.map(lines).collect()
}

#[track_caller]
fn has(found: &[String], part: &str) {
    assert!(found.iter().any(|text| text.contains(part)), "no `{part}` in {found:#?}");
}

/// A configuration whose only agent is there.
fn configure(sandbox: &Sandbox) {
    sandbox.put("home/.profile", "robot() { echo robot 1.2.3; }\n");
    sandbox.put("config/wtmag/config.toml", "[agents.default]\nname = \"robot\"\n[agents.robot]\n");
}

fn report(sandbox: &Sandbox, dir: &str) -> Value {
    let ran = sandbox.wtmag(["doctor", "--json"]).cwd(sandbox.path(dir)).run();
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn looking_starts_no_hub_and_no_server() {
    let sandbox = Sandbox::new();
    configure(&sandbox);
    let text = sandbox.wtmag(["doctor"]).run().success();
    assert!(text.contains("no hub runs") && text.contains("no server runs"), "{text}");
    assert!(text.contains("no problems"), "{text}");
    assert!(!sandbox.path("state/wtmag").exists());
    assert!(!sandbox.tmux().is_running());
}

#[test]
fn everything_of_wtmag_is_listed_with_what_removes_it() {
    let sandbox = Sandbox::new();
    configure(&sandbox);
    let repo = sandbox.repo("blog");
    let pane = sandbox.tmux().start("main");
    let here = sandbox.tmux().show(&pane, "#{socket_path},#{pid},0");
    let inside = |args: &[&str]| sandbox.wtmag(args).cwd(&repo.dir).env("TMUX", &here).run();
    inside(&["tmux", "load"]).success();
    inside(&["hub", "start"]).success();
    inside(&["skill", "install", "--agent", "claude"]).success();
    repo.git(["update-ref", "refs/wtmag/removed/x", "HEAD"]);
    let text = inside(&["doctor", "--leftovers"]).success();
    for part in [
        "wtmag hub stop",
        "wtmag tmux remove",
        "wtmag skill remove --agent claude",
        "tmux.conf",
        "1 ref in refs/wtmag",
        "update-ref --stdin",
        "config/wtmag",
        "state/wtmag",
    ] {
        assert!(text.contains(part), "no `{part}` in {text}");
    }
    for command in text.lines().filter_map(|it| it.split_once(" it: ")) {
        let shell = sandbox.run("sh").args(["-c", command.1]).cwd(&repo.dir).env("TMUX", &here);
        shell.env("PATH", sandbox.path_with_wtmag()).run().success();
    }
    let left = inside(&["doctor", "--leftovers"]).success();
    assert!(!left.contains("to remove it"), "{left}");
}

#[test]
fn the_residual_risk_of_this_tmux_is_named_to_who_wants_all() {
    let sandbox = Sandbox::new();
    configure(&sandbox);
    let version = sandbox.run("tmux").arg("-V").run().success();
    if version.trim() < "tmux 3.8" {
        let short = sandbox.wtmag(["doctor"]).run().success();
        assert!(short.contains("which wtmag avoids (--verbose)"), "{short}");
        assert!(!short.contains("kill-window ; kill-session"), "{short}");
        let long = sandbox.wtmag(["doctor", "--verbose"]).run().success();
        assert!(long.contains("kill-window ; kill-session"), "{long}");
    }
}

#[test]
fn an_agent_is_looked_for_in_the_shell_that_starts_it() {
    let sandbox = Sandbox::new();
    configure(&sandbox);
    sandbox.put("home/.profile", "shelly() { echo shelly 9.8.7; }\n");
    sandbox.put(
        "config/wtmag/config.toml",
        "[agents.default]\nname = \"shelly\"\n[agents.shelly]\n[agents.gone]\ncommand = \"no-such\"\n",
    );
    let report = report(&sandbox, "home");
    has(&found(&report, "note"), "shelly 9.8.7: no profile");
    has(&found(&report, "note"), "not installed: ");
    has(&found(&report, "note"), "gone");
}

#[test]
fn a_missing_default_agent_and_a_broken_configuration_are_problems() {
    let sandbox = Sandbox::new();
    sandbox.put("config/wtmag/config.toml", "[agents.default]\nname = \"nobody\"\n");
    let ran = sandbox.wtmag(["doctor", "--json"]).run();
    assert_eq!(ran.code, 1, "{ran}");
    has(&found(&serde_json::from_str(&ran.stdout).unwrap(), "problem"), "no agent `nobody`");
    sandbox.put("config/wtmag/config.toml", "[lunch]\nreview = \"window\"\n");
    let ran = sandbox.wtmag(["doctor", "--json"]).run();
    assert_eq!(ran.code, 1, "{ran}");
    has(&found(&serde_json::from_str(&ran.stdout).unwrap(), "problem"), "config.toml`, line 1");
}

#[test]
fn a_program_that_is_not_worktrunk_is_told_from_it() {
    let sandbox = Sandbox::new();
    configure(&sandbox);
    sandbox.put_program("wt", "#!/bin/sh\necho Windows Terminal 1.0\n");
    has(&found(&report(&sandbox, "home"), "note"), "plain git");
    sandbox.put_program("wt", "#!/bin/sh\necho wt 0.70.0\n");
    has(&found(&report(&sandbox, "home"), "note"), "could lose work");
    sandbox.put_program("wt", "#!/bin/sh\necho wt 0.81.0\n");
    has(&found(&report(&sandbox, "home"), "ok"), "wt 0.81.0");
}

#[test]
fn a_git_that_is_too_old_for_worktrunk_is_told_and_nothing_is_made() {
    let sandbox = Sandbox::new();
    configure(&sandbox);
    let repo = sandbox.repo("blog");
    let git = sandbox.run("sh").args(["-c", "command -v git"]).run().success();
    let script = format!(
        "#!/bin/sh\n[ \"$1\" != --version ] || exec echo git version 2.39.5\nexec '{}' \"$@\"\n",
        git.trim()
    );
    sandbox.put_program("git", &script);
    let report = report(&sandbox, repo.dir.to_str().unwrap());
    has(&found(&report, "problem"), "requires Git 2.43.0 or newer");
    has(&found(&report, "problem"), "backend = \"git\"");
    let create = ["create", "--prompt", "x", "--agent", "robot", "-s"];
    let ran = sandbox.wtmag(create).cwd(&repo.dir).run();
    assert_eq!(ran.code, 1, "{ran}");
    assert!(ran.stderr.contains("does not work with this git"), "{ran}");
    assert!(ran.stderr.contains("hint: install a newer git"), "{ran}");
    assert_eq!(repo.git(["branch", "--list"]).trim(), "* main");
}

#[test]
fn the_traps_of_a_bare_layout_are_explained_with_their_fix() {
    let sandbox = Sandbox::new();
    configure(&sandbox);
    let root = sandbox.repo("blog").bare_layout();
    let git = |args: &[&str]| sandbox.run("git").args(args).cwd(&root).run().success();
    git(&["worktree", "add", "-b", "draft", ".git.draft"]);
    let notes = found(&report(&sandbox, root.to_str().unwrap()), "note");
    has(&notes, "config remote.origin.fetch '+refs/heads/*:refs/remotes/origin/*'");
    has(&notes, "hidden worktrees");
    // The advice is to be pasted into a shell.
    let fix = notes.iter().find(|it| it.contains("worktree move")).unwrap();
    let line = fix.lines().find(|line| line.contains("worktree move")).unwrap();
    sandbox.run("sh").args(["-c", line]).run().success();
    assert!(root.join("draft").exists() && !root.join(".git.draft").exists());
}

#[test]
fn a_repository_that_tracks_our_folder_is_a_problem() {
    let sandbox = Sandbox::new();
    configure(&sandbox);
    let repo = sandbox.repo("blog");
    repo.commit(".wtmag/prompt.md", "mine");
    has(
        &found(&report(&sandbox, repo.dir.to_str().unwrap()), "problem"),
        "tracks `.wtmag/prompt.md`",
    );
}

#[test]
fn options_of_tmux_that_matter_are_mentioned() {
    let sandbox = Sandbox::new();
    configure(&sandbox);
    sandbox.tmux().start("main");
    has(&found(&report(&sandbox, "home"), "ok"), "a server runs at");
    sandbox.tmux().run(["set-option", "-g", "detach-on-destroy", "off"]);
    sandbox.tmux().run(["set-option", "-g", "destroy-unattached", "off"]);
    has(&found(&report(&sandbox, "home"), "note"), "`detach-on-destroy` is `off`");
}

#[test]
fn a_running_hub_tells_how_it_does() {
    let sandbox = Sandbox::new();
    configure(&sandbox);
    sandbox.tmux().start("main");
    sandbox.wtmag(["hub", "start"]).run().success();
    let fine = found(&report(&sandbox, "home"), "ok");
    has(&fine, "0 live workers");
    has(&fine, "of at most 200 MB, and is kept for 90d");
}

#[test]
fn a_store_that_is_no_database_is_a_problem() {
    let sandbox = Sandbox::new();
    configure(&sandbox);
    sandbox.tmux().start("main");
    sandbox.wtmag(["hub", "start"]).run().success();
    sandbox.wtmag(["hub", "stop"]).run().success();
    let find = sandbox.run("find").args(["state", "-name", "hub.db"]).cwd(sandbox.path(""));
    let store = sandbox.path(find.run().success().trim());
    sandbox.put(format!("{}-wal", store.display()), "the rest");
    sandbox.put(store, "this is not a database at all");
    let problems = found(&report(&sandbox, "home"), "problem");
    has(&problems, "is not a database");
    has(&problems, "hub.db-wal");
}

#[test]
fn a_hub_that_is_stopped_is_told_to_go_on() {
    let sandbox = Sandbox::new();
    configure(&sandbox);
    sandbox.tmux().start("main");
    let status = sandbox.wtmag(["hub", "start"]).run();
    status.success();
    let status = sandbox.wtmag(["hub", "status", "--json"]).run().json();
    let pid = status["pid"].to_string();
    sandbox.run("kill").args(["-STOP", &pid]).run().success();
    let problems = found(&report(&sandbox, "home"), "problem");
    sandbox.run("kill").args(["-CONT", &pid]).run().success();
    has(&problems, &format!("kill -CONT {pid}"));
}

#[test]
fn without_git_nothing_is_claimed_that_only_git_could_tell() {
    let mut sandbox = Sandbox::new();
    configure(&sandbox);
    let dir = sandbox.repo("blog").dir.display().to_string();
    sandbox.hide_programs(&["git"]);
    let report = report(&sandbox, &dir);
    has(&found(&report, "problem"), "`git` is not installed");
    let notes = found(&report, "note");
    assert!(!notes.iter().any(|it| it.contains("refspec")), "{notes:#?}");
}

#[test]
fn a_profile_of_the_users_own_is_not_doubted() {
    let sandbox = Sandbox::new();
    configure(&sandbox);
    sandbox.put("config/wtmag/agents/robot.toml", "name = \"robot\"\n");
    let report = report(&sandbox, "home");
    has(&found(&report, "ok"), "robot 1.2.3 (profile `robot`)");
}
