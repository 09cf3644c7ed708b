//! Where workers are: `attach`, `promote`, `list`, `show`, and the hub behind them.
use super::desk::{Desk, SOON};
use crate::support::eventually;

const PROGRAM: &str = env!("CARGO_BIN_EXE_wtmag");

#[test]
fn attach_goes_there_from_a_plain_terminal() {
    let desk = Desk::new();
    let id = desk.worker("topic");
    let seat = desk.sandbox.seat(&format!("{PROGRAM} attach topic"));
    seat.wait_for_text("topic");
    let seen = desk.sandbox.tmux().run(["list-clients", "-F", "#{session_name} #{@wtmag_id}"]);
    assert!(seen.lines().any(|it| it == format!("main {id}")), "{seen}");
}

#[test]
fn attach_switches_the_client_that_asks() {
    let desk = Desk::new();
    let one = desk.worker("one");
    let other = desk.wtmag(&["create", "--prompt", "x", "--name", "other", "-s", "--json"]).json();
    let other = other["worker"]["id"].as_str().unwrap();
    let tmux = desk.sandbox.tmux();
    let seat = desk.sandbox.seat("tmux -u attach -t =main");
    seat.wait_for_text("bash");
    let is_at = |want: &str| {
        let seen = tmux.run(["list-clients", "-F", "#{session_name} #{@wtmag_id}"]);
        seen.lines().any(|it| it == want).then_some(())
    };
    tmux.type_text(&desk.pane, &format!("{PROGRAM} attach {other}\n"));
    eventually(SOON, "the client to be there", || is_at(&format!("{other} {other}")));
    let clients = tmux.run(["list-clients", "-F", "#{client_name} #{client_control_mode}"]);
    let client = clients.lines().find_map(|it| it.strip_suffix(" 0")).unwrap();
    desk.wtmag(&["attach", &one, "--client", client]).success();
    eventually(SOON, "the client to be back", || is_at(&format!("main {one}")));
}

#[test]
fn attach_without_a_name_lets_one_pick() {
    let desk = Desk::new();
    let (one, other) = (desk.worker("one"), desk.worker("other"));
    let seat = desk.sandbox.seat(&format!("{PROGRAM} attach"));
    let seen = seat.wait_for_text("other");
    assert!(seen.contains(" one ") && !seen.contains(&other), "{seen}");
    seat.press(&["o", "n", "e", "Enter"]);
    eventually(SOON, "the client to be there", || {
        let seen = desk.sandbox.tmux().run(["list-clients", "-F", "#{session_name} #{@wtmag_id}"]);
        seen.lines().any(|it| it == format!("main {one}")).then_some(())
    });
}

#[test]
fn attach_is_for_people() {
    let desk = Desk::new();
    let id = desk.worker("topic");
    let said = desk.wtmag(&["attach", &id]).failure(1);
    assert!(said.contains("`attach` needs a terminal\nhint: `wtmag show ID`"), "{said}");
}

#[test]
fn promote_gives_a_window_its_own_session() {
    let desk = Desk::new();
    let id = desk.worker("topic");
    let pane = desk.list(&[])[0]["pane"].as_str().unwrap().to_owned();
    let from_within = desk.sandbox.wtmag_in(&pane, ["promote", "--json"]).run().json();
    assert_eq!(
        (&from_within["session"], &from_within["id"]),
        (&id.as_str().into(), &id.as_str().into())
    );
    let workers = desk.list(&[]);
    assert_eq!(
        (&workers[0]["placement"], &workers[0]["pane"]),
        (&"session".into(), &pane.as_str().into())
    );
    let said = desk.wtmag(&["promote", "--id", &id]).failure(1);
    assert!(said.contains("already has its own session"), "{said}");
}

