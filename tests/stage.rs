//! Tests of the test support itself.
use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::support::{AgentLog, Moment, Played, Player, Sandbox, Timeline, eventually, recordings};

const SOON: Duration = Duration::from_secs(20);
const AGENTS: [&str; 4] = ["claude", "codex", "opencode", "pi"];

/// Starts a fake agent in a new window.
fn start(sandbox: &Sandbox, args: &str) -> (String, AgentLog) {
    let line = format!("exec {} {args}", sandbox.fake_agent().display());
    if !sandbox.tmux().is_running() {
        sandbox.tmux().start("main");
        sandbox.tmux().run(["set-option", "-g", "remain-on-exit", "on"]);
    }
    (sandbox.tmux().new_window("main:", &line), sandbox.agent_log())
}

fn paste(sandbox: &Sandbox, pane: &str, text: &str) {
    let tmux = sandbox.tmux();
    tmux.run(["set-buffer", "--", text]);
    tmux.run(["paste-buffer", "-p", "-r", "-d", "-t", pane]);
}

fn press(sandbox: &Sandbox, pane: &str, key: &str) {
    sandbox.tmux().run(["send-keys", "-t", pane, key]);
}

/// Waits until the agent has drawn its open box.
fn wait_for_box(log: &AgentLog) {
    let is_ready = || log.all("drawn", None).into_iter().find(|it| it["phase"] == "ready");
    eventually(SOON, "the box", is_ready);
}

#[test]
fn two_sandboxes_know_nothing_of_each_other() {
    let (one, other) = (Sandbox::new(), Sandbox::new());
    one.tmux().start("one");
    other.tmux().start("other");
    assert_eq!(one.tmux().run(["list-sessions", "-F", "#{session_name}"]), "one");
    assert_eq!(other.tmux().run(["list-sessions", "-F", "#{session_name}"]), "other");
    assert!(one.tmux().socket().as_os_str().len() < 104);
    let env = one.run("env").run().success();
    assert!(!env.contains("CARGO_") && !env.contains("\nTMUX="), "{env}");
}

#[test]
fn a_program_is_run_with_its_input_and_its_end_is_told() {
    let sandbox = Sandbox::new();
    let cat = sandbox.run("sh").args(["-c", "cat; pwd; echo no >&2; exit 3"]).input("hi\n");
    let ran = cat.cwd(sandbox.path("src")).run();
    assert_eq!(ran.stdout, format!("hi\n{}\n", sandbox.path("src").display()));
    assert_eq!(ran.failure(3), "no\n");
    let json = sandbox.run("sh").args(["-c", "echo $X"]).env("X", r#"{"a":1}"#).run().json();
    assert_eq!(json["a"], 1);
    let killed = sandbox.run("sh").args(["-c", "kill -9 $$"]).run();
    assert_eq!(killed.code, 137);
}

#[test]
fn a_program_that_does_not_end_fails_the_test() {
    let sandbox = Sandbox::new();
    let sleep = sandbox.run("sleep").arg("1000").limit(Duration::from_millis(100));
    assert!(catch_unwind(AssertUnwindSafe(|| sleep.run().code)).is_err());
}

#[cfg(target_os = "linux")]
#[test]
fn a_process_that_outlives_its_sandbox_is_told_and_ended() {
    let sandbox = Sandbox::new();
    let out = sandbox.run("sh").args(["-c", "setsid sleep 1000 >/dev/null 2>&1 & echo $!"]).run();
    let pid = out.success();
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(sandbox)));
    let told = dropped.unwrap_err();
    assert!(told.downcast_ref::<String>().unwrap().contains("sleep 1000"));
    let gone = || (!std::path::Path::new("/proc").join(pid.trim()).exists()).then_some(());
    eventually(SOON, "the process to be gone", gone);
}

#[test]
fn programs_can_be_replaced_and_hidden() {
    let mut sandbox = Sandbox::new();
    sandbox.put_program("gh", "#!/bin/sh\necho stand-in $1\n");
    assert_eq!(sandbox.run("gh").arg("x").run().success(), "stand-in x\n");
    sandbox.hide_programs(&["git"]);
    assert_eq!(
        sandbox.run("sh").args(["-c", "command -v git || command -v ls"]).run().success(),
        format!("{}\n", sandbox.path("programs/ls").display())
    );
}

