//! Every form of `create`, then the worker's whole life, observed from outside with plain tmux and git.
use serde_json::Value;

use super::desk::{BOOTSTRAP, Desk, SOON};
use crate::support::eventually;

/// How each is created, its name, and whether it has its own session.
const FORMS: [(&str, &str, bool); 12] = [
    ("--github 456 -t issue", "github-issue-456", false),
    ("--github 456 -t issue -w", "github-issue-456", false),
    ("--github 456 -t issue --launch window", "github-issue-456", false),
    ("--github 456 -t issue -s", "github-issue-456", true),
    ("--github 456 -t issue --launch session", "github-issue-456", true),
    ("--github 234 -t pr", "github-pr-234", false),
    ("--github 234 -t pr -s", "github-pr-234", true),
    ("--jira PROJ-123", "jira-ticket-proj-123", false),
    ("--prompt Custom-task", "prompt-custom-task", false),
    ("--github 456 -t issue --prompt Focus-on-test-coverage", "github-issue-456", false),
    ("--github 456 -t issue --agent fake", "github-issue-456", false),
    ("--github 456 -t issue --base main", "github-issue-456", false),
];

/// Agents as the generated configuration has them, and what they are started with.
const AGENTS: [(&str, &str, &str); 6] = [
    ("opencode", "", ""),
    ("claude", "", ""),
    ("codex", "", ""),
    ("own", "", "--fast"),
    ("opencode", "openai/gpt-5.2:high", "--model openai/gpt-5.2"),
    ("pi", "anthropic/claude-sonnet-4.5:max", "--model anthropic/claude-sonnet-4.5:max"),
];

fn desk() -> (Desk, String) {
    let mut desk = Desk::new();
    let head = desk.pull_request();
    desk.github(&head);
    let jira = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/jira/jira");
    desk.sandbox.put_program("jira", &format!("#!/bin/sh\nexec {jira} \"$@\"\n"));
    (desk, head)
}

/// The windows of a worker besides the fleet's: session and name.
fn windows(desk: &Desk, id: &str) -> Vec<String> {
    let format = "#{@wtmag_id} #{session_name} #{window_name}";
    let all = desk.sandbox.tmux().run(["list-windows", "-a", "-F", format]);
    let own = all.lines().filter_map(|it| it.strip_prefix(&format!("{id} ")));
    own.filter(|it| !it.starts_with("wtmag ")).map(str::to_owned).collect()
}

fn worktree_of(desk: &Desk, branch: &str) -> Option<String> {
    let text = desk.git(&["worktree", "list", "--porcelain"]);
    let entry = text.split("\n\n").find(|it| it.ends_with(&format!("branch refs/heads/{branch}")));
    Some(entry?.lines().next()?.strip_prefix("worktree ")?.to_owned())
}

#[test]
fn every_form_makes_its_worker_which_can_be_visited_promoted_and_dropped() {
    let (desk, head) = desk();
    let before = desk.traces();
    for (form, branch, is_alone) in FORMS {
        let args = [&["create", "--json"][..], &form.split(' ').collect::<Vec<_>>()].concat();
        let made = desk.wtmag(&args).json();
        assert_eq!(made["outcome"], "accepted", "{form}: {made}");
        let id = format!("blog-{branch}");
        assert_eq!(made["worker"]["id"], id.as_str(), "{form}");
        let session = if is_alone { &id } else { "main" };
        assert_eq!(windows(&desk, &id), [format!("{session} {branch}")], "{form}");
        let worktree = worktree_of(&desk, branch).unwrap();
        assert_eq!(made["worker"]["worktree"], worktree.as_str(), "{form}");
        let tip = desk.git(&["rev-parse", branch]);
        let want = if branch.contains("-pr-") {
            head.clone()
        } else {
            desk.git(&["rev-parse", "origin/main"])
        };
        assert_eq!(tip, want, "{form}");
        assert_eq!(desk.sandbox.agent_log().turns(Some(&id)).last().unwrap(), BOOTSTRAP, "{form}");
        live_and_end(&desk, &id, branch, is_alone);
        assert_eq!(desk.traces(), before, "{form}");
    }
}

/// `list`, `attach` in a second client, `promote` and `cleanup`.
fn live_and_end(desk: &Desk, id: &str, branch: &str, is_alone: bool) {
    let tmux = desk.sandbox.tmux();
    let listed: Vec<Value> = desk.list(&["--all"]);
    assert_eq!((listed.len(), &listed[0]["branch"]), (1, &branch.into()));
    let is_looked_at = |session: &str| {
        let seen =
            tmux.run(["list-clients", "-F", "#{session_name} #{@wtmag_id} #{client_control_mode}"]);
        seen.lines().any(|it| it == format!("{session} {id} 0")).then_some(())
    };
    let seat = desk.sandbox.seat(&format!("{} attach {id}", env!("CARGO_BIN_EXE_wtmag")));
    let session = if is_alone { id } else { "main" };
    eventually(SOON, "a client at the worker", || is_looked_at(session));
    if is_alone {
        assert!(desk.wtmag(&["promote", "--id", id]).failure(1).contains("already"));
    } else {
        desk.wtmag(&["promote", "--id", id]).success();
        eventually(SOON, "the client to follow", || is_looked_at(id));
    }
    assert_eq!(windows(desk, id), [format!("{id} {branch}")]);
    drop(seat);
    desk.wtmag(&["wait", id]).success();
    desk.wtmag(&["cleanup", "--id", id]).success();
    assert_eq!(windows(desk, id), [""; 0]);
    assert_eq!(worktree_of(desk, branch), None);
    assert!(desk.list(&["--all"]).is_empty());
    let sessions = tmux.run(["list-sessions", "-F", "#{session_name}"]);
    assert_eq!(sessions, "main", "the fleet went with the last worker");
}

#[test]
fn every_agent_is_started_as_configured() {
    let (desk, _) = desk();
    let agent = desk.sandbox.fake_agent().display().to_string();
    // A login shell sets its path anew.
    let bin = desk.sandbox.put_program("own", "").parent().unwrap().display().to_string();
    desk.sandbox.put("home/.bash_profile", format!("PATH={bin}:$PATH\n"));
    desk.sandbox.put("home/.profile", format!("PATH={bin}:$PATH\n"));
    // As generated, with an agent of one's own.
    std::fs::remove_file(desk.sandbox.path("config/wtmag/config.toml")).unwrap();
    desk.wtmag(&["config"]).success();
    let file = desk.sandbox.path("config/wtmag/config.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    desk.sandbox.put(&file, text + "\n[agents.own]\ncommand = \"own\"\nargs = [\"--fast\"]\n");
    for (name, model, want) in AGENTS {
        let told = desk.sandbox.path("run/told");
        let line = format!(
            "#!/bin/sh\necho \"$*\" >{0}.new; mv {0}.new {0}\nexec {agent}\n",
            told.display()
        );
        desk.sandbox.put_program(name, &line);
        let mut args = vec!["create", "--json", "--no-wait", "--github", "456", "-t", "issue"];
        args.extend(["--agent", name]);
        if !model.is_empty() {
            args.extend(["--model", model]);
        }
        let made = desk.wtmag(&args).json();
        assert_eq!(made["worker"]["agent"], name);
        let said = eventually(SOON, "the agent", || std::fs::read_to_string(&told).ok());
        assert!(said.contains(want), "{name} {model}: {said}");
        std::fs::remove_file(told).unwrap();
        desk.wtmag(&["cleanup", "blog-github-issue-456", "--force"]).success();
    }
}
