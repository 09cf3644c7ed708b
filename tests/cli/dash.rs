//! The dashboard, by a person at a terminal: what it shows, and what its keys do, judged by git, tmux and
//! the agents.
use super::desk::{Desk, SOON};
use crate::support::{Seat, eventually};

const ASKS: &str = r#"turn.permission={kind="menu",heading="Run",question="Allow npm test?",entries=["No","Yes","Always"],chosen=0,right=1,hint="Enter to confirm"}"#;

fn desk() -> Desk {
    let desk = Desk::new();
    let agent = desk.sandbox.fake_agent().display().to_string();
    desk.config(&format!(
        "[agents.asker]\ncommand = \"{agent}\"\nargs = [\"--set\", '''{ASKS}''']\nprofile = \"fake\"\n"
    ));
    desk
}

/// `wtmag` alone, in a terminal outside tmux.
fn dashboard(desk: &Desk) -> Seat<'_> {
    let wtmag = env!("CARGO_BIN_EXE_wtmag");
    let seat = desk.sandbox.seat(&format!("cd {} && LANG=C.UTF-8 {wtmag}", desk.dir.display()));
    seat.resize(120, 30);
    seat
}

#[test]
fn every_act_of_a_morning_is_a_key() {
    let desk = desk();
    let id = desk.worker("docs");
    desk.wtmag(&["wait", &id, "--until", "idle", "--timeout", "20"]).success();
    let asker = desk.worker_of("asker", "asks");
    desk.wait_for_state(&asker, "waiting: permission");
    let seat = dashboard(&desk);

    // Who needs me comes first, with its question and its screen.
    let shown = seat.wait_for_text("Allow npm test?");
    let order: Vec<&str> =
        shown.lines().filter(|it| it.contains("  asks") || it.contains("  docs")).collect();
    assert!(order[0].contains("permission") && order[0].contains("asks"), "{shown}");
    seat.wait_for_text("> No");

    // It is answered from here, by its number.
    seat.press(&["a"]);
    seat.wait_for_text("1-9 answer");
    seat.press(&["2"]);
    seat.wait_for_text("the dialog is gone");
    eventually(SOON, "the agent to have its answer", || {
        let idle = desk.list(&[]).into_iter().find(|it| it["id"] == asker.as_str())?;
        (idle["state"]["turn"] != "waiting").then_some(())
    });
    desk.wtmag(&["wait", &asker, "--until", "idle", "--timeout", "20"]).success();

    // A text with two lines goes to the selected worker, once.
    seat.press(&["/"]);
    seat.press(&["d", "o", "c", "s", "Enter"]);
    seat.press(&["s"]);
    seat.wait_for_text("send to blog-docs");
    seat.press(&["o", "n", "e", "M-Enter", "t", "w", "o", "Enter"]);
    seat.wait_for_text("accepted");
    // Several lines go by file, because this profile does not say that its box has room for them.
    let dir = desk.wtmag(&["path", &id]).success();
    let file = std::path::Path::new(dir.trim()).join(".wtmag/message-1.md");
    assert_eq!(std::fs::read_to_string(file).unwrap().trim(), "one\ntwo");
    assert_eq!(desk.sandbox.agent_log().turns(Some(&id)).len(), 2);
    desk.wtmag(&["wait", &id, "--until", "idle", "--timeout", "20"]).success();

    land(&desk, &seat, &id);

    // Outside tmux, Enter attaches the terminal, and the dashboard is back when it is detached.
    seat.wait_for_text("blog · 1 worker");
    seat.press(&["Enter"]);
    seat.wait_for_text("? for help");
    let tmux = desk.sandbox.tmux();
    eventually(SOON, "a client", || {
        let clients = tmux.run(["list-clients", "-F", "#{client_control_mode} #{@wtmag_id}"]);
        clients.contains(&format!("0 {asker}")).then_some(())
    });
    seat.press(&["C-b", "d"]);
    seat.wait_for_text("blog · 1 worker");

    // Nothing else is lost: sweep it, and leave.
    seat.press(&["x"]);
    seat.wait_for_text("remove blog-asks?");
    seat.press(&["y"]);
    seat.wait_for_text("no workers yet");
    assert!(desk.list(&["--all"]).is_empty());
    seat.press(&["q"]);
    assert_eq!(seat.wait_for_end(), 0);
}

