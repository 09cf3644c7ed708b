//! In a terminal, as a newcomer runs it: the shells that start agents have job control there.
use crate::support::Sandbox;

const AGENTS: [&str; 6] = ["pi", "claude", "codex", "opencode", "gemini", "robot"];

/// Each says its version when all of them have been asked: who asks one after the other waits for ever.
const AGENT: &str = "#!/bin/sh
: > \"$HOME/asked.${0##*/}\"
until [ \"$(ls \"$HOME\" | grep -c asked)\" -ge 6 ]; do sleep 0.02; done
echo \"${0##*/} 1.2.3\"
";

#[track_caller]
fn check(shell: &str) {
    let sandbox = Sandbox::new();
    let bin = sandbox.path("bin").display().to_string();
    for name in AGENTS {
        sandbox.put_program(name, AGENT);
    }
    sandbox.put("home/.profile", format!("export PATH={bin}:$PATH\n"));
    sandbox.put("home/.zprofile", format!("export PATH={bin}:$PATH\n"));
    sandbox.put("config/fish/config.fish", format!("set -gx PATH {bin} $PATH\n"));
    sandbox.put(
        "config/wtmag/config.toml",
        "[agents.default]\nname = \"robot\"\n[agents.robot]\n[agents.gemini]\ncommand = \"gemini\"\n",
    );
    let wtmag = env!("CARGO_BIN_EXE_wtmag");
    let seat = sandbox.seat(&format!("SHELL={shell} {wtmag} doctor; echo left with $?"));
    let rows = seat.wait_for_text("left with 0");
    assert!(rows.contains("no problems"), "{rows}");
    for name in AGENTS {
        assert!(rows.contains(&format!("{name} 1.2.3")), "{name}: {rows}");
    }
}

#[test]
fn agents_are_found_by_bash_that_has_a_terminal() {
    check("/bin/bash");
}

#[test]
fn agents_are_found_by_zsh_that_has_a_terminal() {
    check("/usr/bin/zsh");
}

#[test]
fn agents_are_found_by_fish_that_has_a_terminal() {
    check("/usr/bin/fish");
}