#[test]
fn a_service_runs_beside_the_test() {
    let mut sandbox = Sandbox::new();
    let mut server = sandbox.command("sh");
    server.args(["-c", "echo up > served; exec sleep 1000"]);
    sandbox.serve(server);
    eventually(SOON, "the service", || sandbox.path("home/served").exists().then_some(()));
}

#[test]
fn wtmag_is_run_outside_tmux_and_in_a_pane() {
    let sandbox = Sandbox::new();
    let outside = sandbox.wtmag(["--version"]).run().success();
    let pane = sandbox.tmux().start("main");
    assert_eq!(sandbox.wtmag_in(&pane, ["--version"]).run().success(), outside);
    let line = format!("{} --version; tty >&2; exit 3", env!("CARGO_BIN_EXE_wtmag"));
    let ran = sandbox.tmux().run_in_window("main:", &line);
    assert_eq!((ran.code, ran.stdout), (3, outside));
    assert!(ran.stderr.starts_with("/dev/"));
}

#[test]
fn a_repository_has_a_remote_a_bare_layout_and_other_clones() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo("blog");
    let other = repo.clone_to("ann/blog");
    let pushed = other.commit("a.txt", "a\n");
    other.git(["push", "--quiet"]);
    repo.git(["fetch", "--quiet"]);
    assert_eq!(repo.git(["rev-parse", "origin/main"]), pushed);
    assert_eq!(repo.git(["symbolic-ref", "refs/remotes/origin/HEAD"]), "refs/remotes/origin/main");
    let root = repo.bare_layout();
    assert_eq!(repo.git_in(&root.join("main"), ["rev-parse", "HEAD"]), pushed);
    assert_eq!(repo.git_in(&repo.remote, ["rev-parse", "main"]), pushed);
}

#[test]
fn a_seat_sees_what_a_client_shows() {
    let sandbox = Sandbox::new();
    let pane = sandbox.tmux().start("main");
    let seat = sandbox.seat("tmux -u attach -t =main");
    sandbox.tmux().run(["respawn-pane", "-k", "-t", &pane, "echo to-be-seen; exec cat"]);
    let shown = seat.wait_for_text("to-be-seen");
    assert!(shown.contains("[main]"), "the status line of tmux: {shown}");
    seat.press(&["C-b", "d"]);
    assert_eq!(seat.wait_for_end(), 0);
    let output = String::from_utf8_lossy(&seat.output()).into_owned();
    assert!(output.contains("to-be-seen") && output.contains("[detached (from session main)]"));
}

#[test]
fn a_prompt_is_in_the_log_byte_for_byte() {
    let sandbox = Sandbox::new();
    let (pane, log) = start(&sandbox, "");
    wait_for_box(&log);
    paste(&sandbox, &pane, "Read ./.wtmag/prompt.md → now");
    sandbox.tmux().wait_for_text(&pane, "> Read ./.wtmag/prompt.md → now");
    press(&sandbox, &pane, "Enter");
    log.wait("turn_end", 1, SOON);
    assert_eq!(log.turns(None), ["Read ./.wtmag/prompt.md → now"]);
    assert_eq!((log.n_early_bytes(None), log.n_keys_in_dialogs(None)), (0, 0));
    sandbox.tmux().wait_for_text(&pane, "Answer 1");
    press(&sandbox, &pane, "C-c");
    press(&sandbox, &pane, "C-c");
    assert_eq!(log.wait("exit", 1, SOON)["code"], 0);
}

#[test]
fn a_prompt_may_come_as_an_argument() {
    let sandbox = Sandbox::new();
    let (_, log) = start(&sandbox, "--model m/n --set splash_ms=100 'Say hello'");
    log.wait("turn_end", 1, SOON);
    assert_eq!(log.turns(None), ["Say hello"]);
}

#[test]
fn what_comes_too_early_is_kept_as_a_draft_or_lost() {
    let sandbox = Sandbox::new();
    for (early, is_kept) in [("kept", true), ("dropped", false)] {
        let args = format!("--set start_delay_ms=1500 --set 'early_input=\"{early}\"'");
        let (pane, log) = start(&sandbox, &args);
        log.wait("start", if is_kept { 1 } else { 2 }, SOON);
        sandbox.tmux().type_text(&pane, "too early");
        press(&sandbox, &pane, "Enter");
        // The terminal's echo: no program has read it.
        sandbox.tmux().wait_for_text(&pane, "too early");
        let drawn = || log.all("drawn", None).get(usize::from(!is_kept)).cloned();
        eventually(SOON, "the box", drawn);
        let shows = || sandbox.tmux().capture(&pane).contains("? for help").then_some(());
        eventually(SOON, "the footer", shows);
        assert_eq!(sandbox.tmux().capture(&pane).contains("> too early"), is_kept);
    }
    assert_eq!(sandbox.agent_log().n_early_bytes(None), 20);
    assert!(sandbox.agent_log().turns(None).is_empty());
}

