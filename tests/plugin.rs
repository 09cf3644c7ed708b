//! The tmux plugin in a real tmux with a user: one key, and what it opens.
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::support::{Sandbox, Seat, eventually};

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
        // The columns of the keys are as wide as the longest table's name.
        let plain = |line: &str| match args {
            ["list-keys"] => line.split_whitespace().collect::<Vec<_>>().join(" "),
            _ => line.to_owned(),
        };
        text.lines().map(|line| format!("{name}: {}", plain(line))).collect::<Vec<_>>()
    });
    lines.collect()
}

/// Puts the line of `wtmag tmux init` into a file and loads it, as tmux.conf is loaded.
fn load(sandbox: &Sandbox, program: &Path) {
    let line = sandbox.run(program).args(["tmux", "init"]).run().success();
    let conf = sandbox.put("home/.tmux.conf", line);
    sandbox.tmux().run(["source-file", conf.to_str().unwrap()]);
}

/// What is there now and was not before; for a changed line, its new form.
fn added(before: &BTreeSet<String>, after: &BTreeSet<String>) -> Vec<String> {
    after.difference(before).cloned().collect()
}

/// Runs a command of wtmag in the user's tmux.
fn inside(sandbox: &Sandbox, pane: &str, args: &[&str]) -> String {
    let here = sandbox.tmux().show(pane, "#{socket_path},#{pid},0");
    sandbox.wtmag(args).env("TMUX", here).run().success()
}

#[test]
fn what_it_adds_is_little_and_can_be_taken_away() {
    let sandbox = Sandbox::new();
    let tmux = sandbox.tmux();
    let pane = tmux.start("main");
    tmux.run(["set-option", "-g", "status-right", "mine; 100% #[bold]'\"\\;"]);
    let before = settings(&sandbox);
    load(&sandbox, Path::new(WTMAG));
    let found = added(&before, &settings(&sandbox));
    let n = |what: &str| found.iter().filter(|it| it.contains(what)).count();
    assert_eq!(n("bind-key -T wtmag "), 13, "{found:#?}");
    assert_eq!(n("bind-key -T wtmag-repeat "), 2, "{found:#?}");
    assert_eq!((n("-T prefix W"), n("split-window")), (1, 2), "{found:#?}");
    assert_eq!((n("@wtmag_mark"), n("@wtmag_summary"), n("@wtmag_pane")), (2, 1, 1), "{found:#?}");
    assert_eq!((n("status-right-length"), found.len()), (1, 23), "{found:#?}");
    load(&sandbox, Path::new(WTMAG));
    assert_eq!(added(&before, &settings(&sandbox)), found, "loading it again changes nothing");
    let said = inside(&sandbox, &pane, &["tmux", "remove"]);
    assert!(said.contains("tmux.conf"), "{said}");
    assert_eq!(settings(&sandbox), before);
}

#[test]
fn each_part_can_be_turned_off_and_what_the_user_wrote_stays() {
    let sandbox = Sandbox::new();
    let tmux = sandbox.tmux();
    let pane = tmux.start("main");
    tmux.run(["set-option", "-g", "@wtmag-key", "M-w"]);
    for part in ["split", "marks", "titles", "summary"] {
        tmux.run(["set-option", "-g", &format!("@wtmag-{part}"), "off"]);
    }
    let before = settings(&sandbox);
    load(&sandbox, Path::new(WTMAG));
    let found = added(&before, &settings(&sandbox));
    assert_eq!(found.len(), 16, "{found:#?}");
    assert!(found.iter().any(|it| it.contains("-T prefix M-w")), "{found:#?}");
    inside(&sandbox, &pane, &["tmux", "remove"]);
    assert_eq!(settings(&sandbox), before);
    // A format with an option of wtmag in it is the user's; so is a key that is bound to something else.
    for part in ["split", "marks", "titles", "summary"] {
        tmux.run(["set-option", "-gu", &format!("@wtmag-{part}")]);
    }
    tmux.run(["set-option", "-gw", "window-status-format", "#W #{@wtmag_status}"]);
    tmux.run(["bind-key", "%", "split-window", "-h", "-l", "30%"]);
    let before = settings(&sandbox);
    load(&sandbox, Path::new(WTMAG));
    let after = settings(&sandbox);
    let kept = ["window-status-format", "split-window -h -l"];
    let is_kept = |it: &str| after.iter().any(|line| line.contains(it) && before.contains(line));
    assert!(kept.into_iter().all(is_kept), "{:#?}", added(&before, &after));
    tmux.run(["bind-key", "M-w", "display-message", "mine"]);
    let after = settings(&sandbox);
    inside(&sandbox, &pane, &["tmux", "remove"]);
    let left = settings(&sandbox);
    assert!(
        left.iter().any(|it| it.contains("display-message mine")) && left != after,
        "{left:#?}"
    );
}

