//! The tmux plugin in a real tmux with a user: one key, and what it opens.
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::support::{Sandbox, eventually};

const WTMAG: &str = env!("CARGO_BIN_EXE_wtmag");

/// All settings of the user's tmux that a plugin could change, as lines.
fn settings(sandbox: &Sandbox) -> BTreeSet<String> {
    let tmux = sandbox.tmux();
    let lists = [
        &["list-keys"][..],
        &["show-options", "-g"],
        &["show-options", "-s"],
        &["show-options", "-gw"],
        &["show-hooks", "-g"],
        &["show-environment", "-g"],
        &["list-buffers"],
    ];
    let lines = lists.iter().flat_map(|args| {
        let text = tmux.run(args.iter().copied());
        let name = args.join(" ");
        text.lines().map(|line| format!("{name}: {line}")).collect::<Vec<_>>()
    });
    lines.collect()
}

/// Puts the line of `wtmag tmux init` into a file and loads it, as tmux.conf is loaded.
fn load(sandbox: &Sandbox, program: &Path) {
    let line = sandbox.run(program).args(["tmux", "init"]).run().success();
    let conf = sandbox.put("home/.tmux.conf", line);
    sandbox.tmux().run(["source-file", conf.to_str().unwrap()]);
}

fn added(before: &BTreeSet<String>, after: &BTreeSet<String>) -> Vec<String> {
    let mut gone = before.difference(after);
    assert!(gone.all(|it| it.contains("split-window")), "gone: {:?}", before.difference(after));
    after.difference(before).cloned().collect()
}

#[test]
fn one_key_one_option_and_the_splits_are_all_that_changes() {
    let sandbox = Sandbox::new();
    sandbox.tmux().start("main");
    let before = settings(&sandbox);
    load(&sandbox, Path::new(WTMAG));
    let found = added(&before, &settings(&sandbox));
    assert_eq!(found.len(), 4, "{found:#?}");
    assert!(found[..3].iter().all(|it| it.starts_with("list-keys: bind-key")), "{found:#?}");
    assert_eq!(found.iter().filter(|it| it.contains("split-window")).count(), 2, "{found:#?}");
    assert!(found.iter().any(|it| it.contains(" W ")), "{found:#?}");
    assert_eq!(found[3], "show-options -g: @wtmag-key W");
    load(&sandbox, Path::new(WTMAG));
    assert_eq!(added(&before, &settings(&sandbox)), found, "loading it again changes nothing");
}

#[test]
fn the_user_chooses_the_key() {
    let sandbox = Sandbox::new();
    sandbox.tmux().start("main");
    sandbox.tmux().run(["set-option", "-g", "@wtmag-key", "M-w"]);
    sandbox.tmux().run(["set-option", "-g", "@wtmag-split", "off"]);
    let before = settings(&sandbox);
    load(&sandbox, Path::new(WTMAG));
    let found = added(&before, &settings(&sandbox));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains(" M-w "), "{found:#?}");
}

#[test]
fn the_script_alone_does_the_same() {
    let sandbox = Sandbox::new();
    let pane = sandbox.tmux().start("main");
    let before = settings(&sandbox);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tmux/wtmag.tmux");
    let ran = sandbox.run("sh").arg(&script).env("PATH", path_with_wtmag(&sandbox));
    ran.env("TMUX", sandbox.tmux().show(&pane, "#{socket_path},#{pid},0")).run().success();
    assert_eq!(added(&before, &settings(&sandbox)).len(), 4);
    assert_eq!(
        sandbox.wtmag(["tmux", "script"]).run().success(),
        fs::read_to_string(script).unwrap()
    );
}

fn path_with_wtmag(sandbox: &Sandbox) -> String {
    let bin = Path::new(WTMAG).parent().unwrap().display();
    let vars = sandbox.vars();
    let (_, path) = vars.iter().find(|(name, _)| name == "PATH").unwrap();
    format!("{bin}:{path}")
}

/// A sandbox whose workers are the demo's agents, in a repository with an awkward name.
fn stage(sandbox: &Sandbox) -> PathBuf {
    let name = r#"a#(touch z)b #{pane_id} 'q" $x"#;
    let repo = sandbox.repo(name);
    let command = format!("'''{WTMAG} demo-agent --start-ms 100 --work-ms 500'''");
    let config = format!(
        "[agents.default]\nname = \"demo\"\n[agents.demo]\ncommand = {command}\n[worktree]\nbackend = \"git\"\n"
    );
    sandbox.put("config/wtmag/config.toml", config);
    repo.dir.clone()
}