#[test]
fn enter_too_soon_after_a_paste_is_no_enter() {
    let sandbox = Sandbox::new();
    let (pane, log) = start(&sandbox, "--set 'enter_guard=\"newline\"' --set enter_guard_ms=5000");
    wait_for_box(&log);
    paste(&sandbox, &pane, "text");
    press(&sandbox, &pane, "Enter");
    assert_eq!(log.wait("swallowed", 1, SOON)["as"], "newline");
    assert!(log.turns(None).is_empty());
}

#[test]
fn a_long_paste_is_folded_and_sent_whole() {
    let sandbox = Sandbox::new();
    let (pane, log) = start(&sandbox, "--set fold_chars=20");
    wait_for_box(&log);
    let text = "one\ntwo\nthree\nfour and a long line";
    paste(&sandbox, &pane, text);
    sandbox.tmux().wait_for_text(&pane, "[Pasted #1 +4 lines]");
    press(&sandbox, &pane, "Enter");
    log.wait("turn", 1, SOON);
    assert_eq!(log.turns(None), [text]);
}

#[test]
fn every_kind_of_dialog_can_be_answered_by_a_human() {
    let sandbox = Sandbox::new();
    for (n, kind) in ["numbered", "menu", "letter", "buttons", "key"].into_iter().enumerate() {
        let dialog = format!(
            r#"dialogs=[{{kind="{kind}",heading="H",question="Q?",entries=["No","Yes"],chosen=0,right=1,hint="?"}}]"#
        );
        let (pane, log) = start(&sandbox, &format!("--set '{dialog}'"));
        let asked = log.wait("dialog", n + 1, SOON);
        sandbox.tmux().wait_for_text(&pane, "Q?");
        sandbox.tmux().type_text(&pane, asked["right_keys"].as_str().unwrap());
        let answer = log.wait("answer", n + 1, SOON);
        assert_eq!((&answer["right"], &answer["by"]), (&true.into(), &"keys".into()), "{kind}");
        sandbox.tmux().wait_for_text(&pane, "? for help");
    }
    assert!(sandbox.agent_log().n_keys_in_dialogs(None) >= 5);
}

#[test]
fn someone_else_may_answer_and_a_wrong_answer_ends_the_agent() {
    let sandbox = Sandbox::new();
    let dialog = r#"'dialogs=[{kind="menu",heading="H",question="Q?",entries=["No","Yes"],chosen=0,right=1,hint=""}]'"#;
    let (_, log) = start(&sandbox, &format!("--human 100 --set {dialog}"));
    assert_eq!(log.wait("answer", 1, SOON)["by"], "human");
    let (_, log) = start(&sandbox, &format!("--set {dialog}"));
    let asked = log.wait("dialog", 2, SOON);
    sandbox.run("kill").args(["-USR1", &asked["pid"].to_string()]).run().success();
    assert_eq!(log.wait("answer", 2, SOON)["by"], "human");
    let (pane, log) = start(&sandbox, &format!("--set {dialog}"));
    log.wait("dialog", 3, SOON);
    press(&sandbox, &pane, "Enter");
    assert_eq!(log.wait("answer", 3, SOON)["right"], false);
    assert_eq!(log.wait("exit", 1, SOON)["code"], 1);
    assert_eq!(log.n_keys_in_dialogs(None), 1);
}