#[test]
fn list_shows_the_workers_of_the_project_that_one_is_in() {
    let desk = Desk::new();
    assert!(desk.wtmag(&["list"]).success().contains("no workers"));
    let (one, _) = (desk.worker("one"), desk.worker("other"));
    let shop = desk.sandbox.repo("shop").dir.clone();
    let create = ["create", "--prompt", "x", "--name", "prices", "--no-wait"];
    desk.run(&create).cwd(&shop).run().success();
    let table = desk.wtmag(&["list"]).success();
    assert!(table.trim_start().starts_with("WORKER"), "{table}");
    assert!(table.contains("  one ") && !table.contains("blog-one"), "{table}");
    assert!(table.contains("1 worker in other projects: wtmag list --all"), "{table}");
    let pane = desk.list(&[])[0]["pane"].as_str().unwrap().to_owned();
    desk.sandbox.tmux().run(["kill-pane", "-t", &pane]);
    desk.wait_for_state(&one, "lost: window closed");
    let table = desk.wtmag(&["ls"]).success();
    assert!(table.contains("! one"), "{table}");
    let outside = desk.run(&["list"]).cwd(desk.sandbox.path("home")).run().success();
    for id in ["blog-one", "blog-other", "shop-prices"] {
        assert!(outside.contains(id), "{outside}");
    }
    assert_eq!((desk.list(&[]).len(), desk.list(&["--all"]).len()), (2, 3));
    desk.wtmag(&["rm", "one", "--yes"]).success();
    assert_eq!((desk.list(&[]).len(), desk.list(&["--ended"]).len()), (1, 2));
    let short = desk.wtmag(&["list", "--json"]).json();
    assert_eq!((&short[0]["id"], &short[0]["agent"]), (&"blog-other".into(), &"fake".into()));
    assert!(short[0]["needs"].is_null() && short[0]["repo"].is_null(), "{short}");
}

#[test]
fn show_tells_everything_with_the_screen() {
    let desk = Desk::new();
    let id = desk.worker("topic");
    let text = desk.wtmag(&["show", "opic"]).success();
    for want in [&*id, "prompt: x", "accepted after", "? for help", "topic from main"] {
        assert!(text.contains(want), "{want}: {text}");
    }
    let shown = desk.wtmag(&["show", &id, "--json"]).json();
    assert_eq!(shown["deliveries"][0]["step"], "accepted");
    assert!(shown["screen"]["rows"].as_array().is_some());
    let said = desk.wtmag(&["show", "nothing"]).failure(1);
    assert!(said.contains("no worker is named `nothing`"), "{said}");
    assert_eq!(desk.wtmag(&["show"]).code, 1);
    assert_eq!(desk.wtmag(&["show", "a", "--id", "b"]).code, 2);
    let why = desk.wtmag(&["explain", "topic"]).success();
    assert!(why.contains("profile     fake") && why.contains("rules"), "{why}");
}

#[test]
fn the_hub_is_asked_stopped_and_read() {
    let desk = Desk::new();
    let said = desk.wtmag(&["hub", "status"]).failure(3);
    assert!(said.contains("no hub is running"), "{said}");
    desk.wtmag(&["list"]).success();
    let status = desk.wtmag(&["hub", "status", "--json"]).json();
    assert_eq!((&status["live_workers"], &status["tmux"]), (&0.into(), &serde_json::Value::Null));
    assert!(desk.wtmag(&["hub", "logs"]).success().contains("started"));
    assert!(desk.wtmag(&["hub", "stop"]).success().contains("stopped"));
    desk.wtmag(&["hub", "stop"]).success();
    assert_eq!(desk.wtmag(&["hub", "status"]).code, 3);
}

