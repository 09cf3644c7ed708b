//! `create`: every source, what is refused before anything happens, and how it ends.
use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::desk::{BOOTSTRAP, Desk, SOON};
use crate::support::eventually;

#[test]
fn an_issue_becomes_a_worker_in_a_window_of_the_callers_session() {
    let mut desk = Desk::new();
    desk.github("");
    let made = desk.wtmag(&["create", "--github", "456", "-t", "issue", "--json"]).json();
    assert_eq!(made["outcome"], "accepted", "{made}");
    assert_eq!(made["worktree_made"], true);
    let worker = &made["worker"];
    assert_eq!(worker["id"], "blog-github-issue-456");
    assert_eq!(worker["branch"], "github-issue-456");
    assert_eq!((&worker["placement"], &worker["session"]), (&"window".into(), &"main".into()));
    assert_eq!(worker["base"]["fresh"], true);
    assert_eq!(worker["source"]["title"], "Login fails when the e-mail has a plus sign");
    let names = desk.sandbox.tmux().run(["list-windows", "-t", "=main", "-F", "#{window_name}"]);
    assert!(names.lines().any(|it| it == "github-issue-456"), "{names}");
    assert_eq!(desk.sandbox.agent_log().turns(Some("blog-github-issue-456")), [BOOTSTRAP]);
    let worktree = std::path::Path::new(worker["worktree"].as_str().unwrap());
    let brief = fs::read_to_string(worktree.join(".wtmag/prompt.md")).unwrap();
    assert!(brief.contains("#456") && brief.contains("github-issue-456"), "{brief}");
    let status = desk.sandbox.run("git").cwd(worktree).args(["status", "--porcelain"]).run();
    assert_eq!(status.success(), "");
}

#[test]
fn a_second_worker_for_the_same_issue_is_refused_with_the_first_ones_id() {
    let mut desk = Desk::new();
    desk.github("");
    desk.wtmag(&["create", "--github", "456", "-t", "issue"]).success();
    let before = desk.traces();
    let said = desk.wtmag(&["create", "--github", "456", "-t", "issue", "-s"]).failure(1);
    assert!(said.contains("worker `blog-github-issue-456` already handles this task"), "{said}");
    let other = ["create", "--github", "456", "-t", "issue", "--name", "other"];
    assert!(desk.wtmag(&other).failure(1).contains("already handles this task"));
    assert_eq!(desk.traces(), before);
}

#[test]
fn a_pull_request_is_reviewed_at_its_head() {
    let mut desk = Desk::new();
    let sha = desk.pull_request();
    desk.github(&sha);
    let made = desk.wtmag(&["create", "--github", "234", "-t", "pr", "-s", "--json"]).json();
    let worker = &made["worker"];
    assert_eq!((&worker["kind"], &worker["placement"]), (&"review".into(), &"session".into()));
    assert_eq!(worker["base"]["sha"], sha.as_str());
    assert_eq!(worker["pr"], "https://github.com/acme/blog/pull/234");
    let worktree = worker["worktree"].as_str().unwrap();
    let head = desk.sandbox.run("git").cwd(worktree).args(["rev-parse", "HEAD"]).run();
    assert_eq!(head.success().trim(), sha);
    assert!(desk.sandbox.tmux().try_run(["has-session", "-t", "=blog-github-pr-234"]).code == 0);
}

#[test]
fn a_ticket_and_more_instructions_are_in_the_brief() {
    let desk = Desk::new();
    let jira = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/jira/jira");
    desk.sandbox.put_program("jira", &format!("#!/bin/sh\nexec {jira} \"$@\"\n"));
    let args = ["create", "--jira", "proj-123", "--prompt", "-", "--json"];
    let made = desk.run(&args).input("Mind the encoding\n").run().json();
    assert_eq!(made["worker"]["id"], "blog-jira-ticket-proj-123");
    let worktree = std::path::Path::new(made["worker"]["worktree"].as_str().unwrap());
    let brief = fs::read_to_string(worktree.join(".wtmag/prompt.md")).unwrap();
    assert!(brief.contains("PROJ-123") && brief.contains("Mind the encoding"), "{brief}");
}

#[test]
fn two_prompts_alike_are_two_workers() {
    let desk = Desk::new();
    let make = || desk.wtmag(&["create", "--prompt", "-x Custom task", "--json"]).json();
    let (one, other) = (make(), make());
    assert_eq!(one["worker"]["id"], "blog-prompt-x-custom-task");
    assert_eq!(other["worker"]["id"], "blog-prompt-x-custom-task-2");
    assert_eq!(other["worker"]["branch"], "prompt-x-custom-task-2");
}

