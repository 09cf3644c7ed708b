//! `wtmag demo`: its output, and that it leaves nothing behind.
use std::{fs, path::PathBuf, time::Duration};

use crate::support::{Sandbox, eventually};

const WTMAG: &str = env!("CARGO_BIN_EXE_wtmag");

/// Directories of demos, by the path of the repository in the sandbox that plays it.
fn directories(text: &str) -> Vec<PathBuf> {
    let words = text.split_whitespace().filter_map(|word| word.strip_prefix("/tmp/wtmag-demo-"));
    let names = words.map(|word| word.split('/').next().unwrap());
    names.map(|name| PathBuf::from(format!("/tmp/wtmag-demo-{name}"))).collect()
}

#[test]
fn three_workers_get_their_prompts_and_all_of_it_is_gone_again() {
    let mut sandbox = Sandbox::new();
    sandbox.hide_programs(&["wt", "gh", "claude", "codex", "opencode", "pi"]);
    let text = sandbox.wtmag(["demo"]).limit(Duration::from_secs(100)).run().success();
    assert_eq!(text.matches("    accepted after").count(), 3, "{text}");
    assert!(text.contains("is held: its agent shows a question"), "{text}");
    assert!(text.contains("Do you trust the files in this folder?"), "{text}");
    let held = text.find("is held:").unwrap();
    let given = text.find("blog-prompt-tidy-the-stylesheet: working; prompt accepted").unwrap();
    assert!(held < given, "{text}");
    let dirs = directories(&text);
    assert!(!dirs.is_empty(), "{text}");
    assert!(dirs.iter().all(|dir| !dir.exists()), "{dirs:?}");
    assert!(!sandbox.path("config/wtmag").exists() && !sandbox.path("state/wtmag").exists());
}

#[test]
fn interrupted_it_cleans_up_too() {
    let sandbox = Sandbox::new();
    // A shell tells how it ended: tmux 3.2a does not know the signal.
    let seat = sandbox.seat(&format!("trap : INT; {WTMAG} demo; echo it ended with $?"));
    let seen = seat.wait_for_text("is held: its agent shows");
    seat.press(&["C-c"]);
    seat.wait_for_text("it ended with 130");
    let dirs = directories(&seen);
    assert!(!dirs.is_empty() && dirs.iter().all(|dir| !dir.exists()), "{dirs:?}");
}

#[test]
fn kept_it_goes_on_and_says_how_to_look_and_how_to_end_it() {
    let sandbox = Sandbox::new();
    let text = sandbox.wtmag(["demo", "--keep"]).limit(Duration::from_secs(100)).run().success();
    let dir = directories(&text).pop().unwrap();
    let script = format!(". {}/env && wtmag list", dir.display());
    let list = sandbox.run("bash").args(["-c", &script]).run().success();
    assert_eq!(list.matches("idle").count(), 3, "{list}");
    let (_, end) = text.split_once("To end it:").unwrap();
    sandbox.run("bash").args(["-c", end.trim()]).run().success();
    eventually(Duration::from_secs(10), "the demo's processes to end", || {
        let left = fs::read_dir("/proc").unwrap().flatten().filter(|it| {
            let cwd = fs::read_link(it.path().join("cwd"));
            // The hub is in no directory, and was told its own.
            let line = fs::read(it.path().join("cmdline")).unwrap_or_default();
            let names_it = String::from_utf8_lossy(&line).contains(&*dir.to_string_lossy());
            names_it || cwd.is_ok_and(|cwd| cwd.starts_with(&dir))
        });
        (left.count() == 0).then_some(())
    });
}