#[test]
fn settings_tell_where_they_come_from() {
    let desk = Desk::new();
    desk.sandbox.put(desk.dir.join("wtmag.toml"), "[launch]\nreview = \"session\"\n");
    let text = desk.wtmag(&["config"]).success();
    let project = format!("launch.review = \"session\"  # {}/wtmag.toml:2", desk.dir.display());
    assert!(text.contains(&project), "{text}");
    assert!(text.contains("launch.implementation = \"window\"  # built-in"), "{text}");
    let path = desk.wtmag(&["config", "path"]).success();
    assert_eq!(path.trim(), desk.sandbox.path("config/wtmag/config.toml").display().to_string());
    let editor = desk.run(&["config", "edit"]).env("VISUAL", "echo edit").run().success();
    assert_eq!(editor.trim(), format!("edit {}", path.trim()));
    desk.sandbox.put("config/wtmag/config.toml", "[launch]\nreviews = 1\n");
    let said = desk.wtmag(&["config"]).failure(1);
    assert!(said.contains("line 2") && said.contains("did you mean `review`?"), "{said}");
}

#[test]
fn a_worktree_that_was_moved_or_removed_is_noticed() {
    let desk = Desk::new();
    let id = desk.worker("topic");
    desk.wtmag(&["wait", &id]).success();
    let seen = || desk.list(&[]).into_iter().next().unwrap();
    let was = seen()["worktree"].as_str().unwrap().to_owned();
    let to = format!("{was}-elsewhere");
    desk.git(&["worktree", "move", &was, &to]);
    eventually(SOON, "the new place", || (seen()["worktree"] == *to).then_some(()));
    assert_eq!(desk.wtmag(&["path", &id]).success().trim(), to);
    desk.git(&["worktree", "move", &to, &was]);
    // Each new hub compares what it remembers with what git says.
    let next_hub = || {
        desk.wtmag(&["hub", "stop"]).success();
        eventually(SOON, "the next hub", || (desk.list(&[]).len() == 1).then_some(()));
    };
    desk.git(&["worktree", "move", &was, &to]);
    next_hub();
    eventually(SOON, "the new place", || (seen()["worktree"] == *to).then_some(()));
    assert_eq!(seen()["worktree_gone"], false);
    desk.git(&["worktree", "remove", "--force", &to]);
    next_hub();
    eventually(SOON, "the loss", || (seen()["worktree_gone"] == true).then_some(()));
    assert!(desk.wtmag(&["list"]).success().contains("no worktree"));
    desk.wtmag(&["cleanup", &id]).success();
    assert!(desk.list(&["--all"]).is_empty());
}

#[test]
fn a_renamed_branch_stays_its_workers() {
    let desk = Desk::new();
    desk.config("[land]\nagents = true\n");
    let id = desk.worker("topic");
    desk.wtmag(&["wait", &id]).success();
    desk.commit_work(&id);
    desk.git_of(&id, &["branch", "-m", "interim"]);
    desk.git_of(&id, &["branch", "-m", "fix/better"]);
    let is_noticed = || (desk.list(&[])[0]["branch"] == "fix/better").then_some(());
    // Though its changes were counted a moment ago.
    eventually(std::time::Duration::from_secs(5), "the new name", is_noticed);
    assert!(desk.wtmag(&["log", &id]).success().contains("branch renamed"));
    // It is found by the new name, and its work is as safe as before.
    let said = desk.wtmag(&["cleanup", "fix/better"]).failure(1);
    assert!(said.contains("commits that no other branch or remote has"), "{said}");
    // Each new hub asks git, too.
    let dir = desk.wtmag(&["path", &id]).success();
    desk.wtmag(&["hub", "stop"]).success();
    desk.git(&["-C", dir.trim(), "branch", "-m", "fix/best"]);
    let is_noticed = || (desk.list(&[])[0]["branch"] == "fix/best").then_some(());
    eventually(SOON, "the newest name", is_noticed);
    desk.wtmag(&["land", &id, "--yes"]).success();
    assert!(desk.git(&["branch", "--list", "fix/best"]).is_empty());
    assert!(desk.list(&["--all"]).is_empty());
    desk.wtmag(&["restore", &id]).success();
    assert!(!desk.git(&["branch", "--list", "fix/best"]).is_empty());
}