/// The selected worker's work: looked at, not lost, landed.
fn land(desk: &Desk, seat: &Seat<'_>, id: &str) {
    // What it changed is one key away; what would be lost is shown before it is lost.
    let dir = desk.wtmag(&["path", id]).success();
    let file = std::path::Path::new(dir.trim()).join("new.txt");
    desk.sandbox.put(&file, "a new line\n");
    seat.press(&["d"]);
    seat.wait_for_text("+a new line");
    seat.press(&["x"]);
    seat.wait_for_text("remove blog-docs?");
    seat.press(&["y"]);
    seat.wait_for_text("untracked files: `new.txt`");
    assert!(file.exists());
    seat.press(&["Escape"]);

    // Landed: the dry run is shown first.
    let git = |args: &[&str]| desk.sandbox.run("git").cwd(dir.trim()).args(args).run().success();
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "-m", "New"]);
    seat.press(&["m"]);
    seat.wait_for_text("would land 1 commit in `main`");
    assert!(!desk.dir.join("new.txt").exists());
    seat.press(&["y"]);
    seat.wait_for_text("none of 1 worker matches");
    assert!(desk.dir.join("new.txt").exists());
    seat.press(&["Escape"]);
}

#[test]
fn the_dashboard_survives_its_hub_and_any_size() {
    let desk = desk();
    let id = desk.worker("docs");
    let seat = dashboard(&desk);
    seat.wait_for_text("blog · 1 worker");
    for (columns, rows) in [(40, 10), (250, 80), (80, 24), (20, 4), (120, 30)] {
        seat.resize(columns, rows);
    }
    seat.wait_for_text("1 screen  2 question");
    // Two changes at once can end in the size of before, and what was drawn between them is cut. So all
    // is drawn again.
    let drawn = || String::from_utf8_lossy(&seat.output()).matches("close").count();
    let before = drawn();
    seat.signal_size();
    eventually(SOON, "the last row to be drawn again", || (drawn() > before).then_some(()));
    desk.wtmag(&["hub", "stop"]).success();
    // The next command starts another one, and the dashboard is connected to it.
    desk.worker("more");
    seat.wait_for_text("blog · 2 workers");
    desk.wtmag(&["cleanup", &id]).success();
    seat.wait_for_text("blog · 1 worker");
    seat.press(&["q"]);
    assert_eq!(seat.wait_for_end(), 0);
    let text = String::from_utf8_lossy(&seat.output()).into_owned();
    assert!(
        text.contains("\x1b[?1049l") && text.contains("\x1b[?2004l"),
        "the terminal is restored"
    );
}

#[test]
fn the_first_window_of_the_workers_session_is_the_dashboard_while_a_terminal_shows_it() {
    let desk = desk();
    desk.worker("docs");
    let tmux = desk.sandbox.tmux();
    let first = tmux.show("=wtmag:^", "#{pane_id}");
    let seat = desk.sandbox.seat("tmux -u attach -t =wtmag:^");
    seat.wait_for_text("all projects · 1 worker");
    tmux.run(["select-window", "-t", "=wtmag:1"]);
    tmux.wait_for_text(&first, "press Enter to show the dashboard");
    tmux.run(["select-window", "-t", "=wtmag:0"]);
    seat.wait_for_text("all projects · 1 worker");
    seat.press(&["q"]);
    seat.wait_for_text("press Enter to show the dashboard");
    // Keys that the user meant for another window do nothing.
    seat.press(&["x", "y", "Enter"]);
    seat.wait_for_text("all projects · 1 worker");
    tmux.run(["detach-client", "-s", "=wtmag"]);
    tmux.wait_for_text(&first, "press Enter to show the dashboard");
}

#[test]
fn where_nothing_can_be_drawn_it_says_what_to_do() {
    let desk = desk();
    desk.worker("docs");
    let once = desk.wtmag(&["watch", "--once"]).success();
    assert!(once.contains("docs") && !once.contains('\x1b'), "{once}");
    let error = desk.wtmag(&["watch"]).failure(1);
    assert!(error.contains("needs a terminal") && error.contains("watch --once"), "{error}");
    let help = desk.wtmag(&[]).failure(2);
    assert!(help.contains("Usage: wtmag"), "{help}");
    let wtmag = env!("CARGO_BIN_EXE_wtmag");
    for verb in ["", "attach"] {
        let line = format!("cd {} && TERM=dumb {wtmag} {verb}", desk.dir.display());
        let seat = desk.sandbox.seat(&line);
        // The end of its program has moved the first line out of sight.
        seat.wait_for_text("`wtmag list` prints the workers");
    }
}