/// As by a command with another hub.
#[test]
fn a_branch_that_is_made_while_a_prompt_waits_for_the_repository_costs_only_its_name() {
    let desk = Desk::new();
    desk.worker("first");
    let lock = fs::File::options().write(true).open(desk.dir.join(".git/wtmag/lock")).unwrap();
    lock.lock().unwrap();
    let mut create = desk.start(&["create", "--prompt", "Again", "--json"]);
    create.says("waiting for the repository");
    desk.git(&["branch", "prompt-again"]);
    lock.unlock().unwrap();
    let (code, text) = create.end();
    assert!(code == 0 && text.contains("blog-prompt-again-2"), "{text}");
    assert_eq!(desk.list(&[]).len(), 2);
    let branches = desk.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads"]);
    assert_eq!(branches, "first\nmain\nprompt-again\nprompt-again-2");
}

#[test]
fn a_version_that_its_profile_was_not_checked_with_is_told_once() {
    let desk = Desk::new();
    desk.config("[agents.new]\ncommand = \"claude\"\nprofile = \"claude\"\ndelivery = \"ready\"\n");
    let told = |version: &str| {
        let script = format!(
            "#!/bin/sh\n[ \"$1\" = --version ] && echo '{version} (Claude Code)' && exit\nexec sleep 600\n"
        );
        desk.sandbox.put_program("claude", &script);
        let make = ["create", "--prompt", "x", "--agent", "new", "--timeout", "1s"];
        let twice = [(); 2].map(|()| desk.wtmag(&make).stderr);
        twice.map(|it| it.contains(&format!("claude {version}: its profile was checked with 2.1.")))
    };
    assert_eq!(told("2.999.0"), [true, false]);
    assert_eq!(told("2.1.300"), [false, false], "that is one of them");
    assert_eq!(told("2.999.10"), [true, false]);
}

#[test]
fn a_session_needs_no_tmux_to_be_there() {
    let desk = Desk::without_tmux();
    let said = desk.wtmag(&["create", "--prompt", "x", "-w"]).failure(1);
    assert!(said.contains("not inside tmux\nhint: pass `-s`"), "{said}");
    assert!(!desk.sandbox.tmux().is_running());
    let made = desk.wtmag(&["create", "--prompt", "x", "-s", "--json"]).json();
    assert_eq!(made["worker"]["session"], "blog-prompt-x");
    let sessions = desk.sandbox.tmux().run(["list-sessions", "-F", "#{session_name}"]);
    assert!(sessions.lines().any(|it| it == "blog-prompt-x"), "{sessions}");
}