#[test]
fn a_seed_is_one_agent_and_many_seeds_are_all_kinds() {
    let sandbox = Sandbox::new();
    let describe = |seed: u64| {
        let seed = seed.to_string();
        sandbox.run(sandbox.fake_agent()).args(["--describe", "--seed", &seed]).run().json()
    };
    assert_eq!(describe(7), describe(7));
    let agents: Vec<Value> = (0..60).map(describe).collect();
    let kinds: BTreeSet<_> =
        agents.iter().filter_map(|it| it["dialogs"][0]["kind"].as_str()).collect();
    let frames: BTreeSet<_> = agents.iter().map(|it| it["look"]["frame"].as_str()).collect();
    assert_eq!((kinds.len(), frames.len()), (5, 4));
    assert!(agents.iter().any(|it| it["silence_ms"] == 5000));
    assert!(agents.iter().any(|it| !it["after_paste"].is_null()));
    assert!(agents.iter().all(|it| it["leave"].is_null()));
}

#[test]
fn every_seed_comes_to_a_box_that_takes_a_prompt() {
    let sandbox = Sandbox::new();
    let changes = "--human 300 --set start_delay_ms=100 --set silence_ms=200 \
                   --set enter_guard_ms=0 --set turn.max_ms=400";
    let panes: Vec<_> = (0..24)
        .map(|seed| start(&sandbox, &format!("--seed {seed} --set seed={seed} {changes}")).0)
        .collect();
    let log = sandbox.agent_log();
    let pids: Vec<_> = panes
        .iter()
        .map(|pane| sandbox.tmux().show(pane, "#{pane_pid}").parse::<u64>().unwrap())
        .collect();
    let find = |event: &str, pid: u64, is_it: &dyn Fn(&Value) -> bool| {
        log.all(event, None).into_iter().find(|it| it["pid"] == pid && is_it(it))
    };
    for (pane, pid) in panes.iter().zip(&pids) {
        let is_ready = || find("drawn", *pid, &|it| it["phase"] == "ready");
        eventually(SOON, "the box", is_ready);
        paste(&sandbox, pane, &format!("prompt for {pid}"));
    }
    for (seed, (pane, pid)) in panes.iter().zip(&pids).enumerate() {
        let args = ["--describe", "--seed", &seed.to_string()].map(str::to_owned);
        let plan = sandbox.run(sandbox.fake_agent()).args(args).run().json();
        if !plan["after_paste"].is_null() {
            let dialog = find("dialog", *pid, &|it| it["over_draft"] == true);
            let at = dialog.unwrap()["t_ms"].as_u64();
            let answered = || find("answer", *pid, &|it| it["t_ms"].as_u64() > at);
            eventually(SOON, "an answer to the dialog over the box", answered);
        }
        press(&sandbox, pane, "Enter");
    }
    for (seed, pid) in pids.iter().enumerate() {
        let turn = || find("turn", *pid, &|_| true);
        let turn = eventually(SOON, &format!("the turn of seed {seed}"), turn);
        assert_eq!(turn["text"], format!("prompt for {pid}"), "seed {seed}");
        eventually(SOON, "its end", || find("turn_end", *pid, &|_| true));
    }
    assert_eq!(log.turns(None).len(), panes.len());
    assert_eq!((log.n_early_bytes(None), log.n_keys_in_dialogs(None)), (0, 0));
}

#[test]
fn programs_end_in_every_way() {
    let sandbox = Sandbox::new();
    let agent = || sandbox.run(sandbox.fake_agent());
    assert_eq!(agent().args(["--exit", "0"]).run().code, 0);
    assert_eq!(agent().args(["--exit", "3"]).run().code, 3);
    assert_eq!(agent().args(["--kill", "9"]).run().code, 137);
    assert_eq!(agent().args(["--kill", "2"]).run().code, 130);
    let (pane, log) = start(&sandbox, "--ignore-sigint");
    log.wait("start", 1, SOON);
    let ignored = || {
        press(&sandbox, &pane, "C-c");
        log.all("sigint", None).first().cloned()
    };
    eventually(SOON, "an ignored SIGINT", ignored);
    assert_eq!(sandbox.tmux().show(&pane, "#{pane_dead}"), "0");
}

#[test]
fn a_last_frame_stays_and_a_flood_ends() {
    let sandbox = Sandbox::new();
    let (pane, log) = start(&sandbox, "--last-frame --seed 5");
    press(&sandbox, &pane, "Enter");
    let token = log.wait("last_frame", 1, SOON)["token"].as_str().unwrap().to_owned();
    sandbox.tmux().wait_for_text(&pane, &token);
    let (pane, log) = start(&sandbox, "--flood 1");
    assert!(log.wait("flood_end", 1, SOON)["bytes"].as_u64() > Some(100_000));
    sandbox.tmux().wait_for_text(&pane, "the flood is over");
    let (pane, _) = start(&sandbox, "--spin 10");
    sandbox.tmux().wait_for_text(&pane, "Spinning…");
}

