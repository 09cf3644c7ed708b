//! `create` before its commit point: however it ends, everything is restored.
use nix::sys::signal::Signal;

use super::desk::{BOOTSTRAP, Desk, SOON};
use crate::support::eventually;

/// WorkTrunk runs this before the agent starts; it reports that it runs, and runs for long.
fn slow_hook(desk: &Desk) -> std::path::PathBuf {
    hook(desk, "exec sleep 600")
}

fn hook(desk: &Desk, then: &str) -> std::path::PathBuf {
    let running = desk.sandbox.path("run/hook");
    let part = running.with_extension("part").display().to_string();
    let hook = format!("echo $$ > {part} && mv {part} {} && {then}", running.display());
    let hook = format!("pre-start = \"{hook}\"\n");
    desk.sandbox.put("config/worktrunk/config.toml", hook);
    running
}

#[test]
fn a_hub_that_is_killed_meanwhile_is_no_hindrance() {
    let desk = Desk::new();
    let gate = desk.sandbox.path("run/gate").display().to_string();
    desk.sandbox.run("mkfifo").arg(&gate).run().success();
    let running = hook(&desk, &format!("cat {gate}"));
    let create = desk.start(&["create", "--prompt", "x", "--json"]);
    eventually(SOON, "the hook", || running.exists().then_some(()));
    let status = desk.wtmag(&["hub", "status", "--json"]).json();
    desk.sandbox.run("kill").args(["-9", &status["pid"].to_string()]).run().success();
    desk.sandbox.put(&gate, "");
    let (code, said) = create.end();
    assert_eq!(code, 0, "{said}");
    assert_eq!(desk.sandbox.agent_log().turns(Some("blog-prompt-x")), [BOOTSTRAP]);
}

fn interrupted_by(signal: Signal) {
    let desk = Desk::new();
    let running = slow_hook(&desk);
    let before = desk.traces();
    let create = desk.start(&["create", "--prompt", "x"]);
    eventually(SOON, "the hook", || running.exists().then_some(()));
    create.signal(signal);
    let (code, said) = create.end();
    assert_eq!(code, 130, "{said}");
    assert!(said.contains("interrupted"), "{said}");
    assert_eq!(desk.traces(), before);
    assert!(desk.list(&["--all"]).is_empty());
}

#[test]
fn ctrl_c_undoes_everything() {
    interrupted_by(Signal::SIGINT);
}

#[test]
fn sigterm_undoes_everything() {
    interrupted_by(Signal::SIGTERM);
}

#[test]
fn after_kill_9_the_next_create_undoes_it() {
    let desk = Desk::new();
    let running = slow_hook(&desk);
    let before = desk.traces();
    let create = desk.start(&["create", "--prompt", "x"]);
    eventually(SOON, "the hook", || running.exists().then_some(()));
    create.signal(Signal::SIGKILL);
    assert_eq!(create.end().0, -1);
    // Its child processes keep running until they end by themselves.
    let hook = std::fs::read_to_string(&running).unwrap();
    desk.sandbox.run("kill").arg(hook.trim()).run().success();
    assert_ne!(desk.traces(), before);
    desk.sandbox.put("config/worktrunk/config.toml", "");
    let id = desk.worker("other");
    desk.wtmag(&["cleanup", &id, "--force"]).success();
    assert_eq!(desk.traces(), before);
}

#[test]
fn after_kill_9_a_list_undoes_it_too() {
    let desk = Desk::new();
    let running = slow_hook(&desk);
    let before = desk.traces();
    let create = desk.start(&["create", "--prompt", "x"]);
    eventually(SOON, "the hook", || running.exists().then_some(()));
    create.signal(Signal::SIGKILL);
    assert_eq!(create.end().0, -1);
    let hook = std::fs::read_to_string(&running).unwrap();
    desk.sandbox.run("kill").arg(hook.trim()).run().success();
    let listed = desk.wtmag(&["list"]);
    assert!(listed.stderr.contains("note: undoing what is left of prompt-x"), "{listed}");
    assert_eq!(desk.traces(), before);
    assert_eq!(desk.wtmag(&["list"]).stderr, "");
}

#[test]
fn ctrl_c_after_the_commit_point_only_stops_waiting() {
    let desk = Desk::new();
    let create = desk.start(&["create", "--prompt", "x", "--agent", "late"]);
    eventually(SOON, "the worker", || desk.list(&[]).first().map(|_| ()));
    create.signal(Signal::SIGINT);
    let (code, said) = create.end();
    assert_eq!(code, 130, "{said}");
    assert!(said.contains("interrupted; worker `blog-prompt-x` keeps running"), "{said}");
    assert_eq!(desk.list(&[])[0]["state"]["process"], "running");
}

#[test]
fn a_hook_that_fails_undoes_everything_and_is_shown() {
    let desk = Desk::new();
    desk.sandbox.put("config/worktrunk/config.toml", "pre-start = \"echo no luck >&2; exit 3\"\n");
    let before = desk.traces();
    let said = desk.wtmag(&["create", "--prompt", "x"]).failure(1);
    assert!(
        said.contains("a pre-start hook failed with code 3") && said.contains("no luck"),
        "{said}"
    );
    assert_eq!(desk.traces(), before);
    desk.wtmag(&["create", "--prompt", "x", "--no-hooks"]).success();
}

#[test]
fn hooks_of_the_project_run_only_when_approved() {
    let desk = Desk::new();
    let ran = desk.sandbox.path("run/ran");
    desk.sandbox.put(
        desk.dir.join(".config/wt.toml"),
        format!("pre-start = \"touch {}\"\n", ran.display()),
    );
    desk.git(&["add", ".config/wt.toml"]);
    desk.git(&["commit", "--quiet", "-m", "Hooks"]);
    desk.git(&["push", "--quiet", "origin", "main"]);
    let before = desk.traces();
    let said = desk.wtmag(&["create", "--prompt", "x"]).failure(1);
    assert!(said.contains("hooks are not approved") && said.contains("--yes"), "{said}");
    assert_eq!(desk.traces(), before);
    assert!(!ran.exists());
    desk.wtmag(&["create", "--prompt", "x", "--yes"]).success();
    assert!(ran.exists());
}

#[test]
fn a_repository_that_tracks_our_directory_is_refused() {
    let desk = Desk::new();
    std::os::unix::fs::symlink(desk.sandbox.path("run"), desk.dir.join(".wtmag")).unwrap();
    desk.git(&["add", ".wtmag"]);
    desk.git(&["commit", "--quiet", "-m", "A trap"]);
    desk.git(&["push", "--quiet", "origin", "main"]);
    let before = desk.traces();
    let said = desk.wtmag(&["create", "--prompt", "x"]).failure(1);
    assert!(said.contains("the repository tracks `.wtmag`"), "{said}");
    assert_eq!(desk.traces(), before);
}