#[test]
fn the_script_alone_does_the_same() {
    let sandbox = Sandbox::new();
    let pane = sandbox.tmux().start("main");
    let before = settings(&sandbox);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tmux/wtmag.tmux");
    let ran = sandbox.run("sh").arg(&script).env("PATH", sandbox.path_with_wtmag());
    ran.env("TMUX", sandbox.tmux().show(&pane, "#{socket_path},#{pid},0")).run().success();
    assert_eq!(added(&before, &settings(&sandbox)).len(), 23);
    assert_eq!(
        sandbox.wtmag(["tmux", "script"]).run().success(),
        fs::read_to_string(script).unwrap()
    );
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
    let menu = seat.wait_for_text("New worker");
    assert!(menu.contains("No worker in this window"), "{menu}");
    seat.press(&["c"]);
    seat.wait_for_text("What should the new worker do?");
    seat.press(&["-l", "Say #{pane_id} #(touch x) $HOME 'twice\""]);
    seat.press(&["Enter"]);
    // The popup is closed; the end is a message.
    seat.wait_for_text("demo has its prompt");

    let list = sandbox.wtmag(["list", "--json", "--full"]).run().json();
    let id = list[0]["id"].as_str().unwrap();
    let brief = Path::new(list[0]["worktree"].as_str().unwrap()).join(".wtmag/prompt.md");
    let brief = fs::read_to_string(brief).unwrap();
    assert!(brief.contains("Say #{pane_id} #(touch x) $HOME 'twice\""), "{brief}");

    seat.press(&["C-b", "W"]);
    seat.wait_for_text("All workers");
    seat.press(&["w"]);
    seat.wait_for_text("enter go");
    seat.press(&["Enter"]);
    closed(&seat);
    seat.wait_for_text("demo agent, listening");

    seat.press(&["C-b", "W"]);
    seat.wait_for_text("Move it to its own session");
    seat.press(&["s"]);
    seat.wait_for_text("now has its own session");
    seat.press(&["q"]);
    closed(&seat);
    let sessions = tmux.run(["list-sessions", "-F", "#{session_name}"]);
    assert!(sessions.lines().any(|name| name == id), "{sessions}");

    // With its session the person's client would end, too, if tmux were not told otherwise; and the
    // fleet stays for another worker.
    tmux.run(["set-option", "-g", "detach-on-destroy", "off"]);
    sandbox.wtmag(["create", "-s", "--prompt", "Stay"]).cwd(&dir).run().success();
    sandbox.wtmag(["wait", id, "--until", "idle", "--timeout", "20"]).run().success();
    seat.press(&["C-b", "W"]);
    seat.wait_for_text("Remove it");
    seat.press(&["x"]);
    seat.wait_for_text("y remove");
    seat.press(&["y"]);
    seat.wait_for_text(&format!("{id} is removed"));
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

/// Waits until the popup is closed: until then its program gets the keys. Its frame goes last.
#[track_caller]
fn closed(seat: &Seat<'_>) {
    eventually(Duration::from_secs(10), "the popup to close", || {
        (!seat.wait_for_text("").contains('┌')).then_some(())
    });
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
    for (key, text, end) in
        [("c", "What should the new worker", "Escape"), ("w", "no workers yet", "q")]
    {
        seat.press(&["C-b", "W"]);
        seat.wait_for_text("All workers");
        seat.press(&[key]);
        seat.wait_for_text(text);
        seat.press(&[end]);
        closed(&seat);
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
    let open = || {
        seat.press(&["C-b", "W"]);
        seat.wait_for_text("All workers");
        seat.press(&["c"]);
    };
    // Outside of a repository nothing is asked for that would be lost.
    open();
    seat.wait_for_text("not in a git repository");
    seat.wait_for_text("[any key closes this]");
    seat.press(&["q"]);
    closed(&seat);
    let line = format!("cd {} && exec cat", shlex::try_quote(dir.to_str().unwrap()).unwrap());
    sandbox.tmux().run(["respawn-pane", "-k", "-t", &home, &line]);
    open();
    seat.wait_for_text("What should the new worker do?");
    seat.press(&["-l", "A long and careful text"]);
    seat.press(&["Enter"]);
    seat.wait_for_text("no worker was created, your text is kept: ");
    open();
    seat.wait_for_text("A long and careful text");
    // It can be seen how it goes.
    seat.press(&["C-o"]);
    seat.wait_for_text("[enter: back to the text");
    seat.press(&["Enter"]);
    seat.wait_for_text("A long and careful text");
    seat.press(&["-l", " of mine"]);
    seat.press(&["Escape"]);
    // A key right behind Escape would be taken for one with Alt.
    closed(&seat);
    open();
    seat.wait_for_text("A long and careful text of mine");
    // So is what was typed when the popup is closed from outside, and its terminal is gone.
    seat.press(&["-l", " and more"]);
    seat.wait_for_text("text of mine and more");
    // What is shown is on disk, so the next popup does not depend on how fast this one ends.
    let kept = fs::read_to_string(sandbox.path("state/wtmag/form/draft.json")).unwrap();
    assert_eq!(kept, r#""A long and careful text of mine and more""#);
    sandbox.tmux().run(["display-popup", "-C", "-t", &home]);
    closed(&seat);
    open();
    seat.wait_for_text("text of mine and more");
}

/// A key that is typed before the menu appears is the menu's, too.
#[test]
fn one_key_goes_to_who_needs_the_user_and_back() {
    let sandbox = Sandbox::new();
    let dir = stage(&sandbox);
    let tmux = sandbox.tmux();
    let home = tmux.start("main");
    load(&sandbox, Path::new(WTMAG));
    // Keys that a busy machine brings within a millisecond are not a paste.
    tmux.run(["set-option", "-g", "assume-paste-time", "0"]);
    let seat = sandbox.seat("tmux -u attach -t =main");
    seat.wait_for_text("[main]");
    seat.press(&["C-b", "W"]);
    seat.press(&["n"]);
    seat.wait_for_text("no worker needs you");
    for name in ["one", "two"] {
        let made = sandbox.wtmag(["create", "--prompt", name, "--name", name]).cwd(&dir);
        made.env("TMUX", tmux.show(&home, "#{socket_path},#{pid},0")).run().success();
        sandbox.wtmag(["wait", name, "--until", "idle", "--timeout", "20"]).run().success();
    }
    let window =
        || tmux.run(["display-message", "-p", "-t", "main", "#{window_name} #{@wtmag_mark}"]);
    let is_in = |name: &str| {
        let what = format!("the window {name}");
        eventually(Duration::from_secs(10), &what, || window().starts_with(name).then_some(()));
    };
    let start = window();
    seat.wait_for_text("2 need you");
    let clients = ["list-clients", "-F", "#{client_control_mode} #{client_name}"];
    let clients = tmux.run(clients);
    let client = clients.lines().find_map(|it| it.strip_prefix("0 ")).unwrap();
    // The message about it would take the place of the key's own. tmux 3.2 shows none.
    if !tmux.show("main", "#{version}").starts_with("3.2") {
        let is_told = |it: &str| it.contains("message:") && it.contains("two");
        eventually(Duration::from_secs(10), "two to be announced", || {
            tmux.run(["show-messages", "-t", client]).lines().any(is_told).then_some(())
        });
    }
    seat.press(&["C-b", "W"]);
    seat.press(&["n"]);
    is_in("one");
    seat.wait_for_text("(1 of 2)");
    // Within a moment, the key alone continues, and round.
    let next = |more: &[&str]| sandbox.wtmag([&["next", "--client", client], more].concat()).run();
    assert_eq!(next(&["--json"]).json()["place"], 2);
    is_in("two");
    next(&[]).success();
    is_in("one");
    presses_the_prefix_while_the_key_repeats(&sandbox, &seat, client);
    is_in("two");
    seat.press(&["W"]);
    seat.press(&["Tab"]);
    is_in(start.trim());
    let back = next(&["--back"]).failure(1);
    assert!(back.contains("nothing to go back to"), "{back}");
    sandbox.wtmag(["inbox", "ack", "--all"]).cwd(&dir).run().success();
    next(&["--kind", "done"]).success();
    seat.wait_for_text("no worker needs you (done)");
    // Seen and acknowledged, it has the mark of its state.
    let marks = || tmux.run(["list-windows", "-t", "main", "-F", "#{@wtmag_mark}"]);
    eventually(Duration::from_secs(10), "marks of idle workers", || {
        (marks().split_whitespace().collect::<Vec<_>>() == ["○", "○"]).then_some(())
    });
}

/// The end of that moment does not take back what the user has pressed within it.
fn presses_the_prefix_while_the_key_repeats(sandbox: &Sandbox, seat: &Seat<'_>, client: &str) {
    let list = ["list-clients", "-F", "#{client_name} #{client_key_table}"];
    let key_table = |want: &str| {
        let line = format!("{client} {want}");
        let is_there = || sandbox.tmux().run(list).lines().any(|it| it == line).then_some(());
        eventually(Duration::from_secs(10), want, is_there);
    };
    key_table("root");
    let args = ["next", "--repeat", "--client", client];
    let mut pressed = sandbox.command(WTMAG).args(args).spawn().unwrap();
    key_table("wtmag-repeat");
    seat.press(&["C-b"]);
    key_table("prefix");
    assert!(pressed.wait().unwrap().success());
    key_table("prefix");
}

/// The key was pressed before the menu appeared, and tmux shows no popup over a menu.
#[test]
fn a_key_that_meets_the_menu_closes_it() {
    let sandbox = Sandbox::new();
    let tmux = sandbox.tmux();
    let pane = tmux.start("main");
    load(&sandbox, Path::new(WTMAG));
    let seat = sandbox.seat("tmux -u attach -t =main");
    seat.wait_for_text("[main]");
    let clients = tmux.run(["list-clients", "-F", "#{client_control_mode} #{client_name}"]);
    let client = clients.lines().find_map(|it| it.strip_prefix("0 ")).unwrap();
    seat.press(&["C-b", "W"]);
    seat.wait_for_text("All workers");
    let key = ["tmux", "menu", "--client", client, "--pane", &pane, "--key", "c"];
    let mut pressed = sandbox.command(WTMAG).args(key).spawn().unwrap();
    // Here is no repository.
    seat.wait_for_text("any key closes this");
    seat.press(&["q"]);
    assert!(pressed.wait().unwrap().success());
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