#[test]
fn from_the_menu_a_worker_is_made_visited_promoted_and_cleaned_up() {
    let sandbox = Sandbox::new();
    let dir = stage(&sandbox);
    let program = sandbox.path("p a'th #(touch y)/wtmag");
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    fs::copy(WTMAG, &program).unwrap();
    let tmux = sandbox.tmux();
    let home = tmux.start("main");
    load(&sandbox, &program);
    let line = format!("cd {} && exec cat", shlex::try_quote(dir.to_str().unwrap()).unwrap());
    tmux.run(["respawn-pane", "-k", "-t", &home, &line]);
    let seat = sandbox.seat("tmux -u attach -t =main");
    seat.wait_for_text("[main]");

    seat.press(&["C-b", "W"]);
    let menu = seat.wait_for_text("New worker: from a prompt");
    assert!(menu.contains("No worker in this window"), "{menu}");
    seat.press(&["p"]);
    seat.wait_for_text("What should the new worker do?");
    seat.press(&["-l", "Say #{pane_id} #(touch x) $HOME 'twice\""]);
    seat.press(&["Enter"]);
    let made = seat.wait_for_text("[any key closes this]");
    assert!(made.contains("accepted after"), "{made}");
    seat.press(&["q"]);

    let list = sandbox.wtmag(["list", "--json", "--full"]).run().json();
    let id = list[0]["id"].as_str().unwrap();
    let brief = Path::new(list[0]["worktree"].as_str().unwrap()).join(".wtmag/prompt.md");
    let brief = fs::read_to_string(brief).unwrap();
    assert!(brief.contains("Say #{pane_id} #(touch x) $HOME 'twice\""), "{brief}");

    seat.press(&["C-b", "W"]);
    seat.wait_for_text("Go to a worker");
    seat.press(&["w"]);
    seat.wait_for_text("1/1");
    seat.press(&["Enter"]);
    seat.wait_for_text("demo agent, listening");

    seat.press(&["C-b", "W"]);
    seat.wait_for_text("This worker: move to its own session");
    seat.press(&["s"]);
    seat.wait_for_text("[any key closes this]");
    seat.press(&["q"]);
    let sessions = tmux.run(["list-sessions", "-F", "#{session_name}"]);
    assert!(sessions.lines().any(|name| name == id), "{sessions}");

    // With its session the person's client would end, too, if tmux were not told otherwise; and the
    // fleet stays for another worker.
    tmux.run(["set-option", "-g", "detach-on-destroy", "off"]);
    sandbox.wtmag(["create", "-s", "--prompt", "Stay"]).cwd(&dir).run().success();
    sandbox.wtmag(["wait", id, "--until", "idle", "--timeout", "20"]).run().success();
    seat.press(&["C-b", "W"]);
    seat.wait_for_text("This worker: clean up");
    seat.press(&["x"]);
    seat.wait_for_text("any other key  leave it");
    seat.press(&["y"]);
    seat.wait_for_text("[any key closes this]");
    let list = sandbox.wtmag(["list", "--all", "--json", "--full"]).run().json();
    let ids = list.as_array().unwrap().iter().map(|it| it["branch"].as_str().unwrap());
    assert_eq!(ids.collect::<Vec<_>>(), ["prompt-stay"]);
    seat.press(&["q"]);
    for name in ["x", "y", "z"] {
        for place in [sandbox.path("home"), dir.clone(), sandbox.path("")] {
            assert!(!place.join(name).exists(), "`touch {name}` ran in {}", place.display());
        }
    }
}

#[test]
fn escape_leaves_every_popup_without_a_trace() {
    let sandbox = Sandbox::new();
    let dir = stage(&sandbox);
    let home = sandbox.tmux().start("main");
    load(&sandbox, Path::new(WTMAG));
    let line = format!("cd {} && exec cat", shlex::try_quote(dir.to_str().unwrap()).unwrap());
    sandbox.tmux().run(["respawn-pane", "-k", "-t", &home, &line]);
    let seat = sandbox.seat("tmux -u attach -t =main");
    seat.wait_for_text("[main]");
    for (key, text) in
        [("p", "What should the new worker"), ("i", "Number of the issue"), ("w", "no workers yet")]
    {
        seat.press(&["C-b", "W"]);
        seat.wait_for_text("Go to a worker");
        seat.press(&[key]);
        seat.wait_for_text(text);
        seat.press(&["Escape"]);
        eventually(Duration::from_secs(10), "the popup to close", || {
            (!seat.wait_for_text("[main]").contains(text)).then_some(())
        });
    }
    assert_eq!(sandbox.wtmag(["list", "--json", "--full"]).run().json(), serde_json::json!([]));
}

#[test]
fn a_text_that_made_no_worker_is_still_there() {
    let sandbox = Sandbox::new();
    let dir = stage(&sandbox);
    sandbox.put("config/wtmag/config.toml", "[agents.default]\nname = \"nobody\"\n");
    let home = sandbox.tmux().start("main");
    load(&sandbox, Path::new(WTMAG));
    let seat = sandbox.seat("tmux -u attach -t =main");
    seat.wait_for_text("[main]");
    let open = |key: &str| {
        seat.press(&["C-b", "W"]);
        seat.wait_for_text("Go to a worker");
        seat.press(&[key]);
    };
    // Outside of a repository nothing is asked for that would be lost.
    open("p");
    seat.wait_for_text("not in a git repository");
    seat.wait_for_text("[any key closes this]");
    seat.press(&["q"]);
    let line = format!("cd {} && exec cat", shlex::try_quote(dir.to_str().unwrap()).unwrap());
    sandbox.tmux().run(["respawn-pane", "-k", "-t", &home, &line]);
    open("i");
    seat.wait_for_text("Number of the issue");
    seat.press(&["-l", "abc"]);
    seat.press(&["Enter"]);
    seat.wait_for_text("not a number: abc");
    seat.press(&["Escape"]);
    // A key right behind Escape would be taken for one with Alt.
    eventually(Duration::from_secs(10), "the popup to close", || {
        (!seat.wait_for_text("[main]").contains("not a number")).then_some(())
    });
    open("p");
    seat.wait_for_text("What should the new worker do?");
    seat.press(&["-l", "A long and careful text"]);
    seat.press(&["Enter"]);
    seat.wait_for_text("[enter: back to the text");
    seat.press(&["Enter"]);
    let again = seat.wait_for_text("What should the new worker do?");
    assert!(again.contains("A long and careful text"), "{again}");
}

#[test]
fn a_menu_that_does_not_fit_says_so() {
    let sandbox = Sandbox::new();
    sandbox.tmux().start("main");
    load(&sandbox, Path::new(WTMAG));
    let seat = sandbox.seat("tmux -u attach -t =main");
    seat.wait_for_text("[main]");
    seat.resize(40, 10);
    seat.press(&["C-b", "W"]);
    seat.wait_for_text("the menu needs");
}