#[test]
fn what_cannot_work_is_said_before_anything_happens() {
    let mut desk = Desk::new();
    let before = desk.traces();
    for (args, why) in [
        (&["--github", "456"][..], "`gh` is not logged in"),
        (&["--prompt", "x", "--agent", "clude"], "no agent `clude` in the configuration"),
        (&["--prompt", "x", "--model", "a/b"], "agent `fake` has no known flag for a model"),
        (&["--prompt", "x", "--plan"], "agent `fake` has no known flag for plan mode"),
        (&["--prompt", "x", "--agent", "claude", "--model", "openai/x"], "accepts models from"),
        (&["--prompt", "x", "--wait=happy"], "unknown state `happy`"),
        (&["--prompt", "x", "--project", "/"], "is not in a git repository"),
        (&["--github", "456", "-t", "issue"], "`gh` is not logged in"),
        (&["--jira", "PROJ-1"], "`jira` is not installed"),
        (&["--prompt", "x", "--name", "main"], "already a branch `main`"),
        (&["--prompt", "x", "--name", "main", "--reuse"], "is the main worktree"),
        (&["--prompt", "x", "--base", "nowhere"], "no branch, tag or commit `nowhere`"),
    ] {
        let ran = desk.run(&[&["create"], args].concat()).env("GH_TOKEN", "").run();
        assert!(ran.code != 0 && ran.stderr.contains(why), "{args:?}: {ran}");
        assert_eq!(desk.traces(), before, "{args:?}");
    }
    desk.sandbox.hide_programs(&["gh"]);
    let said = desk.wtmag(&["create", "--github", "456", "-t", "issue"]).failure(1);
    assert!(said.contains("`gh` is not installed\nhint: "), "{said}");
    let json = desk.wtmag(&["create", "--prompt", " ", "--json"]);
    assert_eq!(json.code, 2);
    assert!(json.stdout.contains(r#""kind":"usage""#), "{json}");
    assert!(desk.list(&["--all"]).is_empty());
}

#[test]
fn an_agent_that_is_not_installed_leaves_nothing_and_others_are_named() {
    let desk = Desk::new();
    desk.sandbox.put_program("claude", "#!/bin/sh\nexit 0\n");
    let before = desk.traces();
    for _ in 0..2 {
        let said = desk.wtmag(&["create", "a", "--agent", "missing"]).failure(1);
        assert!(
            said.contains("did not find `no-such-agent`") && said.contains("default-shell"),
            "{said}"
        );
        assert!(said.contains("installed: `--agent claude`"), "{said}");
        assert!(!said.contains("are kept"), "{said}");
        assert_eq!(desk.traces(), before);
        assert!(desk.list(&["--all"]).is_empty());
    }
    // It is installed where only the caller finds it.
    desk.sandbox.put_executable("elsewhere/no-such-agent", "#!/bin/sh\nexit 0\n");
    let elsewhere = desk.sandbox.path("elsewhere").display().to_string();
    let vars = desk.sandbox.vars();
    let (_, path) = vars.iter().find(|(name, _)| name == "PATH").unwrap();
    let run = desk.run(&["create", "a", "--agent", "missing"]);
    let said = run.env("PATH", format!("{path}:{elsewhere}")).run().failure(1);
    let want = format!("your PATH has it in `{elsewhere}`");
    assert!(said.contains(&want) && !said.contains("hint: install"), "{said}");
    // With work in the worktree it stays.
    let hook = desk.dir.join(".git/hooks/post-checkout");
    desk.sandbox.put_program("hook", "#!/bin/sh\necho mine > new-file\n");
    std::os::unix::fs::symlink(desk.sandbox.path("bin/hook"), hook).unwrap();
    let said = desk.wtmag(&["create", "a", "--agent", "missing"]).failure(1);
    assert!(said.contains("are kept") && said.contains("command not found"), "{said}");
}

#[test]
fn an_agent_that_ends_at_its_start_leaves_a_worker_and_says_what_it_showed() {
    let desk = Desk::new();
    let ran = desk.wtmag(&["create", "--prompt", "b", "--agent", "dies", "--json"]);
    let error = &serde_json::from_str::<Value>(&ran.stdout).unwrap()["error"];
    assert_eq!(ran.code, 1);
    assert_eq!(error["message"], "agent `dies` exited at its start (3)");
    assert_eq!(error["worker"]["id"], "blog-prompt-b");
    assert!(error["output"].to_string().contains("boom"), "{error}");
    assert_eq!(desk.list(&[]).len(), 1);
}

#[test]
fn an_agent_that_never_listens_is_given_up_waiting_for() {
    let desk = Desk::new();
    let args = ["create", "--prompt", "x", "--agent", "late", "--timeout", "2"];
    let said = desk.wtmag(&args).failure(4);
    assert!(said.contains("after 2 s the prompt is still held"), "{said}");
    assert!(said.contains("worktree"), "{said}");
    desk.wtmag(&["create", "--prompt", "y", "--agent", "late", "--no-wait"]).success();
}

#[test]
fn a_dialog_in_the_way_holds_the_prompt_until_it_is_answered() {
    let desk = Desk::new();
    let start = Instant::now();
    let args = ["create", "--prompt", "x", "--agent", "trusty", "--json"];
    let held = desk.wtmag(&args).json();
    assert!(start.elapsed() < Duration::from_secs(15));
    assert_eq!(
        (&held["outcome"], &held["worker"]["state"]["text"]),
        (&"held".into(), &"blocked: trust".into())
    );
    assert_eq!(held["held"], "the agent shows a dialog (trust)");
    let shown = desk.wtmag(&["create", "--prompt", "y", "--agent", "trusty"]).success();
    assert!(shown.contains("held: the agent shows a dialog (trust)"), "{shown}");
    assert!(shown.contains("hint: `delivery = \"argument\"` in [agents.trusty]"), "{shown}");
    let waited = ["create", "--prompt", "z", "--agent", "trusty", "--wait", "--timeout", "3"];
    let said = desk.wtmag(&waited).failure(4);
    assert!(said.contains("still held: the agent shows a dialog (trust)"), "{said}");
    assert_eq!(desk.sandbox.agent_log().n_keys_in_dialogs(None), 0);
    // The human answers.
    let pane = held["worker"]["pane"].as_str().unwrap();
    desk.sandbox.tmux().run(["send-keys", "-t", pane, "Down", "Enter"]);
    let id = held["worker"]["id"].as_str().unwrap();
    desk.wtmag(&["wait", id, "--until", "idle", "--timeout", "20"]).success();
    assert_eq!(desk.sandbox.agent_log().turns(Some(id)), [BOOTSTRAP]);
}

#[test]
fn a_state_can_be_waited_for() {
    let desk = Desk::new();
    let made = desk.wtmag(&["create", "--prompt", "x", "--wait=idle", "--json"]).json();
    assert_eq!(
        (&made["outcome"], &made["worker"]["state"]["state"]),
        (&"reached".into(), &"idle".into())
    );
}

#[test]
fn a_prompt_can_be_handed_over_at_the_start() {
    let desk = Desk::new();
    let agent = desk.sandbox.fake_agent();
    let block = format!(
        "[agents.arg]\ncommand = \"{}\"\nprofile = \"fake\"\nprompt_flag = \"\"\n",
        agent.display()
    );
    desk.config(&block);
    let made = desk.wtmag(&["create", "--prompt", "x", "--agent", "arg", "--json"]).json();
    assert_eq!(
        (&made["outcome"], &made["delivery"]["mode"]),
        (&"accepted".into(), &"argument".into())
    );
    assert_eq!(desk.sandbox.agent_log().turns(None), [BOOTSTRAP]);
}

#[test]
fn an_agent_that_would_begin_a_prompt_before_it_is_trusted_gets_it_typed() {
    let desk = Desk::new();
    let plan = |more: &str| {
        desk.config(&format!("[agents.gemini]\ndelivery = \"argument\"\n{more}"));
        desk.wtmag(&["create", "x", "--dry-run", "--json", "--agent", "gemini"]).json()
    };
    let is_on_its_line = |plan: &Value| plan["argv"].to_string().contains("prompt.md");
    let asks = plan("");
    assert_eq!((&asks["delivery"], is_on_its_line(&asks)), (&"ready".into(), false), "{asks}");
    let trusts = plan("trust = \"worktree\"\n");
    let told = (&trusts["delivery"], is_on_its_line(&trusts));
    assert_eq!(told, (&"argument".into(), true), "{trusts}");
}

#[test]
fn no_name_of_a_directory_runs_anything() {
    let desk = Desk::new();
    let name = "a#(touch z)b #{pane_id} 'q\" $x";
    let dir = desk.sandbox.repo(name).dir;
    let made = desk.run(&["create", "--prompt", "x", "--json"]).cwd(&dir).run().json();
    assert_eq!(made["outcome"], "accepted", "{made}");
    let worktree = made["worker"]["worktree"].as_str().unwrap();
    assert!(worktree.contains("a#(touch z)b"), "{worktree}");
    let id = made["worker"]["id"].as_str().unwrap();
    assert_eq!(id, "a-touch-z-b-pane_id-q-x-prompt-x");
    let start = &desk.sandbox.agent_log().all("start", Some(id))[0];
    assert_eq!(start["cwd"], worktree);
    desk.wtmag(&["wait", id, "--until", "idle"]).success();
    desk.wtmag(&["cleanup", id]).success();
    let found = desk.sandbox.run("find").args(["..", "-name", "z"]).run().success();
    assert_eq!(found, "");
}

#[test]
fn a_bare_layout_works_from_everywhere_in_it() {
    let desk = Desk::new();
    let root = desk.sandbox.repo("shop").bare_layout();
    for (n, dir) in [root.clone(), root.join("main"), root.join(".git")].iter().enumerate() {
        let name = format!("topic-{n}");
        let args = ["create", "--prompt", "x", "--name", &name, "--json"];
        let made = desk.run(&args).cwd(dir).run().json();
        assert_eq!(made["worker"]["id"], format!("shop-bare-topic-{n}"), "{made}");
        assert_eq!(made["worker"]["base"]["fresh"], true);
    }
}

#[test]
fn work_can_start_in_another_project_and_from_a_worker() {
    let desk = Desk::new();
    let old = desk.git(&["rev-parse", "HEAD"]);
    desk.git(&["tag", "v1"]);
    desk.sandbox.put(desk.dir.join("new"), "");
    desk.git(&["add", "new"]);
    desk.git(&["commit", "--quiet", "-m", "New"]);
    desk.git(&["push", "--quiet", "origin", "main"]);
    let args = ["create", "--prompt", "x", "--base", "v1", "--json"];
    let made = desk.run(&args).env("WTMAG_WORKER", "blog-boss").run().json();
    assert_eq!(made["worker"]["base"]["sha"], old.as_str());
    assert_eq!(made["worker"]["parent"], "blog-boss");
}

#[test]
fn a_popup_puts_its_worker_into_the_session_below() {
    let desk = Desk::new();
    let seat = desk.sandbox.seat("tmux -u attach -t =main");
    seat.wait_for_text("bash");
    let tmux = desk.sandbox.tmux();
    let client = tmux.run(["list-clients", "-F", "#{client_name}"]);
    let line = format!("{} create --prompt x || cat", env!("CARGO_BIN_EXE_wtmag"));
    let dir = desk.dir.display().to_string();
    tmux.run(["display-popup", "-c", &client, "-d", &dir, "-E", &line]);
    let worker = eventually(SOON, "the worker", || desk.list(&[]).into_iter().next());
    assert_eq!((&worker["placement"], &worker["session"]), (&"window".into(), &"main".into()));
}

#[test]
fn a_dry_run_makes_nothing() {
    let mut desk = Desk::new();
    desk.github("");
    let before = desk.traces();
    let text = desk.wtmag(&["create", "--github", "456", "-t", "issue", "--dry-run"]).success();
    assert!(text.contains("id         blog-github-issue-456"), "{text}");
    assert!(text.contains("branch     github-issue-456 from main"), "{text}");
    assert!(text.contains("# Implement issue #456"), "{text}");
    let place = desk.dir.with_file_name("blog.prompt-x");
    // A program that a profile describes needs no block.
    let plain = ["create", "x", "--dry-run", "--json", "--agent", "gemini"];
    desk.config("[worktree]\nbackend = \"git\"\n");
    let plan = desk.wtmag(&plain).json();
    assert_eq!(plan["worktree"], place.to_str().unwrap());
    assert_eq!(plan["argv"][0], "gemini", "{plan}");
    assert_eq!(desk.traces(), before);
    assert!(!desk.sandbox.path("state/wtmag").exists());
}

#[test]
fn a_branch_that_is_there_is_gone_on_with_when_asked() {
    let mut desk = Desk::new();
    desk.git(&["branch", "topic"]);
    let args = ["create", "--prompt", "x", "--name", "topic"];
    let said = desk.wtmag(&args).failure(1);
    assert!(said.contains("already a branch `topic`\nhint: `--reuse`"), "{said}");
    let made = desk.wtmag(&[&args[..], &["--reuse", "--json"]].concat()).json();
    let id = made["worker"]["id"].as_str().unwrap();
    assert_eq!(made["worktree_made"], true);
    let pane = made["worker"]["pane"].as_str().unwrap();
    desk.sandbox.tmux().run(["kill-pane", "-t", pane]);
    desk.wait_for_state(id, "lost: window closed");
    // As an agent that has moved into a daemon.
    let mut program = desk.sandbox.command("sleep");
    program.arg("600").current_dir(made["worker"]["worktree"].as_str().unwrap());
    desk.sandbox.serve(program);
    let again = desk.wtmag(&[&args[..], &["--reuse", "--json"]].concat());
    assert!(again.stderr.contains("`sleep` (process "), "{again}");
    let again = again.json();
    assert_eq!((&again["worker"]["id"], &again["worktree_made"]), (&id.into(), &false.into()));
    assert_eq!(desk.list(&["--all"]).len(), 1);
    // It was made for the first one: no worktree of the user's own.
    let done = desk.wtmag(&["cleanup", id, "--force", "--json"]).json();
    assert_eq!(done["worktree_removed"], true, "{done}");
}

#[test]
fn a_terminal_is_told_that_the_prompt_is_read_from_it() {
    let desk = Desk::new();
    let tmux = desk.sandbox.tmux();
    let dir = desk.dir.display().to_string();
    let pane = tmux.run(["new-window", "-d", "-P", "-F", "#{pane_id}", "-t", "main:", "-c", &dir]);
    let line = format!("{} create --dry-run --prompt -\n", env!("CARGO_BIN_EXE_wtmag"));
    tmux.type_text(&pane, &line);
    tmux.wait_for_text(&pane, "type the prompt, then press");
    tmux.type_text(&pane, "Make it blue\n");
    tmux.run(["send-keys", "-t", pane.trim(), "C-d"]);
    tmux.wait_for_text(&pane, "prompt-make-it-blue");
}

#[test]
fn a_directory_that_is_gone_is_named_as_the_reason() {
    let desk = Desk::new();
    let program = env!("CARGO_BIN_EXE_wtmag");
    let script = format!("mkdir gone && cd gone && rmdir ../gone && {program} create --prompt x");
    let said = desk.sandbox.run("sh").args(["-c", &script]).run().failure(1);
    assert!(said.contains("the current directory cannot be found"), "{said}");
}