#[test]
fn every_recording_has_a_timeline_in_the_words_of_the_model() {
    let blocked = ["trust", "login", "onboarding", "hooks-review", "update", "other"];
    let blocked = blocked.map(|it| format!("blocked: {it}"));
    let waiting = ["waiting: permission".to_owned(), "waiting: question".to_owned()];
    let plain = wtmag::model::DisplayState::NAMES.map(str::to_owned);
    let words: BTreeSet<_> = blocked.into_iter().chain(waiting).chain(plain).collect();
    for recording in AGENTS.into_iter().flat_map(recordings) {
        let timeline = Timeline::load(&recording);
        let shown = recording.display();
        assert!(timeline.moment.is_sorted_by(|a, b| a.t_ms < b.t_ms), "{shown}");
        let has_reason = |it: &Moment| it.words().len() == 1 || !it.note.is_empty();
        for moment in &timeline.moment {
            assert!(moment.words().iter().all(|it| words.contains(it)), "{shown} {moment:?}");
            assert!(has_reason(moment), "{shown} {moment:?}: why is more than one word right?");
        }
        assert!(timeline.moment.iter().all(|it| it.accepts(&it.words()[0])), "{shown}");
        assert!(timeline.moment.iter().all(|it| !it.accepts("lost")), "{shown}");
        if let Some(exit) = &timeline.exit {
            assert_ne!(exit.code.is_some(), exit.signal.is_some(), "{shown}");
        }
    }
}

#[test]
fn a_played_recording_shows_what_was_recorded() {
    for agent in AGENTS {
        let sandbox = Sandbox::new();
        sandbox.tmux().start("main");
        let recording =
            recordings(agent).into_iter().find(|it| it.ends_with("c_turn.jsonl")).unwrap();
        let screens = std::fs::read_to_string(recording.with_extension("screens.txt")).unwrap();
        let mut player = Player::new(&sandbox, "c", &recording);
        let pane = sandbox.tmux().new_window("main:", &player.program.display().to_string());
        for moment in Timeline::load(&recording).moment {
            assert_eq!(player.play_to(moment.t_ms, Duration::ZERO), Played::Reached);
            let heading = format!("  t={}ms  ", moment.t_ms);
            let Some((_, screen)) = screens.split_once(&heading) else { continue };
            let screen = screen.split_once('\n').unwrap().1.split("\n#####").next().unwrap();
            // The codex banner cuts its path into pieces, of which the replaced ones are others.
            let screen = screen.replace("/dev/work/", "/gentwork/");
            let shown = || sandbox.tmux().capture(&pane).replace("/dev/work/", "/gentwork/");
            let shows_it = || (rows(&shown()) == rows(&screen)).then_some(());
            eventually(SOON, &format!("the screen of {agent} at {}", moment.t_ms), shows_it);
        }
        assert_eq!(sandbox.tmux().show(&pane, "#{pane_current_command}"), player.timeline.command);
    }
}

/// Without the shell's line, which a player leaves out.
fn rows(screen: &str) -> Vec<&str> {
    let rows = screen.lines().map(str::trim_end);
    rows.filter(|row| !row.is_empty() && !row.starts_with("SH$ ")).collect()
}

#[test]
fn a_player_keeps_the_rhythm_and_leaves_as_the_agent_left() {
    let sandbox = Sandbox::new();
    sandbox.tmux().start("main");
    sandbox.tmux().run(["set-option", "-g", "remain-on-exit", "on"]);
    let recording =
        recordings("codex").into_iter().find(|it| it.ends_with("f_badflag.jsonl")).unwrap();
    let mut player = Player::new(&sandbox, "c", &recording);
    let pane = sandbox.tmux().new_window("main:", &player.program.display().to_string());
    let started = Instant::now();
    assert_eq!(player.play_to(80, Duration::from_secs(10)), Played::Reached);
    assert!(started.elapsed() >= Duration::from_millis(80));
    assert_eq!(player.play_to(3000, Duration::ZERO), Played::Left);
    assert_eq!(sandbox.tmux().wait_for_end(&pane), 2);
    assert_eq!(player.play_to(4000, Duration::ZERO), Played::Left);
}
