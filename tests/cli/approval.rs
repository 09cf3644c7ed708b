//! What a repository's own `wtmag.toml` and templates may do: to a user who has just cloned it, and to one
//! who has read them.
use super::desk::Desk;

fn evil(desk: &Desk) -> (String, std::path::PathBuf) {
    let mark = desk.sandbox.path("ran");
    let text = format!(
        "[agents.default]\nname = \"fake\"\n[agents.fake]\ncommand = \"touch {}\"\n",
        mark.display()
    );
    (text, mark)
}

#[test]
fn an_agent_of_the_repository_runs_only_once_approved() {
    let desk = Desk::new();
    let (text, mark) = evil(&desk);
    let file = desk.sandbox.put(desk.dir.join("wtmag.toml"), text);
    let before = desk.traces();
    let said = desk.wtmag(&["create", "x"]).failure(1);
    assert!(said.contains("wtmag.toml` can run commands, and you have not approved"), "{said}");
    assert!(said.contains("  | agents.fake.command = \"touch "), "{said}");
    assert!(said.contains("hint: `wtmag config approve`"), "{said}");
    assert_eq!(desk.traces(), before);
    // Neither does the doctor run it to ask for its version.
    let told = desk.wtmag(&["doctor"]);
    assert!(told.stdout.contains("`fake` is set by this repository's wtmag.toml"), "{told}");
    assert!(!mark.exists());
    // The user's own agents need no approval.
    desk.wtmag(&["create", "x", "--agent", "slow", "--no-wait"]).success();
    let agent = desk.sandbox.fake_agent().display().to_string();
    let honest =
        |args: &str| format!("[agents.fake]\ncommand = \"{agent}\"\nprofile = \"fake\"\n{args}");
    desk.sandbox.put(&file, honest(""));
    assert!(desk.wtmag(&["config", "approve"]).failure(1).contains("agents.fake.command"));
    assert_eq!(desk.wtmag(&["config", "approve", "--yes"]).success(), "approved\n");
    desk.wtmag(&["create", "y"]).success();
    assert_eq!(desk.wtmag(&["config", "approve"]).success(), "nothing to approve\n");
    // Word for word: what changes is asked for again.
    desk.sandbox.put(&file, honest("args = [\"--set\", \"turn.min_ms=1\"]\n"));
    desk.wtmag(&["create", "z"]).failure(1);
    desk.wtmag(&["create", "z", "--yes"]).success();
    desk.wtmag(&["create", "zz"]).failure(1);
}

#[test]
fn what_was_approved_of_one_repository_is_not_of_another() {
    let desk = Desk::new();
    let other = desk.sandbox.repo("shop").dir;
    let text = "[worktree]\nsetup = \"touch set-up\"\n";
    for dir in [&desk.dir, &other] {
        desk.sandbox.put(dir.join("wtmag.toml"), text);
    }
    desk.wtmag(&["config", "approve", "--yes"]).success();
    desk.wtmag(&["create", "x", "--no-wait"]).success();
    let said = desk.run(&["create", "x", "--no-wait"]).cwd(&other).run().failure(1);
    assert!(said.contains("worktree.setup = \"touch set-up\""), "{said}");
}

#[test]
fn a_user_in_a_terminal_is_asked() {
    let desk = Desk::new();
    let (text, mark) = evil(&desk);
    desk.sandbox.put(desk.dir.join("wtmag.toml"), text);
    let tmux = desk.sandbox.tmux();
    let wtmag = env!("CARGO_BIN_EXE_wtmag");
    let ask = |answer: &str, then: &str| {
        tmux.type_text(
            &desk.pane,
            &format!("clear; cd {}; {wtmag} config approve", desk.dir.display()),
        );
        tmux.run(["send-keys", "-t", &desk.pane, "Enter"]);
        tmux.wait_for_text(&desk.pane, "Approve it? [y/N]");
        tmux.type_text(&desk.pane, answer);
        tmux.run(["send-keys", "-t", &desk.pane, "Enter"]);
        tmux.wait_for_text(&desk.pane, then);
    };
    ask("", "not approved, so nothing was done");
    desk.wtmag(&["create", "x"]).failure(1);
    ask("y", "approved");
    assert!(!mark.exists());
    // It runs now, although it is not an agent.
    desk.wtmag(&["create", "x"]).failure(1);
    assert!(mark.exists());
}

#[test]
fn nothing_of_a_file_acts_on_the_terminal() {
    let desk = Desk::new();
    let file = desk.dir.join("wtmag.toml");
    for (text, args) in [
        ("\"\\u001B]0;PWNED\\u0007\\u202Ex\" = 1\n", &["config"][..]),
        ("\"\\u001B]0;PWNED\\u0007\\u202Ex\" = 1\n", &["create", "x"]),
        ("\"\\u001B]0;PWNED\\u0007\\u202Ex\" = 1\n", &["doctor"]),
        ("[agents.q]\ncommand = \"\\u001B]0;PWNED\\u0007\\u202Ex\"\n", &["config"]),
        ("[agents.q]\ncommand = \"\\u001B]0;PWNED\\u0007\\u202Ex\"\n", &["doctor"]),
        (
            "[agents.q]\ncommand = \"\\u001B]0;PWNED\\u0007\\u202Ex\"\n",
            &["create", "x", "--agent", "q"],
        ),
        ("[agents.q]\nargs = [\"\u{202e}x\"]\n", &["config"]),
    ] {
        desk.sandbox.put(&file, text);
        let ran = desk.wtmag(args);
        let said = ran.stdout + &ran.stderr;
        assert!(!said.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{args:?}: {said:?}");
    }
}

#[test]
fn a_path_acts_on_no_terminal() {
    let desk = Desk::new();
    let odd = desk.sandbox.path("src/a\u{1b}]0;PWNED\u{7}b");
    std::fs::rename(&desk.dir, &odd).unwrap();
    for args in [&["create", "x", "--no-wait"][..], &["doctor"], &["create", "x", "--dry-run"]] {
        let ran = desk.run(args).cwd(&odd).run();
        let said = ran.stdout + &ran.stderr;
        assert!(!said.contains(['\u{1b}', '\u{7}']), "{args:?}: {said:?}");
    }
}

#[test]
fn a_template_of_the_repository_reads_nothing_else_and_ends() {
    let desk = Desk::new();
    let secret = desk.sandbox.put("home/secret", "a secret of the user's");
    let dir = desk.dir.join("wtmag-prompts");
    std::fs::create_dir(&dir).unwrap();
    std::os::unix::fs::symlink(secret, dir.join("implement.tmpl")).unwrap();
    let before = desk.traces();
    let said = desk.wtmag(&["create", "x"]).failure(1);
    assert!(said.contains("leads out of the project"), "{said}");
    std::fs::remove_file(dir.join("implement.tmpl")).unwrap();
    let loops = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
    desk.sandbox.put(dir.join("implement.tmpl"), loops);
    assert!(desk.wtmag(&["create", "x"]).failure(1).contains("could not render the template"));
    assert_eq!(desk.traces(), before);
    desk.sandbox.put(dir.join("implement.tmpl"), "Do {{ body }}, the project's way.");
    let plan = desk.wtmag(&["create", "x", "--dry-run", "--json"]).json();
    assert_eq!(plan["brief"], "Do x, the project's way.\n");
}
