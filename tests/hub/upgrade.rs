//! A new build takes the place of the old one, and the agents do not notice.
use std::{fs, os::unix::fs::symlink, path::Path};

use super::{SOON, Sandbox, eventually, pid_of, world};

const WTMAG: &str = env!("CARGO_BIN_EXE_wtmag");

/// The program with another name of its build, in place of the file at `path`: another file, as every
/// installer leaves it.
fn install(sandbox: &Sandbox, path: &Path, seconds: u64) {
    let mut bytes = fs::read(WTMAG).unwrap();
    let old = wtmag::wire::BUILD.as_bytes();
    let mut new = old.to_vec();
    let digits = "wtmag-build-".len();
    new[digits..digits + 12].copy_from_slice(format!("{seconds:012}").as_bytes());
    let places: Vec<usize> = memchr::memmem::find_iter(&bytes, old).collect();
    assert!(!places.is_empty(), "the program does not say its build");
    for at in places {
        bytes[at..at + old.len()].copy_from_slice(&new);
    }
    // In separate processes: a file that this one has open for writing cannot be run.
    let fresh = sandbox.put("fresh", bytes);
    sandbox.run("install").args(["-m", "755"]).arg(&fresh).arg(path).run().success();
}

#[test]
fn a_new_build_replaces_the_hub_under_five_live_workers() {
    let sandbox = world();
    let (real, called) = (sandbox.path("cellar/wtmag-1"), sandbox.path("tools/wtmag"));
    for path in [&real, &called] {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
    }
    install(&sandbox, &real, 1_000);
    symlink(&real, &called).unwrap();
    let wtmag = |args: &[&str]| sandbox.run(&called).args(args).run();
    let demo = format!(
        "[agents.default]\nname = \"demo\"\n[launch]\nimplementation = \"session\"\n\
         [worktree]\nbackend = \"git\"\n[agents.demo]\ncommand = \"{}\"\n\
         args = [\"demo-agent\"]\nprofile = \"demo\"\n",
        called.display()
    );
    sandbox.put("config/wtmag/config.toml", demo);
    let repo = sandbox.path("src/p");
    sandbox.run("git").args(["init", "-q", "-b", "main"]).arg(&repo).run().success();
    let git = |args: &[&str]| sandbox.run("git").cwd(&repo).args(args).run().success();
    git(&["commit", "-q", "--allow-empty", "-m", "one"]);
    let names = ["a", "b", "c", "d", "e"];
    for name in names {
        let made = sandbox.run(&called).cwd(&repo);
        made.args(["create", "--prompt", "hi", "--name", name, "--no-wait"]).run().success();
    }
    let ids: Vec<String> = names.iter().map(|it| format!("p-{it}")).collect();
    let mut wait = vec!["wait", "--until", "idle"];
    wait.extend(ids.iter().map(String::as_str));
    wtmag(&wait).success();
    let hub = || pid_of(&wtmag(&["hub", "status", "--json"]).json());
    let before = hub();
    let tmux = sandbox.tmux();
    let panes = || tmux.run(["list-panes", "-a", "-F", "#{@wtmag_id} #{pane_id} #{pane_pid}"]);
    let agents = panes();

    // The next version lies elsewhere, and the one before it is removed.
    let next = sandbox.path("cellar/wtmag-2");
    install(&sandbox, &next, 2_000);
    fs::remove_file(&called).unwrap();
    symlink(&next, &called).unwrap();
    fs::remove_file(&real).unwrap();
    let list = wtmag(&["list", "--all"]).success();
    assert_eq!(list.matches("idle").count(), 5, "{list}");
    let after = hub();
    assert_ne!(before, after);
    assert_eq!(panes(), agents);

    // Its agents are heard and reached as before.
    wtmag(&["send", "p-a", "one more", "--wait=idle"]).success();
    let pane = tmux.run(["list-panes", "-t", "=p-b:", "-F", "#{pane_id}"]);
    tmux.run(["send-keys", "-t", pane.trim(), "C-c", "C-c"]);
    eventually(SOON, "the end of an agent", || {
        let list = wtmag(&["list", "--all"]).success();
        list.contains("exited").then_some(())
    });
    wtmag(&["cleanup", "p-c"]).success();

    // The older build does not take the place back.
    let old = sandbox.path("cellar/wtmag-old");
    install(&sandbox, &old, 1_500);
    sandbox.run(&old).args(["list", "--all"]).run().success();
    assert_eq!(hub(), after);
}
